"""Train a model by a recipe: steps of packed rows, the loss, checkpoints, and the folder that comes out."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from stance.errors import ModelError
from stance.nli import load_scorer
from stance.nli.curriculum import lines, passage
from stance.nli.examples import Example, files_of, stream
from stance.nli.packing import Packer
from stance.nli.recipe import Recipe
from stance.nli.trainee import Rows, Trainee, read_model
from stance.nli.weights import quantise

CHECKPOINT_EVERY = 300.0
"""Seconds between checkpoints."""


def loss(logits: Tensor, rows: Rows, soft_weight: float) -> Tensor:
    """Mean over hypotheses: -log of the mass on the labels allowed; with teachers, mixed with their cross-entropy."""
    log = functional.log_softmax(logits.float(), -1)
    known, taught = rows.allowed.any(-1), rows.soft.sum(-1) > 0
    hard = -torch.logsumexp(log.masked_fill(~rows.allowed, -1e9), -1)
    gentle = -(rows.soft * log).sum(-1)
    weight = torch.where(taught, torch.where(known, soft_weight, 1.0), 0.0)
    each = torch.where(known, hard, 0.0) * (1 - weight) + gentle * weight
    return each.sum() / (known | taught).sum().clamp(min=1)


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
    model's folder. The same recipe, files, device and thread count give the same weights, interrupted or not; a file
    that is changed between two goes changes what is read after it.

    Raises ModelError if the recipe's model or data cannot be read, or the checkpoint is another recipe's.
    """
    if threads:
        torch.set_num_threads(threads)
    for source in recipe.sources:
        files_of(source.files)  # Also of those that join later: a misspelt name ends no run halfway.
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, tokenizer = read_model(recipe.start)
    _check_layout(recipe, model.config)
    generator = torch.Generator().manual_seed(recipe.seed)
    trainee = Trainee(
        model, recipe.layout.model_dump(), recipe.frozen_layers, recipe.rank, generator, dropout=recipe.dropout
    ).to(device)
    parameters = trainee.trained()
    optimiser = torch.optim.AdamW(
        parameters.values(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    done = _resume(out / "checkpoint", recipe, parameters, optimiser)
    end = min(recipe.stop or recipe.steps, recipe.steps)
    if done >= end and (out / "model" / "config.json").exists():
        return out / "model"  # Its weights may have a temperature by now (`eval/finish_model.py`).
    teachers = [load_scorer(str(t)) for t in recipe.teachers]
    packer = Packer(tokenizer, recipe)
    saved = time.monotonic()
    bf16 = device != "cpu" or recipe.bf16
    dev = list(dev_examples(recipe))
    entries = _read_log(out / "log.jsonl", done)
    smooth = entries[-1]["smooth"] if entries else None
    log = (out / "log.jsonl").open("w", encoding="utf-8")
    log.writelines(json.dumps(entry) + "\n" for entry in entries)
    log.flush()
    for step, (rows, examples) in enumerate(packer.steps(stream(recipe))):
        if step >= end:
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
        generator.manual_seed(recipe.seed * 1_000_003 + step)  # Whether or not the steps before were made in this run.
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
        if dev and (step + 1) % recipe.dev_every == 0:
            entry |= dev_figures(trainee, packer, dev, torch.device(device), bf16)
        log.write(json.dumps(entry) + "\n")
        log.flush()
        if on_step:
            on_step(entry)
        if time.monotonic() - saved > CHECKPOINT_EVERY or step + 1 == end:
            _checkpoint(out / "checkpoint", recipe, step + 1, parameters, optimiser)
            saved = time.monotonic()
    log.close()
    return write_model(trainee, tokenizer, recipe, out / "model")


def _check_layout(recipe: Recipe, config: Any) -> None:
    layout, layers = recipe.layout, int(config.num_hidden_layers)
    room = int(config.max_position_embeddings) - (config.pad_token_id + 1 if config.model_type == "mpnet" else 0)
    longest = max(layout.max_premise, layout.hypothesis_position + layout.max_hypothesis)
    if layout.split >= layers:
        raise ModelError(
            f"layout: split {layout.split}; {recipe.start} has {layers} layers: expected 0 to {layers - 1}"
        )
    if longest > room:
        raise ModelError(
            f"layout: reaches position {longest}; {recipe.start} has {room}: shorten premise or hypothesis"
        )
    if config.hidden_act != "gelu":
        raise ModelError(f"{recipe.start}: activation {config.hidden_act!r}; only gelu can be trained here")


def dev_examples(recipe: Recipe) -> Iterator[Example]:
    """The dev lines of the recipe's dev passages."""
    for line in lines([Path(name) for name in files_of(recipe.dev)], "passages", dev=True):
        p = passage(line, recipe.layout.context)
        yield Example(p.premise, p.hypotheses, [(label,) for label in p.labels])


@torch.no_grad()
def dev_figures(
    trainee: Trainee, packer: Packer, dev: list[Example], device: torch.device, bf16: bool
) -> dict[str, float]:
    """Accuracy, and wrong signs among the pairs that are entailed or contradicted and answered so."""
    gold: list[Tensor] = []
    guess: list[Tensor] = []
    for rows, _ in packer.steps(iter(dev)):
        rows = rows.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = trainee(rows)
        known = rows.allowed.any(-1)
        gold.append(rows.allowed.float().argmax(-1)[known])
        guess.append(logits.argmax(-1)[known])
    right, found = torch.cat(gold), torch.cat(guess)
    signs = (right != 1) & (found != 1)
    wrong = (right != found)[signs].float().mean()
    return {
        "dev_accuracy": round(float((right == found).float().mean()), 4),
        "dev_sign_errors": round(float(wrong), 4),
    }


def _read_log(path: Path, done: int) -> list[dict[str, float]]:
    """The entries of the steps that the checkpoint has behind it; later ones are made again."""
    if not path.exists():
        return []
    entries = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [entry for entry in entries if entry["step"] <= done]


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
