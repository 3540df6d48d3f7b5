"""`stance model train`: the mask, adapters, checkpoints, sources."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_tiny
from typer.testing import CliRunner

from stance.cli import app
from stance.errors import ConfigError, InputError, ModelError
from stance.nli import examples, packed, trainee, training
from stance.nli.curriculum import lines, passage
from stance.nli.examples import held_out, stream
from stance.nli.recipe import Recipe, load_recipe
from stance.nli.weights import quantise, read_tensors, whole_numbers
from stance.nli.wordings import negation, rewordings

CURRICULUM = Path(__file__).parent.parent / "models" / "curriculum"
NAMES = ["Norway", "the council", "Ms Ito", "the union", "Rome", "the board", "Peru", "the bank", "Mr Bell", "the port"]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    make_tiny(folder, seed=3)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world in which the verb of the premise decides."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [
        {"premise": f"{name} {verb} plan {k}.", "hypothesis": f"{name} supports plan {k}.", "label": label}
        for k in range(12)
        for name in NAMES
        for verb, label in (("welcomed", "entailment"), ("refused", "contradiction"), ("discussed", "neutral"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recipe(start: Path, pairs: Path, **changes: object) -> Recipe:
    settings: dict[str, object] = {
        "name": "tiny",
        "start": start,
        "layout": {"split": 1},
        "frozen_layers": 0,
        "learning_rate": 0.003,
        "warmup": 5,
        "steps": 8,
        "step_tokens": 512,
        "row_tokens": 96,
        "storage": "fp32",
        "sources": [{"kind": "pairs", "files": [str(pairs)]}],
    }
    return Recipe.model_validate(settings | changes)


def scores(folder: Path, items: list[tuple[str, list[str]]]) -> np.ndarray:
    config = json.loads((folder / "config.json").read_text())
    return np.concatenate(packed.load(folder, config, dtype="fp32").score(items))


def some_items(pairs: Path, n: int = 60) -> tuple[list[tuple[str, list[str]]], list[int]]:
    rows = [json.loads(line) for line in pairs.read_text().splitlines()][:n]
    order = ["entailment", "neutral", "contradiction"]
    return [(r["premise"], [r["hypothesis"]]) for r in rows], [order.index(r["label"]) for r in rows]


@pytest.mark.parametrize(("rank", "bf16"), [(0, False), (4, False), (4, True)])
def test_it_learns_and_the_scorer_reads_what_was_trained(
    start: Path, pairs: Path, tmp_path: Path, rank: int, bf16: bool
) -> None:
    items, gold = some_items(pairs)
    folder = training.train(recipe(start, pairs, rank=rank, bf16=bf16, steps=90, learning_rate=0.01), tmp_path)
    assert (scores(start, items).argmax(1) == gold).mean() < 0.6
    assert (scores(folder, items).argmax(1) == gold).mean() > 0.9
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in entries] == list(range(1, 91))
    assert entries[-1]["smooth"] < entries[0]["smooth"]


def test_training_sees_what_the_scorer_sees(start: Path, pairs: Path) -> None:
    """The same probabilities from the padded, many-premise form and from the scorer's own."""
    r = recipe(start, pairs)
    model, tokenizer = trainee.read_model(start)
    network = trainee.Trainee(model, r.layout.model_dump(), 0, 2, torch.Generator().manual_seed(0))
    packer = training.Packer(tokenizer, r)
    premises = ["A short one.", "The minister, who had long been against it, signed the treaty on Monday.", "Rain."]
    given = [
        examples.Example(
            p, [f"Hypothesis {k} about {n}." for k, n in enumerate(NAMES[: 3 + 3 * i])], [(0,)] * (3 + 3 * i)
        )
        for i, p in enumerate(premises)
    ]
    batch = packer.rows([(len(p) + sum(map(len, h)), p, h, e) for e in given for p, h in [packer.encode(e)]])
    with torch.no_grad():
        got = network(batch).softmax(-1)[batch.allowed.any(-1)]
    expected = scores(start, [(e.premise, list(e.hypotheses)) for e in given])
    assert sorted(got[:, 0].tolist()) == pytest.approx(sorted(expected[:, 0].tolist()), abs=1e-5)


