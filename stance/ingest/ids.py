"""An article's id among others: its own, or that with a mark where an article of another text has it."""

import hashlib
import re
from collections.abc import Mapping

MARKS = r"(~[0-9a-f]{8})+$"


def marked(id: str, text: str) -> str:
    """`id`, `~` and a hash of the text in 8 hexadecimal digits."""
    return f"{id}~{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()[:8]}"


def unmarked(id: str) -> str:
    """An id as it was before it was marked."""
    return re.sub(MARKS, "", id)


def id_among(known: Mapping[str, tuple[str, ...]], id: str, path: str, text: str, exact: str) -> str:
    """The id of an article beside the `known` (id -> path, exact hash of the text, ...) whose unmarked ids are its own.

    It is that of the one that it is (with the same text) or edits (from the same path), and else its own, marked if
    that is taken. What comes from standard input edits nothing: the next stream has the same path. Nor does a record
    whose id is its place in a file: next week's export has another article there.
    """
    place = re.fullmatch(r"(.*)#\d+", unmarked(id), re.DOTALL)
    edits = path != "-" and not (place and f"/{path}".endswith(f"/{place[1]}"))
    is_whole_file = f"/{path}".endswith(f"/{unmarked(id)}")  # other files hold many records, any of them marked

    def likeness(other: str) -> tuple[bool, ...]:
        same_text, same_path = exact == known[other][1], edits and path == known[other][0]
        is_same = other == id and (same_text or same_path)
        return same_text and same_path, is_same, same_text, same_path and is_whole_file

    best = max(known, key=likeness, default=None)
    if best is not None and any(likeness(best)):
        return best
    while id in known:
        id = marked(id, text)
    return id
