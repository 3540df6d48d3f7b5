"""Files that are written whole or not at all, and fields that do no harm in a spreadsheet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block ends well; on an error nothing is left and an older file of
    that name stays. Text (UTF-8, no newline translation) or, with mode "wb", bytes."""
    # A fixed name: what a killed run left is overwritten by the next one. The store's lock keeps runs apart.
    part = path.with_name(f".{path.name}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with part.open(mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def safe(text: str) -> str:
    """Text that a spreadsheet would take for a formula, with an apostrophe in front."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_it_was(field: str) -> str:
    """Undo `safe`."""
    return field[1:] if field[:1] == "'" and safe(field[1:]) == field else field
