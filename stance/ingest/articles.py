"""What the user names on the command line -> articles, cleaned and dated, and what was rejected, with the reason."""

import csv
import glob
import gzip
import io
import logging
import os
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from stance.data import Article, Rejected
from stance.errors import InputError
from stance.ingest.cleaning import clean
from stance.ingest.dates import parse_date, read_two_ways
from stance.ingest.decoding import decode, mend, one_line, why_binary
from stance.ingest.hub import is_saved_dataset, read_dataset
from stance.ingest.ids import marked
from stance.ingest.language import foreign_language, names
from stance.ingest.readers import JSON_HINT, READERS, SEPARATORS, TEXTUAL, NoTextColumn, guess_reader
from stance.ingest.splitting import kept_text

log = logging.getLogger(__name__)

ENGLISH = frozenset({"en"})
METADATA_COLUMNS = ("file", "id", "title", "date", "source", "url")
NOT_ARTICLES = frozenset({"readme", "license", "licence", "changelog", "contributing"})
STDIN = Path("-")
KNOWN = f"{' '.join(READERS)}, each maybe .gz"


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to read: its name (relative to the input, `/` between folders) and whether the user named it itself."""

    path: Path
    name: str
    named: bool


def read_articles(
    inputs: Sequence[str], metadata: Path | None = None, languages: frozenset[str] = ENGLISH
) -> Iterator[Article | Rejected]:
    """The articles of files, folders, globs, `-` (stdin) and `hf:NAME[:split]`, in order, as a stream.

    An article's id is its record's, or else the file's path relative to the input (`#` and the row or line follow for
    records). An id that was there before is rejected if the text is the same, and gets `~` and a hash of its text if it
    is another one. Hidden files and the folders of runs are passed over; a README or a file of another kind in a
    folder is rejected. A name that is not UTF-8 is mended in ids and paths.
    `metadata` is a CSV with the column `file` (an article's id, or the name of its file) and any of id, title, date,
    source, url; what it says, other than nothing, stands above what the file says. Languages are ISO 639-1 codes.

    Raises InputError, before anything is read, if an input does not exist or matches nothing, or the metadata cannot be
    used; and later for a table, named by the user, without a text column, or a dataset that cannot be loaded.
    """
    if not inputs:
        raise InputError("no input given; expected files, folders, globs, - or hf:NAME")
    table = _Metadata(metadata)
    found = [_find(name, metadata) for name in inputs]
    return _prepared(chain.from_iterable(found), table, languages)


def _find(name: str, metadata: Path | None) -> Iterator[Article | Rejected]:
    """The raw articles of one input; raises at once if there are none to come."""
    if name == "-":
        return _read(_Source(STDIN, "stdin", True))
    if name.startswith("hf:"):
        return _dataset(name, name.removeprefix("hf:"))
    path = Path(name)
    if path.is_dir():
        if is_saved_dataset(path):
            return _dataset(name, name)
        if _is_run(path):
            raise InputError(f"{name} is the folder of a run, not of articles; name the files that are to be read")
        sources = _walk(path, path)
    elif path.exists():
        sources = iter([_Source(path, path.name, True)])
    elif glob.has_magic(name):
        sources = _matches(name)
    else:
        raise InputError(f"{name} does not exist; expected a file, a folder, a glob, - or hf:NAME")
    skipped = metadata.resolve() if metadata else None
    sources = (source for source in sources if source.path.resolve() != skipped)
    first = next(sources, None)
    if first is None:
        raise InputError(f"{name}: no files found; expected {KNOWN}")
    return (item for source in chain([first], sources) for item in _read(source))


def _dataset(shown: str, name: str) -> Iterator[Article | Rejected]:
    return (replace(item, path=shown) for item in read_dataset(name))


def _is_run(folder: Path) -> bool:
    """Whether `stance run` made this folder: its page and tables are no articles."""
    return (folder / "store" / "run.json").exists()


def _walk(folder: Path, root: Path) -> Iterator[_Source]:
    """The files of a folder and its folders, sorted, one folder's names in memory at a time; none of a run's. Links
    are followed, to every folder once; a folder that cannot be opened comes last, for its reason to be told."""
    closed: list[OSError] = []
    seen = set()
    for parent, folders, files in os.walk(folder, onerror=closed.append, followlinks=True):
        place = os.path.realpath(parent)
        if place in seen or _is_run(Path(parent)):
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            path = Path(parent, name)
            yield _Source(path, path.relative_to(root).as_posix(), False)
    for error in closed:
        path = Path(error.filename)
        yield _Source(path, path.relative_to(root).as_posix(), True)


def _matches(pattern: str) -> Iterator[_Source]:
    fixed = Path(*_until_magic(Path(pattern).parts))
    seen = set()
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        inside = path.relative_to(fixed)
        if any(_is_run(fixed / folder) for folder in inside.parents):
            continue
        file = _Source(path, inside.as_posix(), False)
        for source in _walk(path, fixed) if path.is_dir() else [file]:
            if source.path not in seen:
                seen.add(source.path)
                yield source


def _until_magic(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _read(source: _Source) -> Iterator[Article | Rejected]:
    shown, source = mend(str(source.path)), replace(source, name=mend(source.name))
    suffixes = [suffix.lower() for suffix in source.path.suffixes[-2:]]
    zipped = suffixes[-1:] == [".gz"]
    kind = "".join(suffixes[-2:-1] if zipped else suffixes[-1:])
    if not source.named and Path(source.name).name.split(".")[0].lower() in NOT_ARTICLES:
        yield Rejected(source.name, shown, "a page about the folder, no article; name the file itself to have it read")
        return
    if not source.named and kind not in READERS:
        expected = JSON_HINT if kind == ".json" else f"expected {KNOWN}"
        yield Rejected(source.name, shown, f"files of kind {kind or 'without suffix'} are not read; {expected}")
        return
    try:
        with nullcontext(sys.stdin.buffer) if source.path == STDIN else source.path.open("rb") as file:
            stream: BinaryIO = gzip.GzipFile(fileobj=file) if zipped else file  # type: ignore[assignment]
            yield from _read_stream(stream, source, kind)
    except NoTextColumn as error:
        if source.named:
            raise
        is_metadata = source.path.stem.lower() == "metadata"
        hint = "; a table about the articles is given with --metadata" if is_metadata else ""
        yield Rejected(source.name, shown, f"{error}{hint}")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield Rejected(source.name, shown, f"broken gzip file: {one_line(error)}")
    except OSError as error:
        yield Rejected(source.name, shown, f"cannot be read: {error.strerror or one_line(error)}")
    except InputError:
        raise
    except Exception as error:  # parsers raise anything on a broken file: it is reported, and the others are read
        log.debug("%s", shown, exc_info=True)
        yield Rejected(source.name, shown, f"broken {kind or 'file'}: {type(error).__name__}: {one_line(error)}")


def _read_stream(binary: BinaryIO, source: _Source, kind: str = "") -> Iterator[Article | Rejected]:
    stream = binary if isinstance(binary, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, binary))
    shown = mend(str(source.path))
    head = stream.peek(8192)[:8192]
    if not head:
        yield Rejected(source.name, shown, "empty")
        return
    reader = READERS.get(kind) or guess_reader(head)
    if (kind not in READERS or kind in TEXTUAL) and (why := why_binary(head)):
        yield Rejected(source.name, shown, why)
        return
    for item in reader(stream, source.name):
        yield replace(item, path=shown)


class _Metadata:
    """The rows of a metadata CSV by file, and which of them were used."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: dict[str, dict[str, str]] = {}
        self.unused: set[str] = set()
        self.others: list[str] = []
        if path is None:
            return
        try:
            text = decode(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); expected a metadata CSV") from error
        header = text.split("\n", 1)[0]
        separator = max(SEPARATORS, key=header.count)
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        try:
            columns, rows = list(table.fieldnames or []), list(table)
        except csv.Error as error:
            raise InputError(
                f"{path}: broken CSV near line {table.line_num} ({error}); put quotation marks around a field with "
                f"{SEPARATORS[separator]}, and double those inside"
            ) from error
        if "file" not in columns:
            expected = ", ".join(METADATA_COLUMNS)
            raise InputError(f"{path}: no column `file` among: {', '.join(columns) or 'none'}; expected {expected}")
        self.others = [column for column in columns if column not in METADATA_COLUMNS]
        for number, row in enumerate(rows, start=1):
            if row.get(None):
                raise InputError(
                    f"{path}, row {number}: more fields than the header's {len(columns)}; put quotation marks around a "
                    f"field with {SEPARATORS[separator]}"
                )
            file = (row["file"] or "").strip()
            if file in self.rows:
                raise InputError(f"{path}, row {number}: {file} is there twice; leave one row a file")
            if file:
                self.rows[file] = {key: (row.get(key) or "").strip() for key in METADATA_COLUMNS[1:]}
        self.unused = set(self.rows)

    def row(self, id: str) -> dict[str, str]:
        """What is said of an article, by its id or its file's name; each row is used once."""
        key = id if id in self.unused else id.rsplit("/", 1)[-1]
        if key not in self.unused:
            if key in self.rows:
                log.warning("%s: %s names several articles, also %s; write the path", self.path, key, id)
            return {}
        self.unused.remove(key)
        return self.rows[key]

    def report(self) -> None:
        if self.others:
            log.warning("%s: columns that are not used: %s", self.path, ", ".join(self.others))
        if self.unused:
            some = ", ".join(sorted(self.unused)[:5]) + (", ..." if len(self.unused) > 5 else "")
            log.warning("%s: %d rows name no article that was read: %s", self.path, len(self.unused), some)


def _prepared(
    raw: Iterator[Article | Rejected], metadata: _Metadata, languages: frozenset[str]
) -> Iterator[Article | Rejected]:
    seen: dict[int, int] = {}  # hash of id -> hash of text, 8 bytes each: all that is kept of what was read
    for item in raw:
        if isinstance(item, Article):
            item = _prepare(item, metadata.row(item.id), languages)
        if isinstance(item, Article):
            item = _unique(item, seen)
        yield item
    metadata.report()


def _prepare(article: Article, row: dict[str, str], languages: frozenset[str]) -> Article | Rejected:
    article = replace(
        article,
        id=row.get("id") or article.id,
        title=row.get("title") or article.title,
        source=row.get("source") or article.source,
        url=row.get("url") or article.url,
    )
    if not article.text.strip():
        return Rejected(article.id, article.path, "empty")
    drops, title, text_date = clean(article.text, article.title)
    kept = kept_text(article.text, drops)
    if not kept:
        counts = ", ".join(f"{n} {reason}" for reason, n in Counter(drop.reason for drop in drops).items())
        return Rejected(article.id, article.path, f"nothing left after cleaning ({counts})")
    if language := foreign_language(kept, languages):
        reason = f"language: looks like {language}; the model reads {names(languages)}"
        return Rejected(article.id, article.path, reason)
    date, date_source = "", ""
    for value, origin in ((row.get("date", ""), "metadata"), (article.date, article.date_source), (text_date, "text")):
        if value and not date:
            date, date_source = parse_date(value), origin
            if not date:
                fault = "can be read in two ways" if read_two_ways(value) else "cannot be read"
                log.warning("%s: the date %r (%s) %s; expected YYYY-MM-DD", article.id, value, origin, fault)
    return replace(article, title=title, date=date, date_source=date_source if date else "", drops=drops)


def _unique(article: Article, seen: dict[int, int]) -> Article | Rejected:
    for id in (article.id, marked(article.id, article.text)):
        key, value = (int.from_bytes(blake2b(s.encode(), digest_size=8).digest(), "big") for s in (id, article.text))
        if key not in seen:
            seen[key] = value
            return replace(article, id=id)
        if seen[key] == value:
            break
    return Rejected(article.id, article.path, "duplicate: the same id and text were read before")
