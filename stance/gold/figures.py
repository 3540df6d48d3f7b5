"""Gold against what was found: macro-F1, wrong signs, coverage and risk, calibration, cells; intervals by article."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.calibration import calibration_error, reliability
from stance.data import SIDES, Cell, Role, Stance
from stance.gold.records import Key

LABELS = (*SIDES, "none")
_DRAWS = 1000
Tables = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, actor and issue with what a person and the pipeline make of it.

    `judged`: a coder wrote it down; otherwise it was found where no coder marked a position, in an article that was
    read for all of them, and `gold` is `none`. `found` is the stance that counts: `none` for what is only alleged.
    `support`, `oppose`: the pipeline's probabilities. `entailed`: the model's own highest P(entailment) among the
    propositions of either side, support first.
    """

    article: str
    index: int
    actor: str
    issue: str
    sentence: str
    gold: Stance
    judged: bool
    found: Stance
    support: float
    oppose: float
    role: Role | None
    entailed: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95% interval (None: fewer than two articles)."""

    value: float
    low: float | None = None
    high: float | None = None


def class_found(unit: Unit) -> Stance:
    """`found` as one of LABELS: `mixed` where one side is marked counts as the other, for it is no hit; elsewhere as
    the likelier side."""
    if unit.found != "mixed":
        return unit.found
    if unit.gold in SIDES:
        return "oppose" if unit.gold == "support" else "support"
    return "support" if unit.support >= unit.oppose else "oppose"


def tables(units: Sequence[Unit], found: Sequence[Stance] | None = None) -> dict[str, Tables]:
    """By article: judgements by gold (rows) and found label (columns), in the order of LABELS. Gold `mixed` has no row:
    either side answers it."""
    out: dict[str, Tables] = {}
    for k, unit in enumerate(units):
        table = out.setdefault(unit.article, np.zeros((3, 3)))
        if unit.judged and unit.gold != "mixed":
            table[LABELS.index(unit.gold), LABELS.index(found[k] if found else class_found(unit))] += 1
    return out


def macro_f1(table: Tables) -> float:
    """Mean F1 of the labels that occur in gold."""
    return float(class_f1(table)[table.sum(1) > 0].mean()) if table.any() else 0.0


def class_f1(table: Tables) -> NDArray[np.float64]:
    """F1 of each label, in the order of LABELS."""
    return np.asarray(2 * table.diagonal() / np.maximum(table.sum(0) + table.sum(1), 1))


def sign_errors(table: Tables) -> float:
    """Share of all judgements where support was taken for oppose or the reverse."""
    return float((table[0, 1] + table[1, 0]) / max(1, table.sum()))


def signs_of_found(table: Tables) -> float:
    """The same as a share of the positions marked and found."""
    return float((table[0, 1] + table[1, 0]) / max(1, table[:2, :2].sum()))


def _interval(by_article: Sequence[Tables], measure: Callable[[Tables], float]) -> Figure:
    """A measure of the summed tables, its interval by resampling articles (cluster bootstrap, percentiles)."""
    stack = np.stack(by_article)
    value = measure(stack.sum(0))
    if len(stack) < 2:
        return Figure(value)
    rng = np.random.default_rng(0)
    draws = [measure(stack[rng.integers(0, len(stack), len(stack))].sum(0)) for _ in range(_DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Figure(value, float(low), float(high))


def position_tables(units: Iterable[Unit]) -> dict[str, Tables]:
    """By article: right, sign wrong, extra, missed positions, over every sentence x actor x issue of it."""
    out: dict[str, Tables] = {}
    for u in units:
        row = out.setdefault(u.article, np.zeros(4))
        if u.found != "none":
            row[2 if u.gold == "none" else 0 if u.gold in (u.found, "mixed") else 1] += 1
        elif u.gold != "none":
            row[3] += 1
    return out


def position_f1(row: Tables) -> float:
    """F1 of the positions in whole articles."""
    right, sign, extra, missed = row
    return float(2 * right / max(1.0, 2 * right + 2 * sign + extra + missed))


def precision(row: Tables) -> float:
    """Share of the positions found that are right."""
    return float(row[0] / max(1.0, row[:3].sum()))


def recall(row: Tables) -> float:
    """Share of the positions marked that were found, sign and all."""
    return float(row[0] / max(1.0, row[0] + row[1] + row[3]))


def coverage_risk(units: Iterable[Unit], steps: int = 10) -> list[tuple[float, float]]:
    """Of the positions found, the surest share (coverage) and the share of those that is wrong (risk; El-Yaniv &
    Wiener, JMLR 2010)."""
    found = sorted((u for u in units if u.found != "none"), key=lambda u: -max(u.support, u.oppose))
    wrong = np.cumsum([u.gold not in (u.found, "mixed") for u in found])
    places = sorted({max(1, round(len(found) * k / steps)) for k in range(1, steps + 1)}) if found else []
    return [(n / len(found), float(wrong[n - 1] / n)) for n in places]


def probabilities(units: Iterable[Unit]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each judgement and side: the probability given, and whether it is so."""
    pairs = [
        (p, u.gold in (side, "mixed"))
        for u in units
        if u.judged
        for side, p in (("support", u.support), ("oppose", u.oppose))
    ]
    return np.array([p for p, _ in pairs]), np.array([hit for _, hit in pairs], bool)


