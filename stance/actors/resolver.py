"""Reads the sentences of an article, in order, for who is named, who is stood for, and whose word is given."""

import re
from collections.abc import Sequence
from itertools import groupby, pairwise

import ahocorasick

from stance.actors.clauses import acts, first_here, named_here, spread_lists, voices_of, with_mates
from stance.actors.patterns import (
    ACCORDING,
    ACCUSED,
    ACCUSING,
    ADDRESSED,
    ANONYMOUS,
    ANSWERED,
    ANYBODY,
    ASKING,
    BOTH,
    CLAIMED,
    DENIES,
    FIRST_NAME,
    FORMER,
    FUTURE,
    GLOSS,
    HYPHENS,
    IMPERSONAL,
    LIST,
    MESSAGE,
    NAME,
    OUTSIDE,
    PRONOUN,
    QUOTE,
    RETRACTION,
    TITLES,
    TOLD,
    fold,
    overlaps,
    pieces,
    place,
    same_case,
    shows,
)  # fmt: skip
from stance.actors.readings import OUTSIDER, Mention, Reading
from stance.config import Config
from stance.data import CONTEXT_MARK, Sentence

# Of the sentence before: what a longer one begins with is seldom what the next one leans on.
CONTEXT_WORDS = 50


class Resolver:
    """Finds the actors of a config in the sentences of articles. Build once a run: the automaton is shared."""

    def __init__(self, config: Config) -> None:
        self.labels = {actor: entry.label for actor, entry in config.actors.items()}
        self._names = {a: " ".join([e.label, *e.aliases]).lower() for a, e in config.actors.items()}
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
            before, after = text[start - 1 : start], text[end : end + 1]
            if (
                before.isalnum()
                or after.isalnum()
                or before in HYPHENS
                or (after in HYPHENS and text[end + 1 : end + 2].isalpha())
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
        # Bill Clinton is not the Clinton of the article.
        first = FIRST_NAME.search(before)
        if first and fold(f"{first[0]} {surname}") not in self._entries and fold(first[0]) not in self._entries:
            return False
        return any(
            not short and owner == actor and alias.endswith(" " + surname) and alias in full_names
            for entries in self._entries.values()
            for alias, owner, _, _, short in entries
        )

    def read(self, sentences: Sequence[Sentence], date: str, title: str = "") -> list[Reading]:
        """The sentences of one article, in order; `date` as in Article (office-holders must be in office then)."""
        whole = title + "\n" + "\n".join(s.text for s in sentences)
        readings: list[Reading] = []
        carry: str | None = None
        before = ""
        earlier: Sequence[Mention] = ()
        latest: Sequence[Mention] = ()
        for sentence in sentences:
            both = next((pair for pair in (named_here(latest), named_here([*earlier, *latest])) if len(pair) == 2), [])
            reading, carry = self._read(sentence, date, whole, carry, both, before)
            before = sentence.text.lower()
            readings.append(reading)
            earlier, latest = latest, reading.mentions
        return readings

    def _read(
        self, sentence: Sentence, date: str, whole: str, carry: str | None, both: Sequence[str], before: str
    ) -> tuple[Reading, str | None]:
        """One sentence; `carry` is whom a pronoun in it would mean: an actor, OUTSIDER or nobody known. Returns it for
        the next sentence too. `both`: the two actors named just before, if it was two; `before`: the sentence before,
        in lower case."""
        text = sentence.text
        quotes = [m.span() for m in QUOTE.finditer(text)]
        outside = "".join(" " * len(text[a:b]) if k % 2 else text[a:b] for k, (a, b) in enumerate(pieces(text, quotes)))
        addressed = ADDRESSED.search(text)
        if addressed and ANSWERED.search(text, addressed.end()):
            addressed = None
        future = bool(addressed and FUTURE.search(text[: addressed.start()]))
        spoken_to: set[str] = set()
        mentions: list[Mention] = []
        for start, end, actor in self._find(text, date, whole):
            part = place(text, start, end)
            between = text[end : addressed.start()] if addressed and end <= addressed.start() else None
            if between is not None and (not re.search("[,;]", between) if future else TOLD.fullmatch(between)):
                part = "object"
                spoken_to.add(actor)
            former, quoted = bool(FORMER.search(text[:start])), any(a < start < b for a, b in quotes)
            mentions.append(Mention(actor, start, end, part, "named", former, quoted))
        mentions = spread_lists(text, mentions)
        voices, outsider, speech = voices_of(outside, mentions)
        anonymous = bool(ANONYMOUS.search(outside))
        all_quote = not outside.strip(" .,;:-")
        pronoun = next((m for m in PRONOUN.finditer(outside) if not IMPERSONAL.match(outside, m.start("p"))), None)
        if addressed and not ((spoken_to or future) and MESSAGE.match(text, addressed.start(), addressed.end() + 4)):
            addressed = None
        if pronoun and carry and " " in pronoun["p"]:
            noun = pronoun["p"].rsplit(None, 1)[1]
            if noun not in ANYBODY and noun not in self._names[carry] and noun not in before:
                pronoun = None
        if carry is not None and not voices and not outsider:
            # A pronoun in front of every name, or a quotation alone, goes on with whoever spoke before.
            if addressed and carry not in spoken_to | {OUTSIDER}:
                mentions.append(Mention(carry, *addressed.span(), "subject", "implied"))
                voices = {carry}
            elif not addressed and (all_quote or (pronoun and first_here(pronoun.start("p"), outside, mentions))):
                outsider = carry == OUTSIDER
                voices = set() if outsider else {carry}
                if pronoun and not outsider:
                    mentions.append(Mention(carry, *pronoun.span("p"), "subject", "carried"))
        pair = BOTH.search(outside)
        if pair and not voices and not outsider:
            here = named_here([m for m in mentions if m.end <= pair.start("p")])
            both = here if len(here) > 1 else both
            if len(both) == 2:
                mentions += [Mention(actor, *pair.span("p"), "subject", "carried") for actor in both]
                voices = set(both)
        mentions.sort(key=lambda m: m.start)
        if not voices and not outsider and (not speech or anonymous or addressed):
            voices = with_mates(text, mentions, next((m for m in mentions if acts(m)), None))

        accused = {m.actor for m in mentions if m.how == "named" and ACCUSED.search(text[: m.start])}
        accused |= {
            m.actor for m in mentions if m.how == "named" and m.actor not in voices and CLAIMED.search(text[: m.start])
        }
        according = ACCORDING.match(text)
        if according:
            by = {m.actor for m in mentions if according.start("who") <= m.start < according.end("who")}
            first = {m.actor for m in mentions if by and text[according.end() : m.start] in ("", "the ")}
            accused |= first - by
        accused |= {
            b.actor for a, b in pairwise(mentions) if a.actor in accused and LIST.fullmatch(text, a.end, b.start)
        }
        accused -= {
            m.actor
            for m in mentions
            if not (m.quoted or m.former or ACCUSED.search(text[: m.start])) and DENIES.match(text, m.end)
        }
        asked = [m for m in mentions if m.how == "named" and m.place != "owner" and ASKING.search(text[: m.start])]
        # "X asked Y, and refused" is X; "X asked Y, who refused" and "but it refused" are Y.
        asked = [m for m in asked if not ((said := ANSWERED.search(text, m.end)) and (said["by"] or "who" in said[0]))]
        asked += [b for a, b in pairwise(mentions) if a in asked and LIST.fullmatch(text, a.end, b.start)]
        spoken_to |= {m.actor for m in asked} - {m.actor for m in mentions if m not in asked and not m.former}
        retracts = bool(RETRACTION.search(text))
        reading = Reading(
            sentence,
            tuple(mentions),
            frozenset(voices),
            outsider,
            frozenset(accused),
            frozenset(spoken_to - voices),
            anonymous,
            bool(ACCUSING.search(text)),
            text.rstrip("\"'”’ ").endswith("?"),
            retracts,
        )
        if outsider:
            return reading, OUTSIDER
        lead = next((m.actor for m in mentions if m.actor in voices), None)
        if lead is None and not OUTSIDE.search(outside):
            # Nobody speaks: who is named first is talked about, and a sentence without names changes nothing.
            lead = next((m.actor for m in mentions if not m.former and not m.quoted), None)
            lead = lead if lead is not None or NAME.search(outside) else carry
        return reading, lead

    def premise(self, reading: Reading, before: Reading | None = None) -> str:
        """The sentence as the model reads it: a name, metonym or pronoun is followed by its actor in brackets, once for
        each form. Behind the sentence `before` and a mark, if there is one, for a model that knows the mark."""
        text, shift, seen = reading.sentence.text, 0, set[str]()
        for (start, end), group in groupby(reading.mentions, key=lambda m: (m.start, m.end)):
            mention, *others = group
            form = reading.sentence.text[start:end]
            label = " and ".join(self.labels[m.actor] for m in (mention, *others))
            if mention.former or form.lower() in seen or (mention.how == "named" and shows(form, label)):
                continue
            seen.add(form.lower())
            at = end + shift
            if text[at : at + 2].lower() in ("'s", "’s"):
                at += 2
            insert = f" by {label}" if mention.how == "implied" else f" ({label})"
            text = text[:at] + insert + text[at:]
            shift += len(insert)
        # "He [Tillerson] will be told by Pakistan": the gloss names who is spoken to and draws the model to him.
        text = GLOSS.sub(r"\1", text)
        text = " ".join(text.split())  # lines wrapped at 72 columns are one sentence
        return text if before is None else _context(self.premise(before)) + text


def _context(text: str) -> str:
    """The sentence before, its end if it is long, with the mark behind which the sentence asked about begins."""
    return f"{' '.join(text.split()[-CONTEXT_WORDS:])} {CONTEXT_MARK} "
