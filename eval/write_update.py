"""Ship a model as what has changed since another: a few MB in the history instead of all weights again.

    python eval/write_update.py models/stance-nli out/stance-nli-2/model out/update --megabytes 8.3

Of every stored matrix the difference is written as a product of two matrices of 6-bit whole numbers (truncated singular
value decomposition), small tensors whole; the base's own files are copied beside `update.safetensors`. Over all
matrices those singular values are kept that are largest for the room they take (Eckart & Young 1936). Prints what share
of the differences (Frobenius norm) truncation and rounding lose.
"""

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from stance.nli.weights import dequantise, read_tensors, whole_numbers

MOST = 256
"""Singular values looked at in a matrix."""
BYTES = 6 / 8 + 2 / 64
"""Of a stored number, with its share of a scale."""


def ranks(values: dict[str, tuple[torch.Tensor, int]], megabytes: float) -> Counter[str]:
    """By name the number of singular values to keep, from all of them (descending) and the numbers that one takes."""
    each = [(float(s) ** 2 / size, name, size) for name, (found, size) in values.items() for s in found]
    kept: Counter[str] = Counter()
    room = megabytes * 1e6
    for gain, name, size in sorted(each, reverse=True):
        room -= size * BYTES
        if room < 0 or not gain:
            break
        kept[name] += 1
    return kept


def read_config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=float, default=8.3, help="of the matrices' products")
    args = parser.parse_args()
    config, block = read_config(args.base), read_config(args.model)["stance"]
    # The split is a mask and no weight: it may change with an update.
    if config["stance"] | {"split": 0, "storage": ""} != block | {"split": 0, "storage": ""}:
        raise SystemExit(f"{args.model} has another stance block than {args.base}: ship its weights whole")
    stored = {name for path in args.base.glob("model-*.safetensors") for name in load_file(path)}
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.base.iterdir():
        if path.name not in ("update.safetensors", "README.md", "head.json", "test_vectors.json"):
            shutil.copyfile(path, args.out / path.name)
    config["stance"]["split"] = block["split"]
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    # The difference is to what lies in model-*, not to what an earlier update made of it.
    (args.out / "update.safetensors").unlink(missing_ok=True)
    old = read_tensors(args.out)
    new = read_tensors(args.model)
    torch.manual_seed(0)
    update: dict[str, torch.Tensor] = {}
    parts: dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}
    differences = {name: tensor - old[name] for name, tensor in new.items()}
    for name, difference in differences.items():
        if f"{name}.int8" in stored or f"{name}.int6" in stored:
            if bool(difference.any()):
                parts[name] = torch.svd_lowrank(difference, q=min(MOST, *difference.shape), niter=6)
        elif bool(difference.any()):
            update[name] = new[name]
    lost = total = 0.0
    kept = ranks({name: (s, sum(new[name].shape)) for name, (_, s, _) in parts.items()}, args.megabytes)
    for name, part in parts.items():
        total += float(differences[name].square().sum())
        if not kept[name]:
            lost += float(differences[name].square().sum())
            continue
        u, s, v = (t[..., : kept[name]] for t in part)
        factors = {f"{name}.left": (u * s.sqrt()).T, f"{name}.right": (v * s.sqrt()).T}
        stored_factors = {k: t for side, f in factors.items() for k, t in whole_numbers(side, f.contiguous()).items()}
        update |= stored_factors
        left, right = dequantise(stored_factors, args.out).values()
        lost += float((differences[name] - left.T @ right).square().sum())
    save_file(update, args.out / "update.safetensors")
    size = (args.out / "update.safetensors").stat().st_size
    print(
        f"{len(update)} tensors, {size / 1e6:.1f} MB, lost {(lost / max(total, 1e-30)) ** 0.5:.1%} of the differences"
    )


if __name__ == "__main__":
    main()
