"""The folder of a run and the articles in it; see the package's docstring for its layout."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stance.data import Article, Drop, Rejected, Sentence
from stance.errors import InputError
from stance.ingest import MARKS, bands, id_among, signature, similarity, unmarked
from stance.scores.parts import (
    TEMPORARY,
    batched,
    clear,
    connect,
    has_parts,
    make_folder,
    part_name,
    sql_table,
    write_json,
    write_part,
)

FORMAT = 1
# Estimated Jaccard similarity of word 5-grams from which two articles count as one text: an edited wire story keeps
# about .8, two reports of one event stay under .2.
NEAR_COPY = 0.7

ARTICLES = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("title", pa.string()),
        ("date", pa.string()),
        ("date_source", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("path", pa.string()),
        ("rejected", pa.string()),
        ("drops", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("reason", pa.string())]))),
        (
            "sentences",
            pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("paragraph", pa.int32())])),
        ),
        ("hash", pa.string()),
        ("minhash", pa.list_(pa.uint64())),
        ("bands", pa.list_(pa.int64())),
    ]
)


_READ = [name for name in ARTICLES.names if name not in ("hash", "minhash", "bands")]


@dataclass(frozen=True, slots=True)
class Stored:
    """An article of the store with its sentences; `copy_of` names the article it repeats, or is empty."""

    article: Article
    sentences: tuple[Sentence, ...]
    copy_of: str


class Store:
    """The store under `out`; holds a lock while open for writing, so that two runs never write at once.

    Raises InputError if `out` holds something else, another config's run, a newer format, or is in use.
    """

    def __init__(self, out: Path, name: str | None = None, *, write: bool = True) -> None:
        self.out, self.root = out, out / "store"
        self._lock: int | None = None
        self._copies: dict[str, str] | None = None
        header = self.root / "run.json"
        if not header.exists():
            if not write or name is None:
                raise InputError(f"{out} holds no run of stance; expected a folder that `stance run ... -o {out}` made")
            if out.is_file():
                raise InputError(f"{out} is a file; expected a folder for the results; choose another -o")
            if out.exists() and any(p.name not in ("store",) for p in out.iterdir()):
                raise InputError(
                    f"{out} holds files that are no run of stance; choose an empty or a new folder with -o"
                )
            make_folder(self.root)
            self.lock()
            write_json(header, {"format": FORMAT, "name": name})
        else:
            if write:
                self.lock()
            try:
                found = json.loads(header.read_text(encoding="utf-8"))
                fmt, owner = int(found["format"]), str(found["name"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{header} is damaged ({error!r}); delete {out} and run again") from error
            if fmt != FORMAT:
                raise InputError(
                    f"{out} was made by another version (format {fmt}, this one reads {FORMAT}); use a new -o"
                )
            if name is not None and owner != name:
                raise InputError(
                    f"{out} holds the run of config {owner!r}, not of {name!r}; choose another folder with -o"
                )
            self.name = owner
        self.name = name or self.name
        if write:
            for stray in self.root.rglob(f"{TEMPORARY}*"):
                stray.unlink(missing_ok=True)
        self.articles = self.root / "articles"

    def lock(self) -> None:
        """Take the writer's lock or raise InputError."""
        self._lock = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise InputError(
                f"{self.out} is being written by another stance process; wait for it or stop it"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A private DuckDB that spills to the store's folder rather than fill memory."""
        return connect(self.root / ".spill")

    def write_articles(self, found: Iterable[tuple[Article, Sequence[Sentence]] | Rejected], *, replace: bool) -> int:
        """Add what was read, 256 at a time; with `replace` the store then holds these articles and no others.

        Returns how many were added. An article that is there already, unchanged, is not added again; one with a known
        id and another text takes the place of the old one if it is the same file's, and is else added as `id~hash`.
        """
        self._copies = None
        folder = self.root / "articles.new" if replace else self.articles
        if replace and folder.exists():
            clear(folder)
        make_folder(folder)
        before = part_name() if not replace and has_parts(folder) else ""
        added = sum(self._add(folder, batch, before) for batch in batched(map(_row, found), 256))
        if replace:
            if self.articles.exists():
                clear(self.articles)
            os.replace(folder, self.articles)
        return added

    def _add(self, folder: Path, batch: list[dict[str, Any]], before: str) -> int:
        batch = list(self._news(batch, before)) if before else batch
        if batch:
            write_part(folder, pa.Table.from_pylist(batch, schema=ARTICLES), part_name())
        return sum(not row["rejected"] for row in batch)

    def _news(self, batch: list[dict[str, Any]], before: str) -> Iterator[dict[str, Any]]:
        """The rows that the store did not hold in its parts `before`, with the ids that they have or get in it."""
        with self.connect() as db:
            found = db.execute(
                f"SELECT rejected, id, path, hash, date, title, source, url FROM ({self._latest(before)}) "
                "WHERE regexp_replace(id, $marks, '') IN (SELECT unnest($ids))",
                {"marks": MARKS, "ids": [unmarked(row["id"]) for row in batch]},
            ).fetchall()
        rejections = {row[:3] for row in found if row[0]}
        articles: dict[str, dict[str, tuple[str, ...]]] = {}
        for rejected, id_, *rest in found:
            if not rejected:
                articles.setdefault(unmarked(id_), {})[id_] = tuple(rest)
        for row in batch:
            if (row["rejected"], row["id"], row["path"]) in rejections:
                continue
            known = {} if row["rejected"] else articles.get(unmarked(row["id"]), {})
            id_ = id_among(known, row["id"], row["path"], row["text"], row["hash"])
            if id_ not in known or known[id_][1:] != tuple(row[k] for k in ("hash", "date", "title", "source", "url")):
                yield row | {"id": id_}

    def _latest(self, before: str = "~") -> str:
        """SQL over what was read, in the parts named before `before`: of articles with one id the last, and rejections
        that no later article of that id and path has made good."""
        last = "max(row) FILTER (WHERE rejected = '') OVER (PARTITION BY id"
        return (
            "SELECT * FROM (SELECT *, row_number() OVER (ORDER BY filename, file_row_number) AS row "
            f"FROM {sql_table(self.articles, 'part-*.parquet', 'filename=true', 'file_row_number=true')} "
            f"WHERE parse_filename(filename) < '{before}') "
            f"QUALIFY row >= if(rejected = '', {last}), coalesce({last}, path), 0))"
        )

    def refusals(self) -> str | None:
        """None if the store holds an article; else, in words, why none of what was found became one."""
        if not self.has_articles():
            return "nothing was found"
        with self.connect() as db:
            rows = db.execute(
                f"SELECT rejected, count(*), any_value(id) FROM ({self._latest()}) GROUP BY rejected ORDER BY 2 DESC"
            ).fetchall()
        if any(not reason for reason, _, _ in rows):
            return None
        return ", ".join(f"{name}{f' and {n - 1} more' if n > 1 else ''} ({reason})" for reason, n, name in rows[:3])

    def has_articles(self) -> bool:
        """Whether anything was read into this store."""
        return has_parts(self.articles)

    def copies(self) -> dict[str, str]:
        """Copy -> original, for exact copies and near copies. The original is the earliest by date, then by order;
        whole dates come first: by month, an original of "2017" has no place, and its copies have no word.

        Candidates share one of 16 bands of 4 MinHash rows (Broder 1997; Leskovec et al., Mining of Massive Datasets,
        ch. 3), each compared only with the first article of its bucket, so that a story printed by a thousand papers
        costs a thousand comparisons and not a million.
        """
        if self._copies is not None:
            return self._copies
        self._copies = copies = dict[str, str]()
        if not self.has_articles():
            return copies
        with self.connect() as db:
            db.execute(
                "CREATE TABLE a AS SELECT id, hash, minhash, bands, "
                "row_number() OVER (ORDER BY length(date) DESC, date, row) AS n "
                f"FROM ({self._latest()}) WHERE rejected = ''"
            )
            pairs = db.execute(
                """WITH b AS (SELECT n, unnest(bands) AS band FROM a),
                firsts AS (SELECT band, min(n) AS f FROM b GROUP BY band),
                pairs AS (SELECT DISTINCT b.n, f FROM b JOIN firsts USING (band) WHERE f < b.n
                          UNION SELECT n, f FROM a JOIN (SELECT hash, min(n) AS f FROM a GROUP BY hash) USING (hash)
                          WHERE f < n)
                SELECT x.id, y.id, x.hash = y.hash, x.minhash, y.minhash
                FROM pairs JOIN a x ON x.n = pairs.n JOIN a y ON y.n = pairs.f ORDER BY x.n, y.n"""
            )
            while rows := pairs.fetchmany(1024):
                for copy, original, same, mine, theirs in rows:
                    if copy in copies:
                        continue
                    near = similarity(np.array(mine, np.uint64), np.array(theirs, np.uint64))
                    if same or near >= NEAR_COPY:
                        copies[copy] = copies.get(original, original)
        return copies

    def read_articles(self) -> Iterator[Stored | Rejected]:
        """Everything in the store, in the order it was read, one part's articles in memory at a time."""
        if not self.has_articles():
            return
        copies = self.copies()
        with self.connect() as db:
            # Places alone are sorted: the texts of a large store do not fit into the memory that DuckDB may have.
            places = db.execute(f"SELECT filename, file_row_number FROM ({self._latest()}) ORDER BY row")
            rows = chain.from_iterable(iter(lambda: places.fetchmany(4096), []))
            for part, found in groupby(rows, itemgetter(0)):
                table = pq.read_table(part, columns=_READ)
                for row in table.take([number for _, number in found]).to_pylist():
                    if row["rejected"]:
                        yield Rejected(row["id"], row["path"], row["rejected"])
                        continue
                    drops, spans = tuple(Drop(**d) for d in row.pop("drops")), row.pop("sentences")
                    del row["rejected"]
                    article = Article(**row, drops=drops)
                    sentences = tuple(
                        Sentence(
                            article.id, k, s["start"], s["end"], article.text[s["start"] : s["end"]], s["paragraph"]
                        )
                        for k, s in enumerate(spans)
                    )
                    yield Stored(article, sentences, copies.get(article.id, ""))


def _row(item: tuple[Article, Sequence[Sentence]] | Rejected) -> dict[str, Any]:
    if isinstance(item, Rejected):
        empty: dict[str, Any] = dict.fromkeys(ARTICLES.names, "")
        empty |= {"drops": [], "sentences": [], "minhash": [], "bands": []}
        return empty | {"id": item.id, "path": item.path, "rejected": item.reason}
    article, sentences = item
    exact, minhash = signature(article)
    return {
        "id": article.id,
        "text": article.text,
        "title": article.title,
        "date": article.date,
        "date_source": article.date_source,
        "source": article.source,
        "url": article.url,
        "path": article.path,
        "rejected": "",
        "drops": [{"start": d.start, "end": d.end, "reason": d.reason} for d in article.drops],
        "sentences": [{"start": s.start, "end": s.end, "paragraph": s.paragraph} for s in sentences],
        "hash": exact,
        "minhash": [int(v) for v in minhash],
        "bands": bands(minhash),
    }
