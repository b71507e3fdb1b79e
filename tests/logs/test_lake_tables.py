"""Tables of a lake: where they are found, which files of a snapshot a window reads, and what is refused by name."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from delta_tables import as_other_writers_leave_it, objects_in
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs import partitions
from rtb_optimizer.logs.lake import tables
from rtb_optimizer.store.objects import ObjectStore, split_url
from v3_settings import v3_settings

FIRST = date(2026, 3, 7)
WINDOW = Window(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
UTC_ZONE, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")
ROWS = 24


@pytest.fixture(scope="module")
def settings():
    """The seeded defaults, of logs with times."""
    return v3_settings(logs_path="s3://lake/logs/", timestamp_column="event_time")


@pytest.fixture
def put(folder):
    """Put objects, or the files of a local folder, below the test's folder; returns the URL."""
    store = ObjectStore.of(folder)

    def upload(objects):
        for path, body in (objects_in(objects) if isinstance(objects, Path) else objects).items():
            store.put_once(f"{split_url(folder)[1]}/{path}", body)
        return f"{folder}/"

    return upload


@pytest.fixture
def days(settings):
    """Return the files of each day of the window, of a table."""

    def of(url, window=WINDOW, tz=UTC_ZONE, **changed):
        changed = {"timestamp_column": "event_time"} | changed
        return tables.in_window(replace(settings, logs_path=url, **changed), window, tz, tables.pin_now(url))

    return of


def rows(day, hours=range(ROWS), **columns):
    times = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in hours]
    return pa.table({"event_time": pa.array(times, pa.timestamp("us", "UTC")), "n": list(hours), **columns})


def written(folder, tables_of_rows, **options):
    for each in tables_of_rows:
        write_deltalake(folder, each, mode="append", **options)
    return DeltaTable(folder)


def count(partition):
    return [len(each.files) for each in partition]


FOUND = {
    "Delta": ["t/_delta_log/00000000000000000000.json"],
    "Delta after its first commits were cleaned up": ["t/_delta_log/00000000000000000010.checkpoint.parquet"],
    "Iceberg": ["t/metadata/00000-2d1f.metadata.json", "t/metadata/snap-1.avro"],
    "Iceberg of Hadoop": ["t/metadata/v3.metadata.json", "t/metadata/version-hint.text"],
    "Iceberg, packed": ["t/metadata/00003-a.gz.metadata.json"],
    "Hudi": ["t/.hoodie/hoodie.properties", "t/.hoodie/2026.commit"],
}


@pytest.mark.parametrize(
    "path", ["t/date={date}/", "t/data/date=2026-03-08/", "t/{date:%Y/%m/%d}/", "", "t/date={date}"]
)
@pytest.mark.parametrize("name", FOUND)
def test_folders_of_a_table_are_never_read_as_plain_files(put, settings, name, path):
    url = put(dict.fromkeys([*FOUND[name], "t/date=2026-03-08/a.parquet"], b"x"))
    with pytest.raises(LogsInvalid) as refused:
        partitions.in_window(replace(settings, logs_path=url + path), WINDOW, UTC_ZONE)
    said = str(refused.value)
    assert f"the {name.split()[0].rstrip(',')} table {url}t/" in said
    assert ("Hudi is not read" if name == "Hudi" else f"name the table itself, {url}t/") in said


def test_a_hudi_table_is_refused_by_name(put):
    url = put(dict.fromkeys(FOUND["Hudi"], b"x"))
    with pytest.raises(LogsInvalid, match="Hudi is not read: deliver its rows as plain files"):
        tables.pin_now(f"{url}t/")


@pytest.mark.parametrize("path", ["a/_delta_logs/0.json", "a/metadata/readme.txt", "a/hoodie.properties"])
def test_folders_that_are_called_alike_are_plain_files(put, settings, path):
    url = put({path: b"x", "a/b.parquet": b"x"})
    assert tables.pin_now(f"{url}a/") is None
    assert partitions.in_window(replace(settings, logs_path=f"{url}a/"), WINDOW, UTC_ZONE)


