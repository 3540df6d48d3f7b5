"""One function a format: a stream of bytes -> articles as they were found, and what could not be read, with its place.

Each holds no more than one record batch. None sets `path`, which the caller knows; `date` is as it was written.
"""

import csv
import datetime
import io
import json
import logging
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import yaml

from stance.data import Article, Rejected
from stance.errors import InputError
from stance.ingest.decoding import MAX_BYTES, MAX_CHARS, TOO_LONG, decode, lines, mend, one_line
from stance.ingest.pages import fragment, page, plain

log = logging.getLogger(__name__)
Found = Iterator[Article | Rejected]

# What a record's fields may be called, the preferred name first; case is ignored.
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "body", "content", "article"),
    "title": ("title", "headline"),
    "date": ("date", "published", "published_at", "date_published"),
    "source": ("source", "publisher"),
    "url": ("url", "link"),
    "id": ("id",),
}
BATCH_ROWS = 64
WITHOUT_TEXT = 100
"""Records without a text after which a JSONL file is taken for another kind of file."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
JSON_HINT = "expected one object a line; write them so, for instance with: jq -c '.[]' a.json > a.jsonl"


class NoTextColumn(InputError):
    """A table in which no column holds the text."""


def read_text(stream: io.BufferedReader, name: str) -> Found:
    """A whole file as one article."""
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        yield Rejected(name, "", TOO_LONG)
    else:
        yield Article(name, decode(data))


def read_markdown(stream: io.BufferedReader, name: str) -> Found:
    """A whole file as one article, its title, date, source and address from YAML front matter where it has some."""
    for item in read_text(stream, name):
        found = _FRONT_MATTER.match(item.text) if isinstance(item, Article) else None
        try:
            # All values as strings: a date stays as it was written.
            tree = yaml.load(found[1], yaml.BaseLoader) if found else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            log.warning(
                "%s: what stands between its --- is no YAML%s and is read as text, its date not at all; put quotation "
                "marks around values",
                name,
                f" (line {mark.line + 2})" if mark else "",
            )
            tree = None
        if found and isinstance(tree, dict):
            text = found.string[found.end() :]
            record = {str(key): value for key, value in tree.items() if isinstance(value, str)} | {"text": text}
            made = _record(record, find_columns(record), name, "the file")
            yield replace(made, id=name, text=text) if isinstance(made, Article) else made
        else:
            yield item


def read_page(stream: io.BufferedReader, name: str) -> Found:
    """A whole file as one HTML page."""
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        yield Rejected(name, "", TOO_LONG)
    else:
        yield _with_text(page(data, name), "no article text found in the page")


def read_jsonl(stream: io.BufferedReader, name: str) -> Found:
    """One JSON object a line."""
    any_text = False
    held: list[tuple[dict[str, Any], dict[str, str], str, str]] = []  # records before the first that has a text
    for number, line in lines(stream):
        place = f"{name}#{number}"
        if line is None:
            yield Rejected(place, "", f"line {number}: {TOO_LONG}")
            continue
        if not line.strip():
            continue
        if number == 1 and line.lstrip().startswith("["):
            yield Rejected(name, "", f"a JSON array; {JSON_HINT}")
            return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Rejected(place, "", f"line {number}: broken JSON ({str(error)[:80]}); expected one object a line")
            continue
        if not isinstance(record, dict):
            yield Rejected(place, "", f"line {number}: {type(record).__name__}, expected a JSON object")
            continue
        columns = find_columns(record)
        any_text = any_text or "text" in columns
        held.append((record, columns, place, f"line {number}"))
        if any_text:
            yield from (_record(*each) for each in held)
            held.clear()
        elif len(held) == WITHOUT_TEXT:
            break
    if held:
        record, _, _, where = held[0]
        raise no_text(record, f"{name}, {where}")


def read_csv(stream: io.BufferedReader, name: str, separator: str = "") -> Found:
    """A table with a header; the separator, if not given, is that of SEPARATORS which the header has most of."""
    oversize: list[int] = []

    def short_lines() -> Iterator[str]:
        for number, line in lines(stream):
            if line is None:
                oversize.append(number)
            else:
                yield line

    source = short_lines()
    header = next(source, "")
    separator = separator or max(SEPARATORS, key=header.count)
    csv.field_size_limit(MAX_CHARS)
    names = next(csv.reader([header], delimiter=separator), [])
    columns = find_columns(names)
    if "text" not in columns:
        raise no_text(names, name)
    rows = csv.reader(source, delimiter=separator, strict=True)
    number = 0
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            number += 1
            what = f"row {number}: broken CSV ({error}); double a quotation mark inside a quoted text"
            lost = "; it was not closed, and every row behind it is lost" if "end of data" in str(error) else ""
            yield Rejected(f"{name}#{number}", "", what + lost)
            continue
        while oversize:
            line = oversize.pop(0)
            yield Rejected(f"{name}#line{line}", "", f"line {line}: {TOO_LONG}")
        if row is None:
            return
        if any(cell.strip() for cell in row):
            number += 1
            place, where = f"{name}#{number}", f"row {number}"
            if any(cell.strip() for cell in row[len(names) :]):
                found = f"{where}: {len(row)} fields, the header has {len(names)}"
                yield Rejected(place, "", f"{found}; put quotation marks around a text with {SEPARATORS[separator]}")
            else:
                yield _record(dict(zip(names, row, strict=False)), columns, place, where)


def read_parquet(stream: io.BufferedReader, name: str) -> Found:
    """A table, row group by row group; only the columns that are used are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryFile() as copy:  # the format is read from its end, which a gzip or a pipe cannot
        is_file = isinstance(stream.raw, io.FileIO)
        if not is_file:
            shutil.copyfileobj(stream, copy)
        try:
            table = pq.ParquetFile(stream if is_file else copy)
        except pa.ArrowInvalid as error:
            yield Rejected(name, "", f"broken Parquet file: {one_line(error)}")
            return
        names = table.schema_arrow.names
        columns = find_columns(names)
        if "text" not in columns:
            raise no_text(names, name)
        batches = table.iter_batches(batch_size=BATCH_ROWS, columns=list(columns.values()))
        rows = (row for batch in batches for row in batch.to_pylist())
        try:
            yield from read_rows(rows, columns, name)
        except (pa.ArrowException, OSError) as error:
            yield Rejected(name, "", f"broken Parquet file: {one_line(error)}")


