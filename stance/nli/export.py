"""A packed model in its pairwise form as ONNX: one premise, one hypothesis, one row."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stance.errors import ModelError
from stance.nli import find_model, load_scorer
from stance.nli.recipe import Layout
from stance.nli.trainee import Rows, Trainee, read_model

_PAIRS = (
    ("The minister signed the treaty on Monday.", "The minister refused to sign the treaty."),
    (
        "Both governments said no to the canal, which the port authority has wanted for years.",
        "The port wants the canal.",
    ),
    ("Rain is expected.", "The council supports the bypass that was planned through the valley east of the town."),
)
TOLERANCE = 1e-4
"""Largest difference of a probability from the packed scorer's that an export may have."""


class Pairwise(nn.Module):
    """`input_ids`, `position_ids`, `segment_ids` (N, T) (0 premise, 1 hypothesis, -1 padding) and `cls` (N, 1), the
    place of the hypothesis' `[CLS]` -> probabilities (N, 3): entailment, neutral, contradiction."""

    def __init__(self, trainee: Trainee) -> None:
        super().__init__()
        self.trainee = trainee

    def forward(self, input_ids: Tensor, position_ids: Tensor, segment_ids: Tensor, cls: Tensor) -> Tensor:
        none = torch.zeros(1)
        rows = Rows(input_ids, position_ids, segment_ids.clamp(max=0), segment_ids.clamp(min=0), cls, none, none)
        return torch.softmax(self.trainee(rows)[:, 0], -1)


def encode(tokenizer: Any, layout: Layout, pairs: list[tuple[str, str]]) -> dict[str, Tensor]:
    """Inputs of the exported model for (premise, hypothesis) pairs, padded to the longest."""
    texts = [tokenizer(list(pair), add_special_tokens=True)["input_ids"] for pair in pairs]
    longest = max(len(p) + len(h) for p, h in texts)
    shape = (len(pairs), longest)
    inputs = {name: torch.zeros(shape, dtype=torch.long) for name in ("input_ids", "position_ids")}
    inputs["segment_ids"] = torch.full(shape, -1)
    inputs["cls"] = torch.zeros(len(pairs), 1, dtype=torch.long)
    for k, (premise, hypothesis) in enumerate(texts):
        n, m = len(premise), len(hypothesis)
        inputs["input_ids"][k, : n + m] = torch.tensor(premise + hypothesis)
        start = layout.hypothesis_position
        inputs["position_ids"][k, : n + m] = torch.tensor([*range(n), *range(start, start + m)])
        inputs["segment_ids"][k, : n + m] = torch.tensor([0] * n + [1] * m)
        inputs["cls"][k] = n
    return inputs


def export(name: str, out: Path) -> dict[str, object]:
    """Write `name` to `out` (and its layout to `out` with .json), and compare it with the packed scorer on fixed pairs.

    Raises ModelError for a model that is not packed, missing packages, or a difference over TOLERANCE.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"{error.name} is missing; install the extra: pip install -e '.[export]', in the clone"
        ) from error
    folder = find_model(name)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) if folder else {}
    if folder is None or "stance" not in config:
        raise ModelError(f"{name}: expected the folder of a packed model (a `stance` block in its config.json)")
    layout = Layout.model_validate({k: v for k, v in config["stance"].items() if k in Layout.model_fields})
    model, tokenizer = read_model(folder)
    trainee = Trainee(model, layout.model_dump(), 0, 0, torch.Generator())
    pairwise = Pairwise(trainee).eval()
    inputs = encode(tokenizer, layout, list(_PAIRS))
    batch, length = (
        torch.export.Dim("batch"),
        torch.export.Dim("length", min=4, max=layout.max_premise + layout.max_hypothesis),
    )
    shapes = {k: {0: batch} if k == "cls" else {0: batch, 1: length} for k in inputs}
    out.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        torch.onnx.export(
            pairwise, (), out, kwargs=inputs, dynamic_shapes=shapes, output_names=["probabilities"], dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip
    details = layout.model_dump() | {"labels": ["entailment", "neutral", "contradiction"], "model": name}
    out.with_suffix(".json").write_text(json.dumps(details, indent=1) + "\n", encoding="utf-8")
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    given = session.run(None, {k: v.numpy() for k, v in inputs.items()})[0]
    scorer = load_scorer(name, dtype="fp32")
    expected = np.stack([scorer.score([(premise, [hypothesis])])[0][0] for premise, hypothesis in _PAIRS])
    difference = float(np.abs(given - expected).max())
    if not difference <= TOLERANCE:
        out.unlink()
        raise ModelError(f"{out}: probabilities differ by {difference:.2g} from the scorer's; it is not to be used")
    return {"file": str(out), "bytes": out.stat().st_size, "largest_difference": difference}
