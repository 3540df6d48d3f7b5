"""Fit the head that `stance.observe` judges with, and write it as JSON beside the model.

    python eval/fit_head.py models/curriculum/a*.jsonl --lines 12 \
        --gold eval/gold/originals.dev.jsonl configs/afpak.yaml out/gold/originals

One row a sentence x actor in it x issue x side; label 1 where that position is marked (accusations are no positions). A
logistic regression on standardised features (scikit-learn), its strength and both thresholds (`stance.observe.held`)
chosen by cross-validation over articles; the standardisation is folded into the weights. Fit it on articles the model
was not trained on: scores of trained articles are surer than any to come. `--gold` adds a gold set with its topic and a
run of `stance eval` by the same model; test gold is refused.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from curriculum import count, figures, lines, scored
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

Rows = list[tuple["np.ndarray", bool, str, Key, str]]
"""Features, whether the position is marked, article, what is judged, side."""


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
            out.append((values[n, a, i, s], gold.get(key) in (SIDES[s], "mixed"), article, key, SIDES[s]))
    return out


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
        units = Units(store, pipeline.premises(store, resolver, propositions(config), gate=True))
        for item, readings, scores in pipeline.scored(store, units, config, resolver, scorer.fingerprint, Counter()):
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
    parts = {"curriculum": {r[2] for r in rows}}
    for triple in args.gold:
        more, positions = from_gold(*triple, scorer)
        parts[triple[0].stem] = {r[2] for r in more}
        rows += more
        gold |= positions
    print(file=sys.stderr)
    keys = [(key, side) for *_, key, side in rows]
    x, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    names = {name: k for k, name in enumerate(dict.fromkeys(r[2] for r in rows))}
    g = np.array([names[r[2]] for r in rows])
    print("means: " + ", ".join(f"{name} {mean:.2f}" for name, mean in zip(FEATURES, x.mean(0), strict=True)))

    def score(p: "np.ndarray", threshold: float, further: float, articles: set[str] | None = None) -> dict[str, float]:
        best: dict[Key, tuple[float, str]] = {}
        surest: dict[tuple[str, int, str], float] = {}
        for k in np.flatnonzero(p >= threshold):
            key, side = keys[k]
            if articles is None or key[0] in articles:
                best[key] = max(best.get(key, (0.0, "")), (float(p[k]), side))
                surest[key[:3]] = max(surest.get(key[:3], 0.0), float(p[k]))
        asked = {key: stance for key, stance in gold.items() if articles is None or key[0] in articles}
        held = {key: side for key, (sure, side) in best.items() if sure >= further or sure == surest[key[:3]]}
        return figures(count(asked, held))

    tried = []
    guesses = {}
    for strength in (0.01, 0.1, 1.0):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))
        p = cross_val_predict(model, x, y, groups=g, cv=GroupKFold(8), method="predict_proba")[:, 1]
        guesses[strength] = p
        tried += [
            (strength, round(float(t), 2), further, score(p, float(t), further))
            for t in np.arange(0.12, 0.5, 0.02)
            for further in (0.0, 0.3, 0.36, 0.42, 0.5)
        ]
    strength, threshold, further, result = max(tried, key=lambda t: t[3]["f1"])
    print(
        f"cross-validated: C {strength}, thresholds {threshold}, {further}: "
        + ", ".join(f"{k} {v:.3f}" for k, v in result.items())
    )
    for name, articles in parts.items():
        part = score(guesses[strength], threshold, further, articles)
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
        "intercept": round(intercept, 4),
        "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)},
    }
    out = args.out or (folder or Path()) / "head.json"
    out.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
