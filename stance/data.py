"""The vocabulary: frozen records that the stages hand to one another. No I/O, no torch."""

from dataclasses import dataclass, field
from typing import Literal

Stance = Literal["support", "oppose", "mixed", "none"]
Role = Literal["own", "reported", "accused"]
Side = Literal["support", "oppose"]

SIDES: tuple[Side, Side] = ("support", "oppose")
LABELS = ("entailment", "neutral", "contradiction")
CONTEXT_MARK = "||"
"""Between the sentence before and the sentence asked about, in premises of models trained with context."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A stretch of an article that is nobody's word: `article.text[start:end]`, left out for `reason`."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Article:
    """One article as it was found.

    `text` is the text of the record or file as given (of a page: as extracted); offsets point into it for good.
    What cleaning leaves out is listed in `drops` and stays in `text`. `date` is ISO, whole or cut: `2017-10-22`,
    `2017-12`, `2017`; empty if none was found. `date_source` says where it was found: `record`, `metadata`,
    `markup`, `text` or empty.
    """

    id: str
    text: str
    title: str = ""
    date: str = ""
    date_source: str = ""
    source: str = ""
    url: str = ""
    path: str = ""
    drops: tuple[Drop, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that yields no article, with the reason; it never stops the others."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """`article.text[start:end] == text`, always; `paragraph` counts from 0."""

    article_id: str
    index: int
    start: int
    end: int
    text: str
    paragraph: int = 0


@dataclass(frozen=True, slots=True)
class Proposition:
    """A template filled with an actor's label: the NLI hypothesis."""

    actor: str
    issue: str
    side: Side
    text: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What one sentence shows of one actor on one issue.

    `support` and `oppose` are probabilities in [0, 1]; `value` is their difference in [-1, 1]. An observation whose
    role is `accused` is what a rival alleges: it is kept as evidence and never counted in a cell.
    `copy_of` names the article of which this one is a copy (empty for an original): a copy is not counted twice.
    """

    article_id: str
    date: str
    sentence_index: int
    start: int
    end: int
    sentence: str
    actor: str
    issue: str
    stance: Stance
    value: float
    support: float
    oppose: float
    role: Role
    copy_of: str = ""

    @property
    def strength(self) -> float:
        """How sure it is that the sentence shows a position at all, in [0, 1]: by this evidence is ordered."""
        return max(self.support, self.oppose)


@dataclass(frozen=True, slots=True)
class Cell:
    """Actor x issue x period. `support` and `oppose` count sentences, apart; `value` and its 95% interval lie in
    [-1, 1] and are None where there is too little evidence (blank, never 0)."""

    actor: str
    issue: str
    period: str
    stance: Stance
    value: float | None
    ci_low: float | None
    ci_high: float | None
    support: int
    oppose: int
    n_sentences: int
    n_articles: int
    top_sentence: str
    top_article: str
    evidence: tuple[Observation, ...] = field(default=(), repr=False)
