"""A network in training: a BERT or MPNet token classifier under the packed and split mask, with low-rank adapters.

The mask is the scorer's (`stance.nli.packed`), written for many premises in one padded row: a premise sees itself, a
hypothesis sees itself and, from layer `split` on, its premise. What is trained is either every weight above the frozen
layers or, with `rank`, low-rank adapters on their matrices (LoRA, Hu et al., ICLR 2022), merged when the model is
written: two thirds of the arithmetic of a full step, and checkpoints of a few MB.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stance.data import LABELS
from stance.errors import ModelError
from stance.nli.weights import read_tensors

_PARTS = ("q", "k", "v", "out", "up", "down")
_MASKS = 4096
_STEP = 128


@dataclass(frozen=True, slots=True)
class Rows:
    """A step's examples in N rows of T tokens, C hypotheses at most in a row.

    `ids`, `places` (N, T): token ids and their positions; `premise`, `hypothesis` (N, T): which premise of the row a
    token belongs to (-1: padding) and which hypothesis (0: the premise itself); `cls` (N, C): places of the `[CLS]`s;
    `allowed` (N, C, 3): labels that are right (several where the corpus tells less), all False for padding;
    `soft` (N, C, 3): teachers' probabilities or zeros.
    """

    ids: Tensor
    places: Tensor
    premise: Tensor
    hypothesis: Tensor
    cls: Tensor
    allowed: Tensor
    soft: Tensor

    def to(self, device: torch.device) -> "Rows":
        return Rows(*(getattr(self, name).to(device) for name in self.__slots__))


class _Adapted(torch.autograd.Function):
    """x (W + BA)' + bias, with gradients for A and B alone: the sum is formed once a step, so that the forward pass
    costs what it costs without adapters."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            # In float32: in bf16 a small update would be lost in the sum.
            whole = torch.addmm(weight, b, a).to(dtype)
            x = x.to(dtype)
            ctx.save_for_backward(x, whole, a, b)
            return functional.linear(x, whole, bias.to(dtype))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, whole, a, b = ctx.saved_tensors
        flat, dflat = x.flatten(0, -2), dy.flatten(0, -2)
        db = dflat.T @ (flat @ a.T.to(x.dtype))
        da = (dflat @ b.to(x.dtype)).T @ flat
        dx = dy @ whole if ctx.needs_input_grad[0] else None
        dbias = dflat.sum(0) if ctx.needs_input_grad[2] else None
        return dx, None, dbias, da, db


