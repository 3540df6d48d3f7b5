"""What is made of a run once its sentences are judged: the matrix, the page, the sentences behind a cell, who turned,
what moved since another run. No model is loaded."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stance import page, plots, report
from stance.changes import diff
from stance.config import Config, load_config
from stance.data import Cell, Observation
from stance.errors import InputError
from stance.matrix import PERIODS, cells, is_period, points, uncounted
from stance.page import data as page_data
from stance.scores import Store, connect, sql_table
from stance.turns import Turn, turns

# What no cell counts, by the reason that `uncounted` gives, as `explain` heads it.
UNCOUNTED = {
    "accused": "Alleged by others, not counted:",
    "copy": "In copies, not counted again:",
    "no stance": "Taken back or of no stance, not counted:",
    "undated": "Without a date, not counted:",
    "date too coarse": "With a date too coarse for the run's periods, not counted:",
}


def open_run(out: Path) -> tuple[Config, dict[str, Any]]:
    """Config and manifest of a finished run; raises InputError if there is none in `out`."""
    with Store(out, write=False) as store:
        manifest = out / "manifest.json"
        if not manifest.exists():
            raise InputError(f"the run in {out} was not finished; give the command that began it again to complete it")
        return load_config(store.root / "config.yaml"), json.loads(manifest.read_text(encoding="utf-8"))


def stored_observations(out: Path, actor: str | None = None, issue: str | None = None) -> Iterator[Observation]:
    """The observations of a run, by actor, issue and date; streamed."""
    path = out / "observations.parquet"
    if not path.exists():
        raise InputError(f"{path} is missing; give the command that began this run again")
    columns = ", ".join(f'"{f.name}"' for f in pq.read_schema(path) if f.name in Observation.__dataclass_fields__)
    values = {name: value for name, value in (("actor", actor), ("issue", issue)) if value is not None}
    where = " AND ".join(f"{name} = ${name}" for name in values)
    with connect(out / "store" / ".spill") as db:
        rows = db.execute(
            f"SELECT {columns} FROM {sql_table(path)} "
            f"{'WHERE ' + where if where else ''} ORDER BY actor, issue, date, article_id, sentence_index",
            values or None,
        )
        names = [d[0] for d in rows.description]
        while batch := rows.fetchmany(1024):
            for row in batch:
                yield Observation(**dict(zip(names, row, strict=True)))


def aggregate(
    out: Path, config: Config, manifest: dict[str, Any], *, period: str, aggregation: str, min_sentences: int
) -> list[Cell]:
    """Matrix, page and, last, manifest, from the observations in `out`; no model is loaded."""
    left_out: Counter[str] = Counter()
    found = list(
        cells(
            stored_observations(out),
            period=period,
            aggregation=aggregation,
            min_sentences=min_sentences,
            left_out=left_out,
        )
    )
    found.sort(key=lambda c: (list(config.actors).index(c.actor), list(config.issues).index(c.issue), c.period))
    report.write_matrix(found, out)
    report.write_wide(found, out)
    manifest["matrix"] = {
        "period": period,
        "aggregation": aggregation,
        "min_sentences": min_sentences,
        "cells": len(found),
        "observations_left_out": dict(sorted(left_out.items())),
    }
    page.write_page(payload(out, config, manifest), out)
    report.write_manifest(manifest, out)
    return found


def matrix_of(out: Path, config: Config, manifest: dict[str, Any], evidence: int | None = 5) -> list[Cell]:
    """The cells of a run as it was last aggregated, in the config's order, with so much evidence (None: all)."""
    m = manifest["matrix"]
    found = cells(
        stored_observations(out),
        period=m["period"],
        aggregation=m["aggregation"],
        min_sentences=m["min_sentences"],
        evidence=evidence,
    )
    return sorted(
        found, key=lambda c: (list(config.actors).index(c.actor), list(config.issues).index(c.issue), c.period)
    )


