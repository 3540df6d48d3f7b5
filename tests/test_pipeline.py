"""The main job on real files with real models: what is written, what is scored again, what a killed run leaves."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from tiny import make_tiny

from stance import pipeline
from stance.actors import Resolver
from stance.cli import app
from stance.config import load_config, propositions
from stance.data import CONTEXT_MARK
from stance.errors import ConfigError, InputError
from stance.nli import find_model, load_scorer, packed
from stance.scores import Store, Units
from stance.scores import units as units_module

CONFIG = """
name: harbour
actors:
  norland: {label: Norland, aliases: [Norland, Kestrel Palace, Norlandic officials]}
  sudmark: {label: Sudmark, aliases: [Sudmark, Port Royal]}
issues:
  base:
    label: Foreign base at the harbour
    propositions:
      support: ["{actor} accepts a foreign base at the harbour"]
      oppose: ["{actor} rejects a foreign base at the harbour"]
"""
ARTICLES = {
    "one.txt": "Published: March 3, 2015\n\n"
    "Norland said on Monday that it would accept a foreign base at the harbour. "
    "Sudmark rejected a foreign base at the harbour.\n\n"
    "It rained for most of the day, and the talks went on until dawn.",
    "two.txt": "Published: June 9, 2016\n\n"
    "Kestrel Palace has rejected a foreign base at the harbour, a spokesman said. "
    "The talks will go on in the autumn.\n\n"
    "Sudmark is still against a foreign base at the harbour.",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, text in ARTICLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "harbour.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> packed.PackedScorer:
    """The real architecture with small random weights: for everything but the meaning of scores."""
    return make_tiny(tmp_path_factory.mktemp("tiny"), seed=0)


def run(root: Path, scorer: packed.PackedScorer, out: str = "out", **options: Any) -> dict[str, Any]:
    return pipeline.run(root / out, root / "harbour.yaml", scorer, inputs=[str(root / "articles")], **options)


def test_a_model_that_borrows_its_head_says_so(
    corpus: Path, tiny: packed.PackedScorer, caplog: pytest.LogCaptureFixture
) -> None:
    run(corpus, tiny)
    assert "judged by the head and thresholds of stance-nli" in caplog.text


def test_a_run_that_another_head_judges_says_so(corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scorer = make_tiny(tmp_path / "own", seed=0)
    default = find_model("stance-nli")
    assert default is not None
    head = (default / "head.json").read_text()
    (tmp_path / "own" / "head.json").write_text(head)
    run(corpus, scorer)
    run(corpus, scorer)
    assert "another head.json" not in caplog.text
    (tmp_path / "own" / "head.json").write_text(head.replace('"threshold": 0.', '"threshold": 0.9'))
    run(corpus, scorer)
    assert "were found by another head.json" in caplog.text


def test_a_damaged_manifest_is_told_and_can_be_done_without(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    (corpus / "out" / "manifest.json").write_text('{"stance": ')
    with pytest.raises(InputError, match=r"manifest\.json is damaged"):
        run(corpus, tiny)
    (corpus / "out" / "manifest.json").unlink()
    assert run(corpus, tiny)["counts"]["pairs_scored_now"] == 0


def test_a_proposition_that_the_model_cannot_read_is_the_topics_fault(corpus: Path, tiny: packed.PackedScorer) -> None:
    long = CONFIG.replace("accepts a foreign base", "accepts " + "a very " * 60 + "foreign base")
    (corpus / "harbour.yaml").write_text(long, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"harbour\.yaml: proposition too long"):
        run(corpus, tiny)


def pairs(out: Path) -> Counter[tuple[bytes, bytes]]:
    """How often each (premise, list of hypotheses) stands in the store, all parts together."""
    rows = duckdb.sql(f"SELECT premise, hypotheses FROM '{out}/store/scores/*/part-*.parquet'").fetchall()
    return Counter(rows)


def test_the_same_articles_again_score_nothing_and_give_the_same_files(corpus: Path, tiny: packed.PackedScorer) -> None:
    first = run(corpus, tiny)
    assert first["counts"]["pairs_scored_now"] == 6 * 4
    before = {p.name: p.read_bytes() for p in (corpus / "out").glob("*.csv")}
    assert run(corpus, tiny)["counts"]["pairs_scored_now"] == 0
    assert {p.name: p.read_bytes() for p in (corpus / "out").glob("*.csv")} == before


def tables(corpus: Path, out: str, scorer: packed.PackedScorer) -> dict[str, "np.ndarray"]:
    """By article the scores that its sentences are judged by, (sentences, propositions, 3), from a run's store."""
    config = load_config(corpus / "harbour.yaml")
    with Store(corpus / out, config.name) as store:
        resolver = Resolver(config)
        units = Units(store, pipeline.premises(store, resolver, propositions(config), scorer))
        every = pipeline.scored(store, units, config, resolver, scorer, Counter())
        return {item.article.id: np.stack(scores) for item, _, scores in every}


