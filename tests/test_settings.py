"""A run is what it was made with: refused commands leave it, later ones keep its settings. The scorer is made up."""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from stance import evaluation, nli, pipeline, report, runs
from stance.cli import app
from stance.config import load_config
from stance.data import Observation
from stance.errors import ConfigError, InputError, ModelError
from stance.evaluation import evaluate
from stance.gold import sentence_hash
from stance.serve import jobs, run_model

CONFIG = """
name: harbour
actors:
  norland: {label: Norland, aliases: [Norland]}
  sudmark: {label: Sudmark, aliases: [Sudmark]}
issues:
  base:
    label: A foreign base
    propositions: {support: ["{actor} accepts a foreign base"], oppose: ["{actor} rejects a foreign base"]}
"""
SENTENCE = "Norland rejects the foreign base at the harbour, the minister said on Monday."
OLD = f"Published: March 3, 2015\n\n{SENTENCE} Sudmark wants it soon."
NEW = "Published: June 9, 2016\n\nSudmark rejects the foreign base in the north, its envoy told reporters."
SETTINGS = {"period": "year", "aggregation": "majority", "min_sentences": 2, "gate": True}


class Fake:
    """Takes a side by a hash of the premise and the actor, and is sure of it."""

    name, contradiction, context, max_hypothesis = "stance-nli", True, False, 8

    def __init__(self, fingerprint: str = "ab" * 32) -> None:
        self.fingerprint = fingerprint

    def describe(self) -> dict[str, object]:
        return {"name": "stance-nli", "dtype": "float32", "fingerprint": self.fingerprint}

    def clipped(self, premises: Sequence[str]) -> list[bool]:
        return [False for _ in premises]

    def refused(self, hypotheses: Sequence[str]) -> list[bool]:
        return [len(h.split()) > self.max_hypothesis for h in hypotheses]

    def score(self, items: Sequence[nli.Item]) -> list[nli.Scores]:
        def one(premise: str, hypothesis: str) -> list[float]:
            accepts = hashlib.sha256(f"{premise}|{hypothesis.split()[0]}".encode()).digest()[0] % 2 == 0
            return [0.9, 0.05, 0.05] if accepts == ("accepts" in hypothesis) else [0.05, 0.05, 0.9]

        return [np.array([one(p, h) for h in hs], np.float32).reshape(-1, 3) for p, hs in items]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, two articles and, in `out`, a run of the older one with settings of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nli, "load_scorer", lambda *_, **__: Fake())
    for name, text in (("harbour.yaml", CONFIG), ("old.txt", OLD), ("new.txt", NEW)):
        Path(name).write_text(text)
    run(["old.txt"], **SETTINGS)
    return tmp_path


def run(inputs: Sequence[str], scorer: Fake | None = None, **options: Any) -> dict[str, Any]:
    return pipeline.run(Path("out"), Path("harbour.yaml"), scorer or Fake(), inputs=inputs, **options)


def call(command: str) -> str:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output + result.stderr
    return result.output


def made_with() -> dict[str, Any]:
    _, manifest = runs.open_run(Path("out"))
    return {k: manifest["matrix"].get(k, manifest["gate"]) for k in SETTINGS}


def articles() -> list[str]:
    return [r["article_id"] for r in csv.DictReader(Path("out/articles.csv").open())]


# -- a refused command leaves the run as it was -----------------------------------------------------------------------


def typo() -> None:
    run(["nonexist.txt"], replace=False)


def nothing_read() -> None:
    Path("empty.txt").touch()
    run(["empty.txt"])


def proposition_too_long() -> None:
    Path("long.yaml").write_text(CONFIG.replace("accepts a", "accepts, whatever may come of it, a"))
    pipeline.run(Path("out"), Path("long.yaml"), Fake(), inputs=["new.txt"], replace=False)


@pytest.mark.parametrize("refused", [typo, nothing_read, proposition_too_long])
def test_a_refused_command_leaves_the_run_as_it_was(here: Path, refused: Callable[[], None]) -> None:
    def files() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in [*Path("out").glob("*.*"), Path("out/store/config.yaml")]}

    before = files()
    with pytest.raises((ConfigError, InputError)) as told:
        refused()
    assert "\n" not in str(told.value)
    assert files() == before
    run(["new.txt"], replace=False)
    assert articles() == ["old.txt", "new.txt"]


