"""Gold against the pipeline: run it over gold's articles, compare, write what a developer and an analyst need."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from stance import pipeline, runs
from stance.actors import Resolver
from stance.config import Config, load_config, propositions
from stance.data import Article, Cell, Observation, Rejected, Sentence, Stance
from stance.errors import InputError
from stance.files import atomic
from stance.gold import (
    BASELINES,
    ENTAILED,
    LABELS,
    Gold,
    Unit,
    agreement,
    cell_agreement,
    class_f1,
    figures,
    load_gold,
    locate,
    macro_f1,
    plot,
    position_f1,
    position_tables,
    propositions_alone,
    settled,
    sign_errors,
    tables,
)
from stance.ingest import read_articles, sentences
from stance.nli import Scorer
from stance.observe import Judge, role
from stance.scores import Store, Stored, Units


def evaluate(
    gold_paths: Sequence[Path],
    config_path: Path,
    out: Path,
    scorer: Scorer,
    *,
    inputs: Sequence[str] = (),
    metadata: Path | None = None,
    gate: bool | None = None,
    progress: pipeline.Progress | None = None,
) -> dict[str, Any]:
    """Run the pipeline over `inputs` into `out` (what is scored there is not scored again) and compare it with gold.
    `gate`: without the baseline that needs every pair; this (None) and all else as the run had it, if there is one.

    Writes `eval.json` and `eval.md` (and, with matplotlib, `eval.svg`) into `out`; returns what the JSON holds. Raises
    InputError for faults in gold.
    """
    config = load_config(config_path)
    gold = load_gold(gold_paths, config)
    if not settled(gold.judgements)[0]:
        raise InputError(f"{gold_paths[0]}: no judgement of a sentence is settled; judge some, or settle what is open")
    if not inputs and not (out / "store" / "run.json").exists():
        raise InputError(f"{out} holds no run yet; name the articles that gold judges with --articles")
    locate(gold, _articles(inputs, metadata) if inputs else _stored(out))  # Faults are told before hours of scoring.
    options = pipeline.settings(out, gate=gate)
    gate = bool(options["gate"])
    manifest = pipeline.run(out, config_path, scorer, inputs=inputs, metadata=metadata, progress=progress, **options)
    with Store(out, config.name) as store:
        resolver, judge = Resolver(config), Judge(config, scorer)
        units = Units(store, pipeline.premises(store, resolver, propositions(config), scorer, gate=gate))
        try:
            found = compare_with_gold(gold, config, store, units, judge, resolver, scorer)
        finally:
            units.close()
    _, still_open = settled(gold.judgements)
    cells, _ = settled(gold.cells)
    result = figures(found)
    result |= {
        "gold": [str(p) for p in gold_paths],
        "open": len(still_open),
        "sampled": any(j.chosen for j in gold.judgements),
        "model": manifest["model"],
        "head": manifest["head"],
        "config": manifest["config"],
        "agreement": {
            "sentences": asdict(agreement(gold.judgements)),
            "cells": asdict(agreement(gold.cells)) if gold.cells else None,
        },
        "cells": cell_agreement(cells, _cells(out, config, manifest, {key[0] for key in cells})) if cells else None,
        "baselines": _baselines(found, config, alone=not gate),
    }
    _write(out, result, found, config)
    plot(result, out)
    return result


def _articles(inputs: Sequence[str], metadata: Path | None) -> dict[str, tuple[Article, Sequence[Sentence]]]:
    found = (item for item in read_articles(inputs, metadata) if not isinstance(item, Rejected))
    return {article.id: (article, list(sentences(article))) for article in found}


def _stored(out: Path) -> dict[str, tuple[Article, Sequence[Sentence]]]:
    with Store(out, write=False) as store:
        items = [item for item in store.read_articles() if isinstance(item, Stored)]
    return {item.article.id: (item.article, item.sentences) for item in items}


def _cells(out: Path, config: Config, manifest: dict[str, Any], judged: Iterable[str]) -> list[Cell]:
    """The cells of the run by those kinds of period that coders judged, whatever the run's own."""
    kinds = sorted({"year" if len(name) == 4 else "quarter" if "Q" in name else "month" for name in judged})
    return [
        cell
        for kind in kinds
        for cell in runs.matrix_of(out, config, {"matrix": manifest["matrix"] | {"period": kind}}, evidence=0)
    ]


