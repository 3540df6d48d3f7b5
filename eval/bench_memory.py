"""Peak memory of the real pipeline on synthetic articles; `bench_scoring.py --memory` runs it.

Each size runs in a process of its own, with a tiny model of random weights: what grows with the number of articles is
the pipeline's doing, not the model's.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ARTICLES = (100, 10_000)

TOPIC = """
name: synthetic
actors:
  norland: {label: Norland, aliases: [Norland, Kestrel Palace]}
  sudmark: {label: Sudmark, aliases: [Sudmark, Port Royal]}
issues:
  base:
    label: A foreign base
    propositions: {support: ["{actor} accepts a foreign base"], oppose: ["{actor} rejects a foreign base"]}
"""


def synthetic(path: Path, count: int, words: list[str]) -> None:
    """Articles of four to twelve sentences, no two alike: words at random, with an actor who acts."""
    rng = random.Random(count)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            body = []
            for _ in range(rng.randint(4, 12)):
                actor, act = (
                    rng.choice(["Norland", "Sudmark", "The harbour"]),
                    rng.choice(["accepts", "rejects", "awaits"]),
                )
                body.append(f"{actor} {act} the {' '.join(rng.choices(words, k=rng.randint(6, 24)))}.")
            day = f"{rng.randint(2010, 2019)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            stream.write(json.dumps({"id": f"s{number}", "date": day, "text": "\n\n".join(body)}) + "\n")


def tiny(model: Path, target: Path) -> None:
    """The embedded model's architecture with two narrow layers of random weights, and its tokenizer."""
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    layout = config.pop("stance") | {"split": 1}
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    settings = {k: v for k, v in config.items() if k not in ("architectures", "dtype")} | small
    AutoModelForTokenClassification.from_config(AutoConfig.for_model(**settings)).save_pretrained(target)
    AutoTokenizer.from_pretrained(str(model)).save_pretrained(target)
    written = json.loads((target / "config.json").read_text(encoding="utf-8")) | {"stance": layout}
    (target / "config.json").write_text(json.dumps(written), encoding="utf-8")


def peak_mb() -> float:
    """Peak resident memory of this process, MB. getrusage alone may report the parent's, taken over at the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measured(folder: Path, count: int) -> dict[str, Any]:
    """One run, in this process."""
    from stance import pipeline
    from stance.nli import packed

    config = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
    # Not load_scorer: its self-test refuses random weights.
    scorer = packed.load(folder / "model", config, dtype="fp32")
    before, begun = peak_mb(), time.perf_counter()
    inputs = [str(folder / f"articles-{count}.jsonl")]
    counts = pipeline.run(folder / f"out-{count}", folder / "topic.yaml", scorer, inputs=inputs)["counts"]
    return {
        "articles": counts["articles"],
        "sentences": counts["sentences"],
        "pairs": counts["pairs_scored_now"],
        "seconds": round(time.perf_counter() - begun, 1),
        "mb_before": round(before),
        "mb_peak": round(peak_mb()),
    }


def memory(model: Path, words: list[str]) -> Iterator[dict[str, Any]]:
    """Peak memory of the pipeline at each number of articles, which are made of `words`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny(model, folder / "model")
        (folder / "topic.yaml").write_text(TOPIC, encoding="utf-8")
        for count in ARTICLES:
            synthetic(folder / f"articles-{count}.jsonl", count, words)
            command = [sys.executable, __file__, str(folder), str(count)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            yield json.loads(done.stdout)
            shutil.rmtree(folder / f"out-{count}")


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), int(sys.argv[2]))))
