"""Calibration: how far stated probabilities are from how often they come true."""

import numpy as np
from numpy.typing import NDArray

_BINS = 15


def reliability(sure: NDArray[np.floating], right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Mean probability, share right, and number of cases, of each of 15 bins of equal width that has any."""
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    return [
        (float(sure[bins == k].mean()), float(right[bins == k].mean()), int((bins == k).sum()))
        for k in range(_BINS)
        if (bins == k).any()
    ]


def calibration_error(sure: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean |probability - share right|, by bin."""
    return sum(n * abs(p - share) for p, share, n in reliability(sure, right)) / max(1, len(sure))