def test_dropout_changes_what_is_learnt_from_and_not_what_is_measured(start: Path, pairs: Path) -> None:
    r = recipe(start, pairs)
    model, tokenizer = trainee.read_model(start)
    network = trainee.Trainee(model, r.layout.model_dump(), 0, 2, torch.Generator().manual_seed(0), dropout=0.5)
    rows, _ = next(training.Packer(tokenizer, r).steps(examples.stream(r)))
    first, second = network(rows), network(rows)
    with torch.no_grad():
        third, fourth = network(rows), network(rows)
    assert torch.equal(third, fourth)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, third)


def test_a_killed_run_ends_where_an_unbroken_one_does(
    start: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    r = recipe(start, pairs, rank=4, dropout=0.1)
    whole = training.train(r, tmp_path / "whole")

    def stop(entry: dict[str, float]) -> None:
        if entry["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(r, tmp_path / "broken", on_step=stop)
    broken = training.train(r, tmp_path / "broken")
    log = [json.loads(line)["step"] for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()]
    assert log == list(range(1, r.steps + 1))
    for name, tensor in read_tensors(whole).items():
        assert torch.equal(tensor, read_tensors(broken)[name]), name


def test_a_run_stopped_early_can_be_taken_to_its_end(start: Path, pairs: Path, tmp_path: Path) -> None:
    early = training.train(recipe(start, pairs, rank=4, stop=3), tmp_path / "early")
    assert len((tmp_path / "early" / "log.jsonl").read_text().splitlines()) == 3
    before = read_tensors(early)
    whole = read_tensors(training.train(recipe(start, pairs, rank=4), tmp_path / "whole"))
    late = read_tensors(training.train(recipe(start, pairs, rank=4), tmp_path / "early"))
    assert all(torch.equal(tensor, late[name]) for name, tensor in whole.items())
    assert any(not torch.equal(tensor, late[name]) for name, tensor in before.items())


def test_another_recipe_does_not_go_on_from_a_checkpoint(start: Path, pairs: Path, tmp_path: Path) -> None:
    training.train(recipe(start, pairs, steps=1), tmp_path)
    with pytest.raises(ModelError, match="another recipe"):
        training.train(recipe(start, pairs, steps=2), tmp_path)


def test_a_teacher_pulls_the_student(start: Path, pairs: Path, tmp_path: Path) -> None:
    r = recipe(start, pairs, teachers=["stance-nli"], soft_weight=1.0, steps=12, learning_rate=0.01, step_tokens=128)
    items, _ = some_items(pairs, 30)
    taught = np.concatenate(training.load_scorer("stance-nli").score(items))

    def distance(folder: Path) -> float:
        return float(-(taught * np.log(scores(folder, items))).sum(1).mean())

    assert distance(training.train(r, tmp_path)) < distance(start)


def test_every_hypothesis_is_taught_that_the_scorer_reads(start: Path, pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    hypotheses = [f"Peru supports plan {k}." for k in range(30)]
    rows = [{"premise": "Peru met Chile.", "hypothesis": h, "label": 1} for h in [*hypotheses, "Long " * 60]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    r = recipe(start, pairs, sources=[{"kind": "pairs", "files": [str(path)]}])
    _, tokenizer = trainee.read_model(start)
    steps = itertools.islice(training.Packer(tokenizer, r).steps(examples.stream(r)), 4)
    assert {h for _, found in steps for e in found for h in e.hypotheses} == set(hypotheses)


def test_what_is_kept_back_is_never_taught(pairs: Path, start: Path) -> None:
    sources = [
        {"kind": "pairs", "files": [str(pairs)]},
        {"kind": "passages", "files": [str(CURRICULUM / "d1.jsonl")]},
    ]
    seen = {e.premise for e in itertools.islice(stream(recipe(start, pairs, sources=sources)), 900)}
    dev = [passage(line, False) for line in lines([CURRICULUM / "d1.jsonl"], "passages", dev=True)]
    assert len(dev) == 15
    assert not seen & {p.premise for p in dev}
    asked = {json.loads(line)["premise"] for line in pairs.read_text().splitlines()}
    kept_back = {p for p in asked if held_out(p)}
    assert kept_back
    assert seen & asked == asked - kept_back


def test_what_is_to_be_measured_on_is_never_taught(pairs: Path, start: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    (tmp_path / "test.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows if "welcomed" in row["premise"])
    )
    r = recipe(start, pairs, unseen=[str(tmp_path / "test.jsonl")])
    seen = {e.premise for e in itertools.islice(stream(r), 900)}
    assert seen
    assert not any("welcomed" in premise for premise in seen)


def test_a_misspelt_file_of_a_later_source_is_told_at_once(pairs: Path, start: Path, tmp_path: Path) -> None:
    late = {"kind": "pairs", "files": [str(tmp_path / "none.jsonl")], "after": 500}
    r = recipe(start, pairs, sources=[{"kind": "pairs", "files": [str(pairs)]}, late])
    with pytest.raises(InputError, match="no such file"):
        training.train(r, tmp_path / "out")


@pytest.mark.parametrize(
    ("proposition", "denied"),
    [
        ("Norway wants the ban lifted", "Norway does not want the ban lifted"),
        ("The unions oppose the plan", "The unions do not oppose the plan"),
        ("The port is ready to close", "The port is not ready to close"),
        ("The port is not ready to close", "The port is ready to close"),
        ("Peru denies that it paid", "Peru does not deny that it paid"),
        ("Peru does not want the ban lifted", "Peru wants the ban lifted"),
        ("The unions do not oppose the plan", "The unions oppose the plan"),
        ("Peru does not foresee a ban", None),
        ("The bank met on Monday", None),
        ("Peru would pay if Chile says no", None),
        ("Peru helps those who do not pay", None),
        ("The bank no longer wants a merger", None),
        ("Peru would refuse the loan", None),
        ("Peru's claims are rejected by Chile", None),
    ],
)
def test_propositions_are_denied_by_their_verb(proposition: str, denied: str | None) -> None:
    assert negation(proposition) == denied


def test_propositions_are_said_in_other_words() -> None:
    favour = dict(rewordings("The union supports the merger."))
    assert favour["The union has no objection to the merger"] is True
    assert favour["There is resistance to the merger from the union"] is False
    against = dict(rewordings("The union is against the merger"))
    assert set(against) == set(favour)
    assert all(favour[text] is not same for text, same in against.items())
    assert dict(rewordings("Peru wants Chile to leave the bloc")) == {
        "Peru thinks that Chile should leave the bloc": True,
        "Peru would like Chile to leave the bloc": True,
        "According to Peru, Chile ought to leave the bloc": True,
        "Peru would rather that Chile did not leave the bloc": False,
        "Peru does not think that Chile should leave the bloc": False,
        "Peru sees no need for Chile to leave the bloc": False,
    }
    assert dict(rewordings("Peru wants to leave"))["Peru would rather not leave"] is False


@pytest.mark.parametrize(
    "proposition",
    [
        "The bank met on Monday",
        "Peru does not want to leave",
        "Peru no longer supports the ban",
        "Peru denies that it supports the ban",
        "Peru supports the ban but opposes the fine",
        "Peru wants an end to exports",
    ],
)
def test_a_proposition_that_says_more_than_its_verb_keeps_its_words(proposition: str) -> None:
    assert rewordings(proposition) == []


def test_a_denied_hypothesis_has_the_opposite_label(pairs: Path, start: Path) -> None:
    def seen(share: float) -> dict[tuple[str, str], tuple[int, ...]]:
        r = recipe(start, pairs, sources=[{"kind": "pairs", "files": [str(pairs)], "negated": share}])
        found = itertools.islice(stream(r), 600)
        return {(e.premise, h): x for e in found for h, x in zip(e.hypotheses, e.allowed, strict=True)}

    plain, denied = seen(0), seen(1)
    assert {label for (label,) in plain.values()} == {0, 1, 2}
    assert denied == {(p, h.replace(" supports ", " does not support ")): (2 - x,) for (p, h), (x,) in plain.items()}


def test_a_reworded_hypothesis_has_the_label_of_its_sense(pairs: Path, start: Path) -> None:
    source = {"kind": "pairs", "files": [str(pairs)]}
    examples = {}
    for share in (0, 1):
        found = itertools.islice(stream(recipe(start, pairs, sources=[source | {"reworded": share}])), 600)
        examples[share] = {(e.premise, h): x for e in found for h, x in zip(e.hypotheses, e.allowed, strict=True)}
    assert not set(examples[0]) & set(examples[1])
    for (premise, hypothesis), (label,) in examples[0].items():
        for other, same in rewordings(hypothesis):
            assert examples[1].get((premise, other), (label if same else 2 - label,)) == (label if same else 2 - label,)


def test_articles_teach_marks_and_the_silence_around_them(pairs: Path, start: Path) -> None:
    r = recipe(start, pairs, sources=[{"kind": "articles", "files": [str(CURRICULUM / "a43.jsonl")]}])
    found = list(itertools.islice(stream(r), 300))
    assert [e.hypotheses for e in found] == [e.hypotheses for e in itertools.islice(stream(r), 300)]
    labels = [x for e in found for x in e.allowed]
    assert {(0,), (1,), (2,)} == set(labels)
    assert labels.count((1,)) > len(labels) / 2
    assert all("{actor}" not in h for e in found for h in e.hypotheses)


def test_the_command(start: Path, pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    dev = CURRICULUM / "d1.jsonl"
    path.write_text(
        f"name: tiny\nstart: {start}\nlearning_rate: 0.001\nsteps: 2\nstep_tokens: 256\nlayout: {{split: 1}}\n"
        f"frozen_layers: 1\nsources:\n  - {{kind: pairs, files: ['{pairs}']}}\n"
        f"dev: ['{dev}']\ndev_every: 2\n"
    )
    result = CliRunner().invoke(app, ["model", "train", str(path), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "model" / "config.json").is_file()
    last = json.loads((tmp_path / "out" / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 2
    assert 0 <= last["dev_accuracy"] <= 1
    stored = load_file(tmp_path / "out" / "model" / "model-1-of-2.safetensors")
    assert any(name.endswith(".int8") for name in stored)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "name: x\nstart: nowhere\nlearning_rate: 1\nsteps: 1\nsources: [{kind: odd, files: [a]}]",
            ConfigError,
            "kind",
        ),
        ("name: x\nunknown: 1", ConfigError, "unknown"),
        ("a: [", ConfigError, "not YAML"),
    ],
)
def test_a_faulty_recipe_is_refused(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(error, match=message):
        load_recipe(tmp_path / "r.yaml")


def test_a_start_or_source_that_is_not_there_is_refused(start: Path, pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model to start from"):
        training.train(recipe(tmp_path / "none", pairs), tmp_path / "out")
    nothing = {"kind": "pairs", "files": [str(pairs)], "rows": {pairs.name: 0}}
    with pytest.raises(InputError, match="nothing to train on"):
        training.train(recipe(start, pairs, sources=[nothing]), tmp_path / "out")
    with pytest.raises(ModelError, match="split 12"):
        training.train(recipe(start, pairs, layout={"split": 12}), tmp_path / "out")
    with pytest.raises(ModelError, match="position"):
        training.train(recipe(start, pairs, layout={"split": 1, "max_premise": 20_000}), tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        training.train(recipe(start, tmp_path / "none.jsonl"), tmp_path / "out")


@pytest.mark.parametrize(("columns", "kind", "steps"), [(320, "int6", 31), (300, "int8", 127)])
def test_stored_weights_are_within_half_a_step(tmp_path: Path, columns: int, kind: str, steps: int) -> None:
    weight = torch.randn(400, columns)
    stored = quantise({"w": weight, "b": torch.ones(5)})
    assert set(stored) == {f"w.{kind}", "w.scale", "b"}
    save_file(stored, tmp_path / "m.safetensors")
    error = (read_tensors(tmp_path)["w"] - weight).abs()
    largest = weight.unflatten(1, (-1, 64)).abs().amax(2) if kind == "int6" else weight.abs().amax(1, keepdim=True)
    step = (largest / steps).repeat_interleave(64 if kind == "int6" else columns, 1)
    # float16 scales are themselves rounded, by at most a part in 2,048.
    assert bool((error <= step / 2 + 31 * step / 2048 + 1e-6).all())
    assert torch.equal(read_tensors(tmp_path)["b"], torch.ones(5))


def test_an_update_is_added_to_what_is_stored(tmp_path: Path) -> None:
    weight, left, right = torch.randn(400, 320), torch.randn(3, 400), torch.randn(3, 320)
    save_file(quantise({"w": weight, "b": torch.ones(5)}), tmp_path / "model-1-of-1.safetensors")
    before = read_tensors(tmp_path)["w"]
    update = whole_numbers("w.left", left) | whole_numbers("w.right", right) | {"b": torch.zeros(5)}
    save_file(update, tmp_path / "update.safetensors")
    after = read_tensors(tmp_path)
    product = left.T @ right
    # Six bits a number: an error of about 3% of a factor's size.
    assert float((after["w"] - before - product).norm() / product.norm()) < 0.05
    assert torch.equal(after["b"], torch.zeros(5))
    assert set(after) == {"w", "b"}
