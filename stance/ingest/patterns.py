"""What the furniture of a page looks like. A pattern matches one whole paragraph unless it says otherwise."""

import re
from typing import Literal, get_args

from stance.ingest.dates import ANY_DATE

Reason = Literal[
    "title",  # the article's headline: editors write it, and the text says it again
    "standfirst",  # what stands between the headline and the byline, date or dateline
    "headline",  # a headline of another article, or a subheading, among the paragraphs
    "byline",
    "date line",
    "dateline",  # "KARACHI:", alone or before a sentence
    "caption",
    "read more",
    "pull quote",  # a paragraph that also stands inside another one
    "repeated text",
    "publication line",
    "agency tag",  # "(WITH ADDITIONAL INPUT FROM AFP)"
    "boilerplate",
    "comments",  # readers' remarks and everything after them
]
REASONS: tuple[str, ...] = get_args(Reason)

KNOWN_AGENCY = r"(?:Thomson Reuters|Reuters|Xinhua|Kyodo|Bloomberg|Anadolu|AP|AFP|DPA|EFE|TASS|ANSA|PTI|ANI|IANS|APP)"
AGENCY = rf"(?:{KNOWN_AGENCY}|Agencies|[A-Z]{{2,7}})"
WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\s*,?\s+)"
CLOCK = r"(?:\s*[,|@–-]?\s*(?:at\s+)?\d{1,2}[:.]\d\d\s*(?:[ap]\.?m\.?)?\s*(?:[a-z]{2,4}(?:[+-]\d+)?)?)"
DATED = rf"(?i:{WEEKDAY}?(?:{ANY_DATE}){CLOCK}?)"
SHORT_DATE = rf"(?:{WEEKDAY}?(?:(?i:{ANY_DATE})|[A-Z][a-z]{{2,8}}\.?\s\d{{1,2}}|\d{{1,2}}\s[A-Z][a-z]{{2,8}}))"
NAME = r"(?:(?:[A-Z][\w.’'-]*|[a-z]{2,3})\s+){1,4}[A-Z][\w’'-]+"
# "Reporting by A B in Kabul; editing by C D": names and nothing that could be a verb
CREDITED = (
    r"(?:[A-Z][\w.’'-]*|and|in|at|the|for|de|al|el|by|from"
    r"|(?i:additional|reporting|writing|editing|inputs?|agency|agencies|wires?))"
)
CREDITS = rf"{CREDITED}(?:[\s;,/&()]+{CREDITED})*"

WHOLE: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    (
        "publication line",
        re.compile(
            r"\(?(?i:(?:first |originally )?(?:published|posted|updated)|last (?:updated|modified)|modified)\b"
            rf"[^.!?]{{0,90}}?{DATED}\W*"
        ),
    ),
    (
        "publication line",
        re.compile(
            r"\(?(?i:this (?:story|article|report|piece|post) (?:was )?(?:first |originally )?(?:published|appeared)"
            r" (?:in|on|at|by)\b).{0,150}"
        ),
    ),
    ("date line", re.compile(rf"(?:(?i:date|on)\s*:?\s*)?{DATED}\W*")),
    ("byline", re.compile(rf"(?:(?i:by)\s+)?{NAME}\s*[|,•·–—-]?\s*{DATED}\W*")),
    ("byline", re.compile(r"(?:By|BY)\s+[A-Z](?:[^.!?:]|\.(?=\s?[A-Z])){2,90}")),
    (
        "agency tag",
        re.compile(
            r"\(?(?i:(?:with )?(?:additional |further )?(?:inputs?|reporting|writing|editing))\s+(?i:from|by)\s"
            rf"(?=[A-Z]|agenc|wire){CREDITS}\W*"
        ),
    ),
    ("agency tag", re.compile(rf"[\W_]*{AGENCY}(?:\s*/\s*{AGENCY})*[\W_]*")),
    (
        "agency tag",
        re.compile(r"[\W_]*(?i:with (?:agenc(?:y|ies)|wires?)(?: inputs?| reports?)?|agenc(?:y|ies))[\W_]*"),
    ),
    (
        "caption",
        re.compile(
            r"(?i:(?:file )?(?:photo(?:graph)?|image|picture|pic|video|caption)s?(?: caption| credit| courtesy)?)"
            r"\s*[:/|].{1,300}"
        ),
    ),
    ("caption", re.compile(r"FILE(?: PHOTO| PIC)?\s*[:–—-].{1,400}")),
    (
        "read more",
        re.compile(
            r"(?i:read|also read|read (?:more|also|next)|see also|more|related|watch|must read|editor[’']?s pick"
            r"|recommended|don[’']t miss|listen)\s*[:|>»].{1,200}"
        ),
    ),
    (
        "read more",
        re.compile(
            r"(?i:read (?:more|also|next|the full (?:story|article))|full story"
            r"|related (?:articles?|stories|news|posts)|more (?:on this|from [\w ]{1,30}|stories|news)"
            r"|most (?:read|popular|viewed)|you may also like"
            r"|trending(?: now)?|recommended(?: for you)?|top stories|latest news|in this story)\W*"
        ),
    ),
    (
        "boilerplate",
        re.compile(
            r"(?i:(?:we|this (?:web)?site|our (?:web)?site) uses? cookies"
            r"|by (?:continuing|clicking|subscribing|signing up)\b.{0,80}\byou (?:agree|accept|consent|confirm)"
            r"|accept (?:all )?cookies"
            r"|sign up (?:for (?:our|the|free)|to (?:our|receive))"
            r"|subscribe (?:to our|now|today|here|for (?:free|full))|already a subscriber"
            r"|(?:please )?(?:log|sign) ?in to|you must be logged in|register (?:now|here|for free)"
            r"|follow (?:us|@\w+) on|like us on|find us on|join us on"
            r"|join our (?:whatsapp|telegram|channel|newsletter)|share (?:this|on|via)\b|click here"
            r"|download (?:the|our) app|get (?:the latest|our|breaking)\b.{0,60}\b(?:inbox|newsletter|alerts?|app)"
            r"|©|\(c\)|copyright\s*(?:©|\(c\)|\d{4}|by\b)|all rights reserved|skip to"
            r"|(?:please )?enable (?:javascript|cookies)"
            r"|support (?:our|independent) journalism|filed under"
            r"|(?:tags?|topics?|keywords?|categor(?:y|ies)|disclaimer)\s*:).{0,300}"
        ),
    ),
    (
        "boilerplate",
        re.compile(
            r"(?i:\W*(?:advertisements?|sponsored|promoted|share|tweet|e-?mail|print|save|copy link|facebook|twitter"
            r"|whatsapp|linkedin|reddit|telegram|pinterest|instagram|home|menu|search|close|loading|load more|next"
            r"|previous|subscribe|sign up|log ?in|sign in|newsletter|\d+ min(?:ute)?s? read|\d+ shares?"
            r"|listen to this article)\b\W*){1,12}"
        ),
    ),
)

