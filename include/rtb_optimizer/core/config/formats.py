"""The formats of log files: what their first bytes show, and how texts are cut into columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

EPOCHS = {"epoch_s": "1000000", "epoch_ms": "1000", "epoch_us": "1", "epoch_ns": "0.001"}
"""Microseconds in a unit of a time that is a number, by the name of the unit."""
_DATES = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%m/%d/%Y", "%m-%d-%Y", "%b %d, %Y")
_CLOCKS = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S %z", " %H:%M:%S.%f", "")
_ZONED = ("%Y-%m-%d %H:%M:%S.%f %z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%f Z", "%Y-%m-%d %H:%M:%S Z")
TIME_PATTERNS = (
    *(*_ZONED, "%Y-%m-%d-%H:%M:%S", "%Y-%m-%d-%H.%M.%S", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z"),
    *("%Y%m%dT%H%M%SZ", "%Y%m%d"),
    *(day + clock for day in _DATES for clock in _CLOCKS),
)
"""Forms of times beside ISO 8601 and epochs that are tried on texts, as `timestamp_format` has them."""
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl", ".ndjson")
_COMPRESSED = ("", ".gz", ".gzip", ".zst", ".zstd")
_CONTROLS = bytes({*range(32)} - {1, 9, 10, 11, 12, 13, 27})  # ^A is Hive's delimiter
_BOM = b"\xef\xbb\xbf"
_FIELDS = "#fields:"
EMPTY = "empty"
_OTHERS = {
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
    b"\xff\xfe": "text in UTF-16; write UTF-8",
    b"\xfe\xff": "text in UTF-16; write UTF-8",
    b"SEQ": "a Hadoop sequence file",
}
"""Formats that are recognised to be named, and not read."""


class Format(StrEnum):
    """What a log file is."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"


class Compression(StrEnum):
    """What a text file is packed with."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Delimiter(StrEnum):
    """What separates the fields of a line; AUTO is the one that the first line has most of."""

    AUTO = "auto"
    COMMA = "comma"
    TAB = "tab"
    SEMICOLON = "semicolon"
    PIPE = "pipe"
    CTRL_A = "ctrl_a"


class Quote(StrEnum):
    """What encloses a field that holds the delimiter; it is doubled within."""

    DOUBLE = "double"
    SINGLE = "single"
    NONE = "none"


DELIMITERS = {
    Delimiter.COMMA: ",",
    Delimiter.TAB: "\t",
    Delimiter.SEMICOLON: ";",
    Delimiter.PIPE: "|",
    Delimiter.CTRL_A: "\x01",
}
QUOTES = {Quote.DOUBLE: '"', Quote.SINGLE: "'", Quote.NONE: ""}


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds; `first_line` is that of a text whose columns it may name.

    `remarks` is how many lines of remarks a text begins with, one of which has named its columns (W3C access logs).
    """

    format: Format
    compression: Compression = Compression.NONE
    first_line: str = ""
    remarks: int = 0


PARQUET = Content(Format.PARQUET)


@dataclass(frozen=True, slots=True)
class TextDialect:
    """How lines of text are cut; `columns` are the names of files whose first line is a row already."""

    delimiter: Delimiter = Delimiter.AUTO
    quote: Quote = Quote.DOUBLE
    columns: tuple[str, ...] = ()


def is_parquet_by_name(key: str) -> bool:
    """Whether a key has an ending of Parquet: what is in it is taken to be that, and fails as such where it is not."""
    return key.lower().endswith(PARQUET_ENDINGS)


def is_data_by_name(key: str) -> bool:
    """Whether a key has an ending of a format that is read."""
    name = key.lower()
    return is_parquet_by_name(key) or name.endswith(tuple(e + packed for e in TEXT_ENDINGS for packed in _COMPRESSED))


def compression_of(head: bytes) -> Compression:
    """Return what a file is packed with, by its first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return Compression.GZIP
    return Compression.ZSTD if head.startswith(b"\x28\xb5\x2f\xfd") else Compression.NONE


def content_of(plain: bytes, compression: Compression) -> Content | str:
    """Return what a file holds, or the reason why it cannot be read.

    Args:
        plain: Its first bytes, unpacked.
        compression: What they were packed with.
    """
    if plain.startswith(b"PAR1"):
        return PARQUET if compression is Compression.NONE else f"Parquet that was packed with {compression} once more"
    named = next((name for magic, name in _OTHERS.items() if plain.startswith(magic)), "")
    if named or plain.translate(None, _CONTROLS) != plain:
        return named or "bytes of no known format"
    text = plain.removeprefix(_BOM)
    if not text.strip():
        return EMPTY
    if text.lstrip().startswith(b"{"):
        return Content(Format.JSON, compression)
    if text.lstrip().startswith(b"["):
        return "a JSON array; write an object a line"
    return _delimited(text.decode(errors="replace").splitlines(), compression)


def _delimited(lines: Sequence[str], compression: Compression) -> Content | str:
    """Return what lines of text hold: those of an access log begin with remarks, which name the columns."""
    remarks = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    named = next((line for line in lines[:remarks] if line.lower().startswith(_FIELDS)), "")
    if not named:
        return Content(Format.CSV, compression, lines[0])
    names = named[len(_FIELDS) :].split()
    tab = DELIMITERS[Delimiter.TAB]
    if any(line.count(tab) + 1 != len(names) for line in lines[remarks : remarks + 1]):
        return "an access log whose fields are not separated by tabs; write CSV, JSON lines or Parquet"
    return Content(Format.CSV, compression, tab.join(names), remarks)


INDEX = "index"
"""The column that a data frame wrote without a name, before all others."""
_VALUE = re.compile(r"-?\d+([.,]\d+)?|\d{4}-\d\d-\d\d.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\\N", re.IGNORECASE)


def is_row(fields: Sequence[str]) -> bool:
    """Whether the fields of a file's first line are values, not names: a number, a date, a UUID or nothing.

    Columns that are numbered from 0 or 1 on are named so; the first name may be nothing, as data frames write an index.
    """
    numbered = {tuple(str(n) for n in range(first, first + len(fields))) for first in (0, 1)}
    named = fields if fields[0].strip() else fields[1:]
    is_value = any(not field.strip() or _VALUE.fullmatch(field.strip()) for field in named)
    return is_value and tuple(fields) not in numbered


def delimiter_of(first_line: str, dialect: TextDialect) -> str:
    """Return what separates the fields of a file; a single column has no delimiter, and any will do."""
    if dialect.delimiter is not Delimiter.AUTO:
        return DELIMITERS[dialect.delimiter]
    return max(DELIMITERS.values(), key=first_line.count)
