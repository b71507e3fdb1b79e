"""Logs that are not what they should be: a small healthy log, broken in one of many ways by a seed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 400
DAYS = 4
START = datetime(2026, 3, 6, tzinfo=UTC)
CONFIG = {
    "logs_path": "s3://rtb/logs/",
    "timestamp_column": "ts",
    "outcome_column": "click",
    "exposure_column": "imps",
    "cost_column": "price",
    "value_column": "revenue",
    "candidate_features": "site, device, hour, note, deal",
    "anchor_features": "site",
    "host_features": "site",
    "min_positives": "10",
    "min_z": "0",
    "max_interactions": "2",
    "dead_band": "0.0",
    "joint_min_exposures": "1",
}
MEASURES = ("ts", "click", "imps", "price", "revenue")
FEATURES = ("site", "device", "hour", "note", "deal")

HOSTILE_TEXTS = (
    *("a|b", "|", "\\", "\\|", "*", "~", "a~b", ",", ";", "'", '"', "--", "/*", "`", "%", "%s", "%(x)s", "{0}", "{}"),
    *("'; DROP TABLE opt_runs; --", '"; DROP VIEW logs; --', "' OR '1'='1", "$(reboot)", "`id`", "../../etc/passwd"),
    *("a\nb", "a\r\nb", "\t", "a\x00b", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffd"),
    *("\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e\u0301", "\u00e9", "\u0130", "\u1e9e", "\u212b"),
    *("x" * 10_000, "\U0001f600" * 2_500, " " * 10_000, "", " ", "0", "-0.0", "1e309", "NaN", "null", "None", "\\N"),
    *("${TAG_ID}", "%%SITE%%", "[ADX_SIZE]", "{PLACEMENT}", "{{ site | lower }}", "##POSITION##", "%24%7BTAG%7D"),
    *("__missing__", "__other__", "__unexpanded__", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\\u0000"),
)
HOSTILE_NUMBERS = (
    *(float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 5e-324, 1.7976931348623157e308, -1e300, 1e13, 9.3e12),
    *(9.223372036854775e12, 9.3e18, 2.0**63, -(2.0**63), 0.1, 1e-7),
)
HOSTILE_INTS = (-1, 0, 2, 10**9, 2**53 + 1, 2**63 - 1, -(2**63), 9_223_372_036_854, 9_223_372_036_855)
HOSTILE_NAMES = (
    *("a'b", 'a"b', "a;b", "../up", "a\nb", "${x}", "{{ ti }}", "{% raw %}", "100%", "%s", "ä", "\U0001f600", "a|b"),
    *("a.b", "select", "f_site", "log_day", "row_hash", "exposure", "source_file", "kept", "rows", "", " ", "x" * 300),
)
KINDS = (
    *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(3), pa.bool_(), pa.null()),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(38, 10), pa.decimal256(60, 5), pa.decimal128(5, 2)),
    *(pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns"), pa.duration("us")),
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in ("UTC", "Asia/Kathmandu")),
    *(
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.int64()),
        pa.dictionary(pa.int16(), pa.float64()),
    ),
    *(pa.list_(pa.int64()), pa.list_(pa.string()), pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int64())),
)
Draw = np.random.Generator
Change = Callable[[pa.Table, Draw], pa.Table]


@dataclass(frozen=True, slots=True)
class Hostile:
    """Files by name, and what was done to the first; `is_broken` when its bytes were damaged."""

    what: str
    files: dict[str, bytes]
    is_broken: bool


def healthy(draw: Draw) -> pa.Table:
    """Return rows of four days whose clicks follow site and device."""
    site, device = draw.integers(0, 6, ROWS), draw.integers(0, 3, ROWS)
    naive = START.replace(tzinfo=None)
    seconds = draw.integers(0, DAYS * 86_400, ROWS)
    return pa.table(
        {
            "ts": pa.array([naive + timedelta(seconds=int(s)) for s in seconds], pa.timestamp("us")),
            "click": (draw.random(ROWS) < 0.05 * (1 + site)).astype(np.int64),
            "imps": np.ones(ROWS, np.int64),
            "price": np.round(draw.random(ROWS), 2),
            "revenue": np.round(draw.random(ROWS), 2),
            "site": [f"s{n}.example" for n in site],
            "device": pa.array([("phone", "tablet", "desktop")[n] for n in device]).dictionary_encode(),
            "hour": (seconds // 3600 % 24).astype(np.int32),
            "note": [None if n % 7 == 0 else f"n{n % 5}" for n in range(ROWS)],
            "deal": draw.integers(0, 4, ROWS).astype(np.float64),
        }
    )


def hostile(seed: int) -> Hostile:
    """Return the logs of a seed: every way to break them comes up in turn, where and how is drawn."""
    draw = np.random.default_rng(seed)
    ways = [*BYTES, *TABLES]
    way = ways[seed % len(ways)]
    table = healthy(draw)
    if way in BYTES:
        body, is_broken = BYTES[way](parquet(table, draw), draw), True
    else:
        table, is_broken = TABLES[way](table, draw), False
        if draw.random() < 0.3:  # two things at once
            also = list(TABLES)[int(draw.integers(len(TABLES)))]
            way, table = f"{way} and {also}", TABLES[also](table, draw)
        body = parquet(table, draw)
    files = {"part-0.parquet": body}
    if draw.random() < 0.3:
        files["part-1.parquet"] = parquet(healthy(draw), draw)
    return Hostile(way, files, is_broken)


def parquet(table: pa.Table, draw: Draw) -> bytes:
    """Return a table as Parquet, with random settings."""
    body = io.BytesIO()
    pq.write_table(
        table,
        body,
        row_group_size=int(draw.choice([50, 150, 1_000])),
        compression=str(draw.choice(["none", "snappy", "zstd", "gzip"])),
        use_dictionary=bool(draw.integers(2)),
        data_page_version=str(draw.choice(["1.0", "2.0"])),
        write_statistics=bool(draw.integers(2)),
        write_page_checksum=bool(draw.integers(2)),
    )
    return body.getvalue()


def _footer(body: bytes) -> int:
    """Return where the footer begins."""
    return len(body) - 8 - int.from_bytes(body[-8:-4], "little")


def _flipped(body: bytes, first: int, last: int, draw: Draw) -> bytes:
    broken = bytearray(body)
    for at in draw.integers(first, last, int(draw.choice([1, 2, 8, 64]))):
        broken[int(at)] ^= int(draw.integers(1, 256))
    return bytes(broken)


def _zeroed(body: bytes, draw: Draw) -> bytes:
    start, size = int(draw.integers(4, len(body))), int(draw.integers(1, 3_000))
    return body[:start] + bytes(len(body[start : start + size])) + body[start + size :]


def _spliced(body: bytes, draw: Draw) -> bytes:
    at, other = int(draw.integers(4, len(body))), int(draw.integers(4, len(body)))
    return body[:at] + body[other:]


def _length(body: bytes, draw: Draw) -> bytes:
    length = int(draw.choice([0, 1, 8, len(body), 2**31 - 1, 2**31, 2**32 - 1]))
    return body[:-8] + length.to_bytes(4, "little") + body[-4:]


BYTES: dict[str, Callable[[bytes, Draw], bytes]] = {
    "truncated": lambda body, draw: body[: int(draw.integers(0, len(body)))],
    "bytes flipped in the footer": lambda body, draw: _flipped(body, _footer(body), len(body), draw),
    "bytes flipped in the pages": lambda body, draw: _flipped(body, 4, _footer(body), draw),
    "more bytes flipped in the pages": lambda body, draw: _flipped(body, 4, _footer(body), draw),
    "a stretch of zeros": _zeroed,
    "spliced": _spliced,
    "another footer length": _length,
    "bytes after the end": lambda body, draw: body + draw.bytes(int(draw.integers(1, 100))),
    "noise": lambda _body, draw: draw.bytes(int(draw.integers(0, 5_000))),
    "no Parquet": lambda _body, draw: [b"", b"PAR1", b"PAR1PAR1", b"ts,click\n1,2\n", b"\0" * 100][
        int(draw.integers(5))
    ],
}


def _some_column(table: pa.Table, draw: Draw, among: tuple[str, ...] = ()) -> str:
    names = [name for name in table.column_names if not among or name in among] or table.column_names
    return names[int(draw.integers(len(names)))] if names else ""


def _first(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table.column(table.column_names.index(name))  # there may be two of that name


def _replaced(table: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    at = table.column_names.index(name) if name in table.column_names else table.num_columns
    return (table.remove_column(at) if at < table.num_columns else table).add_column(at, name, column)


def _as_kind(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    """Give a column another type: by a cast where there is one, else with made-up values."""
    if name not in table.column_names:
        return table
    column = _first(table, name).combine_chunks()
    try:
        return _replaced(table, name, column.cast(kind, safe=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return _replaced(table, name, _made_up(kind, table.num_rows))


def _made_up(kind: pa.DataType, rows: int) -> pa.Array:
    makers: list[Callable[[int], object]] = [
        *(
            lambda n: n % 3,
            lambda n: n % 2 == 0,
            lambda n: float(n % 3),
            lambda n: f"v{n % 3}",
            lambda n: bytes([65 + n % 3]) * 3,
        ),
        *(lambda n: [n % 3], lambda n: [f"v{n % 3}"], lambda n: {"a": n % 3}, lambda n: [(f"k{n % 3}", n)]),
        *(lambda n: START + timedelta(hours=n % 96), lambda n: date(2026, 3, 6 + n % 4), lambda n: timedelta(n % 4)),
    ]
    for make in makers:
        try:
            return pa.array([make(n) for n in range(rows)], kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, TypeError, ValueError, OverflowError):
            continue
    return pa.nulls(rows, kind)


def _with_values(table: pa.Table, name: str, values: tuple[object, ...], draw: Draw, kind: pa.DataType) -> pa.Table:
    """Put hostile values into some rows of a column."""
    rows, share = table.num_rows, float(draw.choice([0.01, 0.3, 1.0]))
    try:
        held = (
            _first(table, name).combine_chunks().cast(kind).to_pylist() if name in table.column_names else [None] * rows
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        held = [None] * rows
    hits = draw.random(rows) < share
    picked = draw.integers(len(values), size=rows)
    mixed = [values[p] if hit else old for hit, p, old in zip(hits, picked, held, strict=True)]
    return _replaced(table, name, pa.array(mixed, kind))


def _undecodable(table: pa.Table, draw: Draw) -> pa.Table:
    """Give a text column bytes that are no UTF-8: half a character, as JSON parsers let them through."""
    bad = (b"\xed\xa0\x80", b"\xff\xfe", b"a\xc3", b"\x80", b"ok")
    values = pa.array([bad[int(n)] for n in draw.integers(len(bad), size=table.num_rows)], pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(values), values.buffers())
    return _replaced(table, _some_column(table, draw, FEATURES), text)


def _nulls(table: pa.Table, draw: Draw) -> pa.Table:
    name = _some_column(table, draw)
    if not name:
        return table
    column, share = _first(table, name).combine_chunks(), float(draw.choice([0.1, 1.0]))
    mask = pa.array(draw.random(table.num_rows) < share)
    return (
        _replaced(table, name, pa.compute.if_else(mask, pa.nulls(table.num_rows, column.type), column))
        if not (pa.types.is_dictionary(column.type))
        else _replaced(table, name, pa.nulls(table.num_rows, pa.string()))
    )


def _times(table: pa.Table, draw: Draw) -> pa.Table:
    kinds = [k for k in KINDS if pa.types.is_timestamp(k) or pa.types.is_date(k) or pa.types.is_time(k)]
    return _as_kind(table, "ts", [*kinds, pa.string(), pa.int64(), pa.float64()][int(draw.integers(len(kinds) + 3))])


def _far_times(table: pa.Table, draw: Draw) -> pa.Table:
    far = pa.array(
        [int(n) for n in draw.choice([-(2**62), 2**62, 0, -1, 253402300800 * 10**6], table.num_rows)], pa.int64()
    )
    near = healthy(draw)["ts"].cast(pa.int64()).slice(0, table.num_rows)
    mixed = pa.compute.if_else(pa.array(draw.random(table.num_rows) < 0.2), far, near)
    return _replaced(table, "ts", mixed.cast(pa.timestamp(str(draw.choice(["us", "ns", "ms"])))))


def _texts_of_time(table: pa.Table, draw: Draw) -> pa.Table:
    texts = (
        "2026-03-07T10:00:00Z",
        "2026-03-07 10:00:00+05:45",
        "2026-03-07",
        "not a time",
        "",
        "infinity",
        "1741341600",
    )
    return _with_values(table, "ts", texts[: int(draw.integers(1, 8))], draw, pa.string())


def _same_name_twice(table: pa.Table, draw: Draw) -> pa.Table:
    name = _some_column(table, draw)
    form = [name, name.upper(), name.title()][int(draw.integers(3))]
    return table.append_column(form, _first(table, name).combine_chunks()) if name else table


def _renamed(table: pa.Table, draw: Draw) -> pa.Table:
    name = _some_column(table, draw)
    new = HOSTILE_NAMES[int(draw.integers(len(HOSTILE_NAMES)))]
    return table.rename_columns([new if column == name else column for column in table.column_names])


def _added(table: pa.Table, draw: Draw) -> pa.Table:
    new = HOSTILE_NAMES[int(draw.integers(len(HOSTILE_NAMES)))]
    return table.append_column(new, pa.array(["v"] * table.num_rows))


TABLES: dict[str, Change] = {
    "a column of another type": lambda t, d: _as_kind(t, _some_column(t, d), KINDS[int(d.integers(len(KINDS)))]),
    "a measure of another type": lambda t, d: _as_kind(
        t, _some_column(t, d, MEASURES), KINDS[int(d.integers(len(KINDS)))]
    ),
    "a feature of another type": lambda t, d: _as_kind(
        t, _some_column(t, d, FEATURES), KINDS[int(d.integers(len(KINDS)))]
    ),
    "times of another unit or zone": _times,
    "times far away": _far_times,
    "times as texts": _texts_of_time,
    "hostile texts in a feature": lambda t, d: _with_values(
        t, _some_column(t, d, FEATURES), HOSTILE_TEXTS, d, pa.string()
    ),
    "hostile texts in a measure": lambda t, d: _with_values(
        t, _some_column(t, d, MEASURES), HOSTILE_TEXTS, d, pa.string()
    ),
    "hostile texts as bytes": lambda t, d: _with_values(
        t, _some_column(t, d, FEATURES), tuple(x.encode() for x in HOSTILE_TEXTS), d, pa.binary()
    ),
    "text that is no UTF-8": _undecodable,
    "hostile numbers": lambda t, d: _with_values(t, _some_column(t, d, MEASURES[1:]), HOSTILE_NUMBERS, d, pa.float64()),
    "hostile whole numbers": lambda t, d: _with_values(
        t, _some_column(t, d, MEASURES[1:]), HOSTILE_INTS, d, pa.int64()
    ),
    "numbers as a feature": lambda t, d: _with_values(
        t, _some_column(t, d, FEATURES), HOSTILE_NUMBERS, d, pa.float64()
    ),
    "nulls": _nulls,
    "a missing column": lambda t, d: t.drop_columns([_some_column(t, d)] if t.num_columns else []),
    "a name twice": _same_name_twice,
    "a hostile name": _renamed,
    "one more column": _added,
    "zero rows": lambda t, _d: t.slice(0, 0),
    "one row": lambda t, _d: t.slice(0, 1),
    "no columns": lambda t, _d: t.select([]),
}
