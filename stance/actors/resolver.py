"""Reads the sentences of an article, in order, for who is named, who is stood for, and whose word is given."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ahocorasick

from stance.actors.patterns import (
    ACCUSING,
    ANONYMOUS,
    FORMER,
    IMPERSONAL,
    INVERTED,
    NAME,
    OUTSIDE,
    PRONOUN,
    QUOTE,
    SPOKE,
    TITLES,
    VERB,
    Place,
    fold,
    overlaps,
    pieces,
    place,
    same_case,
    shows,
)
from stance.config import Config
from stance.data import Sentence

OUTSIDER = ""
"""The voice of somebody who is no actor: an analyst, a former official, an unknown name."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An actor in a sentence: `sentence.text[start:end]` names or (if `carried`) stands for it."""

    actor: str
    start: int
    end: int
    place: Place = "other"
    carried: bool = False
    former: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence with its mentions. `voice`: the actor whose word or act it gives, OUTSIDER, or None where nobody
    speaks. `anonymous`: it rests on unnamed sources; `accusing`: it carries an accusation."""

    sentence: Sentence
    mentions: tuple[Mention, ...]
    voice: str | None
    speech: bool
    anonymous: bool
    accusing: bool
    question: bool

    def present(self) -> set[str]:
        """Actors that are named or stood for here, former officials apart."""
        return {m.actor for m in self.mentions if not m.former}


class Resolver:
    """Finds the actors of a config in the sentences of articles. Build once a run: the automaton is shared."""

    def __init__(self, config: Config) -> None:
        self.labels = {actor: entry.label for actor, entry in config.actors.items()}
        self._entries: dict[str, list[tuple[str, str, str, str, bool]]] = {}
        for actor, entry in config.actors.items():
            bare = [a[4:] for a in entry.aliases if a[:4].lower() == "the " and a[4:5].isupper()]
            for alias in dict.fromkeys([entry.label, *entry.aliases, *bare]):
                self._add(alias, actor, "", "", False)
            for person in entry.people:
                begin, end = str(person.from_ or ""), str(person.to or "")
                self._add(person.name, actor, begin, end, False)
                if " " in person.name:
                    self._add(person.name.rsplit(" ", 1)[1], actor, begin, end, True)
        self._automaton = ahocorasick.Automaton()
        for key, value in self._entries.items():
            self._automaton.add_word(key, (len(key), value))
        self._automaton.make_automaton()

    def _add(self, alias: str, actor: str, begin: str, end: str, surname: bool) -> None:
        self._entries.setdefault(fold(alias), []).append((alias, actor, begin, end, surname))

    def _find(self, text: str, date: str, full_names: str) -> list[tuple[int, int, str]]:
        """(start, end, actor) of the longest names valid at `date`, from left to right, none overlapping."""
        folded = fold(text)
        hits = []
        for last, (length, entries) in self._automaton.iter(folded):
            start, end = last + 1 - length, last + 1
            before, after = folded[start - 1 : start], folded[end : end + 1]
            if (
                before.isalnum()
                or after.isalnum()
                or before == "-"
                or (after == "-" and folded[end + 1 : end + 2].isalpha())
            ):
                continue
            for alias, actor, begin, finish, surname in entries:
                if not overlaps(date, begin, finish) or not same_case(alias, text[start:end]):
                    continue
                if surname and not self._introduced(alias, actor, text[:start], full_names):
                    continue
                hits.append((start, end, actor))
        hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
        chosen: list[tuple[int, int, str]] = []
        for hit in hits:
            if all(hit[1] <= c[0] or hit[0] >= c[1] for c in chosen):
                chosen.append(hit)
        return sorted(chosen)

    def _introduced(self, surname: str, actor: str, before: str, full_names: str) -> bool:
        """A bare surname counts behind a title, or if the article gives the full name somewhere."""
        words = before.split()
        if words and words[-1].strip(".,").lower() in TITLES:
            return True
        return any(
            not short and owner == actor and alias.endswith(" " + surname) and alias in full_names
            for entries in self._entries.values()
            for alias, owner, _, _, short in entries
        )

    def read(self, sentences: Sequence[Sentence], date: str, title: str = "") -> list[Reading]:
        """The sentences of one article, in order; `date` as in Article (office-holders must be in office then)."""
        whole = title + "\n" + "\n".join(s.text for s in sentences)
        readings: list[Reading] = []
        main: str | None = None
        for sentence in sentences:
            reading, main = self._read(sentence, date, whole, main)
            readings.append(reading)
        return readings

    def _read(self, sentence: Sentence, date: str, whole: str, carry: str | None) -> tuple[Reading, str | None]:
        text = sentence.text
        quotes = [m.span() for m in QUOTE.finditer(text)]

        def quoted(place: int) -> bool:
            return any(start < place < end for start, end in quotes)

        mentions = [
            Mention(
                actor,
                start,
                end,
                place(text, start, end),
                former=bool(FORMER.search(text[:start])),
                quoted=quoted(start),
            )
            for start, end, actor in self._find(text, date, whole)
        ]
        mentions = _spread_lists(text, mentions)
        outside = "".join(" " * len(text[a:b]) if k % 2 else text[a:b] for k, (a, b) in enumerate(pieces(text, quotes)))
        voice, speech = self._voice(outside, mentions)
        pronoun = next((m for m in PRONOUN.finditer(outside)), None)
        if pronoun and IMPERSONAL.match(outside[pronoun.start("p") :]):
            pronoun = None
        all_quote = not outside.strip(" .,;:-")
        if (
            voice is None
            and carry is not None
            and (all_quote or (pronoun and _first(pronoun.start("p"), outside, mentions)))
        ):
            voice = carry
            speech = speech or all_quote
            if carry != OUTSIDER and pronoun:
                mentions.append(Mention(carry, *pronoun.span("p"), "subject", carried=True))
                mentions.sort(key=lambda m: m.start)
        elif voice is None and (not speech or ANONYMOUS.search(outside)):
            subject = next((m for m in mentions if m.place == "subject" and not m.former and not m.quoted), None)
            voice = subject.actor if subject else None
        main = voice
        if main is None and not OUTSIDE.search(outside):
            first = next((m for m in mentions if not m.former and not m.quoted), None)
            main = first.actor if first else carry if not NAME.search(outside) else None
        reading = Reading(
            sentence,
            tuple(mentions),
            voice,
            speech,
            bool(ANONYMOUS.search(outside)),
            bool(ACCUSING.search(text)),
            text.rstrip("\"'”’ ").endswith("?"),
        )
        return reading, main

    def _voice(self, outside: str, mentions: Sequence[Mention]) -> tuple[str | None, bool]:
        """Whose word is given: the head of the clause before a verb of saying, or after an inverted one; and whether
        there is such a verb at all."""
        clauses = []
        for verb in SPOKE.finditer(outside):
            if re.search(r"\b(?:was|were|been|be|being|is|are)\s+(?:\w+ly\s+)?$", outside[: verb.start()]):
                continue
            inverted = INVERTED.match(outside, verb.start() - 2) or INVERTED.match(outside, verb.start() - 3)
            after = re.split(r"[,.;]", outside[verb.end() :])[0]
            # ", said the minister, ..." and not ", said Norland was wrong".
            if inverted and after.strip() and not VERB.search(after):
                clauses.append((verb.end(), verb.end() + len(after)))
            else:
                # From the last mark or conjunction behind which another clause begins.
                cuts = re.finditer(r"(?:;|:|—|, (?:but|while|and|though|although|whereas))\s", outside[: verb.start()])
                clauses.append((max((m.end() for m in cuts), default=0), verb.start()))
        for begin, end in clauses:
            inside = [m for m in mentions if begin <= m.start < end and not m.quoted]
            head = next((m for m in inside if m.place in ("subject", "owner")), None)
            outsider = OUTSIDE.search(outside, begin, end)
            if head and not head.former and not (outsider and outsider.start() < head.start):
                return head.actor, True
            if (
                outsider
                or (inside and all(m.former for m in inside))
                or (not inside and NAME.search(outside, begin, end))
            ):
                return OUTSIDER, True
        return None, bool(clauses)

    def premise(self, reading: Reading, before: Reading | None = None) -> str:
        """The sentence as the model reads it: a name, metonym or pronoun is followed by its actor in brackets, once
        for each form; `before` is put in front as context."""
        text, shift, seen = reading.sentence.text, 0, set[str]()
        for mention in reading.mentions:
            form = reading.sentence.text[mention.start : mention.end]
            label = self.labels[mention.actor]
            if mention.former or form.lower() in seen or shows(form, label):
                continue
            seen.add(form.lower())
            at = mention.end + shift
            if text[at : at + 2].lower() in ("'s", "’s"):
                at += 2
            insert = f" ({label})"
            text = text[:at] + insert + text[at:]
            shift += len(insert)
        text = " ".join(text.split())  # lines wrapped at 72 columns are one sentence
        return f"{self.premise(before)} {text}" if before else text


def _spread_lists(text: str, mentions: list[Mention]) -> list[Mention]:
    """'with the US and Afghanistan': what holds of the first of a list holds of the next."""
    spread: list[Mention] = []
    for mention in mentions:
        if spread and mention.place == "subject":
            last = spread[-1]
            if re.fullmatch(
                r"\s*(?:,|and|or|nor|, and)\s+(?:the\s+)?", text[last.end : mention.start]
            ) and last.place in ("object", "agent"):
                mention = Mention(
                    mention.actor,
                    mention.start,
                    mention.end,
                    last.place,
                    mention.carried,
                    mention.former,
                    mention.quoted,
                )
        spread.append(mention)
    return spread


def _first(place: int, outside: str, mentions: Iterable[Mention]) -> bool:
    """Whether nobody is named before this place, so that a pronoun here can only mean somebody named earlier."""
    return not any(m.start < place for m in mentions) and not NAME.search(outside[:place])
