"""What a trained model needs before it ships: a temperature, test vectors, a reliability plot.

    python eval/finish_model.py out/stance-nli-2/model models/curriculum/d*.jsonl --log out/stance-nli-2/log.jsonl

Temperature (Guo et al., ICML 2017): one divisor of the logits, fitted on every second dev line of the passages by the
likelihood, and worked into the classifier's weights, so that nothing has to be told about it. The plot
(`reliability.svg`) and the figures printed are of the other dev lines. `training.svg`: the loss by the
training's log. `test_vectors.json`: pairs with their probabilities in float32, for `tests/test_nli.py`. Needs the extra
`plot`.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize_scalar

from stance.calibration import calibration_error, reliability
from stance.nli import Scores, load_scorer
from stance.nli.curriculum import Passage, lines, passage

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "stance"


def scored(folder: Path, passages: list[Passage]) -> tuple[Scores, "np.ndarray"]:
    """Probabilities (pairs, 3) and labels (pairs,)."""
    tables = load_scorer(str(folder), dtype="fp32").score([(p.premise, p.hypotheses) for p in passages])
    return np.concatenate(tables), np.array([x for p in passages for x in p.labels])


def tempered(scores: Scores, temperature: float) -> Scores:
    powered = scores.astype(float) ** (1 / temperature)
    result: Scores = (powered / powered.sum(1, keepdims=True)).astype(np.float32)
    return result


def likelihood(scores: Scores, gold: "np.ndarray", temperature: float) -> float:
    return -float(np.log(tempered(scores, temperature)[np.arange(len(gold)), gold] + 1e-12).mean())


def work_in(folder: Path, temperature: float) -> None:
    """Divide the classifier's weights and bias, in the last file that has them: it is the one that counts."""
    for path in sorted(folder.glob("*.safetensors"), reverse=True):
        tensors = load_file(path)
        if any(name.startswith("classifier.") for name in tensors):
            save_file({k: t / temperature if k.startswith("classifier.") else t for k, t in tensors.items()}, path)
            return


def plot_training(log: Path, path: Path) -> None:
    """Loss by step (smoothed), and accuracy on dev lines where it was measured."""
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    dev = [e for e in entries if "dev_accuracy" in e]
    figure, axis = pyplot.subplots(figsize=(6, 3))
    axis.plot([e["step"] for e in entries], [e["smooth"] for e in entries], color="#0072b2")
    axis.set(xlabel="step", ylabel="loss, smoothed")
    if dev:
        right = axis.twinx()
        right.plot([e["step"] for e in dev], [e["dev_accuracy"] for e in dev], color="#d55e00", marker="o")
        right.set(ylabel="accuracy on dev passages")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})


def plot(sure: "np.ndarray", right: "np.ndarray", path: Path) -> None:
    points = reliability(sure, right)
    figure, axis = pyplot.subplots(figsize=(4, 4))
    axis.plot([1 / 3, 1], [1 / 3, 1], color="0.7", linewidth=1)
    axis.plot([p for p, _, _ in points], [share for _, share, _ in points], marker="o", color="#0072b2")
    axis.set(xlabel="probability of the surest label", ylabel="share right", xlim=(1 / 3, 1), ylim=(0, 1))
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--log", type=Path, help="log.jsonl of the training")
    parser.add_argument("--vectors", type=Path, default=Path("models/stance-nli/test_vectors.json"))
    args = parser.parse_args()
    context = load_scorer(str(args.folder)).context
    dev = [passage(line, context) for line in lines(args.files, "passages", dev=True)]
    scores, gold = scored(args.folder, dev[1::2])
    # Of the bounds neither is ever met; beyond them a model is not to be mended by a temperature.
    best = minimize_scalar(lambda t: likelihood(scores, gold, t), bounds=(0.2, 5), method="bounded")
    temperature = float(best.x)
    before, gold = scored(args.folder, dev[0::2])
    work_in(args.folder, temperature)
    after = tempered(before, temperature)
    right = after.argmax(1) == gold
    for name, table in (("before", before), ("after", after)):
        ece = calibration_error(table.max(1), right)
        print(f"{name}: likelihood {likelihood(table, gold, 1.0):.4f}, ECE {ece:.4f}, accuracy {right.mean():.4f}")
    print(f"temperature {temperature:.3f}, fitted on {len(dev[1::2])} passages, measured on {len(dev[0::2])}")
    plot(after.max(1), right, args.folder / "reliability.svg")
    if args.log:
        plot_training(args.log, args.folder / "training.svg")
    vectors = json.loads(args.vectors.read_text(encoding="utf-8"))
    scorer = load_scorer(str(args.folder), dtype="fp32")
    tables = scorer.score([(premise, vectors["hypotheses"]) for premise in vectors["premises"]])
    vectors["probabilities"] = [[[round(float(p), 6) for p in row] for row in table] for table in tables]
    text = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
    (args.folder / "test_vectors.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
