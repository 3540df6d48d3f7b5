"""Which of a sentence's probabilities count as positions."""

import numpy as np

from stance.observe import held


def test_a_further_issue_of_an_actor_must_be_surer_than_its_first() -> None:
    # One sentence, two actors, three issues; the other side is as good as excluded.
    surest = np.array([[[0.30, 0.35, 0.10], [0.25, 0.05, 0.80]]])
    both = np.stack([surest, np.full_like(surest, 0.01)], -1)
    assert held(both, 0.2, further=0.42, apart=3)[0].tolist() == [[False, True, False], [False, False, True]]
    assert held(both, 0.2, further=0.28, apart=3)[0].tolist() == [[True, True, False], [False, False, True]]
    assert not held(both, 0.9, further=0.1, apart=3).any()


def test_a_position_whose_side_is_in_doubt_is_none() -> None:
    both = np.array([[[[0.6, 0.3], [0.3, 0.7]]]])
    assert held(both, 0.2, further=0.2, apart=1)[0, 0].tolist() == [True, True]
    assert held(both, 0.2, further=0.2, apart=2.2)[0, 0].tolist() == [False, True]
