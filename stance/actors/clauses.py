"""From mentions in a sentence to the heads of its clauses: whose word is given."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from stance.actors.patterns import (
    BEHIND_COMMA,
    BETWEEN,
    CUT,
    FINITE,
    INVERTED,
    LIST,
    NAME,
    OUTSIDE,
    SAID_THAT,
    SPOKE,
    STANDS_FOR,
    VERB,
)
from stance.actors.readings import Mention


def named_here(mentions: Iterable[Mention]) -> list[str]:
    """Who is named or stood for, not who is only implied, nor former officials."""
    return list(dict.fromkeys(m.actor for m in mentions if m.how != "implied" and not m.former))


def acts(mention: Mention) -> bool:
    """Whether it is the subject of a clause in the journalist's own words."""
    return mention.place == "subject" and not mention.former and not mention.quoted


def with_mates(text: str, mentions: Sequence[Mention], head: Mention | None) -> set[str]:
    """The head of a clause and those it is listed with: both of "Norland and Sudmark accuse"."""
    if head is None:
        return set()
    actors, last = {head.actor}, head
    for mention in mentions[mentions.index(head) + 1 :]:
        if not LIST.fullmatch(text, last.end, mention.start):
            break
        actors.add(mention.actor)
        last = mention
    return actors


def voices_of(outside: str, mentions: Sequence[Mention]) -> tuple[set[str], bool, bool]:
    """Whose word is given: the heads of the clauses before verbs of saying, or behind inverted ones; whether the first
    of them is no actor; and whether there is such a verb at all."""
    clauses: dict[int, int] = {}
    for verb in SPOKE.finditer(outside):
        if re.search(r"\b(?:was|were|been|be|being|is|are)\s+(?:(?:\w+ly|also)\s+)?$", outside[: verb.start()]):
            continue
        inverted = INVERTED.match(outside, verb.start() - 2) or INVERTED.match(outside, verb.start() - 3)
        after = re.split(r"[,.;]", outside[verb.end() :])[0]
        # ", said the minister, ..." and not ", said Norland was wrong".
        if inverted and after.strip() and not VERB.search(after):
            clauses.setdefault(verb.end(), verb.end() + len(after))
        else:
            # From the last mark or conjunction behind which another clause begins; its first verb tells who speaks.
            cuts = [m.end() for m in CUT.finditer(outside, 0, verb.start())]
            # ", Mayor Ida Lunde said": whoever stands between a comma and the verb, whatever was named before.
            near = next((m for m in mentions if BETWEEN.fullmatch(outside, m.end, verb.start())), None)
            if near and (name := BEHIND_COMMA.search(outside[: near.start])):
                cuts.append(name.start())
            clauses.setdefault(max(cuts, default=0), verb.start())
    voices: set[str] = set()
    outsider = False
    for begin, end in clauses.items():
        inside = [m for m in mentions if begin <= m.start < end and not m.quoted]
        head = next((m for m in inside if m.place in ("subject", "owner")), None)
        head = head or next((m for m in inside if m.place == "other"), None)
        stranger = OUTSIDE.search(outside, begin, end)
        if head and not head.former and not (stranger and stranger.start() < head.start):
            voices |= with_mates(outside, [m for m in inside if not m.former], head)
        elif (
            stranger or (inside and all(m.former for m in inside)) or (not inside and NAME.search(outside, begin, end))
        ):
            outsider = outsider or not voices
    return voices, outsider and not voices, bool(clauses)


def spread_lists(text: str, mentions: list[Mention]) -> list[Mention]:
    """ "with the US and Afghanistan": what holds of the first of a list holds of the next. Not behind a bare comma in
    front of a verb: "was planned in Norland, US officials said"."""
    spread: list[Mention] = []
    for mention in mentions:
        last = spread[-1] if spread else None
        if last and mention.place == "subject" and last.place in ("object", "agent"):
            between = text[last.end : mention.start]
            speaks = between.strip() == "," and FINITE.match(text, mention.end)
            if LIST.fullmatch(between) and not speaks:
                mention = replace(mention, place=last.place)
        spread.append(mention)
    return spread


def first_here(place: int, outside: str, mentions: Iterable[Mention]) -> bool:
    """Whether nobody is named before this place, so that a pronoun here can only mean somebody named earlier; nor
    spoken of without a name ("Residents said that they")."""
    before = outside[:place]
    if any(m.start < place and not m.quoted for m in mentions) or NAME.search(before):
        return False
    return outside[place].isupper() or bool(STANDS_FOR.search(before)) or not SAID_THAT.search(before)
