"""Weights on disk: safetensors, optionally as whole numbers with scales (weight = number * scale), and the hash that
names them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stance.errors import ModelError

HASHED = (
    ".safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "config.json",
    # What a folder without tokenizer.json has its tokenizer made from.
    "vocab.json", "merges.txt", "spm.model", "sentencepiece.bpe.model", "added_tokens.json", "special_tokens_map.json",
)  # fmt: skip


def digest(folder: Path) -> str:
    """SHA-256 over the files of a model folder that can change a score (name and content, in order of name)."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.name.endswith(HASHED)):
        total.update(path.name.encode())
        with path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder in float32; `NAME.int6` or `NAME.int8` with `NAME.scale` is dequantised to NAME.

    Files are read in order of name, and later ones win: an `update.safetensors` beside `model-*` holds what has changed
    since, small tensors whole and of a matrix (m, n) the difference as a product of `NAME.left` (rank, m), transposed,
    and `NAME.right` (rank, n): its terms differ in size by orders of magnitude and have scales of their own.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no .safetensors file (pickled weights are not read); fetch the model again")
    raw: dict[str, Tensor] = {}
    for path in files:
        try:
            raw |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} cannot be read ({error}); it may be cut short: fetch the model again") from error
    tensors = dequantise(raw, folder)
    for name in [name for name in tensors if name.endswith(".left")]:
        left, right = tensors.pop(name), tensors.pop(name.removesuffix("left") + "right")
        tensors[name.removesuffix(".left")] += left.T @ right
    return tensors


GROUP = 64


def whole_numbers(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A matrix as 6-bit whole numbers (-31 to 31), four in three bytes, with one float16 scale for each 64 of a row.
    Where rows are no multiple of 64: int8 with one float32 scale a row."""
    if tensor.shape[1] % GROUP:
        return int8_rows(name, tensor)
    grouped = tensor.unflatten(1, (-1, GROUP))
    half = (grouped.abs().amax(2) / 31).clamp(min=1e-7).to(torch.float16)
    whole = (grouped / half.to(torch.float32)[:, :, None]).round().clamp(-31, 31)
    return {f"{name}.int6": _pack(whole.flatten(1)), f"{name}.scale": half}


def int8_rows(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A matrix as int8 with one float32 scale a row."""
    scale = (tensor.abs().amax(1) / 127).clamp(min=1e-12)
    whole = (tensor / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {f"{name}.int8": whole, f"{name}.scale": scale}


def quantise(
    tensors: dict[str, Tensor], form: Callable[[str, Tensor], dict[str, Tensor]] = whole_numbers
) -> dict[str, Tensor]:
    """Matrices of over 100,000 elements in this `form`, the rest unchanged."""
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        small = tensor.dim() != 2 or tensor.numel() <= 100_000
        out |= {name: tensor} if small else form(name, tensor)
    return out


def dequantise(raw: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """The inverse of `quantise`, in float32. Raises ModelError, which names the folder, if a scale is missing."""
    rest, tensors = dict(raw), dict[str, Tensor]()
    for name in [name for name in raw if name.endswith((".int6", ".int8"))]:
        base, kind = name.rsplit(".", 1)
        values, scale = rest.pop(name), rest.pop(base + ".scale", None)
        if scale is None:
            raise ModelError(f"{folder}: {name} has no {base}.scale beside it; fetch the model again")
        if kind == "int6":
            grouped = _unpack(values).unflatten(1, (scale.shape[1], -1))
            tensors[base] = (grouped * scale.to(torch.float32)[:, :, None]).flatten(1)
        else:
            tensors[base] = values.to(torch.float32) * scale[:, None]
    return tensors | {name: tensor.to(torch.float32) for name, tensor in rest.items()}


def _pack(whole: Tensor) -> Tensor:
    """(n, m) in -31..31 -> (n, m * 3 / 4) bytes."""
    a, b, c, d = (whole + 32).to(torch.int32).unflatten(1, (-1, 4)).unbind(2)
    word = a << 18 | b << 12 | c << 6 | d
    return torch.stack([word >> 16, word >> 8 & 255, word & 255], 2).to(torch.uint8).flatten(1)


def _unpack(packed: Tensor) -> Tensor:
    """The inverse of `_pack`, in float32."""
    x, y, z = packed.to(torch.int32).unflatten(1, (-1, 3)).unbind(2)
    word = x << 16 | y << 8 | z
    return (torch.stack([word >> 18, word >> 12 & 63, word >> 6 & 63, word & 63], 2) - 32).flatten(1).to(torch.float32)
