"""What to label next, for people and their tools; and what comes back from them."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stance.config import HOLDER, Config
from stance.data import Cell, Observation
from stance.errors import InputError
from stance.gold.records import CellJudgement, Judgement, Key, load_gold, sentence_hash

Task = dict[str, Any]


def sample(
    observations: Sequence[Observation],
    cells: Iterable[Cell],
    config: Config,
    n: int,
    *,
    random_share: float = 0.5,
    seed: int = 0,
    known: Iterable[Key] = (),
) -> list[Task]:
    """`n` sentences to judge. A part (`random_share`) is drawn at random from all observations, so that what is
    estimated from it is unbiased; the others are those on whose doubt the matrix hangs most: p (1 - p) of the sentence,
    over the strength of its article in the cell and the number of the cell's articles. `chosen` says which a task is.

    `known`: what has been judged already is not proposed again. No task tells what the model found: a coder must not
    know.
    """
    done = set(known)
    left = [o for o in observations if not o.copy_of and _key(o) not in done]
    rng = random.Random(seed)
    drawn = rng.sample(left, min(len(left), round(n * random_share)))
    taken = {_key(o) for o in drawn}
    size = {(c.actor, c.issue, c.period): (c.n_articles, c.evidence) for c in cells}
    weight: dict[Key, float] = {}
    for articles, evidence in size.values():
        strength: dict[str, float] = {}
        for o in evidence:
            strength[o.article_id] = strength.get(o.article_id, 0.0) + o.support + o.oppose
        for o in evidence:
            doubt = o.strength * (1 - o.strength)
            weight[_key(o)] = doubt / max(1e-9, strength[o.article_id]) / max(1, articles)
    rest = sorted((o for o in left if _key(o) not in taken), key=lambda o: (-weight.get(_key(o), 0.0), _key(o)))
    chosen = [(o, "random") for o in drawn] + [(o, "uncertain") for o in rest[: max(0, n - len(drawn))]]
    rng.shuffle(chosen)
    return [_task(o, how, config) for o, how in chosen]


def _key(o: Observation) -> Key:
    return f"{o.article_id} {o.start}-{o.end}", o.actor, o.issue, "sentence"


def _task(o: Observation, how: str, config: Config) -> Task:
    issue = config.issues[o.issue]
    label = config.actors[o.actor].label
    return {
        "text": f"{' '.join(o.sentence.split())}\n\n{label}: {issue.label}?",
        "label": [],
        "article": o.article_id,
        "start": o.start,
        "end": o.end,
        "sentence": sentence_hash(o.sentence),
        "actor": o.actor,
        "issue": o.issue,
        "support": issue.propositions.support[0].replace(HOLDER, label),
        "oppose": issue.propositions.oppose[0].replace(HOLDER, label),
        "chosen": how,
    }


def write_tasks(tasks: Sequence[Task], path: Path) -> None:
    """`.json`: a list of `{"data": ...}` for Label Studio; anything else: JSONL, a task a line, for doccano."""
    if path.suffix == ".json":
        data = [{"data": {k: v for k, v in task.items() if k != "label"}} for task in tasks]
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in tasks), encoding="utf-8")


def read_coded(path: Path, coder: str | None) -> list[Judgement | CellJudgement]:
    """Judgements of a file: gold as it is, or what doccano (JSONL) or Label Studio (JSON) export of `sample`'s tasks.

    What the tools export names no coder of ours: `coder` does. Tasks not labelled yet are passed over. Raises
    InputError, also where none is.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            records = [_from_label_studio(task) for task in json.loads(text)]
        else:
            records = [json.loads(line) for line in text.split("\n") if line.strip()]
            if all("coder" in r for r in records):
                gold = load_gold([path])
                return [*gold.judgements, *gold.cells]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error!r}); expected gold lines, or what doccano or Label Studio exports"
        ) from error
    wanted = ("article", "start", "end", "sentence", "actor", "issue")
    for number, record in enumerate(records, 1):
        if missing := [k for k in wanted if k not in record]:
            raise InputError(
                f"{path}:{number}: has no {', '.join(missing)}; expected gold lines, or what doccano or Label Studio "
                "export of the tasks that `stance gold sample` wrote"
            )
    if not any(record.get("label") for record in records):
        raise InputError(f"{path}: {len(records)} tasks, none of them labelled; label some first")
    if not coder:
        raise InputError(f"{path} does not say who judged; name the coder with --coder")
    out: list[Judgement | CellJudgement] = []
    for number, record in enumerate(records, 1):
        labels = record.get("label") or []
        labels = [labels] if isinstance(labels, str) else labels
        if not labels:
            continue
        if len(labels) > 1:
            raise InputError(f"{path}:{number}: {len(labels)} labels ({', '.join(labels)}); keep one")
        fields = {k: record.get(k) for k in (*wanted, "chosen")}
        try:
            out.append(Judgement.model_validate(fields | {"label": labels[0], "coder": coder, "date": _today(record)}))
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}:{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return out


def _from_label_studio(task: Mapping[str, Any]) -> Task:
    done = [a for a in task.get("annotations", []) if not a.get("was_cancelled")]
    labels = [x for a in done[-1:] for r in a["result"] for x in r["value"].get("choices", [])]
    return {**task["data"], "label": labels, "when": (done[-1].get("created_at") or "")[:10] if done else ""}


def _today(record: Mapping[str, Any]) -> str:
    return record.get("when") or date.today().isoformat()


def merge(
    have: Sequence[Judgement | CellJudgement], new: Iterable[Judgement | CellJudgement]
) -> tuple[list[Judgement | CellJudgement], list[str]]:
    """What is there with what is new, coders kept apart; the same twice changes nothing. A coder who now says
    otherwise is a conflict: the old line stays, and a line tells of it."""
    merged = {(line.key, line.coder): line for line in have}
    conflicts = []
    for line in new:
        old = merged.setdefault((line.key, line.coder), line)
        if old.label != line.label:
            conflicts.append(
                f"{' '.join(line.key[:3])}: {line.coder} said {old.label}, now {line.label}; kept {old.label}"
            )
    return list(merged.values()), conflicts
