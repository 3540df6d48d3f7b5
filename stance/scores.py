"""The store of a run: what was read and what was scored, as Parquet parts that are only ever added.

    out/store/run.json                     the format and the config's name: whose run this is
    out/store/articles/part-*.parquet      articles with offsets of sentences, as cleaned; rejected inputs too
    out/store/hypotheses/KEY.json          lists of hypotheses, named by their content
    out/store/scores/FINGERPRINT/part-*    premise key, hypotheses key, probabilities; a folder a model

A part is written under another name, flushed to disk and renamed: a killed run leaves whole parts and nothing else, and
the next run asks which pairs are missing. A key names a text to be scored, never an article: two articles with the same
sentence share its score and stay two. DuckDB reads the parts, with a memory limit, so that a store may outgrow memory.
"""

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from itertools import islice
from typing import Any, Self, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stance.data import Article, Drop, Rejected, Sentence
from stance.errors import InputError, StanceError
from stance.ingest import bands, signature, similarity
from stance.nli import Scores

T = TypeVar("T")
FORMAT = 1
# Estimated Jaccard similarity of word 5-grams from which two articles count as one text: an edited wire story keeps
# about .8, two reports of one event stay under .2.
NEAR_COPY = 0.7
FLUSH_SECONDS = 20.0
MEMORY_LIMIT = "512MB"

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
SCORES = pa.schema(
    [("premise", pa.binary(16)), ("hypotheses", pa.binary(16)), ("clipped", pa.bool_()), ("scores", pa.list_(pa.float32()))]
)
UNITS = pa.schema(
    [("row", pa.int64()), ("premise", pa.binary(16)), ("text", pa.large_string()), ("wanted", pa.int32())]
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An article of the store with its sentences; `copy_of` names the article it repeats, or is empty."""

    article: Article
    sentences: tuple[Sentence, ...]
    copy_of: str


def key(*texts: str) -> bytes:
    """16 bytes that name a text or a list of texts."""
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "surrogatepass")).digest()[:16]


class Store:
    """The store under `out`; holds a lock while open for writing, so that two runs never write at once.

    Raises InputError if `out` holds something else, another config's run, a newer format, or is in use.
    """

    def __init__(self, out: Path, name: str | None = None, *, write: bool = True) -> None:
        self.out, self.root = out, out / "store"
        self._lock: int | None = None
        header = self.root / "run.json"
        if not header.exists():
            if not write or name is None:
                raise InputError(f"{out} holds no run of stance; expected a folder that `stance run ... -o {out}` made")
            if out.is_file():
                raise InputError(f"{out} is a file; expected a folder for the results; choose another -o")
            if out.exists() and any(p.name not in ("store",) for p in out.iterdir()):
                raise InputError(f"{out} holds files that are no run of stance; choose an empty or a new folder with -o")
            self._make(self.root)
            self.lock()
            self._write_json(header, {"format": FORMAT, "name": name})
        else:
            if write:
                self.lock()
            try:
                found = json.loads(header.read_text(encoding="utf-8"))
                fmt, owner = int(found["format"]), str(found["name"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{header} is damaged ({error!r}); delete {out} and run again") from error
            if fmt != FORMAT:
                raise InputError(f"{out} was made by another version (format {fmt}, this one reads {FORMAT}); use a new -o")
            if name is not None and owner != name:
                raise InputError(f"{out} holds the run of config {owner!r}, not of {name!r}; choose another folder with -o")
            self.name = owner
        self.name = name or self.name
        if write:
            for stray in self.root.rglob(".tmp-*"):
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
            raise InputError(f"{self.out} is being written by another stance process; wait for it or stop it") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @staticmethod
    def _make(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder with -o") from error

    @staticmethod
    def _write_json(path: Path, value: object) -> None:
        temporary = path.with_name(f".tmp-{path.name}")
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(temporary, path)

    def _write_part(self, folder: Path, table: pa.Table) -> None:
        self._make(folder)
        name = f"part-{time.time_ns():020d}.parquet"
        temporary = folder / f".tmp-{name}"
        pq.write_table(table, temporary, compression="zstd")
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, folder / name)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A private DuckDB that spills to the store's folder rather than fill memory."""
        return duckdb.connect(
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(self.root / ".spill"),
                "threads": os.cpu_count() or 1,
                "preserve_insertion_order": True,
            }
        )

    # -- articles ---------------------------------------------------------------------------------------------------

    def write_articles(self, found: Iterable[tuple[Article, Sequence[Sentence]] | Rejected], *, replace: bool) -> int:
        """Add what was read, 256 at a time; with `replace` the store then holds these articles and no others.

        Returns how many were added. An article that is there already, unchanged, is not added again; one with a known
        id and another text takes the place of the old one.
        """
        folder = self.root / "articles.new" if replace else self.articles
        if replace and folder.exists():
            _clear(folder)
        self._make(folder)
        added, batch = 0, list[dict[str, Any]]()
        for item in found:
            batch.append(_row(item))
            if len(batch) >= 256:
                added += self._add(folder, batch, replace)
                batch = []
        added += self._add(folder, batch, replace)
        if replace:
            if self.articles.exists():
                _clear(self.articles)
            os.replace(folder, self.articles)
        return added

    def _add(self, folder: Path, batch: list[dict[str, Any]], replace: bool) -> int:
        if batch and not replace and any(folder.glob("part-*.parquet")):
            with self.connect() as db:
                known = set(
                    db.execute(
                        f"SELECT id, hash, date, title FROM ({self._latest()}) WHERE id IN (SELECT unnest(?))",
                        [[row["id"] for row in batch]],
                    ).fetchall()
                )
            batch = [r for r in batch if (r["id"], r["hash"], r["date"], r["title"]) not in known]
        if batch:
            self._write_part(folder, pa.Table.from_pylist(batch, schema=ARTICLES))
        return sum(not row["rejected"] for row in batch)

    def _latest(self) -> str:
        """SQL over the articles: of two with one id, the one added last."""
        return (
            f"SELECT *, row_number() OVER (ORDER BY filename, file_row_number) AS row FROM read_parquet("
            f"'{sql_path(self.articles)}/part-*.parquet', filename=true, file_row_number=true) "
            "QUALIFY row_number() OVER (PARTITION BY id ORDER BY filename DESC, file_row_number DESC) = 1"
        )

    def has_articles(self) -> bool:
        """Whether anything was read into this store."""
        return any(self.articles.glob("part-*.parquet"))

    def copies(self) -> dict[str, str]:
        """Copy -> original, for exact copies and near copies. The original is the earliest by date, then by order.

        Candidates share one of 16 bands of 4 MinHash rows (Broder 1997; Leskovec et al., Mining of Massive Datasets,
        ch. 3), each compared only with the first article of its bucket, so that a story printed by a thousand papers
        costs a thousand comparisons and not a million.
        """
        if not self.has_articles():
            return {}
        with self.connect() as db:
            db.execute(
                f"CREATE TABLE a AS SELECT id, hash, minhash, bands, row_number() OVER (ORDER BY date = '', date, row) AS n "
                f"FROM ({self._latest()}) WHERE rejected = ''"
            )
            pairs = db.execute(
                """WITH b AS (SELECT n, unnest(bands) AS band FROM a),
                firsts AS (SELECT band, min(n) AS f FROM b GROUP BY band),
                pairs AS (SELECT DISTINCT b.n, f FROM b JOIN firsts USING (band) WHERE f < b.n
                          UNION SELECT n, f FROM a JOIN (SELECT hash, min(n) AS f FROM a GROUP BY hash) USING (hash) WHERE f < n)
                SELECT x.id, y.id, x.hash = y.hash, x.minhash, y.minhash
                FROM pairs JOIN a x ON x.n = pairs.n JOIN a y ON y.n = pairs.f ORDER BY x.n, y.n"""
            )
            copies: dict[str, str] = {}
            while rows := pairs.fetchmany(1024):
                for copy, original, same, mine, theirs in rows:
                    if copy in copies:
                        continue
                    near = similarity(np.array(mine, np.uint64), np.array(theirs, np.uint64))
                    if same or near >= NEAR_COPY:
                        copies[copy] = copies.get(original, original)
        return copies

    def read_articles(self) -> Iterator[Stored | Rejected]:
        """Everything in the store, in the order it was read, 64 articles in memory at a time."""
        if not self.has_articles():
            return
        copies = self.copies()
        with self.connect() as db:
            rows = db.execute(
                "SELECT id, text, title, date, date_source, source, url, path, rejected, drops, sentences "
                f"FROM ({self._latest()}) ORDER BY row"
            )
            while batch := rows.fetchmany(64):
                for id_, text, title, date, date_source, source, url, path, rejected, drops, spans in batch:
                    if rejected:
                        yield Rejected(id_, path, rejected)
                        continue
                    article = Article(
                        id_, text, title, date, date_source, source, url, path, tuple(Drop(**d) for d in drops)
                    )
                    sentences = tuple(
                        Sentence(id_, k, s["start"], s["end"], text[s["start"] : s["end"]], s["paragraph"])
                        for k, s in enumerate(spans)
                    )
                    yield Stored(article, sentences, copies.get(id_, ""))

    # -- scores -----------------------------------------------------------------------------------------------------

    def units(self, premises: Iterable[tuple[str, tuple[str, ...]]]) -> "Units":
        """Write down the premises of a run, one a sentence, in order, each with the hypotheses it is to meet."""
        return Units(self, premises)


