"""How many events a day has is compared night to night, by logs and kind, as the volume of rows is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.table.segments import Counts
from rtb_optimizer.engines.passes.events import EventFindings, EventsOfDay
from rtb_optimizer.outputs.documents.logs import EventsDocument, LogsDocument
from rtb_optimizer.run.event_volume import event_volume
from v3_settings import v3_settings

FIRST = date(2026, 3, 9)
BEFORE = [1000, 1040, 960, 990, 1010, 1030, 980, 1000, 970]
SETTINGS = v3_settings(
    logs_path="s3://lake/logs/",
    outcome_logs_path="s3://lake/clicks/",
    win_logs_path="s3://lake/wins/",
    row_id_columns=["auction"],
    timestamp_column="at",
    outcome_column="click",
    exposure_column="won",
)


def day(n):
    return FIRST + timedelta(days=n)


def judged(events, before=None, *, logs="outcome_logs", kind="", is_first=False, hours=0):
    """Judge events of the days from FIRST on, in a window that begins so many hours after midnight."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, hours, tzinfo=UTC)
    window = Window(start, start + timedelta(days=len(events)))
    days = [EventsOfDay(day(n), kind, count, 0, count, count) for n, count in enumerate(events) if count]
    known = tuple(EventsDocument(day=str(day(n)), kind=kind, events=count) for n, count in (before or {}).items())
    nothing = Counts(0, 0, 0, 0, 0)
    active = LogsDocument(
        **{"known_events" if logs == "outcome_logs" else "known_wins": known},
        totals=nothing,
        design_effect=1,
        positive_rows=0,
        rows_by_day={},
        anomalies={},
        worst_days={},
        partitions=(),
        partitions_expected=0,
        missing=(),
    )
    found = {logs: EventFindings(days, 0.0, ())}
    return event_volume(found, SETTINGS, window, None if is_first else active, is_first=is_first)


def nights(*counts):
    """Return what earlier runs read of the days before FIRST, the last of them the day before."""
    return {n - len(counts): count for n, count in enumerate(counts)}


@pytest.mark.parametrize("logs", ["outcome_logs", "win_logs"])
@pytest.mark.parametrize(
    ("events", "before", "code", "said"),
    [
        ([1000, 900, 1100], {}, None, ""),
        ([1000, 900, 20], {}, "day_volume", "of 2026-03-11 are 0.0211 times those of the other days (20 of 950)"),
        ([1000, 0, 900], {}, "day_volume", "of 2026-03-10 are 0 times those of the other days (0 of 950)"),
        ([1000, 9_000, 900], {}, "day_volume", "of 2026-03-10 are 9.47 times those of the other days"),
        ([1000], nights(*BEFORE), None, ""),
        ([500], nights(*BEFORE), "day_unusual", "of 2026-03-09 are 0.521 times those of the most similar day"),
        ([2000], nights(*BEFORE), "day_unusual", "of 2026-03-09 are 1.92 times those of the most similar day"),
        ([500], nights(*BEFORE[:3]), None, ""),
        ([1000, 960], {0: 1000, 1: 480}, "day_restated", "of 2026-03-10 are 2 times those that an earlier run read"),
        ([1000, 960], {0: 1000, 1: 700}, None, ""),
        ([480, 960], {0: 1000, 1: 960}, "day_restated", "of 2026-03-09 are 0.48 times those that an earlier run read"),
        ([20, 9], {0: 9, 1: 20}, None, ""),
    ],
)
def test_a_day_that_fell_or_rose_is_told_by_logs_and_day(logs, events, before, code, said):
    event = {"outcome_logs": "event", "win_logs": "win"}[logs]
    told = judged(events, before, logs=logs).warnings

    assert [each.code for each in told] == ([f"{event}_{code}"] if code else [])
    assert all(f"{event}s {said}" in each.message for each in told)


def test_each_kind_is_judged_by_itself():
    [told] = judged([900, 20, 1000], kind="sale").warnings

    assert told.message.startswith("events of kind 'sale' of 2026-03-10 are")


def test_a_day_that_the_window_holds_in_part_is_not_compared():
    assert [each.code for each in judged([10, 1000, 950], hours=0).warnings] == ["event_day_volume"]
    assert judged([10, 1000, 950], hours=5).warnings == []


def test_the_events_of_a_first_run_may_begin_within_its_window_and_those_of_a_later_one_may_not():
    assert judged([0, 0, 1000, 950], is_first=True).warnings == []
    assert [each.code for each in judged([0, 900, 1000, 950]).warnings] == ["event_day_volume"]


def test_the_last_28_days_are_handed_on_to_the_next_run():
    known = judged([1000, 900], {n - 28: 1000 for n in range(29)}).known["outcome_logs"]

    assert [(each.day, each.events) for each in known] == [(str(day(n - 26)), 1000) for n in range(27)] + [
        (str(day(1)), 900)
    ]
