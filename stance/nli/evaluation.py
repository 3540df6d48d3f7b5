"""A model against labelled premises and hypotheses: accuracy, macro-F1, wrong signs, calibration."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stance.calibration import calibration_error
from stance.errors import InputError
from stance.nli import Scorer, Scores
from stance.nli.curriculum import is_dev, passage
from stance.nli.examples import ALLOWED, bare, event_example, held_out, read_pairs

Group = tuple[str, list[str], list[tuple[int, ...]]]
"""A premise, its hypotheses, and for each the labels that are right."""

_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one file. Intervals are 95% bootstraps over premises (1,000 draws).

    `classes`: 3, or 2 where the file (labels `not_entailment`, or no contradiction at all) or the model tells
    entailment from the rest alone: then neutral and contradiction count as one. `sign_errors`: of the pairs marked
    entailment or contradiction and answered by either, the share answered by the other. `ece`: expected calibration
    error of the surest label, 15 bins of equal width (Guo et al., ICML 2017). `refused`: pairs left out, since the
    model does not read hypotheses of that length.
    """

    name: str
    n: int
    premises: int
    classes: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    sign_errors: float | None
    ece: float
    refused: int


def groups(
    name: str,
    *,
    dev: bool,
    limit: int | None,
    context: bool = False,
    seed: int = 0,
    without: Collection[str] = frozenset(),
) -> list[Group]:
    """What a file asks, by premise: passages of the curriculum (`propositions`), PLOVER rows (`label_raw`), or pairs.

    `dev`: only what no recipe trains on (a curriculum's dev lines, held-out premises of other files). `limit`: at most
    so many premises, drawn with `seed`. `context`: the model knows the mark between context and premise. `without`:
    premises (`bare`) that are left out.
    Raises InputError.
    """
    found = [group for group in _groups(name, dev, context) if not without or bare(group[0]) not in without]
    if limit is not None and limit < len(found):
        found = random.Random(seed).sample(found, limit)
    return found


def _groups(name: str, dev: bool, context: bool) -> Iterator[Group]:
    path = Path(name)
    if path.suffix == ".jsonl" and path.exists():
        texts = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if '"propositions"' in texts[0]:
            for number, line in enumerate(texts, 1):
                if not dev or is_dev("passages", number):
                    p = passage(line, context)
                    yield p.premise, p.hypotheses, [(label,) for label in p.labels]
            return
    if path.suffix == ".parquet" and path.exists():
        import pyarrow.parquet as pq

        if "label_raw" in pq.read_schema(path).names:
            for row in pq.read_table(path).to_pylist():
                if not dev or held_out(row["text"]):
                    example = event_example(row)
                    yield example.premise, list(example.hypotheses), list(example.allowed)
            return
    by_premise: dict[str, list[dict[str, str]]] = {}
    for row in read_pairs(name):
        if not dev or held_out(row["premise"]):
            by_premise.setdefault(row["premise"], []).append(row)
    for premise, rows in by_premise.items():
        yield premise, [r["hypothesis"] for r in rows], [ALLOWED[r["label"]] for r in rows]


def evaluate_files(
    names: Sequence[str], scorer: Scorer, *, dev: bool, limit: int | None, without: Collection[str] = frozenset()
) -> list[Figures]:
    """Figures of every file, and of all together (by pair) where there are several of three classes; see `groups`."""
    asked = [groups(name, dev=dev, limit=limit, context=scorer.context, without=without) for name in names]
    each = [(name, *_readable(found, scorer)) for name, found in zip(names, asked, strict=True)]
    empty = [name for name, found, _ in each if not found]
    if empty:
        raise InputError(f"{empty[0]}: nothing to measure{' among what is held out' if dev else ''}; name other files")
    stems = [Path(name).stem if Path(name).exists() else name for name in names]
    scored = [(stem, found, _score(found, scorer), n) for stem, (_, found, n) in zip(stems, each, strict=True)]
    figures = [_figures(stem, scores, found, refused, scorer.contradiction) for stem, found, scores, refused in scored]
    # Files of one kind, such as the curriculum's, are parts of one test.
    if len(names) > 1 and all(f.classes == 3 for f in figures):
        everything = [g for _, found, *_ in scored for g in found]
        scores = np.concatenate([scores for _, _, scores, _ in scored])
        figures.append(_figures("all", scores, everything, sum(f.refused for f in figures)))
    return figures


