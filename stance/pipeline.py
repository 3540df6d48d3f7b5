"""The only place where stages meet: read -> score -> observe -> cells -> files. Each stage streams from the store."""

import csv
import hashlib
import json
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from stance import __version__, page, plots, report
from stance.actors import Reading, Resolver
from stance.config import Config, load_config, propositions
from stance.data import Article, Cell, Observation, Proposition, Rejected, Sentence
from stance.errors import InputError, ModelError
from stance.ingest import read_articles, sentences
from stance.matrix import PERIODS, cells, diff, points, uncounted
from stance.nli import Scorer, Scores
from stance.observe import Judge
from stance.page import data as page_data
from stance.scores import Store, Stored, Units, connect, sql_path
from stance.turns import Turn, turns

Progress = Callable[[int, int], None]
"""Called with pairs done and pairs in all."""

# Pairs handed to the scorer at once: enough to sort by length, little enough to lose nothing worth a word.
CALL_PAIRS = 2048

DEFAULTS: dict[str, Any] = {"period": "month", "aggregation": "mean", "min_sentences": 1, "gate": False}

# What no cell counts, by the reason that `uncounted` gives, as `explain` heads it.
UNCOUNTED = {
    "accused": "Alleged by others, not counted:",
    "copy": "In copies, not counted again:",
    "no stance": "Taken back or of no stance, not counted:",
    "undated": "Without a date, not counted:",
    "date too coarse": "With a date too coarse for the run's periods, not counted:",
}


def read(store: Store, inputs: Sequence[str], metadata: Path | None, *, replace: bool) -> int:
    """Read inputs into the store; see Store.write_articles for `replace`. Returns the number of articles added.

    Raises InputError for inputs that cannot be used, and rather than replace articles by none; those there then stay.
    """

    def found() -> Iterator[tuple[Article, Sequence[Sentence]] | Rejected]:
        reasons, any_read = dict[str, str](), False
        for item in read_articles(inputs, metadata):
            if not isinstance(item, Rejected):
                if split := list(sentences(item)):
                    any_read = True
                    yield item, split
                    continue
                item = Rejected(item.id, item.path, "no sentence left after cleaning")
            reasons.setdefault(item.reason, item.id)
            yield item
        if replace and not any_read and store.has_articles():
            told = ", ".join(f"{name} ({reason})" for reason, name in [*reasons.items()][:3])
            raise _none_read(told or "nothing was found")

    return store.write_articles(found(), replace=replace)


def _none_read(refused: str) -> InputError:
    return InputError(
        f"no article could be read: {refused}; expected files, folders or globs of articles in a format that "
        f"README lists"
    )


def readings(store: Store, resolver: Resolver) -> Iterator[tuple[Stored, list[Reading]]]:
    """Every article of the store with its sentences read for actors."""
    for item in store.read_articles():
        if isinstance(item, Stored):
            yield item, resolver.read(item.sentences, item.article.date, item.article.title)


