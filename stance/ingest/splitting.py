"""Text -> paragraphs -> sentences, by offsets only: nothing is copied, changed or lost on the way."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sentencex import get_sentence_boundaries

from stance.data import Article, Drop, Sentence

FINAL = ".!?…:;,—–-"  # a line that ends so was meant to end, or goes on: it is no headline
CLOSING = "\"'”’»)]*"
LINE = re.compile(r"[^\r\n\v\f\x85\u2028\u2029]+")
SPACE = re.compile(r"\s")
WORD = re.compile(r"\w+(?:[’'-]\w+)*")
# What sentencex 1.0 gets wrong in news English, counted on the hand-split articles of the stance curriculum.
# Split too often: "5 p.m. Tuesday", "Ms. Carrow", "“Never!” Asif said."
CLOCK = re.compile(r"\b[ap]\.\s?m\.$", re.IGNORECASE)
AFTER_CLOCK = re.compile(r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[ECMP][SD]?T|GMT|UTC|local)\b")
TITLE_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“'‘])(?:Ms|Mx|Engr|Er|Retd|Amb|Barr|Gens|Cols|Profs|Mmes|Smt|Mohd|Md|Kh)\.$", re.IGNORECASE
)
EXCLAIMED = re.compile(r"[!?][\"'”’]$")
ATTRIBUTION = re.compile(
    r"(?:[\w.’'-]+ ){1,5}(?:said|says|asks|asked|added|replied|told|shouted|wrote|declared|demanded)\b[^.!?]{0,60}\.?$"
)
# Split too rarely: it takes "no." and "May." for abbreviations, and "(He denied it.) The ..." for one sentence.
MISSED = re.compile(r"(?:\bno\.|\bMay\.|(?:^|(?<=[.!?”\"] ))\([A-Z][^()]{20,}[.!?]\))(?= +[\"“‘(]?[A-Z])")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`text[start:end]`, without space at either end."""

    start: int
    end: int
    text: str


def is_finished(text: str) -> bool:
    """Whether the text ends as a sentence does (or as one that goes on: a colon, a dash), closing quotes aside."""
    bare = text.rstrip(CLOSING + " \t\xa0")
    return bool(bare) and bare[-1] in FINAL


def paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text in order.

    A line is a paragraph, unless the text is wrapped by hand (at 72 columns, say): there a line end inside a block is a
    space, and blank lines part the paragraphs. A line that begins in lower case always goes on with the line before.
    """
    lines: list[tuple[int, int, bool]] = []  # start, end, whether a blank line stands before it
    last = 0
    for found in LINE.finditer(text):
        line = found.group()
        if not line.strip():
            continue
        start = found.start() + len(line) - len(line.lstrip())
        end = found.start() + len(line.rstrip())
        lines.append((start, end, not lines or _is_blank_between(text, last, start)))
        last = end
    width = _wrap_width(text, lines)
    spans: list[list[int]] = []
    for i, (start, end, blank_before) in enumerate(lines):
        if not blank_before and _goes_on(text, lines[i - 1], start, end, width):
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [Paragraph(start, end, text[start:end]) for start, end in spans]


def _is_blank_between(text: str, end: int, start: int) -> bool:
    gap = text[end:start].replace("\r\n", "\n")
    return sum(not c.isspace() or c in "\n\r\v\f\x85\u2028\u2029" for c in gap) > 1


def _wrap_width(text: str, lines: Sequence[tuple[int, int, bool]]) -> int:
    """Columns at which the text was wrapped by hand, 0 if it was not: most lines inside a block are then of one length
    (between 40 and 120 characters) and end in the middle of a sentence."""
    inner = [line for line, following in pairwise(lines) if not following[2]]  # lines with another directly below
    if len(inner) < 2:
        return 0
    lengths = [end - start for start, end, _ in inner]
    unfinished = sum(not is_finished(text[start:end]) for start, end, _ in inner)
    if not 40 <= median(lengths) <= 120 or unfinished < 0.6 * len(inner):
        return 0
    return sorted(lengths)[int(0.9 * (len(lengths) - 1))]


def _goes_on(text: str, before: tuple[int, int, bool], start: int, end: int, width: int) -> bool:
    """Whether the line at `start` continues the line before it (no blank line stands between them)."""
    previous = text[before[0] : before[1]]
    if text[start].islower() and (not is_finished(previous) or previous[-1] in ",;—–-"):
        return True
    first_word = text[start:end].split(maxsplit=1)[0]
    # Wrapped by hand: the line was ended because the next word had no room (a tenth is allowed for ragged margins).
    return bool(width) and len(previous) + 1 + len(first_word) > 0.9 * width


def kept_spans(text: str, drops: Sequence[Drop]) -> Iterator[tuple[int, int, int]]:
    """(paragraph number, start, end) of what is left of each paragraph; paragraphs with nothing left are not counted.
    `drops` are sorted and do not overlap."""
    number = first = 0  # the first drop that may reach into the paragraph
    for paragraph in paragraphs(text):
        position, any_left = paragraph.start, False
        while first < len(drops) and drops[first].end <= paragraph.start:
            first += 1
        for i in range(first, len(drops)):
            drop = drops[i]
            if drop.start >= paragraph.end:
                break
            if drop.start > position:
                yield number, position, drop.start
                any_left = True
            position = max(position, drop.end)
        if position < paragraph.end:
            yield number, position, paragraph.end
            any_left = True
        number += any_left


def kept_text(text: str, drops: Sequence[Drop]) -> str:
    """What cleaning left, one line a stretch: to compare and to tell the language by, never to take offsets from."""
    return "\n".join(text[start:end] for _, start, end in kept_spans(text, drops))


def sentences(article: Article) -> Iterator[Sentence]:
    """The kept sentences of an article, in order.

    `article.text[s.start:s.end] == s.text`; a sentence never crosses a paragraph or a dropped stretch, and every kept
    character that is not space stands in exactly one. Where the text is wrapped by hand, `text` holds its line ends.
    `paragraph` numbers the paragraphs of which something is left, from 0.
    """
    index = 0
    for paragraph, start, end in kept_spans(article.text, article.drops):
        for a, b in _split(article.text[start:end]):
            yield Sentence(article.id, index, start + a, start + b, article.text[start + a : start + b], paragraph)
            index += 1


def _split(text: str) -> list[tuple[int, int]]:
    # A line end in here is a space; sentencex would take two of them for a paragraph.
    flat = SPACE.sub(" ", text)
    cuts = {found["end_index"] for found in get_sentence_boundaries("en", flat)}
    cuts.update(found.end() for found in MISSED.finditer(flat))
    spans: list[tuple[int, int]] = []
    position = 0
    for cut in sorted(cuts | {len(flat)}):
        piece = flat[position:cut]
        if not piece.strip():
            continue
        start = position + len(piece) - len(piece.lstrip())
        end = position + len(piece.rstrip())
        if spans and _belongs_to(flat[spans[-1][0] : spans[-1][1]], flat[start:end]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        position = cut
    return spans


def _belongs_to(before: str, piece: str) -> bool:
    """Whether what was split off is still the sentence before it."""
    return (
        not any(c.isalnum() for c in piece)
        or TITLE_ABBREVIATION.search(before[-12:]) is not None
        or (CLOCK.search(before[-6:]) is not None and AFTER_CLOCK.match(piece) is not None)
        or (EXCLAIMED.search(before) is not None and ATTRIBUTION.match(piece) is not None)
    )
