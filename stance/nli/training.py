"""Train a packed and split model: the forward pass with its mask, low-rank adapters, checkpoints.

The mask is the scorer's (`stance.nli.packed`), written for many premises in one padded row: a premise sees itself, a
hypothesis sees itself and, from layer `split` on, its premise. What is trained is either every weight above the frozen
layers or, with `rank`, low-rank adapters on their matrices (LoRA, Hu et al., ICLR 2022), merged when the model is
written: two thirds of the arithmetic of a full step, and checkpoints of a few MB.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from stance.data import LABELS
from stance.errors import ModelError
from stance.nli import load_scorer
from stance.nli.examples import Example, stream
from stance.nli.recipe import Recipe
from stance.nli.weights import quantise, read_tensors

_PARTS = ("q", "k", "v", "out", "up", "down")
CHECKPOINT_EVERY = 300.0
"""Seconds between checkpoints."""


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
        whole = torch.addmm(weight, b, a).to(x.dtype)
        ctx.save_for_backward(x, whole, a, b)
        return functional.linear(x, whole, bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, whole, a, b = ctx.saved_tensors
        flat, dflat = x.flatten(0, -2), dy.flatten(0, -2)
        db = dflat.T @ (flat @ a.T.to(x.dtype))
        da = (dflat @ b.to(x.dtype)).T @ flat
        dx = dy @ whole if ctx.needs_input_grad[0] else None
        dbias = dflat.sum(0) if ctx.needs_input_grad[2] else None
        return dx, None, dbias, da.to(a.dtype), db.to(b.dtype)


class Trainee(nn.Module):
    """A Hugging Face BERT or MPNet token classifier under the packed and split mask."""

    def __init__(self, model: Any, layout: dict[str, int], frozen: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        model.eval()  # No dropout: a few epochs over varied sentences leave little to regularise.
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

    def _linear(self, number: int, part: str, x: Tensor) -> Tensor:
        module = self.layers[number][part]
        if f"{number}_{part}_a" not in self.adapters:
            return functional.linear(x, module.weight, module.bias)
        a, b = self.adapters[f"{number}_{part}_a"], self.adapters[f"{number}_{part}_b"]
        return _Adapted.apply(x, module.weight, module.bias, a, b)  # type: ignore[no-any-return, no-untyped-call]

    def _layer(self, number: int, x: Tensor, bias: Tensor, cls: Tensor | None) -> Tensor:
        """One layer over (N, T, width); with `cls` (N, C) only those tokens leave it: (N, C, width)."""

        def heads(t: Tensor) -> Tensor:
            return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        k, v = heads(self._linear(number, "k", x)), heads(self._linear(number, "v", x))
        if cls is not None:
            x = x.gather(1, cls[:, :, None].expand(-1, -1, x.shape[-1]))
            bias = bias.gather(2, cls[:, None, :, None].expand(-1, bias.shape[1], -1, bias.shape[-1]))
        q = heads(self._linear(number, "q", x))
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)
        layer = self.layers[number]
        x = layer["norm_1"](self._linear(number, "out", attended) + x)
        inner = functional.gelu(self._linear(number, "up", x))
        return layer["norm_2"](self._linear(number, "down", inner) + x)  # type: ignore[no-any-return]

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
            below, above = (bias.masked_fill(~seen[:, None], -torch.inf) for seen in (own, upper))
            x = self._embed(rows.ids, rows.places)
        last = len(self.layers) - 1
        for number in range(last + 1):
            with torch.set_grad_enabled(number >= self.frozen and torch.is_grad_enabled()):
                x = self._layer(
                    number, x, below if number < self.split else above, rows.cls if number == last else None
                )
        return self.model.classifier(x)  # type: ignore[no-any-return]


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


class Packer:
    """Examples -> rows of tokens."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        self.tokens = tokenizer.backend_tokenizer
        self.tokens.no_padding()
        self.tokens.no_truncation()
        self.sep, self.recipe = tokenizer.sep_token_id, recipe

    def encode(self, example: Example) -> tuple[list[int], list[list[int]]]:
        """Token ids of the premise, cut at its end as the scorer cuts it, and of each hypothesis."""
        layout = self.recipe.layout
        premise, *hypotheses = (e.ids for e in self.tokens.encode_batch([example.premise, *example.hypotheses]))
        if len(premise) > layout.max_premise:
            premise = [*premise[: layout.max_premise - 1], self.sep]
        return premise, [ids[: layout.max_hypothesis] for ids in hypotheses]

    def steps(self, examples: Iterator[Example]) -> Iterator[tuple[Rows, list[Example]]]:
        """Steps of about `step_tokens` tokens each; a long example's hypotheses go to several rows."""
        recipe = self.recipe
        chunks: list[tuple[int, list[int], list[list[int]], Example]] = []
        total = 0
        for example in examples:
            premise, hypotheses = self.encode(example)
            first = 0
            while first < len(hypotheses):
                size, n = len(premise), 0
                while first + n < len(hypotheses) and (not n or size + len(hypotheses[first + n]) <= recipe.row_tokens):
                    size += len(hypotheses[first + n])
                    n += 1
                part = slice(first, first + n)
                chunks.append((size, premise, hypotheses[part], example.part(part)))
                total += size
                first += n
            if total >= recipe.step_tokens:
                yield self.rows(chunks), [c[3] for c in chunks]
                chunks, total = [], 0
        if chunks:
            yield self.rows(chunks), [c[3] for c in chunks]

    def rows(self, chunks: list[tuple[int, list[int], list[list[int]], Example]]) -> Rows:
        bins: list[list[int]] = []
        room: list[int] = []
        for k in sorted(range(len(chunks)), key=lambda k: -chunks[k][0]):
            size = chunks[k][0]
            place = next((b for b, left in enumerate(room) if left >= size), None)
            if place is None:
                bins.append([])
                room.append(max(self.recipe.row_tokens, size))
                place = len(bins) - 1
            bins[place].append(k)
            room[place] -= size
        longest = max(sum(chunks[k][0] for k in row) for row in bins)
        most = max(sum(len(chunks[k][2]) for k in row) for row in bins)
        shape = (len(bins), longest)
        ids, places = torch.full(shape, self.sep), torch.zeros(shape, dtype=torch.long)
        premise_of, hypothesis_of = torch.full(shape, -1), torch.zeros(shape, dtype=torch.long)
        cls = torch.zeros(len(bins), most, dtype=torch.long)
        allowed, soft = torch.zeros(len(bins), most, 3, dtype=torch.bool), torch.zeros(len(bins), most, 3)
        for r, row in enumerate(bins):
            at = column = 0
            for p, k in enumerate(row):
                _, premise, hypotheses, example = chunks[k]
                for number, tokens in enumerate([premise, *hypotheses]):
                    span = slice(at, at + len(tokens))
                    ids[r, span] = torch.tensor(tokens)
                    start = self.recipe.layout.hypothesis_position if number else 0
                    places[r, span] = torch.arange(start, start + len(tokens))
                    premise_of[r, span] = p
                    hypothesis_of[r, span] = number
                    if number:
                        cls[r, column] = at
                        allowed[r, column] = torch.tensor([x in example.allowed[number - 1] for x in range(3)])
                        if example.soft is not None:
                            soft[r, column] = torch.tensor(example.soft[number - 1])
                        column += 1
                    at += len(tokens)
        return Rows(ids, places, premise_of, hypothesis_of, cls, allowed, soft)