def test_with_nothing_read_the_reason_is_told(here: Path) -> None:
    with pytest.raises(InputError, match=r"no article could be read: empty.txt \(empty\); expected"):
        nothing_read()


# -- later commands keep the settings ---------------------------------------------------------------------------------


def test_score_keeps_the_settings_of_the_run_and_what_is_given_wins(here: Path) -> None:
    before = json.loads(Path("out/manifest.json").read_text())["counts"]["pairs_scored_now"]
    call("score new.txt -c harbour.yaml -o out")
    assert made_with() == SETTINGS
    _, manifest = runs.open_run(Path("out"))
    # Gated still: one actor's two propositions for the one new sentence, and nothing of the old ones.
    assert (before, manifest["counts"]["pairs_scored_now"]) == (4, 2)
    call("score new.txt -c harbour.yaml -o out --period month --no-gate --min-sentences 1")
    assert made_with() == SETTINGS | {"period": "month", "gate": False, "min_sentences": 1}
    call("score new.txt -c harbour.yaml -o fresh")
    _, manifest = runs.open_run(Path("fresh"))
    assert (manifest["matrix"]["period"], manifest["matrix"]["min_sentences"], manifest["gate"]) == ("month", 1, False)


def test_an_interrupted_score_does_not_forget_the_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report, "write_observations", stop)
        assert CliRunner().invoke(app, "score new.txt -c harbour.yaml -o out".split()).exit_code == 130
    with pytest.raises(InputError, match="was not finished"):
        made_with()
    call("score new.txt -c harbour.yaml -o out")
    assert made_with() == SETTINGS


def test_matrix_keeps_what_is_not_given(here: Path) -> None:
    call("matrix out --period quarter")
    assert made_with() == SETTINGS | {"period": "quarter"}
    call("matrix out --min-sentences 1")
    assert made_with() == SETTINGS | {"period": "quarter", "min_sentences": 1}


def test_run_begins_anew(here: Path) -> None:
    call("run old.txt -c harbour.yaml -o out")
    assert made_with() == {"period": "month", "aggregation": "mean", "min_sentences": 1, "gate": False}


