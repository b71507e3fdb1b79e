"""Layouts, formats and types of the same three days of rows, by the words of docs/your-logs.md."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kinds_of_logs import DAYS, FEATURES, LAST, healthy_day, parquet, put

HOURS = range(24)
COLUMNS = ("auction_id", "event_time", "placement", "device", "country", "click", "price", "revenue")


@cache
def plain():
    """Return the rows of each day."""
    return {day: healthy_day(day) for day in DAYS}


def require_counts_of_plain_rows(segments, features=FEATURES):
    """Require that segments have the counts of the plain rows; `features` is what FEATURES are called in them."""
    rows = pd.concat([table.to_pandas() for table in plain().values()])
    named = dict(zip(features, FEATURES, strict=True))
    assert len(segments) >= 10
    for _, segment in segments.iterrows():
        match = pd.Series(data=True, index=rows.index)
        for feature, column in named.items():
            if isinstance(value := segment[f"feature_{feature}"], str) and value != "*":
                match &= rows[column].astype(str) == value
        at = segment["segment"]
        assert (at, segment["exposures"]) == (at, match.sum())
        assert (at, segment["outcomes"]) == (at, rows["click"][match].sum())


@dataclass
class Layout:
    """Objects by path below the logs, what reads them, and how the features are called."""

    objects: Callable[[], dict[str, bytes]]
    path: str = "date={date}/"
    config: dict[str, str] = field(default_factory=lambda: {"completion_marker": ""})
    features: tuple[str, ...] = FEATURES


def days(write, path="date={day}/{name}", name="part-0.parquet", **layout):
    """Return a layout with one file a day, as `write` makes it of the day's table."""
    return Layout(lambda: {path.format(day=day, name=name): write(table) for day, table in plain().items()}, **layout)


def hours_of(table):
    """Yield the hour and the rows of each hour of a day."""
    times = table["event_time"].to_pandas()
    for hour in HOURS:
        yield hour, table.filter(pa.array(times.dt.hour == hour))


def lines_of(table, delimiter=",", *, header=True, null="", quoting=csv.QUOTE_MINIMAL, zone="Z"):
    frame = table.to_pandas()
    frame["event_time"] = frame["event_time"].dt.strftime("%Y-%m-%dT%H:%M:%S") + zone
    text = frame.to_csv(index=False, sep=delimiter, header=header, na_rep=null, quoting=quoting)
    return text.encode()


def json_lines(table, change=lambda row: row):
    rows = (change(row) for row in table.to_pylist())
    return "\n".join(json.dumps(row, default=lambda value: value.isoformat()) for row in rows).encode()


def nested(row):
    """Return a row as an OpenRTB request has it."""
    device = {"devicetype": row.pop("device"), "geo": {"country": row.pop("country")}}
    return {**row, "device": device, "imp": [{"id": "1", "tag": {"id": row["placement"]}}], "cat": ["IAB1", "IAB2"]}


def zstd(body):
    return pa.compress(body, codec="zstd", asbytes=True)


def times_as(of_time, kind=None):
    def write(table):
        return parquet(
            put(table, "event_time", pa.array([of_time(at) for at in table["event_time"].to_pylist()], kind))
        )

    return write


def columns_as(**kinds):
    def write(table):
        for name, cast in kinds.items():
            table = put(table, name, cast(table[name]))
        return parquet(table)

    return write


def texts(true, false):
    return lambda column: pa.array([true if value else false for value in column.to_pylist()])


def times_of_clicks(table):
    return [
        at if click else None
        for at, click in zip(table["event_time"].to_pylist(), table["click"].to_pylist(), strict=True)
    ]


def written(table, **options):
    body = io.BytesIO()
    pq.write_table(table, body, **options)
    return body.getvalue()


