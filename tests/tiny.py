"""The packed architecture with small random weights: for everything but the meaning of scores."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, MPNetConfig

from stance.nli import find_model, packed


def make_tiny(folder: Path, seed: int, context: bool = False) -> packed.PackedScorer:
    torch.manual_seed(seed)
    config = MPNetConfig(
        vocab_size=30527,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=260,
        pad_token_id=1,
        id2label={0: "entailment", 1: "neutral", 2: "contradiction"},
    )
    AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    model = find_model("stance-nli")
    assert model is not None
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    written["stance"] = {"split": 1, "hypothesis_position": 96, "max_premise": 200, "max_hypothesis": 48}
    written["stance"]["context"] = context
    (folder / "config.json").write_text(json.dumps(written))
    return packed.load(folder, written, dtype="fp32")
