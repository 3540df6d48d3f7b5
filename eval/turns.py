"""How often turns are found where nothing turned, and where something did.

    python eval/turns.py [--runs 100] [--series 40]

A run is `--series` actors and issues, each with the balances of its articles in random order: every turn found is a
false alarm. Then half of the series of a run turn in their middle (articles of one side, a tenth of them on the other).
Series of fewer than eight articles are not tested and stand apart.
"""

import argparse

import numpy as np

from stance.matrix import Point
from stance.turns import Turn, turns


def series(values: np.ndarray) -> list[Point]:  # type: ignore[type-arg]
    return [Point(f"{2000 + k // 12}-{k % 12 + 1:02}", f"a{k}", float(v)) for k, v in enumerate(values)]


def balances(rng: np.random.Generator, n: int, share: float) -> np.ndarray:  # type: ignore[type-arg]
    """Articles' balances as runs show them: near 1 or -1, seldom between."""
    sides = np.where(rng.random(n) < share, 1, -1)
    return np.asarray(sides * rng.beta(6, 1, n))


def run(rng: np.random.Generator, n: int, share: float, number: int, turned: int) -> list[Turn]:
    found = []
    for k in range(number):
        values = balances(rng, n, share)
        if k < turned:
            values = np.concatenate([balances(rng, n // 2, 0.9), balances(rng, n - n // 2, 0.1)])
        found.append((f"a{k:03}", "i", series(values)))
    return turns(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--series", type=int, default=40)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{args.runs} runs of {args.series} series each")
    print("articles  for   alarms a run  runs with one   found of those that turn  false of those listed")
    for n in (5, 8, 12, 20, 40):
        for share in (0.5, 0.8):
            calm = [run(rng, n, share, args.series, 0) for _ in range(args.runs)]
            half = args.series // 2
            moved = [run(rng, n, share, args.series, half) for _ in range(args.runs)]
            right = [len({t.actor for t in found if t.actor < f"a{half:03}"}) for found in moved]
            wrong = [sum(t.actor >= f"a{half:03}" for t in found) for found in moved]
            listed = sum(map(len, moved))
            alarms, any_one = np.mean([len(f) for f in calm]), np.mean([bool(f) for f in calm])
            print(
                f"{n:8}  {share:.1f}   {alarms:12.2f}  {any_one:13.1%}"
                f"   {sum(right) / half / args.runs:24.1%}  {sum(wrong) / max(1, listed):21.1%}"
            )


if __name__ == "__main__":
    main()
