"""Iceberg tables: which files of a snapshot a window reads, which metadata is current, and what is refused by name."""

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyiceberg.manifest import DataFileContent

import iceberg_tables
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import ConnectionMissing, LogsInvalid, StoreFailed
from rtb_optimizer.logs.lake import tables
from rtb_optimizer.operations.inspection import inspect
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import ObjectStore, split_url
from v3_settings import v3_settings

FIRST = date(2026, 3, 7)
WINDOW = Window(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture(scope="module")
def settings():
    """The seeded defaults, of logs with times."""
    return v3_settings(logs_path="s3://lake/logs/", timestamp_column="Event_Time")


@pytest.fixture
def table(folder):
    """A table of five days, cut by the day of the time."""
    with iceberg_tables.catalog(folder) as catalog:
        made = iceberg_tables.create(catalog, f"{folder}/t", rows(FIRST))
        for n in range(5):
            made.append(rows(FIRST + timedelta(days=n)))
        yield made


@pytest.fixture
def days(settings, folder, table):  # noqa: ARG001 - the table is there
    """Return the days of the window, of the table."""

    def of(**changed):
        url = f"{folder}/t/"
        return tables.in_window(replace(settings, logs_path=url, **changed), WINDOW, UTC_ZONE, tables.pin_now(url))

    return of


def rows(day, **columns):
    times = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in range(24)]
    return pa.table({"event_time": pa.array(times, pa.timestamp("us", "UTC")), "n": list(range(24)), **columns})


def test_a_window_reads_the_files_of_its_days(days):
    found = days()
    assert [len(each.files) for each in found] == [1, 1]
    assert [each.missing for each in found] == ["", ""]
    assert all(f"event_day={day.day}" in file.key for day in found for file in day.files)


def with_data_at(path, folder):
    """Write a table of two days whose files of rows lie at a path of their own."""
    with iceberg_tables.catalog(folder) as catalog:
        made = iceberg_tables.create(catalog, f"{folder}/apart", rows(FIRST), **{"write.data.path": path})
        for n in (1, 2):
            made.append(rows(FIRST + timedelta(days=n)))
    return f"{folder}/apart/"


def test_files_at_another_path_than_the_table_are_read(settings, folder):
    url = with_data_at(f"{folder}/elsewhere/data", folder)
    found = tables.in_window(replace(settings, logs_path=url), WINDOW, UTC_ZONE, tables.pin_now(url))
    looked_at = inspect(url)

    keys = [file.key for day in found for file in day.files]
    assert len(keys) == 2
    assert all(key.startswith(f"{split_url(folder)[1]}/elsewhere/data/") for key in keys)
    assert (looked_at.logs.layout.files, looked_at.roles.columns["timestamp_column"]) == (2, "event_time")
    assert {each.name: each.rows for each in looked_at.logs.facts} == {"event_time": 48, "n": 48}


@pytest.fixture
def other_bucket(folder):
    """Another bucket of the same store."""
    name = f"rtb-{split_url(folder)[1].rpartition('/')[2].replace('_', '-')}"[:60]
    connections.s3_client().create_bucket(Bucket=name)
    yield name
    store = ObjectStore.of(f"s3://{name}/")
    store.delete([each.key for each in store.list("")])
    connections.s3_client().delete_bucket(Bucket=name)


def test_files_in_another_bucket_than_the_table_are_refused_with_what_to_do(settings, folder, other_bucket):
    url = with_data_at(f"s3://{other_bucket}/data", folder)
    assert list(ObjectStore.of(f"s3://{other_bucket}/").list("data/"))  # the rows are there
    refused = (
        rf"the Iceberg table {url}.* has files in another bucket, s3://{other_bucket}/data/.*: a run records what it "
        rf"read by the bucket of the table; set write.data.path to a path in rtb and rewrite the files .*, or have the "
        rf"table, its metadata too, in {other_bucket}"
    )
    for look in (
        lambda: tables.in_window(replace(settings, logs_path=url), WINDOW, UTC_ZONE, tables.pin_now(url)),
        lambda: inspect(url),
    ):
        with pytest.raises(LogsInvalid, match=refused):
            look()


def test_a_day_of_which_the_snapshot_has_no_file_is_missing(table, days):
    table.delete("event_time >= '2026-03-09T00:00:00+00:00' and event_time < '2026-03-10T00:00:00+00:00'")
    snapshot = table.current_snapshot().snapshot_id
    assert [each.missing.partition(" of the")[0] for each in days()] == ["", f"no file in snapshot {snapshot}"]


def test_rows_that_are_deleted_by_position_do_not_count(table, days):
    deletes = iceberg_tables.positions(table, 7)
    iceberg_tables.delete_from(table, DataFileContent.POSITION_DELETES, deletes, "deletes.parquet")
    found = [file.deleted for day in days(timestamp_column="n") for file in day.files]
    assert sorted({len(each) for each in found}) == [0, 7]


def test_rows_that_are_deleted_by_value_are_refused_by_name(table, days):
    iceberg_tables.delete_from(table, DataFileContent.EQUALITY_DELETES, b"PAR1", "deletes.parquet")
    with pytest.raises(LogsInvalid, match="has equality deletes, which cannot be honoured here: compact the table"):
        days(timestamp_column="n")


