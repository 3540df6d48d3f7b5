"""What a recipe's sources teach: premises with hypotheses and the labels they may have."""

import hashlib
import json
import logging
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.actors import Resolver
from stance.config import propositions
from stance.data import LABELS
from stance.errors import InputError
from stance.nli.curriculum import Marked, lines, marked, passage
from stance.nli.recipe import Recipe, Source
from stance.nli.wordings import negation, rewordings

log = logging.getLogger(__name__)
ENTAILMENT, NEUTRAL, CONTRADICTION = (0,), (1,), (2,)
ALLOWED = {name: (k,) for k, name in enumerate(LABELS)} | {"not_entailment": (1, 2)}
"""Labels of pair files -> places in LABELS that are right."""
UNLABELLED = {"None", "", "-", "-1", "-1.0", "nan"}
"""What stands where annotators did not agree (SNLI) or a table has a gap."""
PAIRS_AT_ONCE = 12
"""Hypotheses of a premise that stand in one example at most."""


@dataclass(slots=True)
class Example:
    """`allowed`: for each hypothesis the labels that are right; `soft`: teachers' probabilities (n, 3)."""

    premise: str
    hypotheses: Sequence[str]
    allowed: Sequence[tuple[int, ...]]
    soft: NDArray[np.float32] | None = None

    def part(self, places: Sequence[int]) -> "Example":
        soft = None if self.soft is None else self.soft[list(places)]
        return Example(self.premise, [self.hypotheses[k] for k in places], [self.allowed[k] for k in places], soft)


def held_out(premise: str) -> bool:
    """Whether a premise of a pair file is dev (one in ten, by its hash): never trained on, whatever the recipe."""
    return hashlib.sha256(bare(premise).encode()).digest()[0] % 10 == 0


def bare(premise: str) -> str:
    """A premise by which its copies are known: without capitals and with single spaces."""
    return " ".join(premise.casefold().split())


def premises_of(patterns: Sequence[str]) -> set[str]:
    """All premises of pair files, `bare`."""
    return {bare(row["premise"]) for name in files_of(list(patterns)) for row in read_pairs(name)}