class Units:
    """The sentences of a run as premises, and what is scored of them already. Premises live on disk, not in memory."""

    def __init__(self, store: Store, premises: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self.store = store
        self.path = store.root / ".tmp-units.parquet"
        self.count = 0
        self._sets: dict[bytes, tuple[str, ...]] = {}
        kinds: dict[tuple[str, ...], int] = {}
        with pq.ParquetWriter(self.path, UNITS, compression="zstd") as writer:
            for chunk in batched(premises, 4096):
                columns = {
                    "row": range(self.count, self.count + len(chunk)),
                    "premise": [key(text) for text, _ in chunk],
                    "text": [text for text, _ in chunk],
                    "wanted": [kinds.setdefault(wanted, len(kinds)) for _, wanted in chunk],
                }
                writer.write_table(pa.table(columns, schema=UNITS))
                self.count += len(chunk)
        self._wanted = list(kinds)

    def close(self) -> None:
        """Remove the list of premises."""
        self.path.unlink(missing_ok=True)

    def _parts(self, fingerprint: str) -> Path:
        return self.store.root / "scores" / fingerprint[:24]

    def _read_scores(self, fingerprint: str) -> str:
        folder = self._parts(fingerprint)
        if not any(folder.glob("part-*.parquet")):
            return "(SELECT NULL::BLOB AS premise, NULL::BLOB AS hypotheses, false AS clipped, NULL::FLOAT[] AS scores WHERE false)"
        return f"read_parquet('{sql_path(folder)}/part-*.parquet')"

    def hypotheses(self, name: bytes) -> tuple[str, ...]:
        """A list of hypotheses by its key; raises InputError if the store lost it."""
        if name not in self._sets:
            path = self.store.root / "hypotheses" / f"{name.hex()}.json"
            try:
                self._sets[name] = tuple(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                raise InputError(f"{path} is missing or damaged; delete {self.store.out} and run again") from error
        return self._sets[name]

    def missing(self, fingerprint: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Premises, each once, with those of its hypotheses that no part has a score for."""
        lacking: dict[tuple[tuple[int, ...], tuple[bytes, ...]], tuple[str, ...]] = {}
        with self.store.connect() as db:
            rows = db.execute(
                f"""WITH u AS (SELECT premise, min(row) AS row, any_value(text) AS text,
                    list(DISTINCT wanted) AS wanted FROM '{sql_path(self.path)}' GROUP BY premise),
                s AS (SELECT premise, list(hypotheses) AS sets FROM {self._read_scores(fingerprint)} GROUP BY premise)
                SELECT text, wanted, sets FROM u LEFT JOIN s USING (premise) ORDER BY row"""
            )
            while batch := rows.fetchmany(1024):
                for text, wanted, sets in batch:
                    state = tuple(sorted(wanted)), tuple(sorted(sets or ()))
                    if state not in lacking:
                        have = {h for name in state[1] for h in self.hypotheses(name)}
                        want = dict.fromkeys(h for kind in state[0] for h in self._wanted[kind])
                        lacking[state] = tuple(h for h in want if h not in have)
                    if lacking[state]:
                        yield text, lacking[state]

    def writer(self, fingerprint: str) -> "ScoreWriter":
        """Where new scores of this model go."""
        return ScoreWriter(self, fingerprint)

    def read(self, fingerprint: str, hypotheses: Sequence[str]) -> Iterator[tuple[Scores, bool]]:
        """For each premise in order: (len(hypotheses), 3) scores, NaN where the pair was not wanted; and whether the
        premise's end was cut off for the model. Raises InputError if a wanted score is missing."""
        place = {text: k for k, text in enumerate(hypotheses)}
        needed = [np.array([place[h] for h in kind], int) for kind in self._wanted]
        targets: dict[bytes, tuple[NDArray[np.int_], NDArray[np.int_]]] = {}
        scores = np.full((len(hypotheses), 3), np.nan, np.float32)
        clipped, row, kind = False, 0, 0

        def whole() -> Scores:
            if np.isnan(scores[needed[kind]]).any():
                raise InputError("the store lacks scores of this run; run the same command again to complete it")
            return scores

        with self.store.connect() as db:
            found = db.execute(
                f"""SELECT u.row, u.wanted, s.hypotheses, s.clipped, s.scores FROM '{sql_path(self.path)}' u
                LEFT JOIN {self._read_scores(fingerprint)} s USING (premise) ORDER BY u.row"""
            )
            while batch := found.fetchmany(512):
                for number, wanted, name, cut, values in batch:
                    if number != row:
                        yield whole(), clipped
                        scores, clipped, row = np.full((len(hypotheses), 3), np.nan, np.float32), False, number
                    kind = wanted
                    if name is None:
                        continue
                    if name not in targets:
                        texts = self.hypotheses(name)
                        here = [k for k, text in enumerate(texts) if text in place]
                        targets[name] = np.array(here, int), np.array([place[texts[k]] for k in here], int)
                    source, target = targets[name]
                    scores[target] = np.asarray(values, np.float32).reshape(-1, 3)[source]
                    clipped |= bool(cut)
            if self.count:
                yield whole(), clipped


class ScoreWriter:
    """Collects scores and writes a part every 20 seconds, and at the end, however it ends."""

    def __init__(self, units: Units, fingerprint: str) -> None:
        self.units, self.folder = units, units._parts(fingerprint)
        self.rows: list[dict[str, Any]] = []
        self.last = time.monotonic()
        self._named: dict[tuple[str, ...], bytes] = {}

    def add(self, premise: str, hypotheses: tuple[str, ...], scores: Scores, clipped: bool) -> None:
        """One premise's scores, shape (len(hypotheses), 3)."""
        if hypotheses not in self._named:
            name = key(*hypotheses)
            folder = self.units.store.root / "hypotheses"
            Store._make(folder)
            if not (folder / f"{name.hex()}.json").exists():
                Store._write_json(folder / f"{name.hex()}.json", list(hypotheses))
            self._named[hypotheses] = name
        self.rows.append(
            {
                "premise": key(premise),
                "hypotheses": self._named[hypotheses],
                "clipped": clipped,
                "scores": scores.ravel().tolist(),
            }
        )
        if time.monotonic() - self.last >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is collected as one part."""
        if self.rows:
            self.units.store._write_part(self.folder, pa.Table.from_pylist(self.rows, schema=SCORES))
        self.rows, self.last = [], time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OSError):
            with suppress(OSError, StanceError):
                self.flush()
        else:
            self.flush()


def _row(item: tuple[Article, Sequence[Sentence]] | Rejected) -> dict[str, Any]:
    if isinstance(item, Rejected):
        return dict.fromkeys(ARTICLES.names, "") | {
            "id": item.id, "path": item.path, "rejected": item.reason, "drops": [], "sentences": [], "minhash": [], "bands": [],
        }  # fmt: skip
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


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items (itertools.batched came with Python 3.12)."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def sql_path(path: Path) -> str:
    """A path for use inside single quotes in DuckDB, its own brackets and stars taken literally."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path)).replace("'", "''")


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
