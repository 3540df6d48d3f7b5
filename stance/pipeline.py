"""The only place where stages meet: read -> score -> observe -> cells -> files. Each stage streams from the store."""

import hashlib
import json
import logging
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from stance import __version__, report, runs
from stance.actors import Reading, Resolver
from stance.config import Config, load_config, propositions
from stance.data import Article, Proposition, Rejected, Sentence
from stance.errors import ConfigError, InputError
from stance.ingest import mend, read_articles, sentences
from stance.nli import Scorer, Scores
from stance.observe import Judge
from stance.scores import Store, Stored, Units

Progress = Callable[[int, int], None]
"""Called with pairs done and pairs in all."""

log = logging.getLogger(__name__)

# Pairs handed to the scorer at once: enough to sort by length, little enough to lose nothing worth a word.
CALL_PAIRS = 2048

DEFAULTS: dict[str, Any] = {"period": "month", "aggregation": "mean", "min_sentences": 1, "gate": False}


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


def views(resolver: Resolver, sentences_read: Sequence[Reading], context: bool) -> Iterator[list[str]]:
    """What the model reads of each sentence of an article: the sentence, and (a model that knows `context`) the same
    behind the one before: there stands what "the offer" is, and alone no other sentence misleads."""
    for before, reading in zip([None, *sentences_read], sentences_read, strict=False):
        yield [resolver.premise(reading)] + ([resolver.premise(reading, before)] if context and before else [])


def together(own: Scores, behind: tuple[Scores, bool] | None = None) -> Scores:
    """The mean of a sentence's two views, of the second with whether it was cut for the model: what was then lost is
    the end of the sentence itself, and the first stands alone."""
    return own if behind is None or behind[1] else np.asarray((own + behind[0]) / np.float32(2))


def premises(
    store: Store, resolver: Resolver, wanted: Sequence[Proposition], scorer: Scorer, *, gate: bool = False
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The premises of every sentence (`views`) with the hypotheses they meet: all of them, or with `gate` those about
    actors that the sentence names or stands for, since a position of any other is never found (stance.observe)."""
    everything = tuple(dict.fromkeys(p.text for p in wanted))
    for _, read_sentences in readings(store, resolver):
        for reading, texts_read in zip(read_sentences, views(resolver, read_sentences, scorer.context), strict=True):
            texts = everything
            if gate:
                present = reading.present()
                texts = tuple(dict.fromkeys(p.text for p in wanted if p.actor in present))
            for premise in texts_read:
                yield premise, texts


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
        items = list(dict.fromkeys(premises(store, Resolver(config), propositions(config), scorer)))
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
    store: Store, units: Units, config: Config, resolver: Resolver, scorer: Scorer, clipped: Counter[str]
) -> Iterator[tuple[Stored, list[Reading], list[Scores]]]:
    """Every article with its sentences as read and their scores (propositions, 3), means of their `views`; counts
    sentences cut for the model, by article, in `clipped`."""
    hypotheses = list(dict.fromkeys(p.text for p in propositions(config)))
    scores = units.read(scorer.fingerprint, hypotheses)
    for item, read_sentences in readings(store, resolver):
        rows = []
        for number in range(len(read_sentences)):
            row, cut = next(scores)
            rows.append(together(row, next(scores) if scorer.context and number else None))
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
    manifest = _last_manifest(out)
    had = {k: v for k, v in (manifest | manifest.get("matrix", {})).items() if k in given}
    return DEFAULTS | had | {k: v for k, v in given.items() if v is not None}


def _last_manifest(out: Path) -> dict[str, Any]:
    """The manifest of the run in `out`, put aside if a later one was interrupted; empty if there is none."""
    for path in (out / "manifest.json", out / "store" / "manifest.json"):
        if path.exists():
            try:
                return dict(json.loads(path.read_text(encoding="utf-8")))
            except ValueError as error:
                raise InputError(f"{path} is damaged ({error}); delete it and give the same command again") from error
    return {}


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
        raise ConfigError(
            f"{config_path}: proposition too long for this model (over {scorer.max_hypothesis} tokens): {long[0]!r}; "
            "shorten it"
        )
    with Store(out, config.name) as store:
        resolver = Resolver(config)
        judge = Judge(config, scorer)
        if judge.borrowed:
            log.warning(
                "%s has no head.json: its scores are judged by the head and thresholds of %s; measure that with "
                "`stance eval`, or fit one (eval/fit_head.py)",
                scorer.name,
                judge.path.parent.name,
            )
        head, last = judge.describe(), _last_manifest(out).get("head")
        if inputs:
            read(store, inputs, metadata, replace=replace)
        unread = store.refusals()
        if unread is not None:
            raise _none_read(unread)
        if last not in (None, head):
            log.warning("the positions in %s were found by another head.json; they are found anew and may differ", out)
        # Nothing is refused from here on. Put aside, not deleted: a run that is interrupted now keeps its settings.
        if (out / "manifest.json").exists():
            (out / "manifest.json").replace(store.root / "manifest.json")
        kept = store.root / "config.yaml"
        if config_path.resolve() != kept.resolve():
            shutil.copyfile(config_path, kept)
        units = Units(store, premises(store, resolver, propositions(config), scorer, gate=gate))
        try:
            pairs = score(units, scorer, progress)
            clipped: Counter[str] = Counter()
            observed = (
                observation
                for item, read_sentences, rows in scored(store, units, config, resolver, scorer, clipped)
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
            "command": [mend(part) for part in (sys.argv[1:] if command is None else command)],
            "config": {"name": config.name, "sha256": hashlib.sha256(kept.read_bytes()).hexdigest()},
            "model": scorer.describe(),
            "head": head,
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
        runs.aggregate(out, config, manifest, period=period, aggregation=aggregation, min_sentences=min_sentences)
        return manifest


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
