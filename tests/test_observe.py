"""Which of a sentence's probabilities count as positions."""

import numpy as np

from stance.observe import held


def test_a_further_issue_of_an_actor_must_be_surer_than_its_first() -> None:
    # One sentence, two actors, three issues.
    surest = np.array([[[0.30, 0.35, 0.10], [0.25, 0.05, 0.80]]])
    assert held(surest, threshold=0.2, further=0.42)[0].tolist() == [[False, True, False], [False, False, True]]
    assert held(surest, threshold=0.2, further=0.28)[0].tolist() == [[True, True, False], [False, False, True]]
    assert not held(surest, threshold=0.9, further=0.1).any()
