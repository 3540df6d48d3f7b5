"""How far coders agree: Krippendorff's alpha, Cohen's kappa."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.metrics import cohen_kappa_score

from stance.gold.records import ADJUDICATED, CellJudgement, Judgement, Key


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of things judged by two coders or more. `alpha` in (-1, 1], None where nobody used a second label; `low` and
    `high` its 95% interval (bootstrap over things judged, 1,000 draws); `by_label`: alpha of each label against all
    others; `kappa` by pair of coders, with the number of things both judged."""

    n: int
    coders: tuple[str, ...]
    observed: float
    alpha: float | None
    low: float | None
    high: float | None
    by_label: Mapping[str, float | None]
    kappa: Mapping[str, tuple[float, int]]


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal data with any number of labels a unit (Krippendorff 2019, "Content Analysis",
    chapter 12): 1 - observed / expected disagreement, from the coincidences within units. Units with fewer than two
    labels tell nothing. None if no unit is left or all labels are the same."""
    kept = [list(labels) for labels in units if len(labels) > 1]
    names = sorted({x for labels in kept for x in labels})
    if len(names) < 2:
        return None
    return _alpha(_coincidences(kept, names).sum(0))


def _coincidences(units: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """(units, labels, labels): what each unit adds to the coincidence matrix."""
    place = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(units), len(names)))
    for row, labels in zip(counts, units, strict=True):
        for label in labels:
            row[place[label]] += 1
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(names))
    return np.asarray(pairs / (counts.sum(1) - 1)[:, None, None])


def _alpha(table: np.ndarray) -> float | None:
    totals, n = table.sum(0), table.sum()
    expected = n * n - (totals**2).sum()
    if expected <= 0:
        return None
    return float(1 - (n - 1) * (n - table.trace()) / expected)


def agreement(lines: Iterable[Judgement | CellJudgement], draws: int = 1000) -> Agreement:
    """Agreement of independent coders (adjudications left out) on what two or more of them judged."""
    by_key: dict[Key, dict[str, str]] = {}
    for line in lines:
        if line.coder != ADJUDICATED:
            by_key.setdefault(line.key, {})[line.coder] = line.label
    both = {key: given for key, given in by_key.items() if len(given) > 1}
    coders = sorted({coder for given in both.values() for coder in given})
    units = [list(given.values()) for given in both.values()]
    names = sorted({x for labels in units for x in labels})
    alpha = low = high = None
    observed = 1.0
    if units:
        each = _coincidences(units, names)
        table = each.sum(0)
        observed, alpha = float(table.trace() / table.sum()), _alpha(table)
        rng = np.random.default_rng(0)
        sampled = [_alpha(each[rng.integers(0, len(each), len(each))].sum(0)) for _ in range(draws)]
        known = [x for x in sampled if x is not None]
        if alpha is not None and known:
            low, high = (float(x) for x in np.quantile(known, [0.025, 0.975]))
    kappa = {}
    for a, b in combinations(coders, 2):
        shared = [(given[a], given[b]) for given in both.values() if a in given and b in given]
        if shared and len({x for pair in shared for x in pair}) > 1:
            kappa[f"{a} {b}"] = float(cohen_kappa_score(*zip(*shared, strict=True))), len(shared)
    by_label = {
        name: krippendorff_alpha([["yes" if x == name else "no" for x in labels] for labels in units]) for name in names
    }
    return Agreement(len(units), tuple(coders), observed, alpha, low, high, by_label, kappa)
