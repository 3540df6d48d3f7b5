"""From predictions to estimates: prediction-powered inference (Angelopoulos et al., Science 2023).

A model's matrix covers every article but errs; gold is right but small. The mean of the predictions over everything,
plus the mean error on gold, is unbiased whatever the model does, and its interval is valid; the better the predictions,
the narrower. `lam` weighs the predictions so that the interval is never wider, in the limit, than gold's alone (PPI++,
Angelopoulos, Duchi & Zrnic 2023).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from stance.data import Observation, Stance
from stance.errors import InputError
from stance.gold.records import Judgement, settled

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its interval; `weight` is the share lent to the predictions, in [0, 1] (0: gold alone)."""

    value: float
    low: float
    high: float
    weight: float
    n_gold: int
    n_all: int


def naive_mean(predicted: Sequence[float], groups: Sequence[str], level: float = 0.95) -> Mean:
    """Mean of the predictions and the interval that takes them for truth; for comparison."""
    values = _clusters(np.asarray(predicted, float), groups)
    value, variance = float(values[:, 0].sum() / values[:, 1].sum()), _variance(values)
    half = _quantile(level, len(values)) * variance**0.5
    return Mean(value, value - half, value + half, 1.0, 0, len(predicted))


def ppi_mean(
    gold: Sequence[float],
    predicted_gold: Sequence[float],
    gold_groups: Sequence[str],
    predicted_rest: Sequence[float],
    rest_groups: Sequence[str],
    *,
    level: float = 0.95,
    weight: float | None = None,
) -> Mean:
    """Mean over everything, from few judged values and predictions of all.

    `gold`, `predicted_gold`: true and predicted value of each judged item, drawn at random; `predicted_rest`: of each
    item not judged. Groups are articles: items of one are not independent, so that variances are those of means over
    clusters. `weight` of the predictions; None: the one with the smallest variance, within [0, 1].

    Raises InputError for fewer than two articles on either side or lists of unequal length.
    """
    y, f, u = (np.asarray(x, float) for x in (gold, predicted_gold, predicted_rest))
    if len(y) != len(f) or len(y) != len(gold_groups) or len(u) != len(rest_groups):
        raise InputError(f"{len(y)} judged values, {len(f)} predictions of them: expected as many of each")
    if min(len(set(gold_groups)), len(set(rest_groups))) < 2:
        raise InputError("an interval needs at least two judged articles and two others; judge more")
    n, m = len(set(gold_groups)), len(set(rest_groups))
    vf_rest = _variance(_clusters(u, rest_groups))
    yc, fc = _clusters(y, gold_groups), _clusters(f, gold_groups)
    vf = _variance(fc)
    both = _covariance(yc, fc)
    if weight is None:
        weight = float(np.clip(both / max(1e-12, vf + vf_rest), 0, 1))
    value = float(weight * u.mean() + (y - weight * f).mean())
    variance = weight**2 * vf_rest + _variance(_clusters(y - weight * f, gold_groups))
    half = _quantile(level, min(n, m)) * variance**0.5
    return Mean(value, value - half, value + half, weight, len(y), len(y) + len(u))


VALUES: Mapping[Stance, float] = {"support": 1.0, "oppose": -1.0, "mixed": 0.0, "none": 0.0}


def estimates(
    observations: Iterable[Observation], judgements: Iterable[Judgement], *, by_actor: bool
) -> list[tuple[str, str, Mean, Mean | None]]:
    """(actor or "", issue, what the run says, estimate) for every issue, or actor and issue, of a run.

    What is estimated is the mean, over the sentences in which the run found a position, of what they do show: 1
    support, -1 oppose, 0 both or neither. Only what was drawn at random counts (`chosen`); None: fewer than two
    articles judged, or none left.
    """
    judgements = list(judgements)
    drawn = {j.key for j in judgements if j.chosen == "random"}
    labels, _ = settled(j for j in judgements if j.key in drawn)
    groups: dict[tuple[str, str], list[Observation]] = {}
    for o in observations:
        if o.role != "accused" and o.stance != "none" and not o.copy_of:
            groups.setdefault((o.actor if by_actor else "", o.issue), []).append(o)
    out: list[tuple[str, str, Mean, Mean | None]] = []
    for (actor, issue), found in sorted(groups.items()):
        truth = [labels.get((f"{o.article_id} {o.start}-{o.end}", o.actor, o.issue, "sentence")) for o in found]
        judged = [(VALUES[label], o) for label, o in zip(truth, found, strict=True) if label]
        rest = [o for label, o in zip(truth, found, strict=True) if not label]
        articles, others = [o.article_id for _, o in judged], [o.article_id for o in rest]
        estimate = None
        if min(len(set(articles)), len(set(others))) >= 2:
            gold = [value for value, _ in judged]
            m = ppi_mean(gold, [o.value for _, o in judged], articles, [o.value for o in rest], others)
            value, low, high = (max(-1.0, min(1.0, x)) for x in (m.value, m.low, m.high))  # No sentence shows more.
            estimate = replace(m, value=value, low=low, high=high)
        out.append((actor, issue, naive_mean([o.value for o in found], [o.article_id for o in found]), estimate))
    return out


def _clusters(values: Array, groups: Sequence[str]) -> Array:
    """(clusters, 2): sum and size of each group, in the order of first appearance."""
    place = {g: k for k, g in enumerate(dict.fromkeys(groups))}
    index = np.array([place[g] for g in groups])
    return np.stack([np.bincount(index, values, len(place)), np.bincount(index, minlength=len(place))], axis=1)


def _residuals(clusters: Array) -> Array:
    """Each cluster's share in the error of the overall mean (ratio of sums)."""
    mean = clusters[:, 0].sum() / clusters[:, 1].sum()
    return np.asarray((clusters[:, 0] - mean * clusters[:, 1]) / clusters[:, 1].sum())


def _variance(clusters: Array) -> float:
    k = len(clusters)
    return float(k / max(1, k - 1) * (_residuals(clusters) ** 2).sum())


def _covariance(a: Array, b: Array) -> float:
    k = len(a)
    return float(k / max(1, k - 1) * (_residuals(a) * _residuals(b)).sum())


def _quantile(level: float, clusters: int) -> float:
    """Student's t with clusters - 1 degrees of freedom: few articles make a wide interval."""
    return float(student.ppf((1 + level) / 2, max(1, clusters - 1)))
