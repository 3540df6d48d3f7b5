"""Whether a model reads a proposition in other words as it reads the proposition.

    python eval/wordings.py models/curriculum/d*.jsonl

Propositions of the dev lines are scored as written and in other words whose label is known (invariance and
directional tests: Ribeiro et al., ACL 2020): denied ("does not want": `stance.nli.wordings.negation`), in the words
that recipes drill (`rewordings`, one of them each), and in words that they do not drill (below, one of them each;
some of these stand here and there in the curriculum and the pairs).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from stance.nli import DEFAULT_MODEL, load_scorer
from stance.nli.curriculum import lines, passage
from stance.nli.wordings import AGAINST, FAVOUR, negation, rewordings

YES = (
    "{who} could live with {what}", "{who} has come out for {what}", "{who} says yes to {what}",
    "{who} would not stand in the way of {what}", "{who} speaks up for {what}", "{who} considers {what} right",
)  # fmt: skip
NO = (
    "{who} says no to {what}", "{who} has come out against {what}", "{who} would be glad to be spared {what}",
    "{who} wants nothing to do with {what}", "{who} speaks out against {what}", "{who} considers {what} wrong",
)  # fmt: skip

Other = Callable[[str, int], tuple[str, bool] | None]
"""A proposition and its number -> it in other words and whether they say the same, or None."""


def denied(proposition: str, number: int) -> tuple[str, bool] | None:
    other = negation(proposition)
    return (other, False) if other else None


def taught(proposition: str, number: int) -> tuple[str, bool] | None:
    found = rewordings(proposition)
    return found[number % len(found)] if found else None


def not_taught(proposition: str, number: int) -> tuple[str, bool] | None:
    if not rewordings(proposition):
        return None
    for pattern, same in ((FAVOUR, True), (AGAINST, False)):
        if parts := pattern.fullmatch(proposition):
            form = (YES + NO)[number % len(YES + NO)]
            return form.format_map(parts.groupdict()), (form in YES) is same
    return None


def figures(guess: np.ndarray, gold: np.ndarray) -> str:
    """Accuracy, and wrong signs of the pairs with a sign that were answered by one."""
    signs = (gold != 1) & (guess != 1)
    return f"accuracy {(guess == gold).mean():.3f}, wrong signs {(guess != gold)[signs].mean():.1%}"


def pairs(files: list[Path], context: bool, other: Other) -> Iterator[tuple[str, list[tuple[str, str, bool, int]]]]:
    """Premises, and of each: propositions, the same in other words, whether they say the same, label as written."""
    number = 0
    for line in lines(files, "passages", dev=True):
        p = passage(line, context)
        kept = []
        for hypothesis, label in zip(p.hypotheses, p.labels, strict=True):
            if found := other(hypothesis, number):
                kept.append((hypothesis, *found, label))
                number += 1
        if kept:
            yield p.premise, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    for name, other in (("denied", denied), ("reworded", taught), ("in words not taught", not_taught)):
        found = list(pairs(args.files, scorer.context, other))
        as_written = np.concatenate(scorer.score([(p, [h for h, *_ in kept]) for p, kept in found])).argmax(1)
        turned = np.concatenate(scorer.score([(p, [o for _, o, *_ in kept]) for p, kept in found])).argmax(1)
        same = np.array([s for _, kept in found for _, _, s, _ in kept])
        gold = np.array([x for _, kept in found for *_, x in kept])
        turned = np.where(same, turned, 2 - turned)
        print(f"{name}: {len(gold)} propositions")
        print("  as written:", figures(as_written, gold))
        print("  so worded: ", figures(turned, gold))
        print(f"  answered alike: {(as_written == turned).mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
