"""Static plots for print: the matrix, and a cell over time. They need matplotlib (extra `plot`)."""

from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stance.config import Config
from stance.data import Cell
from stance.errors import InputError
from stance.matrix import PERIODS, SIDE, Point
from stance.turns import Turn

FORMATS = (".png", ".svg", ".pdf")
# More panels side by side are too narrow to read.
PANELS = 6


def plot_matrix(cells: Sequence[Cell], config: Config, path: Path) -> Path:
    """A heat map an actor wide and an issue high for every period: value, and sentences for and against.

    Raises InputError for a suffix other than .png, .svg, .pdf, more than six periods, or without matplotlib.
    """
    pyplot = _pyplot(path)
    from matplotlib.patches import Rectangle

    periods = sorted({c.period for c in cells}) or ["all"]
    if len(periods) > PANELS:
        raise InputError(f"{len(periods)} periods do not fit on one plot; at most {PANELS}: give --period year or all")
    actors = [a for a in config.actors if any(c.actor == a for c in cells)]
    issues = [i for i in config.issues if any(c.issue == i for c in cells)]
    colours = pyplot.get_cmap("PuOr")
    size = (2.6 + max(1, len(actors)) * len(periods) * 0.75 + len(periods) * 0.2, 1.2 + max(1, len(issues)) * 0.45)
    figure, axes = pyplot.subplots(1, len(periods), figsize=size, squeeze=False, sharey=True)
    for axis, period in zip(axes[0], periods, strict=True):
        for c in (c for c in cells if c.period == period):
            x, y = actors.index(c.actor), issues.index(c.issue)
            mixed = c.value is not None and abs(c.value) < SIDE
            face = colours(0.5 + c.value * 0.42) if c.value is not None else "white"
            axis.add_patch(
                Rectangle(
                    (x - 0.48, y - 0.47), 0.96, 0.94, facecolor="white" if mixed else face, edgecolor="0.7",
                    hatch="//" if mixed else None, linewidth=0.6, linestyle=":" if c.value is None else "-",
                )
            )  # fmt: skip
            text = f"{c.support} / {c.oppose}" if c.value is None else f"{c.value:+.2f}\n{c.support} / {c.oppose}"
            dark = c.value is not None and abs(c.value) > 0.75
            axis.text(x, y, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
        labels = [config.actors[a].label for a in actors]
        axis.set_xticks(range(len(actors)), labels, rotation=40, ha="left", fontsize=8)
        axis.set(xlim=(-0.5, max(1, len(actors)) - 0.5), ylim=(max(1, len(issues)) - 0.5, -0.5))
        axis.set_xlabel("" if period == "all" else period)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
    axes[0][0].set_yticks(range(len(issues)), [config.issues[i].label for i in issues], fontsize=8)
    return _save(figure, path)


def plot_cell(
    points: Sequence[Point], cells: Sequence[Cell], turned: Sequence[Turn], title: str, period: str, path: Path
) -> Path:
    """One actor on one issue over time: a dot an article, the periods' values with intervals, turns. Raises as
    plot_matrix."""
    pyplot = _pyplot(path)
    figure, axis = pyplot.subplots(figsize=(8, 3.2))
    colours = pyplot.get_cmap("PuOr")
    axis.axhline(0, color="0.6", linewidth=0.8)
    for turn in turned:
        last, first = _day(turn.last), _day(turn.first)
        axis.axvline(last + (first - last) / 2, color="black", linewidth=1, linestyle="--")
    valued = [c for c in cells if c.value is not None]
    by_period: dict[str, list[datetime]] = {}
    for point in points:
        by_period.setdefault(PERIODS[period](point.date) or "", []).append(_day(point.date))
    for c in (c for c in valued if by_period.get(c.period)):
        days = by_period[c.period]
        middle = min(days) + (max(days) - min(days)) / 2
        if c.ci_low is not None and c.ci_high is not None:
            axis.plot([middle, middle], [c.ci_low, c.ci_high], color="0.75", linewidth=5, solid_capstyle="butt")
    axis.scatter(
        [_day(p.date) for p in points], [p.value for p in points], c=[colours(0.5 + p.value * 0.42) for p in points],
        edgecolors="0.3", linewidths=0.5, zorder=3,
    )  # fmt: skip
    axis.set(ylim=(-1.08, 1.08), title=title)
    axis.set_yticks([-1, 0, 1], ["-1\nagainst", "0", "+1\nfor"])
    axis.spines[["top", "right"]].set_visible(False)
    figure.autofmt_xdate()
    return _save(figure, path)


def _day(date: str) -> datetime:
    """Of a date that is cut the middle."""
    return datetime.fromisoformat({4: f"{date}-07-01", 7: f"{date}-15"}.get(len(date), date))


def _pyplot(path: Path) -> Any:
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a plot is one of {', '.join(FORMATS)}; name the file so")
    if find_spec("matplotlib") is None:
        raise InputError("matplotlib is missing; install the extra: pip install -e '.[plot]', in the clone")
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "stance"
    matplotlib.rcParams["text.parse_math"] = False  # "$5 to $10" is no formula.
    matplotlib.use("svg" if path.suffix.lower() == ".svg" else "agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    # Nothing that changes from one call to the next: a plot is kept beside what it shows.
    plain = {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    figure.savefig(path, bbox_inches="tight", dpi=160, metadata=plain)
    pyplot.close(figure)
    return path