class Trainee(nn.Module):
    """A Hugging Face BERT or MPNet token classifier under the packed and split mask.

    `generator` draws the adapters and, while gradients are taken, what `dropout` leaves out.
    """

    masks: Tensor | None

    def __init__(
        self,
        model: Any,
        layout: dict[str, int],
        frozen: int,
        rank: int,
        generator: torch.Generator,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        model.eval()  # Its own dropout modules are not used.
        self.model, self.split, self.frozen = model, layout["split"], frozen
        config = model.config
        self.mpnet = config.model_type == "mpnet"
        self.heads, self.width = config.num_attention_heads, config.hidden_size
        self.offset = config.pad_token_id + 1 if self.mpnet else 0
        self.layers = [_parts(layer, self.mpnet) for layer in model.base_model.encoder.layer]
        self.adapters = nn.ParameterDict()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for number, layer in enumerate(self.layers):
            if number < frozen:
                continue
            for module in layer.values():
                for name, parameter in module.named_parameters():
                    parameter.requires_grad_(not rank or parameter.dim() == 1 or name == "bias")
            for part in _PARTS if rank else ():
                n_out, n_in = layer[part].weight.shape
                down = torch.empty(rank, n_in)
                bound = 1 / math.sqrt(n_in)
                down.uniform_(-bound, bound, generator=generator)
                self.adapters[f"{number}_{part}_a"] = nn.Parameter(down)
                self.adapters[f"{number}_{part}_b"] = nn.Parameter(torch.zeros(n_out, rank))
        for parameter in model.classifier.parameters():
            parameter.requires_grad_(True)
        self.generator = generator
        kept = torch.rand(_MASKS, self.width, generator=torch.Generator().manual_seed(0)) >= dropout
        self.register_buffer("masks", (kept / (1 - dropout)).bfloat16() if dropout else None, persistent=False)

    def trained(self) -> dict[str, nn.Parameter]:
        """What an optimiser changes and a checkpoint keeps."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def merge(self) -> dict[str, Tensor]:
        """The model's tensors with the adapters worked into its matrices (names as in the Hugging Face class)."""
        names = {id(p): name for name, p in self.model.named_parameters()}
        tensors = {name: t.detach().clone().contiguous() for name, t in self.model.state_dict().items()}
        for key in self.adapters:
            if key.endswith("_a"):
                number, part, _ = key.split("_")
                weight = names[id(self.layers[int(number)][part].weight)]
                update = self.adapters[key[:-1] + "b"] @ self.adapters[key]
                tensors[weight] = tensors[weight] + update.detach()
        return tensors

    def _drop(self, x: Tensor) -> Tensor:
        """Dropout of what a trained layer adds to tokens (..., width): each takes one of the masks at random, since to
        draw a mask for each would take a third of a step on a processor."""
        if self.masks is None or not torch.is_grad_enabled():
            return x
        chosen = torch.randint(len(self.masks), x.shape[:-1], generator=self.generator)
        return x * self.masks[chosen.to(x.device)].to(x.dtype)

    def _linear(self, number: int, part: str, x: Tensor) -> Tensor:
        module = self.layers[number][part]
        if f"{number}_{part}_a" not in self.adapters:
            plain: Tensor = functional.linear(x, module.weight, module.bias)
            return plain
        a, b = self.adapters[f"{number}_{part}_a"], self.adapters[f"{number}_{part}_b"]
        y: Tensor = _Adapted.apply(x, module.weight, module.bias, a, b)  # type: ignore[no-untyped-call]
        return y

    def _layer(self, number: int, x: Tensor, at: Tensor, bias: Tensor, cls: Tensor | None) -> Tensor:
        """One layer over the tokens (M, width) whose places among N * T are `at`: padding, up to a fifth of a step, is
        multiplied in attention alone. With `cls` (N, C) only those tokens leave it: (N, C, width)."""
        rows, length = bias.shape[0], bias.shape[-1]

        def padded(t: Tensor) -> Tensor:
            return t.new_zeros(rows * length, t.shape[-1]).index_copy(0, at, t).view(rows, length, -1)

        def heads(t: Tensor) -> Tensor:
            split: Tensor = t.unflatten(-1, (self.heads, -1))
            return split.transpose(1, 2)

        k, v = (heads(padded(self._linear(number, part, x))) for part in ("k", "v"))
        if cls is None:
            q = heads(padded(self._linear(number, "q", x)))
        else:
            x = padded(x).gather(1, cls[:, :, None].expand(-1, -1, x.shape[-1]))
            bias = bias.gather(2, cls[:, None, :, None].expand(-1, bias.shape[1], -1, bias.shape[-1]))
            q = heads(self._linear(number, "q", x))
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)
        if cls is None:
            attended = attended.flatten(0, 1).index_select(0, at)
        layer = self.layers[number]
        x = layer["norm_1"](self._drop(self._linear(number, "out", attended)) + x)
        inner = functional.gelu(self._linear(number, "up", x))
        return layer["norm_2"](self._drop(self._linear(number, "down", inner)) + x)  # type: ignore[no-any-return]

    def _bias(self, distance: Tensor) -> Tensor:
        """Attention bias (..., heads or 1, Q, K) for distances (..., Q, K) from query to key."""
        if not self.mpnet:
            return torch.zeros(*distance.shape[:-2], 1, *distance.shape[-2:], device=distance.device)
        encoder = self.model.base_model.encoder
        far = self.model.config.max_position_embeddings
        every = torch.arange(-far, far + 1, device=distance.device)
        bucket = encoder.relative_position_bucket(every, self.model.config.relative_attention_num_buckets)
        table = encoder.relative_attention_bias.weight.detach()[bucket]
        bias: Tensor = table[distance + far].movedim(-1, -3)
        return bias.contiguous()

    def _embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.model.base_model.embeddings(input_ids=ids, position_ids=places + self.offset)  # type: ignore[no-any-return]

    def forward(self, rows: Rows) -> Tensor:
        """Logits (N, C, 3)."""
        same = rows.premise[:, :, None] == rows.premise[:, None, :]
        own = same & (rows.hypothesis[:, :, None] == rows.hypothesis[:, None, :])
        upper = own | (same & (rows.hypothesis == 0)[:, None, :])
        with torch.no_grad():
            bias = self._bias(rows.places[:, None, :] - rows.places[:, :, None])
            if torch.is_autocast_enabled(bias.device.type):  # Once, not in every layer.
                bias = bias.to(torch.get_autocast_dtype(bias.device.type))
            below, above = (bias.masked_fill(~seen[:, None], -torch.inf) for seen in (own, upper))
            at = _places(rows.premise >= 0)
            x = self._embed(rows.ids, rows.places).flatten(0, 1)[at]
        last = len(self.layers) - 1
        for number in range(last + 1):
            with torch.set_grad_enabled(number >= self.frozen and torch.is_grad_enabled()):
                x = self._layer(
                    number, x, at, below if number < self.split else above, rows.cls if number == last else None
                )
        return self.model.classifier(x)  # type: ignore[no-any-return]


