"""Reading: every format, every kind of bad input, ids, metadata, dates, languages."""

import gzip
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stance.data import Article, Rejected
from stance.errors import InputError
from stance.ingest import read_articles, sentences
from stance.ingest.decoding import MAX_CHARS, lines
from stance.ingest.readers import READERS

BODY = "The harbour board turned down the new crane on Monday. Its chair called the price a bad joke."
OTHER = "The fishermen's union welcomed the vote. It had asked for a cheaper machine since the spring."
PAGE = f"""<!doctype html><html lang="en"><head><title>Board rejects crane</title>
<meta property="og:site_name" content="Harbour Post">
<meta property="article:published_time" content="2021-03-04T08:00:00Z">
</head><body><nav><a href="/">Home</a><a href="/sport">Sport</a></nav>
<article><h1>Board rejects crane</h1>
<p>{BODY}</p><p>{OTHER}</p>
<p>Nobody on the board could say who had ordered the first drawings of the machine.</p></article>
<footer>Copyright 2021 Harbour Post</footer></body></html>"""
FEED = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>Harbour Post</title><link>https://example.org/</link>
<item><title>Board rejects crane</title><guid>hp-1</guid><link>https://example.org/1</link>
<pubDate>Thu, 04 Mar 2021 08:00:00 GMT</pubDate>
<description>&lt;p&gt;{BODY}&lt;/p&gt;&lt;p&gt;{OTHER}&lt;/p&gt;</description></item>

