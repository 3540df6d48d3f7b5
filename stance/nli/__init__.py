"""Natural-language inference: premise x hypotheses -> probabilities. Only the modules of this package import torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stance.errors import ModelError

Scores = NDArray[np.float32]
Item = tuple[str, Sequence[str]]

DEFAULT_MODEL = "stance-nli"


class Scorer(Protocol):
    """What the pipeline needs of a model, whatever its architecture."""

    name: str
    """Folder or hub name, for `find_model` and the manifest."""
    fingerprint: str
    """Hex digest of everything that can change a score: weights, tokenizer, layout, number format."""
    contradiction: bool
    """False for a 2-class model: its third column is 0, and a side is judged by its own propositions alone."""
    context: bool
    """Whether it knows premises of two sentences with a mark between them (`data.CONTEXT_MARK`), as passages of the
    curriculum have them. The pipeline then gives it each sentence both ways, alone and behind the one before."""
    max_hypothesis: int
    """Tokens a hypothesis may have; a longer one is refused with ModelError, since cutting it changes its meaning."""

    def describe(self) -> dict[str, object]:
        """Facts for the manifest: name, engine, number format, limits."""
        ...

    def clipped(self, premises: Sequence[str]) -> list[bool]:
        """Whether each premise has more tokens than the model reads (its end is then left out)."""
        ...

    def refused(self, hypotheses: Sequence[str]) -> list[bool]:
        """Whether each hypothesis has more than `max_hypothesis` tokens."""
        ...

    def score(self, items: Sequence[Item]) -> list[Scores]:
        """Score each premise against its own hypotheses.

        Returns one float32 array a premise, shape (len(hypotheses), 3), columns entailment, neutral, contradiction,
        rows summing to 1. A score depends on its premise and its hypothesis, not on what else is in `items`.
        """
        ...


def find_model(name: str) -> Path | None:
    """The folder of a model: a path, or a name under `models/` (in an installed package: the embedded default)."""
    here = Path(__file__).resolve().parent.parent
    candidates = [Path(name), here.parent / "models" / name]
    if name == DEFAULT_MODEL:
        candidates.insert(1, here / "_model")
    return next((p for p in candidates if (p / "config.json").is_file()), None)


def load_scorer(name: str = DEFAULT_MODEL, *, dtype: str = "auto", threads: int | None = None) -> Scorer:
    """Load a model by folder, embedded name or Hugging Face name.

    A folder whose `config.json` has a `stance` block is scored packed and split; any other 2- or 3-class
    sequence-classification model is scored pair by pair. `dtype`: `auto` (bf16 where the processor computes it,
    else fp32), `fp32` or `bf16`.

    Raises ModelError if it is missing, broken, or its labels are ambiguous.
    """
    import json

    if dtype not in ("auto", "fp32", "bf16"):
        raise ModelError(f"dtype {dtype!r} is unknown; use auto, fp32 or bf16 (fp16 on a CPU is slower than fp32)")
    folder = find_model(name)
    if folder is None and (name == DEFAULT_MODEL or name.startswith((".", "/", "~")) or "/" not in name):
        raise ModelError(
            f"no model at {name!r}: expected a folder with config.json, the name of a folder under models/, "
            f"or a hub name such as owner/model; `stance model list` shows the embedded ones"
        )
    from stance.nli import packed, pairwise

    if folder is None:
        return _tested(pairwise.load(name, dtype=dtype, threads=threads))
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{folder / 'config.json'} is not JSON ({error}); fetch the model again") from error
    if isinstance(config, dict) and "stance" in config:
        return _tested(packed.load(folder, config, dtype=dtype, threads=threads))
    return _tested(pairwise.load(str(folder), dtype=dtype, threads=threads))


def embedded() -> list[tuple[str, Path]]:
    """Name and folder of the models that came with this installation."""
    here = Path(__file__).resolve().parent.parent
    folders = [here / "_model", *sorted((here.parent / "models").glob("*"))]
    return [(DEFAULT_MODEL if p.name == "_model" else p.name, p) for p in folders if (p / "config.json").is_file()]


_KNOWN = (
    ("A woman is playing the violin on a stage.", "A woman is playing an instrument.", 0),
    ("The minister signed the treaty on Monday.", "The minister refused to sign the treaty.", 2),
    ("All the shops in the town were closed yesterday.", "Some shops in the town were open yesterday.", 2),
    ("The mayor supports the new bridge.", "The mayor is in favour of the new bridge.", 0),
)


def _tested(scorer: Scorer) -> Scorer:
    """Score four plain pairs: a model whose labels are in another order, or that is no NLI model, fails them."""
    table = np.stack([s[0] for s in scorer.score([(premise, [hypothesis]) for premise, hypothesis, _ in _KNOWN])])
    entailed = [row for row, (*_, label) in zip(table, _KNOWN, strict=True) if label == 0]
    denied = [row for row, (*_, label) in zip(table, _KNOWN, strict=True) if label == 2]
    wrong = min(r[0] for r in entailed) <= max(r[0] for r in denied)
    if scorer.contradiction:
        wrong = wrong or any(r[0] <= r[2] for r in entailed) or any(r[2] <= r[0] for r in denied)
    if wrong or not np.isfinite(table).all():
        raise ModelError(
            f"{scorer.name} fails the self-test on four plain pairs (it gave {np.round(table, 2).tolist()}, columns "
            f"entailment, neutral, contradiction): its labels are in another order than its config "
            f"says, or it is no NLI model"
        )
    return scorer