def _places(real: Tensor) -> Tensor:
    """Places of the tokens (N, T) that are no padding and, for a round number of them, of some that are: for every new
    number the arithmetic library compiles a dozen kernels, a twentieth of a step."""
    flat = real.flatten()
    missing = -int(flat.sum()) % _STEP
    return torch.cat([flat.nonzero()[:, 0], (~flat).nonzero()[:missing, 0]])


def _parts(layer: Any, mpnet: bool) -> dict[str, Any]:
    attention = layer.attention.attn if mpnet else layer.attention.self
    output = layer.attention if mpnet else layer.attention.output
    return {
        "q": attention.q if mpnet else attention.query,
        "k": attention.k if mpnet else attention.key,
        "v": attention.v if mpnet else attention.value,
        "out": attention.o if mpnet else output.dense,
        "norm_1": output.LayerNorm,
        "up": layer.intermediate.dense,
        "down": layer.output.dense,
        "norm_2": layer.output.LayerNorm,
    }


def read_model(folder: Path) -> tuple[Any, Any]:
    """Model (float32) and tokenizer of a folder: a stance model, or a plain encoder to start from (its classifier is
    then new). Raises ModelError."""
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        settings = {k: v for k, v in config.items() if k not in ("stance", "dtype", "torch_dtype", "architectures")}
        settings |= {"id2label": dict(enumerate(LABELS)), "label2id": {x: k for k, x in enumerate(LABELS)}}
        model = AutoModelForTokenClassification.from_config(
            AutoConfig.for_model(**settings), attn_implementation="eager", dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is no model to start from ({error}); expected config.json and weights") from error
    body = type(model).base_model_prefix + "."
    tensors = read_tensors(folder)
    if not any(name.startswith(body) for name in tensors):
        tensors = {body + name: t for name, t in tensors.items()}
    if not config.get("stance"):
        tensors = {name: t for name, t in tensors.items() if not name.startswith("classifier")}
    absent = model.load_state_dict(tensors, strict=False).missing_keys
    absent = [name for name in absent if not name.startswith("classifier")]
    if absent:
        raise ModelError(f"{folder} lacks {len(absent)} tensors of {config.get('model_type')}, e.g. {absent[0]}")
    return model, tokenizer
