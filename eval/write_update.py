"""Ship a model as what has changed since another: a few MB in the history instead of all weights again.

    python eval/write_update.py models/stance-nli out/stance-nli-2/model out/update --rank 64

Of every stored matrix the difference is written as a product of two matrices of 6-bit whole numbers (truncated singular
value decomposition), small tensors whole; the base's own files are copied beside `update.safetensors`. Prints what
share of the differences (Frobenius norm) truncation and rounding lose.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from stance.nli.weights import dequantise, read_tensors, whole_numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rank", type=int, default=64)
    args = parser.parse_args()
    stored = {name for path in args.base.glob("model-*.safetensors") for name in load_file(path)}
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.base.iterdir():
        if path.name not in ("update.safetensors", "README.md", "head.json", "test_vectors.json"):
            shutil.copyfile(path, args.out / path.name)
    # The difference is to what lies in model-*, not to what an earlier update made of it.
    (args.out / "update.safetensors").unlink(missing_ok=True)
    old = read_tensors(args.out)
    new = read_tensors(args.model)
    torch.manual_seed(0)
    update: dict[str, torch.Tensor] = {}
    lost = total = 0.0
    for name, tensor in new.items():
        difference = tensor - old[name]
        if not bool(difference.any()):
            continue
        if f"{name}.int8" not in stored and f"{name}.int6" not in stored:
            update[name] = tensor
            continue
        u, s, v = torch.svd_lowrank(difference, q=min(args.rank + 16, *tensor.shape), niter=6)
        root = s[: args.rank].sqrt()
        factors = {f"{name}.left": (u[:, : args.rank] * root).T, f"{name}.right": (v[:, : args.rank] * root).T}
        stored_factors = {k: t for part, f in factors.items() for k, t in whole_numbers(part, f.contiguous()).items()}
        update |= stored_factors
        left, right = dequantise(stored_factors, args.out).values()
        lost += float((difference - left.T @ right).square().sum())
        total += float(difference.square().sum())
    save_file(update, args.out / "update.safetensors")
    size = (args.out / "update.safetensors").stat().st_size
    print(
        f"{len(update)} tensors, {size / 1e6:.1f} MB, lost {(lost / max(total, 1e-30)) ** 0.5:.1%} of the differences"
    )


if __name__ == "__main__":
    main()