def compare_with_gold(
    gold: Gold, config: Config, store: Store, units: Units, judge: Judge, resolver: Resolver, scorer: Scorer
) -> list[Unit]:
    """Every judgement with what the pipeline makes of it; beside them every position found, and every one that the
    propositions alone would find, in gold's articles."""
    labels, _ = settled(gold.judgements)
    where = locate(gold, _stored(store.out))
    by_article: dict[str, dict[tuple[int, str, str], Stance]] = {}
    for key, label in labels.items():
        article, index = where[key]
        by_article.setdefault(article, {})[index, key[1], key[2]] = label
    actors, issues = list(config.actors), list(config.issues)
    out: list[Unit] = []
    sampled = {j.article for j in gold.judgements if j.chosen}  # Nobody read these whole: what is not judged is open.
    for item, readings, rows in pipeline.scored(store, units, config, resolver, scorer, Counter()):
        judged = by_article.get(item.article.id)
        if judged is None:
            continue
        both, best = judge.probabilities(readings, rows), judge.evidence.dense(rows)[..., 1]
        seen: dict[tuple[int, str, str], Observation] = {
            (o.sentence_index, o.actor, o.issue): o for o in judge.observe(item.article, readings, rows, item.copy_of)
        }
        positions = {k for k, o in seen.items() if o.role != "accused" and o.stance != "none"}
        entailed = {(int(n), actors[a], issues[i]) for n, a, i in np.argwhere(np.nan_to_num(best).max(-1) >= ENTAILED)}
        beside = set() if item.article.id in sampled else positions | entailed
        for index, actor, issue in sorted(set(judged) | beside):
            o = seen.get((index, actor, issue))
            place = index, actors.index(actor), issues.index(issue)
            support, oppose = both[place]
            out.append(
                Unit(
                    item.article.id,
                    index,
                    actor,
                    issue,
                    readings[index].sentence.text,
                    judged.get((index, actor, issue), "none"),
                    (index, actor, issue) in judged,
                    o.stance if o and (index, actor, issue) in positions else "none",
                    float(support),
                    float(oppose),
                    o.role if o else role(readings[index], actor),
                    (float(best[place][0]), float(best[place][1])),
                )
            )
    return out


def _baselines(found: Sequence[Unit], config: Config, *, alone: bool) -> dict[str, dict[str, Any]]:
    judged = [u for u in found if u.judged]
    out: dict[str, dict[str, Any]] = {}
    for name, baseline in BASELINES.items():
        if baseline is propositions_alone and not alone:
            continue
        table = sum(tables(judged, baseline(judged, config)).values(), np.zeros((3, 3)))
        out[name] = {
            "macro_f1": macro_f1(table),
            "f1": dict(zip(LABELS, class_f1(table).tolist(), strict=True)),
            "sign_errors": sign_errors(table),
        }
    if alone:
        units = [replace(u, found=x) for u, x in zip(found, propositions_alone(found, config), strict=True)]
        counts = sum(position_tables(units).values(), np.zeros(4))
        out["propositions alone"]["position_f1"] = position_f1(counts)
    return out