def test_eval_keeps_the_settings_and_judges_cells_by_their_own_periods(here: Path) -> None:
    start = OLD.index(SENTENCE)
    coded = {"actor": "norland", "issue": "base", "label": "oppose", "coder": "a", "date": "2026-11-28"}
    place = {"article": "old.txt", "start": start, "end": start + len(SENTENCE), "sentence": sentence_hash(SENTENCE)}
    lines = [coded | place] + [coded | {"period": p} for p in ("2015", "2015-Q1", "2015-03")]
    Path("gold.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run(["old.txt"], **SETTINGS | {"min_sentences": 1})
    result = evaluate([Path("gold.jsonl")], Path("harbour.yaml"), Path("out"), Fake())
    assert made_with() == SETTINGS | {"min_sentences": 1}
    assert "propositions alone" not in result["baselines"]
    assert (result["cells"]["judged"], result["cells"]["missed"]) == (3, 0)
    evaluate([Path("gold.jsonl")], Path("harbour.yaml"), Path("fresh"), Fake(), inputs=["old.txt"], gate=True)
    assert runs.open_run(Path("fresh"))[1]["gate"] is True


@pytest.mark.parametrize("name", ["eval.json", "eval.md"])
def test_figures_are_written_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def stop(path: Path, target: Path) -> None:
        if target.name == name:
            raise OSError("no more")
        path.rename(target)

    (here / "out" / name).write_text("older")
    monkeypatch.setattr(evaluation, "_markdown", lambda *_: ["new"])
    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(OSError, match="no more"):
        evaluation._write(Path("out"), {}, [], load_config(Path("harbour.yaml")))
    assert (here / "out" / name).read_text() == "older"
    assert not list(Path("out").glob(".*.part"))


# -- explain ----------------------------------------------------------------------------------------------------------


def test_explain_counts_what_the_cells_count(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(sentence: str, date: str, **more: Any) -> Observation:
        values = {"stance": "oppose", "role": "own", "copy_of": ""} | more
        return Observation("a", date, 0, 0, 9, sentence, "norland", "base", values["stance"], -0.8, 0.1, 0.9,
                           values["role"], values["copy_of"])  # fmt: skip

    found = [
        seen("Dateless.", ""),
        seen("Coarse.", "2015"),
        seen("Counted.", "2015-03-03"),
        seen("Retracted.", "2015-03-03", stance="none"),
        seen("Alleged.", "2015-03-03", role="accused"),
        seen("Copied.", "2015-03-03", copy_of="b"),
    ]
    monkeypatch.setattr(runs, "stored_observations", lambda *_: iter(found))
    call("matrix out --period month --min-sentences 1")
    shown = call("explain out --actor norland --issue base")
    assert "Norland / A foreign base: 1 sentences count\n" in shown
    heads = [line for line in shown.splitlines() if not line.startswith(" ")][1:]
    assert [h.split(",")[0] for h in heads] == [
        "Alleged by others", "In copies", "Taken back or of no stance", "Without a date",
        "With a date too coarse for the run's periods",
    ]  # fmt: skip
    assert shown.index("Counted.") < shown.index("Alleged.") < shown.index("Copied.") < shown.index("Retracted.")
    assert shown.index("Retracted.") < shown.index("Dateless.") < shown.index("Coarse.")


# -- serve ------------------------------------------------------------------------------------------------------------


def kept(load: Callable[[], nli.Scorer]) -> dict[str, Any]:
    """The job of a new article, scored and, if that went well, kept."""
    queue = jobs.Jobs(Path("out"), load, lambda: None)
    try:
        number = queue.submit_file("new.txt", NEW.encode())["number"]
        done(queue, number)
        if queue.all()[0]["state"] == "done":
            queue.keep(number)
            done(queue, number)
        return queue.all()[0]
    finally:
        queue.close()


def done(queue: jobs.Jobs, number: int) -> None:
    import time

    deadline = time.monotonic() + 60
    while queue.all()[-number]["state"] in ("waiting", "scoring", "keeping") and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_kept_article_leaves_settings_and_command_of_the_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, before = runs.open_run(Path("out"))
    monkeypatch.setattr("sys.argv", ["stance", "serve", "out"])
    assert kept(Fake)["state"] == "kept"
    assert made_with() == SETTINGS
    assert runs.open_run(Path("out"))[1]["command"] == before["command"] != ["serve", "out"]


def test_another_model_than_the_runs_is_refused(here: Path) -> None:
    before = Path("out/manifest.json").read_bytes()
    job = kept(lambda: Fake("cd" * 32))
    assert job["state"] == "failed"
    assert "stance-nli in float32" in job["error"]
    assert "--model" in job["error"]
    assert Path("out/manifest.json").read_bytes() == before
    assert not Path("out/added").exists()


def test_serve_takes_the_model_that_made_the_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(name: str, **_: Any) -> Fake:
        asked.append(name)
        return Fake()

    monkeypatch.setattr("stance.serve.load_scorer", load)
    run_model(Path("out"), None, dtype="auto", threads=None)
    run_model(Path("out"), "mine", dtype="auto", threads=None)
    assert asked == ["stance-nli", "mine"]
    manifest = json.loads(Path("out/manifest.json").read_text())
    Path("out/manifest.json").write_text(json.dumps(manifest | {"model": {"name": "owner/gone", "fingerprint": "x"}}))
    with pytest.raises(ModelError, match=r"'owner/gone'.* --model"):
        run_model(Path("out"), None, dtype="auto", threads=None)
    assert asked == ["stance-nli", "mine"]


def test_a_name_that_is_no_unicode_stands_mended_in_the_manifest(here: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    Path(name).write_text(NEW)
    run([name], command=["run", name])
    assert runs.open_run(Path("out"))[1]["command"] == ["run", "café.txt"]
