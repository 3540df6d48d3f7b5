"""Which stretches of an article are nobody's word: captions, headlines, bylines, copies, readers' comments.

Cleaning marks, it never edits: each stretch becomes a `Drop` with one of `REASONS`, and offsets stay true. Rules look
at whole paragraphs and prefer to keep: what could be a sentence stays unless there is evidence against it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stance.data import Drop
from stance.ingest.comments import comments_start
from stance.ingest.dates import find_date
from stance.ingest.patterns import BARE_DATELINE, CREDIT, DATELINE, MIXED_DATELINE, REASONS, SPEAKER, WHOLE, Reason
from stance.ingest.splitting import WORD, Paragraph, is_finished, paragraphs

__all__ = ["REASONS", "clean"]

BULLET = re.compile(r"[-•*–·▪●]|\(?[\da-z]{1,2}[.)]\s")
MAX_FURNITURE_CHARS = 450
MAX_DATELINE_CHARS = 120
MAX_TITLE_WORDS = 30
MAX_STANDFIRST_WORDS = 25
MIN_REPEAT_WORDS = 5  # shorter paragraphs may be said twice: "No." in an interview
MIN_PROSE_WORDS = 8
MIN_PROSE_PARAGRAPHS = 2  # headlines are told from sentences only beside this many paragraphs that end as sentences do
TOP: tuple[Reason, ...] = ("byline", "date line", "dateline", "publication line")


@dataclass(slots=True)
class _Part:
    """A paragraph on its way: its words, casefolded, and what it is dropped for, if it is."""

    paragraph: Paragraph
    words: tuple[str, ...]
    reason: Reason | None = None

    @property
    def text(self) -> str:
        return self.paragraph.text

    @property
    def is_prose(self) -> bool:
        return self.reason is None and len(self.words) >= MIN_PROSE_WORDS and is_finished(self.text)

    @property
    def is_headline(self) -> bool:
        quoted = self.text[0] in '“"' and self.text[-1] in '”"'
        return (
            self.reason is None
            and len(self.words) <= MAX_TITLE_WORDS
            and not quoted
            and not is_finished(self.text)
            and not BULLET.match(self.text)
        )


def clean(text: str, title: str = "") -> tuple[tuple[Drop, ...], str, str]:
    """What to leave out of a text: (drops, title, date).

    `drops` are sorted and do not overlap. `title` is the one given, or else the first line if it is a headline. `date`
    is ISO, from a publication line, or from the byline, date line or dateline at the top; empty if there is none: a
    date that the story mentions is not the article's.
    """
    parts = [_Part(p, tuple(WORD.findall(p.text.casefold()))) for p in paragraphs(text)]
    opening, counters = comments_start([part.text for part in parts])
    for i in counters:
        parts[i].reason = "comments"
    body, tail = parts[:opening], parts[opening:]
    if len(body) > 1:  # a text of one paragraph is no scraped page, and must survive whole
        for part in body:
            part.reason = part.reason or _furniture(part.text)
        first = next((part for part in body if part.reason is None), None)
        # A title that quotes the story is a title, not a pull quote.
        _mark_copies([part for part in body if part is not first or not part.is_headline])
        title = _mark_headlines(body, title)
    partial = list(_partial_drops(body))
    drops = [Drop(part.paragraph.start, part.paragraph.end, part.reason) for part in body if part.reason]
    date = _find_date(text, body, drops, partial)
    if tail:
        drops.append(Drop(tail[0].paragraph.start, tail[-1].paragraph.end, "comments"))
    return tuple(sorted([*drops, *partial], key=lambda drop: drop.start)), title, date


def _furniture(text: str) -> Reason | None:
    if not any(c.isalnum() for c in text):
        return "boilerplate"  # "***"
    if len(text) > MAX_FURNITURE_CHARS:
        return None
    if CREDIT.search(text) and text.count(". ") <= 2:
        return "caption"
    return next((reason for reason, pattern in WHOLE if pattern.fullmatch(text)), None)


def _mark_copies(parts: Sequence[_Part]) -> None:
    """Paragraphs that were there before (the first is kept) and those that stand inside another one."""
    seen: set[tuple[str, ...]] = set()
    by_opening: dict[tuple[str, ...], list[_Part]] = {}
    for part in parts:
        if part.reason or len(part.words) < MIN_REPEAT_WORDS:
            continue
        if part.words in seen:
            part.reason = "repeated text"
            continue
        seen.add(part.words)
        by_opening.setdefault(part.words[:MIN_REPEAT_WORDS], []).append(part)
    for host in parts:
        if host.reason:
            continue
        for i in range(len(host.words) - MIN_REPEAT_WORDS + 1):
            for part in by_opening.get(host.words[i : i + MIN_REPEAT_WORDS], ())[:8]:
                n = len(part.words)
                if n < len(host.words) and host.words[i : i + n] == part.words:
                    whole = 5 * n >= 4 * len(host.words)  # a copy of it all but a dateline
                    part.reason = part.reason or ("repeated text" if whole else "pull quote")


def _mark_headlines(parts: Sequence[_Part], title: str) -> str:
    """Marks title, standfirst and the headlines between paragraphs; returns the title, given or found."""
    prose = [i for i, part in enumerate(parts) if part.is_prose]
    known = tuple(WORD.findall(title.casefold()))
    for part in parts:
        if known and part.words == known and part.reason is None and sum(p.reason is None for p in parts) > 1:
            part.reason = "title"
    headlines = [i for i, part in enumerate(parts) if part.is_headline]
    first = next((i for i, part in enumerate(parts) if part.reason in (None, "title")), None)
    # A question at the very top, with a byline or date below it, is a headline; above prose it may open the story.
    topped = first is not None and any(part.reason in TOP for part in parts[first + 1 : first + 3])
    if first is not None and topped:
        question = parts[first].text.rstrip().endswith("?") and len(parts[first].words) <= MAX_TITLE_WORDS
        headlines = [first, *headlines] if question and first not in headlines else headlines
    if len(prose) >= (1 if topped else MIN_PROSE_PARAGRAPHS) and len(headlines) <= len(prose):
        for i in headlines:
            parts[i].reason = "title" if i == first else "headline"
    has_title = first is not None and parts[first].reason == "title"
    _mark_top(parts, first if has_title else None)
    if title or first is None or not has_title:
        return title
    return " ".join(parts[first].text.split())


def _is_transcript(parts: Sequence[_Part]) -> bool:
    return sum(len(SPEAKER.findall(part.text)) for part in parts) > 1


def _mark_top(parts: Sequence[_Part], title: int | None) -> None:
    """What stands before the story: bare datelines, and the standfirst between title and byline, date or dateline."""
    under: list[_Part] = []
    start = 0 if title is None else title + 1
    for part in parts[start : start + 8]:
        if part.reason is None and BARE_DATELINE.fullmatch(part.text) and not _is_transcript(parts):
            part.reason = "dateline"
        story_begins = part.reason is None and _dateline(part.text, opens=True) is not None
        if title is not None and (story_begins or part.reason in TOP):
            for standfirst in under:
                standfirst.reason = "standfirst"
            under = []
        if story_begins:
            return
        if part.reason in (None, "headline"):
            if len(part.words) > MAX_STANDFIRST_WORDS or len(under) == 2:
                return
            under.append(part)


def _dateline(text: str, *, opens: bool) -> re.Match[str] | None:
    """The dateline before a sentence; `opens`: the paragraph is the first of the story, where "CITY:" is enough."""
    text = text[:MAX_DATELINE_CHARS]
    found = DATELINE.match(text)
    if found and (opens or found["date"] or found["agency"]):
        return found
    return MIXED_DATELINE.match(text)


def _partial_drops(parts: Sequence[_Part]) -> Iterator[Drop]:
    """Datelines before a sentence, and picture credits after a long paragraph."""
    kept = [part for part in parts if part.reason is None]
    transcript = _is_transcript(kept)
    for n, part in enumerate(kept):
        start, end = part.paragraph.start, part.paragraph.end
        if found := _dateline(part.text, opens=n == 0 and not transcript):
            yield Drop(start, start + found.end(), "dateline")
            start += found.end()
        credit = CREDIT.search(part.text, max(len(part.text) - 200, 0))
        if credit and part.paragraph.start + credit.start() > start:
            yield Drop(part.paragraph.start + credit.start(), end, "caption")


def _find_date(text: str, parts: Sequence[_Part], drops: Sequence[Drop], partial: Sequence[Drop]) -> str:
    story = next((part.paragraph.end for part in parts if part.reason is None), len(text))
    lines = [drop for drop in drops if drop.reason == "publication line"]
    lines += [d for d in (*drops, *partial) if d.end <= story and d.reason in ("byline", "date line", "dateline")]
    return next((iso for d in lines if (iso := find_date(text[d.start : d.end]))), "")
