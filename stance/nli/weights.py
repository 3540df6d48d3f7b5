"""Weights on disk: safetensors, optionally int8 by row (weight = int8 * scale), and the hash that names them."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stance.errors import ModelError

HASHED = (".safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "config.json")


def digest(folder: Path) -> str:
    """SHA-256 over the files of a model folder that can change a score (name and content, in order of name)."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.name.endswith(HASHED)):
        total.update(path.name.encode())
        with path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder in float32, `NAME.int8` with `NAME.scale` dequantised to NAME."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no .safetensors file (pickled weights are not read); fetch the model again")
    raw: dict[str, Tensor] = {}
    for path in files:
        try:
            raw |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} cannot be read ({error}); it may be cut short: fetch the model again") from error
    tensors: dict[str, Tensor] = {}
    for name in list(raw):
        if name.endswith(".int8"):
            base = name.removesuffix(".int8")
            if base + ".scale" not in raw:
                raise ModelError(f"{folder}: {name} has no {base}.scale beside it; fetch the model again")
            tensors[base] = raw[name].to(torch.float32) * raw[base + ".scale"][:, None]
        elif not (name.endswith(".scale") and name.removesuffix(".scale") + ".int8" in raw):
            tensors[name] = raw[name].to(torch.float32)
    return tensors