def explain(out: Path, actor: str, issue: str, period: str | None, limit: int) -> Iterator[str]:
    """Lines that show the sentences behind a cell: what counts, strongest first, then what does not, by reason."""
    config, manifest = open_run(out)
    for kind, name, known in (("actor", actor, config.actors), ("issue", issue, config.issues)):
        if name not in known:
            raise InputError(f"no {kind} {name!r} in this run; it has {', '.join(known)}")
    dates = {
        row["article_id"]: row
        for row in csv.DictReader((out / "articles.csv").read_text(encoding="utf-8").splitlines(keepends=True))
        if row["status"] != "rejected"  # a rejected double has the id of the article that was kept
    }
    found = [
        o
        for o in stored_observations(out, actor, issue)
        if period is None or any(in_period(o.date) == period for in_period in PERIODS.values())
    ]
    if period is not None and not found:
        if not is_period(period):
            raise InputError(f"{period!r} is no period; expected 2017, 2017-10, 2017-Q4, 2017-W43 or 2017-10-22")
        periods = sorted({o.date for o in stored_observations(out, actor, issue)})
        yield f"nothing in {period}; there are observations of {', '.join(periods) or 'no date'}"
        return
    label = f"{config.actors[actor].label} / {config.issues[issue].label}"
    groups: dict[str | None, list[Observation]] = {}
    for o in found:
        groups.setdefault(uncounted(o, PERIODS[manifest["matrix"]["period"]](o.date)), []).append(o)
    yield f"{label}{f' in {period}' if period else ''}: {len(groups.get(None, []))} sentences count"
    for reason in (None, *UNCOUNTED):
        group = groups.get(reason, [])
        if group and reason:
            yield UNCOUNTED[reason]
        for o in sorted(group, key=lambda o: -o.strength)[:limit]:
            article = dates.get(o.article_id, {})
            yield (
                f"  {o.stance:8}{o.value:+.2f}  support {o.support:.2f}  oppose {o.oppose:.2f}  {o.role:9}"
                f"{o.date or 'undated':11}{article.get('source', '')} [{o.article_id} {o.start}-{o.end}]"
            )
            yield f"      {' '.join(o.sentence.split())}"
        if len(group) > limit:
            yield f"  ... and {len(group) - limit} more (--limit)"


def payload(
    out: Path, config: Config, manifest: dict[str, Any], *, text: bool = True, live: bool = False
) -> dict[str, Any]:
    """What the page of a run shows, from the run's files; figures against gold, if this model, head and config made
    them."""
    path = out / "eval.json"
    gold = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if gold and any(gold.get(k) != manifest[k] for k in ("model", "head", "config")):
        gold = None
    return page_data.payload(
        stored_observations(out),
        config,
        report.read_articles(out),
        manifest,
        gold=gold,
        text=text,
        live=live,
    )


def turns_of(out: Path) -> tuple[Config, list[Turn]]:
    """The config of a run, and who moved in it."""
    config, _ = open_run(out)
    grouped = groupby(stored_observations(out), key=lambda o: (o.actor, o.issue))
    return config, turns([(actor, issue, points(group)) for (actor, issue), group in grouped])


def plot_cell(out: Path, actor: str, issue: str, path: Path) -> Path:
    """Draw one actor on one issue over time."""
    config, manifest = open_run(out)
    dated = points(stored_observations(out, actor, issue))
    found = [c for c in matrix_of(out, config, manifest, evidence=0) if (c.actor, c.issue) == (actor, issue)]
    title = f"{config.actors[actor].label}: {config.issues[issue].label}"
    turned = turns([(actor, issue, dated)])
    return plots.plot_cell(dated, found, turned, title, manifest["matrix"]["period"], path)


def rewrite_page(out: Path, *, text: bool = True) -> Path:
    """Write report.html again from the run's files; without `text`, with no sentence in it."""
    config, manifest = open_run(out)
    return page.write_page(payload(out, config, manifest, text=text), out)


def compare(run_a: Path, run_b: Path) -> list[str]:
    """Lines on the cells that moved from one run to another, with the sentences that moved them."""
    sides = []
    for path in (run_a, run_b):
        config, manifest = open_run(path)
        sides.append((matrix_of(path, config, manifest, evidence=None), manifest))
    (a, manifest_a), (b, manifest_b) = sides
    if manifest_a["matrix"]["period"] != manifest_b["matrix"]["period"]:
        raise InputError(
            f"{run_a} is by {manifest_a['matrix']['period']}, {run_b} by {manifest_b['matrix']['period']}; "
            f"aggregate one again with `stance matrix`"
        )
    return [line for change in diff(a, b) for line in str(change).splitlines()]
