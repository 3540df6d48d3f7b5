"""Who is named, who speaks, who is only talked about: aliases, office-holders, pronouns, former officials.

A list of names an analyst owns and a few patterns of English news prose, no parser: fast, and every decision can be
read. What it finds feeds two things: the premise (the resolved actor is written behind a name the model cannot know,
"Hassoumi Massaoudou (Niger) said ...") and the evidence of `stance.observe` on who holds what.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import ahocorasick

from stance.config import Config
from stance.data import Sentence

OUTSIDER = ""
"""The voice of somebody who is no actor: an analyst, a former official, an unknown name."""

Place = Literal["subject", "object", "agent", "owner", "other"]


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


_APOSTROPHES = str.maketrans("’‘ʼ‑–—", "''''--"[:6])
_SPEECH = (
    r"said|says|saying|told|tells|added|adds|stated|states|announced|announces|insisted|insists|argued|argues|warned|"
    r"warns|explained|explains|noted|notes|declared|declares|claimed|claims|maintained|maintains|alleged|alleges|"
    r"accused|accuses|denied|denies|rejected|rejects|stressed|stresses|underlined|underlines|reiterated|reiterates|"
    r"repeated|repeats|confirmed|confirms|acknowledged|acknowledges|admitted|admits|conceded|concedes|replied|"
    r"answered|wrote|writes|tweeted|complained|complains|vowed|pledged|promised|demanded|demands|urged|urges|"
    r"called|calls|asked|asks|suggested|suggests|hinted|contended|contends|asserted|asserts|clarified|pointed out|"
    r"remarked|remarks|quipped|observed|believes|believed|thinks|thought|affirmed|affirms|emphasi[sz]ed|criticised|"
    r"criticized|welcomed|welcomes|praised|condemned|condemns|dismissed|dismisses|opposed|opposes|backed|backs|"
    r"supported|supports|wants|wanted|refused|refuses|agreed|agrees|objected|objects"
)
_SPOKE = re.compile(rf"\b(?:{_SPEECH})\b")
# Quotations are blanked before this is tried, so that two spaces stand where one ended.
_INVERTED = re.compile(rf"[,?!\s]\s+(?:{_SPEECH})\s+(?!that\b|on\b|in\b|to\b|it\b|its\b)")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|will|would|can|could|should|must|may|might|did|does)\b")
_ANONYMOUS = re.compile(
    r"\b(?:sources?|diplomats?|insiders?|reportedly|according to|people familiar|a person|an aide|aides|officials? "
    r"(?:who|familiar|privy)|anonymity|newspapers?|leaked|it emerged|was quoted|were quoted|understood to)\b",
    re.IGNORECASE,
)
_ACCUSING = re.compile(
    r"\b(?:accus\w+|alleg\w+|blam\w+|charg(?:es|ed|ing) (?:that|\w+ with)|claim(?:s|ed|ing)? that|finger|point(?:s|ed|ing) "
    r"(?:a |the )?fingers?|suspect\w*)\b",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(
    r"\b(?:former|ex-|retired|analysts?|experts?|professors?|researchers?|observers?|commentators?|economists?|"
    r"historians?|scholars?|lecturers?|columnists?|think[- ]tank|fellow at|then-)",
    re.IGNORECASE,
)
_FORMER = re.compile(r"(?:\bformer|\bex-|\bformer top|\bretired|\bonetime|\bone-time|\bthen-)[^,;.]{0,45}$", re.IGNORECASE)
_PRONOUN = re.compile(
    r"(?:^|[.;:,]\s+|[\"”'’]\s*,?\s*|\b(?:and|but|that|while|when|after|although|though|because|as|if|which|however,)\s+)"
    r"(?P<p>He|She|They|It|We|I|he|she|they|it|we|"
    r"(?:The|the|An|an|A|a)\s+(?:senior\s+|unnamed\s+|same\s+)?(?:official|minister|spokesman|spokeswoman|spokesperson|"
    r"ministry|president|premier|prime minister|ambassador|envoy|diplomat|leader|group|company|union|party|general|"
    r"government|department|organi[sz]ation|statement|council|board|movement|firm|agency|federation|association|mayor|"
    r"chairman|chairwoman|chair|director|secretary|officer|commander|chief|delegation|bloc|country|kingdom|authority))\b"
    r"(?!\s+of\b)"
)
_IMPERSONAL = re.compile(r"It (?:is|was|would be|has been|remains|seems|appears|will be) ", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"\b(?:of|to|with|against|in|on|for|from|at|between|toward|towards|over|into|inside|outside|near|about|across|"
    r"through|within|among|beside|behind|under|like|than|as|around|via|"
    r"accus\w+|blam\w+|urg\w+|ask\w+|press\w+|told|tell\w*|warn\w+|push\w*|let|make|force\w*|pressur\w+|visit\w*)\s+"
    r"(?:(?:the|a|an|both|either|neighbou?ring|its|their|his|her|all)\s+)?$",
    re.IGNORECASE,
)
_AGENT = re.compile(r"\bby\s+(?:(?:the|both)\s+)?$", re.IGNORECASE)
_LISTED = re.compile(r"(?:\band|,|\bor|\bnor)\s+(?:the\s+)?$", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?:\s+(?:al-|bin |van |de |von |[A-Z]\.\s)?[A-Z][\w'’-]+)+")
_QUOTE = re.compile(r"[\"“«][^\"”»]*(?:[\"”»]|$)|(?<![\w])[‘'][^‘’']{12,}?[’'](?!\w)")
_TITLES = frozenset(
    "mr mrs ms dr gen general lt col colonel maj major sir lord lady president minister secretary premier senator "
    "ambassador spokesman spokeswoman spokesperson chief admiral chancellor director mayor prime marshal commander "
    "council councillor councilman councilwoman cllr coun governor gov rep sen judge chairman chairwoman".split()
)


def _fold(text: str) -> str:
    """Lower-case with plain apostrophes, the same length as `text`, so that offsets stay."""
    return "".join(c if len(c) == 1 else o for o, c in ((o, o.lower()) for o in text.translate(_APOSTROPHES)))


def _overlaps(date: str, begin: str, end: str) -> bool:
    """Whether a possibly partial ISO date lies in [begin, end] (empty: open); an empty date always does."""
    return not date or (not begin or date >= begin[: len(date)]) and (not end or date <= end[: len(date)] + "~")


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
        self._entries.setdefault(_fold(alias), []).append((alias, actor, begin, end, surname))

    def _find(self, text: str, date: str, full_names: str) -> list[tuple[int, int, str]]:
        """(start, end, actor) of the longest names valid at `date`, from left to right, none overlapping."""
        folded = _fold(text)
        hits = []
        for last, (length, entries) in self._automaton.iter(folded):
            start, end = last + 1 - length, last + 1
            before, after = folded[start - 1 : start], folded[end : end + 1]
            if before.isalnum() or after.isalnum() or before == "-" or (after == "-" and folded[end + 1 : end + 2].isalpha()):
                continue
            for alias, actor, begin, finish, surname in entries:
                if not _overlaps(date, begin, finish) or not _same_case(alias, text[start:end]):
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
        if words and words[-1].strip(".,").lower() in _TITLES:
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
        quotes = [m.span() for m in _QUOTE.finditer(text)]

        def quoted(place: int) -> bool:
            return any(start < place < end for start, end in quotes)

        mentions = [
            Mention(
                actor,
                start,
                end,
                _place(text, start, end),
                former=bool(_FORMER.search(text[:start])),
                quoted=quoted(start),
            )
            for start, end, actor in self._find(text, date, whole)
        ]
        mentions = _spread_lists(text, mentions)
        outside = "".join(" " * len(text[a:b]) if k % 2 else text[a:b] for k, (a, b) in enumerate(_pieces(text, quotes)))
        voice, speech = self._voice(outside, mentions)
        pronoun = next((m for m in _PRONOUN.finditer(outside)), None)
        if pronoun and _IMPERSONAL.match(outside[pronoun.start("p") :]):
            pronoun = None
        all_quote = not outside.strip(" .,;:-")
        if voice is None and carry is not None and (all_quote or (pronoun and _first(pronoun.start("p"), outside, mentions))):
            voice = carry
            speech = speech or all_quote
            if carry != OUTSIDER and pronoun:
                mentions.append(Mention(carry, *pronoun.span("p"), "subject", carried=True))
                mentions.sort(key=lambda m: m.start)
        elif voice is None and (not speech or _ANONYMOUS.search(outside)):
            subject = next((m for m in mentions if m.place == "subject" and not m.former and not m.quoted), None)
            voice = subject.actor if subject else None
        main = voice
        if main is None and not _OUTSIDE.search(outside):
            first = next((m for m in mentions if not m.former and not m.quoted), None)
            main = first.actor if first else carry if not _NAME.search(outside) else None
        reading = Reading(
            sentence,
            tuple(mentions),
            voice,
            speech,
            bool(_ANONYMOUS.search(outside)),
            bool(_ACCUSING.search(text)),
            text.rstrip("\"'”’ ").endswith("?"),
        )
        return reading, main

    def _voice(self, outside: str, mentions: Sequence[Mention]) -> tuple[str | None, bool]:
        """Whose word is given: the head of the clause before a verb of saying, or after an inverted one; and whether
        there is such a verb at all."""
        clauses = []
        for verb in _SPOKE.finditer(outside):
            if re.search(r"\b(?:was|were|been|be|being|is|are)\s+(?:\w+ly\s+)?$", outside[: verb.start()]):
                continue
            inverted = _INVERTED.match(outside, verb.start() - 2) or _INVERTED.match(outside, verb.start() - 3)
            after = re.split(r"[,.;]", outside[verb.end() :])[0]
            # ", said the minister, ..." and not ", said Norland was wrong".
            if inverted and after.strip() and not _VERB.search(after):
                clauses.append((verb.end(), verb.end() + len(after)))
            else:
                # From the last mark or conjunction behind which another clause begins.
                cuts = re.finditer(r"(?:;|:|—|, (?:but|while|and|though|although|whereas))\s", outside[: verb.start()])
                clauses.append((max((m.end() for m in cuts), default=0), verb.start()))
        for begin, end in clauses:
            inside = [m for m in mentions if begin <= m.start < end and not m.quoted]
            head = next((m for m in inside if m.place in ("subject", "owner")), None)
            outsider = _OUTSIDE.search(outside, begin, end)
            if head and not head.former and not (outsider and outsider.start() < head.start):
                return head.actor, True
            if outsider or (inside and all(m.former for m in inside)) or (not inside and _NAME.search(outside, begin, end)):
                return OUTSIDER, True
        return None, bool(clauses)

    def premise(self, reading: Reading, before: Reading | None = None) -> str:
        """The sentence as the model reads it: a name, metonym or pronoun is followed by its actor in brackets, once
        for each form; `before` is put in front as context."""
        text, shift, seen = reading.sentence.text, 0, set[str]()
        for mention in reading.mentions:
            form = reading.sentence.text[mention.start : mention.end]
            label = self.labels[mention.actor]
            if mention.former or form.lower() in seen or _shows(form, label):
                continue
            seen.add(form.lower())
            at = mention.end + shift
            if text[at : at + 2].lower() in ("'s", "’s"):
                at += 2
            insert = f" ({label})"
            text = text[:at] + insert + text[at:]
            shift += len(insert)
        return f"{self.premise(before)} {text}" if before else text


def _shows(form: str, label: str) -> bool:
    """Whether a reader of the form knows the label: "the United States" for United States, "St. Agnes" for St. Agnes
    Hospital; not "the city" for City of Waterford."""
    bare = form.removeprefix("the ").removeprefix("The ")
    return label.lower() in form.lower() or (bare[:1].isupper() and label.startswith(bare))


def _same_case(alias: str, surface: str) -> bool:
    if alias == surface or _fold(alias) == surface.translate(_APOSTROPHES) and alias.islower():
        return True
    plain = surface.translate(_APOSTROPHES)
    mine = alias.translate(_APOSTROPHES)
    if mine[1:] == plain[1:] and mine[:1].lower() == plain[:1].lower() and (mine[:1].islower() or " " in mine):
        return True
    return len(mine) > 3 and plain == mine.upper()


def _place(text: str, start: int, end: int) -> Place:
    """The mention's part in its clause, by the words around it."""
    before = text[max(0, start - 40) : start]
    if re.match(r"['’]s?\b|['’]s", text[end : end + 2]):
        return "object" if _PREPOSITION.search(before) else "owner"
    if _AGENT.search(before):
        return "agent"
    if _PREPOSITION.search(before):
        return "object"
    # Behind a verb without a preposition ("sidelines Pakistan") it is an object; at the head of a clause, the subject.
    if re.search(r"(?:^|[.;:,\"“(—–-]|\b(?:that|and|but|while|both|neither|if|when|although|though|because|the|whether|since|as|for|after|before|where|which|said|says|either|nor|or|only|even|not|however))\s*$", before) or re.search(
        r"\b[A-Z][\w.]*\s+$", before
    ):
        return "subject"
    return "object" if re.search(r"\b[a-z]+(?:s|ed|ing|e|t|w|k)\s+$", before) else "other"


def _spread_lists(text: str, mentions: list[Mention]) -> list[Mention]:
    """'with the US and Afghanistan': what holds of the first of a list holds of the next."""
    spread: list[Mention] = []
    for mention in mentions:
        if spread and mention.place == "subject":
            last = spread[-1]
            if re.fullmatch(r"\s*(?:,|and|or|nor|, and)\s+(?:the\s+)?", text[last.end : mention.start]) and last.place in ("object", "agent"):
                mention = Mention(mention.actor, mention.start, mention.end, last.place, mention.carried, mention.former, mention.quoted)
        spread.append(mention)
    return spread


def _first(place: int, outside: str, mentions: Iterable[Mention]) -> bool:
    """Whether nobody is named before this place, so that a pronoun here can only mean somebody named earlier."""
    return not any(m.start < place for m in mentions) and not _NAME.search(outside[:place])


def _pieces(text: str, quotes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans outside and inside quotation marks, by turns, covering the text."""
    edges = [0, *(edge for span in quotes for edge in span), len(text)]
    return list(zip(edges, edges[1:], strict=False))
