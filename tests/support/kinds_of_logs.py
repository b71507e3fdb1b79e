"""The kinds of bad logs: two healthy days of clicks, and what is done to them, by the words of docs/bad-logs.md."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

DAYS = (date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9))
LAST = DAYS[-1]
ROWS = 2_400
DAY = timedelta(days=1)
CONFIG = {
    "lookback_days": "3",
    "timestamp_column": "event_time",
    "outcome_column": "click",
    "cost_column": "price",
    "value_column": "",
    "row_id_columns": "auction_id",
    "candidate_features": "placement, device, country",
    "anchor_features": "placement",
    "freshness_timeout_minutes": "0",
    "macro_formats": "",
}
FEATURES = ("placement", "device", "country")


@dataclass
class Logs:
    """Logs to be: a table and a folder by day, files by path below the logs, and the configuration that reads them.

    `before` are days that one earlier run reads as they are; `config` are changes to CONFIG.
    """

    tables: dict[date, pa.Table]
    files: dict[str, bytes] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    path: str = "date={date}/"
    before: tuple[date, ...] = ()
    marker: str = "_SUCCESS"
    split: int = 1

    def objects(self) -> dict[str, bytes]:
        """Return all objects by path below the logs."""
        found = dict(self.files)
        for day, table in self.tables.items():
            folder, size = self.path.replace("{date}", str(day)), -(-table.num_rows // self.split) or 1
            for n in range(self.split):
                found[f"{folder}part-{n}.parquet"] = parquet(table.slice(n * size, size))
            if self.marker:
                found[f"{folder}{self.marker}"] = b"\n"
        return found


def parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet."""
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


def healthy_day(day: date, rows: int = ROWS) -> pa.Table:
    """Return a day of clicks that follow placement, device and country."""
    draw = np.random.default_rng(day.toordinal())
    device, country, placement = (draw.integers(0, n, rows) for n in (3, 4, 5))
    rate = 0.1 * np.array([1.8, 1.0, 0.4])[device] * np.array([1.5, 1.0, 0.8, 0.4])[country] * (0.4 + 0.3 * placement)
    seconds = np.sort(draw.integers(0, 86_400, rows))
    start = datetime.combine(day, time(), UTC)
    return pa.table(
        {
            "auction_id": [f"{day:%Y%m%d}-{n:06d}" for n in range(rows)],
            "event_time": pa.array([start + timedelta(seconds=int(s)) for s in seconds], pa.timestamp("us", "UTC")),
            "placement": 101 + placement,
            "device": np.array(["mobile", "desktop", "tablet"])[device],
            "country": np.array(["US", "DE", "FR", "BR"])[country],
            "click": (draw.random(rows) < rate).astype(np.int64),
            "price": np.round(draw.uniform(0.2, 3, rows), 4),
            "revenue": np.round(draw.uniform(0.2, 3, rows), 4),
        }
    )


def healthy() -> Logs:
    """Return three healthy days."""
    return Logs({day: healthy_day(day) for day in DAYS})


def put(table: pa.Table, name: str, column: object) -> pa.Table:
    """Return a table with a column replaced, or added."""
    values = column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def some(table: pa.Table, share: float, seed: int = 5) -> np.ndarray:
    """Return which rows are among a share of them (booleans)."""
    return np.random.default_rng(seed).random(table.num_rows) < share


def with_value(
    name: str, value: object, share: float, kind: pa.DataType | None = None
) -> Callable[[pa.Table], pa.Table]:
    """Return a change that puts a value into a share of the rows of a column."""

    def change(table: pa.Table) -> pa.Table:
        hit = some(table, share)
        held = table[name].to_pylist()
        mixed = [value if is_hit else old for is_hit, old in zip(hit, held, strict=True)]
        return put(table, name, pa.array(mixed, kind))

    return change


