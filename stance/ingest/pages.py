"""HTML -> text, title, date and source, by trafilatura and htmldate."""

import logging
import re
from html import unescape

from stance.data import Article
from stance.ingest.dates import parse_date
from stance.ingest.decoding import mend

MARKUP = re.compile(r"\s*(?:<!doctype|<html|<body|<article|<div|<p[\s>]|<h\d)", re.IGNORECASE)
TAG = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)
FIGURE = re.compile(r"<figure\b.*?</figure>", re.IGNORECASE | re.DOTALL)
BLOCK = re.compile(
    r"</?(?:br|hr|p|div|h[1-6]|[uod]l|li|d[td]|t[rdh]|table|blockquote|pre|section|article)\b[^>]*>", re.IGNORECASE
)
# From the markup only: the extensive search takes any date in the text, and a copyright year for January 1.
DATES = {"extensive_search": False, "original_date": True}

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot read is reported as rejected, with the id
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def page(html: bytes | str, id: str, url: str = "") -> Article:
    """The article of an HTML page; its `text` is empty if the page holds none.

    Readers' comments that the markup shows as such are left out here; others are found by cleaning.
    """
    import trafilatura

    found = trafilatura.bare_extraction(
        html, url=url or None, with_metadata=True, include_comments=False, date_extraction_params=DATES
    )
    if found is None or isinstance(found, dict) or not found.text:
        return Article(id, "")
    date = parse_date(found.date or "")
    return Article(
        id,
        mend(found.text),
        title=mend(found.title or ""),
        date=date,
        date_source="markup" if date else "",
        source=mend(found.sitename or ""),
        url=url or found.url or "",
    )


def plain(text: str) -> str:
    """A record's text: as it is, or extracted if it is HTML (feeds and scrapers' tables hold either)."""
    if not MARKUP.match(text) or "</" not in text:
        return text
    import trafilatura

    return page(f"<html><body>{text}</body></html>", "").text or trafilatura.html2txt(text)


def fragment(text: str) -> str:
    """The text of a piece of HTML, as feeds hold it: one line a block, and pictures with their captions left out.

    trafilatura, made for whole pages, takes a short piece apart at each link.
    """
    if not TAG.search(text):
        return unescape(text)
    blocks = BLOCK.split(" ".join(FIGURE.sub("<br>", text).split()))
    lines = (" ".join(unescape(TAG.sub("", block)).split()) for block in blocks)
    return "\n".join(line for line in lines if line)