def test_an_article_gives_the_same_whatever_stands_beside_it(corpus: Path, tmp_path: Path) -> None:
    scorer = make_tiny(tmp_path / "context", seed=0, context=True)
    run(corpus, scorer, "beside")
    (corpus / "articles" / "two.txt").unlink()
    (corpus / "articles" / "two.txt").write_text(
        "Published: June 9, 2016\n\nSudmark rejected a foreign base at the harbour. Kestrel Palace shrugged.\n\n"
        "It rained for most of the day, and the talks went on until dawn.",
        encoding="utf-8",
    )
    run(corpus, scorer, "other")
    np.testing.assert_array_equal(
        tables(corpus, "beside", scorer)["one.txt"], tables(corpus, "other", scorer)["one.txt"]
    )


def test_a_model_that_knows_context_reads_each_sentence_both_ways(corpus: Path, tmp_path: Path) -> None:
    scorer = make_tiny(tmp_path / "context", seed=0, context=True)
    assert run(corpus, scorer)["counts"]["pairs_scored_now"] == 6 * 4 + 4 * 4
    config = load_config(corpus / "harbour.yaml")
    texts = [p.text for p in propositions(config)]
    with Store(corpus / "out", config.name) as store:
        _, sentences = next(pipeline.readings(store, Resolver(config)))
    first, second, third = pipeline.views(Resolver(config), sentences, context=True)
    assert (len(first), second[1], third[1]) == (
        1,
        f"{first[0]} {CONTEXT_MARK} {second[0]}",
        f"{second[0]} {CONTEXT_MARK} {third[0]}",
    )
    own, behind = scorer.score([(premise, texts) for premise in third])
    np.testing.assert_allclose(tables(corpus, "out", scorer)["one.txt"][2], (own + behind) / 2, atol=1e-6)


def test_a_view_that_lost_the_sentences_end_does_not_count() -> None:
    own, behind = np.full((2, 3), 0.5, np.float32), np.zeros((2, 3), np.float32)
    assert pipeline.together(own).tolist() == own.tolist()
    assert pipeline.together(own, (behind, False)).tolist() == (own / 2).tolist()
    assert pipeline.together(own, (behind, True)).tolist() == own.tolist()