def _readable(found: Sequence[Group], scorer: Scorer) -> tuple[list[Group], int]:
    """The groups without hypotheses too long for the model, and the number of these."""
    out: list[Group] = []
    refused = 0
    for premise, hypotheses, labels in found:
        long = scorer.refused(hypotheses)
        kept = [k for k, is_long in enumerate(long) if not is_long]
        refused += len(hypotheses) - len(kept)
        if kept:
            out.append((premise, [hypotheses[k] for k in kept], [labels[k] for k in kept]))
    return out, refused


def as_rows(figures: Sequence[Figures]) -> list[list[str]]:
    """Cells for a table: file, pairs, accuracy and macro-F1 with their intervals, sign errors, ECE."""
    return [
        [
            f.name,
            str(f.n),
            f"{f.accuracy:.3f} [{f.accuracy_low:.3f}, {f.accuracy_high:.3f}]",
            f"{f.macro_f1:.3f} [{f.macro_f1_low:.3f}, {f.macro_f1_high:.3f}]",
            "" if f.sign_errors is None else f"{f.sign_errors:.1%}",
            f"{f.ece:.3f}",
        ]
        for f in figures
    ]


def _score(found: Sequence[Group], scorer: Scorer, batch: int = 256) -> Scores:
    """Probabilities (pairs, 3) of all hypotheses of these groups, in their order."""
    tables: list[Scores] = []
    for first in range(0, len(found), batch):
        tables += scorer.score([(premise, hypotheses) for premise, hypotheses, _ in found[first : first + batch]])
    return np.concatenate(tables)


def _figures(
    name: str, scores: Scores, found: Sequence[Group], refused: int = 0, contradiction: bool = True
) -> Figures:
    allowed = [x for _, _, labels in found for x in labels]
    owner = np.repeat(np.arange(len(found)), [len(hypotheses) for _, hypotheses, _ in found])
    two = not contradiction or any(len(x) > 1 for x in allowed) or not any(2 in x for x in allowed)
    gold = np.array([x[0] if len(x) == 1 else 1 for x in allowed])
    guess = scores.argmax(1)
    signs = (gold != 1) & (guess != 1)
    wrong = float((guess[signs] != gold[signs]).mean()) if signs.any() and not two else None
    sure = scores.max(1)
    if two:
        gold = np.minimum(gold, 1)
        sure = np.maximum(scores[:, 0], 1 - scores[:, 0])
        guess = (scores[:, 0] < 0.5).astype(int)
    size = 2 if two else 3
    right = gold == guess
    table = np.zeros((int(owner.max(initial=-1)) + 1, size, size))
    np.add.at(table, (owner, gold, guess), 1)
    rng = np.random.default_rng(0)
    n = len(table)
    draws = np.array([_two(table[rng.integers(0, n, n)].sum(0)) for _ in range(_DRAWS)])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    accuracy, macro = _two(table.sum(0))
    return Figures(
        name, len(gold), n, size, accuracy, float(low[0]), float(high[0]), macro, float(low[1]), float(high[1]), wrong,
        calibration_error(sure, right), refused,
    )  # fmt: skip


def _two(table: NDArray[np.float64]) -> tuple[float, float]:
    """Accuracy and macro-F1 over the labels that occur, of a confusion table (gold, guess)."""
    hits, rows, columns = table.diagonal(), table.sum(1), table.sum(0)
    f1 = 2 * hits / np.maximum(rows + columns, 1)
    return float(hits.sum() / max(1, table.sum())), float(f1[rows > 0].mean())