def read_pairs(name: str) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet or JSONL file, or of `datasets`' `NAME:SPLIT`, with premise, hypothesis, label (and more).

    Rows without a label are passed over, and their number told. Raises InputError if it cannot be read or lacks a
    column.
    """
    path = Path(name)
    rows: Iterator[dict[str, Any]]
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            rows = (row for batch in pq.ParquetFile(path).iter_batches() for row in batch.to_pylist())
        elif path.suffix == ".jsonl":
            rows = (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip())
        else:
            import datasets

            dataset, _, split = name.partition(":")
            rows = iter(datasets.load_dataset(dataset, split=split or "train", streaming=True))
        unlabelled = 0
        for number, row in enumerate(rows, 1):
            label = row.get("label")
            faults = [f"no column {k!r}" for k in ("premise", "hypothesis", "label") if k not in row]
            faults += [f"{k} {row[k]!r}" for k in ("premise", "hypothesis") if k in row and not isinstance(row[k], str)]
            if not faults and str(label) in UNLABELLED:
                unlabelled += 1
                continue
            if not faults and str(label) not in ALLOWED and label not in range(3):
                faults = [f"label {label!r}"]
            if faults:
                raise InputError(
                    f"{name}: row {number}: {faults[0]}; expected premise, hypothesis, label ({', '.join(ALLOWED)}; or "
                    f"0 to 2 for the first three)"
                )
            yield row | {"label": label if str(label) in ALLOWED else LABELS[int(label)]}  # type: ignore[arg-type]
        if unlabelled:
            log.warning("%s: %d rows without a label passed over", name, unlabelled)
    except InputError:
        raise
    except Exception as error:  # pyarrow, json and the hub raise many types
        raise InputError(
            f"{name}: {type(error).__name__}: {error}; expected a Parquet or JSONL file or the name of a dataset"
        ) from error


def files_of(patterns: list[str]) -> list[str]:
    """Names that the patterns stand for, sorted. Raises InputError for a pattern of a file that matches none."""
    names: list[str] = []
    for pattern in patterns:
        found = sorted(glob(pattern))
        if not found and (pattern.endswith((".jsonl", ".parquet")) or "*" in pattern):
            raise InputError(f"{pattern}: no such file; name files of premises, hypotheses and labels")
        names += found or [pattern]
    return list(dict.fromkeys(names))


def stream(recipe: Recipe) -> Iterator[Example]:
    """Examples without end, sources mixed by share of hypotheses, the same for the same recipe."""
    makers = {"passages": _passages, "articles": _articles, "pairs": _pairs, "events": _events}
    sources = [
        makers[source.kind](source, recipe.layout.context, random.Random(f"{recipe.seed} {k}"))
        for k, source in enumerate(recipe.sources)
    ]
    doubts = [random.Random(f"{recipe.seed} {k} negated") for k in range(len(sources))]
    unseen = premises_of(recipe.unseen)
    given = 0
    levels: dict[int, float] = {}
    while True:
        joining = [k for k, s in enumerate(recipe.sources) if k not in levels and s.after <= given]
        levels |= dict.fromkeys(joining, min(levels.values(), default=0.0))
        behind = min(levels, key=lambda k: (levels[k], k))
        example = next(e for e in sources[behind] if not unseen or bare(e.premise) not in unseen)
        if recipe.sources[behind].negated or recipe.sources[behind].reworded:
            example = _otherwise(example, recipe.sources[behind], doubts[behind])
        given += len(example.hypotheses)
        levels[behind] += len(example.hypotheses) / recipe.sources[behind].share
        yield example


def _otherwise(example: Example, source: Source, rng: random.Random) -> Example:
    """Shares of the hypotheses denied or reworded, entailment and contradiction exchanged where that turns the sense:
    neither the wording of a proposition nor having met it tells the label any more."""
    hypotheses, allowed = list(example.hypotheses), list(example.allowed)
    for k, text in enumerate(hypotheses):
        draw = rng.random()
        other: tuple[str, bool] | None = None
        if draw < source.negated:
            denied = negation(text)
            other = (denied, False) if denied else None
        elif draw < source.negated + source.reworded:
            other = rng.choice(rewordings(text) or [None])
        if other is not None:
            hypotheses[k], same = other
            allowed[k] = allowed[k] if same else tuple(sorted(2 - label for label in allowed[k]))
    return Example(example.premise, hypotheses, allowed)


def _something(found: Sequence[Any], source: Source) -> None:
    if not found:
        raise InputError(
            f"{', '.join(source.files)}: nothing to train on besides what is held out or left out; name other files"
        )


def _passages(source: Source, context: bool, rng: random.Random) -> Iterator[Example]:
    found = [passage(line, context) for line in lines(list(map(Path, files_of(source.files))), "passages", dev=False)]
    _something(found, source)
    while True:
        rng.shuffle(found)
        for p in found:
            yield Example(p.premise, p.hypotheses, [(label,) for label in p.labels])


def _pairs(source: Source, context: bool, rng: random.Random) -> Iterator[Example]:
    by_premise: dict[str, dict[str, str]] = {}
    for name in files_of(source.files):
        rows = [r for r in read_pairs(name) if not held_out(r["premise"]) and r.get("genre") not in source.without]
        limit = source.rows.get(Path(name).name, len(rows))
        for row in rows if limit >= len(rows) else rng.sample(rows, limit):
            by_premise.setdefault(row["premise"].strip(), {})[row["hypothesis"].strip()] = row["label"]
    found = list(by_premise.items())
    _something(found, source)
    while True:
        rng.shuffle(found)
        for premise, hypotheses in found:
            items = list(hypotheses.items())
            for first in range(0, len(items), PAIRS_AT_ONCE):
                part = items[first : first + PAIRS_AT_ONCE]
                yield Example(premise, [h for h, _ in part], [ALLOWED[label] for _, label in part])


def _articles(source: Source, context: bool, rng: random.Random) -> Iterator[Example]:
    """Sentences of marked articles as the pipeline reads them, with the propositions that tempt most."""
    articles = [marked(line) for line in lines(list(map(Path, files_of(source.files))), "articles", dev=False)]
    labels = [actor.label for a in articles for actor in a.config.actors.values()]
    templates = [
        t for a in articles for i in a.config.issues.values() for t in i.propositions.support + i.propositions.oppose
    ]
    places = [(a, k) for a in articles for k in range(len(a.readings))]
    _something(places, source)
    while True:
        rng.shuffle(places)
        for article, k in places:
            lead = k and context and rng.random() < source.context
            yield from _sentence(article, k, k - 1 if lead else None, labels, templates, rng)


def _sentence(
    article: Marked, k: int, lead: int | None, labels: list[str], templates: list[str], rng: random.Random
) -> Iterator[Example]:
    """Sentence k, behind sentence `lead` if there is one: whose own positions are then neutral."""
    number = article.place[k]
    if article.place.count(number) > 1:
        return  # A marked sentence that the splitter parted: which part shows the position is not known.
    gold = {(a, i): s for (_, n, a, i), s in article.gold.items() if n == number}
    accused = {(a, i) for (_, n, a, i) in article.accused if n == number}
    earlier = {(a, i) for (_, n, a, i) in article.gold if lead is not None and n == article.place[lead]}
    if not gold and not accused and rng.random() < 0.6:
        return
    wanted = propositions(article.config)
    before = None if lead is None else article.readings[lead]
    premise = Resolver(article.config).premise(article.readings[k], before)
    positive: list[tuple[str, tuple[int, ...]]] = []
    near: list[tuple[str, tuple[int, ...]]] = []
    far: list[tuple[str, tuple[int, ...]]] = []
    for p in wanted:
        stance = gold.get((p.actor, p.issue))
        if stance == "mixed":
            continue
        if stance:
            positive.append((p.text, ENTAILMENT if stance == p.side else CONTRADICTION))
        elif (p.actor, p.issue) in accused | earlier or any(a == p.actor or i == p.issue for a, i in gold):
            near.append((p.text, NEUTRAL))
        else:
            far.append((p.text, NEUTRAL))
    if len(positive) > 9:
        positive = rng.sample(positive, 9)
    # What is found and marked by nobody stands for the most part beside a position: its actor, its issue.
    chosen = positive + rng.sample(near, min(len(near), 9))
    chosen += rng.sample(far, min(len(far), max(2, 9 - len(chosen))))
    own = [a.label for a in article.config.actors.values()]
    chosen.append((rng.choice(templates).replace("{actor}", rng.choice(own)), NEUTRAL))
    rng.shuffle(chosen)
    texts = [premise, *(text for text, _ in chosen)]
    if rng.random() < 0.25:
        texts = _renamed(texts, article, labels, rng)
    yield Example(texts[0], texts[1:], [allowed for _, allowed in chosen])


def _renamed(texts: list[str], article: Marked, labels: list[str], rng: random.Random) -> list[str]:
    """Another actor's label in the place of one of this article's, throughout: the form is to be learnt, not names."""
    own = [a.label for a in article.config.actors.values()]
    old = rng.choice(own)
    new = rng.choice([x for x in labels if x not in own] or own)
    return [re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text) for text in texts]


_EVENTS: dict[str, tuple[str, ...]] = {
    "AGREE": ("agrees with {t}", "comes to an understanding with {t}"),
    "SUPPORT": ("supports {t}", "speaks up for {t}"),
    "CONSULT": ("talks with {t}", "consults {t}"),
    "COOPERATE": ("works together with {t}", "cooperates with {t}"),
    "AID": ("helps {t}", "gives aid to {t}"),
    "YIELD": ("gives way to {t}", "makes concessions to {t}"),
    "REQUEST": ("makes demands on {t}", "calls on {t} to do something"),
    "ACCUSE": ("blames {t}", "finds fault with {t}"),
    "REJECT": ("turns down {t}", "refuses what {t} wants"),
    "THREATEN": ("warns {t} of consequences", "threatens {t}"),
    "PROTEST": ("demonstrates against {t}", "protests against {t}"),
    "SANCTION": ("cuts ties with or punishes {t}", "withdraws benefits from {t}"),
    "MOBILIZE": ("gets its forces ready against {t}", "makes ready to fight {t}"),
    "COERCE": ("uses force or the law against {t}", "represses {t}"),
    "ASSAULT": ("attacks {t}", "uses violence against {t}"),
}
_FRIENDLY = ("is on friendly terms with {t}", "acts in favour of {t}", "cooperates with {t}")
_HOSTILE = ("is in conflict with {t}", "acts against {t}", "is hostile to {t}")


def event_example(row: dict[str, Any]) -> Example:
    """A PLOVER row (`text`, `actor`, `target`, `label` favor or against, `label_raw` the root) as propositions of the
    actor toward the target, and of the target toward the actor, which the sentence does not tell."""
    a, t, root = row["actor"], row["target"], row["label_raw"]
    friendly = row["label"] == "favor"
    a = a[0].upper() + a[1:]
    pairs = [(f"{a} {x.format(t=t)}", ENTAILMENT) for x in _EVENTS.get(root, ())]
    pairs += [(f"{a} {x.format(t=t)}", ENTAILMENT if friendly else CONTRADICTION) for x in _FRIENDLY]
    pairs += [(f"{a} {x.format(t=t)}", CONTRADICTION if friendly else ENTAILMENT) for x in _HOSTILE]
    turned = t[0].upper() + t[1:]
    if root not in ("AGREE", "CONSULT", "COOPERATE"):
        pairs += [(f"{turned} {x.format(t=row['actor'])}", NEUTRAL) for x in _EVENTS.get(root, ())[:1]]
    return Example(row["text"], [h for h, _ in pairs], [x for _, x in pairs])


def _events(source: Source, context: bool, rng: random.Random) -> Iterator[Example]:
    import pyarrow.parquet as pq

    rows = [row for name in files_of(source.files) for row in pq.read_table(name).to_pylist()]
    rows = [row for row in rows if not held_out(row["text"])]
    _something(rows, source)
    while True:
        rng.shuffle(rows)
        for row in rows:
            yield event_example(row)