def test_a_new_proposition_scores_only_itself(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    (corpus / "harbour.yaml").write_text(
        CONFIG.replace('base at the harbour"]', 'base at the harbour", "{actor} wants soldiers at the quay"]', 1)
    )
    assert run(corpus, tiny)["counts"]["pairs_scored_now"] == 6 * 2


def test_new_articles_join_a_run_and_only_they_are_scored(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    (corpus / "three.txt").write_text("Published: July 1, 2016\n\nSudmark wants the harbour closed. Nobody answered.")
    manifest = pipeline.run(
        corpus / "out", corpus / "harbour.yaml", tiny, inputs=[str(corpus / "three.txt")], replace=False
    )
    assert manifest["counts"]["articles"] == 3
    assert manifest["counts"]["pairs_scored_now"] == 2 * 4


def test_a_run_holds_its_inputs_and_no_others(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    (corpus / "articles" / "two.txt").unlink()
    assert run(corpus, tiny)["counts"]["articles"] == 1


def test_a_changed_model_scores_everything(corpus: Path, tiny: packed.PackedScorer, tmp_path: Path) -> None:
    run(corpus, tiny)
    other = make_tiny(tmp_path / "other", seed=1)
    assert run(corpus, other)["counts"]["pairs_scored_now"] == 6 * 4
    assert run(corpus, tiny)["counts"]["pairs_scored_now"] == 0


def test_the_gate_scores_fewer_pairs_finds_the_same_and_scores_the_rest_later(corpus: Path) -> None:
    scorer = load_scorer()
    # Six sentences, four of them also behind the one before: 40 pairs without the gate.
    assert 0 < run(corpus, scorer, gate=True)["counts"]["pairs_scored_now"] < 20
    gated = {p.name: p.read_bytes() for p in (corpus / "out").glob("*.csv")}
    assert gated["observations.csv"].count(b"\n") > 3
    assert 20 < run(corpus, scorer)["counts"]["pairs_scored_now"] < 40
    assert {p.name: p.read_bytes() for p in (corpus / "out").glob("*.csv")} == gated


def test_scores_do_not_depend_on_how_the_run_was_cut(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny, "whole")
    run(corpus, tiny, "parts", gate=True)
    run(corpus, tiny, "parts")
    for name in ("observations.csv", "stance_matrix.csv"):
        assert (corpus / "whole" / name).read_bytes() == (corpus / "parts" / name).read_bytes()


def test_a_wire_copy_is_recognised_and_is_no_second_evidence(corpus: Path, tiny: packed.PackedScorer) -> None:
    text = ARTICLES["two.txt"]
    more = " The ministers had met four times since the spring, in three cities, without a word to the press about it."
    (corpus / "articles" / "two.txt").write_text(text + more * 3)
    (corpus / "articles" / "zwei.txt").write_text(text + more * 3 + " (Agencies)")
    manifest = run(corpus, tiny)
    assert manifest["counts"]["copy"] == 1
    rows = list(csv.DictReader((corpus / "out" / "articles.csv").open()))
    assert [r["reason"] for r in rows if r["status"] == "copy"] == ["copy of two.txt"]


def test_another_configs_run_and_a_strange_folder_are_left_alone(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    (corpus / "other.yaml").write_text(CONFIG.replace("name: harbour", "name: other"))
    with pytest.raises(InputError, match="holds the run of config 'harbour'"):
        pipeline.run(corpus / "out", corpus / "other.yaml", tiny, inputs=[str(corpus / "articles")])
    (corpus / "mine").mkdir()
    (corpus / "mine" / "thesis.docx").write_text("x")
    with pytest.raises(InputError, match="no run of stance"):
        run(corpus, tiny, "mine")
    assert [p.name for p in (corpus / "mine").iterdir()] == ["thesis.docx"]


def test_only_one_process_writes(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    with Store(corpus / "out", "harbour"), pytest.raises(InputError, match="another stance process"):
        run(corpus, tiny)


def test_sentences_of_the_store_are_the_text_at_their_offsets(corpus: Path, tiny: packed.PackedScorer) -> None:
    run(corpus, tiny)
    with Store(corpus / "out", write=False) as store:
        for item in store.read_articles():
            assert not isinstance(item, pipeline.Rejected)
            text = (corpus / "articles" / item.article.id).read_text(encoding="utf-8")
            assert [text[s.start : s.end] for s in item.sentences] == [s.text for s in item.sentences]


# -- the command, with the embedded model -----------------------------------------------------------------------------


def stance(*arguments: str, code: str = "", **options: Any) -> "subprocess.Popen[str]":
    """The command in a process of its own; `code` runs before it (to write parts often enough to be killed between)."""
    # A shell that works in the background leaves SIGINT ignored to its children.
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    program = f"import stance.scores.units; {code}\nfrom stance.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


EAGER = "stance.scores.units.FLUSH_SECONDS = 0; import stance.pipeline; stance.pipeline.CALL_PAIRS = 16"


@pytest.fixture
def long_corpus(corpus: Path) -> Path:
    rows = [
        {
            "id": f"a{k}",
            "date": f"2016-0{k % 9 + 1}-11",
            "text": f"Norland held talk {k} on the harbour. {t.split(chr(10))[2]}",
        }
        for k in range(12)
        for t in [ARTICLES["one.txt"] if k % 2 else ARTICLES["two.txt"]]
    ]
    for path in (corpus / "articles").iterdir():
        path.unlink()
    (corpus / "articles" / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return corpus


@pytest.mark.parametrize(
    ("kill", "code"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 130, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_and_every_pair_is_scored_once(long_corpus: Path, kill: int, code: int) -> None:
    out = long_corpus / "out"
    command = ("run", str(long_corpus / "articles"), "-c", str(long_corpus / "harbour.yaml"), "-o", str(out))
    process = stance(*command, code=EAGER)
    deadline = time.monotonic() + 60
    while len(list(out.glob("store/scores/*/part-*"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(kill)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert not (out / "manifest.json").exists()
    assert code < 0 or "give the same command again" in error
    done = sum(pairs(out).values())
    again = stance(*command)
    _, error = again.communicate(timeout=100)
    assert again.returncode == 0, error
    counted = pairs(out)
    assert set(counted.values()) == {1}
    assert 0 < done < len(counted)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["pairs_scored_now"] == (len(counted) - done) * 4


def _write_one(units: Units) -> None:
    with units.writer("model") as writer:
        writer.add("A premise.", ("A hypothesis",), np.full((1, 3), 1 / 3, np.float32), False)
        writer.flush()


def test_an_interrupt_between_a_part_and_its_rows_writes_no_second_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_part = units_module.write_part

    def stopped(*args: Any) -> None:
        monkeypatch.setattr(units_module, "write_part", write_part)
        write_part(*args)
        raise KeyboardInterrupt

    with Store(tmp_path / "out", "x") as store:
        units = Units(store, [("A premise.", ("A hypothesis",))])
        monkeypatch.setattr(units_module, "write_part", stopped)
        with pytest.raises(KeyboardInterrupt):
            _write_one(units)
        assert len(list(store.root.glob("scores/model/part-*.parquet"))) == 1
        assert list(units.missing("model")) == []
        units.close()


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(long_corpus: Path) -> None:
    out = long_corpus / "out"
    command = ("run", str(long_corpus / "articles"), "-c", str(long_corpus / "harbour.yaml"), "-o", str(out))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    _, error = (process := stance(*command, preexec_fn=limit)).communicate(timeout=100)
    assert process.returncode == 2
    assert error.strip().splitlines()[-1].startswith("stance: the disk is full")
    assert "Traceback" not in error
    assert stance(*command).wait(100) == 0


def test_the_matrix_says_what_the_articles_say(corpus: Path) -> None:
    from typer.testing import CliRunner

    runner = CliRunner()
    out = corpus / "out"
    result = runner.invoke(app, ["run", str(corpus / "articles"), "-c", str(corpus / "harbour.yaml"), "-o", str(out)])
    assert result.exit_code == 0, result.output
    cells = {(r["actor"], r["period"]): r for r in csv.DictReader((out / "stance_matrix.csv").open())}
    assert cells["norland", "2015-03"]["stance"] == "support"
    assert cells["norland", "2016-06"]["stance"] == "oppose"
    assert cells["sudmark", "2015-03"]["stance"] == cells["sudmark", "2016-06"]["stance"] == "oppose"
    names = ["stance_matrix.csv", "stance_matrix_wide.csv", "observations.csv", "articles.csv", "report.html"]
    last = (out / "manifest.json").stat().st_mtime_ns
    assert all((out / name).stat().st_mtime_ns <= last for name in names)
    shown = runner.invoke(app, ["explain", str(out), "--actor", "norland", "--issue", "base", "--period", "2016-06"])
    assert "Kestrel Palace has rejected" in shown.output
    again = runner.invoke(app, ["matrix", str(out), "--period", "year"])
    assert again.exit_code == 0
    assert {r["period"] for r in csv.DictReader((out / "stance_matrix.csv").open())} == {"2015", "2016"}
    moved = runner.invoke(app, ["diff", str(out), str(out)])
    assert "no cell moved" in moved.output
    wrong = runner.invoke(app, ["explain", str(out), "--actor", "nobody", "--issue", "base"])
    assert wrong.exit_code == 2
    assert "it has norland, sudmark" in wrong.output


def test_propositions_cover_every_actor(corpus: Path) -> None:
    assert len(propositions(load_config(corpus / "harbour.yaml"))) == 4
    assert os.access(corpus, os.W_OK)
