"""What is dropped from an article, what is not, and where its title and date come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.data import Article
from stance.ingest.cleaning import REASONS, clean
from stance.ingest.splitting import kept_text, sentences

BODY = [
    "The harbour board turned down the new crane on Monday, its chair told reporters after the vote.",
    "The fishermen's union, which had asked for a cheaper machine, welcomed the decision within the hour.",
    "“We have waited nine years for somebody to read the bill,” union secretary Ada Brun said.",
    "However, the port captain warned that larger ships would now call at the next harbour up the coast.",
    "The town council is to discuss the matter on Thursday, and nobody expects it to overrule the board.",
]
STORY = "\n\n".join(BODY)


def drops(text: str, title: str = "") -> list[tuple[str, str]]:
    return [(drop.reason, text[drop.start : drop.end]) for drop in clean(text, title)[0]]


def kept(text: str, title: str = "") -> list[str]:
    return kept_text(text, clean(text, title)[0]).split("\n")


def test_a_scraped_page_leaves_the_story() -> None:
    text = "\n".join(
        [
            "Board rejects crane, union cheers\n",
            "Chair calls the price a joke.\n\n",
            "Lena Ohm March 4, 2021",
            "The chair of the harbour board leaves the meeting on Monday. PHOTO: HARBOUR POST/FILE\n",
            "NORTHPORT: " + BODY[0] + "\n",
            "Crane maker offers discount to island ports\n",
            BODY[1] + "\n",
            "***\n",
            "we have waited nine years for somebody to read the bill\n",
            BODY[2] + "\n",
            "READ MORE: Ten cranes that never were",
            BODY[3] + "\n",
            BODY[4],
            "(With additional input from agencies)",
            "Published in Harbour Post, March 4th, 2021.",
            *BODY,
            "COMMENTS (2)\n",
            "Otto | 6 years ago | Reply The chair is right, the board should never buy anything at all.",
            "VIEW MORE COMMENTS",
        ]
    )
    found, title, date = clean(text)
    assert (title, date) == ("Board rejects crane, union cheers", "2021-03-04")
    assert kept(text) == BODY
    assert [drop.reason for drop in found] == [
        *("title", "standfirst", "byline", "caption", "dateline", "headline", "boilerplate", "pull quote", "read more"),
        *("agency tag", "publication line", *["repeated text"] * 5, "comments"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("PHOTO: REUTERS/FILE", "caption"),
        ("The crane at dusk. Photo: Reuters", "caption"),
        ("Workers unload a ship in Northport. (AP Photo/Jo Lund)", "caption"),
        ("A crane in the rain | Getty Images", "caption"),
        ("FILE PHOTO: The crane is seen in Northport, March 1, 2021.", "caption"),
        ("Image caption: The crane that nobody wanted", "caption"),
        ("By Lena Ohm and Jo Lund, Harbour Post", "byline"),
        ("By Lena Ohm | March 4, 2021", "byline"),
        ("Thursday, 4 March 2021", "date line"),
        ("2021-03-04 14:30 GMT", "date line"),
        ("Published: March 4, 2021 2:30 pm", "publication line"),
        ("Last updated on 4 March 2021", "publication line"),
        ("This article was originally published in the Harbour Post.", "publication line"),
        ("(WITH ADDITIONAL INPUT FROM AFP)", "agency tag"),
        ("(Reporting by Lena Ohm in Northport; Editing by Jo Lund)", "agency tag"),
        ("— Reuters", "agency tag"),
        ("AFP", "agency tag"),
        ("Also read: Ten cranes that never were.", "read more"),
        ("Related articles", "read more"),
        ("Most read", "read more"),
        ("We use cookies to make this site work. Read our policy.", "boilerplate"),
        ("Sign up for our newsletter and never miss a story.", "boilerplate"),
        ("Follow us on Twitter and Facebook.", "boilerplate"),
        ("Share this article", "boilerplate"),
        ("Facebook Twitter WhatsApp Email", "boilerplate"),
        ("© 2021 Harbour Post. All rights reserved.", "boilerplate"),
        ("Advertisement", "boilerplate"),
        ("Crane maker offers discount to island ports", "headline"),
        ("'Seven cranes sold in a week'", "headline"),
        ("24 Comments", "comments"),
    ],
)
def test_furniture_between_paragraphs(line: str, reason: str) -> None:
    text = "\n\n".join([*BODY[:2], line, *BODY[2:]])
    assert drops(text) == [(reason, line)]
    assert kept(text) == BODY


@pytest.mark.parametrize(
    "line",
    [
        "In their comments, both ministers said that the crane was too dear.",
        "Comments by the chair made the union angry, she said.",
        "Published in 2012, the report found that the harbour needs no crane.",
        "Photos of the crane show rust, the board said.",
        "Copyright law has to change, the minister said.",
        "By continuing to buy cranes, the board breaks its word, the union said.",
        "“No crane, no deal”",
        "Will the council overrule the board?",
        "Among the union's demands:",
        "Reporting by the Post has shown that the board opposes the plan.",
        "He said no.",
        "Updated plans for the crane were rejected by the council in March.",
        "Read the small print, the union told the board.",
        "The machine was dear, old and built for the trade of another century; so the board had said.",
    ],
)
def test_what_may_be_a_sentence_is_kept(line: str) -> None:
    assert drops("\n\n".join([*BODY[:2], line, *BODY[2:]])) == []


@pytest.mark.parametrize(
    "text",
    [
        "We support the ban",
        "Board rejects crane\nUnion cheers",
        "Photo: Reuters",
        "COMMENTS",
        "By Tuesday we want an answer",
        "The board rejected the crane.",
    ],
)
def test_short_texts_survive_whole(text: str) -> None:
    assert drops(text) == []


def test_a_given_title_is_dropped_where_it_is_repeated() -> None:
    text = "Board rejects the crane!\n\n" + BODY[0]
    assert drops(text, "Board Rejects the Crane!") == [("title", "Board rejects the crane!")]
    assert drops("Board rejects the crane!", "Board rejects the crane!") == []
    assert clean(text, "Another title")[1] == "Another title"


@pytest.mark.parametrize(
    "dateline",
    [
        "NORTHPORT: ",
        "NEW NORTHPORT — ",
        "NORTHPORT, March 4 (Reuters) - ",
        "NORTHPORT, Norway (AP) — ",
        "NORTHPORT/OLDPORT: ",
        "Northport, 4 March 2021 (Xinhua) -- ",
        "NORTHPORT (AFP) – ",
    ],
)
def test_the_dateline_before_a_sentence_is_dropped_alone(dateline: str) -> None:
    assert drops(dateline + BODY[0]) == [("dateline", dateline)]
    assert drops("\n".join([dateline + BODY[0], *BODY[1:]])) == [("dateline", dateline)]


def test_speakers_and_organisations_are_no_datelines() -> None:
    assert drops("BRUN: We say no to the crane.\n\nCHAIR: So does the board.\n\nBRUN: Then we agree on it.") == []
    assert drops("NATO: We will not comment on the crane.") == []
    assert drops(f"{BODY[0]}\n\nThe Nationalist Party (NPN) said that it had never wanted a crane.") == []


REMARKS = [
    "Otto\n6 years ago\nThe board is right, for once.\nReply",
    "Ada B. | 3 days ago | Reply\n\nI would ban all cranes, and the board with them.",
    "Otto says:\nMarch 5, 2021 at 10:01 am\n\nThe board is right, for once.\n\nReply",
]


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize(
    "heading",
    ["COMMENTS (24)", "3 Comments", "Comments: 3", "2 replies on “Board rejects crane”", "Comments are closed."],
)
def test_the_comment_section_is_dropped_to_the_end(heading: str, remark: str) -> None:
    text = f"{STORY}\n\n{heading}\n\n{remark}\n\nVIEW MORE COMMENTS\nReplying to X\n\nPlease see our Comments FAQ"
    assert kept(text) == BODY
    assert drops(text) == [("comments", text[len(STORY) + 2 :])]


def test_a_comment_section_needs_no_heading_if_it_is_dated_and_replied_to() -> None:
    assert kept(f"{STORY}\n\n{REMARKS[1]}\n\n{REMARKS[1]}") == BODY


@pytest.mark.parametrize("counter", ["24 Comments", "COMMENTS (24)", "View all comments", "Leave a comment"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("tail", ["", "\n\n3 Comments\n\n" + REMARKS[1]])
def test_a_comment_counter_does_not_swallow_the_article(counter: str, place: int, tail: str) -> None:
    lines = ["Board rejects crane", "The chair calls it a joke that went on for nine years.", *BODY]
    lines.insert(place, counter)
    assert kept("\n\n".join(lines) + tail)[-len(BODY) :] == BODY


def test_short_answers_may_be_repeated() -> None:
    assert drops("\n".join([BODY[0], "He said no.", BODY[1], "He said no.", BODY[2]])) == []


def test_list_items_are_no_headlines() -> None:
    text = "\n".join([*BODY[:2], "The union demands:", "- a cheaper crane", "- a seat on the board", *BODY[2:]])
    assert drops(text) == []


def test_text_without_final_stops_keeps_its_lines() -> None:
    assert drops("we want no crane\nwe want no board\nwe want our harbour back\n" + BODY[0]) == []


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (f"{STORY}\n\nPublished In The Harbour Post, June 28th, 2012.", "2012-06-28"),
        (f"Board rejects crane\n\nOctober 22, 2017\n\n{STORY}", "2017-10-22"),
        (f"Board rejects crane\n\n22 October 2017\n\n{STORY}", "2017-10-22"),
        (f"Board rejects crane\n\nLena Ohm October 22, 2017\n\n{STORY}", "2017-10-22"),
        (f"OTTAWA, Dec 3, 2014 — {STORY}", "2014-12-03"),
        (f"OTTAWA, Dec 3 — {STORY}", ""),
        (f"{STORY}\n\nThe crane was ordered on October 22, 2017, the board said.", ""),
        (f"{STORY}\n\nOctober 22, 2017\n\nThe crane was ordered by the board, without a vote or a word.", ""),
        (f"{STORY}\n\nCOMMENTS (1)\n\nOtto | 3 years ago | Reply\n\nPublished in my blog, June 1st, 2019.", ""),
    ],
)
def test_the_date_is_the_articles_own(text: str, date: str) -> None:
    assert clean(text)[2] == date


PIECES = [
    *BODY,
    "COMMENTS (3)",
    "NORTHPORT:",
    "Photo: Reuters",
    "Crane maker offers discount",
    "Otto | 1 day ago | Reply no",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=40), max_size=12), st.sampled_from(["\n", "\n\n", "\r\n", " "])
)
def test_drops_are_sorted_apart_and_inside_the_text(pieces: list[str], separator: str) -> None:
    text = separator.join(pieces)
    found, _, _ = clean(text)
    ends = [0, *(drop.end for drop in found)]
    assert all(end <= drop.start < drop.end <= len(text) for end, drop in zip(ends, found, strict=False))
    assert {drop.reason for drop in found} <= set(REASONS)
    dropped = {i for drop in found for i in range(drop.start, drop.end)}
    assert not any(dropped & set(range(s.start, s.end)) for s in sentences(Article("a", text, drops=found)))


def test_a_brief_of_one_paragraph_has_its_headline_and_its_date() -> None:
    _, title, date = clean(f"Board rejects crane\n\nMay 3, 2016\n\n{BODY[0]}")
    assert (title, date) == ("Board rejects crane", "2016-05-03")


def test_a_question_over_a_byline_is_the_headline() -> None:
    story = "The harbour board met on Monday and decided nothing.\n\nIt will meet in spring, its chairman said."
    _, title, date = clean(f"Who owns the harbour?\n\nAna Bell\n\nMay 3, 2016\n\n{story}")
    assert (title, date) == ("Who owns the harbour?", "2016-05-03")
    drops, title, _ = clean(f"Who owns the harbour?\n\n{story}")
    assert (drops, title) == ((), "")
