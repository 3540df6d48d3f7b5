"""The curriculum's files (`models/curriculum/README.md`), read as the pipeline reads an article."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stance.actors import Reading, Resolver
from stance.config import Actor, Config, Issue, Propositions
from stance.data import CONTEXT_MARK, LABELS, Article
from stance.errors import InputError
from stance.ingest import sentences

Key = tuple[str, int, str, str]
"""Article, marked sentence, actor, issue."""


def is_dev(kind: str, number: int) -> bool:
    """Whether line `number` (from 1) of a file of `passages` or `articles` is kept out of training."""
    return number % 10 == 0 if kind == "passages" else number in (6, 12)


@dataclass(frozen=True, slots=True)
class Passage:
    """A premise with hypotheses and their labels (places in `stance.data.LABELS`)."""

    id: str
    premise: str
    hypotheses: list[str]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked article, read as the pipeline reads it; sentence k is the marked sentence `place[k]`.

    `gold`: stance of every position; `roles`: own or reported; `accused`: what rivals allege, which is no position.
    """

    config: Config
    article: Article
    readings: list[Reading]
    place: list[int]
    gold: dict[Key, str]
    roles: dict[Key, str]
    accused: dict[Key, str]


def lines(files: list[Path], kind: str, dev: bool | None = None) -> Iterator[str]:
    """Lines of these files: the dev lines, the others, or (None) all."""
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if dev is None or is_dev(kind, number) == dev:
                yield line


def passage(line: str, context: bool) -> Passage:
    """Read one line of a `d*.jsonl` file. Where there is a context, it stands before the premise; with `context`, for a
    model that knows it, the mark between the two.
    """
    try:
        row = json.loads(line)
        texts = [p["text"] for p in row["propositions"]]
        labels = [LABELS.index(p["label"]) for p in row["propositions"]]
        mark = f" {CONTEXT_MARK} " if context else " "
        return Passage(row["id"], mark.join(filter(None, (row["context"], row["premise"]))), texts, labels)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"no passage of the curriculum: {line[:80]!r} ({type(error).__name__}: {error})") from error


def marked(line: str) -> Marked:
    """Read one line of an `a*.jsonl` file."""
    row = json.loads(line)
    config = Config(
        name="curriculum",
        actors={k: Actor(label=v["label"], aliases=v["aliases"] or [v["label"]]) for k, v in row["actors"].items()},
        issues={
            k: Issue(label=v["label"], propositions=Propositions(support=v["support"], oppose=v["oppose"]))
            for k, v in row["issues"].items()
        },
    )
    text, edges = "", []
    for sentence in row["sentences"]:
        start = len(text) + bool(text)
        text += (" " if text else "") + sentence["text"]
        edges.append((start, len(text)))
    article = Article(row["id"], text, row["title"], row["date"], "record", row.get("source", ""))
    found = list(sentences(article))
    place = [max(range(len(edges)), key=lambda k: min(edges[k][1], s.end) - max(edges[k][0], s.start)) for s in found]
    gold: dict[Key, str] = {}
    roles: dict[Key, str] = {}
    accused: dict[Key, str] = {}
    for number, sentence in enumerate(row["sentences"]):
        for mark in sentence["marks"]:
            key = (row["id"], number, mark["actor"], mark["issue"])
            if mark["role"] == "accused":
                accused[key] = mark["stance"]
            else:
                gold[key], roles[key] = mark["stance"], mark["role"]
    return Marked(config, article, Resolver(config).read(found, row["date"], row["title"]), place, gold, roles, accused)
