"""Dates as people and machines write them -> ISO dates, whole or cut: 2017-10-22, 2017-12, 2017. Never a guess."""

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
MONTH = rf"(?P<month>{'|'.join(MONTHS)})\b\.?"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
YEAR = r"(?P<year>(?:1[5-9]|20)\d\d)"
WRITTEN = [  # the shapes of a date in running text, the fullest first; each needs its year
    rf"{MONTH}\s+{DAY}\s*,?\s+{YEAR}",  # October 22, 2017; June 28th, 2012
    rf"{DAY}\s*(?:of\s+|-\s*)?{MONTH}\s*[,-]?\s*{YEAR}",  # 22 October 2017; 22-Oct-2017
    r"(?P<year>(?:1[5-9]|20)\d\d)[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",  # 2017-10-22
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+{MONTH}\s+{DAY}\s+[\d:]+\s+(?:[+\w]+\s+)?{YEAR}",  # Sun Oct 22 10:00:00 2017
    rf"{MONTH}\s*,?\s+{YEAR}",  # December 2017
]
PATTERNS = [re.compile(rf"(?<![\w]){shape}(?![\d])", re.IGNORECASE) for shape in WRITTEN]
ANY_DATE = "|".join(re.sub(r"\?P<\w+>", "?:", shape) for shape in WRITTEN)
ISO = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ].*)?)?)?")
COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:[T_ ]?\d{4,6}Z?)?")
EPOCH = re.compile(r"1\d{9}(?:\d{3})?")  # seconds or milliseconds, 2001 to 2033
SLASHED = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]((?:19|20)\d\d)(?:[ T].*)?")


def parse_date(value: object) -> str:
    """A record's date field as an ISO date; empty if it cannot be read, or can be read in two ways (03/04/2017).

    Knows ISO 8601 (whole or cut, with or without a time), 20171022, English written dates, RFC 2822, Unix
    time (in UTC) and `datetime.date`. Otherwise the day is taken as written: no time zone is applied.
    """
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()[:10]
    text = str(value).strip()
    if EPOCH.fullmatch(text):  # what pandas writes into JSON
        return datetime.fromtimestamp(int(text[:10]), UTC).date().isoformat()
    if found := ISO.fullmatch(text) or COMPACT.fullmatch(text):
        return _iso(found)
    if found := SLASHED.fullmatch(text):
        a, b, year = (int(part) for part in found.groups())
        if a > 12 or a == b or "." in text[:3]:  # with points only the day comes first
            return _checked(year, b, a)
        return _checked(year, a, b) if b > 12 else ""
    if len(text) > 60:
        return ""
    if iso := find_date(text):
        return iso
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""


def read_two_ways(value: str) -> bool:
    """Whether a date that `parse_date` does not take is one of two: 03/04/2017."""
    found = SLASHED.fullmatch(value.strip())
    return found is not None and not parse_date(value) and all(1 <= int(part) <= 12 for part in found.groups()[:2])


def find_date(text: str) -> str:
    """The first written date with a year in a short line, as an ISO date; empty if there is none."""
    for pattern in PATTERNS:
        if (found := pattern.search(text)) and (iso := _iso(found)):
            return iso
    return ""


def _iso(found: re.Match[str]) -> str:
    parts = found.groupdict()
    month, day = parts.get("month"), parts.get("day")
    if month is None:
        return _checked(int(parts["year"]))
    number = int(month) if month.isdigit() else MONTHS[month.lower()]
    return _checked(int(parts["year"]), number, int(day) if day else 0)


def _checked(year: int, month: int = 0, day: int = 0) -> str:
    if not 1500 <= year <= 2100:  # 0001-01-01 and 9999-12-31 mean "unknown"
        return ""
    try:
        whole = date(year, month or 1, day or 1).isoformat()
    except ValueError:
        return ""
    return whole if day else whole[:7] if month else whole[:4]
