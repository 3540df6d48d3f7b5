"""What the resolver finds in a sentence: mentions of actors, and whose word it is."""

from dataclasses import dataclass
from typing import Literal

from stance.actors.patterns import Place
from stance.data import Sentence

OUTSIDER = ""
"""The voice of somebody who is no actor: an analyst, a former official, an unknown name."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An actor in a sentence. `named`: `sentence.text[start:end]` is its name; `carried`: a pronoun or "the official"
    stands for it; `implied`: it is who speaks in "the envoy was told that ...", and the span is the verb."""

    actor: str
    start: int
    end: int
    place: Place = "other"
    how: Literal["named", "carried", "implied"] = "named"
    former: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence with its mentions.

    `voices`: actors whose word or act it gives; `outsider`: it gives that of an analyst, a former official, an unknown
    name; `accused`: actors of whom somebody alleges something;
    `addressed`: actors who are told or asked something ("was told that"), which shows nothing of what they want;
    `anonymous`: it rests on unnamed sources; `retracts`: it takes back what its speaker said before.
    """

    sentence: Sentence
    mentions: tuple[Mention, ...]
    voices: frozenset[str]
    outsider: bool
    accused: frozenset[str]
    addressed: frozenset[str]
    anonymous: bool
    accusing: bool
    question: bool
    retracts: bool

    def present(self) -> set[str]:
        """Actors that are named or stood for here, former officials apart."""
        return {m.actor for m in self.mentions if not m.former}

    def holders(self) -> set[str]:
        """Of these, who can hold a position that the sentence shows: not who is only told or asked something."""
        return self.present() - self.addressed
