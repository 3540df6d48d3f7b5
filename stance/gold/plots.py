"""Plots of an evaluation, where matplotlib is installed (extra `plot`)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def plot(result: Mapping[str, Any], out: Path) -> Path | None:
    """Reliability of the probabilities, and risk by coverage, side by side into `out/eval.svg`; None without
    matplotlib."""
    if find_spec("matplotlib") is None:
        return None
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.6))
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.plot(
        [p for p, _, _ in result["reliability"]], [y for _, y, _ in result["reliability"]], marker="o", color="#0072b2"
    )
    left.set(xlabel="probability of a side", ylabel="share so judged", xlim=(0, 1), ylim=(0, 1))
    right.plot(
        [c for c, _ in result["coverage_risk"]], [r for _, r in result["coverage_risk"]], marker="o", color="#d55e00"
    )
    right.set(xlabel="share of positions found, surest first", ylabel="share wrong", xlim=(0, 1.02), ylim=(0, 1))
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path = out / "eval.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return path
