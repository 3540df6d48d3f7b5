"""Scores and readings -> observations: who holds what, by a small logistic model whose weights are plain JSON.

For one sentence, actor, issue and side the features are the NLI scores of that side's propositions (entailment) and of
the other side's (contradiction), the best score of another actor in the sentence on the same side and of the same actor
on another issue, and how the actor stands in the sentence: named as subject or otherwise, stood for by a pronoun, not
there. `eval/fit_head.py` fits the weights on curriculum articles and writes `head.json` beside the model.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stance.actors import Reading
from stance.config import Config, propositions
from stance.data import SIDES, Article, Observation, Role, Stance
from stance.errors import ModelError
from stance.nli import DEFAULT_MODEL, Scorer, Scores, find_model

Array = NDArray[np.float64]

FEATURES = (
    # Of a side's paraphrases the middle between their mean and the highest: one that fits is enough, but three have
    # three chances.
    "side",  # log-odds of the mean of own side's entailment and other side's contradiction
    "entailment",  # log-odds of own side's entailment
    "best",  # log-odds of own side's highest entailment: one paraphrase may be the sentence's own
    "against",  # log-odds of the other side, as `side`
    "rival",  # log-odds of the best other actor present, same issue and side
    "issue",  # log-odds of the same actor's best other issue
    "words",  # words that the sentence shares with the issue's label and propositions, rare ones (of few issues) more
    "words_rank",  # the same, less the best other issue's
    "words_before",  # words that the sentence before shares
    "subject",  # the actor is named as the head of a clause, outside quotation marks
    "object",  # named otherwise
    "carried",  # stood for by a pronoun or "the official"
    "quoted",  # named only inside quotation marks
    "voice",  # the sentence gives this actor's word or act
    "outsider",  # it gives the word of an analyst, a former official, an unknown name
    "accusing",  # it accuses, and not in this actor's voice
    "retracts",  # it takes back what was said before
    "question",
    "others",  # number of other actors present
)


_COMMON = frozenset(
    "the and for are with from that this its their his her they she was were has have had been said says say will "
    "would should could want wants not against favour support supports oppose opposes reject rejects accept accepts "
    "willing actor over into than more who which but about after also any all one out".split()
)


# The best other issue of an actor who is asked about one: the mean where there are several (eval/fit_head.py).
LONE_ISSUE = -2.0


class Evidence:
    """Gathers the features of a config's actors and issues; knows no weights."""

    def __init__(self, config: Config, contradiction: bool) -> None:
        self.contradiction = contradiction
        self.actors, self.issues = list(config.actors), list(config.issues)
        texts = {text: k for k, text in enumerate(dict.fromkeys(p.text for p in propositions(config)))}
        place: dict[tuple[int, int, int], list[int]] = {}
        for p in propositions(config):
            cell = self.actors.index(p.actor), self.issues.index(p.issue), SIDES.index(p.side)
            place.setdefault(cell, []).append(texts[p.text])
        self.cells = sorted(place)
        self.columns = np.array([c for cell in self.cells for c in place[cell]], int)
        self.sizes = np.array([len(place[cell]) for cell in self.cells])
        self.starts = np.cumsum(self.sizes) - self.sizes
        names = _words(" ".join(n for a in config.actors.values() for n in [a.label, *a.aliases]))
        self.vocabulary = [
            _words(" ".join([i.label, *i.propositions.support, *i.propositions.oppose])) - names
            for i in config.issues.values()
        ]
        spread = Counter(word for words in self.vocabulary for word in words)
        self.rarity = {word: 1 / n for word, n in spread.items()}

    def features(self, readings: Sequence[Reading], scores: Sequence[Scores]) -> Array:
        """Shape (sentences, actors, issues, 2 sides, features); NaN where an actor meets no such issue or was gated."""
        shared = np.array([self._shared(r.sentence.text) for r in readings])
        return _features(readings, self.dense(scores), self.actors, shared)

    def _shared(self, text: str) -> list[float]:
        """For each issue, the weight of its words that the text uses."""
        words = _words(text)
        return [sum(self.rarity[w] for w in own & words) for own in self.vocabulary]

    def dense(self, scores: Sequence[Scores]) -> Array:
        """S tables (K, 3) -> (S, actors, issues, sides, 3): entailment, highest entailment, contradiction."""
        chosen = np.stack(scores)[:, self.columns].astype(float)
        best = np.maximum.reduceat(chosen, self.starts, axis=1)
        middle = (np.add.reduceat(chosen, self.starts, axis=1) / self.sizes[:, None] + best) / 2
        dense = np.full((len(scores), len(self.actors), len(self.issues), 2, 3), np.nan)
        a, i, s = np.array(self.cells).T
        dense[:, a, i, s] = np.stack([middle[..., 0], best[..., 0], middle[..., 2]], -1)
        if not self.contradiction:
            # A 2-class model has no contradiction: entailing the other side's propositions stands for it.
            dense[..., 2] = dense[..., ::-1, 0]
        return dense