def rows_and_clicks(write_rows, write_clicks, ending):
    """Return rows without their outcome, and clicks some hours later, repeated, in folders by their day."""
    objects, clicks = {}, []
    for day, table in plain().items():
        objects |= write_rows(table.drop_columns(["click"]), day)
        for n, row in enumerate(table.filter(pc.equal(table["click"], 1)).to_pylist()):
            at = row["event_time"] + timedelta(hours=23 if n % 10 == 0 else 0.1)
            event = {"auction": row["auction_id"], "event_time": at, "event_type": "click"}
            clicks += [event, event | {"event_time": at + timedelta(seconds=3)}, event | {"event_type": "view"}]
    for day in sorted({event["event_time"].date() for event in clicks}):
        of_day = pa.Table.from_pylist([event for event in clicks if event["event_time"].date() == day])
        objects[f"clicks/date={day}/a{ending}"] = write_clicks(of_day)
    return objects


OF_CLICKS = {
    "completion_marker": "",
    "outcome_logs_path": "{base}/clicks/date={date}/",
    "outcome_logs_id_columns": "auction",
    "outcome_logs_kind_column": "event_type",
    "outcome_kinds": '{"click": 1}',
}
NESTED = ("imp.0.tag.id", "device.devicetype", "device.geo.country")
OF_NESTED = {
    "completion_marker": "",
    "candidate_features": ", ".join(NESTED),
    "anchor_features": NESTED[0],
}
HEADERLESS = {"completion_marker": "", "csv_columns": ", ".join(COLUMNS)}
LAYOUTS = {
    "a name in two spellings, one of them configured": days(
        lambda t: parquet(t.append_column("Country", pa.array(["elsewhere"] * len(t))))
    ),
    "files without an ending": days(parquet, name="20261128_031500_00001_ab12c_1ad6f92e-a1e0"),
    "files with other endings": days(parquet, name="000000_0.SNAPPY"),
    "compact dates": Layout(
        lambda: {f"dt={day:%Y%m%d}/a.parquet": parquet(table) for day, table in plain().items()}, "dt={date:%Y%m%d}/"
    ),
    "year, month and day of Glue": Layout(
        lambda: {f"year={d.year}/month={d.month}/day={d.day}/a.parquet": parquet(t) for d, t in plain().items()},
        "year={date:%Y}/month={date:%-m}/day={date:%-d}/",
    ),
    "hours of Firehose": Layout(
        lambda: {
            f"{day:%Y/%m/%d}/{hour:02d}/stream-1": parquet(rows)
            for day, table in plain().items()
            for hour, rows in hours_of(table)
        },
        "{date:%Y/%m/%d/%H}/",
    ),
    "hours of Firehose, packed JSON without an ending": Layout(
        lambda: {
            f"{day:%Y/%m/%d}/{hour:02d}/stream-1": gzip.compress(json_lines(rows))
            for day, table in plain().items()
            for hour, rows in hours_of(table)
        },
        "{date:%Y/%m/%d}/",
    ),
    "a marker by a pattern": Layout(
        lambda: {
            f"date={day}/{name}": body
            for day, table in plain().items()
            for name, body in (("part-0-tid-8", parquet(table)), ("_committed_8", b"{}"), ("_started_8", b""))
        },
        config={"completion_marker": "_committed_*"},
    ),
    "one marker at the root": Layout(
        lambda: {"_SUCCESS": b"", **{f"date={day}/a.parquet": parquet(table) for day, table in plain().items()}},
        config={"completion_marker": "{base}/_SUCCESS"},
    ),
    "a column that is a key of the folders": Layout(
        lambda: {
            f"date={day}/country={quote(country)}/a.parquet": parquet(
                table.filter(pc.equal(table["country"], country)).drop_columns(["country"])
            )
            for day, table in plain().items()
            for country in ("US", "DE", "FR", "BR")
        }
    ),
    "keys of folders, records in another case and names of files beyond ASCII": Layout(
        lambda: {
            f"date={day}/Country={country}/pa rt+é-{n}.parquet": parquet(
                put(
                    table.filter(pc.equal(table["country"], country)).drop_columns(["country", "device"]),
                    "Device",
                    [{"Kind": v} for v in table.filter(pc.equal(table["country"], country))["device"].to_pylist()],
                )
            )
            for day, table in plain().items()
            for n, country in enumerate(("US", "DE", "FR", "BR"))
        },
        config={"completion_marker": "", "candidate_features": "placement, device.kind, country"},
        features=("placement", "device.kind", "country"),
    ),
    "a column that is wider in some files": Layout(
        lambda: {
            f"date={day}/a.parquet": parquet(
                put(table, "click", table["click"].cast(pa.int8() if day == LAST else pa.int64()))
            )
            for day, table in plain().items()
        }
    ),
    "files beside the logs": Layout(
        lambda: {
            f"date={day}/{name}": body
            for day, table in plain().items()
            for name, body in (("part-0", parquet(table)), ("README", b"read me"), ("part-0.crc", b"crc\0\0\0"))
        }
    ),
    "CSV": days(lines_of, name="log.csv"),
    "CSV of a data frame, with its nameless index": days(lambda t: t.to_pandas().to_csv().encode(), name="log.csv"),
    "CSV, packed by gzip": days(lambda t: gzip.compress(lines_of(t)), name="win_log.csv.gz"),
    "CSV, packed by zstd": days(lambda t: zstd(lines_of(t)), name="log.csv.zst"),
    "CSV with semicolons, all fields quoted": days(lambda t: lines_of(t, ";", quoting=csv.QUOTE_ALL), name="log"),
    "CSV with a byte order mark and Windows line ends": days(
        lambda t: b"\xef\xbb\xbf" + lines_of(t).replace(b"\n", b"\r\n"), name="log.csv"
    ),
    "tabs without a header": days(lambda t: lines_of(t, "\t", header=False), name="log.tsv", config=HEADERLESS),
    "Hive's text": days(lambda t: lines_of(t, "\x01", header=False), name="000000_0", config=HEADERLESS),
    "JSON lines": days(json_lines, name="log.jsonl"),
    "JSON lines, packed by zstd": days(lambda t: zstd(json_lines(t)), name="log.json.zst"),
    "nested JSON": days(lambda t: json_lines(t, nested), name="req.json", config=OF_NESTED, features=NESTED),
    "nested Parquet": days(
        lambda t: parquet(pa.Table.from_pylist([nested(row) for row in t.to_pylist()])),
        config=OF_NESTED,
        features=NESTED,
    ),
    "a text column of JSON": days(
        lambda t: parquet(
            put(t.drop_columns(["device"]), "ext", [json.dumps({"d": [{"t": v}]}) for v in t["device"].to_pylist()])
        ),
        config={"completion_marker": "", "candidate_features": "placement, ext.d.0.t, country"},
        features=("placement", "ext.d.0.t", "country"),
    ),
    "columns in another case": Layout(
        lambda: {
            f"date={day}/a.parquet": parquet(
                table.rename_columns([name.upper() if day == LAST else name.title() for name in table.column_names])
            )
            for day, table in plain().items()
        }
    ),
    "clicks in logs of their own": Layout(
        lambda: rows_and_clicks(lambda rows, day: {f"rows/date={day}/a.parquet": parquet(rows)}, json_lines, ".json"),
        "rows/date={date}/",
        OF_CLICKS,
    ),
    "an auction log and a click log in CSV": Layout(
        lambda: rows_and_clicks(
            lambda rows, day: {f"rows/date={day}/bids.csv.gz": gzip.compress(lines_of(rows))},
            lambda clicks: gzip.compress(lines_of(clicks)),
            ".csv.gz",
        ),
        "rows/date={date}/",
        OF_CLICKS,
    ),
    "times in seconds": days(times_as(lambda at: int(at.timestamp()))),
    "times in milliseconds, as text": days(times_as(lambda at: str(int(at.timestamp() * 1000)))),
    "times in microseconds": days(times_as(lambda at: int(at.timestamp() * 1_000_000))),
    "times in fractions of a second": days(times_as(lambda at: at.timestamp() + 0.25)),
    "times in nanoseconds, named": days(
        times_as(lambda at: int(at.timestamp()) * 1_000_000_000),
        config={"completion_marker": "", "timestamp_format": "epoch_ns"},
    ),
    "times of an access log": days(
        times_as(lambda at: (at - timedelta(hours=5)).strftime("%d/%b/%Y:%H:%M:%S -0500")),
        config={"completion_marker": "", "timestamp_format": "%d/%b/%Y:%H:%M:%S %z"},
    ),
    "times as digits with milliseconds": days(times_as(lambda at: at.strftime("%Y%m%d%H%M%S") + "017")),
    "times as a number of digits": days(times_as(lambda at: int(at.strftime("%Y%m%d%H%M%S")))),
    "times with an offset": days(times_as(lambda at: (at + timedelta(hours=5.5)).strftime("%FT%T+05:30"))),
    "INT96": days(lambda t: written(t, use_deprecated_int96_timestamps=True)),
    "decimals": days(
        columns_as(
            click=lambda c: pa.array([Decimal(v) for v in c.to_pylist()], pa.decimal128(38, 0)),
            price=lambda c: pa.array([Decimal(str(v)) for v in c.to_pylist()], pa.decimal128(20, 6)),
            placement=lambda c: pa.array([Decimal(v) for v in c.to_pylist()], pa.decimal128(38, 0)),
        )
    ),
    "dictionaries": days(columns_as(device=lambda c: c.dictionary_encode(), country=lambda c: c.dictionary_encode())),
    "booleans": days(columns_as(click=lambda c: c.cast(pa.bool_()))),
    "booleans as words": days(columns_as(click=texts("TRUE", "False"))),
    "booleans as yes and no": days(columns_as(click=texts(" yes", "no "))),
    "an outcome as its time": days(
        lambda t: parquet(put(t, "click", pa.array(times_of_clicks(t), pa.timestamp("us"))))
    ),
    "an outcome as the text of its time": days(
        lambda t: parquet(put(t, "click", pa.array([str(at) if at else "NULL" for at in times_of_clicks(t)])))
    ),
    "lines below the remarks of an access log": days(
        lambda t: b"#Version: 1.0\n#Fields: " + lines_of(t, "\t").replace(b"\t", b" ", len(t.column_names) - 1),
        name="E2ABC.1a2b",
    ),
    "numbers as text": days(
        columns_as(click=lambda c: c.cast(pa.string()), price=lambda c: c.cast(pa.string()), placement=lambda c: c)
    ),
    "bytes as text": days(columns_as(device=lambda c: c.cast(pa.binary()))),
}


