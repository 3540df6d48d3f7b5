"""Bytes -> text, within bounds: byte order marks, UTF-8, and Windows-1252 for the rest of the Western world."""

import codecs
import io
import re
from collections.abc import Iterator

MAX_CHARS = 2_000_000  # of one article: a novel has half of that; what is longer is no article, but a dump
MAX_BYTES = 4 * MAX_CHARS
TOO_LONG = f"longer than {MAX_CHARS:,} characters: split it, one article a file or record"
CHUNK = 1 << 16

SURROGATE = re.compile("[\ud800-\udfff]")
MAGIC = (
    b"%PDF",
    b"PK\x03\x04",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x89PNG",
    b"{\\rtf",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf",
    b"\x7fELF",
)
UTF_16_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32-LE begins as UTF-16-LE does


def why_binary(head: bytes) -> str:
    """Why these first bytes of a file are not text; empty if they may be."""
    if head.startswith(UTF_16_32):
        return ""
    if head.startswith(MAGIC):
        return "binary: a PDF, picture, archive or the like; save it as text first"
    if b"\0" in head:
        return "binary: it contains NUL bytes; if it is UTF-16 text, save it as UTF-8"
    return ""


def decode(data: bytes) -> str:
    """The text of a whole file, its byte order mark aside. Never fails: bytes that nothing explains become U+FFFD."""
    encoding = _marked_encoding(data)
    if encoding:
        return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _decode_legacy(data)


def _marked_encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if head.startswith(UTF_16_32) else ""


def _decode_legacy(data: bytes) -> str:
    """Text that is not all UTF-8: that with marks in the place of a few stray bytes, if most of its other characters
    are whole; else Windows-1252, unless it has bytes that 1252 lacks or too many accented letters.

    `charset_normalizer` alone is not asked: it takes a page of English with curly quotes for cp1250.
    """
    from charset_normalizer import from_bytes

    text = data.decode("utf-8", errors="replace")
    stray = text.count("\ufffd")
    if sum(char > "\x7f" for char in text) > 2 * stray:
        return text
    high = sum(byte >= 0xC0 for byte in data)
    letters = sum(chr(byte).isalpha() for byte in data if byte < 0x80)
    if high <= letters / 3:
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            pass
    best = from_bytes(data).best()
    return str(best) if best is not None else text


def lines(stream: io.BufferedReader) -> Iterator[tuple[int, str | None]]:
    """(line number from 1, line with its line end) of a text stream; None for a line over `MAX_CHARS`.

    Holds one line at a time, and of an oversize line one chunk.
    """
    marked = _marked_encoding(stream.peek(4)[:4])
    errors = "replace" if marked else "surrogateescape"
    text = io.TextIOWrapper(stream, encoding=marked or "utf-8-sig", errors=errors, newline="")
    number = 0
    while line := text.readline(MAX_CHARS + 1):
        number += 1
        if len(line) <= MAX_CHARS:
            yield number, mend(line)
            continue
        while line and not line.endswith(("\n", "\r")):
            line = text.readline(CHUNK)
        yield number, None


def mend(line: str) -> str:
    """A line without lone surrogates: bytes that were not UTF-8 decoded as such, halves of pairs joined or replaced."""
    if not SURROGATE.search(line):
        return line
    try:
        return _decode_legacy(line.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # surrogates of another kind: "\ud83d" in a JSON string
        return line.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(message: object) -> str:
    """What an error or a name says, in one short printable line."""
    text = "".join(c if c.isprintable() else " " for c in str(message))
    return " ".join(text.split())[:150] or type(message).__name__
