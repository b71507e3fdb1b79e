"""The files of a window, and the completeness of partitions."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rtb_optimizer.core.config.logs_path import folders_of
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.logs import partitions
from rtb_optimizer.store.objects import ObjectStore, split_url
from v3_settings import v3_settings

DAY = date(2026, 11, 1)
UTC_ZONE = ZoneInfo("UTC")
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


@pytest.fixture(scope="module")
def settings():
    """The seeded defaults."""
    return v3_settings(logs_path="s3://lake/logs/")


@pytest.fixture
def look(settings, folder):
    """Put objects below the test's folder and return the window's partitions."""
    store = ObjectStore.of(folder)

    def in_window(keys, path="day={date}/", window=WINDOW, **changed):
        for key in keys:
            store.put_once(f"{split_url(folder)[1]}/{key}", b"x")
        changed = replace(settings, logs_path=f"{folder}/{path}", **changed)
        return partitions.in_window(changed, window, ZoneInfo(changed.logs_timezone or changed.timezone))

    return in_window


@pytest.fixture
def names(folder):
    """Return the names of a partition's files below the test's folder."""
    start = len(split_url(folder)[1]) + 1
    return lambda partition: [file.key[start:] for file in partition.files]


@pytest.mark.parametrize(
    ("case", "complete"),
    [
        (("_SUCCESS", ["day=2026-11-01/a.parquet", "day=2026-11-01/_SUCCESS"]), True),
        (("_SUCCESS", ["day=2026-11-01/a.parquet"]), False),
        (("_SUCCESS", ["day=2026-11-01/_SUCCESS"]), False),
        (("_SUCCESS", []), False),
        (("_SUCCESS", ["day=2026-11-01/a.parquet", "day=2026-11-01/NOT_SUCCESS"]), False),
        (("_SUCCESS", ["day=2026-11-01/a.csv", "day=2026-11-01/_SUCCESS"]), True),
        (("_SUCCESS", ["day=2026-11-01/000000_0", "day=2026-11-01/_SUCCESS"]), True),
        (("_committed_*", ["day=2026-11-01/a", "day=2026-11-01/_committed_7"]), True),
        (("_committed_*", ["day=2026-11-01/a", "day=2026-11-01/_started_7"]), False),
        (("done.txt", ["day=2026-11-01/a.parquet", "day=2026-11-01/done.txt"]), True),
        (("", ["day=2026-11-01/a.parquet"]), True),
        (("", []), False),
    ],
)
def test_a_day_is_complete_with_its_marker_and_a_file(look, case, complete):
    marker, keys = case
    (result,) = look(keys, completion_marker=marker)
    assert (result.complete, result.day) == (complete, DAY)
    assert partitions.incomplete([result]) == ([] if complete else [f"{result.url} ({result.missing})"])


def test_the_files_of_a_day_come_in_the_order_of_their_bytes_from_all_its_folders(look, names):
    keys = ["b.parquet", "B.parquet", "h=01/a.parquet", "é.parquet", "_SUCCESS", "notes.txt"]
    (result,) = look([f"day=2026-11-01/{key}" for key in keys])
    assert names(result) == [
        f"day=2026-11-01/{k}" for k in ("B.parquet", "b.parquet", "h=01/a.parquet", "notes.txt", "é.parquet")
    ]
    assert {file.byte_size for file in result.files} == {1}


def test_a_folder_whose_name_begins_as_another_s_is_not_part_of_it(look, names):
    """date=2026-11-1 and date=2026-11-10, as some writers name their days; with and without a slash at the end."""
    keys = ["at/2026-11-1/a.parquet", "at/2026-11-10/b.parquet", "at/2026-11-10/_SUCCESS", "at/2026-11-1.parquet"]
    for path in ("at/2026-11-1", "at/2026-11-1/"):
        (result,) = look(keys, path)
        assert names(result) == ["at/2026-11-1/a.parquet"]
        assert not result.complete


def test_a_window_has_a_partition_for_each_of_its_days_there_or_not(look, settings):
    window = Window(WINDOW.start, WINDOW.end + timedelta(days=2))
    result = look(["day=2026-11-02/a.parquet", "day=2026-11-02/_SUCCESS"], window=window)
    assert [(p.day.day, p.complete) for p in result] == [(1, False), (2, True), (3, False)]
    assert [str(p) for p in result if not p.complete] == partitions.incomplete(result)
    days = ("2026-11-01", "2026-11-02", "2026-11-03")
    assert partitions.expected_urls(replace(settings, logs_path="s3://lake/{date}/"), window, UTC_ZONE) == [
        f"s3://lake/{d}/" for d in days
    ]


def test_days_are_those_of_the_entity_s_own_midnights(look):
    berlin = Window(datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC))
    assert [p.day for p in look([], window=berlin, timezone="Europe/Berlin")] == [DAY]
    assert [p.day.day for p in look([], window=berlin)] == [31, 1]


def test_a_path_without_a_date_is_one_partition_of_no_day(look, names, settings):
    three_days = Window(WINDOW.start, WINDOW.end + timedelta(days=2))
    (result,) = look(["all/a.parquet", "all/b.parquet", "all/_SUCCESS"], "all/", three_days)
    assert (result.day, result.complete, names(result)) == (None, True, ["all/a.parquet", "all/b.parquet"])
    assert partitions.expected_urls(replace(settings, logs_path="s3://lake/all/"), three_days, UTC_ZONE) == [
        "s3://lake/all/"
    ]


def test_a_single_file_needs_no_marker(look, names):
    keys = ["file.parquet", "file.parquet.tmp", "day-2026-11-01.parquet"]
    for path, name in (("file.parquet", "file.parquet"), ("day-{date}.parquet", "day-2026-11-01.parquet")):
        (result,) = look(keys, path)
        assert (result.complete, names(result)) == (True, [name])
    (missing,) = look([], "other.parquet")
    assert not missing.complete


def test_a_folder_that_is_called_like_a_file_needs_its_marker_all_the_same(look):
    """Spark calls its folders x.parquet, and writes their parts one after the other."""
    (writing,) = look(["x.parquet/part-0.parquet"], "x.parquet")
    assert not writing.complete
    (written,) = look(["x.parquet/_SUCCESS"], "x.parquet")
    assert written.complete


HOURS = [f"day=2026-11-01/hour={hour:02d}" for hour in range(24)]


@pytest.mark.parametrize(
    ("keys", "complete"),
    [
        ([f"{hour}/{name}" for hour in HOURS for name in ("a.parquet", "_SUCCESS")], True),
        ([f"{hour}/{name}" for hour in HOURS[:6] for name in ("a.parquet", "_SUCCESS")], False),
        ([f"{hour}/a.parquet" for hour in HOURS] + [f"{hour}/_SUCCESS" for hour in HOURS[1:]], False),
        (["day=2026-11-01/a.parquet", "day=2026-11-01/_temporary/0/_SUCCESS"], False),
        (["day=2026-11-01/a.parquet", "day=2026-11-01/.spark-staging/_SUCCESS"], False),
        (["day=2026-11-01/a.parquet", "day=2026-11-01/backup/_SUCCESS"], False),
        (["day=2026-11-01/a.parquet", "day=2026-11-01/backup/b.parquet", "day=2026-11-01/backup/_SUCCESS"], False),
        (["day=2026-11-01/a.parquet", "day=2026-11-01/x/_SUCCESS"], False),
    ],
    ids=[
        *("24 hours", "six hours", "one hour still written", "of a temporary folder", "of a staging folder"),
        *("of a backup", "of a backup with data", "of an empty folder"),
    ],
)
def test_a_marker_below_the_day_completes_its_own_folder_alone(look, keys, complete):
    (result,) = look(keys)
    assert result.complete is complete


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 24), (date(2026, 7, 1), 24)])
def test_the_hours_of_a_day_are_those_of_the_folders_clock(look, day, hours):
    """New York's day in spring has no hour 02, and that in autumn has the hour 01 twice, in one folder."""
    zone = ZoneInfo("America/New_York")
    window = Window(datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone))
    folders = [f"day={day}/hour={hour:02d}" for hour in range(24) if (hour, hours) != (2, 23)]
    keys = [f"{folder}/{name}" for folder in folders for name in ("a.parquet", "_SUCCESS")]
    (result,) = look(keys, window=window, timezone="America/New_York")
    assert (len(folders), result.complete) == (hours, True)


