"""Scores are right, are a pair's own, and no model is used whose labels are in doubt."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import make_tiny
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    MPNetConfig,
)

from stance.errors import ModelError
from stance.nli import find_model, load_scorer, packed, pairwise

MODEL = find_model("stance-nli")
assert MODEL is not None
VECTORS = json.loads((MODEL / "test_vectors.json").read_text())
BF16_TOLERANCE = 0.06  # stated in README; eval/bench_scoring.py measures it on many more pairs


@pytest.fixture(scope="session")
def exact() -> packed.PackedScorer:
    scorer = load_scorer(dtype="fp32")
    assert isinstance(scorer, packed.PackedScorer)
    return scorer


def test_reproduces_the_vectors_made_when_the_model_was_trained(exact: packed.PackedScorer) -> None:
    scores = exact.score([(premise, VECTORS["hypotheses"]) for premise in VECTORS["premises"]])
    np.testing.assert_allclose(np.stack(scores), np.array(VECTORS["probabilities"]), atol=1e-4)


@pytest.mark.parametrize(
    ("premise", "true", "false"),
    [
        (
            "Norway said on Monday that it would accept a foreign base in the north.",
            ["Norway accepts a foreign base", "Norway is not against a foreign base"],
            ["Norway does not accept a foreign base", "Norway is against a foreign base"],
        ),
        (
            "The council voted the scheme down by nine votes to two.",
            ["The council does not support the scheme", "The council opposes the scheme"],
            ["The council supports the scheme", "The council is not against the scheme"],
        ),
        (
            "Peru's government refused on Friday to hand over the prisoner.",
            ["Peru does not agree to hand over the prisoner", "Peru refuses to hand over the prisoner"],
            ["Peru agrees to hand over the prisoner", "Peru does not refuse to hand over the prisoner"],
        ),
    ],
)
def test_a_denied_proposition_is_the_opposite_of_the_proposition(
    exact: packed.PackedScorer, premise: str, true: list[str], false: list[str]
) -> None:
    [scores] = exact.score([(premise, true + false)])
    assert scores.argmax(1).tolist() == [0] * len(true) + [2] * len(false)


def test_bf16_stays_within_the_stated_tolerance() -> None:
    scores = load_scorer(dtype="bf16").score([(premise, VECTORS["hypotheses"]) for premise in VECTORS["premises"]])
    np.testing.assert_allclose(np.stack(scores), np.array(VECTORS["probabilities"]), atol=BF16_TOLERANCE)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> packed.PackedScorer:
    return make_tiny(tmp_path_factory.mktemp("tiny"), seed=0)


def _independent(scorer: packed.PackedScorer, premises: list[str], hypotheses: list[str]) -> None:
    together = scorer.score([(premise, hypotheses) for premise in premises])
    for premise, scores in zip(premises, together, strict=True):
        np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)
        for hypothesis, row in zip(hypotheses, scores, strict=True):
            np.testing.assert_allclose(row, scorer.score([(premise, [hypothesis])])[0][0], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    premises=st.lists(st.text(max_size=80), min_size=1, max_size=5),
    hypotheses=st.lists(st.text(max_size=40), min_size=1, max_size=7, unique=True),
)
def test_a_score_does_not_depend_on_its_neighbours(
    tiny: packed.PackedScorer, premises: list[str], hypotheses: list[str]
) -> None:
    _independent(tiny, premises, hypotheses)


def test_nor_does_one_of_the_embedded_model(exact: packed.PackedScorer) -> None:
    _independent(exact, [*VECTORS["premises"][:2], "No."], VECTORS["hypotheses"][:3])


def test_no_hypotheses_and_no_premises(exact: packed.PackedScorer) -> None:
    assert exact.score([]) == []
    assert exact.score([("Something.", [])])[0].shape == (0, 3)


def test_a_premise_too_long_is_said_to_be_clipped_and_still_scored(exact: packed.PackedScorer) -> None:
    long = "The minister spoke. " * 200
    assert exact.clipped([long, "Short."]) == [True, False]
    assert exact.score([(long, ["the minister spoke"])])[0].shape == (1, 3)


def test_a_hypothesis_too_long_is_refused(exact: packed.PackedScorer) -> None:
    with pytest.raises(ModelError, match="too long"):
        exact.score([("A.", ["word " * 60])])


def _reference(
    model: Any, split: int, start: int, offset: int, premise: list[int], hypothesis: list[int]
) -> np.ndarray:
    """One pair through the stock layers, in one sequence with masks written out."""
    p, h = len(premise), len(hypothesis)
    positions = torch.tensor([*range(p), *range(start, start + h)])
    body = model.base_model
    x = body.embeddings(input_ids=torch.tensor([premise + hypothesis]), position_ids=positions[None] + offset)
    bias = torch.zeros(1, 1, p + h, p + h)
    if hasattr(body.encoder, "relative_attention_bias"):
        buckets = body.encoder.relative_position_bucket(positions[None, :] - positions[:, None])
        bias = body.encoder.relative_attention_bias(buckets).permute(2, 0, 1)[None]
    for number, layer in enumerate(body.encoder.layer):
        mask = torch.zeros(1, 1, p + h, p + h)
        mask[..., :p, p:] = -torch.inf
        if number < split:
            mask[..., p:, :p] = -torch.inf
        output = layer(x, attention_mask=mask + bias)
        x = output[0] if isinstance(output, tuple) else output
    return torch.softmax(model.classifier(x[0, p]), -1).detach().numpy()


@pytest.mark.parametrize("kind", ["mpnet", "bert"])
@pytest.mark.parametrize("split", [0, 2, 3])
def test_packed_equals_the_stock_layers_pair_by_pair(tmp_path: Path, kind: str, split: int) -> None:
    torch.manual_seed(split)
    assert MODEL is not None
    sizes: dict[str, Any] = {
        "vocab_size": 30527,
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 160,
        "initializer_range": 0.5,
        "id2label": {0: "contradiction", 1: "entailment", 2: "neutral"},
    }
    config = MPNetConfig(**sizes, pad_token_id=1) if kind == "mpnet" else BertConfig(**sizes)
    model = AutoModelForTokenClassification.from_config(config, attn_implementation="eager").eval()
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(MODEL).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    written["stance"] = {"split": split, "hypothesis_position": 60, "max_premise": 60, "max_hypothesis": 30}
    (tmp_path / "config.json").write_text(json.dumps(written))
    scorer = packed.load(tmp_path, written, dtype="fp32")
    premises = [*VECTORS["premises"], "Yes."]
    scores = scorer.score([(premise, VECTORS["hypotheses"]) for premise in premises])
    for premise, rows in zip(premises, scores, strict=True):
        for hypothesis, row in zip(VECTORS["hypotheses"], rows, strict=True):
            ids = [scorer.tokens.encode(text).ids for text in (premise, hypothesis)]
            expected = _reference(model, split, 60, 2 if kind == "mpnet" else 0, *ids)
            np.testing.assert_allclose(row, expected[[1, 2, 0]], atol=2e-5)


def _classifier(folder: Path, labels: list[str]) -> None:
    assert MODEL is not None
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30527,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=128,
        id2label=dict(enumerate(labels)),
        label2id={label: k for k, label in enumerate(labels)},
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL).save_pretrained(folder)


@pytest.mark.parametrize(
    ("labels", "places", "three"),
    [
        (["CONTRADICTION", "NEUTRAL", "ENTAILMENT"], [2, 1, 0], True),
        (["entailment", "not_entailment"], [0, 1], False),
        (["not_entailment", "entailment"], [1, 0], False),
    ],
)
def test_pairwise_equals_transformers_with_columns_by_label_name(
    tmp_path: Path, labels: list[str], places: list[int], three: bool
) -> None:
    _classifier(tmp_path, labels)
    scorer = pairwise.load(str(tmp_path))
    assert scorer.contradiction is three
    scores = scorer.score([(premise, VECTORS["hypotheses"]) for premise in VECTORS["premises"]])
    for premise, rows in zip(VECTORS["premises"], scores, strict=True):
        for hypothesis, row in zip(VECTORS["hypotheses"], rows, strict=True):
            inputs = scorer.tokenizer(premise, hypothesis, return_tensors="pt")
            expected = torch.softmax(scorer.model(**inputs).logits[0], -1).detach().numpy()
            np.testing.assert_allclose(row[: len(places)], expected[places], atol=1e-5)
            if not three:
                assert row[2] == 0


def test_labels_that_do_not_say_which_is_which_are_refused(tmp_path: Path) -> None:
    _classifier(tmp_path, ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(ModelError, match="do not say which is which"):
        load_scorer(str(tmp_path))


def test_a_model_that_fails_plain_pairs_is_refused(tmp_path: Path) -> None:
    _classifier(tmp_path, ["entailment", "neutral", "contradiction"])
    with pytest.raises(ModelError, match="self-test"):
        load_scorer(str(tmp_path))


def _linked(folder: Path) -> None:
    """The embedded model in another folder, without copying its weights."""
    assert MODEL is not None
    for path in MODEL.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)


def test_labels_in_another_order_than_the_config_says_are_caught(tmp_path: Path) -> None:
    assert MODEL is not None
    _linked(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = {"0": "contradiction", "1": "neutral", "2": "entailment"}
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="self-test"):
        load_scorer(str(tmp_path))


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "stance-nli-of-tomorrow"])
def test_a_missing_model_is_one_clear_error(name: str) -> None:
    with pytest.raises(ModelError, match="no model at"):
        load_scorer(name)


def test_a_model_cut_short_is_one_clear_error(tmp_path: Path) -> None:
    _linked(tmp_path)
    weights = tmp_path / "model-1-of-2.safetensors"
    start = weights.read_bytes()[:1000]
    weights.unlink()
    weights.write_bytes(start)
    with pytest.raises(ModelError, match="cut short"):
        load_scorer(str(tmp_path))


def test_the_fingerprint_follows_what_can_change_a_score(tmp_path: Path, exact: packed.PackedScorer) -> None:
    assert load_scorer(dtype="fp32").fingerprint == exact.fingerprint
    assert load_scorer(dtype="bf16").fingerprint != exact.fingerprint
