"""Articles to be scored, one at a time, apart from the run until somebody keeps them."""

import hashlib
import itertools
import json
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from stance import pipeline, report, runs
from stance.config import Config
from stance.data import Observation
from stance.errors import ModelError, StanceError
from stance.nli import Scorer
from stance.observe import Judge

WAITING = 20
State = Literal["waiting", "scoring", "done", "failed", "cancelled", "keeping", "kept"]


class Busy(Exception):
    """The queue is full."""


class _Cancelled(Exception):
    pass


@dataclass(slots=True)
class Job:
    """One upload. `done` and `total` count pairs; `article` is what was read of it (title, date, dropped)."""

    number: int
    title: str
    input: Path
    state: State = "waiting"
    done: int = 0
    total: int = 0
    error: str = ""
    articles: list[dict[str, Any]] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """A queue with one worker; everything it writes lies in a folder of its own until `keep`."""

    def __init__(self, out: Path, load: Callable[[], Scorer], reload: Callable[[], None]) -> None:
        self.out, self._load, self._reload = out, load, reload
        self._scorer: Scorer | None = None
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._queue: queue.Queue[tuple[Job, Callable[[Job], None]] | None] = queue.Queue()
        self._folder = tempfile.TemporaryDirectory(prefix="stance-serve-")
        self._lock = threading.Lock()
        self._worker = threading.Thread(target=self._work, daemon=True, name="scoring")
        self._worker.start()

    def close(self) -> None:
        """Give up what waits and what is being scored, and wait for the worker to end."""
        for number in list(self._jobs):
            self.cancel(number)
        self._queue.put(None)
        self._worker.join()
        self._folder.cleanup()

    def submit_text(self, article: dict[str, str]) -> dict[str, Any]:
        """Queue a pasted article. Raises Busy."""
        name = "pasted-" + hashlib.sha256(article["text"].encode()).hexdigest()[:12]
        line = json.dumps({"id": name, **{k: v for k, v in article.items() if v}}, ensure_ascii=False)
        return self._submit(article["title"] or article["text"][:60], "article.jsonl", line.encode())

    def submit_file(self, name: str, content: bytes) -> dict[str, Any]:
        """Queue a file; its suffix says what it is. Raises Busy."""
        return self._submit(Path(name).name, Path(name).name, content)

    def _submit(self, title: str, name: str, content: bytes) -> dict[str, Any]:
        with self._lock:
            if self._queue.qsize() >= WAITING:
                raise Busy(f"{WAITING} articles are waiting; try again when one is done")
            number = next(self._numbers)
            path = Path(self._folder.name) / str(number) / "input" / _plain(name)
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            job = self._jobs[number] = Job(number, title, path)
        self._queue.put((job, self._score))
        return self._described(job)

    def all(self) -> list[dict[str, Any]]:
        """Latest first, without observations."""
        return [self._described(job) for job in reversed(self._jobs.values())]

    def describe(self, number: int) -> dict[str, Any] | None:
        """A job with its observations, or None."""
        job = self._jobs.get(number)
        if job is None:
            return None
        return self._described(job) | {"articles": job.articles, "observations": [asdict(o) for o in job.observations]}

    def _described(self, job: Job) -> dict[str, Any]:
        return {k: getattr(job, k) for k in ("number", "title", "state", "done", "total", "error")}

    def cancel(self, number: int) -> None:
        """Stop a job that waits or is scored; others are left as they are."""
        job = self._jobs[number]
        if job.state in ("waiting", "scoring"):
            job.stop.set()
            if job.state == "waiting":
                job.state = "cancelled"

    def keep(self, number: int) -> None:
        """Queue the addition of a job's articles to the run."""
        job = self._jobs[number]
        job.state = "keeping"
        self._queue.put((job, self._keep))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            job, task = item
            if job.state == "cancelled":
                continue
            try:
                task(job)
            except _Cancelled:
                job.state = "cancelled"
            except (StanceError, OSError) as error:
                job.state, job.error = "failed", str(error)
            except Exception as error:  # the worker must live on, and the user must know
                job.state, job.error = "failed", f"{type(error).__name__}: {error}"

    def _model(self, config: Config, manifest: dict[str, Any]) -> Scorer:
        scorer = self._scorer = self._scorer or self._load()
        made = manifest["model"]
        if scorer.fingerprint != made["fingerprint"]:
            raise ModelError(
                f"{scorer.name} is not the model that made this run ({made['name']} in {made['dtype']}); name that one "
                f"with --model and --dtype of `stance serve`, or score the run again with this one by `stance run`"
            )
        if Judge(config, scorer).describe() != manifest["head"]:
            raise ModelError(
                f"the positions of this run were found by another head.json than {scorer.name} has now; "
                "give the command that made the run once more"
            )
        return scorer

    def _score(self, job: Job) -> None:
        job.state = "scoring"
        known, manifest = runs.open_run(self.out)
        scorer = self._model(known, manifest)

        def progress(done: int, total: int) -> None:
            job.done, job.total = done, total
            if job.stop.is_set():
                raise _Cancelled

        run = job.input.parents[1] / "run"
        config, gate = self.out / "store" / "config.yaml", bool(manifest["gate"])
        pipeline.run(run, config, scorer, inputs=[str(job.input)], gate=gate, progress=progress)
        job.observations = [o for o in runs.stored_observations(run) if o.stance != "none"]
        job.articles = list(report.read_articles(run))
        job.state = "done"

    def _keep(self, job: Job) -> None:
        known, manifest = runs.open_run(self.out)
        scorer = self._model(known, manifest)
        kept = self.out / "added" / f"{hashlib.sha256(job.input.read_bytes()).hexdigest()[:12]}-{job.input.name}"
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(job.input, kept)
        # Parts are only ever added and named at random: another store's are read as this one's own.
        store = job.input.parents[1] / "run" / "store"
        for part in store.glob("scores/*/part-*.parquet"):
            _copy(part, self.out / "store" / "scores" / part.parent.name / part.name)
        for part in store.glob("hypotheses/*.json"):
            _copy(part, self.out / "store" / "hypotheses" / part.name)
        pipeline.run(
            self.out,
            self.out / "store" / "config.yaml",
            scorer,
            inputs=[str(kept)],
            replace=False,
            command=manifest["command"],
            **pipeline.settings(self.out),
        )
        self._reload()
        job.state = "kept"


def _plain(name: str) -> str:
    """A file name that every file system takes: what a browser calls a file names no folder, is not hidden from the
    reader by a leading dot, and has at most 180 bytes, the suffixes that say what it holds among them."""
    path = Path(name.replace("\0", "").lstrip(".") or "article.txt")
    suffix = "".join(path.suffixes[-2:])[-20:]
    stem = path.name.removesuffix(suffix).encode("utf-8", "ignore")[: 180 - len(suffix.encode("utf-8", "ignore"))]
    return stem.decode("utf-8", "ignore") + suffix


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".new-{target.name}")
        shutil.copyfile(source, new)
        new.replace(target)