def as_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Cells for a table: what, macro-F1, F1 of support, oppose and none, sign errors, F1 of positions in whole
    articles; baselines first."""
    rows = [
        [
            name,
            f"{b['macro_f1']:.3f}",
            *(f"{b['f1'][x]:.3f}" for x in LABELS),
            f"{b['sign_errors']:.1%}",
            f"{b['position_f1']:.3f}" if "position_f1" in b else "",
        ]
        for name, b in result["baselines"].items()
    ]
    f1 = [f"{result['f1'][x]:.3f}" for x in LABELS]
    f1_of_positions = f"{result['positions']['f1']['value']:.3f}"
    signs = _with_interval(result["sign_errors"], percent=True)
    rows.append(["stance", _with_interval(result["macro_f1"]), *f1, signs, f1_of_positions])
    return rows


def summary(result: Mapping[str, Any]) -> list[str]:
    """The other figures, a line each."""
    p, a = result["positions"], result["agreement"]["sentences"]
    where = "among sampled sentences" if result["sampled"] else "in whole articles"
    lines = [
        f"{result['judgements']} judgements in {result['articles']} articles"
        + (f", {result['open']} of them not settled between coders and left out" if result["open"] else ""),
        f"positions {where}: precision {_with_interval(p['precision'])}, recall "
        f"{_with_interval(p['recall'])}, F1 {_with_interval(p['f1'])} (right {p['right']}, sign wrong "
        f"{p['sign_wrong']}, extra {p['extra']}, missed {p['missed']})",
        f"sign errors among positions found: {_with_interval(result['sign_errors_of_found'], percent=True)}",
        f"calibration: ECE {result['ece']:.3f}",
    ]
    if a["n"] and a["alpha"] is not None:
        per = ", ".join(f"{k} {v:.2f}" for k, v in a["by_label"].items() if v is not None)
        lines.append(
            f"coders: Krippendorff's alpha {a['alpha']:.3f} [{a['low']:.3f}, {a['high']:.3f}] on {a['n']} judgements "
            f"({per})"
        )
    if c := result["cells"]:
        lines.append(
            f"cells: {c['right']} of {c['judged']} as coders see them, {c['opposite']} opposite, {c['between']} "
            f"between, {c['missed']} blank; {c['extra']} more found"
        )
    return lines


def _with_interval(figure: Mapping[str, float | None], *, percent: bool = False) -> str:
    show = "{:.1%}" if percent else "{:.3f}"
    text = show.format(figure["value"])
    if figure["low"] is not None:
        text += f" [{show.format(figure['low'])}, {show.format(figure['high'])}]"
    return text


def _write(out: Path, result: Mapping[str, Any], found: Sequence[Unit], config: Config) -> None:
    for name, text in (
        ("eval.json", json.dumps(result, indent=1, ensure_ascii=False)),
        ("eval.md", "\n".join(_markdown(result, found, config))),
    ):
        with atomic(out / name) as file:
            file.write(text + "\n")


def _markdown(result: Mapping[str, Any], found: Sequence[Unit], config: Config) -> list[str]:
    out = [f"# {', '.join(Path(p).name for p in result['gold'])}", ""]
    out += ["| | macro-F1 | support | oppose | none | sign errors | positions |", "| --- " * 7 + "|"]
    out += ["| " + " | ".join(row) + " |" for row in as_rows(result)]
    out += ["", *(f"- {line}" for line in summary(result)), ""]
    for name in ("actor", "issue", "role"):
        out += [f"| {name} | judgements | macro-F1 | sign errors |", "| --- | --- | --- | --- |"]
        out += [
            f"| {key} | {row['judgements']} | {row['macro_f1']:.3f} | {row['sign_errors']:.1%} |"
            for key, row in result[f"by_{name}"].items()
        ] + [""]
    out += ["| coverage of positions found | risk |", "| --- | --- |"]
    out += [f"| {coverage:.0%} | {risk:.1%} |" for coverage, risk in result["coverage_risk"]]
    out += ["", "## Where it fails", "", "Surest first. Gold, then what was found, with P(support) and P(oppose).", ""]
    wrong = [u for u in found if u.gold != u.found and not (u.gold == "mixed" and u.found != "none")]
    for u in sorted(wrong, key=lambda u: -abs(u.support - u.oppose)):
        issue = config.issues[u.issue]
        out.append(
            f"- **{config.actors[u.actor].label}**, {issue.label}: {u.gold}{'' if u.judged else ' (not marked)'}, "
            f"found {u.found} ({u.support:.2f}, {u.oppose:.2f}; {u.role})  \n  {u.article} [{u.index}] "
            f"{' '.join(u.sentence.split())}"
        )
    return out
