"""Parquet parts: written under another name, flushed to disk and renamed, so that a part is whole or not there."""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from stance.errors import InputError

T = TypeVar("T")
TEMPORARY = ".tmp-"
MEMORY_LIMIT = "128MB"


def key(*texts: str) -> bytes:
    """16 bytes that name a text or a list of texts."""
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "surrogatepass")).digest()[:16]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, or raise InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder with -o") from error


def write_json(path: Path, value: object) -> None:
    """Write a small JSON file, whole or not at all."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(temporary, path)


def part_name() -> str:
    """A name for a new part; parts sort by the time at which they were named."""
    return f"part-{time.time_ns():020d}.parquet"


def write_part(folder: Path, table: pa.Table, name: str) -> None:
    """Add a part to a folder, or put it in the place of the one that has this name."""
    make_folder(folder)
    temporary = folder / f"{TEMPORARY}{name}"
    pq.write_table(table, temporary, compression="zstd")
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(temporary, folder / name)


def has_parts(folder: Path) -> bool:
    """Whether the folder holds any part."""
    return any(folder.glob("part-*.parquet"))


def connect(spill: Path) -> duckdb.DuckDBPyConnection:
    """A private DuckDB that spills to a folder rather than fill memory."""
    return duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill), "threads": os.cpu_count() or 1}
    )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items (itertools.batched came with Python 3.12)."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def sql_table(path: Path, pattern: str = "", *options: str) -> str:
    """A Parquet file, or a folder's files of that pattern, as a table in DuckDB's SQL. The path is taken literally: its
    brackets and stars match nothing else, and a folder named `date=2024` gives no column."""
    name = re.sub(r"[\[*?]", r"[\g<0>]", str(path)) + (f"/{pattern}" if pattern else "")
    return f"read_parquet({', '.join([_quoted(name), 'hive_partitioning=false', *options])})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def clear(folder: Path) -> None:
    """Delete a folder of files."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
