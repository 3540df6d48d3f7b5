"""Whether a model reads a sentence, or goes by what it is about: contrast sets.

    python eval/twins.py models/curriculum/t*.jsonl

Each passage of `t*.jsonl` is the twin of one of `d*.jsonl`: the same propositions behind another sentence. Twin A
keeps nearly all the words and turns answers, twin B says the same in other words. Of the dev lines, whose passages no
recipe trains on either, it prints how often originals and twins are read rightly, how often a turned answer is missed
because the original's is given again, and how many propositions are right in all of their sentences (consistency:
Gardner et al., Evaluating Models' Local Decision Boundaries via Contrast Sets, Findings of EMNLP 2020).
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from wordings import figures

from stance.data import LABELS
from stance.nli import DEFAULT_MODEL, load_scorer
from stance.nli.curriculum import lines, passage

Row = tuple[str, str, str, int]
"""Passage, which of its sentences (`original`, `A`, `B`), proposition, label."""


def sentences(files: list[Path], context: bool) -> tuple[list[tuple[str, list[str]]], list[Row]]:
    """Premises with hypotheses (twins on the dev lines of these files and their originals), and a row for each pair."""
    items, rows = [], []
    originals: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for line in lines(files, "passages", dev=True):
        twin: dict[str, Any] = json.loads(line)
        name = twin["of"].split("-")[0]
        if not any(key.startswith(f"{name}-") for key in originals):
            found = lines([files[0].with_name(f"{name}.jsonl")], "passages", dev=True)
            originals |= {json.loads(other)["id"]: other for other in found}
        for which, text in (("original", originals[twin["of"]]), (twin["twin"], line)):
            if (twin["of"], which) in seen:
                continue
            seen.add((twin["of"], which))
            p = passage(text, context)
            items.append((p.premise, p.hypotheses))
            rows += [(twin["of"], which, h, label) for h, label in zip(p.hypotheses, p.labels, strict=True)]
    return items, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    items, rows = sentences(args.files, scorer.context)
    guess = np.concatenate(scorer.score(items)).argmax(1)
    gold = np.array([label for *_, label in rows])
    labels = {(of, h): label for of, which, h, label in rows if which == "original"}
    old = np.array([labels[of, h] for of, _, h, _ in rows])
    for which in ("original", "A", "B"):
        own = np.array([w == which for _, w, _, _ in rows])
        print(f"{which}: {own.sum()} pairs, {figures(guess[own], gold[own])}")
        turned = own & (gold != old)
        if which == "A" and turned.any():
            again = (guess == old)[turned].mean()
            print(f"  {turned.sum()} turned: right {(guess == gold)[turned].mean():.3f}, the old answer {again:.3f}")
            for label in np.unique(gold[turned]):
                now = turned & (gold == label)
                print(f"    now {LABELS[label]}: {now.sum()}, right {(guess == gold)[now].mean():.3f}")
    each = defaultdict(list)
    for (of, _, h, _), right in zip(rows, guess == gold, strict=True):
        each[of, h].append(right)
    whole = [all(right) for right in each.values() if len(right) == 3]
    print(f"right in all three sentences: {np.mean(whole):.3f} of {len(whole)} propositions")


if __name__ == "__main__":
    main()
