"""Stance corpora of others, zero-shot: no row of them was trained on (of PLOVER: no row of the held-out tenth).

    python eval/external.py ../shared/data                        every set
    python eval/external.py ../shared/data --sets gwsd --limit 500

Each row's sentence meets templates of ours for either side; a side's value is the mean over its templates of
P(entailment), and the other side's P(contradiction) counts for it, too. Where the set has a neutral class, a row is
neutral if no side reaches `--threshold`. Macro-F1 with a bootstrap over rows (1,000 draws). What each set calls favor
and against differs: see SETS.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import f1_score

from stance.nli import DEFAULT_MODEL, load_scorer
from stance.nli.examples import held_out

Row = dict[str, Any]
Asked = tuple[str, list[str], list[str]]
"""Premise, hypotheses in favor, hypotheses against."""


@dataclass(frozen=True, slots=True)
class Set:
    """`path` under the data folder; `ask`: a row's templates; `use`: which rows; `published`: what others report (no
    zero-shot figure is known to us for the sets without)."""

    path: str
    ask: Callable[[Row], Asked]
    use: Callable[[Row], bool] = lambda row: True
    published: str = ""


def toward(row: Row) -> Asked:
    """An actor's attitude toward a target."""
    a, t = row["actor"], row["target"]
    favor = [f"{a} supports {t}", f"{a} speaks well of {t}"]
    return row["text"], favor, [f"{a} opposes {t}", f"{a} criticises {t}"]


def dealings(row: Row) -> Asked:
    """Cooperation or conflict between source and target (PLOVER)."""
    a, t = row["actor"], row["target"]
    favor = [f"{a} cooperates with {t}", f"{a} acts in favour of {t}", f"{a} is on friendly terms with {t}"]
    return row["text"], favor, [f"{a} is in conflict with {t}", f"{a} acts against {t}", f"{a} is hostile to {t}"]


def criticism(row: Row) -> Asked:
    """A speaker in the Security Council criticises somebody, or does not; there is no favor."""
    a, t = row["actor"], row["target"] or "somebody"
    return f"{a}: {row['text']}", [], [f"{a} criticises {t}", f"{a} condemns what {t} did"]


def proposition(row: Row) -> Asked:
    """A sentence for or against a proposition; the sentence's other side has no wording of its own."""
    t = row["target"].rstrip(".")
    return row["text"], [t], [f"It is not true that {t[0].lower()}{t[1:]}"]


SETS = {
    "plover": Set(
        "stance_train/plover_plv.parquet",
        dealings,
        lambda row: held_out(row["text"]),
        ".962 (roberta-large-mnli with the codebook's hypotheses, on the test split)",
    ),
    "seesaw": Set("stance_eval/seesaw.parquet", toward, lambda row: row["actor"] not in ("None", "Not in the list")),
    "umuc_unsc": Set("stance_eval/umuc_unsc.parquet", criticism),
    "gwsd": Set("stance_eval/gwsd.parquet", proposition, lambda row: row["split"] != "screen"),
    "perspectrum": Set(
        "stance_eval/perspectrum.parquet",
        proposition,
        published="F1 .708, BERT trained on its training part; people .909 (Chen et al. 2019)",
    ),
    "emergent": Set(
        "stance_eval/emergent.parquet",
        proposition,
        published="accuracy .73, trained on its training part (Ferreira & Vlachos 2016)",
    ),
}


def guesses(asked: list[Asked], scorer: Any, neutral: bool, threshold: float) -> list[str]:
    out = []
    for (_, favor, _against), scores in zip(asked, scorer.score([(p, f + a) for p, f, a in asked]), strict=True):
        n = len(favor)
        sides = {}
        for name, own, other in (("favor", scores[:n], scores[n:]), ("against", scores[n:], scores[:n])):
            if len(own):
                sides[name] = float(np.mean([*own[:, 0], *(other[:, 2] if scorer.contradiction else ())]))
        best = max(sides, key=sides.__getitem__)
        out.append("neutral" if neutral and sides[best] < threshold else best)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, help="at most so many rows of a set, drawn at random")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    results = {}
    for name in args.sets.split(","):
        chosen = SETS[name]
        rows = [row for row in pq.read_table(args.data / chosen.path).to_pylist() if chosen.use(row)]
        if args.limit and args.limit < len(rows):
            rows = random.Random(0).sample(rows, args.limit)
        gold = np.array([row["label"] for row in rows])
        guess = np.array(guesses([chosen.ask(r) for r in rows], scorer, "neutral" in gold, args.threshold))
        rng = np.random.default_rng(0)
        draws = [
            f1_score(gold[k], guess[k], average="macro", labels=sorted(set(gold)))
            for k in (rng.integers(0, len(gold), len(gold)) for _ in range(1000))
        ]
        low, high = np.quantile(draws, [0.025, 0.975])
        f1 = f1_score(gold, guess, average="macro", labels=sorted(set(gold)))
        signs = [(g, x) for g, x in zip(gold, guess, strict=True) if "neutral" not in (g, x)]
        wrong = sum(g != x for g, x in signs) / max(1, len(signs))
        results[name] = {"rows": len(rows), "macro_f1": f1, "low": low, "high": high, "sign_errors": wrong}
        print(
            f"{name}: {len(rows)} rows, macro-F1 {f1:.3f} [{low:.3f}, {high:.3f}], wrong signs {wrong:.1%}"
            + (f"; published: {chosen.published}" if chosen.published else "")
        )
        sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps({"model": scorer.fingerprint, "sets": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
