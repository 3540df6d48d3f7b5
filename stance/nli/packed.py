"""One premise, many hypotheses: the packed and split scorer of a model trained with that mask.

Layout: `[CLS] premise [SEP]`, then `[CLS] hypothesis [SEP]` for each hypothesis. Premise tokens see the premise; a
hypothesis' tokens see that hypothesis and, from layer `split` on, the premise (DeFormer, Cao et al., ACL 2020). Every
hypothesis starts at the same position, so its lower states depend on nothing else and are computed once a run; the
premise's states are computed once a sentence; a pair pays only for the hypothesis' tokens in the upper layers, and in
the last of them for its `[CLS]` alone. Hypotheses are laid out by length, so none is padded and none sees another.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stance.data import LABELS
from stance.errors import ModelError
from stance.nli import Item, Scores
from stance.nli.weights import digest, read_tensors

# Tokens in one pass of the upper layers: on two cores 6,144 scored 10 to 30% more pairs a second than 1,536 or 12,288.
PASS_TOKENS = 6144
LENGTH_STEP = 16
# Changing the arithmetic below changes scores in the last digits: the store must then not mix old and new.
ENGINE = "packed-2"


class Layer(NamedTuple):
    """One encoder layer; weights (out, in) in the compute type, norms in float32."""

    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    norm_1: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]
    norm_2: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Pack:
    """Hypotheses ready for the upper layers.

    `index`: their places in the caller's list; `groups`: (first token, hypotheses, tokens each) for each length;
    `cls`: (n,) places of the `[CLS]`s; `state`: (T, width) at layer `split`; `qkv`: (T, 3 * width) there;
    `bias_self`: (heads, T, longest), -inf where a hypothesis has no such token; `within`: (T,) place in its hypothesis.
    """

    index: list[int]
    groups: list[tuple[int, int, int]]
    cls: Tensor
    state: Tensor
    qkv: Tensor
    bias_self: Tensor
    within: Tensor


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (elsewhere it is emulated, slower than fp32)."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()) or bool(
        getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    )


def load(folder: Path, config: dict[str, Any], *, dtype: str = "auto", threads: int | None = None) -> "PackedScorer":
    """Load a folder with a `stance` block in its config.json (weights through stock transformers classes)."""
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

    if threads:
        torch.set_num_threads(threads)
    layout = config["stance"]
    missing = {"split", "hypothesis_position", "max_premise", "max_hypothesis"} - set(layout)
    labels = {str(v).lower(): int(k) for k, v in (config.get("id2label") or {}).items()}
    if missing or config.get("model_type") not in ("mpnet", "bert"):
        raise ModelError(
            f"{folder / 'config.json'}: expected an mpnet or bert model whose stance block has split, "
            f"hypothesis_position, max_premise, max_hypothesis; missing {sorted(missing) or config.get('model_type')}"
        )
    if set(labels) != set(LABELS):
        raise ModelError(f"{folder / 'config.json'}: labels {sorted(labels)}; expected {', '.join(LABELS)}")
    settings = {k: v for k, v in config.items() if k not in ("stance", "dtype", "torch_dtype")}
    try:
        model = AutoModelForTokenClassification.from_config(
            AutoConfig.for_model(**settings), attn_implementation="eager", dtype=torch.float32
        )
        absent = model.load_state_dict(read_tensors(folder), strict=False).missing_keys
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except ModelError:
        raise
    except Exception as error:  # transformers raises many types for a damaged folder
        raise ModelError(f"{folder} cannot be loaded ({type(error).__name__}: {error}); fetch it again") from error
    if absent:
        raise ModelError(f"{folder} lacks {len(absent)} tensors, e.g. {absent[0]}; fetch the model again")
    bf16 = dtype == "bf16" or (dtype == "auto" and has_bf16())
    return PackedScorer(model.eval(), tokenizer, layout, folder, [labels[x] for x in LABELS], bf16=bf16)


class PackedScorer:
    """See the module's docstring; implements `stance.nli.Scorer`."""

    contradiction = True

    def __init__(
        self, model: Any, tokenizer: Any, layout: dict[str, Any], folder: Path, columns: list[int], *, bf16: bool
    ) -> None:
        self.split = int(layout["split"])
        self.start = int(layout["hypothesis_position"])
        self.max_premise = int(layout["max_premise"])
        self.max_hypothesis = int(layout["max_hypothesis"])
        self.context = bool(layout.get("context", False))
        self.folder, self.name = folder, str(folder)
        self.dtype = torch.bfloat16 if bf16 else torch.float32
        self.fingerprint = hashlib.sha256(f"{digest(folder)} {ENGINE} {self.dtype}".encode()).hexdigest()
        # The fast tokenizer itself: the wrapper's warnings about lengths are answered by our own limits.
        self.tokens = tokenizer.backend_tokenizer
        self.tokens.no_padding()
        self.tokens.no_truncation()
        self.sep = tokenizer.sep_token_id
        config = model.config
        self.heads = int(config.num_attention_heads)
        self.width = int(config.hidden_size)
        self.eps = float(config.layer_norm_eps)
        body = model.base_model
        self.embeddings = body.embeddings
        # MPNet reads positions from behind its padding index.
        self.offset = int(config.pad_token_id) + 1 if config.model_type == "mpnet" else 0
        room = int(config.max_position_embeddings) - self.offset
        if self.max_premise > room or self.start + self.max_hypothesis > room:
            raise ModelError(f"{folder}: the stance block's lengths exceed the model's {room} positions")
        self.layers = [self._layer(layer, config.model_type) for layer in body.encoder.layer]
        if not 0 <= self.split < len(self.layers):
            raise ModelError(f"{folder}: split {self.split} does not lie in 0..{len(self.layers) - 1}")
        self.relative: Callable[[Tensor], Tensor] | None = None
        if config.model_type == "mpnet":
            # Not the encoder itself, or its float32 layers would stay in memory beside ours.
            table, bucket = body.encoder.relative_attention_bias.weight.detach(), body.encoder.relative_position_bucket
            buckets = int(config.relative_attention_num_buckets)

            def relative(distance: Tensor) -> Tensor:
                bias: Tensor = table[bucket(distance, buckets)].movedim(-1, 0).to(self.dtype)
                return bias

            self.relative = relative
        weight, bias = model.classifier.weight.detach(), model.classifier.bias.detach()
        self.classifier = (weight[columns].to(self.dtype), bias[columns].to(self.dtype))
        # A linear layer with its bias and activation in one call of oneDNN, rounded once (torch.compile emits the same
        # operator); `functional.linear` copies the bias first and leaves the activation to a second pass over memory.
        fused = bf16 and has_bf16() and torch.backends.mkldnn.is_available()
        self.fused = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if fused else None
        self.activation = str(config.hidden_act)
        if self.activation not in ("gelu", "relu"):
            raise ModelError(f"{folder}: activation {self.activation!r} is not known; expected gelu or relu")
        self._packs: dict[tuple[str, ...], list[Pack]] = {}

    def describe(self) -> dict[str, object]:
        return {
            "name": self.folder.name,
            "engine": ENGINE,
            "dtype": str(self.dtype).removeprefix("torch."),
            "split": self.split,
            "max_premise": self.max_premise,
            "max_hypothesis": self.max_hypothesis,
            "fingerprint": self.fingerprint,
        }

    def clipped(self, premises: Sequence[str]) -> list[bool]:
        return [len(e.ids) > self.max_premise for e in self.tokens.encode_batch(list(premises))]

    def refused(self, hypotheses: Sequence[str]) -> list[bool]:
        return [len(e.ids) > self.max_hypothesis for e in self.tokens.encode_batch(list(hypotheses))]

    @torch.inference_mode()
    def score(self, items: Sequence[Item]) -> list[Scores]:
        results: list[Scores] = [np.empty((0, 3), np.float32)] * len(items)
        by_hypotheses: dict[tuple[str, ...], list[int]] = {}
        for place, (_, hypotheses) in enumerate(items):
            by_hypotheses.setdefault(tuple(hypotheses), []).append(place)
        for hypotheses, places in by_hypotheses.items():
            if not hypotheses:
                continue
            packs = self._packed(hypotheses)
            n_tokens = max(p.state.shape[0] for p in packs)
            for batch in self._batches([items[p][0] for p in places], max(1, PASS_TOKENS // n_tokens)):
                upper, mask = self._premises([ids for _, ids in batch])
                scores = np.empty((len(batch), len(hypotheses), 3), np.float32)
                for pack in packs:
                    scores[:, pack.index] = self._pairs(pack, upper, mask)
                for row, (place, _) in zip(scores, batch, strict=True):
                    results[places[place]] = row
        return results

    def _batches(self, premises: list[str], size: int) -> Iterator[list[tuple[int, list[int]]]]:
        """(place, token ids) in groups of at most `size` premises of like length."""
        encoded = [e.ids for e in self.tokens.encode_batch(premises)]
        for place, ids in enumerate(encoded):
            if len(ids) > self.max_premise:
                encoded[place] = [*ids[: self.max_premise - 1], self.sep]
        order = sorted(range(len(encoded)), key=lambda k: len(encoded[k]))
        for first in range(0, len(order), size):
            yield [(place, encoded[place]) for place in order[first : first + size]]

    def _layer(self, layer: Any, kind: str) -> Layer:
        if kind == "mpnet":
            attention = layer.attention.attn
            parts, out, norm = (attention.q, attention.k, attention.v), attention.o, layer.attention.LayerNorm
        else:
            attention = layer.attention.self
            parts = (attention.query, attention.key, attention.value)
            out, norm = layer.attention.output.dense, layer.attention.output.LayerNorm
        scale = 1 / math.sqrt(self.width // self.heads)
        weight = torch.cat([parts[0].weight * scale, parts[1].weight, parts[2].weight])
        bias = torch.cat([parts[0].bias * scale, parts[1].bias, parts[2].bias])

        def cast(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
            return weight.detach().to(self.dtype).contiguous(), bias.detach().to(self.dtype)

        def linear(module: Any) -> tuple[Tensor, Tensor]:
            return cast(module.weight, module.bias)

        return Layer(
            cast(weight, bias),
            linear(out),
            linear(norm),
            linear(layer.intermediate.dense),
            linear(layer.output.dense),
            linear(layer.output.LayerNorm),
        )

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        embedded: Tensor = self.embeddings(input_ids=ids, position_ids=positions + self.offset)
        return embedded.to(self.dtype)

    def _norm(self, x: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        return functional.layer_norm(x, (self.width,), norm[0], norm[1], self.eps)

    def _linear(self, x: Tensor, layer: tuple[Tensor, Tensor], activation: str = "none") -> Tensor:
        """A linear layer (weight, bias) and what follows it: gelu, relu or none."""
        if self.fused:
            y: Tensor = self.fused(x, *layer, activation, [], "none")
            return y
        y = functional.linear(x, *layer)
        return y if activation == "none" else getattr(functional, activation)(y)

    def _rest(self, layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention in a layer; any leading shape."""
        x = self._norm(self._linear(attended, layer.out) + x, layer.norm_1)
        inner = self._linear(x, layer.up, self.activation)
        return self._norm(self._linear(inner, layer.down) + x, layer.norm_2)

    def _split_heads(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(..., L, 3 * width) -> three of (..., heads, L, width / heads)."""
        shape = (*qkv.shape[:-1], 3, self.heads, self.width // self.heads)
        q, k, v = qkv.view(shape).movedim(-3, 0).movedim(-2, -3)
        return q, k, v

    def _alone(self, layer: Layer, x: Tensor, bias: Tensor, last: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """A layer over (B, L, width) that sees itself alone; bias broadcasts to (B, heads, L, L). Returns x, k, v."""
        q, k, v = self._split_heads(self._linear(x, layer.qkv))
        if not last:
            weights = torch.softmax(q @ k.transpose(-1, -2) + bias, -1)
            x = self._rest(layer, x, (weights @ v).transpose(1, 2).flatten(2))
        return x, k, v

    def _distance(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Attention bias (heads, queries, keys) for tokens at these positions."""
        if self.relative is None:
            return torch.zeros(1, len(queries), len(keys), dtype=self.dtype)
        return self.relative(keys[None, :] - queries[:, None])

    def _premises(self, batch: list[list[int]]) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Keys and values (B, heads, L, width / heads) of each upper layer, and the mask (B, 1, 1, L), 0 or -inf."""
        # Lengths in steps: every new shape costs the arithmetic library a kernel that it compiles and keeps.
        longest = -(-max(map(len, batch)) // LENGTH_STEP) * LENGTH_STEP
        ids = torch.full((len(batch), longest), self.sep)
        mask = torch.zeros(len(batch), 1, 1, longest, dtype=self.dtype)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, ..., len(tokens) :] = -torch.inf
        positions = torch.arange(longest)
        x = self._embed(ids, positions[None])
        bias = self._distance(positions, positions) + mask
        upper = []
        for number, layer in enumerate(self.layers):
            x, k, v = self._alone(layer, x, bias, last=number == len(self.layers) - 1)
            if number >= self.split:
                upper.append((k, v))
        return upper, mask

    def _packed(self, hypotheses: tuple[str, ...]) -> list[Pack]:
        if hypotheses not in self._packs:
            if len(self._packs) >= 16:
                self._packs.pop(next(iter(self._packs)))
            encoded = [e.ids for e in self.tokens.encode_batch(list(hypotheses))]
            long = [h for h, ids in zip(hypotheses, encoded, strict=True) if len(ids) > self.max_hypothesis]
            if long:
                raise ModelError(
                    f"proposition too long for this model (over {self.max_hypothesis} tokens): {long[0]!r}; shorten it"
                )
            order = sorted(range(len(encoded)), key=lambda k: len(encoded[k]))
            packs, first, total = [], 0, 0
            for place, k in enumerate(order):
                if total and total + len(encoded[k]) > PASS_TOKENS:
                    packs.append(self._pack([(j, encoded[j]) for j in order[first:place]]))
                    first, total = place, 0
                total += len(encoded[k])
            packs.append(self._pack([(j, encoded[j]) for j in order[first:]]))
            self._packs[hypotheses] = packs
        return self._packs[hypotheses]

    def _pack(self, hypotheses: list[tuple[int, list[int]]]) -> Pack:
        """Run the lower layers, once, over (place, ids) pairs sorted by length."""
        groups: list[tuple[int, int, int]] = []
        states: list[Tensor] = []
        within: list[Tensor] = []
        longest = len(hypotheses[-1][1])
        total = sum(len(ids) for _, ids in hypotheses)
        bias_self = torch.full((self.heads if self.relative else 1, total, longest), -torch.inf, dtype=self.dtype)
        first = 0
        by_length: dict[int, list[list[int]]] = {}
        for _, ids in hypotheses:
            by_length.setdefault(len(ids), []).append(ids)
        for length, rows in by_length.items():
            places = torch.arange(length)
            bias = self._distance(places, places)
            x = self._embed(torch.tensor(rows), places[None] + self.start)
            for layer in self.layers[: self.split]:
                x, _, _ = self._alone(layer, x, bias)
            n = len(rows)
            bias_self[:, first : first + n * length, :length] = bias.repeat(1, n, 1)
            groups.append((first, n, length))
            states.append(x.flatten(0, 1))
            within.append(places.repeat(n))
            first += n * length
        state = torch.cat(states)
        place = torch.cat(within)
        return Pack(
            [k for k, _ in hypotheses],
            groups,
            (place == 0).nonzero()[:, 0],
            state,
            self._linear(state, self.layers[self.split].qkv),
            bias_self,
            place,
        )

    def _pairs(self, pack: Pack, upper: list[tuple[Tensor, Tensor]], mask: Tensor) -> Scores:
        """Upper layers for B premises x the pack's n hypotheses. Returns (B, n, 3) probabilities."""
        n_premises, length = mask.shape[0], mask.shape[-1]
        heights = self._distance(torch.arange(int(pack.within.max()) + 1) + self.start, torch.arange(length))
        bias = torch.cat([heights[:, pack.within], pack.bias_self], -1)
        # The premise's padding is masked; a hypothesis' own tokens never are.
        keep = torch.zeros(*mask.shape[:-1], pack.bias_self.shape[-1], dtype=self.dtype)
        bias = bias + torch.cat([mask, keep], -1) if bool(mask.any()) else bias[None]
        x = pack.state.expand(n_premises, -1, -1)
        qkv = pack.qkv.expand(n_premises, -1, -1)
        for number, (keys, values) in enumerate(upper, start=self.split):
            layer = self.layers[number]
            if number > self.split:
                qkv = self._linear(x, layer.qkv)
            if number == len(self.layers) - 1:
                attended = self._attend(pack, qkv, keys, values, bias, only_cls=True)
                x = self._rest(layer, x[:, pack.cls], attended)
            else:
                x = self._rest(layer, x, self._attend(pack, qkv, keys, values, bias))
        logits = functional.linear(x, *self.classifier).float()
        probabilities: Scores = torch.softmax(logits, -1).numpy()
        return probabilities

    def _attend(
        self, pack: Pack, qkv: Tensor, keys: Tensor, values: Tensor, bias: Tensor, only_cls: bool = False
    ) -> Tensor:
        """Each hypothesis' tokens over the premise and over their own hypothesis: (B, T or n, width)."""
        q, k, v = self._split_heads(qkv)
        n_premises, heads = q.shape[:2]
        length, longest = keys.shape[-2], pack.bias_self.shape[-1]
        if only_cls:
            q, bias = q[:, :, pack.cls], bias[:, :, pack.cls]
        scores = q.new_zeros(n_premises, heads, q.shape[2], length + longest)
        scores[..., :length] = q @ keys.transpose(-1, -2)
        spans = []
        done = 0
        for first, n, tokens in pack.groups:
            queries = n if only_cls else n * tokens
            own = slice(first, first + n * tokens)
            spans.append((slice(done, done + queries), own, n, tokens))
            done += queries
        for mine, own, n, tokens in spans:
            grouped = q[:, :, mine].unflatten(2, (n, -1)) @ k[:, :, own].unflatten(2, (n, tokens)).transpose(-1, -2)
            scores[:, :, mine, length : length + tokens] = grouped.flatten(2, 3)
        weights = torch.softmax(scores.add_(bias), -1)
        attended = weights[..., :length] @ values
        for mine, own, n, tokens in spans:
            local = weights[:, :, mine, length : length + tokens].unflatten(2, (n, -1))
            attended[:, :, mine] += (local @ v[:, :, own].unflatten(2, (n, tokens))).flatten(2, 3)
        return attended.transpose(1, 2).flatten(2)