def read_rows(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], name: str) -> Found:
    """Records of a table whose columns are known."""
    for number, row in enumerate(rows, start=1):
        yield _record(row, columns, f"{name}#{number}", f"row {number}")


def read_feed(stream: io.BufferedReader, name: str) -> Found:
    """The entries of an RSS or Atom file, as far as they carry text."""
    import feedparser

    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        yield Rejected(name, "", f"longer than {MAX_BYTES:,} bytes: split the feed")
        return
    feed = feedparser.parse(io.BytesIO(data))  # bytes, never a string: that might be taken for an address and fetched
    if not feed.entries:
        yield Rejected(name, "", "no entries found: expected an RSS or Atom feed")
    for number, entry in enumerate(feed.entries, start=1):
        content = entry.get("content") or [{}]
        record = {
            "id": entry.get("id") or entry.get("link"),
            "title": entry.get("title"),
            "date": entry.get("published") or entry.get("updated"),
            "source": feed.feed.get("title"),
            "url": entry.get("link"),
            "text": fragment(content[0].get("value") or entry.get("summary") or ""),
        }
        yield _record(record, {key: key for key in record}, f"{name}#{number}", f"entry {number}")


def read_warc(stream: io.BufferedReader, name: str) -> Found:
    """The pages of a web archive: HTML responses, and the text of WET conversions. What else it holds is counted."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    others: Counter[str] = Counter()
    number = 0
    try:
        for record in ArchiveIterator(stream):
            if record.rec_type not in ("response", "resource", "conversion"):
                continue
            number += 1
            place, url = f"{name}#{number}", record.rec_headers.get_header("WARC-Target-URI") or ""
            http = record.http_headers
            kind = (http or record.rec_headers).get_header("Content-Type") or "no type"
            kind = kind.split(";")[0].strip().lower()
            status = http.get_statuscode() if http else "200"
            if status != "200" or kind not in ("text/html", "application/xhtml+xml", "text/plain"):
                others[kind if status == "200" else f"status {status}"] += 1
                continue
            data = record.content_stream().read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                yield Rejected(place, "", TOO_LONG)
            elif kind == "text/plain":
                yield Article(place, decode(data), url=url)
            else:
                yield _with_text(page(data, place, url), "no article text found in the page")
    except (ArchiveLoadFailed, EOFError, ValueError) as error:
        yield Rejected(name, "", f"broken WARC after record {number}: {one_line(error)}")
    if not number:
        yield Rejected(name, "", "no records found: expected a WARC file")
    if others:
        kinds = ", ".join(f"{n} {kind}" for kind, n in others.most_common(8))
        yield Rejected(f"{name}#others", "", f"{others.total()} records of the archive are no pages: {kinds}")


READERS: dict[str, Callable[[io.BufferedReader, str], Found]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".html": read_page,
    ".htm": read_page,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".tsv": partial(read_csv, separator="\t"),
    ".parquet": read_parquet,
    ".warc": read_warc,
    ".xml": read_feed,
    ".rss": read_feed,
    ".atom": read_feed,
}
TEXTUAL = frozenset(READERS) - {".parquet", ".warc"}  # whose first bytes must be text


def guess_reader(head: bytes) -> Callable[[io.BufferedReader, str], Found]:
    """The reader for a stream without a name, by its first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.match(rb"(\[\s*)?\{", start):
        return read_jsonl
    if start.startswith((b"<?xml", b"<rss", b"<feed")) and b"<html" not in start:
        return read_feed
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return read_page
    first = re.split(r"[\r\n]", head.decode("utf-8-sig", "replace"), maxsplit=1)[0]
    names = next(csv.reader([first], delimiter=max(SEPARATORS, key=first.count)), [])
    # Every cell one word: "Article, not book: ..." begins a text.
    is_header = len(names) > 1 and all(re.fullmatch(r"\s*[\w-]+\s*", name) for name in names)
    return read_csv if is_header and "text" in find_columns(names) else read_text


