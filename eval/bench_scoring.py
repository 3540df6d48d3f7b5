"""Pairs a second, exactness, memory and start time, on this machine.

    python eval/bench_scoring.py --json out/bench.json            speed, exactness, start time
    python eval/bench_scoring.py --memory --json out/bench.json   and peak memory at 100 and 10,000 articles
    python eval/bench_scoring.py --seconds 2                      a quick look

Speed: the same sentences (those of seeds/) meet the same propositions (those of configs/, with every actor) in
  (a) the `transformers` zero-shot-classification pipeline, at batch 1 and 32,
  (b) `sentence_transformers.CrossEncoder.predict`, if installed (`pip install -c constraints.txt -e '.[bench]'`),
  (c) our scorer of any model, pair by pair,
  (d) our packed and split scorer of the embedded model.
(a) to (c) run a sequence-classification model with the embedded model's own encoder and tokenizer and a head of random
weights, since speed depends on shapes alone. All in one process, warm, with as many threads as cores. A cell is timed
for about `--seconds` and says on how many pairs. (a) to (c) score each pair by itself, so of many propositions they are
timed on a part; (d) always meets them all, and computes their lower layers in the warm-up, since a run does so once.

Exactness: the packed scores of many propositions against scoring one at a time, both in fp32; and bf16 against fp32.

Memory: see bench_memory.py.
"""

import argparse
import itertools
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_memory import memory

ROOT = Path(__file__).resolve().parent.parent
PROPOSITIONS = (1, 10, 100, 1000)
# A call of about this many pairs, if time allows: what the pipeline hands to the scorer at once.
CALL_PAIRS = 2048

Call = Callable[[list[str], list[str]], object]


@dataclass(frozen=True, slots=True)
class Method:
    """`call` scores every sentence against every proposition; `whole`: it must meet all propositions at once."""

    name: str
    call: Call
    whole: bool = False


def texts() -> tuple[list[str], list[str]]:
    """The sentences of seeds/, and the propositions of configs/ with every actor; shuffled, the same each time."""
    from stance.config import load_config
    from stance.data import Article
    from stance.ingest import read_articles
    from stance.ingest import sentences as split

    articles = [a for a in read_articles([str(ROOT / "seeds")]) if isinstance(a, Article)]
    sentences = [" ".join(s.text.split()) for a in articles for s in split(a)]
    configs = [load_config(path) for path in sorted((ROOT / "configs").glob("*.yaml"))]
    templates = [
        t for c in configs for i in c.issues.values() for t in (*i.propositions.support, *i.propositions.oppose)
    ]
    labels = [a.label for c in configs for a in c.actors.values()]
    propositions = list(dict.fromkeys(t.replace("{actor}", label) for t in templates for label in labels))
    rng = random.Random(0)
    rng.shuffle(sentences)
    rng.shuffle(propositions)
    return sentences, propositions