BOUNDS = {
    "by the statistics of times": ({}, {}, [1, 1]),
    "by times without a zone": (
        {"change": lambda t: t.set_column(0, "event_time", t["event_time"].cast(pa.timestamp("us")))},
        {},
        [1, 1],
    ),
    "by dates that are times": (
        {"change": lambda t: t.append_column("d", t["event_time"].cast(pa.date32()))},
        {"timestamp_column": "d"},
        [1, 1],
    ),
    "by a partition of dates that are times": (
        {
            "change": lambda t: t.append_column("d", t["event_time"].cast(pa.date32())),
            "partition_by": ["d"],
        },
        {"timestamp_column": "D"},
        [1, 1],
    ),
    "by a partition of dates, with a day more on each side": (
        {
            "change": lambda t: t.set_column(0, "event_time", t["event_time"].cast(pa.string())).append_column(
                "log_date", t["event_time"].cast(pa.date32())
            ),
            "partition_by": ["log_date"],
        },
        {},
        [3, 3],
    ),
    "by year, month and day": (
        {
            "change": lambda t: pa.table(
                {
                    "event_time": t["event_time"].cast(pa.string()),
                    **{part: getattr(pa.compute, part)(t["event_time"]) for part in ("year", "month", "day")},
                }
            ),
            "partition_by": ["year", "month", "day"],
        },
        {},
        [3, 3],
    ),
    "all where nothing tells": (
        {"change": lambda t: t.set_column(0, "event_time", t["event_time"].cast(pa.int64()))},
        {},
        [5, 5],
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_window_reads_the_files_that_can_hold_its_rows(put, days, tmp_path, name):
    (writing, config, expected) = BOUNDS[name]
    change = writing.pop("change", lambda table: table)
    of_days = [change(rows(FIRST + timedelta(days=n))) for n in range(5)]
    written(tmp_path, of_days, **writing)
    found = days(put(tmp_path), **config)
    assert (count(found), [each.missing for each in found]) == (expected, ["", ""])
    assert all(file.etag and file.byte_size for each in found for file in each.files)


def test_days_are_those_of_the_zone_in_which_folders_would_be_cut(put, days, tmp_path):
    written(tmp_path, [rows(FIRST + timedelta(days=n), hours) for n in range(3) for hours in (range(5), range(5, 24))])
    local = Window(datetime(2026, 3, 7, 5, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC))
    [day] = days(put(tmp_path), local, NEW_YORK)
    assert [file.byte_size > 0 for file in day.files] == [True, True]


def test_a_day_of_which_the_snapshot_has_no_file_is_missing(put, days, tmp_path):
    url = put(written(tmp_path, [rows(date(2026, 3, 8))]).table_uri and tmp_path)
    _, last = days(url)
    assert last.missing.startswith(f"no file in version 0 of the Delta table {url}, of 20")
    assert str(last).startswith(f"{url}#2026-03-09 (no file in")


def test_the_files_are_those_of_the_pinned_version(put, settings, tmp_path):
    url = put(written(tmp_path, [rows(date(2026, 3, 8))]).table_uri and tmp_path)
    settings, pin = replace(settings, logs_path=url), tables.pin_now(url)
    written(tmp_path, [rows(date(2026, 3, 8)), rows(date(2026, 3, 9))])
    put(tmp_path)
    assert (pin.version, tables.pin_now(url).version) == (0, 2)
    assert count(tables.in_window(settings, WINDOW, UTC_ZONE, pin)) == [1, 0]
    assert count(tables.in_window(settings, WINDOW, UTC_ZONE, tables.pin_now(url))) == [2, 1]


def test_values_of_partitions_are_those_of_the_log_whatever_the_folders_are_called(put, days, tmp_path):
    odd = ["a b", "50%", "a%20b", "é/ü", None]
    written(tmp_path, [rows(date(2026, 3, 8), range(5), site=odd)], partition_by=["site"])
    of_day, _ = days(put(tmp_path))
    assert sorted((file.values["site"] for file in of_day.files), key=str) == sorted(odd, key=str)


def test_a_file_that_was_vacuumed_is_named(put, days, tmp_path):
    written(tmp_path, [rows(date(2026, 3, 8))])
    [file] = tmp_path.glob("*.parquet")
    file.unlink()
    url = put(tmp_path)
    with pytest.raises(LogsInvalid) as failed:
        days(url)
    assert str(failed.value).startswith(f"{url}{file.name} of version 0 of the Delta table {url}, of ")
    assert "not in the store any more: it was vacuumed" in str(failed.value)


def test_a_version_that_was_cleaned_up_is_named(put, settings, tmp_path):
    url = put(written(tmp_path, [rows(date(2026, 3, 8))]).table_uri and tmp_path)
    gone = replace(tables.pin_now(url), version=7)
    with pytest.raises(LogsInvalid, match=f"version 7 of the Delta table {url} cannot be read: "):
        tables.in_window(replace(settings, logs_path=url), WINDOW, UTC_ZONE, gone)


def test_a_log_that_is_no_log_is_named(put):
    url = put({"_delta_log/00000000000000000000.json": b'{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}\n'})
    with pytest.raises(LogsInvalid, match=f"the Delta table {url} cannot be read: "):
        tables.pin_now(url)


def test_a_feature_that_changes_what_files_mean_is_refused_by_name(put, days, tmp_path):
    written(tmp_path, [rows(date(2026, 3, 8))])
    as_other_writers_leave_it(tmp_path, features=("columnMapping", "variantType"))
    with pytest.raises(LogsInvalid, match="variantType"):
        days(put(tmp_path))


def test_a_table_without_a_time_column_is_refused(put, days, tmp_path):
    written(tmp_path, [rows(date(2026, 3, 8))])
    with pytest.raises(LogsInvalid, match="set timestamp_column; a column of dates will do"):
        days(put(tmp_path), timestamp_column="")


def test_without_deltalake_one_line_says_what_to_install(put, tmp_path, monkeypatch):
    url = put(written(tmp_path, [rows(date(2026, 3, 8))]).table_uri and tmp_path)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(LogsInvalid) as failed:
        tables.pin_now(url)
    assert str(failed.value) == (
        f"{url} is a Delta table, which deltalake reads: install it by pip install -r requirements-lake.txt"
    )