def find_columns(names: Iterable[str]) -> dict[str, str]:
    """Field -> the column that holds it, for the fields that have one."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(str(name).strip().lower(), name)
    found = {field: next((by_lower[n] for n in known if n in by_lower), None) for field, known in FIELDS.items()}
    return {field: column for field, column in found.items() if column is not None}


def no_text(names: Iterable[str], place: str) -> NoTextColumn:
    """The error for a table without a text column, to be raised."""
    found = one_line(", ".join(str(name) for name in names) or "none")
    expected = " or ".join(FIELDS["text"])
    return NoTextColumn(f"{place}: no text column among: {found}; rename the one with the text to {expected}")


def _record(record: Mapping[str, Any], columns: Mapping[str, str], place: str, where: str) -> Article | Rejected:
    def value(field: str) -> Any:
        found = record.get(columns[field]) if field in columns else None
        return "" if found is None else found

    text = value("text")
    id = mend(str(value("id")).strip()) or place
    if not isinstance(text, str):
        return Rejected(id, "", f"{where}: the text is of type {type(text).__name__}, expected a string")
    if len(text) > MAX_CHARS:
        return Rejected(id, "", f"{where}: {TOO_LONG}")
    if not text.strip():
        return Rejected(id, "", f"{where}: no text")
    date = value("date")
    return Article(
        id,
        plain(mend(text)),
        title=mend(" ".join(str(value("title")).split())),
        date=date.isoformat() if isinstance(date, datetime.date) else str(date).strip(),
        date_source="record",
        source=mend(str(value("source"))),
        url=mend(str(value("url"))),
    )


def _with_text(article: Article, reason: str) -> Article | Rejected:
    return article if article.text.strip() else Rejected(article.id, "", reason)
