"""`stance check`: what is legal in a config and yet likely to go wrong. Each remark names the place."""

import re
from collections.abc import Iterator
from itertools import combinations

from stance.config.models import HOLDER, Config, Issue, Person
from stance.data import SIDES

# The head was fitted on propositions of about a dozen words; a long one states more than one thing.
MAX_WORDS = 40
_NOT = re.compile(r"\b(?:not|never|no|nor|neither|nothing|without|cannot)\b|n't\b", re.IGNORECASE)
_REFUSING = re.compile(r"\b(?:reject\w*|refus\w+|oppos\w+|den(?:y|ies|ied|ying|ial))\b", re.IGNORECASE)
_TWO = re.compile(r"(?P<before>\w+)?(?P<join>;| (?:and|or) )(?P<after>\w+)?")
_HOLDS = (
    r"(?:says?|said|thinks?|believes?|claims?|accepts?|rejects?|supports?|opposes?|wants?|refuses?|demands?|favou?rs?|"
    r"backs?|agrees?|denies|insists?)"
)
_VAGUE = re.compile(
    r"(?:the )?(?:government|authorities|officials?|sources?|army|military|police|parliament|ministry|minister|"
    r"prime minister|president|spokes(?:man|woman|person)|state|party)|he|she|they|it|we|us"
)


def lint(config: Config) -> list[str]:
    """Remarks on templates and names, none of which stops a run; empty if there is nothing to say."""
    found = list(_actors(config))
    for name, issue in config.issues.items():
        found += _issue(f"issues.{name}", issue, config)
    return found


def _issue(place: str, issue: Issue, config: Config) -> Iterator[str]:
    support, oppose = issue.propositions.support, issue.propositions.oppose
    if len(support) != len(oppose):
        yield (
            f"{place}: {len(support)} propositions support and {len(oppose)} oppose; give each its mirror, or one side "
            "has more chances to be found"
        )
    for side in SIDES:
        for k, template in enumerate(getattr(issue.propositions, side)):
            for remark in _template(template, config):
                yield f"{place}.{side}.{k}: {template!r} {remark}"
    denied = [next((f"{t!r}" for t in side if _NOT.search(t)), None) for side in (support, oppose)]
    if all(denied):
        yield (
            f"{place}: both sides deny something ({denied[0]}, {denied[1]}); say one of them without, or the model may "
            "lose the sign"
        )
    words = {side: {_words(t): t for t in getattr(issue.propositions, side)} for side in SIDES}
    for same in words["support"].keys() & words["oppose"].keys():
        yield (
            f"{place}: {words['support'][same]!r} (support) and {words['oppose'][same]!r} (oppose) have the same "
            "words; the model cannot tell the sides apart"
        )


def _words(template: str) -> tuple[str, ...]:
    return tuple(sorted(set(re.findall(r"\w+", template.lower())) - {"a", "an", "the"}))


def _template(template: str, config: Config) -> Iterator[str]:
    count = len(template.split())
    if count > MAX_WORDS:
        yield f"has {count} words; {MAX_WORDS} are enough for one claim"
    for two in _TWO.finditer(template):
        names = all((two[side] or "")[:1].isupper() for side in ("before", "after"))
        if not names:  # "India and Nepal" is one object, not two claims.
            yield f"may hold two claims ({two['join'].strip()!r}); make each its own proposition"
            break
    negations = [m.group() for m in _NOT.finditer(template)]
    refusals = [m.group() for m in _REFUSING.finditer(template)]
    if len(negations) > 1 or (negations and refusals):
        yield f"denies twice ({', '.join(map(repr, negations + refusals))}); say it straight"
    for actor, entry in config.actors.items():
        for alias in dict.fromkeys([entry.label, *entry.aliases]):
            if re.search(rf"\b{re.escape(alias)} (?:\w+ly )?{_HOLDS}\b", template):
                yield f"gives the view of {alias} ({actor}); the only holder should be {HOLDER}"
                break


def _actors(config: Config) -> Iterator[str]:
    used = {actor for issue in config.issues.values() for actor in issue.actors or config.actors}
    aliases = [(actor, alias) for actor, entry in config.actors.items() for alias in entry.aliases]
    for actor, entry in config.actors.items():
        place = f"actors.{actor}"
        if actor not in used:
            yield f"{place}: no issue concerns it; add it to one or take it out"
        for k, alias in enumerate(entry.aliases):
            if _VAGUE.fullmatch(alias.lower()) and not alias.isupper():
                yield f"{place}.aliases.{k}: {alias!r} may be anybody's; say whose"
            for other, longer in aliases:
                if other != actor and len(longer) > len(alias) and re.search(rf"\b{re.escape(alias)}\b", longer):
                    yield f"{place}.aliases.{k}: {alias!r} is part of {longer!r} ({other}); the longer name wins there"
        undated = [person.name for person in entry.people if not (person.from_ or person.to)]
        if undated:
            yield f"{place}.people: no dates for {', '.join(undated)}; they will count as in office for ever"
    people = [(actor, person) for actor, entry in config.actors.items() for person in entry.people]
    for (actor, one), (other, two) in combinations(people, 2):
        surname = one.name.split()[-1]
        if actor != other and surname == two.name.split()[-1] and _at_once(one, two):
            yield f"actors.{actor}.people: {one.name} and {two.name} ({other}) are both {surname}, at the same time"


def _at_once(one: Person, two: Person) -> bool:
    """Whether two terms meet; dates may be partial, so they are compared at the coarser one's precision."""

    def before(end: str | None, begin: str | None) -> bool:
        size = min(len(end or ""), len(begin or ""))
        return bool(end and begin and end[:size] < begin[:size])

    return not before(one.to, two.from_) and not before(two.to, one.from_)
