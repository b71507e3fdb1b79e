"""Every row of the window is counted once, whatever the clock that the folders are cut by."""

import io
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.dag.sensors import WaitForLogs
from rtb_optimizer.errors import LogsMissing
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.handover import handed_over
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.wait_for_logs import awaited, require_partitions
from rtb_optimizer.store.objects import split_url

EVERY = timedelta(minutes=6)
DAY = timedelta(days=1)
YORK, KOLKATA, HOWE, KIRITIMATI = "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati"


def midnight(day, zone):
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


@pytest.fixture
def deliver(base_path, store):
    """Deliver a row every six minutes from a day before the days to a day after, in folders cut in some zone."""

    def put(first, days, cut_in, *, until=None, column=lambda times: pa.array(times, pa.timestamp("us", "UTC"))):
        start, end = (
            datetime.combine(first - 2 * DAY, time(), UTC),
            datetime.combine(first + (days + 2) * DAY, time(), UTC),
        )
        by_day, at, draw = defaultdict(list), start, np.random.default_rng(1)
        while at < end:
            by_day[at.astimezone(ZoneInfo(cut_in)).date()].append(at)
            at += EVERY
        for day, times in by_day.items():
            if until is not None and day >= until:
                continue
            site = draw.integers(0, 4, len(times))
            click = (draw.random(len(times)) < 0.1 * (1 + site)).astype(int)
            body = io.BytesIO()
            pq.write_table(pa.table({"ts": column(times), "click": click, "site": site}), body)
            for name, content in (("part.parquet", body.getvalue()), ("_SUCCESS", b"\n")):
                store.put_once(f"{split_url(base_path)[1]}/logs/date={day}/{name}", content)

    return put


@pytest.fixture
def request_window(add_entity, base_path, request_run):
    """Create a run over some local days of an entity."""

    def create(timezone, first, days, **config):
        add_entity(
            **{
                **dict.fromkeys(("value_column", "cost_column", "row_id_columns"), ""),
                "timestamp_column": "ts",
                "candidate_features": "site",
                "anchor_features": "site",
                "timezone": timezone,
                "lookback_days": "1",
                "logs_path": f"{base_path}/logs/date={{date}}/",
            }
            | config
        )
        return create_run(request_run(data_start=str(first), data_end=str(first + days * DAY)))

    return create


def rows_read(opt_run_id):
    require_partitions(opt_run_id)
    select_features(opt_run_id)
    return handed_over(open_workspace(opt_run_id), "select_features").document("selection", SelectionDocument)


def test_a_folder_that_the_clock_of_the_rows_asks_for_is_missed_with_the_two_clocks(deliver, request_window):
    """As of local times that are logged without a zone."""
    first = date(2026, 1, 15)
    deliver(first, 1, "UTC", until=first + DAY)
    with pytest.raises(LogsMissing) as failed:
        require_partitions(request_window(YORK, first, 1))

    assert f"date={first + DAY}/ (no file)" in str(failed.value)
    assert f"cut at midnights of UTC, and the window is of {YORK}" in str(failed.value)
    assert "local times without a zone, which are read as UTC" in str(failed.value)


@pytest.mark.parametrize(
    ("timezone", "first", "days"),
    [
        (YORK, date(2025, 11, 2), 1),  # 25 hours
        (YORK, date(2026, 3, 8), 1),  # 23 hours
        (YORK, date(2026, 1, 15), 1),
        (YORK, date(2025, 10, 30), 7),
        (YORK, date(2026, 3, 3), 7),
        (KOLKATA, date(2026, 1, 15), 1),
        (KOLKATA, date(2026, 1, 15), 7),
        (HOWE, date(2025, 10, 5), 1),  # 23.5 hours
        (KIRITIMATI, date(2026, 1, 15), 1),  # 14 hours ahead
        ("UTC", date(2026, 1, 15), 1),
    ],
)
@pytest.mark.parametrize("cut", ["in UTC", "at the entity's midnights"])
def test_all_rows_of_the_window_are_counted_once(deliver, request_window, timezone, first, days, cut):
    deliver(first, days, "UTC" if cut == "in UTC" else timezone)
    document = rows_read(request_window(timezone, first, days))

    expected = (midnight(first + days * DAY, timezone) - midnight(first, timezone)) / EVERY
    assert document.logs.totals.rows == expected
    assert sum(document.logs.rows_by_day.values()) == expected
    assert list(document.logs.rows_by_day) == [str(first + n * DAY) for n in range(days)]
    assert document.logs.partitions_expected == days + (cut == "in UTC" and timezone != "UTC")
    assert [w.code for w in document.warnings if w.code in ("outside_window", "without_time")] == []


@pytest.mark.parametrize(
    "column",
    [
        lambda times: pa.array([at.replace(tzinfo=None) for at in times], pa.timestamp("ms")),
        lambda times: pa.array([at.isoformat() for at in times]),
        lambda times: pa.array(times, pa.timestamp("ns", "Asia/Tokyo")),
    ],
    ids=["naive UTC", "texts with an offset", "another zone in the file"],
)
def test_the_clock_of_the_folders_is_found_from_times_of_any_kind(deliver, request_window, column):
    deliver(date(2026, 1, 15), 1, "UTC", column=column)

    assert rows_read(request_window(YORK, date(2026, 1, 15), 1)).logs.totals.rows == DAY / EVERY


def test_a_clock_that_is_neither_is_named_by_logs_timezone(deliver, request_window):
    deliver(date(2026, 1, 15), 1, "Asia/Tokyo")

    assert rows_read(request_window(YORK, date(2026, 1, 15), 1, logs_timezone="Asia/Tokyo")).logs.totals.rows == 240


def test_the_run_waits_for_the_folder_that_the_rows_show_it_needs(deliver, request_window, base_path):
    """A window of New York ends five hours into the next folder that is cut in UTC."""
    from airflow.sdk.exceptions import TaskDeferred

    day = date(2026, 3, 5)
    deliver(day, 1, "UTC", until=day + DAY)
    opt_run_id = request_window(YORK, day, 1)
    waiting = WaitForLogs(task_id="wait_for_logs", opt_run_id=opt_run_id)

    assert awaited(opt_run_id, datetime.now(UTC)) == []  # nobody has looked into the rows yet
    with pytest.raises(TaskDeferred):
        waiting.execute({})
    assert awaited(opt_run_id, datetime.now(UTC)) == [f"{base_path}/logs/date={day + DAY}/ (no file)"]

    deliver(day, 1, "UTC")
    assert waiting.resume({}, None) == 2
    select_features(opt_run_id)
    read = handed_over(open_workspace(opt_run_id), "select_features").document("selection", SelectionDocument)
    assert read.logs.totals.rows == (midnight(day + DAY, YORK) - midnight(day, YORK)) / EVERY
