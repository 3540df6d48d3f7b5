"""Fit the head that `stance.observe` judges with, and write it as JSON beside the model.

    python eval/fit_head.py models/curriculum/a*.jsonl --lines 12 \
        --gold eval/gold/originals.dev.jsonl configs/afpak.yaml out/gold/originals

One row a sentence x actor in it x issue x side; label 1 where that position is marked (accusations are no positions). A
logistic regression on standardised features (scikit-learn), its strength and what `stance.observe.held` asks for chosen
by cross-validation over articles: the best F1 among those with few wrong signs; the standardisation is folded into the
weights. Fit it on articles the model was not trained on: scores of trained articles are surer than any to come.
`--gold` adds a gold set with its topic and a run of `stance eval` by the same model; test gold is refused.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from curriculum import figures, lines, scored
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stance import pipeline
from stance.actors import Reading, Resolver
from stance.config import load_config, propositions
from stance.data import SIDES
from stance.gold import load_gold, locate, settled
from stance.nli import DEFAULT_MODEL, Scorer, Scores, find_model, load_scorer
from stance.nli.curriculum import Key, marked
from stance.observe import FEATURES, Evidence, role
from stance.scores import Store, Stored, Units

WITHIN = 0.01
"""Of strengths whose F1 lies so near, less than a standard error over the articles, the one that shrinks most is taken
(the one-standard-error rule of Breiman et al. 1984)."""


class Row(NamedTuple):
    """`key`: what is judged; `sentence`: the sentence read, one of several if the splitter parted the marked one."""

    features: "np.ndarray"
    marked: bool
    key: Key
    sentence: int
    side: str


Rows = list[Row]


def rows_of(
    article: str,
    readings: Sequence[Reading],
    scores: Sequence[Scores],
    evidence: Evidence,
    gold: Mapping[Key, str],
    place: Sequence[int],
) -> Rows:
    """An article's rows; `place[n]`: the number under which sentence n stands in `gold`."""
    values = evidence.features(readings, scores)
    out: Rows = []
    for n, a, i, s in np.ndindex(values.shape[:4]):
        key = (article, place[n], evidence.actors[a], evidence.issues[i])
        actor = evidence.actors[a]
        if actor not in readings[n].holders() or role(readings[n], actor) == "accused":
            continue
        if not np.isnan(values[n, a, i, s]).any():
            out.append(Row(values[n, a, i, s], gold.get(key) in (SIDES[s], "mixed"), key, n, SIDES[s]))
    return out


class Positions:
    """What rows judge, to be counted under many settings of `stance.observe.held`. A line is a sentence x actor x
    issue; of the parts of a marked sentence that the splitter parted the surest counts, as in `curriculum.found`."""

    def __init__(self, rows: Rows, gold: Mapping[Key, str]) -> None:
        line = {k: n for n, k in enumerate(dict.fromkeys((r.key, r.sentence) for r in rows))}
        holder = {k: n for n, k in enumerate(dict.fromkeys((*key[::2], sentence) for key, sentence in line))}
        asked = {key: n for n, key in enumerate(dict.fromkeys(key for key, _ in line))}
        self.lines = np.array([line[r.key, r.sentence] for r in rows])
        self.sides = np.array([SIDES.index(r.side) for r in rows])
        self.holders = np.array([holder[(*key[::2], sentence)] for key, sentence in line])
        self.asked = np.array([asked[key] for key, _ in line])
        self.articles = np.array([key[0] for key in asked])
        self.gold = np.array([gold.get(key, "") for key in asked])
        self.marked = Counter(key[0] for key in gold)

    def both(self, p: "np.ndarray") -> "np.ndarray":
        """Rows' probabilities -> (lines, 2 sides)."""
        out = np.zeros((len(self.holders), 2))
        out[self.lines, self.sides] = p
        return out

    def count(
        self, both: "np.ndarray", threshold: float, further: float, apart: float, articles: set[str] | None = None
    ) -> Counter[str]:
        """right, sign, extra, missed."""
        surest = both.max(1)
        best = np.zeros(self.holders.max() + 1)
        np.maximum.at(best, self.holders, surest)
        held = (surest >= threshold) & ((surest >= further) | (surest == best[self.holders]))
        held &= surest >= apart * both.min(1)
        order = np.flatnonzero(held)[np.argsort(surest[held])]
        found = np.full(len(self.gold), "", "<U7")
        found[self.asked[order]] = np.array(SIDES)[both[order].argmax(1)]  # The surest is written last.
        if articles is not None:
            found[~np.isin(self.articles, list(articles))] = ""
        right = (found != "") & ((found == self.gold) | (self.gold == "mixed"))
        sign, extra = (found != "") & (self.gold != "") & ~right, (found != "") & (self.gold == "")
        c = Counter(right=int(right.sum()), sign=int(sign.sum()), extra=int(extra.sum()))
        marked = sum(n for article, n in self.marked.items() if articles is None or article in articles)
        c["missed"] = marked - c["right"] - c["sign"]
        return c


