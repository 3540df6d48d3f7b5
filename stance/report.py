"""Cells, observations and articles -> files, a terminal table, one page. Each file is written whole or not at all."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import heappush, heappushpop
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jinja2 import Environment, StrictUndefined
from rich.table import Table
from rich.text import Text

from stance.config import Actor, Config, Issue
from stance.data import Cell, Observation

MATRIX = (
    "actor", "issue", "period", "stance", "value", "ci_low", "ci_high", "support", "oppose", "n_sentences",
    "n_articles", "top_sentence", "top_article",
)  # fmt: skip
OBSERVATIONS = pa.schema(
    [
        ("article_id", pa.string()),
        ("date", pa.string()),
        ("sentence_index", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("sentence", pa.string()),
        ("actor", pa.string()),
        ("issue", pa.string()),
        ("stance", pa.string()),
        ("value", pa.float64()),
        ("support", pa.float64()),
        ("oppose", pa.float64()),
        ("role", pa.string()),
        ("copy_of", pa.string()),
    ]
)
ARTICLES = (
    "article_id", "title", "date", "date_source", "source", "url", "path", "status", "reason", "n_sentences",
    "n_characters", "dropped",
)  # fmt: skip

# So many periods, at 11 characters each, leave an issue's label 40 of 100 columns.
ACROSS = 5
# More are set so many a line; of an issue with more lines than this the middle is left out, and says so.
PER_LINE, LINES = 3, 5
# What the page lists of allegations about one actor on one issue, and of articles; the files hold all.
ALLEGED, LISTED = 5, 200

Row = Mapping[str, Any]


@contextmanager
def atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block ends well; on an error nothing is left and an older file of
    that name stays. Text (UTF-8, no newline translation) or, with mode "wb", bytes."""
    # A fixed name: what a killed run left is overwritten by the next one. The store's lock keeps runs apart.
    part = path.with_name(f".{path.name}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with part.open(mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def safe(text: str) -> str:
    """Text that a spreadsheet would take for a formula, with an apostrophe in front."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _as_it_was(field: str) -> str:
    """Undo `safe`."""
    return field[1:] if field[:1] == "'" and safe(field[1:]) == field else field


def write_matrix(cells: Iterable[Cell], out_dir: Path) -> Path:
    """Write stance_matrix.csv, a row a cell."""
    return _write_csv(out_dir / "stance_matrix.csv", MATRIX, ([getattr(c, k) for k in MATRIX] for c in cells))


def write_wide(cells: Iterable[Cell], out_dir: Path) -> Path:
    """Write stance_matrix_wide.csv: actor and issue down, periods across, value or blank."""
    rows: dict[tuple[str, str], dict[str, float | None]] = {}
    for c in cells:
        rows.setdefault((c.actor, c.issue), {})[c.period] = c.value
    periods = sorted({period for row in rows.values() for period in row})
    body = ([*key, *(row.get(period) for period in periods)] for key, row in rows.items())
    return _write_csv(out_dir / "stance_matrix_wide.csv", ("actor", "issue", *periods), body)


def write_observations(observations: Iterable[Observation], out_dir: Path) -> None:
    """Write observations.csv and observations.parquet (which has `copy_of` too) in one pass, in bounded memory."""
    names, source = OBSERVATIONS.names, iter(observations)
    with atomic(out_dir / "observations.csv") as table, atomic(out_dir / "observations.parquet", "wb") as binary:
        add = _csv_writer(table, names[:-1])
        with pq.ParquetWriter(binary, OBSERVATIONS, compression="zstd") as parquet:
            while batch := [{k: getattr(o, k) for k in names} for o in islice(source, 4096)]:
                parquet.write_table(pa.Table.from_pylist(batch, OBSERVATIONS))
                for row in batch:
                    add([row[k] for k in names[:-1]])


def write_articles(rows: Iterable[Row], out_dir: Path) -> Path:
    """Write articles.csv: what was read and why anything was set apart or dropped. Raises KeyError for a column that
    is not in ARTICLES; one that is not in a row is blank."""

    def body() -> Iterator[list[Any]]:
        for row in rows:
            if unknown := row.keys() - set(ARTICLES):
                raise KeyError(f"no such columns in articles.csv: {unknown}")
            yield [row.get(k) for k in ARTICLES]

    return _write_csv(out_dir / "articles.csv", ARTICLES, body())


def write_manifest(manifest: Mapping[str, Any], out_dir: Path) -> Path:
    """Write manifest.json; written last, it says that the run is complete."""
    path = out_dir / "manifest.json"
    with atomic(path) as file:
        file.write(_json(manifest) + "\n")
    return path


def _json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with atomic(path) as file:
        add = _csv_writer(file, columns)
        for row in rows:
            add(row)
    return path


def _csv_writer(file: IO[str], columns: Sequence[str]) -> Any:
    plain, quoted = (csv.writer(file, lineterminator="\n", quoting=q) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))

    def add(row: Sequence[Any]) -> None:
        shown = [_field(value) for value in row]
        # Before Python 3.13 a lone carriage return goes unquoted, and no reader takes it back.
        (quoted if any("\r" in field for field in shown) else plain).writerow(shown)

    add(columns)
    return add


def _field(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:z.4f}"
    return safe(value) if isinstance(value, str) else "" if value is None else str(value)


def _label(entries: Mapping[str, Actor] | Mapping[str, Issue], name: str) -> str:
    return entries[name].label if name in entries else name


def _rows(cells: Sequence[Cell]) -> dict[str, dict[str, dict[str, Cell]]]:
    """Actor -> issue -> period -> cell, in the order of the cells."""
    rows: dict[str, dict[str, dict[str, Cell]]] = {}
    for c in cells:
        rows.setdefault(c.actor, {}).setdefault(c.issue, {})[c.period] = c
    return rows


def render_table(cells: Sequence[Cell], config: Config) -> Table:
    """A terminal table: a row an issue under each actor, `value (sentences)`; periods across if there are few, else one
    after another. A cell with too few sentences shows only how many there are."""
    periods = sorted({c.period for c in cells})
    across = len(periods) <= ACROSS
    table = Table(caption="value from -1 (against) to +1 (for), in brackets the sentences it rests on", box=None)
    table.add_column("", overflow="fold")
    for head in periods if across else ["period value (sentences)"]:
        table.add_column(head, no_wrap=True, justify="right" if across else "left")
    if not cells:
        table.add_row("no cell: no dated sentence shows a position of these actors on these issues")
    for actor, issues in _rows(cells).items():
        table.add_row(Text(_label(config.actors, actor), style="bold"))
        for issue, row in issues.items():
            shown = [_shown(row.get(p)) for p in periods] if across else [_sequence([row[p] for p in sorted(row)])]
            table.add_row(Text("  " + _label(config.issues, issue)), *shown)
    return table


def _shown(cell: Cell | None) -> Text:
    if cell is None:
        return Text()
    style = {"support": "dodger_blue1", "oppose": "dark_orange", "mixed": "", "none": "dim"}[cell.stance]
    value = "" if cell.value is None else f"{cell.value:+.2f} "
    return Text(f"{value}({cell.n_sentences})", style=style)


def _sequence(cells: Sequence[Cell]) -> Text:
    parts = [Text.assemble(f"{c.period} ", _shown(c)) for c in cells]
    for part in parts:
        part.pad_right(max(map(len, parts)) - len(part))
    lines = [Text("  ").join(parts[k : k + PER_LINE]) for k in range(0, len(parts), PER_LINE)]
    if len(lines) > LINES:
        hidden = len(parts) - PER_LINE * 2 - len(parts[(len(lines) - 2) * PER_LINE :])
        lines[2:-2] = [Text(f"... {hidden} more periods: stance_matrix.csv ...", style="dim")]
    return Text("\n").join(lines)


def write_page(cells: Sequence[Cell], config: Config, out_dir: Path, manifest: Mapping[str, Any]) -> Path:
    """Write report.html: the matrix, the sentences behind each cell, allegations apart, what was read and dropped.

    One page without scripts or requests, of the cells and of observations.parquet and articles.csv in `out_dir`.
    """
    numbered = {(c.actor, c.issue, c.period): f"c{k}" for k, c in enumerate(cells)}
    alleged, shown = _alleged(out_dir / "observations.parquet"), {o.article_id for c in cells for o in c.evidence}
    shown |= {o["article_id"] for _, strongest in alleged.values() for o in strongest}
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        files("stance").joinpath("page.html").read_text(encoding="utf-8")
    )
    context = {
        "config": config,
        "cells": cells,
        "rows": _rows(cells),
        "periods": sorted({c.period for c in cells}),
        "ids": numbered,
        "alleged": alleged,
        "label": _label,
        "shade": _shade,
        "manifest": manifest,
        "manifest_json": _json(manifest),
        "listed": LISTED,
        **_read_articles(out_dir / "articles.csv", shown),
    }
    path = out_dir / "report.html"
    with atomic(path) as file:
        file.writelines(page.generate(context))
    return path


def _shade(cell: Cell) -> str:
    """The class of a cell: side and strength, s1 to s4 or o1 to o4; empty where it takes none."""
    if cell.value is None:
        return ""
    strength = min(4, round(abs(cell.value) * 4))
    return f"{'s' if cell.value > 0 else 'o'}{strength}" if strength else ""


def _alleged(path: Path) -> dict[tuple[str, str], tuple[int, list[dict[str, Any]]]]:
    """For each actor and issue, how many sentences of rivals (copies apart) allege a position, and the strongest."""
    counts: Counter[tuple[str, str]] = Counter()
    heaps: dict[tuple[str, str], list[tuple[float, int, dict[str, Any]]]] = {}
    for batch in pq.ParquetFile(path).iter_batches(4096):
        for row in batch.filter(pc.equal(batch["role"], "accused")).to_pylist():
            if row["copy_of"]:
                continue
            key = row["actor"], row["issue"]
            counts[key] += 1
            heap = heaps.setdefault(key, [])
            entry = (
                max(row["support"], row["oppose"]),
                -counts[key],
                row,
            )  # Of equals the first: the count settles every tie.
            if len(heap) < ALLEGED:
                heappush(heap, entry)
            else:
                heappushpop(heap, entry)
    return {k: (counts[k], [row for _, _, row in sorted(heaps[k], reverse=True)]) for k in sorted(counts)}


def _read_articles(path: Path, shown: set[str]) -> dict[str, Any]:
    """What the page says of articles: those `shown` by id, counts, and the first of those read and set apart."""
    by_id: dict[str, dict[str, str]] = {}
    statuses, drops = Counter[str](), Counter[str]()
    groups: dict[str, list[dict[str, str]]] = {"read": [], "apart": []}
    with path.open(encoding="utf-8", newline="") as file:
        for raw in csv.DictReader(file):
            row = {k: _as_it_was(v) for k, v in raw.items()}
            if not row["url"].lower().startswith(("http://", "https://")):
                row["url"] = ""  # A link that runs something is no link.
            statuses[row["status"]] += 1
            for part in filter(None, row["dropped"].split(", ")):
                reason, _, n = part.rpartition(": ")
                drops[reason] += int(n)
            group = groups["read" if row["status"] == "read" else "apart"]
            if len(group) < LISTED:
                group.append(row)
            if row["article_id"] in shown:
                by_id[row["article_id"]] = row
    return {"articles": by_id, "statuses": statuses, "drops": drops, **groups}
