"""A cell is what its sentences make it: no allegation, no copy, no guessed date; blank for want of evidence."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.changes import diff
from stance.data import Cell, Observation, Stance
from stance.errors import InputError
from stance.matrix import AGGREGATIONS, PERIODS, cells, check_options


def seen(value: float, article: str = "a1", index: int = 0, date: str = "2017-10-22", **more: str) -> Observation:
    stance: Stance = "support" if value > 0.1 else "oppose" if value < -0.1 else "mixed"
    support, oppose = (1 + value) / 2, (1 - value) / 2
    start = 10 * index
    made = Observation(
        article, date, index, start, start + 9, f"Words {index} of {article}.", "up", "dam", stance, value, support,
        oppose, "own",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2017-10-22", ["2017-10-22", "2017-W42", "2017-10", "2017-Q4", "2017", "all"]),
        ("2017-01-01", ["2017-01-01", "2016-W52", "2017-01", "2017-Q1", "2017", "all"]),
        ("2018-12-31", ["2018-12-31", "2019-W01", "2018-12", "2018-Q4", "2018", "all"]),
        ("2017-06", [None, None, "2017-06", "2017-Q2", "2017", "all"]),
        ("2017", [None, None, None, None, "2017", "all"]),
        ("", [None] * 6),
    ],
)
def test_a_date_falls_into_its_period_or_into_none(date: str, expected: list[str | None]) -> None:
    assert [period(date) for period in PERIODS.values()] == expected


@given(st.lists(st.dates().map(str).flatmap(lambda d: st.sampled_from([d, d[:7], d[:4]]))), st.sampled_from([*PERIODS]))
def test_a_later_date_never_falls_into_an_earlier_period(dates: list[str], period: str) -> None:
    periods = [p for p in map(PERIODS[period], sorted(dates)) if p]
    assert periods == sorted(periods)


values = st.floats(-1, 1)
articles = st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=8)


def sides(groups: list[list[float]]) -> list[list[tuple[float, float, int]]]:
    return [[((1 + v) / 2, (1 - v) / 2, (v > 0) - (v < 0)) for v in group] for group in groups]


@pytest.mark.parametrize("name", AGGREGATIONS)
@settings(max_examples=60, deadline=None)
@given(groups=articles, seed=st.randoms(use_true_random=False))
def test_an_aggregation_stays_on_the_scale_and_in_its_interval(
    name: str, groups: list[list[float]], seed: random.Random
) -> None:
    estimate = AGGREGATIONS[name](sides(groups))
    assert -1 <= estimate.value <= 1
    if estimate.low is not None and estimate.high is not None:
        assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1
    shuffled = [seed.sample(group, len(group)) for group in seed.sample(groups, len(groups))]
    assert AGGREGATIONS[name](sides(shuffled)) == estimate
    mirrored = AGGREGATIONS[name](sides([[-v for v in group] for group in groups]))
    assert mirrored.value == pytest.approx(-estimate.value)
    if name != "bootstrap" and estimate.low is not None:
        assert mirrored.high == pytest.approx(-estimate.low)


def test_the_mean_is_by_article_and_its_interval_is_jeffreys() -> None:
    # Nine sentences of one article weigh as much as one of another.
    assert AGGREGATIONS["mean"](sides([[1.0] * 9, [-1.0]])).value == 0
    # Brown, Cai & DasGupta (2001): 5 of 10 gives [.224, .776].
    estimate = AGGREGATIONS["mean"](sides([[1.0]] * 5 + [[-1.0]] * 5))
    assert (estimate.low, estimate.high) == pytest.approx((2 * 0.2235 - 1, 2 * 0.7765 - 1), abs=1e-3)
    # More articles, narrower; all of one mind, the interval ends at the end of the scale.
    assert AGGREGATIONS["mean"](sides([[1.0]])).low == pytest.approx(-0.7065, abs=1e-3)
    assert AGGREGATIONS["mean"](sides([[1.0]] * 40)).low == pytest.approx(0.88, abs=1e-2)
    assert AGGREGATIONS["mean"](sides([[1.0]])).high == 1


def test_majority_counts_sentences_and_bootstrap_wants_three_articles() -> None:
    assert AGGREGATIONS["majority"](sides([[0.9, 0.2, 0.3], [-0.8]])).value == 0.5
    assert AGGREGATIONS["majority"](sides([[0.0]])).value == 0
    assert AGGREGATIONS["bootstrap"](sides([[1.0], [-1.0]])).low is None
    three = AGGREGATIONS["bootstrap"](sides([[1.0], [1.0], [-1.0]]))
    assert (three.low, three.high) == (-1.0, 1.0)


def test_a_mixed_sentence_is_on_neither_side_of_a_majority() -> None:
    (alone,) = cells([seen(0.1, stance="mixed")], aggregation="majority")
    assert (alone.stance, alone.value, alone.support, alone.oppose, alone.n_sentences) == ("mixed", 0, 0, 0, 1)
    found = [seen(0.9), seen(-0.9, index=1), seen(-0.8, index=2), seen(0.1, index=3, stance="mixed")]
    (among,) = cells(found, aggregation="majority")
    assert among.value == pytest.approx(-1 / 3)


def test_a_cell_shows_both_sides_and_its_strongest_sentence() -> None:
    found = [seen(0.5, index=0), seen(0.9, index=1), seen(0.9, index=2), seen(-0.95, index=3), seen(0.05, index=4)]
    (cell,) = cells(found, evidence=1)
    assert (cell.actor, cell.issue, cell.period, cell.stance) == ("up", "dam", "2017-10", "support")
    assert cell.value == pytest.approx(0.28)
    assert (cell.support, cell.oppose, cell.n_sentences, cell.n_articles) == (3, 1, 5, 1)
    # On the cell's side, the earliest of the strongest; the other side is shown although it is outnumbered.
    assert (cell.top_sentence, cell.top_article) == ("Words 1 of a1.", "a1")
    assert [o.sentence_index for o in cell.evidence] == [3, 1, 4]
    (whole,) = cells(found, evidence=None)
    assert [o.sentence_index for o in whole.evidence] == [3, 1, 2, 0, 4]


@pytest.mark.parametrize(("value", "stance"), [(0.25, "support"), (0.24, "mixed"), (-0.24, "mixed"), (-0.25, "oppose")])
def test_a_cell_takes_a_side_from_a_quarter_on(value: float, stance: str) -> None:
    (cell,) = cells([seen(value)])
    assert cell.stance == stance


def test_too_little_evidence_is_blank_and_never_zero() -> None:
    (cell,) = cells([seen(0.9)], min_sentences=2)
    assert (cell.stance, cell.value, cell.ci_low, cell.ci_high, cell.n_sentences) == ("none", None, None, None, 1)
    assert list(cells([])) == []


def test_what_does_not_count_is_counted_apart() -> None:
    left_out: Counter[str] = Counter()
    odd = [
        seen(0.9, date=""),
        seen(0.9, date="2017"),
        seen(0.9, role="accused"),
        seen(0.9, copy_of="a0"),
        seen(0.0, stance="none"),
    ]
    assert list(cells(odd, left_out=left_out)) == []
    assert left_out == {"undated": 1, "date too coarse": 1, "accused": 1, "copy": 1, "no stance": 1}


def test_periods_follow_one_another_and_partial_dates_find_theirs() -> None:
    dates = ["2017-09-30", "2017-10", "2017-10-01", "2017-11-02"]
    found = [seen(0.5, article=f"a{k}", date=date) for k, date in enumerate(dates)]
    assert [(c.period, c.n_articles) for c in cells(found)] == [("2017-09", 1), ("2017-10", 2), ("2017-11", 1)]
    assert [(c.period, c.n_articles) for c in cells(found, period="quarter")] == [("2017-Q3", 1), ("2017-Q4", 3)]


def test_unsorted_observations_would_make_a_cell_twice_and_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by actor, issue and date"):
        list(cells([seen(0.5, date="2018-01-01"), seen(0.5, date="2017-01-01")]))


def test_an_unknown_option_is_one_line() -> None:
    with pytest.raises(
        InputError, match=r"^unknown period 'moth'; did you mean 'month'\?; use one of day, week, month"
    ):
        check_options("moth", "mean")
    with pytest.raises(InputError, match=r"^unknown aggregation 'sum'; use one of mean, majority, bootstrap$"):
        list(cells([], aggregation="sum"))


observation = st.builds(
    lambda v, a, i, d, actor: seen(v, f"a{a}", i, d, actor=actor),
    values, st.integers(0, 3), st.integers(0, 9), st.sampled_from(["2017-10-22", "2017-10", "2017-09-01", ""]),
    st.sampled_from(["down", "up"]),
)  # fmt: skip
sentences = st.lists(observation, max_size=12, unique_by=lambda o: (o.actor, o.article_id, o.sentence_index))


def order(o: Observation) -> tuple[str, str, str]:
    return o.actor, o.issue, o.date


@given(sentences, st.sampled_from([*AGGREGATIONS]), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_within_a_cell_copies_and_allegations_change_nothing(
    found: list[Observation], aggregation: str, seed: random.Random
) -> None:
    once = list(cells(sorted(found, key=order), aggregation=aggregation))
    shuffled = seed.sample(found, len(found))
    noise = [replace(o, copy_of="a0") for o in found] + [replace(o, role="accused", value=-o.value) for o in found]
    assert list(cells(sorted(shuffled + noise, key=order), aggregation=aggregation)) == once
    assert sum(c.n_sentences for c in once) == sum(o.date != "" for o in found)


def one(*found: Observation) -> list[Cell]:
    return list(cells(sorted(found, key=order), evidence=None))


def test_diff_tells_which_cells_moved_and_by_which_sentences() -> None:
    kept, weaker = seen(0.8, index=0), seen(0.6, index=1)
    stays = seen(0.5, "s", date="2017-01-01")
    before = one(stays, kept, weaker, seen(0.9, date="2016-05-01"))
    after = one(stays, kept, seen(-0.6, index=1), seen(-0.7, index=2))
    assert [str(change) for change in diff(before, after)] == [
        "up / dam / 2016-05: support +0.90 (1) -> no cell\n  - +0.90  Words 0 of a1.  [a1 0-9]",
        "up / dam / 2017-10: support +0.70 (2) -> mixed -0.17 (3)\n"
        "  + -0.70  Words 2 of a1.  [a1 20-29]\n"
        "  ~ +0.60 -> -0.60  Words 1 of a1.  [a1 10-19]",
    ]


def test_diff_is_empty_for_equal_runs_and_quiet_about_small_moves() -> None:
    assert diff(one(seen(0.8)), one(seen(0.8))) == []
    assert diff(one(seen(0.8)), one(seen(0.84))) == []
    assert len(diff(one(seen(0.35)), one(seen(0.30)))) == 1
    blank = list(cells([seen(0.8)], min_sentences=2, evidence=None))
    assert str(diff(blank, one(seen(0.8)))[0]) == "up / dam / 2017-10: blank (1) -> support +0.80 (1)"