def cast(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """Return a change of a column's type."""
    return lambda table: put(table, name, table[name].cast(kind, safe=False))


def mapped(
    name: str, function: Callable[[object], object], kind: pa.DataType | None = None
) -> Callable[[pa.Table], pa.Table]:
    """Return a change of every value of a column."""
    return lambda table: put(table, name, pa.array([function(value) for value in table[name].to_pylist()], kind))


def scaled(name: str, factor: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that multiplies a column."""
    return lambda table: put(table, name, pc.multiply(table[name], factor))


def every(change: Callable[[pa.Table], pa.Table], **config: str) -> Logs:
    """Return healthy days, each changed."""
    return Logs({day: change(healthy_day(day)) for day in DAYS}, config=config)


def last(change: Callable[[pa.Table], pa.Table], **config: str) -> Logs:
    """Return healthy days, the last of them changed."""
    logs = healthy()
    logs.tables[LAST] = change(logs.tables[LAST])
    logs.config = config
    return logs


def night(change: Callable[[pa.Table], pa.Table], nights: int = 1, **config: str) -> Logs:
    """Return a day that is changed, after an earlier run over healthy ones."""
    before = tuple(LAST - n * DAY for n in range(nights, 0, -1))
    logs = Logs({day: healthy_day(day) for day in before} | {LAST: change(healthy_day(LAST))})
    logs.before, logs.config = before, {"lookback_days": "1", **config}
    return logs


def hours(marked: Callable[[int], bool], present: Callable[[int], bool] = lambda _hour: True, **config: str) -> Logs:
    """Return days in folders by hour: those of the last day that are present, and those that are marked."""
    logs = Logs({}, config=config)
    for day in DAYS:
        table = healthy_day(day)
        of_row = pc.hour(table["event_time"])
        for hour in range(24):
            if day == LAST and not present(hour):
                continue
            folder = f"date={day}/hour={hour:02d}"
            logs.files[f"{folder}/part-0.parquet"] = parquet(table.filter(pc.equal(of_row, hour)))
            if day != LAST or marked(hour):
                logs.files[f"{folder}/_SUCCESS"] = b"\n"
    return logs


def by_country(**config: str) -> Logs:
    """Return days in folders by country, each with its marker."""
    logs = Logs({}, config=config)
    for day in DAYS:
        table = healthy_day(day)
        for name in ("US", "DE", "FR", "BR"):
            logs.files[f"date={day}/c={name}/part-0.parquet"] = parquet(table.filter(pc.equal(table["country"], name)))
            logs.files[f"date={day}/c={name}/_SUCCESS"] = b"\n"
    return logs


def files(
    change: Callable[[dict[str, bytes]], None], *, split: int = 1, marker: str = "_SUCCESS", **config: str
) -> Logs:
    """Return healthy days whose objects are changed."""
    logs = healthy()
    logs.split, logs.marker = split, marker
    objects = logs.objects()
    change(objects)
    return Logs({}, objects, config)


def within(first: int, after: int) -> Callable[[pa.Table], pa.Table]:
    """Return a change that leaves the hours from one to before another."""

    def change(table: pa.Table) -> pa.Table:
        hour = pc.hour(table["event_time"])
        return table.filter(pc.and_(pc.greater_equal(hour, first), pc.less(hour, after)))

    return change


def without_hours(*gone: int) -> Callable[[pa.Table], pa.Table]:
    """Return a change that drops some hours."""
    return lambda table: table.filter(pc.invert(pc.is_in(pc.hour(table["event_time"]), pa.array(gone, pa.int64()))))


def shares(share: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that leaves a share of the rows."""
    return lambda table: table.filter(pa.array(some(table, share)))


def repeated(share: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that delivers a share of the rows twice."""
    return lambda table: pa.concat_tables([table, table.filter(pa.array(some(table, share)))])


def event_rows(*bare: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change that has clicks as rows of their own, which lack some columns."""

    def change(table: pa.Table) -> pa.Table:
        clicks = table.filter(pc.greater(table["click"], 0))
        for name in bare:
            clicks = put(clicks, name, pa.nulls(clicks.num_rows, table[name].type))
        clicks = put(clicks, "auction_id", pc.binary_join_element_wise(clicks["auction_id"], "click", "-"))
        return pa.concat_tables([put(table, "click", np.zeros(table.num_rows, np.int64)), clicks])

    return change


def moved(share: float, to: datetime) -> Callable[[pa.Table], pa.Table]:
    """Return a change that gives a share of the rows another time."""
    return with_value("event_time", to, share, pa.timestamp("us", "UTC"))


def text_bytes(table: pa.Table) -> pa.Table:
    """Return a table whose device has bytes that are no UTF-8 in some rows."""
    hit = some(table, 0.02)
    raw = [b"\xff\xfe" if h else value.encode() for h, value in zip(hit, table["device"].to_pylist(), strict=True)]
    values = pa.array(raw, pa.binary())
    return put(table, "device", pa.Array.from_buffers(pa.string(), len(values), values.buffers()))


def leaking(table: pa.Table) -> pa.Table:
    """Return a table with a column that is filled with the click."""
    clicks = table["click"].to_pylist()
    return put(table, "landing_page", [f"page{n % 5}" if click else None for n, click in enumerate(clicks)])


def with_lost_bids(table: pa.Table) -> pa.Table:
    """Return a table of which three of five rows are bids that were lost, with a flag of the others."""
    lost = some(table, 0.6)
    for name, of_lost in {"click": 0, "price": None}.items():
        values = [of_lost if is_lost else v for is_lost, v in zip(lost, table[name].to_pylist(), strict=True)]
        table = put(table, name, pa.array(values, table[name].type))
    return put(table, "won", pa.array(~lost))


def without_clicks(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """Return a change that loses the clicks of one value of a column, as a broken tracker does."""

    def change(table: pa.Table) -> pa.Table:
        held = zip(table["click"].to_pylist(), table[name].to_pylist(), strict=True)
        return put(table, "click", pa.array([0 if of == value else click for click, of in held], pa.int64()))

    return change


def without_clicks_of(first: int, after: int) -> Callable[[pa.Table], pa.Table]:
    """Return a change that loses the clicks of the hours from one to before another."""

    def change(table: pa.Table) -> pa.Table:
        hour = pc.hour(table["event_time"])
        is_lost = pc.and_(pc.greater_equal(hour, first), pc.less(hour, after))
        return put(table, "click", pc.if_else(is_lost, 0, table["click"]))

    return change


def of_other_rows(name: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change that gives the values of a column to other rows, as a wrong join does."""
    return lambda table: put(table, name, table[name].take(np.random.default_rng(3).permutation(table.num_rows)))


def at_another_price(placement: int, factor: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that multiplies the price of one placement."""

    def change(table: pa.Table) -> pa.Table:
        held = zip(table["price"].to_pylist(), table["placement"].to_pylist(), strict=True)
        return put(table, "price", [price * factor if of == placement else price for price, of in held])

    return change


def thinned(share: float, country: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change that keeps a share of the rows without a click of one country."""

    def change(table: pa.Table) -> pa.Table:
        others = pc.or_(pc.greater(table["click"], 0), pc.not_equal(table["country"], country))
        return table.filter(pc.or_(others, pa.array(some(table, share))))

    return change


def with_sellers(table: pa.Table) -> pa.Table:
    """Return a table with a column of sellers, of whom one has a twenty-fifth of the rows."""
    return put(table, "seller", [201 if n % 25 == 0 else 202 + n % 2 for n in range(table.num_rows)])


def in_cents(name: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change that has the money of the small seller in a fortieth of its unit."""
    return lambda table: put(
        table, name, pc.if_else(pc.equal(table["seller"], 201), pc.multiply(table[name], 40.0), table[name])
    )


def report(day: date, *, total: Sequence[str] = (), by: str = "") -> pa.Table:
    """Return a day as a platform's report has it, summed by its features, with totals: of all rows, or by a feature."""
    table, features = healthy_day(day, 20 * ROWS), list(FEATURES)
    sums = [("click", "count"), ("click", "sum"), ("price", "sum")]
    measures = {"imps": "click_count", "click": "click_sum", "price": "price_sum"}

    def summed(features: Sequence[str], words: Sequence[str]) -> pa.Table:
        found = table.group_by(list(features)).aggregate(sums)
        cells = dict(zip(FEATURES, words, strict=True)) if words else {}
        columns = {name: found[name].cast(pa.string()) if name in features else None for name in FEATURES}
        filled = {name: pa.array([cells[name]] * found.num_rows) if c is None else c for name, c in columns.items()}
        return pa.table(
            {"day": pa.array([day] * found.num_rows), **filled, **{n: found[c] for n, c in measures.items()}}
        )

    parts = [summed(features, ())]
    parts += [summed([], total)] if total else []
    parts += [summed([by], ["Subtotal"] * len(FEATURES))] if by else []
    return pa.concat_tables(parts)


def reports(**config: Any) -> Logs:
    """Return three days of reports; arguments as of `report`."""
    of_report = {"row_id_columns": "", "timestamp_column": "day", "exposure_column": "imps"}
    return Logs({day: report(day, **config) for day in DAYS}, config=of_report)


def again_by_new_ids(share: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that appends a share of the rows once more, with ids of their own."""

    def change(table: pa.Table) -> pa.Table:
        copies = table.filter(pa.array(some(table, share)))
        ids = pc.binary_join_element_wise(copies["auction_id"].cast(pa.string()), "again", "-")
        return pa.concat_tables([table, put(copies, "auction_id", ids)])

    return change


def beside(share: float) -> Callable[[pa.Table], pa.Table]:
    """Return a change that appends rows of the same time and values as some, with a click and a price of their own."""

    def change(table: pa.Table) -> pa.Table:
        both = again_by_new_ids(share)(table)
        others = both.slice(table.num_rows)
        anew = healthy_day(DAYS[0], others.num_rows)
        others = put(put(others, "click", anew["click"]), "price", anew["price"])
        return pa.concat_tables([table, others])

    return change


SERVERS = 4


def in_one_file(change: Callable[[pa.Table], pa.Table], parts: int = 10) -> Logs:
    """Return larger days in files of every so many rows, of which the second of each day is changed, or of the last."""
    objects = {}
    for day in DAYS:
        table = healthy_day(day, 5 * ROWS)
        for n in range(parts):
            part = table.take(pa.array(range(n, table.num_rows, parts)))
            is_changed = n == 1 and (day == LAST or parts == SERVERS)
            objects[f"date={day}/part-{n}.parquet"] = parquet(change(part) if is_changed else part)
        objects[f"date={day}/_SUCCESS"] = b"\n"
    return Logs({}, objects)


def files_by_country() -> Logs:
    """Return larger days in a file for each country; in one they click nearly four times as often as in another."""
    objects = {}
    for day in DAYS:
        table = healthy_day(day, 5 * ROWS)
        for country in ("US", "DE", "FR", "BR"):
            of_country = table.filter(pc.equal(table["country"], country))
            objects[f"date={day}/country-{country}.parquet"] = parquet(of_country)
        objects[f"date={day}/_SUCCESS"] = b"\n"
    return Logs({}, objects)


def hourly_reports(*, runs_on: bool) -> Logs:
    """Return days of reports by hour, whose counts are those of the hour, or of all hours since midnight."""
    tables = {}
    for day in DAYS:
        draw = np.random.default_rng(day.toordinal())
        device, country, placement, hour = (each.ravel() for each in np.indices((3, 4, 5, 24)))
        rate = 0.1 * np.array([1.8, 1.0, 0.4])[device] * np.array([1.5, 1.0, 0.8, 0.4])[country]
        imps = draw.poisson(60 * (1 + 0.8 * np.sin((hour - 9) / 12 * np.pi)))
        counts = {"imps": imps, "click": draw.binomial(imps, rate * (0.4 + 0.3 * placement))}
        counts |= {"price": imps * draw.uniform(1.0, 1.5, len(imps))}
        if runs_on:
            counts = {name: each.reshape(-1, 24).cumsum(axis=1).ravel() for name, each in counts.items()}
        start = datetime.combine(day, time(), UTC)
        times = pa.array([start + timedelta(hours=int(h)) for h in hour], pa.timestamp("us", "UTC"))
        named = {"placement": 101 + placement, "device": np.array(["mobile", "desktop", "tablet"])[device]}
        named["country"] = np.array(["US", "DE", "FR", "BR"])[country]
        tables[day] = pa.table({"event_time": times, **named, **counts})
    return Logs(tables, config={"row_id_columns": "", "exposure_column": "imps"})


def week(change: Callable[[pa.Table], pa.Table]) -> Logs:
    """Return a week of days, the last of them changed."""
    days = [LAST - n * DAY for n in range(6, -1, -1)]
    tables = {day: change(healthy_day(day)) if day == LAST else healthy_day(day) for day in days}
    return Logs(tables, config={"lookback_days": "7"})


def without_late_clicks(share: float, first: int) -> Callable[[pa.Table], pa.Table]:
    """Return a change that loses a share of the clicks from an hour on, which are still to come."""

    def change(table: pa.Table) -> pa.Table:
        is_late = pc.and_(pc.greater_equal(pc.hour(table["event_time"]), first), pa.array(some(table, share)))
        return put(table, "click", pc.if_else(is_late, 0, table["click"]))

    return change


def of_half(name: str, change: Callable[[str], str]) -> Callable[[pa.Table], pa.Table]:
    """Return a change of every other value of a column."""
    return lambda table: put(table, name, [change(v) if n % 2 else v for n, v in enumerate(table[name].to_pylist())])


def json_lines(table: pa.Table, twice: Mapping[str, object]) -> bytes:
    """Return a table as JSON lines, some of which give a name a second time."""
    rows = [
        json.dumps(row, default=str)[:-1] + (f", {json.dumps(twice)[1:]}" if twice and n % 50 == 0 else "}")
        for n, row in enumerate(table.to_pylist())
    ]
    return "\n".join(rows).encode()


def csv_lines(table: pa.Table) -> list[bytes]:
    """Return the lines of a table as text, its header first."""
    body = io.BytesIO()
    pcsv.write_csv(table, body)
    return body.getvalue().splitlines()


def texts(body: Callable[[pa.Table], bytes], ending: str) -> Logs:
    """Return three days in files of text."""
    return Logs({}, {f"date={day}/a.{ending}": body(healthy_day(day)) for day in DAYS}, {"completion_marker": ""})


def damaged(objects: dict[str, bytes], change: Callable[[bytes], bytes]) -> None:
    """Damage the first file of the last day."""
    name = f"date={LAST}/part-0.parquet"
    objects[name] = change(objects[name])


def flipped(body: bytes) -> bytes:
    """Return a file with a byte of its data changed in many places."""
    broken = bytearray(body)
    for at in range(200, len(body) // 2, 97):
        broken[at] ^= 0x5A
    return bytes(broken)


def open_quotes(table: pa.Table) -> bytes:
    """Return a table as text in which each hundredth line has a quote that is not closed, as a cut text leaves it."""
    body = io.BytesIO()
    pcsv.write_csv(table, body, pcsv.WriteOptions(quoting_style="none", quoting_header="none"))
    lines = body.getvalue().splitlines()
    return b"\n".join(b'"' + line if n and n % 100 == 0 else line for n, line in enumerate(lines))


def renamed(old: str, new: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change of a column's name."""
    return lambda table: table.rename_columns([new if name == old else name for name in table.column_names])


def dropped(*names: str) -> Callable[[pa.Table], pa.Table]:
    """Return a change that drops columns."""
    return lambda table: table.drop_columns(list(names))


def added(name: str, value: Callable[[int], object], kind: pa.DataType | None = None) -> Callable[[pa.Table], pa.Table]:
    """Return a change that adds a column of a value by row number."""
    return lambda table: put(table, name, pa.array([value(n) for n in range(table.num_rows)], kind))


CANDIDATES = "placement, device, country"
SELLERS = {"candidate_features": f"{CANDIDATES}, seller", "anchor_features": "seller"}
FAR = datetime(2030, 1, 1, tzinfo=UTC)


def _copied(objects: dict[str, bytes]) -> None:
    objects[f"date={LAST}/part-0-copy.parquet"] = objects[f"date={LAST}/part-0.parquet"]


def _moved_to(objects: dict[str, bytes], new: Callable[[str], str], day: date = LAST) -> None:
    for name in [name for name in objects if name.startswith(f"date={day}/")]:
        objects[new(name)] = objects.pop(name)


def _without(objects: dict[str, bytes], *names: str) -> None:
    for name in names:
        del objects[f"date={LAST}/{name}"]


MARKERS: dict[str, Callable[[], Logs]] = {
    "nothing is wrong": healthy,
    "a day without its marker": lambda: files(lambda o: _without(o, "_SUCCESS")),
    "a marker of another name": lambda: files(
        lambda o: o.update({f"date={LAST}/_success": o.pop(f"date={LAST}/_SUCCESS")})
    ),
    "a marker in a temporary folder": lambda: files(
        lambda o: o.update({f"date={LAST}/_temporary/0/_SUCCESS": o.pop(f"date={LAST}/_SUCCESS")})
    ),
    "a marker in a backup folder": lambda: files(
        lambda o: o.update({f"date={LAST}/backup/_SUCCESS": o.pop(f"date={LAST}/_SUCCESS")})
    ),
    "a marker without data": lambda: files(lambda o: _without(o, "part-0.parquet")),
    "a day that is not there": lambda: files(lambda o: _without(o, "part-0.parquet", "_SUCCESS")),
    "a day that is not there, and may be": lambda: files(
        lambda o: _without(o, "part-0.parquet", "_SUCCESS"), min_partition_share="0.5"
    ),
    "no day at all": lambda: files(lambda o: o.clear()),
    "24 hours with a marker each": lambda: hours(lambda _hour: True),
    "six of 24 hours, each with its marker": lambda: hours(lambda hour: hour < 6, lambda hour: hour < 6),
    "an hour without its marker": lambda: hours(lambda hour: hour != 5),
    "the last hour is not there": lambda: hours(lambda hour: hour < 23, lambda hour: hour < 23),
    "a file beside hours with markers": lambda: files(
        lambda o: (
            o.update(
                {
                    f"date={LAST}/hour=05/_SUCCESS": b"\n",
                    f"date={LAST}/hour=05/a.parquet": o[f"date={LAST}/part-0.parquet"],
                }
            ),
            _without(o, "_SUCCESS"),
        )
    ),
    "countries with a marker each, their number unknown": by_country,
    "countries with a marker each, as many as there should be": lambda: by_country(markers_per_day="4"),
    "countries with a marker each, one too few": lambda: by_country(markers_per_day="5"),
    "files whose names begin with _": lambda: files(lambda o: _moved_to(o, lambda n: n.replace("part", "_part"))),
    "files below a folder that begins with .": lambda: files(
        lambda o: o.update({f"date={LAST}/.staging/a.parquet": o.pop(f"date={LAST}/part-0.parquet")})
    ),
    "files of another ending": lambda: files(lambda o: _moved_to(o, lambda n: n.replace(".parquet", ".csv"))),
    "a day whose name has no zeros": lambda: files(
        lambda o: _moved_to(o, lambda n: n.replace("2026-03-09", "2026-3-9"))
    ),
    "a day whose only file has no rows": lambda: last(lambda t: t.slice(0, 0)),
    "a file without rows beside others": lambda: files(
        lambda o: o.update({f"date={LAST}/empty.parquet": parquet(healthy_day(LAST).slice(0, 0))})
    ),
    "the file of the day before in this day's folder": lambda: last(lambda _t: healthy_day(DAYS[1])),
    "a few rows of the day before in this day's folder": lambda: last(
        lambda t: pa.concat_tables([t, healthy_day(DAYS[1]).slice(0, 40)])
    ),
    "a window of which one file for all days has no row": lambda: Logs(
        {}, {"all.parquet": parquet(healthy_day(date(2026, 1, 1)))}, {}, path="all.parquet"
    ),
}
VOLUME: dict[str, Callable[[], Logs]] = {
    "a fifteenth of the rows of the night before": lambda: night(shares(1 / 15)),
    "a quarter of the rows of the night before": lambda: night(shares(1 / 4.2)),
    "half of the rows of the night before": lambda: night(shares(1 / 2)),
    "half of the rows, after a week of whole nights": lambda: night(shares(1 / 2), nights=7),
    "all rows twice, without an id, after a week of nights": lambda: night(repeated(1), nights=7, row_id_columns=""),
    "three quarters of the rows, after a week of whole nights": lambda: night(shares(3 / 4), nights=7),
    "four times the rows of the night before": lambda: night(lambda _t: healthy_day(LAST, 4 * ROWS)),
    "a seventh of the rows on one day": lambda: last(shares(1 / 7)),
    "five times the rows on one day": lambda: last(lambda _t: healthy_day(LAST, 5 * ROWS)),
    "the last day ends at six": lambda: last(within(0, 6)),
    "the last day ends at twenty-three": lambda: last(within(0, 23)),
    "the first day begins at ten": lambda: Logs(
        {day: within(10, 24)(healthy_day(day)) if day == DAYS[0] else healthy_day(day) for day in DAYS}
    ),
    "one file that ends at six": lambda: Logs(
        {},
        {"all.parquet": parquet(pa.concat_tables([*map(healthy_day, DAYS[:2]), within(0, 6)(healthy_day(LAST))]))},
        path="all.parquet",
    ),
    "a night that ends at six": lambda: night(within(0, 6)),
    "one silent hour": lambda: last(without_hours(13)),
    "four silent hours": lambda: last(without_hours(10, 11, 12, 13)),
    "bids from eight to twenty alone, every day": lambda: every(within(8, 20)),
    "a day without clicks": lambda: last(mapped("click", lambda _v: 0)),
    "a night without clicks": lambda: night(mapped("click", lambda _v: 0)),
    "a night with a fifth of the clicks": lambda: night(
        lambda t: put(t, "click", pc.if_else(pa.array(some(t, 0.2)), t["click"], 0))
    ),
    "a day with a fifth of the clicks": lambda: last(
        lambda t: put(t, "click", pc.if_else(pa.array(some(t, 0.2)), t["click"], 0))
    ),
    "a day that cost nothing": lambda: last(scaled("price", 0.0)),
    "a day at a million times the price": lambda: last(scaled("price", 1e6)),
    "a night in micros": lambda: night(scaled("price", 1e6)),
    "a day at a thousandth of the value": lambda: last(scaled("revenue", 1e-3), value_column="revenue"),
    "a day of ten exposures a row": lambda: Logs(
        {day: added("imps", lambda _n, d=day: 10 if d == LAST else 1)(healthy_day(day)) for day in DAYS},
        config={"exposure_column": "imps"},
    ),
    "reports, a row for each combination of values": reports,
    "reports with a row of the total": lambda: reports(total=("Total", "-", "")),
    "reports with a row of the total that says nothing": lambda: reports(total=("", "", "")),
    "reports with a subtotal of each placement": lambda: reports(by="placement"),
    "hourly reports": lambda: hourly_reports(runs_on=False),
    "hourly reports whose counts run on since midnight": lambda: hourly_reports(runs_on=True),
    "a tenth of the rows without a click of one country, on one day": lambda: Logs(
        {day: thinned(0.1, "FR")(t) if day == LAST else t for day in DAYS for t in [healthy_day(day, 5 * ROWS)]}
    ),
    "a tenth of the rows without a click of one country, since the night before": lambda: night(thinned(0.1, "FR")),
}
OUTCOMES: dict[str, Callable[[], Logs]] = {
    "no outcome column": lambda: every(dropped("click")),
    "no outcome column in one file": lambda: last(dropped("click")),
    "the outcome is null in half of the rows": lambda: every(with_value("click", None, 0.5, pa.int64())),
    "the outcome is null in half of the rows of one day": lambda: last(with_value("click", None, 0.5, pa.int64())),
    "the outcome is null in one row of a hundred": lambda: every(with_value("click", None, 0.01, pa.int64())),
    "null where nobody clicked": lambda: every(mapped("click", lambda v: v or None, pa.int64())),
    "null everywhere": lambda: every(mapped("click", lambda _v: None, pa.int64())),
    "no click at all": lambda: every(mapped("click", lambda _v: 0)),
    "nothing but clicks": lambda: every(mapped("click", lambda _v: 1)),
    "a hundred negative outcomes": lambda: every(with_value("click", -1, 0.04)),
    "two clicks on one exposure, seldom": lambda: every(with_value("click", 2, 0.02)),
    "two clicks on one exposure, often": lambda: every(with_value("click", 2, 0.2)),
    "NaN outcomes, seldom": lambda: every(with_value("click", float("nan"), 0.02, pa.float64())),
    "NaN outcomes, often": lambda: every(with_value("click", float("nan"), 0.3, pa.float64())),
    "infinite outcomes": lambda: every(with_value("click", float("inf"), 0.3, pa.float64())),
    "outcomes of 1e300": lambda: every(with_value("click", 1e300, 0.3, pa.float64())),
    "outcomes as texts 0 and 1": lambda: every(mapped("click", str)),
    "outcomes as words": lambda: every(mapped("click", lambda v: "click" if v else "impression")),
    "outcomes as booleans": lambda: every(mapped("click", bool)),
    "outcomes as decimals": lambda: every(cast("click", pa.decimal128(25, 2))),
    "outcomes in a list": lambda: every(mapped("click", lambda v: [v])),
    "clicks as rows of their own": lambda: every(event_rows("placement", "device", "country", "price")),
    "clicks as rows of their own, with a device": lambda: every(event_rows("placement", "country", "price")),
    "clicks as rows of their own, on one day": lambda: last(event_rows("placement", "device", "country", "price")),
    "a column that is filled with the click": lambda: every(leaking, candidate_features=f"{CANDIDATES}, landing_page"),
    "a copy of the outcome": lambda: every(
        lambda t: put(t, "was_clicked", t["click"]), candidate_features=f"{CANDIDATES}, was_clicked"
    ),
    "a placement whose clicks are lost": lambda: every(without_clicks("placement", 105)),
    "a placement whose clicks are lost on one day": lambda: last(without_clicks("placement", 105)),
    "a placement whose clicks are lost since the night before": lambda: Logs(
        {day: without_clicks("placement", 105)(healthy_day(day, 4 * ROWS)) for day in DAYS[1:]},
        config={"lookback_days": "1"},
        before=(DAYS[1],),
    ),
    "the clicks of an evening are lost": lambda: Logs(
        {day: without_clicks_of(18, 24)(t) if day == LAST else t for day in DAYS for t in [healthy_day(day, 4 * ROWS)]}
    ),
    "the clicks of every evening are lost": lambda: Logs(
        {day: without_clicks_of(18, 24)(healthy_day(day, 4 * ROWS)) for day in DAYS}
    ),
    "orders of a day are worth nothing": lambda: Logs(
        {
            day: put(t, "revenue", pc.multiply(t["revenue"], pc.cast(t["click"] if day != LAST else 0, pa.float64())))
            for day in DAYS
            for t in [healthy_day(day, 5 * ROWS)]
        },
        config={"value_column": "revenue", "objective": "value"},
    ),
    "bids that were lost among the exposures": lambda: every(with_lost_bids),
    "a flag of the bids that were won": lambda: every(with_lost_bids, candidate_features=f"{CANDIDATES}, won"),
    "lost bids, and the flag of the won ones as exposures": lambda: every(with_lost_bids, exposure_column="won"),
    "most clicks of an evening are still to come": lambda: week(without_late_clicks(0.8, 18)),
    "0 where there was a click, and 1 where there was none": lambda: every(mapped("click", lambda v: 1 - v)),
    "0 where there was a click, in one file of thirty": lambda: in_one_file(mapped("click", lambda v: 1 - v)),
    "a file of thirty that lost its clicks": lambda: in_one_file(mapped("click", lambda _v: 0)),
    "files of a server of four that lost its clicks": lambda: in_one_file(mapped("click", lambda _v: 0), parts=4),
    "a file for each country": files_by_country,
}
TIMES: dict[str, Callable[[], Logs]] = {
    "no time column": lambda: every(dropped("event_time")),
    "no time column in one file": lambda: last(dropped("event_time")),
    "95 % of the times are null": lambda: every(moved(0.95, None)),
    "one time of a hundred is null": lambda: every(moved(0.01, None)),
    "a third of the times are in 2030": lambda: every(moved(1 / 3, FAR)),
    "one time of a hundred is in 2030": lambda: every(moved(0.01, FAR)),
    "all times are in 2030": lambda: every(moved(1.0, FAR)),
    "times of the year 1": lambda: every(moved(0.3, datetime(1, 1, 1, tzinfo=UTC))),
    "all times at midnight": lambda: Logs(
        {
            day: put(t := healthy_day(day), "event_time", pa.array([datetime.combine(day, time(), UTC)] * t.num_rows))
            for day in DAYS
        }
    ),
    "times as dates": lambda: every(cast("event_time", pa.date32())),
    "times without a zone": lambda: every(cast("event_time", pa.timestamp("us"))),
    "times in nanoseconds": lambda: every(cast("event_time", pa.timestamp("ns", "UTC"))),
    "times as texts with an offset": lambda: every(mapped("event_time", lambda v: v.isoformat())),
    "times as seconds since 1970": lambda: every(mapped("event_time", lambda v: int(v.timestamp()))),
    "times as words": lambda: every(mapped("event_time", lambda _v: "yesterday")),
    "a few times as words": lambda: every(
        lambda t: with_value("event_time", "yesterday", 0.01)(mapped("event_time", lambda v: v.isoformat())(t))
    ),
    "clocks that are an hour fast": lambda: every(mapped("event_time", lambda v: v + timedelta(hours=1))),
    "clocks that are twelve hours fast": lambda: every(mapped("event_time", lambda v: v + timedelta(hours=12))),
    "a third of an hour's rows in one minute": lambda: every(
        lambda t: pa.concat_tables(
            [
                t,
                mapped("event_time", lambda v: datetime.combine(v.date(), time(12, 30), UTC))(
                    mapped("auction_id", lambda v: f"{v}-b")(t.slice(0, 400))
                ),
            ]
        ).sort_by("event_time"),
        lookback_days="3",
    ),
    "folders cut in UTC for an entity in New York": lambda: Logs(
        {day: healthy_day(day) for day in (*DAYS, LAST + DAY)}, config={"timezone": "America/New_York"}
    ),
}
IDS: dict[str, Callable[[], Logs]] = {
    "two rows of a hundred are there twice": lambda: every(repeated(0.02)),
    "a fifth of the rows is there twice": lambda: every(repeated(0.2)),
    "a fifth of the rows is there twice, and dropped": lambda: every(
        repeated(0.2), drop_duplicates="true", max_duplicate_share="1"
    ),
    "a fifth of the rows is there twice, under new ids": lambda: every(again_by_new_ids(0.2)),
    "one row of fifty is there twice, under new ids": lambda: every(again_by_new_ids(0.02)),
    "a fifth of the rows beside another of the same time": lambda: every(beside(0.2)),
    "a file that was delivered twice": lambda: files(_copied),
    "a file that was delivered twice, without ids": lambda: files(_copied, row_id_columns=""),
    "a file that was delivered twice, without ids and times": lambda: files(
        _copied, row_id_columns="", timestamp_column=""
    ),
    "all rows have one id": lambda: every(mapped("auction_id", lambda _v: "same")),
    "no row has an id": lambda: every(mapped("auction_id", lambda _v: None, pa.string())),
    "a third of the rows has no id": lambda: every(with_value("auction_id", None, 0.3)),
    "a third of the rows has the id null": lambda: every(with_value("auction_id", "null", 0.3)),
    "no id column": lambda: every(dropped("auction_id")),
    "no id column in one file": lambda: last(dropped("auction_id")),
    "ids as numbers": lambda: every(added("auction_id", lambda n: n)),
}
MONEY: dict[str, Callable[[], Logs]] = {
    "costs that are NaN": lambda: every(with_value("price", float("nan"), 0.1)),
    "costs that are infinite": lambda: every(with_value("price", float("inf"), 0.1)),
    "costs that are negative": lambda: every(with_value("price", -5.0, 0.1)),
    "values that are negative": lambda: every(with_value("revenue", -5.0, 0.1), value_column="revenue"),
    "money earned that is NaN": lambda: every(with_value("revenue", float("nan"), 0.1), value_column="revenue"),
    "costs that are null": lambda: every(with_value("price", None, 0.1)),
    "costs as texts": lambda: every(mapped("price", str)),
    "costs as texts, of which a third is NULL": lambda: every(
        lambda t: with_value("price", "NULL", 0.3)(mapped("price", str)(t))
    ),
    "costs as texts, of which a third is \\N": lambda: every(
        lambda t: with_value("price", "\\N", 0.3)(mapped("price", str)(t))
    ),
    "costs with a currency sign": lambda: every(mapped("price", lambda v: f"${v}")),
    "costs with a comma": lambda: every(mapped("price", lambda v: f"{v}".replace(".", ","))),
    "no cost column": lambda: every(dropped("price")),
    "no cost column in one file": lambda: last(dropped("price")),
    "costs above the bid": lambda: every(added("bid", lambda _n: 1.0), bid_column="bid"),
    "one placement at a thousand times the price": lambda: every(at_another_price(103, 1000)),
    "one placement without a price on one day": lambda: last(at_another_price(103, 0)),
    "a seller at forty times the price on one day": lambda: Logs(
        {day: in_cents("price")(t) if day == LAST else t for day in DAYS for t in [with_sellers(healthy_day(day))]},
        config=SELLERS,
    ),
    "a placement at a fortieth of the price since the night before": lambda: night(at_another_price(105, 1 / 40)),
    "a seller at forty times the value on one day": lambda: Logs(
        {day: in_cents("revenue")(t) if day == LAST else t for day in DAYS for t in [with_sellers(healthy_day(day))]},
        config=SELLERS | {"value_column": "revenue", "objective": "value"},
    ),
    "a currency without a rate": lambda: every(
        added("cur", lambda n: "USD" if n % 10 else "XYZ"), currency_column="cur", currency_rates='{"USD": 1}'
    ),
    "rows without a currency": lambda: every(
        added("cur", lambda n: "USD" if n % 10 else None, pa.string()),
        currency_column="cur",
        currency_rates='{"USD": 1}',
    ),
    "costs of 1e15": lambda: every(scaled("price", 1e15)),
    "one order of a million": lambda: every(
        lambda t: put(t, "revenue", pa.array([1e6 if n == 7 else v for n, v in enumerate(t["revenue"].to_pylist())])),
        value_column="revenue",
        objective="value",
    ),
    "weights that are negative": lambda: every(added("w", lambda n: -1.0 if n % 9 == 0 else 1.0), weight_column="w"),
    "weights that are NaN": lambda: every(
        added("w", lambda n: float("nan") if n == 9 else 1.0 + n % 2), weight_column="w"
    ),
    "weights that are null": lambda: every(added("w", lambda n: None if n % 9 == 0 else 1.0), weight_column="w"),
    "weights that are all zero": lambda: every(added("w", lambda _n: 0.0), weight_column="w"),
    "exposures that are all zero": lambda: every(added("imps", lambda _n: 0), exposure_column="imps"),
    "exposures that are negative": lambda: every(
        added("imps", lambda n: -1 if n % 9 == 0 else 1), exposure_column="imps"
    ),
    "exposures as texts": lambda: every(added("imps", lambda _n: "1"), exposure_column="imps"),
}
FEATURES_BROKEN: dict[str, Callable[[], Logs]] = {
    "no anchor column": lambda: every(dropped("placement")),
    "no anchor column in one file": lambda: last(dropped("placement")),
    "no candidate column": lambda: every(dropped("device")),
    "no candidate column in one file": lambda: last(dropped("device")),
    "a candidate of another name": lambda: every(renamed("device", "device_type")),
    "an anchor with one value": lambda: every(mapped("placement", lambda _v: 1)),
    "a candidate with one value": lambda: every(mapped("device", lambda _v: "mobile")),
    "an anchor that is null": lambda: every(mapped("placement", lambda _v: None, pa.int64())),
    "a candidate that is null": lambda: every(mapped("device", lambda _v: None, pa.string())),
    "an anchor of another type in one file": lambda: last(cast("placement", pa.string())),
    "a candidate of another type in one file": lambda: last(cast("device", pa.dictionary(pa.int32(), pa.string()))),
    "numbers with a point in one file": lambda: last(cast("placement", pa.float64())),
    "ids of 18 digits, as floats in one file": lambda: Logs(
        {
            day: mapped(
                "placement", lambda v, d=day: (float if d == LAST else int)(123_456_789_012_345_678 + 1_000 * v)
            )(healthy_day(day))
            for day in DAYS
        }
    ),
    "ids of 18 digits, as numbers a spreadsheet shows": lambda: every(
        mapped("placement", lambda v: f"{(10**17 + 10**14 * v):.3E}")
    ),
    "ids of 18 digits, as texts in one file": lambda: Logs(
        {
            day: mapped("placement", lambda v, d=day: (str if d == LAST else int)(123_456_789_012_345_678 + 1_000 * v))(
                healthy_day(day)
            )
            for day in DAYS
        }
    ),
    "ids of rows as a candidate": lambda: every(lambda t: t, candidate_features=f"{CANDIDATES}, auction_id"),
    "mail addresses as a candidate": lambda: every(
        added("who", lambda n: f"u{n}@example.com"), candidate_features=f"{CANDIDATES}, who"
    ),
    "mail addresses as an anchor": lambda: every(
        added("who", lambda n: f"u{n % 40}@example.com"), candidate_features=f"{CANDIDATES}, who", anchor_features="who"
    ),
    "network addresses as a candidate": lambda: every(
        added("at", lambda n: f"10.0.{n % 200}.{n % 7}"), candidate_features=f"{CANDIDATES}, at"
    ),
    "UUIDs as a candidate": lambda: every(
        added("u", lambda n: f"{n % 300:08x}-0000-4000-8000-000000000000"), candidate_features=f"{CANDIDATES}, u"
    ),
    "a denied name as a candidate": lambda: every(
        added("user_id", lambda n: n % 50), candidate_features=f"{CANDIDATES}, user_id"
    ),
    "values of 300 bytes": lambda: every(with_value("device", "x" * 300, 0.3)),
    "values of 300 bytes, all": lambda: every(mapped("device", lambda v: f"{v}{'x' * 300}")),
    "macros that were not expanded": lambda: every(with_value("device", "${DEVICE}", 0.3)),
    "macros that were not expanded, all": lambda: every(mapped("device", lambda _v: "%%DEVICE%%")),
    "values that hold the key's separator": lambda: every(mapped("device", lambda v: f"{v}|x")),
    "the value *": lambda: every(with_value("device", "*", 0.3)),
    "the value __missing__": lambda: every(with_value("device", "__missing__", 0.3)),
    "the value __other__": lambda: every(with_value("device", "__other__", 0.3)),
    "values with line ends": lambda: every(mapped("device", lambda v: f"{v}\n{v}")),
    "a default in all rows of the last day": lambda: last(mapped("device", lambda _v: "unknown")),
    "a column of other rows on the last day": lambda: Logs(
        {day: of_other_rows("device")(t) if day == LAST else t for day in DAYS for t in [healthy_day(day, 5 * ROWS)]}
    ),
    "values that were given new codes on the last day": lambda: Logs(
        {
            day: mapped("placement", lambda v: 206 - v)(t) if day == LAST else t
            for day in DAYS
            for t in [healthy_day(day, 5 * ROWS)]
        }
    ),
    "values that were given new codes since the night before": lambda: Logs(
        {
            DAYS[1]: healthy_day(DAYS[1], 5 * ROWS),
            LAST: mapped("placement", lambda v: 206 - v)(healthy_day(LAST, 5 * ROWS)),
        },
        config={"lookback_days": "1"},
        before=(DAYS[1],),
    ),
    "values that are spelt otherwise since the night before": lambda: night(mapped("country", lambda v: f"{v}A")),
    "values with quotes": lambda: every(mapped("device", lambda v: f"'{v}\"; DROP TABLE opt_runs; --")),
    "values with a zero byte": lambda: every(mapped("device", lambda v: f"{v}\x00")),
    "emoji": lambda: every(mapped("device", lambda v: f"{v}\U0001f600")),
    "values with blanks around": lambda: every(with_value("device", "  mobile ", 0.2)),
    "values in two cases": lambda: every(of_half("device", str.upper)),
    "values that were encoded for a URL once more in some rows": lambda: every(
        of_half("country", lambda v: quote(quote(f"{v} ")))
    ),
    "values with characters that are not seen in some rows": lambda: every(of_half("device", lambda v: f"{v}\u200b")),
    "a value that is spelt -": lambda: every(with_value("device", "-", 0.2)),
    "a value that is spelt with a character that is not seen": lambda: every(with_value("device", "\u200b", 0.2)),
    "a value that is spelt unknown": lambda: every(with_value("device", "unknown", 0.2)),
    "a value that is spelt unknown, beside rows without a value": lambda: every(
        lambda t: with_value("device", None, 0.2)(with_value("device", "unknown", 0.5)(t))
    ),
    "macros that were not expanded, within values": lambda: every(with_value("device", "app=${APP_ID}&x=1", 0.3)),
    "ids that were floats of 32 bits": lambda: every(
        lambda t: put(
            t,
            "placement",
            [int(np.float32(2_000_000_001 + 137 * (7 * v + n % 9))) for n, v in enumerate(t["placement"].to_pylist())],
        )
    ),
    "hosts in different case": lambda: every(
        mapped("device", lambda v: f"WWW.{v}.COM".title()), host_features="device"
    ),
    "bytes that are no text": lambda: every(text_bytes),
    "values as bytes": lambda: every(mapped("device", lambda v: v.encode(), pa.binary())),
    "values as lists": lambda: every(mapped("device", lambda v: [v])),
    "values as records": lambda: every(mapped("device", lambda v: {"name": v})),
    "values as maps": lambda: every(mapped("device", lambda v: [(v, 1)], pa.map_(pa.string(), pa.int64()))),
    "values as dates": lambda: every(
        added("day", lambda n: date(2026, 1, 1 + n % 5)), candidate_features=f"{CANDIDATES}, day"
    ),
    "values as decimals": lambda: every(cast("placement", pa.decimal128(25, 2))),
    "values that are NaN": lambda: every(
        added("size", lambda n: float("nan") if n % 3 else 1.5), candidate_features=f"{CANDIDATES}, size"
    ),
    "values 0 and -0": lambda: every(
        added("size", lambda n: 0.0 if n % 2 else -0.0), candidate_features=f"{CANDIDATES}, size"
    ),
    "a value that nearly all rows lack": lambda: every(
        added("rare", lambda n: "x" if n % 100 == 0 else None, pa.string()), candidate_features=f"{CANDIDATES}, rare"
    ),
    "a value with one row": lambda: every(with_value("country", "ZZ", 0.0005)),
    "a column name with a quote": lambda: every(
        renamed("device", "de'v\"ice"), candidate_features="placement, de'v\"ice"
    ),
    "a column name with a blank": lambda: every(
        renamed("device", "device type"), candidate_features="placement, device type"
    ),
    "a column named as a measure": lambda: every(
        renamed("device", "exposure"), candidate_features="placement, exposure"
    ),
    "a column named as a keyword": lambda: every(renamed("device", "select"), candidate_features="placement, select"),
    "a column twice, in another case": lambda: every(lambda t: t.append_column("Device", t["country"])),
    "the outcome column twice, in another case": lambda: every(lambda t: t.append_column("Click", t["placement"])),
    "columns in another order in one file": lambda: last(lambda t: t.select(t.column_names[::-1])),
    "one more column in one file": lambda: last(added("extra", lambda n: n)),
    "a new country": lambda: night(with_value("country", "JP", 0.2)),
    "a country is gone": lambda: night(lambda t: t.filter(pc.not_equal(t["country"], "BR"))),
    "ten times the placements": lambda: night(
        lambda t: put(t, "placement", pc.add(t["placement"], pa.array([1_000 * (n % 20) for n in range(t.num_rows)])))
    ),
    "a placement that is clicked on by bots": lambda: night(
        lambda t: put(
            t, "click", pc.if_else(pc.and_(pc.equal(t["placement"], 102), pa.array(some(t, 0.9))), 1, t["click"])
        )
    ),
    "the rows of another entity beside its own": lambda: every(
        added("site", lambda n: "a" if n % 2 else "b"), row_filter='{"site": ["a"]}'
    ),
    "a filter that no row passes": lambda: every(added("site", lambda _n: "b"), row_filter='{"site": ["a"]}'),
    "a filter by a column that is not there": lambda: every(lambda t: t, row_filter='{"site": ["a"]}'),
}
FILES: dict[str, Callable[[], Logs]] = {
    "a file that is cut off": lambda: files(lambda o: damaged(o, lambda b: b[: len(b) // 2])),
    "an empty file": lambda: files(lambda o: damaged(o, lambda _b: b"")),
    "a file of zeros": lambda: files(lambda o: damaged(o, lambda b: bytes(len(b)))),
    "a text file": lambda: files(lambda o: damaged(o, lambda _b: b"event_time,click\n2026-03-09,1\n")),
    "a file with flipped bytes": lambda: files(lambda o: damaged(o, flipped)),
    "a file with another footer": lambda: files(lambda o: damaged(o, lambda b: b[:-8] + b"\xff\xff\xff\x7fPAR1")),
    "one damaged file of four": lambda: files(lambda o: damaged(o, lambda b: b[:100]), split=4),
    "texts with quotes that are not closed": lambda: Logs(
        {}, {f"date={day}/a.csv": open_quotes(healthy_day(day)) for day in DAYS}, {"completion_marker": ""}
    ),
    "JSON lines that give a feature twice": lambda: texts(lambda t: json_lines(t, {"device": "tv"}), "json"),
    "JSON lines that give a name twice that nobody reads": lambda: texts(
        lambda t: json_lines(put(t, "ext", ["x"] * t.num_rows), {"ext": "y"}), "json"
    ),
    "texts that were joined with their headers": lambda: texts(
        lambda t: b"\n".join([*csv_lines(t.slice(0, 1200)), *csv_lines(t.slice(1200))]), "csv"
    ),
    "a file without columns": lambda: files(lambda o: damaged(o, lambda _b: parquet(healthy_day(LAST).select([])))),
    "a file name with glob characters": lambda: files(
        lambda o: o.update({f"date={LAST}/part[0]*?.parquet": o.pop(f"date={LAST}/part-0.parquet")})
    ),
    "a file name with blanks and quotes": lambda: files(
        lambda o: o.update({f"date={LAST}/pa rt'0\".parquet": o.pop(f"date={LAST}/part-0.parquet")})
    ),
    "a hundred files a day": lambda: files(lambda _o: None, split=100),
    "one row": lambda: every(lambda t: t.slice(0, 1)),
    "ten rows a day": lambda: every(lambda t: t.slice(0, 10)),
    "a hundred rows a day": lambda: every(lambda t: t.slice(0, 100)),
}
KINDS = {
    "Folders and markers": MARKERS,
    "Volume": VOLUME,
    "Outcomes": OUTCOMES,
    "Times": TIMES,
    "Ids and repeats": IDS,
    "Money, weights, exposures": MONEY,
    "Features": FEATURES_BROKEN,
    "Files": FILES,
}
"""The kinds by section."""
