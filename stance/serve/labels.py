"""The labelling screen's tasks and what coders answer; coders are blind to one another."""

import threading
from datetime import date
from pathlib import Path
from typing import Any

from stance import gold as g
from stance import runs
from stance.data import Stance
from stance.errors import InputError
from stance.files import atomic
from stance.scores import Store, Stored

TASKS = 200


class Labels:
    """Tasks as `stance gold sample` draws them, the same for every coder; judgements go into `labels/CODER.jsonl` in
    the run's folder as they are given."""

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out / "labels"
        self._lock = threading.Lock()
        self._tasks: list[dict[str, Any]] = []

    def next(self, coder: str) -> dict[str, Any]:
        """The first task this coder has not judged (None at the end), with how many are judged, and of how many."""
        with self._lock:
            tasks, done = self._drawn(), {j.key for j in self._read(coder)}
            left = [task for task in tasks if _key(task) not in done]
            total = len(tasks)
            return {"done": total - len(left), "total": total, "task": left[0] if left else None}

    def add(self, coder: str, id: str, label: Stance, note: str = "") -> None:
        """Keep a judgement of the task of this id; given again, the later one counts. Raises InputError for a task
        there is not: another server, after other articles came in, may have drawn others."""
        if coder == g.ADJUDICATED:
            raise InputError(f"{coder!r} is the name of what settles differences; choose another")
        with self._lock:
            task = next((task for task in self._drawn() if task["id"] == id), None)
            if task is None:
                raise InputError(f"no task {id!r}: tasks were drawn anew since it was shown; load the page again")
            line = g.Judgement(
                **{k: task[k] for k in ("article", "start", "end", "sentence", "actor", "issue", "chosen")},
                label=label,
                coder=coder,
                date=date.today().isoformat(),
                note=note,
            )
            self._write(coder, [j for j in self._read(coder) if j.key != line.key] + [line])

    def undo(self, coder: str) -> None:
        """Take back the last judgement, if there is one."""
        with self._lock:
            self._write(coder, self._read(coder)[:-1])

    def gold(self, coder: str) -> str:
        """The coder's gold file."""
        return _lines(self._read(coder))

    def _path(self, coder: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in coder)
        return self.folder / f"{safe}.jsonl"

    def _read(self, coder: str) -> list[g.Judgement]:
        path = self._path(coder)
        if not path.exists() or not path.read_text(encoding="utf-8").strip():
            return []
        found = list(g.load_gold([path]).judgements)
        if any(j.coder != coder for j in found):
            raise InputError(f"{path} holds another coder's judgements; choose another name")
        return found

    def _write(self, coder: str, lines: list[g.Judgement]) -> None:
        self.folder.mkdir(exist_ok=True)
        with atomic(self._path(coder)) as file:
            file.write(_lines(lines))

    def _drawn(self) -> list[dict[str, Any]]:
        """Drawn once a server: what is added to the run meanwhile changes no coder's queue."""
        if not self._tasks:
            config, manifest = runs.open_run(self.out)
            found = list(runs.stored_observations(self.out))
            cells = runs.matrix_of(self.out, config, manifest, evidence=None)
            tasks = g.sample(found, cells, config, TASKS)
            before = _before(self.out, {(t["article"], t["start"]) for t in tasks})
            texts = {(o.article_id, o.start): o.sentence for o in found}
            self._tasks = [
                {k: v for k, v in t.items() if k not in ("text", "label")}
                | {
                    "text": texts[t["article"], t["start"]],
                    "context": before.get((t["article"], t["start"]), ""),
                    "actor_label": config.actors[t["actor"]].label,
                    "issue_label": config.issues[t["issue"]].label,
                    "id": " ".join(_key(t)[:3]),
                }
                for t in tasks
            ]
        return self._tasks


def _before(out: Path, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The sentence before each of these (article, start)."""
    found = {}
    for item in Store(out, write=False).read_articles():
        if isinstance(item, Stored):
            for before, sentence in zip(item.sentences, item.sentences[1:], strict=False):
                if (item.article.id, sentence.start) in wanted:
                    found[item.article.id, sentence.start] = before.text
    return found


def _key(task: dict[str, Any]) -> g.Key:
    return f"{task['article']} {task['start']}-{task['end']}", task["actor"], task["issue"], "sentence"


def _lines(judgements: list[g.Judgement]) -> str:
    return "".join(j.model_dump_json(exclude_defaults=True) + "\n" for j in judgements)
