"""What the page shows, as plain lists: the payload of page.js, which names its parts at the top."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from stance.config import Config
from stance.data import Cell, Observation
from stance.matrix import PERIODS, cells, points
from stance.turns import turns

# Sentences a cell shows of each stance, and all cells together: what keeps a page of 100,000 under 15 MB.
EVIDENCE, SENTENCES = 5, 20_000
# Of rivals' allegations about one actor on one issue, and of articles in the two lists under Quality.
ALLEGED, LISTED = 5, 200

Row = Mapping[str, Any]


def payload(
    observations: Iterable[Observation],
    config: Config,
    articles: Iterable[Row],
    manifest: Mapping[str, Any],
    *,
    gold: Row | None = None,
    text: bool = True,
    live: bool = False,
) -> dict[str, Any]:
    """The page of a run as it was last aggregated. `observations` come sorted by actor, issue and date; `articles` are
    the rows of articles.csv; `gold`: eval.json, if there is one. Without `text` a sentence is its offsets and its hash.
    """
    actors, issues = list(config.actors), list(config.issues)
    options = manifest["matrix"]
    by_id, quality = _articles(articles)
    book = _Book(by_id, text)
    by_period: list[tuple[int, int, Cell]] = []
    shown: list[tuple[int, float, list[Any], Observation]] = []
    whole, series, marks = [], [], []
    for (actor, issue), group in groupby(observations, key=lambda o: (o.actor, o.issue)):
        found = list(group)
        a, i = actors.index(actor), issues.index(issue)
        chosen = {"aggregation": options["aggregation"], "min_sentences": options["min_sentences"]}
        by_period += [(a, i, c) for c in cells(found, period=options["period"], evidence=EVIDENCE, **chosen)]
        whole += [[a, i, *_numbers(c)] for c in cells(found, period="all", evidence=0, **chosen)]
        dated = points(found)
        series.append((actor, issue, dated))
        marks += [[a, i, book.article(p.article_id), _thousandths(p.value)] for p in dated]
        alleged = sorted((o for o in found if o.role == "accused" and not o.copy_of), key=lambda o: -o.strength)
        shown += [(0, o.strength, [a, i, len(alleged)], o) for o in alleged[:ALLEGED]]
    periods = sorted({c.period for _, _, c in by_period})
    place: dict[str | None, int] = {period: k for k, period in enumerate(periods)}
    rows = []
    for a, i, cell in by_period:
        rows.append([a, i, place[cell.period], *_numbers(cell)])
        rank: Counter[str] = Counter()
        for o in cell.evidence:
            shown.append((rank[o.stance], o.strength, [a, i, 0], o))
            rank[o.stance] += 1
    kept, cap = _capped(shown)
    return {
        "name": config.name,
        "description": config.description,
        "live": live,
        "text": text,
        "actors": [
            [k, e.label, sorted({e.label, *e.aliases, *(p.name for p in e.people)})] for k, e in config.actors.items()
        ],
        "issues": [
            [
                k, e.label, e.propositions.support + e.propositions.oppose,
                e.actors and [actors.index(a) for a in e.actors],
            ]
            for k, e in config.issues.items()
        ],
        "period": options["period"],
        "periods": periods,
        "cells": rows,
        "whole": whole,
        "points": marks,
        "evidence": [
            [
                a, i, place.get(PERIODS[options["period"]](o.date), -1), book.sentence(o), _thousandths(o.support),
                _thousandths(o.oppose), o.stance, o.role, alleged,
            ]
            for _, _, (a, i, alleged), o in kept
        ],
        "cap": cap,
        "turns": [
            [
                actors.index(t.actor), issues.index(t.issue), t.last, t.first, _thousandths(t.before),
                _thousandths(t.after), t.n_before, t.n_after, t.p,
            ]
            for t in turns(series)
        ],
        "articles": book.articles,
        "sentences": book.sentences,
        "quality": quality | {"gold": _gold(gold), "manifest": dict(manifest)},
    }  # fmt: skip


class _Book:
    """Articles and sentences that are shown, each once."""

    def __init__(self, rows: Mapping[str, Row], text: bool) -> None:
        self._rows, self._text = rows, text
        self._numbers: dict[Any, int] = {}
        self.articles: list[list[str]] = []
        self.sentences: list[list[Any]] = []

    def article(self, article_id: str) -> int:
        """Place in `articles`, [id, title, date, source, url]."""
        if article_id not in self._numbers:
            self._numbers[article_id] = len(self.articles)
            row = self._rows.get(article_id, {})
            self.articles.append([article_id, *(row.get(k) or "" for k in ("title", "date", "source", "url"))])
        return self._numbers[article_id]

    def sentence(self, o: Observation) -> int:
        """Place in `sentences`, [article, start, end, text or hash]."""
        key = (o.article_id, o.start, o.end)
        if key not in self._numbers:
            self._numbers[key] = len(self.sentences)
            shown = o.sentence if self._text else hashlib.sha256(o.sentence.encode()).hexdigest()
            self.sentences.append([self.article(o.article_id), o.start, o.end, shown])
        return self._numbers[key]


def _capped(shown: Sequence[tuple[int, float, list[Any], Observation]]) -> tuple[list[Any], int]:
    """The evidence that there is room for, and how many of each stance a cell may show (0: some cells show none)."""
    ranks = Counter(rank for rank, *_ in shown)
    cap = next((n for n in range(EVIDENCE, 0, -1) if sum(ranks[r] for r in range(n)) <= SENTENCES), 0)
    strongest = sorted(shown, key=lambda entry: -entry[1])
    if cap:
        return [entry for entry in strongest if entry[0] < cap], cap
    return [entry for entry in strongest if not entry[0]][:SENTENCES], 0


def _numbers(cell: Cell) -> list[int | None]:
    sizes = [_thousandths(v) for v in (cell.value, cell.ci_low, cell.ci_high)]
    return [*sizes, cell.support, cell.oppose, cell.n_sentences, cell.n_articles]


def _thousandths(value: float | None) -> int | None:
    """JSON's shortest way to write three decimals."""
    return None if value is None else round(value * 1000)


def _articles(rows: Iterable[Row]) -> tuple[dict[str, Row], dict[str, Any]]:
    by_id: dict[str, Row] = {}
    statuses, drops = Counter[str](), Counter[str]()
    lists: dict[str, list[list[Any]]] = {"read": [], "apart": []}
    for row in rows:
        if not row["url"].lower().startswith(("http://", "https://")):
            row = {**row, "url": ""}  # A link that runs something is no link.
        if row["status"] != "rejected":
            by_id[row["article_id"]] = row  # A rejected double has the id of the article that was kept.
        statuses[row["status"]] += 1
        for part in filter(None, row["dropped"].split(", ")):
            reason, _, n = part.rpartition(": ")
            drops[reason] += int(n)
        group = lists["read" if row["status"] == "read" else "apart"]
        if len(group) < LISTED:
            group.append(
                [
                    row[k]
                    for k in (
                        "article_id", "title", "date", "source", "url", "date_source", "status", "reason",
                        "n_sentences", "dropped", "path",
                    )
                ]
            )  # fmt: skip
    return by_id, {"statuses": dict(statuses), "drops": dict(sorted(drops.items())), **lists}


def _gold(figures: Row | None) -> dict[str, Any] | None:
    """Of eval.json what an analyst asks first."""
    if figures is None:
        return None
    return {
        "judgements": figures["judgements"],
        "articles": figures["articles"],
        "macro_f1": figures["macro_f1"],
        "sign_errors": figures["sign_errors"],
        "positions": {k: figures["positions"][k] for k in ("f1", "precision", "recall")},
    }
