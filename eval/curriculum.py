"""The compass: the real pipeline over articles whose every position is marked.

    python eval/curriculum.py models/curriculum/a*.jsonl --lines 6,12

Each article brings its own actors and issues. Its text is split, read for actors, scored and judged by the package's
own functions, and every sentence x actor x issue is compared with the marks: precision, recall, F1, and the share of
wrong signs among the positions found. An accusation is nobody's position: marked or found as such, it does not count.
The interval of F1 is a bootstrap over articles (1,000 draws).
"""

import argparse
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stance.actors import Resolver
from stance.config import propositions
from stance.data import Observation
from stance.nli import DEFAULT_MODEL, Scorer, Scores, load_scorer
from stance.nli.curriculum import Key, Marked, marked
from stance.observe import Judge
from stance.pipeline import together, views


def lines(files: list[Path], numbers: set[int]) -> Iterator[str]:
    """The numbered lines of each file (counted from 1), or all."""
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not numbers or number in numbers:
                yield line


def scored(item: Marked, scorer: Scorer, cache: Path | None) -> list[Scores]:
    """The scores of every sentence x proposition about the actors in it (NaN for the others, whose positions are never
    found), kept in `cache` (a file a premise) if one is given; means of `pipeline.views`, as in the pipeline."""
    wanted = propositions(item.config)
    texts = list(dict.fromkeys(p.text for p in wanted))
    column = {text: k for k, text in enumerate(texts)}
    read = list(views(Resolver(item.config), item.readings, scorer.context))
    asked = [list(dict.fromkeys(p.text for p in wanted if p.actor in r.present())) for r in item.readings]
    items = [(premise, own) for sentence, own in zip(read, asked, strict=True) for premise in sentence]
    results = zip(_cached(items, scorer, cache), scorer.clipped([premise for premise, _ in items]), strict=True)
    rows = []
    for sentence, own in zip(read, asked, strict=True):
        row = np.full((len(texts), 3), np.nan, np.float32)
        alone, *behind = (next(results) for _ in sentence)
        row[[column[text] for text in own]] = together(alone[0], *behind)
        rows.append(row)
    return rows


def _cached(items: list[tuple[str, list[str]]], scorer: Scorer, cache: Path | None) -> list[Scores]:
    if cache is None:
        return scorer.score(items)
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"{hashlib.sha256(f'{scorer.fingerprint} {i}'.encode()).hexdigest()[:32]}.npy" for i in items]
    new = [k for k, path in enumerate(paths) if not path.exists()]
    for k, scores in zip(new, scorer.score([items[k] for k in new]), strict=True):
        new_file = paths[k].with_suffix(".tmp.npy")  # A run that is stopped leaves no half of a file behind.
        np.save(new_file, scores, allow_pickle=False)
        os.replace(new_file, paths[k])
    return [np.load(path, allow_pickle=False) for path in paths]


def found(item: Marked, observations: Iterator[Observation]) -> tuple[dict[Key, str], dict[Key, str]]:
    """Positions and their roles, on the marked sentences; of two on one sentence the surer."""
    stances: dict[Key, str] = {}
    roles: dict[Key, str] = {}
    for o in sorted((o for o in observations if o.stance != "none"), key=lambda o: o.strength):
        key = (o.article_id, item.place[o.sentence_index], o.actor, o.issue)
        stances[key], roles[key] = o.stance, o.role
    return {k: v for k, v in stances.items() if roles[k] != "accused"}, roles


def count(gold: dict[Key, str], pred: dict[Key, str]) -> Counter[str]:
    """right, sign, extra, missed."""
    c: Counter[str] = Counter()
    for key, stance in pred.items():
        if key not in gold:
            c["extra"] += 1
        else:
            # Marked mixed, either side is right; found mixed where one side is marked is a doubt, and no hit.
            c["right" if gold[key] in (stance, "mixed") else "sign"] += 1
    c["missed"] = len(gold) - c["right"] - c["sign"]
    return c


def figures(c: Counter[str]) -> dict[str, float]:
    """precision, recall, F1, and sign errors as a share of the positions found where one is marked."""
    predicted, positions = c["right"] + c["sign"] + c["extra"], c["right"] + c["sign"] + c["missed"]
    precision, recall = c["right"] / max(1, predicted), c["right"] / max(1, positions)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-9, precision + recall),
        "sign_errors": c["sign"] / max(1, c["right"] + c["sign"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--lines", default="", help="only these lines of each file, e.g. 6,12 (the dev lines)")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--cache", type=Path, help="folder for scores, so that a second run scores nothing")
    parser.add_argument("--threshold", type=float, help="instead of the head's own")
    parser.add_argument("--errors", action="store_true", help="print every error")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    per_article: list[Counter[str]] = []
    roles: Counter[str] = Counter()
    numbers = {int(n) for n in args.lines.split(",") if n}
    for line in lines(args.files, numbers):
        item = marked(line)
        judge = Judge(item.config, scorer)
        if args.threshold is not None:
            judge.threshold = args.threshold
        scores = scored(item, scorer, args.cache)
        pred, pred_roles = found(item, judge.observe(item.article, item.readings, scores))
        per_article.append(count(item.gold, pred))
        roles["accusations marked"] += len(item.accused)
        roles["accusations taken for positions"] += sum(k in pred for k in item.accused)
        for key in set(pred) & set(item.gold):
            roles["role right" if pred_roles[key] == item.roles[key] else "role wrong"] += 1
        if args.errors:
            text = {item.place[r.sentence.index]: r.sentence.text for r in item.readings}
            for key in sorted(set(pred) | set(item.gold)):
                if pred.get(key) != item.gold.get(key):
                    print(
                        f"{key[0]} {key[1]:2} {key[2]} / {key[3]}: marked {item.gold.get(key)}, found {pred.get(key)}"
                    )
                    print("    " + text.get(key[1], ""))
        print(f"\r{len(per_article)} articles", end="", file=sys.stderr)
    print(file=sys.stderr)
    total = sum(per_article, Counter())
    result = figures(total)
    rng = np.random.default_rng(0)
    draws = [
        figures(sum((per_article[k] for k in rng.integers(0, len(per_article), len(per_article))), Counter()))["f1"]
        for _ in range(1000)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    print(
        f"{len(per_article)} articles, {total['right'] + total['sign'] + total['missed']} positions: "
        f"right {total['right']}, sign wrong {total['sign']}, extra {total['extra']}, missed {total['missed']}\n"
        f"precision {result['precision']:.3f}  recall {result['recall']:.3f}  F1 {result['f1']:.3f} "
        f"[{low:.3f}, {high:.3f}]  sign errors {result['sign_errors']:.1%}\n"
        + "; ".join(f"{k}: {v}" for k, v in roles.items())
    )
    if args.json:
        args.json.write_text(json.dumps(result | {"f1_low": low, "f1_high": high, **total, **roles}, indent=1))


if __name__ == "__main__":
    main()