def loss(logits: Tensor, rows: Rows, soft_weight: float) -> Tensor:
    """Mean over hypotheses: -log of the mass on the labels allowed; with teachers, mixed with their cross-entropy."""
    log = functional.log_softmax(logits.float(), -1)
    known, taught = rows.allowed.any(-1), rows.soft.sum(-1) > 0
    hard = -torch.logsumexp(log.masked_fill(~rows.allowed, -1e9), -1)
    gentle = -(rows.soft * log).sum(-1)
    weight = torch.where(taught, torch.where(known, soft_weight, 1.0), 0.0)
    each = torch.where(known, hard, 0.0) * (1 - weight) + gentle * weight
    return each.sum() / (known | taught).sum().clamp(min=1)


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


def rate(step: int, recipe: Recipe) -> float:
    """Warm-up, plateau, linear decay to zero over the last `decay` of the steps: a plateau can be prolonged later."""
    rise = min(1.0, (step + 1) / max(1, recipe.warmup))
    fall = (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps)
    return recipe.learning_rate * min(rise, fall, 1.0)


def _teach(examples: list[Example], teachers: list[Any]) -> None:
    for teacher in teachers:
        for example, scores in zip(examples, teacher.score([(e.premise, e.hypotheses) for e in examples]), strict=True):
            share = scores / len(teachers)
            example.soft = share if example.soft is None else example.soft + share