def premises(
    store: Store, resolver: Resolver, wanted: Sequence[Proposition], *, gate: bool = False
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The premises of every sentence with the hypotheses they meet: all of them, or with `gate` those about actors that
    the sentence names or stands for, since a position of any other is never found (stance.observe)."""
    everything = tuple(dict.fromkeys(p.text for p in wanted))
    for _, read_sentences in readings(store, resolver):
        for reading in read_sentences:
            texts = everything
            if gate:
                present = reading.present()
                texts = tuple(dict.fromkeys(p.text for p in wanted if p.actor in present))
            for premise, actors in resolver.premises(reading):
                own = tuple(dict.fromkeys(p.text for p in wanted if actors and p.actor in actors))
                yield premise, texts if actors is None else own


def score(units: Units, scorer: Scorer, progress: Progress | None = None) -> int:
    """Score every pair that the store lacks. Returns how many were scored."""
    total = sum(len(hypotheses) for _, hypotheses in units.missing(scorer.fingerprint))
    done = 0
    if progress:
        progress(0, total)
    with units.writer(scorer.fingerprint) as writer:
        for call in _calls(units.missing(scorer.fingerprint)):
            results = scorer.score(call)
            clipped = scorer.clipped([premise for premise, _ in call])
            for (premise, hypotheses), scores, cut in zip(call, results, clipped, strict=True):
                writer.add(premise, hypotheses, scores, cut)
                done += len(hypotheses)
            if progress:
                progress(done, total)
    return done


def _calls(items: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    call: list[tuple[str, tuple[str, ...]]] = []
    pairs = 0
    for item in items:
        call.append(item)
        pairs += len(item[1])
        if pairs >= CALL_PAIRS:
            yield call
            call, pairs = [], 0
    if call:
        yield call


def bench(
    inputs: Sequence[str], config: Config, scorer: Scorer, metadata: Path | None, seconds: float
) -> dict[str, float]:
    """Score articles for about `seconds` and keep nothing: propositions, pairs scored, pairs a second, pairs in all,
    and the seconds all of them would take."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "run", config.name) as store:
        read(store, inputs, metadata, replace=False)
        items = list(dict.fromkeys(premises(store, Resolver(config), propositions(config))))
    if not items:
        raise InputError("no sentence could be read from these inputs; expected articles in a format that README lists")
    total = sum(len(hypotheses) for _, hypotheses in items)
    scorer.score(items[:1])
    begun, done = time.monotonic(), 0
    for call in _calls(items):
        scorer.score(call)
        done += sum(len(hypotheses) for _, hypotheses in call)
        if time.monotonic() - begun > seconds:
            break
    speed = done / (time.monotonic() - begun)
    return {
        "propositions": len(propositions(config)),
        "pairs_scored": done,
        "pairs_per_second": round(speed, 1),
        "pairs": total,
        "seconds_for_all": round(total / speed, 1),
    }


def scored(
    store: Store, units: Units, config: Config, resolver: Resolver, fingerprint: str, clipped: Counter[str]
) -> Iterator[tuple[Stored, list[Reading], list[Scores]]]:
    """Every article with its sentences as read and their scores (propositions, 3), clause by clause where clauses were
    scored apart; counts sentences cut for the model, by article, in `clipped`."""
    hypotheses = list(dict.fromkeys(p.text for p in propositions(config)))
    scores = units.read(fingerprint, hypotheses)
    for item, read_sentences in readings(store, resolver):
        rows = []
        for reading in read_sentences:
            row, cut = next(scores)
            for _ in resolver.premises(reading)[1:]:
                clause, _ = next(scores)
                row = np.where(np.isnan(clause), row, clause)
            rows.append(row)
            clipped[item.article.id] += cut
        yield item, read_sentences, rows


def settings(
    out: Path,
    *,
    period: str | None = None,
    aggregation: str | None = None,
    min_sentences: int | None = None,
    gate: bool | None = None,
) -> dict[str, Any]:
    """Options for `run`: each as given, or (None) as the run in `out` had it, or as in DEFAULTS."""
    given = {"period": period, "aggregation": aggregation, "min_sentences": min_sentences, "gate": gate}
    had: dict[str, Any] = {}
    for path in (out / "manifest.json", out / "store" / "manifest.json"):
        if path.exists():
            manifest = json.loads(path.read_text(encoding="utf-8"))
            had = {k: v for k, v in (manifest | manifest["matrix"]).items() if k in given}
            break
    return DEFAULTS | had | {k: v for k, v in given.items() if v is not None}


def run(
    out: Path,
    config_path: Path,
    scorer: Scorer,
    *,
    inputs: Sequence[str] = (),
    metadata: Path | None = None,
    replace: bool = True,
    gate: bool = False,
    period: str = "month",
    aggregation: str = "mean",
    min_sentences: int = 1,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The whole job into `out`. Returns the manifest; `command` is what it says made the run (None: this process's).

    Raises StanceError. What was scored before stays, and where inputs, propositions or head are refused, a finished run
    stays as it was.
    """
    config = load_config(config_path)
    hypotheses = list(dict.fromkeys(p.text for p in propositions(config)))
    if long := [h for h, refused in zip(hypotheses, scorer.refused(hypotheses), strict=True) if refused]:
        raise ModelError(
            f"proposition too long for this model (over {scorer.max_hypothesis} tokens): {long[0]!r}; shorten it"
        )
    with Store(out, config.name) as store:
        resolver = Resolver(config)
        judge = Judge(config, scorer)
        if inputs:
            read(store, inputs, metadata, replace=replace)
        unread = store.refusals()
        if unread is not None:
            raise _none_read(unread)
        # Nothing is refused from here on. Put aside, not deleted: a run that is interrupted now keeps its settings.
        if (out / "manifest.json").exists():
            (out / "manifest.json").replace(store.root / "manifest.json")
        kept = store.root / "config.yaml"
        if config_path.resolve() != kept.resolve():
            shutil.copyfile(config_path, kept)
        units = Units(store, premises(store, resolver, propositions(config), gate=gate))
        try:
            pairs = score(units, scorer, progress)
            clipped: Counter[str] = Counter()
            observed = (
                observation
                for item, read_sentences, rows in scored(store, units, config, resolver, scorer.fingerprint, clipped)
                for observation in judge.observe(item.article, read_sentences, rows, item.copy_of)
            )
            report.write_observations(observed, out)
        finally:
            units.close()
        rows, counts = article_rows(store, clipped)
        report.write_articles(rows, out)
        sentence_count = counts.pop("sentences", 0)
        manifest: dict[str, Any] = {
            "stance": __version__,
            "command": list(sys.argv[1:] if command is None else command),
            "config": {"name": config.name, "sha256": hashlib.sha256(kept.read_bytes()).hexdigest()},
            "model": scorer.describe(),
            "head": judge.describe(),
            "gate": gate,
            "counts": counts
            | {
                "sentences": sentence_count,
                "premises": units.count,
                "propositions": len(propositions(config)),
                "pairs_scored_now": pairs,
                "sentences_clipped": sum(clipped.values()),
            },
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "transformers", "tokenizers", "trafilatura", "sentencex")},
            },
        }
        aggregate(out, config, manifest, period=period, aggregation=aggregation, min_sentences=min_sentences)
        return manifest


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
            f"SELECT {columns} FROM read_parquet('{sql_path(path)}') "
            f"{'WHERE ' + where if where else ''} ORDER BY actor, issue, date, article_id, sentence_index",
            values or None,
        )
        names = [d[0] for d in rows.description]
        while batch := rows.fetchmany(1024):
            for row in batch:
                yield Observation(**dict(zip(names, row, strict=True)))


def article_rows(store: Store, clipped: Counter[str]) -> tuple[Iterator[dict[str, Any]], dict[str, int]]:
    """Rows of articles.csv, and the counts that fill as they are taken."""
    counts: Counter[str] = Counter()

    def rows() -> Iterator[dict[str, Any]]:
        for item in store.read_articles():
            if isinstance(item, Rejected):
                counts["rejected"] += 1
                yield {"article_id": item.id, "path": item.path, "status": "rejected", "reason": item.reason}
                continue
            article = item.article
            drops = Counter(d.reason for d in article.drops)
            counts["articles"] += 1
            counts["sentences"] += len(item.sentences)
            status, reason = "read", ""
            if item.copy_of:
                status, reason = "copy", f"copy of {item.copy_of}"
            elif not article.date:
                status, reason = "undated", "no date found: scored, kept out of the matrix"
            counts[status] += 1
            if cut := clipped[article.id]:
                reason = "; ".join(filter(None, [reason, f"{cut} sentences longer than the model reads"]))
            yield {
                "article_id": article.id,
                "title": article.title,
                "date": article.date,
                "date_source": article.date_source,
                "source": article.source,
                "url": article.url,
                "path": article.path,
                "status": status,
                "reason": reason,
                "n_sentences": len(item.sentences),
                "n_characters": len(article.text),
                "dropped": ", ".join(f"{reason}: {n}" for reason, n in sorted(drops.items())),
            }

    return rows(), counts


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
