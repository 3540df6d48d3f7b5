"""Sentences with exact offsets, dates, and the marks of copies."""

import datetime
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.data import Article, Drop
from stance.ingest import bands, sentences, signature, similarity
from stance.ingest.dates import parse_date
from stance.ingest.splitting import paragraphs

NEWS = (
    "The board said no. “Why now?” asked Ms. Brun, who had met Lt. Gen. Olsen at 5 p.m. Tuesday in the U.S. embassy. "
    "It was May. “Never!” Olsen said. (He denied that he had ever said a word of it.) Then he left."
)
ODD = [
    "\r\n",
    "\n\n",
    "👩‍👩‍👧",
    "é",
    "\u0627",
    "…",
    "“",
    "”",
    "\u2028",
    "\xa0",
    "\u200b",
    "Mr.",
    "U.S.",
    "He left.",
    "No!",
    " ",
]


def texts(text: str, *drops: Drop) -> list[str]:
    return [s.text for s in sentences(Article("a", text, drops=drops))]


def test_news_english_is_split_where_it_should_be() -> None:
    assert texts(NEWS) == [
        "The board said no.",
        "“Why now?” asked Ms. Brun, who had met Lt. Gen. Olsen at 5 p.m. Tuesday in the U.S. embassy.",
        "It was May.",
        "“Never!” Olsen said.",
        "(He denied that he had ever said a word of it.)",
        "Then he left.",
    ]


@given(st.text() | st.lists(st.sampled_from(ODD) | st.text(max_size=5)).map("".join), st.data())
def test_offsets_are_exact_and_no_kept_character_is_lost(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    drops = tuple(Drop(a, b, "caption") for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    found = list(sentences(Article("a", text, drops=drops)))
    assert [s.index for s in found] == list(range(len(found)))
    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(a.end <= b.start and 0 <= b.paragraph - a.paragraph <= 1 for a, b in pairwise(found))
    covered = [i for s in found for i in range(s.start, s.end)]
    dropped = {i for drop in drops for i in range(drop.start, drop.end)}
    assert not dropped & set(covered)
    assert {i for i, c in enumerate(text) if not c.isspace()} - dropped <= set(covered)


def test_a_sentence_never_crosses_a_dropped_stretch() -> None:
    text = "The board said no to the crane."
    assert texts(text, Drop(10, 15, "caption")) == ["The board", "no to the crane."]


def test_paragraphs_are_lines_unless_the_text_is_wrapped() -> None:
    story = "The board said no to the crane, as it had done before.\nThe union was glad.\r\n\r\nThe chair was not."
    assert [p.text for p in paragraphs(story)] == [line for line in story.splitlines() if line]
    words = ("The board said no to the crane and the union was glad of it for once " * 8).split()
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 70:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    wrapped = "\n".join(lines) + ".\n\n" + "\n".join(lines) + "."
    assert len(paragraphs(wrapped)) == 2
    assert len(texts(wrapped)) == 2
    assert " ".join(texts(wrapped)[0].split()) == " ".join(words) + "."


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2017-10-22", "2017-10-22"),
        ("2017-10-22T23:30:00+05:00", "2017-10-22"),
        ("2017-12", "2017-12"),
        ("2017", "2017"),
        ("20171022", "2017-10-22"),
        ("22/10/2017", "2017-10-22"),
        ("10/22/2017", "2017-10-22"),
        ("03/04/2017", ""),
        ("03.04.2017", "2017-04-03"),
        ("June 28th, 2012", "2012-06-28"),
        ("Sun, 22 Oct 2017 10:00:00 GMT", "2017-10-22"),
        ("Oct 2017", "2017-10"),
        ("1508630400000", "2017-10-22"),
        (1508630400, "2017-10-22"),
        (datetime.datetime(2017, 10, 22, 5), "2017-10-22"),
        ("February 30, 2017", ""),
        ("0001-01-01", ""),
        ("2017-13-01", ""),
        ("next week", ""),
        ("", ""),
    ],
)
def test_dates_are_read_or_left(value: object, iso: str) -> None:
    assert parse_date(value) == iso


@given(st.text(max_size=70))
def test_no_date_field_raises(value: str) -> None:
    parse_date(value)


STORY = " ".join(
    f"The board heard speaker number {n} and said no to crane {n * 7 % 90} in town {n * 3}." for n in range(40)
)


def test_near_copies_share_a_band_and_others_do_not() -> None:
    edited = STORY.replace("speaker number 7", "the seventh of the speakers").replace("town 60", "the capital")
    first, exact = signature(Article("a", STORY))
    copied, _ = signature(Article("b", "  " + STORY.upper().replace(" ", "\n") + "\n"))
    changed, near = signature(Article("c", edited))
    _, other = signature(
        Article("d", " ".join(f"Word {n} of quite another story about word {n + 1}." for n in range(40)))
    )
    assert first == copied != changed
    assert similarity(exact, near) > 0.7
    assert set(bands(exact)) & set(bands(near))
    assert similarity(exact, other) < 0.1
    assert not set(bands(exact)) & set(bands(other))
    assert len(bands(exact)) == 16
    assert all(0 <= band < 2**63 for band in bands(exact))


def test_what_was_dropped_makes_no_difference_to_a_copy() -> None:
    text = "NORTHPORT: " + STORY
    assert signature(Article("a", text, drops=(Drop(0, 11, "dateline"),)))[0] == signature(Article("b", STORY))[0]


def test_signatures_are_the_same_in_another_process() -> None:
    code = """if True:
        import sys
        from stance.data import Article
        from stance.ingest import bands, signature
        exact, minhash = signature(Article("a", sys.argv[1]))
        print(exact, bands(minhash))"""
    out = subprocess.run([sys.executable, "-c", code, STORY], capture_output=True, text=True, check=True).stdout
    exact, minhash = signature(Article("a", STORY))
    assert out.strip() == f"{exact} {bands(minhash)}"
