"""Turns are found where a position moves, and seldom where it does not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.matrix import Point
from stance.turns import ALPHA, turns


def points(values: list[float], step: int = 1) -> list[Point]:
    return [Point(f"{2000 + k // 12}-{k % 12 + 1:02}", f"a{k}", v) for k, v in enumerate(values[::step])]


def test_a_turn_is_found_with_its_dates_and_size() -> None:
    (turn,) = turns([("norland", "dam", points([0.9] * 10 + [-0.8] * 8))])
    assert (turn.last, turn.first) == ("2000-10", "2000-11")
    assert (round(turn.before, 2), round(turn.after, 2), turn.n_before, turn.n_after) == (0.9, -0.8, 10, 8)
    assert turn.p is not None
    assert turn.p <= ALPHA


def test_there_and_back_are_two_turns() -> None:
    found = turns([("norland", "dam", points([0.9] * 12 + [-0.8] * 12 + [0.7] * 12))])
    assert [t.first for t in sorted(found, key=lambda t: t.first)] == ["2001-01", "2002-01"]


def test_few_articles_on_opposite_sides_are_a_turn_that_is_not_tested() -> None:
    (turn,) = turns([("norland", "dam", points([0.9, -0.9, -0.8]))])
    assert turn.p is None
    assert (turn.last, turn.first) == ("2000-01", "2000-02")
    assert turns([("norland", "dam", points([0.9, 0.2, 0.8]))]) == []
    assert turns([("norland", "dam", points([0.9, 0.8, -0.9, 0.7, -0.8, -0.9]))]) == []


def test_a_clean_cut_is_a_turn_with_its_p_whatever_else_was_tested() -> None:
    calm = [(f"a{k}", "dam", points([0.9, -0.9] * 8)) for k in range(30)]
    (turn,) = turns([("norland", "dam", points([0.9, 0.9, 0.8, -0.9, -0.5, -0.9, -0.3, -0.5])), *calm])
    assert turn.actor == "norland"
    assert turn.clean
    assert turn.p is not None


def test_articles_of_one_day_are_not_parted() -> None:
    same = [Point("2001-05-03", f"a{k}", v) for k, v in enumerate([1, 1, -1, -1])]
    assert turns([("norland", "dam", same)]) == []
    assert turns([("norland", "dam", [])]) == []


def test_a_year_alone_is_not_before_its_own_months() -> None:
    dates = ["2017"] * 4 + [f"2017-0{m}-01" for m in range(2, 6)]
    values = [0.9] * 4 + [-0.9] * 4
    found = [Point(date, f"a{k}", value) for k, (date, value) in enumerate(zip(dates, values, strict=True))]
    assert turns([("norland", "dam", found)]) == []
    later = [Point(p.date.replace("2017-", "2018-"), p.article_id, p.value) for p in found]
    assert [(t.last, t.first) for t in turns([("norland", "dam", later)])] == [("2017", "2018-02-01")]


@given(st.lists(st.floats(-1, 1), max_size=40))
@settings(max_examples=25, deadline=None)
def test_every_turn_lies_between_two_dates_and_its_means_are_those_of_the_sides(values: list[float]) -> None:
    series = points(values)
    for turn in turns([("norland", "dam", series)]):
        assert turn.last < turn.first
        assert -1.0001 <= min(turn.before, turn.after) <= max(turn.before, turn.after) <= 1.0001
        assert turn.n_before + turn.n_after <= len(series)


def test_shuffled_series_seldom_turn() -> None:
    # One series a run, so that the rate is the test's own: 5% of 200 is 10, and 21 would come once in some thousand.
    rng = np.random.default_rng(1)
    alarms = sum(bool(turns([("n", "i", points(list(rng.choice([-1.0, 1.0], 20))))])) for _ in range(200))
    assert alarms <= 21
