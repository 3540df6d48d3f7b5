"""Who moved, and when: change points in an actor's dated positions on an issue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from stance.matrix import SIDE, Point

ALPHA = 0.05
RESAMPLES = 1999
# Of two sides there are so few orders of seven articles that none is rarer than one in twenty.
MIN_TESTED = 8
# A shift within one side is worth a line from half the scale's half on: from +.9 to +.4.
SHIFT = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """From `before` to `after` (means over so many articles each, in [-1, 1]), between the dates `last` and `first`.

    `clean`: all articles before lie on one side and all after it on the other. `p`: of the permutation test, None where
    there are too few articles to test.
    """

    actor: str
    issue: str
    last: str
    first: str
    before: float
    after: float
    n_before: int
    n_after: int
    p: float | None
    clean: bool


def turns(series: Sequence[tuple[str, str, Sequence[Point]]]) -> list[Turn]:
    """Turns of many (actor, issue, points), the points of each sorted by date; tested ones first, large before small.

    A turn is the cut between two dates at which the mean moves most for its standard error (CUSUM), tested against
    orders of the same articles at random; further cuts are looked for on either side of one found (binary
    segmentation; Vostrikova 1981). Positions are exchangeable if nothing moved, so that no distribution is assumed.
    Of all tests of a run, those are kept whose false discovery rate is at most 5% (Benjamini & Hochberg 1995), and
    of these the shifts of 0.5 or more. A clean cut between means of 0.25 and more is kept if its own p is at most 5%,
    or if there are fewer than eight articles, which cannot be tested.
    """
    found = [turn for actor, issue, points in series for turn in _segment(actor, issue, list(points))]
    tested = [t for t in found if t.p is not None]
    rates = false_discovery_control([t.p for t in tested]) if tested else ()
    sure = {id(t) for t, q in zip(tested, rates, strict=True) if q <= ALPHA and abs(t.after - t.before) >= SHIFT}
    clean = (t for t in found if t.clean and min(abs(t.before), abs(t.after)) >= SIDE)
    sure |= {id(t) for t in clean if t.p is None or t.p <= ALPHA}
    kept = [t for t in found if id(t) in sure]
    return sorted(kept, key=lambda t: (t.p is None, -abs(t.after - t.before), t.first, t.actor, t.issue))


def _segment(actor: str, issue: str, points: list[Point]) -> Iterator[Turn]:
    values = np.array([p.value for p in points])
    cuts = np.array(list(_cuts(points)), dtype=int)
    if not len(cuts) or not np.ptp(values):
        return
    sizes = _sizes(values[None], cuts)[0]
    cut = int(cuts[sizes.argmax()])
    p = None
    if len(points) >= MIN_TESTED:
        p = _p(values, cuts, float(sizes.max()))
    before, after = values[:cut], values[cut:]
    clean = bool(before.max() < 0 < after.min() or after.max() < 0 < before.min())
    means = float(before.mean()), float(after.mean())
    yield Turn(actor, issue, points[cut - 1].date, points[cut].date, *means, cut, len(after), p, clean)
    if p is not None and p <= ALPHA:
        for part in (points[:cut], points[cut:]):
            if len(part) >= MIN_TESTED:
                yield from _segment(actor, issue, part)


def _cuts(points: list[Point]) -> Iterator[int]:
    """Where all later points are surely later: "2017-02-01" need not be later than "2017", behind which it sorts."""
    earlier: set[str] = set()
    for k, point in enumerate(points):
        if k and earlier.isdisjoint((point.date, point.date[:4], point.date[:7])):
            yield k
        earlier.add(point.date)


def _p(values: NDArray[np.float64], cuts: NDArray[np.int_], size: float) -> float:
    """How often articles in an order at random show a cut as large (North, Curtis & Sham 2002 for the added one)."""
    rng = np.random.default_rng(0)
    at_once = max(1, min(RESAMPLES, 2_000_000 // len(values)))
    larger, left = 0, RESAMPLES
    while left:
        orders = rng.permuted(np.tile(values, (min(left, at_once), 1)), axis=1)
        # The margin takes equal sums that floats set a hair apart.
        larger += int((_sizes(orders, cuts).max(1) >= size - 1e-9).sum())
        left -= len(orders)
    return (1 + larger) / (1 + RESAMPLES)


def _sizes(rows: NDArray[np.float64], cuts: NDArray[np.int_]) -> NDArray[np.float64]:
    """For each row and cut, how far the means of the two sides lie apart, in units of their standard error."""
    n = rows.shape[1]
    left = rows.cumsum(1)[:, cuts - 1]
    shift = np.abs(left / cuts - (rows.sum(1)[:, None] - left) / (n - cuts))
    sizes: NDArray[np.float64] = shift * np.sqrt(cuts * (n - cuts) / n)
    return sizes
