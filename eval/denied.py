"""Whether a model reads a denied proposition ("does not want") as the opposite of the proposition.

    python eval/denied.py models/curriculum/d*.jsonl

Every proposition of the dev lines that `stance.nli.examples.negation` can deny is scored as written and denied, where
entailment and contradiction change places (a test by a change whose answer is known: Ribeiro et al., ACL 2020).
"""

import argparse
from pathlib import Path

import numpy as np

from stance.nli import DEFAULT_MODEL, load_scorer
from stance.nli.curriculum import lines, passage
from stance.nli.examples import negation


def figures(guess: np.ndarray, gold: np.ndarray) -> str:
    """Accuracy, and wrong signs of the pairs with a sign that were answered by one."""
    signs = (gold != 1) & (guess != 1)
    return f"accuracy {(guess == gold).mean():.3f}, wrong signs {(guess != gold)[signs].mean():.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    plain: list[tuple[str, list[str]]] = []
    denied: list[tuple[str, list[str]]] = []
    gold: list[int] = []
    for line in lines(args.files, "passages", dev=True):
        p = passage(line, scorer.context)
        kept = [(h, other, x) for h, x in zip(p.hypotheses, p.labels, strict=True) if (other := negation(h))]
        if kept:
            plain.append((p.premise, [h for h, _, _ in kept]))
            denied.append((p.premise, [other for _, other, _ in kept]))
            gold += [x for _, _, x in kept]
    as_written, turned = (np.concatenate(scorer.score(groups)).argmax(1) for groups in (plain, denied))
    print(f"{len(gold)} propositions")
    print("as written:", figures(as_written, np.array(gold)))
    print("denied:    ", figures(2 - turned, np.array(gold)))
    print(f"answered alike: {(as_written == 2 - turned).mean():.3f}")


if __name__ == "__main__":
    main()
