"""Observations -> cells: actor x issue x period, with an interval and the sentences behind it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import fsum

import numpy as np
from scipy.special import betaincinv

from stance.config import guess
from stance.data import Cell, Observation, Stance
from stance.errors import InputError

# From here on a cell takes a side: five articles for and three against make .25.
SIDE = 0.25
# Under this, resampling articles gives an interval of two or three points, which says nothing.
MIN_ARTICLES = 3
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value in [-1, 1] with its 95% interval (None: too few articles for one), `low <= value <= high`."""

    value: float
    low: float | None
    high: float | None


def _day(text: str) -> str | None:
    return text if len(text) == 10 else None


def _week(text: str) -> str | None:
    if len(text) != 10:
        return None
    year, week, _ = date.fromisoformat(text).isocalendar()
    return f"{year:04}-W{week:02}"


def _month(text: str) -> str | None:
    return text[:7] if len(text) >= 7 else None


def _quarter(text: str) -> str | None:
    return f"{text[:4]}-Q{(int(text[5:7]) + 2) // 3}" if len(text) >= 7 else None


def _year(text: str) -> str | None:
    return text[:4] or None


def _all(text: str) -> str | None:
    return "all" if text else None


_PERIOD = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-\d\d)?|-Q[1-4]|-W[0-5]\d)?|all")


def is_period(text: str) -> bool:
    """Whether it names a period of some kind, with or without observations: 2017, 2017-10, 2017-Q4, all."""
    return _PERIOD.fullmatch(text) is not None


PERIODS: dict[str, Callable[[str], str | None]] = {
    "day": _day,
    "week": _week,
    "month": _month,
    "quarter": _quarter,
    "year": _year,
    "all": _all,
}
"""ISO date, whole or cut (`2017-10-22`, `2017-10`, `2017`), -> its period, or None where it is too coarse to tell.
A later date never falls into an earlier period: `cells` counts on that. Weeks are ISO weeks (`2017-W43`)."""


Sides = tuple[float, float, int]
"""A sentence's probabilities of supporting and of opposing, and the side it is on: 1, -1, or 0 if it is `mixed`."""


def mean(articles: Sequence[Sequence[Sides]]) -> Estimate:
    """The mean over articles of an article's balance: (support - oppose) / (support + oppose), each summed over its
    sentences, which is the expected share of its positions on either side, so that a doubtful sentence weighs little.

    The interval is Jeffreys' for a proportion (Brown, Cai & DasGupta 2001, "Interval Estimation for a Binomial
    Proportion"), on p = (1 + value) / 2 with the article as the unit: sentences of one article are not independent.
    It tells how far so few articles may lie from the rest of the press, not how often the model errs.
    """
    return _jeffreys(_mean([_balance(sides) for sides in articles]), len(articles))


def majority(articles: Sequence[Sequence[Sides]]) -> Estimate:
    """(supporting - opposing) / (supporting + opposing) sentences, 0 if there is neither; interval as in `mean`."""
    signs = [sign for sides in articles for _, _, sign in sides]
    return _jeffreys(sum(signs) / max(1, sum(map(abs, signs))), len(articles))