<item><title>No text here</title><guid>hp-2</guid></item></channel></rss>"""


def read(*inputs: Path | str, **options: Any) -> list[Article | Rejected]:
    return list(read_articles([str(name) for name in inputs], **options))


def articles(*inputs: Path | str, **options: Any) -> list[Article]:
    found = read(*inputs, **options)
    assert all(isinstance(item, Article) for item in found), found
    return [item for item in found if isinstance(item, Article)]


def rejected(*inputs: Path | str, **options: Any) -> list[Rejected]:
    return [item for item in read(*inputs, **options) if isinstance(item, Rejected)]


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(rows: dict[str, list[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(rows), out, row_group_size=2)
    return out.getvalue()


def warc(*pages: tuple[str, str, str], zipped: bool = False) -> bytes:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    out = io.BytesIO()
    writer = WARCWriter(out, gzip=zipped)
    for url, kind, body in pages:
        http = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.0")
        record = writer.create_warc_record(url, "response", payload=io.BytesIO(body.encode()), http_headers=http)
        writer.write_record(record)
    return out.getvalue()


def samples() -> dict[str, bytes]:
    """A file of each kind that holds BODY."""
    row = {"id": "a", "title": "Board rejects crane", "date": "2021-03-04", "source": "Harbour Post", "text": BODY}
    return {
        ".txt": BODY.encode(),
        ".md": BODY.encode(),
        ".html": PAGE.encode(),
        ".htm": PAGE.encode(),
        ".jsonl": json.dumps(row).encode() + b"\n",
        ".tsv": ("\t".join(row) + "\n" + "\t".join(row.values()) + "\n").encode(),
        ".csv": (",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n").encode(),
        ".parquet": parquet({key: [value] for key, value in row.items()}),
        ".warc": warc(("https://example.org/1", "text/html", PAGE)),
        ".xml": FEED.encode(),
        ".rss": FEED.encode(),
        ".atom": FEED.encode(),
    }


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("kind", READERS)
def test_every_format_is_read(kind: str, zipped: bool, tmp_path: Path) -> None:
    content = samples()[kind]
    path = write(tmp_path / f"news{kind}{'.gz' * zipped}", gzip.compress(content) if zipped else content)
    first = next(read_articles([str(path)]))
    assert isinstance(first, Article)
    assert first.path == str(path)
    assert BODY in first.text
    if kind not in (".txt", ".md"):
        assert (first.title, first.date) == ("Board rejects crane", "2021-03-04")
        assert first.date_source == ("markup" if kind in (".html", ".htm", ".warc") else "record")
        assert first.source in ("Harbour Post", "example.org")


def test_folders_are_walked_in_order_and_say_what_they_pass_over(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", BODY)
    write(tmp_path / "a" / "c.txt", OTHER)
    write(tmp_path / "a" / "picture.jpg", b"\xff\xd8\xff")
    write(tmp_path / "README.md", "What these files are.")
    write(tmp_path / ".hidden.txt", "Not to be read.")
    found = read(tmp_path)
    assert [item.id for item in found] == ["README.md", "b.txt", "a/c.txt", "a/picture.jpg"]
    assert [type(item).__name__ for item in found] == ["Rejected", "Article", "Article", "Rejected"]
    assert ".jpg are not read" in rejected(tmp_path)[1].reason
    assert articles(tmp_path / "README.md")[0].text == "What these files are."


def test_markdown_says_its_title_and_date_in_front_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = "---\ntitle: 'Lamp: out?'\ndate: 2021-03-09\ntags: [x, y]\n---\n"
    write(tmp_path / "a.md", f"{head}\nThe trust asked for it.\n")
    write(tmp_path / "b.md", "---\nThe trust asked for it.\n---\nNobody answered.\n")
    write(tmp_path / "c.md", "---\ntitle: [unclosed\n---\nNobody answered.\n")
    first, rule, broken = articles(tmp_path / "a.md") + articles(tmp_path / "b.md") + articles(tmp_path / "c.md")
    assert (first.id, first.title, first.date, first.date_source) == ("a.md", "Lamp: out?", "2021-03-09", "record")
    assert first.text.strip() == "The trust asked for it."
    assert rule.text.startswith("---\nThe trust")
    assert broken.text.endswith("Nobody answered.\n")
    assert not rule.title + broken.title
    assert [r.getMessage()[:40] for r in caplog.records] == ["c.md: what stands between its --- is no "]


def test_links_are_followed_once_and_a_closed_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in" / "a.txt", BODY)
    write(tmp_path / "else" / "b.txt", OTHER)
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "else")
    (tmp_path / "else" / "round").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "closed").mkdir()
    opened = os.scandir

    def scandir(path: str) -> Any:  # root may open every folder: nothing else can close one in a test
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = read(tmp_path / "in")
    assert [item.id for item in found] == ["a.txt", "linked/b.txt", "closed"]
    assert isinstance(found[2], Rejected)
    assert found[2].reason.startswith("cannot be read")


def test_the_folder_of_a_run_is_not_read_as_articles(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", BODY)
    write(tmp_path / "out" / "store" / "run.json", "{}")
    write(tmp_path / "out" / "report.html", PAGE)
    added = write(tmp_path / "out" / "added" / "b.txt", OTHER)
    for name in (tmp_path, tmp_path / "*", tmp_path / "**", tmp_path / "**" / "*.*"):
        assert [a.id for a in articles(name)] == ["a.txt"]
    with pytest.raises(InputError, match="folder of a run"):
        read(tmp_path / "out")
    assert [a.id for a in articles(added.parent)] == [a.id for a in articles(added)] == ["b.txt"]


def test_globs_are_relative_to_their_fixed_part(tmp_path: Path) -> None:
    write(tmp_path / "2020" / "a.txt", BODY)
    write(tmp_path / "2021" / "a.txt", OTHER)
    assert [a.id for a in articles(tmp_path / "*" / "*.txt")] == ["2020/a.txt", "2021/a.txt"]
    assert [a.id for a in articles(tmp_path / "**")] == ["2020/a.txt", "2021/a.txt"]


def test_inputs_that_are_not_there_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in (tmp_path / "no.txt", tmp_path / "*.txt", tmp_path / "empty"):
        with pytest.raises(InputError, match="expected"):
            read_articles([str(write(tmp_path / "x" / "a.txt", BODY)), str(name)])
    with pytest.raises(InputError, match="no input"):
        read_articles([])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BODY, "stdin"),
        (json.dumps({"id": "j", "text": BODY}), "j"),
        (PAGE, "stdin"),
        (FEED, "hp-1"),
        (f"id,text\nc,{BODY}", "c"),
        (f'"ID";"Date";"Body"\r\nc;2021;{BODY}', "c"),
        (f"Article, not book: {BODY}\n{BODY}", "stdin"),
        (f"Text\n\n{BODY}", "stdin"),
        (f"[Oslo] {BODY}", "stdin"),
        ("", None),
    ],
    ids=["text", "jsonl", "page", "feed", "csv", "quoted csv", "commas", "headline", "bracket", "empty"],
)
def test_stdin_is_told_by_its_first_bytes(content: str, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    first = read("-")[0]
    if expected is None:
        assert first == Rejected("stdin", "-", "empty")
    else:
        assert isinstance(first, Article)
        assert (first.id, BODY in first.text) == (expected, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("kind", [".txt", ".jsonl", ".csv"])
def test_encodings(encoding: str, kind: str, tmp_path: Path) -> None:
    text = "The minister said: “We won’t pay – not a cent.” Café owners agreed with her at once."
    content = {".txt": text, ".jsonl": json.dumps({"text": text}, ensure_ascii=False), ".csv": f'text\n"{text}"\n'}[
        kind
    ]
    assert articles(write(tmp_path / f"a{kind}", content.encode(encoding)))[0].text == text


@pytest.mark.parametrize("stray", [b"\xe9", "\u2019".encode()[:2]], ids=["a byte of cp1252", "half a character"])
def test_a_stray_byte_in_utf_8_costs_itself_only(stray: bytes, tmp_path: Path) -> None:
    text = "The minister said: \u201cWe won\u2019t pay \u2013 not a cent.\u201d Erdo\u011fan agreed at once. "
    mended = articles(write(tmp_path / "a.txt", text.encode() + stray + b" He left."))[0].text
    assert mended == text + "\ufffd He left."


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \r\n ", "empty"),
        ("a.txt", b"%PDF-1.7 ...", "binary"),
        ("a.txt", b"abc\0\0def", "binary"),
        ("a.txt", b"a" * (4 * MAX_CHARS + 1), "longer than 2,000,000 characters"),
        ("a.txt.gz", b"no gzip at all", "broken gzip"),
        ("a.txt.gz", gzip.compress(BODY.encode() * 50, mtime=0)[:60], "broken gzip"),
        ("a.jsonl.gz", b"\x1f\x8b garbage", "broken gzip"),
        ("a.html", b"<html><body></body></html>", "no article text"),
        ("a.parquet", b"PAR1 and nothing more", "broken Parquet"),
        ("a.parquet", parquet({"text": [BODY]})[:-40], "broken Parquet"),
        ("a.warc", b"this is no archive\n\n", "WARC"),
        ("a.warc.gz", warc(("https://example.org", "text/html", PAGE), zipped=True)[:300], "gzip"),
        (
            "a.json",
            b' [\n {"text": "..."}]',
            "expected one object a line; write them so, for instance with: jq -c '.[]'",
        ),
        ("a.xml", b"<?xml version='1.0'?><books></books>", "expected an RSS or Atom feed"),
        ("a.pdf", b"%PDF-1.7", "binary"),
    ],
)
def test_bad_files_are_rejected_with_a_reason(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    good = write(tmp_path / "good.txt", BODY)
    found = read(write(tmp_path / name, content), good)
    bad = [item for item in found[:-1] if isinstance(item, Rejected)]
    assert any(reason in item.reason for item in bad), found
    assert all("\n" not in item.reason for item in bad)
    assert isinstance(found[-1], Article)


def test_a_line_of_50_mb_costs_its_record_only(tmp_path: Path) -> None:
    huge = b'{"text": "' + b"x" * 50_000_000 + b'"}\n'
    path = write(
        tmp_path / "a.jsonl", b'{"text": "%s"}\n' % BODY.encode() + huge + b'{"text": "%s"}\n' % OTHER.encode()
    )
    first, second, third = read(path)
    assert isinstance(first, Article)
    assert isinstance(second, Rejected)
    assert "line 2: longer than" in second.reason
    assert isinstance(third, Article)


def test_broken_records_do_not_stop_the_others(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        f'{{"text": "{BODY}"}}\n{{"text": \n[1]\n{{"text": 7}}\n\n{{"title": "x"}}\n{{"text": "{OTHER}"}}',
    )
    found = read(path)
    reasons = [item.reason for item in found if isinstance(item, Rejected)]
    assert [reason.split(":")[0] for reason in reasons] == ["line 2", "line 3", "line 4", "line 6"]
    assert isinstance(found[-1], Article)
    assert found[-1].id == "a.jsonl#7"


def test_csv_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", f'Headline;Body;Published\r\nFirst;"{BODY}\r\n\r\n{OTHER}";2021-03\r\nSecond;;2021\r\n'
    )
    first, second = read(path)
    assert isinstance(first, Article)
    assert (first.id, first.title, first.date) == ("a.csv#1", "First", "2021-03")
    assert [s.paragraph for s in sentences(first)] == [0, 0, 1, 1]
    assert second == Rejected("a.csv#2", str(path), "row 2: no text")


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_quotation_mark_that_is_not_closed_swallows_no_article_unseen(suffix: str, tmp_path: Path) -> None:
    mark = {"csv": ",", "tsv": "\t"}[suffix]
    rows = ["id,text", f'1,"{BODY}"', f'2,"{BODY}', f"3,{OTHER}", f"4,{OTHER}"]
    content = "\n".join(row.replace(",", mark, 1) for row in rows)
    first, second = read(write(tmp_path / f"a.{suffix}", content))
    assert isinstance(first, Article)
    assert isinstance(second, Rejected)
    assert "every row behind it is lost" in second.reason
    row = f'2{mark}"Never," she said. {BODY}'
    found = read(write(tmp_path / f"b.{suffix}", f"id{mark}text\n{row}\n3{mark}{OTHER}\n"))
    assert isinstance(found[0], Rejected)
    assert "double a quotation mark" in found[0].reason
    assert isinstance(found[1], Article)


def test_records_without_a_text_before_the_first_with_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"id": "v", "title": "Video only"}}\n{{"id": "a", "text": "{BODY}"}}\n')
    first, second = read(path)
    assert first == Rejected("v", str(path), "line 1: no text")
    assert isinstance(second, Article)
    with pytest.raises(InputError, match="line 1"):
        read(write(tmp_path / "b.jsonl", '{"title": "Video only"}\n' * 500))


@pytest.mark.parametrize(
    ("suffix", "mark", "name"), [("csv", ",", "commas"), ("csv", ";", "semicolons"), ("tsv", "\t", "tabs")]
)
def test_a_row_with_more_fields_than_the_header_is_rejected(suffix: str, mark: str, name: str, tmp_path: Path) -> None:
    rows = [
        ["id", "text", "date"],
        ["1", "He said", " on Monday", " no.", "2021"],
        ["2", BODY, "2021", "", " "],
        ["3", "No."],
    ]
    path = write(tmp_path / f"a.{suffix}", "\n".join(mark.join(row) for row in rows))
    first, second, third = read(path)
    assert first == Rejected(
        f"a.{suffix}#1",
        str(path),
        f"row 1: 5 fields, the header has 3; put quotation marks around a text with {name}",
    )
    assert isinstance(second, Article)
    assert (second.text, second.date) == (BODY, "2021")
    assert isinstance(third, Article)
    assert third.text == "No."


def test_commas_are_text_in_a_tsv(tmp_path: Path) -> None:
    assert [a.text for a in articles(write(tmp_path / "a.tsv", "text\nNo, she said, never.\n"))] == [
        "No, she said, never."
    ]


def test_a_json_file_says_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"id": "j", "text": BODY}))
    assert [a.id for a in articles(path)] == ["j"]
    assert "one object a line" in rejected(tmp_path)[0].reason


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_table_without_text_is_refused_if_named_and_rejected_in_a_folder(name: str, tmp_path: Path) -> None:
    content = {
        "a.csv": b"id,story\n1,x\n",
        "a.jsonl": b'{"id": 1, "story": "x"}\n',
        "a.parquet": parquet({"id": [1], "story": ["x"]}),
    }
    path = write(tmp_path / name, content[name])
    with pytest.raises(InputError, match=r"id, story; rename .* to text or body"):
        read(path)
    assert "id, story" in rejected(tmp_path)[0].reason


def test_parquet_rows_need_not_be_strings(tmp_path: Path) -> None:
    import datetime

    day = datetime.date(2021, 3, 4)
    path = write(
        tmp_path / "a.parquet", parquet({"id": [1, 2, 3], "text": [BODY, None, OTHER], "date": [day, day, None]})
    )
    first, second, third = read(path)
    assert isinstance(first, Article)
    assert (first.id, first.date) == ("1", "2021-03-04")
    assert isinstance(second, Rejected)
    assert isinstance(third, Article)
    assert third.date == ""


def test_a_feed_entry_without_text_is_rejected(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.xml", FEED))
    assert isinstance(found[0], Article)
    assert [s.text for s in sentences(found[0])][2] == OTHER.split(". ")[0] + "."
    assert found[1] == Rejected("hp-2", str(tmp_path / "a.xml"), "entry 2: no text")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            '<img src="p.jpg"/><p>The board <b>turned\ndown</b> the crane.</p><p>It said no.</p>',
            "The board turned down the crane.\nIt said no.",
        ),
        (
            '<strong>OSLO</strong>: The board <a href="u">turned down</a> the crane &amp; went home.',
            "OSLO: The board turned down the crane & went home.",
        ),
        ("The board won&#8217;t pay.\n\nIts chair left.", "The board won’t pay.\n\nIts chair left."),
        ("It won&#8217;t pay.<br/><br/>Its chair left.", "It won’t pay.\nIts chair left."),
        (
            "<p>No.</p><figure><figcaption>The crane.</figcaption></figure><table><td>Never</td><td>Ever</td></table>",
            "No.\nNever\nEver",
        ),
        ("At 5 < 6 it said no.", "At 5 < 6 it said no."),
    ],
)
def test_the_html_of_a_feed_is_made_plain(content: str, text: str, tmp_path: Path) -> None:
    feed = FEED.replace("&lt;p&gt;", "").replace("&lt;/p&gt;", "").replace(f"{BODY}{OTHER}", f"<![CDATA[{content}]]>")
    assert [item.text for item in read(write(tmp_path / "a.xml", feed)) if isinstance(item, Article)] == [text]


def test_what_a_web_archive_holds_beside_pages_is_counted(tmp_path: Path) -> None:
    pages = [("https://example.org/1", "text/html", PAGE), ("https://example.org/i.png", "image/png", "x")]
    article, others = read(write(tmp_path / "a.warc.gz", warc(*pages, zipped=True)))
    assert isinstance(article, Article)
    assert (article.id, article.url) == ("a.warc.gz#1", "https://example.org/1")
    assert isinstance(others, Rejected)
    assert "1 image/png" in others.reason


def test_a_saved_dataset_is_read(tmp_path: Path) -> None:
    import datasets

    table = datasets.Dataset.from_dict({"text": [BODY, OTHER], "label": [0, 1]})
    table.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": table, "test": table}).save_to_disk(str(tmp_path / "two"))
    assert [a.text for a in articles(tmp_path / "one")] == [BODY, OTHER]
    assert len(articles(f"hf:{tmp_path / 'two'}:test")) == 2
    assert {a.path for a in articles(tmp_path / "one")} == {str(tmp_path / "one")}
    with pytest.raises(InputError, match="train, test"):
        read(tmp_path / "two")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_metadata_stands_above_the_file(separator: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "sub" / "a.txt", f"Board rejects crane\n\nMarch 4, 2021\n\n{BODY}\n\n{OTHER}")
    write(tmp_path / "b.txt", BODY)
    table = write(
        tmp_path / "metadata.csv",
        "file,id,title,date,source,note\na.txt,hp-1,,2021-03,Harbour Post,x\nb.txt,,Crane,,,\nc.txt,,,,,\n".replace(
            ",", separator
        ),
    )
    with caplog.at_level(logging.WARNING):
        b, a = articles(tmp_path, metadata=table)
    assert (a.id, a.title, a.date, a.date_source, a.source) == (
        "hp-1",
        "Board rejects crane",
        "2021-03",
        "metadata",
        "Harbour Post",
    )
    assert (b.id, b.title, b.date, b.date_source) == ("b.txt", "Crane", "", "")
    assert "note" in caplog.text
    assert "c.txt" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "name,date\na,b\n",
        "",
        "file,date\na.txt,\na.txt,\n",
        "file,title,date\na.txt,Board, council agree,2021\n",
        'file,title\na.txt,"Board agrees\n',
        'file,title\na.txt,"' + "x" * 200_000,
    ],
)
def test_metadata_that_cannot_be_used_is_refused(content: str, tmp_path: Path) -> None:
    write(tmp_path / "a.txt", BODY)
    with pytest.raises(InputError, match=r"m\.csv"):
        read_articles([str(tmp_path / "a.txt")], write(tmp_path / "m.csv", content))
    with pytest.raises(InputError, match="cannot be read"):
        read_articles([str(tmp_path / "a.txt")], tmp_path / "none.csv")


def test_ids_are_unique(tmp_path: Path) -> None:
    for folder, text in (("x", BODY), ("y", OTHER), ("z", BODY)):
        write(tmp_path / folder / "a.txt", text)
    first, second, third = read(tmp_path / "x", tmp_path / "y", tmp_path / "z")
    assert first.id == "a.txt"
    assert second.id.startswith("a.txt~")
    assert second.id == read(tmp_path / "z", tmp_path / "y")[1].id
    assert isinstance(third, Rejected)
    assert third.reason.startswith("duplicate")


def test_a_name_that_is_not_utf_8_is_shown_mended(tmp_path: Path) -> None:
    path = write(Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.txt")), BODY)
    for name in (tmp_path, path, tmp_path / "*.txt"):
        found = articles(name)[0]
        assert (found.id, found.path, found.text) == ("café.txt", str(tmp_path / "café.txt"), BODY)


def test_a_date_that_cannot_be_read_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"id": "a", "text": BODY, "date": "last spring"}, {"id": "b", "text": OTHER, "date": "03/04/2021"}]
    path = write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    with caplog.at_level(logging.WARNING):
        assert [(a.date, a.date_source) for a in articles(path)] == [("", ""), ("", "")]
    assert "last spring" in caplog.text
    assert "03/04/2021" in caplog.text


def test_another_language_is_set_apart(tmp_path: Path) -> None:
    french = "Le conseil du port a refusé lundi la nouvelle grue, que son président a jugée beaucoup trop chère."
    path = write(tmp_path / "a.txt", french)
    assert rejected(path)[0].reason == "language: looks like French; the model reads English"
    assert articles(path, languages=frozenset({"en", "fr"}))[0].text == french
    assert articles(write(tmp_path / "b.txt", "Kabul dit non"))[0].text == "Kabul dit non"


def test_an_article_of_comments_only_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Advertisement\n\nShare\n\nPhoto: Harbour Post")
    assert rejected(path)[0].reason == "nothing left after cleaning (2 boilerplate, 1 caption)"


def test_lone_surrogates_are_mended(tmp_path: Path) -> None:
    text = articles(
        write(tmp_path / "a.jsonl", b'{"text": "A lone \\ud83d half, a pair \\ud83d\\ude00 and no more of it."}')
    )[0].text
    assert text == "A lone \ufffd half, a pair 😀 and no more of it."


def test_reading_is_a_stream(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"line\n"

    class Endless(io.RawIOBase):
        source = endless()

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:5] = next(self.source)
            return 5

    stream = lines(io.BufferedReader(Endless()))
    assert [next(stream) for _ in range(2)] == [(1, "line\n"), (2, "line\n")]
