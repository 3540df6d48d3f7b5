"""The matrix for other programs: Parquet, and a two-mode network in GraphML."""

import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stance.config import Config
from stance.data import Cell
from stance.errors import InputError
from stance.files import atomic
from stance.report import write_matrix_to, write_wide_to

COLUMNS = tuple(f.name for f in fields(Cell) if f.name != "evidence")
"""Of the Parquet file: those of stance_matrix.csv."""


def export(cells: Sequence[Cell], config: Config, path: Path) -> Path:
    """Write cells to `path`, by its name: `.parquet` (a row a cell), `.graphml`, `.csv` (a row a cell) or `wide.csv`
    (periods across). Raises InputError for another suffix."""
    writers = {".parquet": _parquet, ".graphml": _graphml, ".csv": _csv}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise InputError(f"{path}: exports are {', '.join(writers)} or wide.csv; name the file so")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer(cells, config, path)
    return path


def _csv(cells: Sequence[Cell], _: Config, path: Path) -> None:
    (write_wide_to if path.name.lower().endswith("wide.csv") else write_matrix_to)(cells, path)


def _parquet(cells: Sequence[Cell], _: Config, path: Path) -> None:
    with atomic(path, "wb") as file:
        file.write(parquet(cells))


def parquet(cells: Sequence[Cell]) -> bytes:
    """A Parquet file, a row a cell."""
    floats, ints = {"value", "ci_low", "ci_high"}, {"support", "oppose", "n_sentences", "n_articles"}
    types = [(k, pa.float64() if k in floats else pa.int64() if k in ints else pa.string()) for k in COLUMNS]
    table = pa.Table.from_pylist([{k: getattr(c, k) for k in COLUMNS} for c in cells], pa.schema(types))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _graphml(cells: Sequence[Cell], config: Config, path: Path) -> None:
    """Actors and issues as nodes; agreement and disagreement are ties apart, weighted by sentences (as Leifeld's
    Discourse Network Analyzer has them), one of each a period."""
    import networkx

    graph = networkx.MultiGraph()
    for kind, entries in (("actor", config.actors), ("issue", config.issues)):
        for name, entry in entries.items():
            graph.add_node(f"{kind}:{name}", kind=kind, label=_plain(entry.label))
    for c in cells:
        for tie, weight in (("agree", c.support), ("disagree", c.oppose)):
            if weight:
                value = {} if c.value is None else {"value": round(c.value, 4)}
                ends, key = (f"actor:{c.actor}", f"issue:{c.issue}"), f"tie{graph.number_of_edges()}"
                # The key becomes the id of the tie, and Gephi leaves out a tie whose id it knows already.
                graph.add_edge(*ends, key, tie=tie, weight=weight, period=c.period, **value)
    with atomic(path, "wb") as file:
        networkx.write_graphml(graph, file)


def _plain(text: str) -> str:
    """Without characters that XML cannot hold."""
    return "".join(ch for ch in text if ch >= " " and ch not in "\ufffe\uffff")