def bootstrap(articles: Sequence[Sequence[Sides]]) -> Estimate:
    """As `mean`, with the percentile interval of 2,000 seeded resamples of the articles (Efron & Tibshirani 1993,
    chapter 13); no interval for fewer than three articles."""
    means = np.sort([_balance(sides) for sides in articles])  # Sorted: the order of articles must not matter.
    value, n = _mean(list(means)), len(means)
    if n < MIN_ARTICLES:
        return Estimate(value, None, None)
    rng = np.random.default_rng(0)
    # A hundred draws at once: memory stays small in a cell of many thousand articles.
    draws = np.concatenate([means[rng.integers(n, size=(100, n))].mean(axis=1) for _ in range(DRAWS // 100)])
    return _around(value, *np.quantile(draws, [0.025, 0.975]))


AGGREGATIONS: dict[str, Callable[[Sequence[Sequence[Sides]]], Estimate]] = {
    "mean": mean,
    "majority": majority,
    "bootstrap": bootstrap,
}
"""Each takes the sides of its sentences, article by article (none empty); the order must not matter."""


def check_options(period: str, aggregation: str) -> None:
    """Raise InputError unless both are known."""
    for option, name, known in (("period", period, list(PERIODS)), ("aggregation", aggregation, list(AGGREGATIONS))):
        if name not in known:
            raise InputError(f"unknown {option} {name!r}{guess(name, known)}; use one of {', '.join(known)}")


def cells(
    observations: Iterable[Observation],
    *,
    period: str = "month",
    aggregation: str = "mean",
    min_sentences: int = 1,
    evidence: int | None = 5,
    left_out: Counter[str] | None = None,
) -> Iterator[Cell]:
    """Cells of observations that come sorted by actor, issue and date; one cell at a time is held in memory.

    What rivals allege, copies, sentences of no stance and those whose date is missing or too coarse are not counted;
    `left_out`, if given, is filled with how many there were of each. A cell of fewer than `min_sentences` is blank.
    Sentences of stance `mixed` count in `n_sentences` and in the value, on neither side. A cell keeps its strongest
    `evidence` sentences of each stance (None: all), so that the weaker side is shown too. Raises InputError for an
    unknown option, ValueError for unsorted input.
    """
    check_options(period, aggregation)
    skipped: Counter[str] = Counter() if left_out is None else left_out

    def counted() -> Iterator[tuple[tuple[str, str, str], Observation]]:
        last = ("", "", "")
        for o in observations:
            if (o.actor, o.issue, o.date) < last:
                raise ValueError(f"observations must be sorted by actor, issue and date; {o.article_id} is not")
            last = (o.actor, o.issue, o.date)
            name = PERIODS[period](o.date)
            if reason := uncounted(o, name):
                skipped[reason] += 1
            else:
                yield (o.actor, o.issue, name or ""), o

    for key, group in groupby(counted(), key=lambda pair: pair[0]):
        yield _cell(key, [o for _, o in group], aggregation, min_sentences, evidence)


@dataclass(frozen=True, slots=True)
class Point:
    """What one article shows: the balance of its sentences in [-1, 1]; `date` is ISO, whole or cut."""

    date: str
    article_id: str
    value: float


def points(observations: Iterable[Observation]) -> list[Point]:
    """Of one actor on one issue, by date: what every article shows whose sentences count in a cell."""
    articles: dict[tuple[str, str], list[Sides]] = {}
    for o in observations:
        if uncounted(o, o.date or None) is None:
            articles.setdefault((o.date, o.article_id), []).append(_sides(o))
    return [Point(*key, _balance(sides)) for key, sides in sorted(articles.items())]


def uncounted(o: Observation, period: str | None) -> str | None:
    """Why no cell counts this observation, whose date falls into `period` (None: into none); None if one does."""
    if o.role == "accused":
        return "accused"
    if o.copy_of:
        return "copy"
    if o.stance == "none":
        return "no stance"
    if period is None:
        return "date too coarse" if o.date else "undated"
    return None


def _cell(
    key: tuple[str, str, str], found: list[Observation], aggregation: str, least: int, evidence: int | None
) -> Cell:
    found.sort(key=lambda o: (-o.strength, o.date, o.article_id, o.sentence_index))
    articles: dict[str, list[Sides]] = {}
    for o in found:
        articles.setdefault(o.article_id, []).append(_sides(o))
    estimate = AGGREGATIONS[aggregation](list(articles.values())) if len(found) >= least else None
    stance: Stance = "none"
    if estimate:
        stance = "support" if estimate.value >= SIDE else "oppose" if estimate.value <= -SIDE else "mixed"
    top = next((o for o in found if o.value * _sign(stance) > 0), found[0])
    seen: Counter[str] = Counter()
    kept = []
    for o in found:
        seen[o.stance] += 1
        if evidence is None or seen[o.stance] <= evidence:
            kept.append(o)
    return Cell(
        *key,
        stance,
        estimate.value if estimate else None,
        estimate.low if estimate else None,
        estimate.high if estimate else None,
        seen["support"],
        seen["oppose"],
        len(found),
        len(articles),
        top.sentence,
        top.article_id,
        tuple(kept),
    )


def _sign(stance: Stance) -> int:
    return {"support": 1, "oppose": -1}.get(stance, 0)


def _sides(o: Observation) -> Sides:
    return o.support, o.oppose, _sign(o.stance)


def _balance(sides: Sequence[Sides]) -> float:
    support, oppose = fsum(s for s, _, _ in sides), fsum(o for _, o, _ in sides)
    return (support - oppose) / (support + oppose) if support + oppose else 0.0


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)  # fsum: exact, so the order of sentences cannot show.


def _jeffreys(value: float, n: int) -> Estimate:
    hits = n * (1 + value) / 2
    low, high = (float(2 * betaincinv(hits + 0.5, n - hits + 0.5, q) - 1) for q in (0.025, 0.975))
    return _around(value, low, high)


def _around(value: float, low: float, high: float) -> Estimate:
    """At the ends of the scale the interval is drawn out to the value, as Brown, Cai & DasGupta advise."""
    return Estimate(value, min(float(low), value), max(float(high), value))