# At the end of a paragraph: who took the picture. All of a short paragraph is then its caption.
CREDIT = re.compile(
    r"(?:[(\[]?\b(?:PHOTOS?|Photos?|IMAGES?|Images?|PICTURES?|Pictures?|File photo|FILE PHOTO|(?:Photo|Image) credit)"
    r"(?:\s*:\s*|\s+(?:[Bb]y|[Cc]ourtesy(?: of)?)\s+(?=[A-Z]))[^.!?:]{1,60}"
    r"|(?:(?<=[.!?”\"'’)\]]\s)|[(\[—–|]\s?)(?:AP|AFP|EPA|Reuters|REUTERS|Getty(?: Images)?)(?: Photo)?\s?/[^.!?:]{1,60}"
    r"|(?:(?<=[.!?”\"'’)\]]\s)|[(\[—–|]\s?)[^.!?]{0,40}\bGetty Images)[)\]]?\.?$"
)

# Before a sentence. With a date or an agency it is sure; "CITY:" and "CITY —" count only where the story begins.
DATELINE = re.compile(
    r"(?!(?:NATO|OPEC|ASEAN|IAEA|UNHCR|UNICEF|UNESCO|SAARC|BRICS|ISPR|ISAF|CENTCOM)\b)"
    r"(?:[A-Z][A-Z’'.]{3,}(?:[ /-][A-Z][A-Z’'.]+){0,3}|[A-Z][A-Z’'.]+(?:[ /-][A-Z][A-Z’'.]+){1,3})"
    r"(?:,\s+[A-Z][\w.]+(?:\s[A-Z][a-z]+)?)??"
    rf"(?P<date>,\s*{SHORT_DATE})?(?P<agency>\s*[(/]{AGENCY}(?:\s*/\s*{AGENCY})*[)/])?"
    r"\s*(?::|–|—|--?)\s+(?=[\"“‘'(]?\w)"
)
MIXED_DATELINE = re.compile(  # "Kabul, Oct 22 (Xinhua) -- "
    r"[A-Z][\w’'-]+(?:[ /-][A-Z][\w’'-]+){0,2}"
    rf"(?:(?P<date>,\s*{SHORT_DATE})(?:\s*\({AGENCY}\))?|\s*\({KNOWN_AGENCY}\))"
    r"\s*(?::|–|—|--?)\s+(?=[\"“‘'(]?\w)"
)
BARE_DATELINE = re.compile(rf"[A-Z][A-Z .,’'/-]{{2,40}}(?:,\s*{SHORT_DATE})?\s*(?:\({AGENCY}\)\s*)?[:–—-]+")
# Two of them anywhere make a transcript, where "CITY:" is a speaker.
SPEAKER = re.compile(r"(?:^|(?<=[.!?”\")] ))[A-Z][A-Z .’'-]+:(?:\s|$)")
