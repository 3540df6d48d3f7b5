"""Any NLI cross-encoder with 3 or 2 classes, pair by pair: sorted by length, batched by tokens, nothing dropped."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stance.data import LABELS
from stance.errors import ModelError
from stance.nli import Item, Scores
from stance.nli.weights import digest

ENGINE = "pairwise-1"
MAX_HYPOTHESIS = 64
BATCH_TOKENS = 4096


def columns(id2label: dict[int, str], name: str) -> tuple[list[int], bool]:
    """Places of entailment, neutral, contradiction among a model's outputs, by label name.

    A 2-class model (`entailment`, `not_entailment`) gives its two places and False. Raises ModelError when names do
    not decide, since a guessed order turns every stance round.
    """
    names = {int(k): str(v).lower().replace("-", "_").replace(" ", "_") for k, v in id2label.items()}
    found = {label: [k for k, v in names.items() if v.startswith(label[:8])] for label in LABELS}
    if len(names) == 3 and all(len(places) == 1 for places in found.values()):
        return [found[label][0] for label in LABELS], True
    negative = [k for k, v in names.items() if v.startswith(("not_entail", "non_entail", "no_entail"))]
    if len(names) == 2 and len(found["entailment"]) == 1 and len(negative) == 1:
        return [found["entailment"][0], negative[0]], False
    raise ModelError(
        f"{name}: labels {list(id2label.values())} do not say which is which; expected entailment, neutral, "
        f"contradiction or entailment, not_entailment; set id2label in its config.json"
    )


def load(name: str, *, dtype: str = "auto", threads: int | None = None) -> "PairwiseScorer":
    """Load a sequence-classification model from a folder or a hub name (safetensors only, no remote code)."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if threads:
        torch.set_num_threads(threads)
    # `auto` stays fp32: bf16 is only used where its deviation was measured, which is so for our own models.
    number_format = torch.bfloat16 if dtype == "bf16" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            name, trust_remote_code=False, use_safetensors=True, dtype=number_format
        )
    except Exception as error:  # transformers and the hub client raise many types
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{name} cannot be loaded as a sequence-classification model with safetensors weights ({reason}); "
            f"check the folder or hub name"
        ) from error
    places, contradiction = columns(model.config.id2label, name)
    folder = Path(name)
    identity = digest(folder) if folder.is_dir() else f"{name}@{getattr(model.config, '_commit_hash', None)}"
    return PairwiseScorer(model.eval(), tokenizer, name, places, contradiction, identity)


class PairwiseScorer:
    """Implements `stance.nli.Scorer` on a transformers model; `places` are its outputs in our order (3 or 2)."""

    max_hypothesis = MAX_HYPOTHESIS
    context = False

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        places: list[int],
        contradiction: bool,
        identity: str,
    ) -> None:
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.places, self.contradiction = places, contradiction
        room = min(int(getattr(model.config, "max_position_embeddings", 512)), int(tokenizer.model_max_length))
        # RoBERTa's and MPNet's positions start behind their padding index.
        if model.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
            room = min(room, int(model.config.max_position_embeddings) - int(model.config.pad_token_id) - 1)
        self.limit = min(room, 512)
        self.max_premise = self.limit - MAX_HYPOTHESIS - 4
        if self.max_premise < 32:
            raise ModelError(f"{name} reads only {self.limit} tokens; expected at least {MAX_HYPOTHESIS + 36}")
        self.fingerprint = hashlib.sha256(f"{identity} {ENGINE} {model.dtype}".encode()).hexdigest()

    def describe(self) -> dict[str, object]:
        return {
            "name": self.name,
            "engine": ENGINE,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "classes": 3 if self.contradiction else 2,
            "max_premise": self.max_premise,
            "max_hypothesis": self.max_hypothesis,
            "fingerprint": self.fingerprint,
        }

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def clipped(self, premises: Sequence[str]) -> list[bool]:
        return [len(ids) > self.max_premise for ids in self._ids(premises)]

    def refused(self, hypotheses: Sequence[str]) -> list[bool]:
        return [len(ids) > self.max_hypothesis for ids in self._ids(hypotheses)]

    @torch.inference_mode()
    def score(self, items: Sequence[Item]) -> list[Scores]:
        results = [np.zeros((len(hypotheses), 3), np.float32) for _, hypotheses in items]
        texts = list({text: None for _, hypotheses in items for text in hypotheses})
        lengths = {text: len(ids) for text, ids in zip(texts, self._ids(texts), strict=True)} if texts else {}
        long = next((text for text in texts if lengths[text] > MAX_HYPOTHESIS), None)
        if long is not None:
            raise ModelError(f"proposition too long (over {MAX_HYPOTHESIS} tokens): {long!r}; shorten it")
        # A premise is cut by itself, before it meets any hypothesis, so that what is read of it never varies.
        premises, sizes = [], []
        for (premise, _), ids in zip(items, self._ids([p for p, _ in items]) if items else [], strict=True):
            whole = len(ids) <= self.max_premise
            premises.append(premise if whole else self.tokenizer.decode(ids[: self.max_premise]))
            sizes.append(min(len(ids), self.max_premise))
        pairs = [
            (sizes[row] + lengths[text], row, column, text)
            for row, (_, hypotheses) in enumerate(items)
            for column, text in enumerate(hypotheses)
        ]
        pairs.sort(key=lambda pair: pair[:3])
        first = 0
        while first < len(pairs):
            last = first + 1
            while last < len(pairs) and (last + 1 - first) * (pairs[last][0] + 4) <= BATCH_TOKENS:
                last += 1
            batch = pairs[first:last]
            inputs = self.tokenizer(
                [premises[row] for _, row, _, _ in batch],
                [text for *_, text in batch],
                padding=True,
                truncation="only_first",
                max_length=self.limit,
                return_tensors="pt",
            )
            logits = self.model(**inputs).logits.float()[:, self.places]
            probabilities = torch.softmax(logits, -1).numpy()
            for (_, row, column, _), p in zip(batch, probabilities, strict=True):
                results[row][column, : len(self.places)] = p
            first = last
        return results
