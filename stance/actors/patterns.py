"""What English news prose gives away: verbs of saying, pronouns, former officials, quotation marks, cases of names."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

Place = Literal["subject", "object", "agent", "owner", "other"]
"""A mention's part in its clause, as far as the words around it tell."""

_APOSTROPHES = str.maketrans("’‘ʼ‑–—", "'''---")
HYPHENS = ("-", "‑", "–")
"""What ties two words into one; a dash that parts them (—) is none."""
_SPEECH = (
    r"sa(?:id|ys?|ying)|t(?:old|ells?)|added|adds?|stat(?:ed|es)|announce[sd]?|insist(?:ed|s)?|argue[sd]?|warn(?:ed|s)?|"
    r"explain(?:ed|s)?|noted|notes|declare[sd]?|claim(?:ed|s)?|maintain(?:ed|s)?|allege[sd]?|accuse[sd]?|blame[sd]?|"
    r"den(?:y|ied|ies)|reject(?:ed|s)?|stress(?:ed|es)?|underline[sd]?|reiterate[sd]?|repeat(?:ed|s)?|confirm(?:ed|s)?|"
    r"acknowledge[sd]?|admit(?:ted|s)?|concede[sd]?|replied|replies|answered|wr(?:ote|ites?)|tweeted|complain(?:ed|s)?|"
    r"vow(?:ed|s)?|pledge[sd]?|promise[sd]?|demand(?:ed|s)?|urge[sd]?|call(?:ed|s)?|ask(?:ed|s)?|suggest(?:ed|s)?|"
    r"hint(?:ed|s)?|contend(?:ed|s)?|assert(?:ed|s)?|clarified|point(?:ed|s) out|remark(?:ed|s)?|quipped|observed|"
    r"believe[sd]?|thinks?|thought|affirm(?:ed|s)?|emphasi[sz]e[sd]?|critici[sz]e[sd]?|welcome[sd]?|praise[sd]?|"
    r"condemn(?:ed|s)?|dismiss(?:ed|es)?|oppose[sd]?|back(?:ed|s)|support(?:ed|s)|wants?|wanted|refuse[sd]?|agree[sd]?|"
    r"object(?:ed|s)?|voice[sd]|expressed|expresses|prefer(?:red|s)?|hopes?|hoped|propose[sd]?|offer(?:ed|s)?"
)
SPOKE = re.compile(rf"\b(?:{_SPEECH})\b")
SAID_THAT = re.compile(rf"\b(?:{_SPEECH})\b[^,;:]*\b(?:that|if|because|as|after|while)\s+$")
"""In front of a pronoun: it means who speaks here ("Residents said that they") or what is spoken of."""
STANDS_FOR = re.compile(
    r"^\W*(?:he|she|they|it|we|his|her|its|their|our)\b"
    rf"|\b(?:he|she|they|it|we)\s+(?:(?:has|have|had|also)\s+)*(?:{_SPEECH})\b",
    re.IGNORECASE,
)
"""Unless a pronoun opens the sentence or speaks ("In March it said that it"): the next one goes on with it."""
# Quotations are blanked before this is tried, so that two spaces stand where one ended.
INVERTED = re.compile(
    rf"[,?!\s]\s+(?:{_SPEECH})\s+(?!(?:that|on|in|to|it|for|of|against|with|by|about|at|from|as|what|how)\b)"
)
VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|will|would|can|could|should|must|may|might|did|does)\b")
ANONYMOUS = re.compile(
    r"\b(?:sources?|diplomats?|insiders?|reportedly|according to|people familiar|a person|an aide|aides|officials? "
    r"(?:who|familiar|privy)|anonymity|newspapers?|leaked|it emerged|was quoted|were quoted|understood to)\b",
    re.IGNORECASE,
)
ACCUSING = re.compile(
    r"\b(?:accus\w+|alleg\w+|blam\w+|charg(?:es|ed|ing) (?:that|\w+ with)|claim(?:s|ed|ing)? that|"
    r"point(?:s|ed|ing) (?:a |the )?fingers?|suspect\w*|secretly|behind closed doors|under the table|all along|"
    r"insinuat\w+)\b",
    re.IGNORECASE,
)
CUT = re.compile(r"(?:;|:|—|, (?:but|while|and|though|although|whereas))\s")
"""Behind which another clause begins, with a verb of its own that tells who speaks."""
BEHIND_COMMA = re.compile(
    r",\s+(?:(?:the|its|his|her|their)\s+)?(?:(?:[A-Z][\w.'’-]*|(?:foreign |prime |interior |defen[cs]e |finance )?"
    r"(?:minister|president|mayor|secretary|director|chairman|chairwoman|spokesman|spokeswoman))\s+){0,4}$"
)
"""In front of a name: a comma, and at most its title."""
BETWEEN = re.compile(r"(?:['’]s?)?(?:\s+(?!(?:that|which|who|and|or|to)\b)[a-z][\w-]*){0,3}\s+")
"""What may stand between a name and its verb of saying: "'s army later"."""
# What stands in front of the one who is accused.
ACCUSED = re.compile(
    r"\b(?:(?:accus(?:e|es|ed|ing)|blam(?:e|es|ed|ing)|denounc(?:e|es|ed|ing)|suspect(?:s|ed)?|fingers? at)\s+"
    r"|(?:alleg\w+|claim(?:s|ed)?|charg(?:es|ed)|complain(?:s|ed)?|suspect(?:s|ed)?)\s+(?:[^,.;:]{0,60}\s)?that\s+)"
    r"(?:(?:both|the)\s+)*$",
    re.IGNORECASE,
)
# So of whom somebody else claims something, unless it speaks itself.
CLAIMED = re.compile(
    r"\b(?:(?:assert|maintain|contend|insinuat|insist|believ)\w*\s+(?:[^,.;:]{0,60}\s)?that\s+"
    r"|(?:claim(?:s|ed)?|alleges?|alleged|contends?|asserts?)\s+)(?:(?:both|the)\s+)*(?:[A-Z][\w.'’-]*\s+)*$"
)
ACCORDING = re.compile(r"According to (?P<who>[^,]{2,60}), ")
# "X will be told that", "X was asked to": X is spoken to, and the one who speaks may not be named at all.
ADDRESSED = re.compile(
    r"\b(?:was|were|be|been|being|is|are)\s+(?:(?:also|then|again)\s+)?(?:told|asked|informed|urged|assured|reminded)\b"
    r"(?!\s+by\b)"
)
# What may stand between who is told and "told"; "X said that they had not been asked" tells nothing of who asked.
TOLD = re.compile(
    r"(?:\s+(?:will|would|has|have|had|may|might|must|could|should|can|is|was|were|are|to|also|then|now|again|later|"
    r"once|twice|already|never|not|\w+ly))*\s*"
)
ANSWERED = re.compile(
    r"(?:, who|,? (?:and|but|yet))\s+(?P<by>(?:it|he|she|they)\s+)?(?:(?:has|have|had|\w+ly)\s+)*"
    r"(?:said|answered|replied|refus\w+|declin\w+|reject\w+|agree\w+|den(?:y|ies|ied)|accept\w+)\b"
)
"""Behind who was told or asked: what they answered ("by": or, behind "X asked Y", it may be X who goes on)."""
FUTURE = re.compile(r"\b(?:will|would|is to|are to)\s+(?:(?:also|then|again)\s+)?$")
MESSAGE = re.compile(r".*(?:told|informed|reminded|assured|urged|asked(?=\s+to\b))", re.DOTALL)
"""What carries the will of who tells it; "asked whether" and "asked about" are a reporter's."""
# What stands in front of who is told or asked, save behind a quotation ("..." asked X).
ASKING = re.compile(
    r"(?<![\"”’,?!] )\b(?:told|tells?|telling|asks?|asked|asking|urge[sd]?|urging|inform(?:s|ed|ing)?|"
    r"remind(?:s|ed|ing)?|assure[sd]?|assuring|promise[sd]?|advise[sd]?|advising|beg(?:s|ged|ging)?|"
    r"offer(?:s|ed)|press(?:es|ed)|(?<=to )(?:offer|press)|"
    r"invite[sd]?|inviting|warn(?:s|ed|ing)?|thank(?:s|ed|ing)?|congratulat\w+)"
    r"\s+(?:(?:the|both|its|their|his|her)\s+)*(?:[A-Z][\w.'’-]*\s+)*$"
)
GLOSS = re.compile(
    r"\b(he|she|they)\s+\[[^\]]{1,80}\](?=[^.,;]{0,25}\b(?:told|asked|informed|urged|assured|reminded)\b)",
    re.IGNORECASE,
)
LIST = re.compile(r"\s*(?:,|,? and|,? or|nor|as well as)\s+(?:the\s+)?")
RETRACTION = re.compile(
    r"\b(?:(?:never|not|den(?:y|ied|ies))\s+(?:having\s+)?(?:said|say (?:so|that)|saying)|"
    r"(?:den(?:y|ied|ies)(?:\s+having)?|(?<!has )(?<!have )(?<!had )never)\s+(?:offered|promised|told|suggested))\b"
    r"(?!\s+(?:whether|how|when|where|what|who|if|which|why|more|much|anything|a word)\b)|"
    r"n['’]t (?:say (?:so|that)|mean)\b|\bretract\w*|\bbacktrack\w*|\b(?:took|walked|rowed) back\b|"
    r"\bmisquoted\b|"
    r"\bwithdrew (?:the|his|her|its) (?:remarks?|statement|comments?|offer)\b",
    re.IGNORECASE,
)
OUTSIDE = re.compile(
    r"\b(?:former|ex-|retired|analysts?|experts?|professors?|researchers?|observers?|commentators?|economists?|"
    r"historians?|scholars?|lecturers?|columnists?|think[- ]tank|fellow at|then-)",
    re.IGNORECASE,
)
FORMER = re.compile(
    r"(?:\bformer|\bex-|\bformer top|\bretired|\bonetime|\bone-time|\bthen-)[^,;.]{0,45}$", re.IGNORECASE
)
PRONOUN = re.compile(
    r"(?:^|[.;:,]\s+|\s\s|[\"”'’]\s*,?\s*|\b(?:and|but|that|while|when|after|although|though|because|as|if|which|however,)\s+)"
    r"(?P<p>He|She|They|It|We|he|she|they|it|we|"
    r"(?:The|the|An|an|A|a)\s+(?:senior\s+|unnamed\s+|same\s+)?(?:official|minister|spokesman|spokeswoman|spokesperson|"
    r"ministry|president|premier|prime minister|ambassador|envoy|diplomat|leader|group|company|union|party|general|"
    r"government|department|organi[sz]ation|statement|council|board|movement|firm|agency|federation|association|mayor|"
    r"chairman|chairwoman|chair|director|secretary|officer|commander|chief|delegation|bloc|country|kingdom|authority))\b"
    r"(?!\s+of\b)"
)
ANYBODY = frozenset(
    "group company country organization organisation statement spokesman spokeswoman spokesperson official "
    "delegation".split()
)
"""Of these nouns, what any actor may be called; "the mayor" goes on with one who was called so."""
BOTH = re.compile(
    r"(?:^|[;:]\s|,\s(?:and|but|while)\s)[\"“]?(?:(?:But|And|Yet|Still|Later|However|Meanwhile),?\s)?"
    r"(?P<p>(?:both|the two|neither)\s(?:of the\s)?(?:sides|countries|governments|nations|neighbou?rs|capitals|allies|"
    r"states|armies|parties|delegations|companies|unions|leaders|ministers|presidents|camps|ministries|militaries|side|"
    r"country|government|capital|party|company|union))\b(?!\s+of\b)",
    re.IGNORECASE,
)
"""Two actors named before, as what a sentence or clause begins with. Elsewhere ("told both sides") it is seldom they
who hold what the sentence shows."""
IMPERSONAL = re.compile(
    r"It (?:(?:is|was|would be|has been|remains|seems|appears|will be) |(?:rained|snowed)\b"
    r"|(?:emerge[sd]|turn(?:s|ed) out)\b[^.;]{0,40}\bthat\b)",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\b(?:of|to|with|against|in|on|for|from|at|between|toward|towards|over|into|inside|outside|near|about|across|"
    r"through|within|among|beside|behind|under|like|than|as|around|via|"
    r"accus\w+|blam\w+|urg\w+|ask\w+|press\w+|told|tell\w*|warn\w+|push\w*|let|make|force\w*|pressur\w+|visit\w*)\s+"
    r"(?:(?:the|a|an|both|either|neighbou?ring|its|their|his|her|all)\s+)?$",
    re.IGNORECASE,
)
FINITE = re.compile(
    rf"\s+(?:(?:\w+ly|also|still|now|again|later|then|never|repeatedly)\s+)*(?:{_SPEECH}|has|have|had|is|are|was|were|will|would|"
    r"did|does|do|could|can|may|might|must|should)\b"
)
DENIES = re.compile(
    r"(?:\s+\w+){0,2}?\s+(?:(?:has|have|had|again|also|\w+ly)\s+)*"
    r"(?:den(?:y|ies|ied)|reject(?:s|ed)?|dismiss(?:es|ed)?|disput(?:e|es|ed)|refut(?:e|es|ed))\b"
)
"""Behind an actor: it answers what is alleged."""
_CONJUNCTION = re.compile(r"\b(?:as|than)\s+(?:the\s+)?$", re.IGNORECASE)
_AGENT = re.compile(r"\bby\s+(?:(?:the|both)\s+)?$", re.IGNORECASE)
_OPENS = (
    r"(?!(?:On|In|At|By|From|Since|Until|Before|After|For|To|Of|With|But|And|Or|Yet|So|Still|When|While|Last|Next|As|If|"
    r"The|A|An|Under|Over|Through|During|Between|Then|Early|Late|Unlike|Both|What|Nor)\b)"
)
NAME = re.compile(rf"\b{_OPENS}[A-Z][\w'’-]+(?:\s+(?:al-|bin |van |de |von |[A-Z]\.\s)?[A-Z][\w'’-]+)+")
FIRST_NAME = re.compile(
    rf"\b{_OPENS}(?!(?:\w+day|January|February|March|April|May|June|July|August|September|October|November|December|"
    r"\w+ly|Later|However|Meanwhile|Earlier|Again|Now|Only|Even|Perhaps|Instead|Though|Although|Because|Where|Once|Here|"
    r"There|That|This|Like|Today|Tomorrow|Also|Thus|Hence|Nevertheless|Nonetheless|Moreover|Still)\b)"
    r"[A-Z][a-zà-ÿ-]+(?= $)"
)
"""In front of a surname. What opens a sentence is none, nor are a day, capitals ("US") or an initial."""
QUOTE = re.compile(r"[\"“«][^\"”»]*(?:[\"”»]|$)|(?<![\w])[‘'][^‘’']{12,}?[’'](?!\w)")
TITLES = frozenset(
    "mr mrs ms dr gen general lt col colonel maj major sir lord lady president minister secretary premier senator "
    "ambassador spokesman spokeswoman spokesperson chief admiral chancellor director mayor prime marshal commander "
    "council councillor councilman councilwoman cllr coun governor gov rep sen judge chairman chairwoman".split()
)


def fold(text: str) -> str:
    """Lower-case with plain apostrophes, the same length as `text`, so that offsets stay."""
    return "".join(c if len(c) == 1 else o for o, c in ((o, o.lower()) for o in text.translate(_APOSTROPHES)))


def overlaps(date: str, begin: str, end: str) -> bool:
    """Whether a possibly partial ISO date lies in [begin, end] (empty: open); an empty date always does."""
    return not date or ((not begin or date >= begin[: len(date)]) and (not end or date <= end[: len(date)] + "~"))


def shows(form: str, label: str) -> bool:
    """Whether a reader of the form knows the label: "the United States" for United States, "St. Agnes" for St. Agnes
    Hospital; not "the city" for City of Waterford."""
    bare = form.removeprefix("the ").removeprefix("The ")
    return label.lower() in form.lower() or (bare[:1].isupper() and label.startswith(bare))


def same_case(alias: str, surface: str) -> bool:
    """Whether the text prints the alias as a name: `US` is not `us`; `The union` is `the union`; so are capitals."""
    if alias == surface or (fold(alias) == surface.translate(_APOSTROPHES) and alias.islower()):
        return True
    plain = surface.translate(_APOSTROPHES)
    mine = alias.translate(_APOSTROPHES)
    if mine[1:] == plain[1:] and mine[:1].lower() == plain[:1].lower() and (mine[:1].islower() or " " in mine):
        return True
    return len(mine) > 3 and plain == mine.upper()


def place(text: str, start: int, end: int) -> Place:
    """The mention's part in its clause, by the words around it."""
    before = text[max(0, start - 40) : start]
    if re.match(r"['’]s?\b|['’]s", text[end : end + 2]):
        return "object" if _PREPOSITION.search(before) else "owner"
    if _AGENT.search(before):
        return "agent"
    finite = FINITE.match(text, end)
    if _PREPOSITION.search(before):
        # "failed as Norland did not agree"; behind other prepositions it is still "the government of Norland has".
        return "subject" if finite and _CONJUNCTION.search(before) else "object"
    if finite:
        return "subject"
    # Behind a verb without a preposition ("sidelines Pakistan") it is an object; at the head of a clause, the subject.
    if re.search(
        r"(?:^|[.;:,\"“(—–-]|\b(?:that|and|but|while|both|neither|if|when|although|though|because|the|whether|since|as|for|after|before|where|which|said|says|either|nor|or|only|even|not|however))\s*$",
        before,
    ) or re.search(r"\b[A-Z][\w.]*\s+$", before):
        return "subject"
    return "object" if re.search(r"\b[a-z]+(?:s|ed|ing|e|t|w|k)\s+$", before) else "other"


def pieces(text: str, quotes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans outside and inside quotation marks, by turns, covering the text."""
    edges = [0, *(edge for span in quotes for edge in span), len(text)]
    return list(pairwise(edges))
