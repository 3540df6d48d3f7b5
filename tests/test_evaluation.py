"""`stance model eval`, `bench` and `export`."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import make_tiny
from typer.testing import CliRunner

from stance.cli import app
from stance.errors import ModelError
from stance.nli import evaluation
from stance.nli.evaluation import groups
from stance.nli.examples import held_out, premises_of, read_pairs

ROOT = Path(__file__).parent.parent


def one_hot(guess: list[int]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[guess]


def test_figures_of_three_classes() -> None:
    gold = [(0,), (0,), (2,), (2,), (1,), (1,)]
    f = evaluation._figures("x", one_hot([0, 2, 2, 1, 1, 1]), [(str(k), ["h"], [x]) for k, x in enumerate(gold)])
    assert (f.n, f.premises, f.classes) == (6, 6, 3)
    assert f.accuracy == pytest.approx(4 / 6)
    # Entailment: 1 of 2, nothing made up. Contradiction: 1 of 2, 1 made up. Neutral: both, 1 made up.
    assert f.macro_f1 == pytest.approx((2 / 3 + 2 / 4 + 4 / 5) / 3)
    assert f.sign_errors == pytest.approx(1 / 3)
    assert f.ece == pytest.approx(1 - 4 / 6)
    assert f.accuracy_low <= f.accuracy <= f.accuracy_high


def test_a_file_that_tells_entailment_alone_is_judged_so() -> None:
    found = [("a", ["h", "i"], [(0,), (1, 2)]), ("b", ["h", "i"], [(1, 2), (0,)])]
    f = evaluation._figures("x", one_hot([0, 2, 1, 1]), found)
    assert (f.classes, f.accuracy, f.sign_errors) == (2, 0.75, None)


def test_a_model_that_tells_entailment_alone_is_judged_so() -> None:
    found = [("a", ["h", "i", "j"], [(0,), (1,), (2,)])]
    f = evaluation._figures("x", one_hot([0, 1, 1]), found, contradiction=False)
    assert (f.classes, f.accuracy, f.sign_errors) == (2, 1.0, None)


def test_the_command_on_pairs_and_passages(tmp_path: Path) -> None:
    rows = [
        ("A woman is playing the violin.", "A woman is playing an instrument.", "entailment"),
        ("The minister signed the treaty.", "The minister refused to sign the treaty.", "contradiction"),
        ("The mayor supports the bridge.", "The mayor is in favour of the bridge.", 0),
        ("The shop is closed.", "The shop sells hats.", "not_entailment"),
        ("It rained.", "It " + "really " * 60 + "rained.", "entailment"),
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"premise": p, "hypothesis": h, "label": x}) + "\n" for p, h, x in rows))
    passages = tmp_path / "d.jsonl"
    passages.write_text("\n".join((ROOT / "models/curriculum/d1.jsonl").read_text().splitlines()[:20]) + "\n")
    arguments = ["model", "eval", str(path), str(passages), "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    first, second = json.loads((tmp_path / "out.json").read_text())["files"]
    assert (first["name"], first["n"], first["classes"], first["accuracy"]) == ("pairs", 4, 2, 1.0)
    assert first["refused"] == 1
    assert "1 pairs left out" in result.stdout
    assert second["n"] > 100
    assert second["accuracy"] > 0.6
    assert "pairs" in result.stdout

    result = CliRunner().invoke(
        app, ["model", "eval", str(passages), "--held-out", "--json", str(tmp_path / "dev.json")]
    )
    assert json.loads((tmp_path / "dev.json").read_text())["files"][0]["premises"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"premise": "a", "hypothesis": "b", "label": "maybe"}', "label 'maybe'"),
        ('{"premise": "a", "label": 0}', "no column 'hypothesis'"),
        ('{"premise": null, "hypothesis": "b", "label": 0}', "premise None"),
        ('{"premise": "a", "hypothesis": "b", "label": 0.5}', "label 0.5"),
        ("not json", "expected a Parquet or JSONL file"),
    ],
)
def test_a_file_that_is_not_for_this_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.jsonl").write_text(content + "\n")
    result = CliRunner().invoke(app, ["model", "eval", str(tmp_path / "x.jsonl")])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_rows_without_a_label_are_passed_over_and_numbers_may_be_floats(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.jsonl"
    labels: list[object] = [2.0, -1, None, "-", "neutral"]
    path.write_text("".join(json.dumps({"premise": "a", "hypothesis": "b", "label": x}) + "\n" for x in labels))
    assert [row["label"] for row in read_pairs(str(path))] == ["contradiction", "neutral"]
    assert caplog.messages == [f"{path}: 3 rows without a label passed over"]


def test_premises_of_other_files_can_be_left_out(tmp_path: Path) -> None:
    path, known = tmp_path / "x.jsonl", tmp_path / "known.jsonl"
    path.write_text(
        "".join(json.dumps({"premise": p, "hypothesis": "b", "label": 0}) + "\n" for p in ("Seen  it.", "New."))
    )
    known.write_text(json.dumps({"premise": "seen it.", "hypothesis": "c", "label": 1}) + "\n")
    without = premises_of([str(known)])
    assert [premise for premise, *_ in groups(str(path), dev=False, limit=None, without=without)] == ["New."]


def test_one_premise_in_ten_is_held_out() -> None:
    share = np.mean([held_out(f"Premise number {k}.") for k in range(5000)])
    assert 0.08 < share < 0.12
    assert held_out("A  premise.") == held_out("a premise.")


def test_bench_counts_what_it_scores(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Pakistan rejected joint operations. Washington asked for them on 3 May 2012.")
    arguments = ["model", "bench", str(tmp_path / "a.txt"), "-c", str(ROOT / "configs/trade.yaml"), "--seconds", "0.1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert 0 < figures["pairs_scored"] <= figures["pairs"]
    assert figures["pairs_per_second"] > 0


@pytest.mark.slow
def test_the_export_gives_the_scorers_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from stance.nli import export, packed

    scorer = make_tiny(tmp_path / "tiny", seed=1)
    # Random weights cannot pass the self-test on the meaning of labels; the comparison is what is tested here.
    monkeypatch.setattr(export, "load_scorer", lambda name, dtype: scorer)
    result = export.export(str(tmp_path / "tiny"), tmp_path / "out" / "tiny.onnx")
    assert result["largest_difference"] < export.TOLERANCE
    session = onnxruntime.InferenceSession(tmp_path / "out" / "tiny.onnx", providers=["CPUExecutionProvider"])
    layout = export.Layout.model_validate({"split": 1})
    pairs = [("One sentence that is rather longer than the other.", "It is long."), ("Short.", "Yes, it is short.")] * 3
    _, tokenizer = export.read_model(tmp_path / "tiny")
    inputs = export.encode(tokenizer, layout, pairs)
    given = session.run(None, {k: v.numpy() for k, v in inputs.items()})[0]
    expected = np.stack([scorer.score([(p, [h])])[0][0] for p, h in pairs])
    assert given == pytest.approx(expected, abs=1e-4)
    assert isinstance(scorer, packed.PackedScorer)


def test_a_pairwise_model_is_not_exported(tmp_path: Path) -> None:
    from stance.nli.export import export

    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="stance"):
        export(str(tmp_path), tmp_path / "x.onnx")
