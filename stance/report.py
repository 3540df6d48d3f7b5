"""Cells, observations and articles -> files and a terminal table. Each file is written whole or not at all."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table
from rich.text import Text

from stance.config import Actor, Config, Issue
from stance.data import Cell, Observation
from stance.files import as_it_was, atomic, safe

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

Row = Mapping[str, Any]


def write_matrix(cells: Iterable[Cell], out_dir: Path) -> Path:
    """Write stance_matrix.csv, a row a cell."""
    return write_matrix_to(cells, out_dir / "stance_matrix.csv")


def write_matrix_to(cells: Iterable[Cell], path: Path) -> Path:
    """The same under another name."""
    return _write_csv(path, MATRIX, ([getattr(c, k) for k in MATRIX] for c in cells))


def write_wide(cells: Iterable[Cell], out_dir: Path) -> Path:
    """Write stance_matrix_wide.csv: actor and issue down, periods across, value or blank."""
    return write_wide_to(cells, out_dir / "stance_matrix_wide.csv")


def write_wide_to(cells: Iterable[Cell], path: Path) -> Path:
    """The same under another name."""
    rows: dict[tuple[str, str], dict[str, float | None]] = {}
    for c in cells:
        rows.setdefault((c.actor, c.issue), {})[c.period] = c.value
    periods = sorted({period for row in rows.values() for period in row})
    body = ([*key, *(row.get(period) for period in periods)] for key, row in rows.items())
    return _write_csv(path, ("actor", "issue", *periods), body)


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


def read_articles(out_dir: Path) -> Iterator[dict[str, str]]:
    """Rows of articles.csv, every field as it was before it was made safe."""
    with (out_dir / "articles.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {k: as_it_was(v) for k, v in row.items()}


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