def from_gold(path: Path, config_path: Path, run: Path, scorer: Scorer) -> tuple[Rows, dict[Key, str]]:
    """Rows and positions of a gold set, scores from a run's store."""
    if path.name.endswith(".test.jsonl"):
        sys.exit(f"{path} is test gold: nothing is fitted on it")
    config = load_config(config_path)
    judged = load_gold([path], config)
    labels, _ = settled(judged.judgements)
    evidence = Evidence(config, scorer.contradiction)
    out: Rows = []
    gold: dict[Key, str] = {}
    with Store(run, config.name) as store:
        items = [item for item in store.read_articles() if isinstance(item, Stored)]
        where = locate(judged, {item.article.id: (item.article, item.sentences) for item in items})
        for key, label in labels.items():
            if label != "none":
                gold[(*where[key], key[1], key[2])] = label
        articles = {article for article, _ in where.values()}
        resolver = Resolver(config)
        units = Units(store, pipeline.premises(store, resolver, propositions(config), scorer, gate=True))
        for item, readings, scores in pipeline.scored(store, units, config, resolver, scorer, Counter()):
            if item.article.id in articles:
                out += rows_of(item.article.id, readings, scores, evidence, gold, range(len(readings)))
        units.close()
    return out, gold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--lines", default="12", help="only these lines of each file; 12 is dev, and 6 reports")
    parser.add_argument("--gold", nargs=3, type=Path, action="append", default=[], metavar=("GOLD", "CONFIG", "RUN"))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--signs", type=float, default=0.05, help="wrong signs allowed, of positions found where one is"
    )
    parser.add_argument("--out", type=Path, help="default: head.json in the model's folder")
    args = parser.parse_args()
    scorer = load_scorer(args.model)
    folder = find_model(args.model)
    rows: Rows = []
    gold: dict[Key, str] = {}
    numbers = {int(n) for n in args.lines.split(",") if n}
    for number, line in enumerate(lines(args.files, numbers)):
        item = marked(line)
        scores = scored(item, scorer, args.cache)
        gold |= item.gold
        evidence = Evidence(item.config, scorer.contradiction)
        rows += rows_of(item.article.id, item.readings, scores, evidence, item.gold, item.place)
        print(f"\r{number + 1} articles", end="", file=sys.stderr)
    parts = {"curriculum": {r.key[0] for r in rows}}
    for triple in args.gold:
        more, theirs = from_gold(*triple, scorer)
        parts[triple[0].stem] = {r.key[0] for r in more}
        rows += more
        gold |= theirs
    print(file=sys.stderr)
    x, y = np.array([r.features for r in rows]), np.array([r.marked for r in rows])
    names = {name: k for k, name in enumerate(dict.fromkeys(r.key[0] for r in rows))}
    g = np.array([names[r.key[0]] for r in rows])
    print("means: " + ", ".join(f"{name} {mean:.2f}" for name, mean in zip(FEATURES, x.mean(0), strict=True)))

    positions = Positions(rows, gold)
    tried = []
    for strength in (0.01, 0.1, 1.0):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))
        p = cross_val_predict(model, x, y, groups=g, cv=GroupKFold(8), method="predict_proba")[:, 1]
        both = positions.both(p)
        tried += [
            (strength, t, further, apart, figures(positions.count(both, t, further, apart)), both)
            for t in np.arange(0.12, 0.5, 0.02).round(2).tolist()
            for further in (0.0, 0.3, 0.36, 0.42, 0.5)
            for apart in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
        ]
    sure = [t for t in tried if t[4]["sign_errors"] <= args.signs]
    if not sure:
        print(
            f"no setting has {args.signs:.0%} wrong signs or fewer; the one with the fewest is taken", file=sys.stderr
        )
        sure = [min(tried, key=lambda t: t[4]["sign_errors"])]
    best = max(t[4]["f1"] for t in sure)
    shrunk = min(t[0] for t in sure if t[4]["f1"] >= best - WITHIN)
    sure = [t for t in sure if t[0] == shrunk]
    for title, among in (("best F1", tried), (f"taken, wrong signs up to {args.signs:.0%}", sure)):
        strength, threshold, further, apart, result, both = max(among, key=lambda t: t[4]["f1"])
        print(
            f"cross-validated, {title}: C {strength}, thresholds {threshold}, {further}, apart {apart}: "
            + ", ".join(f"{k} {v:.3f}" for k, v in result.items())
        )
    for name, articles in parts.items():
        part = figures(positions.count(both, threshold, further, apart, articles))
        print(f"  {name}: " + ", ".join(f"{k} {v:.3f}" for k, v in part.items()))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000)).fit(x, y)
    weights = model[-1].coef_[0] / model[0].scale_
    intercept = float(model[-1].intercept_[0] - (weights * model[0].mean_).sum())
    for name, raw, scaled in zip(FEATURES, weights, model[-1].coef_[0], strict=True):
        print(f"  {name:12} {raw:+.3f}  standardised {scaled:+.2f}")
    head = {
        "model": scorer.fingerprint,
        "rows": len(y),
        "positions": int(y.sum()),
        "articles": int(g.max()) + 1,
        "threshold": threshold,
        "further": further,
        "apart": apart,
        "intercept": round(intercept, 4),
        "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)},
    }
    out = args.out or (folder or Path()) / "head.json"
    out.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