class Judge:
    """Turns the scores of an article's sentences into observations.

    A model without a head of its own is judged by the default model's. Raises ModelError if the head is damaged.
    """

    def __init__(self, config: Config, scorer: Scorer) -> None:
        self.evidence = Evidence(config, scorer.contradiction)
        self.path = head_of(scorer.name)
        # Weights and thresholds of another model are a guess at what this one needs.
        self.borrowed = find_model(scorer.name) != self.path.parent
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self.weights = np.array([stored["weights"][name] for name in FEATURES], float)
            self.intercept, self.threshold = float(stored["intercept"]), float(stored["threshold"])
            self.further, self.apart = float(stored["further"]), float(stored.get("apart", 1.0))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self.path} is missing or damaged ({error!r}); make it with eval/fit_head.py") from error

    def describe(self) -> dict[str, object]:
        """For the manifest."""
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"sha256": sha256, "threshold": self.threshold, "further": self.further, "apart": self.apart}

    def probabilities(self, readings: Sequence[Reading], scores: Sequence[Scores]) -> Array:
        """P(the sentence shows the actor on that side), shape (sentences, actors, issues, 2); NaN as in `features`.

        0 for actors whom a sentence neither names nor stands for: of ten positions found for such, one was right.
        """
        found = 1 / (1 + np.exp(-(self.evidence.features(readings, scores) @ self.weights + self.intercept)))
        present = _present(readings, self.evidence.actors)
        return np.where(present[:, :, None, None], found, 0.0)

    def observe(
        self, article: Article, readings: Sequence[Reading], scores: Sequence[Scores], copy_of: str = ""
    ) -> Iterator[Observation]:
        """Observations of one article, those that show nothing left out.

        Stance `none`: the next sentence takes it back.
        """
        if not readings:
            return
        both = np.nan_to_num(self.probabilities(readings, scores))
        taken_back = {
            (n - 1, self.evidence.actors.index(m.actor))
            for n, r in enumerate(readings)
            if r.retracts
            for m in r.mentions
            if m.how == "carried" and m.actor in r.voices
        }
        for n, a, i in np.argwhere(held(both, self.threshold, self.further, self.apart)):
            support, oppose = (float(p) for p in both[n, a, i])
            # Never `mixed`: two sentences in a thousand are, and of 53 where both sides were likely the surer was right
            # in 30 and both in none.
            stance: Stance = "support" if support > oppose else "oppose"
            if (n, a) in taken_back:
                # "However, he later clarified that he never said ...": kept as evidence, counted for nothing.
                stance = "none"
            sentence = readings[n].sentence
            yield Observation(
                article.id,
                article.date,
                sentence.index,
                sentence.start,
                sentence.end,
                sentence.text,
                self.evidence.actors[a],
                self.evidence.issues[i],
                stance,
                support - oppose,
                support,
                oppose,
                role(readings[n], self.evidence.actors[a]),
                copy_of,
            )


def held(both: Array, threshold: float, further: float, apart: float) -> NDArray[np.bool_]:
    """Which positions count, shape (sentences, actors, issues), from the sides' probabilities, (..., 2).

    An actor's surest issue in a sentence from `threshold` on; a further one from `further` on: most positions found on
    a neighbouring issue beside the right one were not there. And none whose surer side is less than `apart` times as
    likely as the other: no position is better than one on the wrong side.
    """
    surest = both.max(-1)
    first = surest == surest.max(2, keepdims=True)
    return np.asarray((surest >= threshold) & (first | (surest >= further)) & (surest >= apart * both.min(-1)))