def train(
    recipe: Recipe,
    out: Path,
    *,
    device: str = "cpu",
    threads: int | None = None,
    on_step: Callable[[dict[str, float]], None] | None = None,
) -> Path:
    """Train by `recipe` into `out` (checkpoint, log.jsonl, `model/`), going on from a checkpoint there. Returns the
    model's folder. The same recipe, device and thread count give the same weights, whether interrupted or not.

    Raises ModelError if the recipe's model or data cannot be read, or the checkpoint is another recipe's.
    """
    if threads:
        torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, tokenizer = read_model(recipe.start)
    generator = torch.Generator().manual_seed(recipe.seed)
    trainee = Trainee(model, recipe.layout.model_dump(), recipe.frozen_layers, recipe.rank, generator).to(device)
    parameters = trainee.trained()
    optimiser = torch.optim.AdamW(
        parameters.values(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    done = _resume(out / "checkpoint", recipe, parameters, optimiser)
    teachers = [load_scorer(str(t)) for t in recipe.teachers]
    packer = Packer(tokenizer, recipe)
    saved = time.monotonic()
    bf16 = device != "cpu" or recipe.bf16
    log = (out / "log.jsonl").open("a", encoding="utf-8")
    smooth = None
    for step, (rows, examples) in enumerate(packer.steps(stream(recipe))):
        if step >= recipe.steps:
            break
        if step < done:
            continue
        began = time.monotonic()
        if teachers:
            _teach(examples, teachers)
            rows = packer.rows([(len(p) + sum(map(len, h)), p, h, e) for e in examples for p, h in [packer.encode(e)]])
        rows = rows.to(torch.device(device))
        for group in optimiser.param_groups:
            group["lr"] = rate(step, recipe)
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bf16):
            logits = trainee(rows)
        value = loss(logits, rows, recipe.soft_weight)
        value.backward()
        norm = nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        known = rows.allowed.any(-1)
        right = rows.allowed.gather(-1, logits.argmax(-1, keepdim=True))[..., 0] & known
        smooth = value.item() if smooth is None else 0.98 * smooth + 0.02 * value.item()
        entry = {
            "step": step + 1,
            "loss": round(value.item(), 4),
            "smooth": round(smooth, 4),
            "accuracy": round((right.sum() / known.sum().clamp(min=1)).item(), 4),
            "norm": round(float(norm), 3),
            "hypotheses": int(known.sum()),
            "tokens": int((rows.premise >= 0).sum()),
            "step_seconds": round(time.monotonic() - began, 2),
        }
        log.write(json.dumps(entry) + "\n")
        log.flush()
        if on_step:
            on_step(entry)
        if time.monotonic() - saved > CHECKPOINT_EVERY or step + 1 == recipe.steps:
            _checkpoint(out / "checkpoint", recipe, step + 1, parameters, optimiser)
            saved = time.monotonic()
    log.close()
    return write_model(trainee, tokenizer, recipe, out / "model")


def _checkpoint(
    folder: Path, recipe: Recipe, step: int, parameters: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer
) -> None:
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        state = optimiser.state[parameter]
        tensors |= {f"value.{name}": parameter.detach(), f"mean.{name}": state["exp_avg"]}
        tensors |= {f"square.{name}": state["exp_avg_sq"]}
    save_file({k: t.cpu().contiguous() for k, t in tensors.items()}, new / "state.safetensors")
    (new / "state.json").write_text(json.dumps({"step": step, "recipe": recipe.identity()}))
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def _resume(folder: Path, recipe: Recipe, parameters: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer) -> int:
    """Steps that a checkpoint in `folder` has behind it; its values go into parameters and optimiser."""
    if not folder.exists() and folder.with_name(folder.name + ".old").exists():
        os.replace(folder.with_name(folder.name + ".old"), folder)
    if not (folder / "state.json").exists():
        return 0
    state = json.loads((folder / "state.json").read_text())
    if state["recipe"] != recipe.identity():
        raise ModelError(f"{folder} was written by another recipe; name another output folder or remove it")
    tensors = load_file(folder / "state.safetensors")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"value.{name}"])
            optimiser.state[parameter] = {
                "step": torch.tensor(float(state["step"])),
                "exp_avg": tensors[f"mean.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"square.{name}"].to(parameter.device),
            }
    return int(state["step"])


def write_model(trainee: Trainee, tokenizer: Any, recipe: Recipe, folder: Path) -> Path:
    """An ordinary checkpoint folder with a `stance` block, in two files."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = quantise(trainee.merge()) if recipe.storage == "int6" else trainee.merge()
    half: list[dict[str, Tensor]] = [{}, {}]
    total, so_far = sum(t.nbytes for t in tensors.values()), 0
    for name in sorted(tensors):
        half[so_far * 2 >= total][name] = tensors[name].cpu()
        so_far += tensors[name].nbytes
    for old in folder.glob("*.safetensors"):
        old.unlink()
    for k, part in enumerate(half, 1):
        save_file(part, folder / f"model-{k}-of-2.safetensors")
    tokenizer.save_pretrained(folder)
    config = trainee.model.config.to_dict() | {"architectures": [type(trainee.model).__name__], "dtype": None}
    config.pop("_name_or_path", None)
    config.pop("transformers_version", None)
    storage = {"storage": "int6 in groups of 64: weight = number * scale"} if recipe.storage == "int6" else {}
    config["stance"] = recipe.layout.model_dump() | storage
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return folder