def cell_agreement(gold: Mapping[Key, Stance], found: Iterable[Cell]) -> dict[str, Any]:
    """Cells judged against cells of the matrix: `right`, `opposite`, `between` (one mixed, the other on a side),
    `missed` (blank), `extra` (found where no coder saw a position or all judged that there is none); `agreement` is
    right / judged."""
    matrix = {(c.period, c.actor, c.issue, "cell"): c.stance for c in found if c.value is not None}
    counts: Counter[str] = Counter(extra=sum(gold.get(key, "none") == "none" for key in matrix))
    for key, label in gold.items():
        if label == "none":
            counts["right"] += key not in matrix
        elif key not in matrix:
            counts["missed"] += 1
        elif matrix[key] == label:
            counts["right"] += 1
        else:
            counts["between" if "mixed" in (matrix[key], label) else "opposite"] += 1
    names = ("right", "opposite", "between", "missed", "extra")
    return {"judged": len(gold)} | {n: counts[n] for n in names} | {"agreement": counts["right"] / max(1, len(gold))}


def figures(units: Sequence[Unit]) -> dict[str, Any]:
    """Every figure of a set of units, as plain values for JSON."""
    by_article = tables(units)
    total = sum(by_article.values(), np.zeros((3, 3)))
    rows = position_tables(units)
    counts = sum(rows.values(), np.zeros(4))
    each = list(by_article.values())
    p, hit = probabilities(units)
    mixed = [u for u in units if u.judged and u.gold == "mixed"]
    return {
        "articles": len(by_article),
        "judgements": int(sum(u.judged for u in units)),
        "labels": dict(Counter(u.gold for u in units if u.judged)),
        "macro_f1": asdict(_interval(each, macro_f1)),
        "f1": dict(zip(LABELS, class_f1(total).tolist(), strict=True)),
        "confusion": {"labels": LABELS, "gold_by_found": total.astype(int).tolist()},
        "sign_errors": asdict(_interval(each, sign_errors)),
        "sign_errors_of_found": asdict(_interval(each, signs_of_found)),
        "mixed": {"judged": len(mixed), "answered": sum(u.found != "none" for u in mixed)},
        "positions": {
            "f1": asdict(_interval(list(rows.values()), position_f1)),
            "precision": asdict(_interval(list(rows.values()), precision)),
            "recall": asdict(_interval(list(rows.values()), recall)),
            **dict(zip(("right", "sign_wrong", "extra", "missed"), counts.astype(int).tolist(), strict=True)),
        },
        "coverage_risk": coverage_risk(units),
        "ece": calibration_error(p, hit),
        "reliability": reliability(p, hit),
        **{f"by_{name}": _by(units, name) for name in ("actor", "issue", "role")},
        "tables": {article: table.astype(int).tolist() for article, table in by_article.items()},
    }


def _by(units: Sequence[Unit], name: str) -> dict[str, dict[str, float]]:
    """Judgements, macro-F1 and sign errors of each actor, issue, or role given."""
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.judged and getattr(unit, name):
            groups.setdefault(getattr(unit, name), []).append(unit)
    out = {}
    for key, group in sorted(groups.items()):
        table = sum(tables(group).values(), np.zeros((3, 3)))
        out[key] = {"judgements": len(group), "macro_f1": macro_f1(table), "sign_errors": sign_errors(table)}
    return out


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """Difference in macro-F1 of two evaluations over the articles that both have: value, 95% interval and two-sided p,
    by a paired bootstrap over articles (Efron & Tibshirani 1993; Koehn, EMNLP 2004)."""
    shared = sorted(set(ours["tables"]) & set(theirs["tables"]))
    if not shared:
        return {"articles": 0}
    a, b = (np.array([side["tables"][k] for k in shared], float) for side in (ours, theirs))
    value = macro_f1(a.sum(0)) - macro_f1(b.sum(0))
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(shared), (_DRAWS, len(shared)))
    draws = np.array([macro_f1(a[k].sum(0)) - macro_f1(b[k].sum(0)) for k in picks])
    low, high = np.quantile(draws, [0.025, 0.975])
    p = min(1.0, 2 * min((draws <= 0).mean(), (draws >= 0).mean()) + 1 / _DRAWS)
    return {"articles": len(shared), "difference": value, "low": float(low), "high": float(high), "p": float(p)}