def _features(readings: Sequence[Reading], dense: Array, actors: Sequence[str], shared: Array) -> Array:
    """See FEATURES; `dense` as from Evidence.dense."""
    shape = dense.shape[:4]
    other = dense[..., ::-1, :]
    side = (dense[..., 0] + other[..., 2]) / 2
    present = _present(readings, actors)
    issue = _log_odds(_best_other(np.nan_to_num(side).max(-1), axis=2))
    issue[(~np.isnan(dense[..., 0, 0])).sum(2) <= 1] = LONE_ISSUE
    values = {
        "side": _log_odds(side),
        "entailment": _log_odds(dense[..., 0]),
        "best": _log_odds(dense[..., 1]),
        "against": _log_odds(side[..., ::-1]),
        "rival": _log_odds(_best_other(np.where(present[..., None, None], np.nan_to_num(side), 0), axis=1)),
        "issue": issue[..., None],
        "words": shared[:, None, :, None],
        "words_rank": (shared - _best_other(shared, axis=1))[:, None, :, None],
        "words_before": np.vstack([np.zeros_like(shared[:1]), shared[:-1]])[:, None, :, None],
    }
    stands = np.zeros((*shape[:2], len(FEATURES)))
    for n, reading in enumerate(readings):
        for a, actor in enumerate(actors):
            mine = [m for m in reading.mentions if m.actor == actor and not m.former]
            subject = any(m.place in ("subject", "owner") and not m.quoted and m.how == "named" for m in mine)
            carried = any(m.how != "named" for m in mine)
            voice = actor in reading.voices
            flags = {
                "subject": subject,
                "object": bool(mine) and not subject and not carried,
                "carried": carried and not subject,
                "quoted": bool(mine) and all(m.quoted for m in mine),
                "voice": voice,
                "outsider": reading.outsider,
                "accusing": reading.accusing and not voice,
                "retracts": reading.retracts,
                "question": reading.question,
                "others": len(reading.present() - {actor}),
            }
            stands[n, a] = [float(flags.get(name, 0)) for name in FEATURES]
    out = np.broadcast_to(stands[:, :, None, None], (*shape, len(FEATURES))).copy()
    for name, value in values.items():
        out[..., FEATURES.index(name)] = value
    out[np.isnan(dense[..., 0])] = np.nan
    return out


def _present(readings: Sequence[Reading], actors: Sequence[str]) -> NDArray[np.bool_]:
    """Shape (sentences, actors): who can hold a position that a sentence shows."""
    return np.array([[a in r.holders() for a in actors] for r in readings])


def role(reading: Reading, actor: str) -> Role:
    """own: the actor's words or acts; reported: told by others or unnamed sources; accused: alleged by a rival."""
    voice = actor in reading.voices
    if actor in reading.accused or (reading.accusing and (reading.outsider or reading.voices - {actor}) and not voice):
        return "accused"
    acts = any(m.actor == actor and m.place == "subject" and not m.quoted and not m.former for m in reading.mentions)
    return "own" if (voice or acts) and not reading.anonymous else "reported"


def _words(text: str) -> set[str]:
    """Content words cut to six letters, which is stemming enough to meet `operations` in `operation`."""
    return {w[:6] for w in re.findall(r"[a-z]{3,}", text.lower()) if w not in _COMMON}


def _log_odds(p: Array) -> Array:
    clipped = np.clip(p, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _best_other(values: Array, axis: int) -> Array:
    """At each place the largest value of the other places along `axis` (0 if there is no other)."""
    if values.shape[axis] < 2:
        return np.zeros_like(values)
    top = np.partition(values, -2, axis=axis)
    first, second = np.take(top, [-1], axis), np.take(top, [-2], axis)
    return np.where(values >= first, np.where(values == second, first, second), first)


def head_of(model: str) -> Path:
    """Where the head of a model lies: in its folder, else beside the default model."""
    folder = find_model(model)
    if folder is not None and (folder / "head.json").is_file():
        return folder / "head.json"
    default = find_model(DEFAULT_MODEL)
    if default is None:
        raise ModelError("the embedded model models/stance-nli is missing; clone the project again")
    return default / "head.json"