def test_a_renamed_column_is_found_by_its_id_in_files_from_before(table, days):
    with table.update_schema() as changed:
        changed.rename_column("n", "number")
    [first, _] = days()
    assert dict(first.table.by_id.values()) == {"event_time": "TIMESTAMP WITH TIME ZONE", "number": "BIGINT"}


METADATA = {
    "the highest number": (["00009-a.metadata.json", "00010-b.metadata.json"], None, "00010-b"),
    "the highest number of tables without a catalog": (["v9.metadata.json", "v10.metadata.json"], "9", "v10"),
    "what the hint names": (["00009-a.metadata.json", "00010-b.metadata.json"], "00009-a", "00009-a"),
    "a packed one": (["00001-a.gz.metadata.json"], None, "00001-a.gz"),
}


@pytest.mark.parametrize("name", METADATA)
def test_the_current_metadata_is(folder, name):
    names, hint, expected = METADATA[name]
    store, url = ObjectStore.of(folder), f"{folder}/t/"
    for each in names:
        store.put_once(f"{split_url(url)[1]}metadata/{each}", b"{}")
    if hint is not None:
        store.put_once(f"{split_url(url)[1]}metadata/version-hint.text", hint.encode())
    with pytest.raises(LogsInvalid, match=f"cannot be read by {url}metadata/{expected}.metadata.json"):
        tables.pin_now(url)


def test_two_last_metadata_are_refused_by_name(folder):
    store, url = ObjectStore.of(folder), f"{folder}/t/"
    for each in ("00001-a", "00002-b", "00002-c"):
        store.put_once(f"{split_url(url)[1]}metadata/{each}.metadata.json", b"{}")
    with pytest.raises(LogsInvalid, match=r"2 files of the same number, 00002-b\.\S+ and 00002-c\.\S+: a commit broke"):
        tables.pin_now(url)


@pytest.fixture
def in_catalog(folder, tmp_path, monkeypatch):
    """A table of a catalog, which the connection names, and a commit that the catalog does not have."""
    uri = f"sqlite:///{tmp_path}/catalog.db"
    with iceberg_tables.catalog(folder, uri) as catalog:
        made = iceberg_tables.create(catalog, f"{folder}/t", rows(FIRST))
        made.append(rows(FIRST))
    ObjectStore.of(folder).put_once(f"{split_url(folder)[1]}/t/metadata/00009-broken.metadata.json", b"{}")
    connection = {"conn_type": "iceberg", "extra": {"type": "sql", "uri": uri}}
    monkeypatch.setenv("AIRFLOW_CONN_RTB_ICEBERG", json.dumps(connection))
    return made


def test_a_table_is_read_by_the_metadata_that_its_catalog_names(folder, in_catalog):
    url = f"{folder}/t/"
    pin = tables.pin_now(url, {url.rstrip("/"): "logs.rows"})
    assert (pin.version, pin.metadata) == (in_catalog.current_snapshot().snapshot_id, in_catalog.metadata_location)
    assert len(tables.all_of(pin).files) == 1
    with pytest.raises(LogsInvalid, match="00009-broken"):
        tables.pin_now(url)


def test_a_name_that_the_catalog_has_not_or_has_elsewhere_is_refused(folder, in_catalog):
    url = f"{folder}/t/"
    with pytest.raises(LogsInvalid, match=r"no table 'logs\.clicks': correct iceberg_tables"):
        tables.pin_now(url, {url: "logs.clicks"})
    with pytest.raises(
        LogsInvalid, match=rf"logs\.rows of the catalog lies at {in_catalog.location()}, not at {folder}/u/"
    ):
        tables.pin_now(f"{folder}/u/", {f"{folder}/u/": "logs.rows"})


@pytest.mark.parametrize(
    ("connection", "error", "words"),
    [
        (None, ConnectionMissing, "no Airflow connection 'rtb_iceberg': set AIRFLOW_CONN_RTB_ICEBERG"),
        ({"extra": {"type": "hive_of_sorts"}}, ConnectionMissing, "'rtb_iceberg' cannot be used: .*hive_of_sorts"),
        ({"extra": {"type": "sql", "uri": "sqlite:////no/such/folder/c.db"}}, StoreFailed, "does not answer: .*unable"),
    ],
    ids=["no connection", "of no catalog", "no answer"],
)
def test_a_catalog_that_cannot_be_asked_is_told_by_its_connection(folder, monkeypatch, connection, error, words):
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_RTB_ICEBERG", json.dumps({"conn_type": "iceberg"} | connection))
    with pytest.raises(error, match=words):
        tables.pin_now(f"{folder}/t/", {f"{folder}/t/": "logs.rows"})


def test_without_pyiceberg_one_line_says_what_to_install(days, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiceberg.table", None)
    with pytest.raises(LogsInvalid) as failed:
        days()
    said = "is an Iceberg table, which pyiceberg reads: install it by pip install -r requirements-lake.txt"
    assert str(failed.value).endswith(said)