def with_bad_lines(share):
    def write(table):
        lines = lines_of(table).splitlines()
        bad = int(share * len(lines))
        return b"\n".join([*lines[:5], *([b"one,field,too,few"] * bad), *lines[5:]])

    return write


def words_for(name, share, word):
    def write(table):
        held = [word if n < share * table.num_rows else str(v) for n, v in enumerate(table[name].to_pylist())]
        return parquet(put(table, name, pa.array(held)))

    return write


REFUSED = {
    "lines that are no rows": (days(with_bad_lines(0.1), name="l.csv"), ["lines are no rows", "line 6", "Columns"]),
    "JSON that breaks off": (
        days(lambda _: b'{"a": 1}\n' + b'{"auction_id": \n' * 3, name="l.json"),
        ["9 of 12 lines are no rows", "l.json, line 2: it is no JSON object"],
    ),
    "a header with a blank name": (days(lambda _: b"a,,click\n1,2,0\n", name="l.csv"), ["names 3 columns", "csv_col"]),
    "a header with a name twice": (days(lambda _: b"a,A,click\n1,2,0\n", name="l.csv"), ["'a' more than once"]),
    "a file without its header": (
        days(lambda t: lines_of(t, header=False), name="l.csv"),
        ["the logs have no column 'click' (outcome_column)"],
    ),
    "words that are no outcomes": (
        days(words_for("click", 0.5, "clicked")),
        ["'click' (outcome_column) cannot be read, such as 'clicked'", "true, t, yes"],
    ),
    "times of a form that is not known": (
        days(times_as(lambda at: at.strftime("%d/%m/%Y at %H"))),
        ["'event_time' (timestamp_column) cannot be read", "timestamp_format"],
    ),
    "a time that is a boolean": (
        days(columns_as(event_time=lambda c: pa.array([True] * len(c)))),
        ["'event_time' (timestamp_column) is BOOLEAN"],
    ),
    "text in UTF-16": (
        days(lambda t: lines_of(t).decode().encode("utf-16"), name="l.csv"),
        ["text in UTF-16; write UTF-8"],
    ),
    "text in Latin-1": (
        days(lambda t: lines_of(put(t, "country", ["Köln"] * len(t))).decode().encode("latin-1"), name="l.csv"),
        ["not utf-8 encoded", "write the files in UTF-8"],
    ),
    "an access log cut at blanks": (
        days(lambda t: b"#Fields: " + lines_of(t, " "), name="access.log"),
        ["an access log whose fields are not separated by tabs"],
    ),
    "ORC": (days(lambda _: b"ORC" + b"\0" * 900, name="l.orc"), ["ORC", "formats that are read: parquet, csv, json"]),
    "CSV that is called Parquet": (days(lines_of), ["part-0.parquet"]),
    "a JSON array": (days(lambda t: b"[" + json_lines(t) + b"]", name="l.json"), ["write an object a line"]),
    "two formats": (
        Layout(
            lambda: {
                f"date={DAYS[0]}/a.parquet": parquet(plain()[DAYS[0]]),
                f"date={DAYS[1]}/b.csv": lines_of(plain()[DAYS[1]]),
                f"date={LAST}/a.parquet": parquet(plain()[LAST]),
            }
        ),
        ["named as logs and are not of their format", "(PARQUET among files of csv)"],
    ),
    "an hour without a file": (
        Layout(
            lambda: {
                f"{day:%Y/%m/%d}/{hour:02d}/a": parquet(rows)
                for day, table in plain().items()
                for hour, rows in hours_of(table)
                if (day, hour) != (LAST, 7)
            },
            "{date:%Y/%m/%d/%H}/",
        ),
        ["1 of 72 partitions", "2026/03/09/07/ (no file)"],
    ),
    "no marker at the root": (
        Layout(lambda: {f"date={LAST}/a": parquet(plain()[LAST])}, config={"completion_marker": "{base}/_SUCCESS"}),
        ["no s3://", "/_SUCCESS"],
    ),
    "two spellings of a name, and a third that is configured": (
        days(
            lambda t: parquet(t.append_column("Country", t["country"])),
            config={"completion_marker": "", "candidate_features": "placement, device, COUNTRY"},
        ),
        ["'country' and 'Country'", "differ in case alone", "configure one of these spellings alone"],
    ),
    "clicks of a day that are not there": (
        Layout(
            lambda: {
                path: body
                for path, body in LAYOUTS["clicks in logs of their own"].objects().items()
                if path != f"clicks/date={LAST}/a.json"
            },
            "rows/date={date}/",
            OF_CLICKS,
        ),
        ["1 partitions of outcome_logs_path are not complete", "clicks/date=2026-03-09/ (no file)"],
    ),
    "a record that has no such field": (
        days(
            lambda t: parquet(pa.Table.from_pylist([nested(row) for row in t.to_pylist()])),
            config={"completion_marker": "", "anchor_features": "device.geo.region", "candidate_features": "placement"},
        ),
        ["no column 'device.geo.region'"],
    ),
    "a record as a whole": (
        days(
            lambda t: parquet(pa.Table.from_pylist([nested(row) for row in t.to_pylist()])),
            config={"completion_marker": "", "anchor_features": "device", "candidate_features": "device, placement"},
        ),
        ["'device' (anchor_features) is STRUCT", "such as device.geo.country"],
    ),
}
CLICKS_OF_OTHER_IDS = Layout(
    LAYOUTS["clicks in logs of their own"].objects,
    "rows/date={date}/",
    OF_CLICKS | {"outcome_logs_id_columns": "event_type"},
)
FEW = {
    "bad_lines": (days(with_bad_lines(0.01), name="l.csv"), "lines are no rows"),
    "unreadable_values": (days(words_for("click", 0.01, "clicked")), "such as 'clicked'"),
}
