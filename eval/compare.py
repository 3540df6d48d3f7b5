"""Variants of a recipe at equal cost: the depth of the split, the data, a teacher.

    python eval/compare.py models/recipes/stance-nli-7.yaml --steps 100 --out out/compare

Each variant trains `--steps` steps from the recipe's start on the sources that begin at once, with one seed, and is
then measured: the recipe's dev passages, 200 premises of MNLI's matched dev if `--mnli` names the file, and the time
that 100 sentences of seeds/ take with 100 propositions. A variant that is done is not trained again. Equal steps favour
what the start was trained with: read the splits as what so short a training brings back.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from bench_scoring import texts

from stance.nli import Scorer, packed
from stance.nli.evaluation import evaluate_files
from stance.nli.examples import files_of
from stance.nli.recipe import Recipe, load_recipe
from stance.nli.training import train

CURRICULUM = ("passages", "articles")


def variants(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Names and what each changes in the recipe."""
    now = [s for s in recipe.sources if not s.after]
    out: dict[str, dict[str, Any]] = {
        f"split {n}": {"sources": now, "layout": recipe.layout.model_copy(update={"split": n})} for n in (0, 4, 6, 8, 9)
    }
    out["split 8, taught"] = out["split 8"] | {"teachers": [recipe.start]}
    out["no curriculum"] = {"sources": [s for s in now if s.kind not in CURRICULUM]}
    out["curriculum alone"] = {"sources": [s for s in now if s.kind in CURRICULUM]}
    return out


def load(model: Path) -> Scorer:
    """Without the self-test on plain pairs: that few steps leave a model which fails it is a result here."""
    return packed.load(model, json.loads((model / "config.json").read_text(encoding="utf-8")))


def seconds(scorer: Scorer) -> float:
    """Of scoring 100 of the sample articles' sentences with 100 propositions, once warm."""
    sentences, propositions = texts()
    items = [(sentence, propositions[:100]) for sentence in sentences[:100]]
    scorer.score(items[:8])
    began = time.perf_counter()
    scorer.score(items)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mnli", type=Path)
    parser.add_argument("--only", nargs="*", help="names of variants; default: all")
    args = parser.parse_args()
    recipe = load_recipe(args.recipe)
    if not recipe.dev:
        parser.error(f"{args.recipe}: expected `dev`, the passages to compare on")
    print("variant           passages  wrong signs  MNLI   seconds", flush=True)
    for name, change in variants(recipe).items():
        if args.only and name not in args.only:
            continue
        update = {"steps": args.steps, "stop": None, "dev": [], "storage": "fp32"} | change
        folder = args.out / name.replace(" ", "-").replace(",", "")
        model = train(recipe.model_copy(update=update), folder)
        scorer = load(model)
        passages = evaluate_files(files_of(recipe.dev), scorer, dev=True, limit=None)[-1]
        mnli = evaluate_files([str(args.mnli)], scorer, dev=False, limit=200)[0].accuracy if args.mnli else None
        print(
            f"{name:17} {passages.accuracy:.3f}     {passages.sign_errors:.1%}        "
            f"{'' if mnli is None else f'{mnli:.3f}':6} {seconds(scorer):.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