def cross_encoder(model: Path, target: Path) -> None:
    """Save the packed model's encoder as an ordinary sequence-classification checkpoint; its head is random."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from stance.nli.weights import read_tensors

    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    settings = {k: v for k, v in config.items() if k not in ("stance", "architectures", "dtype")}
    built = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**settings))
    encoder = {k: v for k, v in read_tensors(model).items() if not k.startswith("classifier")}
    built.load_state_dict(encoder, strict=False)
    built.save_pretrained(target)
    AutoTokenizer.from_pretrained(str(model)).save_pretrained(target)


def methods(model: Path, folder: Path) -> Iterator[Method]:
    """Every way of scoring that this machine has, loaded one at a time: when the next is asked for, the last may go."""
    import torch
    from transformers import pipeline

    from stance.nli import packed, pairwise

    def zero_shot(batch: int, dtype: torch.dtype) -> Call:
        pipe = pipeline("zero-shot-classification", model=str(folder), device="cpu", dtype=dtype)
        return lambda sentences, propositions: pipe(
            sentences, propositions, hypothesis_template="{}", multi_label=True, batch_size=batch
        )

    yield Method("(a) zero-shot pipeline, batch 1", zero_shot(1, torch.float32))
    yield Method("(a) zero-shot pipeline, batch 32", zero_shot(32, torch.float32))
    if packed.has_bf16():
        yield Method("(a) zero-shot pipeline, batch 32, bf16", zero_shot(32, torch.bfloat16))
    try:
        from sentence_transformers import CrossEncoder
    except ImportError:
        say("(b) left out: sentence-transformers is not installed (pip install -c constraints.txt -e '.[bench]')")
    else:
        encoder = CrossEncoder(str(folder), device="cpu")
        yield Method(
            "(b) CrossEncoder.predict, batch 32",
            lambda ss, ps: encoder.predict(list(itertools.product(ss, ps)), batch_size=32, show_progress_bar=False),
        )
        del encoder
    # Not load_scorer: its self-test refuses a head of random weights.
    pair_by_pair = pairwise.load(str(folder))
    yield Method("(c) stance, pair by pair, fp32", lambda ss, ps: pair_by_pair.score([(s, ps) for s in ss]))
    for dtype in ("fp32", "bf16") if packed.has_bf16() else ("fp32",):
        yield Method(f"(d) stance, packed, {dtype}", packed_call(model, dtype), whole=True)


def packed_call(model: Path, dtype: str) -> Call:
    from stance.nli import load_scorer

    scorer = load_scorer(str(model), dtype=dtype)
    return lambda ss, ps: scorer.score([(s, ps) for s in ss])


def timed(method: Method, sentences: list[str], propositions: list[str], seconds: float) -> tuple[int, float]:
    """Score for about `seconds`, warm. Returns pairs and seconds."""
    n = len(propositions)
    more_sentences, more_propositions = itertools.cycle(sentences), itertools.cycle(propositions)

    def once(pairs: int) -> tuple[int, float]:
        width = n if method.whole else min(n, pairs)
        ss = list(itertools.islice(more_sentences, max(1, pairs // width)))
        ps = propositions if width == n else list(itertools.islice(more_propositions, width))
        begun = time.perf_counter()
        method.call(ss, ps)
        return len(ss) * len(ps), time.perf_counter() - begun

    once(1)
    pairs, spent = once(32)
    size = max(32, min(CALL_PAIRS, int(pairs / spent * seconds / 4)))
    done, total = 0, 0.0
    while total < seconds:
        pairs, spent = once(size)
        done += pairs
        total += spent
    return done, total


def speed(model: Path, seconds: float) -> list[dict[str, Any]]:
    """Pairs a second of every method at every number of propositions."""
    sentences, propositions = texts()
    numbers = [n for n in PROPOSITIONS if n <= len(propositions)]
    say(f"{len(sentences)} sentences, {len(propositions)} propositions; about {seconds:g} s a cell")
    say(f"{'pairs a second (pairs timed)':40}" + "".join(f"{f'{n} prop.':>16}" for n in numbers))
    cells: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        cross_encoder(model, Path(folder))
        for method in methods(model, Path(folder)):
            line = f"{method.name:40}"
            for n in numbers:
                pairs, spent = timed(method, sentences, propositions[:n], seconds)
                line += f"{f'{pairs / spent:.1f} ({pairs})':>16}"
                cells.append(
                    {
                        "method": method.name,
                        "propositions": n,
                        "pairs": pairs,
                        "pairs_a_second": round(pairs / spent, 2),
                    }
                )
            say(line)
    rates = {c["method"]: c["pairs_a_second"] for c in cells if c["propositions"] == 100}
    ours = max((name for name in rates if name.startswith("(d)")), key=lambda name: rates[name])
    for other in [name for name in rates if not name.startswith("(d)")]:
        say(f"at 100 propositions {ours} is {rates[ours] / rates[other]:.1f} times {other}")
    return cells


def exactness(model: Path, seconds: float) -> dict[str, Any]:
    """Packed against one at a time (fp32), and bf16 against fp32, over 20 sentences x 100 propositions."""
    import numpy as np

    from stance.nli import load_scorer, packed

    sentences, propositions = texts()
    sentences, propositions = sentences[:20], propositions[:100]
    items = [(sentence, propositions) for sentence in sentences]
    exact = load_scorer(str(model), dtype="fp32")
    together = np.stack(exact.score(items))
    places = list(itertools.product(range(len(sentences)), range(len(propositions))))
    random.Random(0).shuffle(places)
    begun, worst, compared = time.perf_counter(), 0.0, 0
    for row, column in places:
        alone = exact.score([(sentences[row], [propositions[column]])])[0][0]
        worst = max(worst, float(np.abs(alone - together[row, column]).max()))
        compared += 1
        if time.perf_counter() - begun > 2 * seconds:
            break
    found: dict[str, Any] = {"packed_against_alone_fp32": worst, "pairs_compared": compared}
    say(f"packed against one proposition at a time, fp32: largest difference {worst:.1e} over {compared} pairs")
    if packed.has_bf16():
        rough = np.stack(load_scorer(str(model), dtype="bf16").score(items))
        difference = np.abs(rough - together)
        turned = float((rough.argmax(-1) != together.argmax(-1)).mean())
        found |= {"bf16_largest": float(difference.max()), "bf16_mean": float(difference.mean()), "bf16_turned": turned}
        say(
            f"bf16 against fp32: largest difference {difference.max():.3f}, mean {difference.mean():.4f}, "
            f"another label first in {turned:.2%} of {len(places)} pairs"
        )
    return found


def start_time() -> float:
    """Median seconds of five `stance --help`."""
    script = Path(sys.executable).with_name("stance")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "stance.cli"]
    spent = []
    for _ in range(6):
        begun = time.perf_counter()
        subprocess.run([*command, "--help"], check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - begun)
    say(f"stance --help: {statistics.median(spent[1:]):.2f} s")
    return round(statistics.median(spent[1:]), 3)


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="for each cell of the table")
    parser.add_argument("--model", default="stance-nli", help="folder or name of a packed model")
    parser.add_argument("--memory", action="store_true", help="measure peak memory, too (some minutes)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    import torch
    import transformers

    from stance.nli import find_model, packed

    model = find_model(args.model)
    if model is None:
        sys.exit(f"no model at {args.model!r}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(cores)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    result: dict[str, Any] = {
        "cores": cores,
        "machine": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16": packed.has_bf16(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "model": args.model,
        "seconds_a_cell": args.seconds,
    }
    say(", ".join(f"{k} {v}" for k, v in result.items()))
    if args.memory:
        words = sorted({w for s in texts()[0] for w in s.split() if w.isalpha() and w.islower()})
        result["memory"] = []
        for row in memory(model, words):
            say("memory: " + ", ".join(f"{k} {v}" for k, v in row.items()))
            result["memory"].append(row)
    result |= {
        "help_seconds": start_time(),
        "exactness": exactness(model, args.seconds),
        "speed": speed(model, args.seconds),
    }
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
