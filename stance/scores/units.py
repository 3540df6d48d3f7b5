"""The sentences of a run as premises, what is scored of them, and where new scores go."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stance.errors import InputError, StanceError
from stance.nli import Scores
from stance.scores.parts import (
    TEMPORARY,
    batched,
    has_parts,
    key,
    make_folder,
    part_name,
    sql_table,
    write_json,
    write_part,
)
from stance.scores.store import Store

FLUSH_SECONDS = 20.0
# However fast the model: what waits to be written must not fill memory.
FLUSH_ROWS = 8192

SCORES = pa.schema(
    [
        ("premise", pa.binary(16)),
        ("hypotheses", pa.binary(16)),
        ("clipped", pa.bool_()),
        ("scores", pa.list_(pa.float32())),
    ]
)
UNITS = pa.schema(
    [("row", pa.int64()), ("premise", pa.binary(16)), ("text", pa.large_string()), ("wanted", pa.int32())]
)


class Units:
    """The sentences of a run as premises, and what is scored of them already. Premises live on disk, not in memory."""

    def __init__(self, store: Store, premises: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self.store = store
        self.path = store.root / f"{TEMPORARY}units.parquet"
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
        if not has_parts(folder):
            return (
                "(SELECT NULL::BLOB AS premise, NULL::BLOB AS hypotheses, false AS clipped, NULL::FLOAT[] AS scores "
                "WHERE false)"
            )
        return sql_table(folder, "part-*.parquet")

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
                    list(DISTINCT wanted) AS wanted FROM {sql_table(self.path)} GROUP BY premise),
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
            wanted = np.full_like(scores, np.nan)
            wanted[needed[kind]] = scores[needed[kind]]
            if np.isnan(scores[needed[kind]]).any():
                raise InputError("the store lacks scores of this run; run the same command again to complete it")
            return wanted

        with self.store.connect() as db:
            found = db.execute(
                f"""SELECT u.row, u.wanted, s.hypotheses, s.clipped, s.scores FROM {sql_table(self.path)} u
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
    """Collects scores and writes a part every 20 seconds or 8,192 premises, and at the end, however it ends."""

    def __init__(self, units: Units, fingerprint: str) -> None:
        self.units, self.folder = units, units._parts(fingerprint)
        self.rows: list[dict[str, Any]] = []
        self.last = time.monotonic()
        self.name = part_name()
        self._named: dict[tuple[str, ...], bytes] = {}

    def add(self, premise: str, hypotheses: tuple[str, ...], scores: Scores, clipped: bool) -> None:
        """One premise's scores, shape (len(hypotheses), 3)."""
        if hypotheses not in self._named:
            name = key(*hypotheses)
            folder = self.units.store.root / "hypotheses"
            make_folder(folder)
            if not (folder / f"{name.hex()}.json").exists():
                write_json(folder / f"{name.hex()}.json", list(hypotheses))
            self._named[hypotheses] = name
        self.rows.append(
            {
                "premise": key(premise),
                "hypotheses": self._named[hypotheses],
                "clipped": clipped,
                "scores": scores.ravel().tolist(),
            }
        )
        if time.monotonic() - self.last >= FLUSH_SECONDS or len(self.rows) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is collected as one part."""
        if self.rows:
            # The name is kept until the rows are let go: a flush interrupted between the two is made again by __exit__,
            # and must then write the same part, not a second one.
            write_part(self.folder, pa.Table.from_pylist(self.rows, schema=SCORES), self.name)
        self.rows = []
        self.name, self.last = part_name(), time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            with suppress(OSError, StanceError):
                self.flush()
        else:
            self.flush()
