"""A proposition in other words whose label is known: denied, or said by another verb."""

import re

_BASES = {
    **{f"{verb}s": verb for verb in (
        "accept", "admit", "agree", "allow", "back", "believe", "call", "claim", "defend", "demand", "favour", "insist",
        "intend", "object", "oppose", "plan", "reject", "say", "support", "think", "threaten", "tolerate", "want",
        "welcome",
    )},
    "approves": "approve", "denies": "deny", "refuses": "refuse",
}  # fmt: skip
_FORMS = {base: form for form, base in _BASES.items()}
_MANY = ("accept", "agree", "oppose", "refuse", "reject", "want")


_SUBORDINATE = re.compile(
    r"\b(if|unless|until|before|whether|than|as long as|whatever|no longer|never|nobody|none|neither|nor|who|whose|"
    r"whom|which)\b",
    re.IGNORECASE,
)
_HELPERS = ("to", "not", "did", "will", "would", "shall", "should", "can", "could", "may", "might", "must")


def negation(proposition: str) -> str | None:
    """The proposition denied ("wants" -> "does not want", "is" -> "is not", and back), or None if no verb is known or
    its denial is not the proposition's ("if Iraq says no", "no longer wants")."""
    words = proposition.split(" ")
    for k, word in enumerate(words[1:], 1):
        if word not in ("does", "do", "is", "are", *_BASES, *_MANY):
            continue
        if _SUBORDINATE.search(" ".join(words[:k])) or words[k - 1] in _HELPERS or words[k - 1].endswith(("'s", "s'")):
            return None
        if word in ("does", "do"):
            verb = " ".join(words[k + 2 : k + 3]) if words[k + 1 : k + 2] == ["not"] else ""
            verb = _FORMS.get(verb, "") if word == "does" else verb
            return " ".join([*words[:k], verb, *words[k + 3 :]]) if verb else None
        if word in ("is", "are"):
            if words[k + 1 : k + 2] == ["not"]:
                return " ".join(words[: k + 1] + words[k + 2 :])
            return " ".join([*words[: k + 1], "not", *words[k + 1 :]])
        if word in _BASES:
            return " ".join([*words[:k], "does not", _BASES[word], *words[k + 1 :]])
        if word in _MANY:
            return " ".join([*words[:k], "do not", *words[k:]])
    return None


FAVOUR = re.compile(
    r"(?P<who>.+?) (?:supports|is in favour of|favours|backs(?! away| down| off| out)|is for) (?P<what>.+?)\.?"
)
AGAINST = re.compile(r"(?P<who>.+?) (?:opposes|is against|objects to|rejects) (?P<what>.+?)\.?")
_SIDES = (
    (
        FAVOUR,
        AGAINST,
        (
            "{who} has nothing against {what}", "{who} has no objection to {what}", "{who} is not opposed to {what}",
            "{who} gives support to {what}", "{who} would vote for {what}", "{who} would accept {what}",
            "{who} finds {what} acceptable", "{who} thinks {what} a good thing", "{who} approves of {what}",
            "{who} would rather have {what} than go without", "There is support for {what} from {who}",
            "{who} has given consent to {what}", "{who} does not resist {what}",
        ),
        (
            "{who} would rather do without {what}", "{who} cannot accept {what}", "{who} thinks {what} a mistake",
            "{who} would vote against {what}", "{who} refuses consent to {what}", "{who} finds {what} unacceptable",
            "{who} disapproves of {what}", "{who} sees no good in {what}", "{who} gives no support to {what}",
            "There is resistance to {what} from {who}", "{who} will not put up with {what}",
            "{who} is not in favour of {what}", "{who} has no wish for {what}",
        ),
    ),
    (
        re.compile(
            r"(?P<who>.+?) wants (?P<whom>(?!to ).+?) to (?P<what>(?:be|become|buy|close|come|continue|decide|end|get|"
            r"give|go|have|join|keep|leave|lose|open|pay|remain|resign|resume|run|sell|stay|stop|take|vote|withdraw)\b"
            r".*?)\.?"
        ),
        None,
        (
            "{who} thinks that {whom} should {what}", "{who} would like {whom} to {what}",
            "According to {who}, {whom} ought to {what}",
        ),
        (
            "{who} would rather that {whom} did not {what}", "{who} does not think that {whom} should {what}",
            "{who} sees no need for {whom} to {what}",
        ),
    ),
    (
        re.compile(r"(?P<who>.+?) wants to (?P<what>\w+\b.*?)\.?"),
        None,
        ("{who} would like to {what}", "{who} is keen to {what}"),
        ("{who} would rather not {what}", "{who} has no wish to {what}"),
    ),
)  # fmt: skip


_MORE_THAN_A_VERB = re.compile(r"\b(not|no longer|never|neither|nor|but|that|says|denies|would|unless|if|once|still)\b")


def rewordings(proposition: str) -> list[tuple[str, bool]]:
    """The proposition in other words, each with whether it says the same (True) or the opposite; none where its verb is
    not known. Weaker words count as the same ("has nothing against" for "supports"): they follow from it."""
    if _MORE_THAN_A_VERB.search(proposition):
        return []
    for favour, against, yes, no in _SIDES:
        for pattern, same in ((favour, True), (against, False)):
            found = pattern.fullmatch(proposition) if pattern else None
            if found:
                parts = found.groupdict()
                inner = parts | {"who": re.sub("^The ", "the ", parts["who"])}
                return [
                    (form.format_map(parts if form.startswith("{who}") else inner), side is same)
                    for side, forms in ((True, yes), (False, no))
                    for form in forms
                ]
    return []
