"""What the number format costs: weights in float32, int8 a row and int6 in groups, arithmetic in float32 and bf16.

    python eval/storage.py out/stance-nli-8/model models/curriculum/d[45]?.jsonl

Every variant is measured on the dev lines of the files and timed on them in the same run. Of a model in whole numbers
already (models/stance-nli) the variants begin from what those give.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from stance.nli import packed
from stance.nli.evaluation import evaluate_files
from stance.nli.weights import dequantise, int8_rows, quantise, read_tensors

Tensors = dict[str, Tensor]


FORMATS: dict[str, Callable[[Tensors], Tensors]] = {
    "float32": dict,
    "int8 a row": partial(quantise, form=int8_rows),
    "int6 in groups": quantise,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    tensors = read_tensors(args.model)
    print("weights         MB     arithmetic  accuracy  wrong signs  seconds", flush=True)
    for name, change in FORMATS.items():
        stored = change(tensors)
        size = sum(t.nbytes for t in stored.values()) / 1e6
        with tempfile.TemporaryDirectory() as at:
            folder = Path(at)
            for path in args.model.glob("*.*"):
                if path.suffix != ".safetensors":
                    shutil.copyfile(path, folder / path.name)
            kept = {k: t.contiguous() for k, t in dequantise(stored, folder).items()}
            save_file(kept, folder / "model.safetensors")
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            for arithmetic in ("fp32", "bf16"):
                scorer = packed.load(folder, config, dtype=arithmetic)
                began = time.perf_counter()
                found = evaluate_files(args.files, scorer, dev=True, limit=None)[-1]
                seconds = time.perf_counter() - began
                if found.sign_errors is None:
                    raise SystemExit("expected files in which some propositions are contradicted")
                print(
                    f"{name:15} {size:5.1f}  {arithmetic:10}  {found.accuracy:.4f}    {found.sign_errors:.1%}        "
                    f"{seconds:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
