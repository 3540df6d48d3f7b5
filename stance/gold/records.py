"""Gold lines: what coders judged, read and checked like code.

A file is JSONL. A judgement of a sentence stands off from its text (article id, offsets, hash), so that gold on
copyrighted articles can be shared; a judgement of a cell names a period:

    {"article": "a1", "start": 10, "end": 95, "sentence": "<hash>", "actor": "x", "issue": "y", "label": "support", "coder": "a", "date": "2026-11-28", "note": "own word"}
    {"period": "2017-10", "actor": "x", "issue": "y", "label": "oppose", "coder": "a", "date": "2026-11-28"}

The coder `adjudicated` settles what others disagree on.
"""  # noqa: E501

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from stance.config import Config, guess
from stance.data import Article, Sentence, Stance
from stance.errors import InputError

ADJUDICATED = "adjudicated"
_FAULTS = 20

Filled = Annotated[str, StringConstraints(min_length=1)]
Key = tuple[str, str, str, str]
"""Article and offsets (`a1 10-95`) or period, actor, issue, and which of the two: what is judged."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    actor: Filled
    issue: Filled
    label: Stance
    coder: Filled
    date: Filled
    note: str = ""

    @field_validator("date")
    @classmethod
    def _iso(cls, text: str) -> str:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no date; write it as 2026-11-28") from None
        return text


class Judgement(_Line):
    """One coder's label of a sentence, actor and issue. `sentence` is `sentence_hash` of `text[start:end]`."""

    article: Filled
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    sentence: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    chosen: Literal["random", "uncertain"] | None = None
    """How `stance gold sample` came to propose it; estimates rest on what was drawn at random."""

    @property
    def key(self) -> Key:
        """What is judged."""
        return f"{self.article} {self.start}-{self.end}", self.actor, self.issue, "sentence"


class CellJudgement(_Line):
    """One coder's label of a cell: actor, issue and period, over all articles of the gold file."""

    period: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d\d|-Q[1-4])?$")]

    @property
    def key(self) -> Key:
        """What is judged."""
        return self.period, self.actor, self.issue, "cell"


@dataclass(frozen=True, slots=True)
class Gold:
    """Everything judged in some files, with the place (file and line) of each judgement."""

    judgements: tuple[Judgement, ...]
    cells: tuple[CellJudgement, ...]
    places: Mapping[int, str]
    """By `id` of a judgement: `file:line`."""

    def place(self, line: Judgement | CellJudgement) -> str:
        """`file:line` of a judgement of this set."""
        return self.places[id(line)]


def sentence_hash(text: str) -> str:
    """First 16 hex digits of SHA-256 of the text, with runs of white space as one space."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def load_gold(paths: Sequence[Path], config: Config | None = None) -> Gold:
    """Read gold files and check them: shape, ids known to `config` (if given), duplicates, contradictory labels.

    Raises InputError that lists every fault (twenty at most) with file and line.
    """
    faults: list[str] = []
    found: list[Judgement | CellJudgement] = []
    places: dict[int, str] = {}
    first: dict[tuple[Key, str], Judgement | CellJudgement] = {}
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error}); expected a JSONL file of judgements") from error
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            place = f"{path}:{number}"
            try:
                line = _parse(json.loads(text))
            except ValidationError as error:
                faults += [f"{place}: {'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors()]
                continue
            except (ValueError, TypeError) as error:
                faults.append(f"{place}: is no JSON object ({error})")
                continue
            places[id(line)] = place
            found.append(line)
            if config:
                faults += [f"{place}: {fault}" for fault in _unknown(line, config)]
            before = first.setdefault((line.key, line.coder), line)
            if before is not line:
                what = "repeats" if before.label == line.label else f"contradicts ({before.label}, {line.label})"
                faults.append(f"{place}: {what} {places[id(before)]}; keep one judgement of each coder")
    _tell(faults)
    if not found:
        raise InputError(f"{', '.join(map(str, paths))}: no judgement in it; expected lines of JSON")
    return Gold(
        tuple(x for x in found if isinstance(x, Judgement)),
        tuple(x for x in found if isinstance(x, CellJudgement)),
        places,
    )


def _tell(faults: list[str]) -> None:
    if faults:
        more = f"\n... and {len(faults) - _FAULTS} more" if len(faults) > _FAULTS else ""
        raise InputError("\n".join(faults[:_FAULTS]) + more)


def _parse(record: Any) -> Judgement | CellJudgement:
    if not isinstance(record, dict):
        raise TypeError(f"found {type(record).__name__}")
    return CellJudgement.model_validate(record) if "period" in record else Judgement.model_validate(record)


def _unknown(line: Judgement | CellJudgement, config: Config) -> Iterable[str]:
    for kind, name, known in (("actor", line.actor, config.actors), ("issue", line.issue, config.issues)):
        if name not in known:
            yield f"unknown {kind} {name!r}{guess(name, list(known))}; {config.name} has {', '.join(known)}"
    issue = config.issues.get(line.issue)
    if issue and issue.actors and line.actor in config.actors and line.actor not in issue.actors:
        yield f"issue {line.issue!r} does not concern {line.actor!r}; it has {', '.join(issue.actors)}"


def locate(gold: Gold, articles: Mapping[str, tuple[Article, Sequence[Sentence]]]) -> dict[Key, tuple[str, int]]:
    """Article id and index of the sentence that each judgement means: the one that overlaps its offsets most.

    Raises InputError, with file and line, for an article that is not there and for text that has drifted: its offsets
    no longer hold the sentence that was judged.
    """
    out: dict[Key, tuple[str, int]] = {}
    faults: list[str] = []
    for j in gold.judgements:
        if j.key in out:
            continue
        if j.article not in articles:
            known = list(articles)
            faults.append(
                f"{gold.place(j)}: article {j.article!r} is not among the {len(known)} that were read"
                f"{guess(j.article, known)}; name where it lies with --articles"
            )
            continue
        article, sentences = articles[j.article]
        if sentence_hash(article.text[j.start : j.end]) != j.sentence:
            faults.append(
                f"{gold.place(j)}: {j.article} {j.start}-{j.end} is not the sentence that was judged: the text has "
                f"changed; restore it or judge the sentence again"
            )
            continue
        shared = [min(s.end, j.end) - max(s.start, j.start) for s in sentences]
        best = max(range(len(shared)), key=shared.__getitem__, default=-1)
        if best < 0 or shared[best] <= 0:
            faults.append(f"{gold.place(j)}: cleaning now leaves this sentence of {j.article} out; see articles.csv")
            continue
        out[j.key] = j.article, sentences[best].index
    _tell(faults)
    return out


def settled(lines: Iterable[Judgement | CellJudgement]) -> tuple[dict[Key, Stance], list[Key]]:
    """The label of each thing judged: the adjudicated one, else the one all coders gave; and those still open."""
    by_key: dict[Key, dict[str, Stance]] = {}
    for line in lines:
        by_key.setdefault(line.key, {})[line.coder] = line.label
    labels: dict[Key, Stance] = {}
    still_open: list[Key] = []
    for key, given in by_key.items():
        if ADJUDICATED in given:
            labels[key] = given[ADJUDICATED]
        elif len(set(given.values())) == 1:
            labels[key] = next(iter(given.values()))
        else:
            still_open.append(key)
    return labels, still_open
