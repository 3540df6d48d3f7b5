"""Cells of two runs -> which moved, and by which sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from stance.data import Cell, Observation

# A cell or sentence that moves less reads the same to two decimals or nearly so: not worth a line of `stance diff`.
MOVED = 0.05


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that differs between two runs: as it was and as it is (None: not there), with the sentences that are new,
    gone, or judged otherwise (as it was, as it is)."""

    actor: str
    issue: str
    period: str
    before: Cell | None
    after: Cell | None
    new: tuple[Observation, ...]
    gone: tuple[Observation, ...]
    changed: tuple[tuple[Observation, Observation], ...]

    def __str__(self) -> str:
        """One line for the cell, one for each sentence."""
        lines = [f"{self.actor} / {self.issue} / {self.period}: {_brief(self.before)} -> {_brief(self.after)}"]
        marked = [("+", o, f"{o.value:+.2f}") for o in self.new] + [("-", o, f"{o.value:+.2f}") for o in self.gone]
        marked += [("~", b, f"{a.value:+.2f} -> {b.value:+.2f}") for a, b in self.changed]
        for mark, o, value in marked:
            lines.append(f"  {mark} {value}  {' '.join(o.sentence.split())}  [{o.article_id} {o.start}-{o.end}]")
        return "\n".join(lines)


def diff(a: Sequence[Cell], b: Sequence[Cell]) -> list[Change]:
    """Cells that appeared, vanished, changed stance or moved by 0.05 or more from `a` to `b`.

    Sentences are known by article and offsets. They are taken from the cells' evidence: make the cells with
    `evidence=None`, or a sentence that only lost its place among the strongest passes for gone.
    """
    before, after = ({(c.actor, c.issue, c.period): c for c in side} for side in (a, b))
    changes = []
    for key in dict.fromkeys([*before, *after]):
        was, now = before.get(key), after.get(key)
        if was and now and was.stance == now.stance and not _moved(was.value, now.value):
            continue
        old, new = ({(o.article_id, o.start, o.end): o for o in (c.evidence if c else ())} for c in (was, now))
        both = [(old[k], new[k]) for k in old.keys() & new.keys()]
        judged = [(x, y) for x, y in both if x.stance != y.stance or _moved(x.value, y.value)]
        changes.append(
            Change(
                *key,
                was,
                now,
                tuple(o for k, o in new.items() if k not in old),
                tuple(o for k, o in old.items() if k not in new),
                tuple(sorted(judged, key=lambda pair: -abs(pair[1].value - pair[0].value))),
            )
        )
    return changes


def _brief(cell: Cell | None) -> str:
    if cell is None:
        return "no cell"
    return f"{'blank' if cell.value is None else f'{cell.stance} {cell.value:+.2f}'} ({cell.n_sentences})"


def _moved(a: float | None, b: float | None) -> bool:
    # The margin takes .35 against .30, which floats put just under .05.
    return a is not None and b is not None and abs(a - b) >= MOVED - 1e-9