@pytest.mark.parametrize(
    ("path", "lists"),
    [
        ("{date:%Y/%m/%d/%H}/", 2),
        ("dt={date:%Y%m%d}/h={date:%-H}", 2),
        ("{date:%H}/{date}/", 24 + 6),
        ("day={date}/", 2),
    ],
)
def test_the_hours_of_a_day_are_listed_together_where_the_day_stands_before_them(look, names, monkeypatch, path, lists):
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, 6, tzinfo=UTC))
    folders = [split_url(each.url)[1] for each in folders_of(f"s3://b/{path}", window, UTC_ZONE)]
    beside = [
        f"{folder.rstrip('/')}{more}" for folder in folders for more in ("0x/other.parquet", "-old/other.parquet")
    ]
    look(beside, path, window)
    listed = []
    real = ObjectStore.list
    monkeypatch.setattr(ObjectStore, "list", lambda store, prefix: listed.append(prefix) or real(store, prefix))
    keys = [f"{folder.rstrip('/')}/{name}" for folder in folders for name in ("a.parquet", "x/b.parquet")]

    found = look(keys, path, window, completion_marker="")

    assert [names(partition) for partition in found] == [keys[n : n + 2] for n in range(0, len(keys), 2)]
    assert len([prefix for prefix in listed if "2026" in prefix]) == lists


def test_a_marker_for_all_hours_is_looked_for_once(look, folder, monkeypatch):
    listed = []
    real = ObjectStore.list
    monkeypatch.setattr(ObjectStore, "list", lambda store, prefix: listed.append(prefix) or real(store, prefix))
    keys = [f"2026/11/01/{hour:02}/a.parquet" for hour in range(24)] + ["done/2026-11-01"]

    found = look(keys, "{date:%Y/%m/%d/%H}/", completion_marker=f"{folder}/done/{{date}}")

    assert [each.complete for each in found] == [True] * 24
    assert len([prefix for prefix in listed if "done" in prefix]) == 1
