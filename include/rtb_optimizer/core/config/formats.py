"""The formats of log files: what their first bytes show, and how texts are cut into columns."""

from dataclasses import dataclass
from enum import StrEnum

EPOCHS = {"epoch_s": "1000000", "epoch_ms": "1000", "epoch_us": "1", "epoch_ns": "0.001"}
"""Microseconds in a unit of a time that is a number, by the name of the unit."""
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl", ".ndjson")
_COMPRESSED = ("", ".gz", ".gzip", ".zst", ".zstd")
_CONTROLS = bytes({*range(32)} - {1, 9, 10, 11, 12, 13, 27})  # ^A is Hive's delimiter
_BOM = b"\xef\xbb\xbf"
EMPTY = "empty"
_OTHERS = {
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
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
    """What a file holds; `first_line` is that of a text whose columns it may name."""

    format: Format
    compression: Compression = Compression.NONE
    first_line: str = ""


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
    return Content(Format.CSV, compression, text.decode(errors="replace").splitlines()[0])


def delimiter_of(first_line: str, dialect: TextDialect) -> str:
    """Return what separates the fields of a file; a single column has no delimiter, and any will do."""
    if dialect.delimiter is not Delimiter.AUTO:
        return DELIMITERS[dialect.delimiter]
    return max(DELIMITERS.values(), key=first_line.count)
