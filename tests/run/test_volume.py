"""Which logs may begin within their window, and what of the active run's logs is a measure of those of a run."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.run.volume import Coverage, comparable_logs, volume_findings
from v3_settings import v3_settings

START = datetime(2026, 3, 7, tzinfo=UTC)
DAYS = [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)]
COVERED = Coverage(Window(START, START + timedelta(days=3)), ZoneInfo("UTC"), ZoneInfo("UTC"))


@pytest.mark.parametrize(("is_first", "silent"), [(True, 0.0), (False, 14 / 24)])
def test_logs_begin_late_in_a_first_run_alone_though_the_active_one_counted_other_rows(is_first, silent):
    """A changed filter makes the active run's volume no measure; its logs did not begin today all the same."""
    hours = [hour for hour in range(72) if hour >= 14]
    minutes = {np.datetime64("2026-03-07T00:30", "m") + np.timedelta64(60 * hour, "m"): 100 for hour in hours}
    rows = {day: 100 * sum(hour // 24 == n for hour in hours) for n, day in enumerate(DAYS)}
    by_day = {day: Counts(count, count, count // 10, 0, 0) for day, count in rows.items()}
    profile = Profile(Counts(5_800, 5_800, 580, 0, 0), 580, by_day, {}, {}, rows_by_minute=minutes)
    found = volume_findings(profile, COVERED, v3_settings(), None, is_first=is_first)

    assert found.facts["silent_share"] == pytest.approx(silent)


def night_life(timezone):
    """Findings of three days with rows from 8 to 24 UTC, and the logs that a run by this clock leaves for the next."""
    minutes = {
        np.datetime64("2026-03-06T00:30", "m") + np.timedelta64(60 * h, "m"): 100 for h in range(144) if h % 24 >= 8
    }
    day = Counts(1_600, 1_600, 160, 0, 0)
    profile = Profile(Counts(4_800, 4_800, 480, 0, 0), 480, dict.fromkeys(DAYS, day), {}, {}, rows_by_minute=minutes)
    start = START.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    return profile, Coverage(Window(start, start + timedelta(days=3)), ZoneInfo(timezone), ZoneInfo("UTC")), day


@pytest.mark.parametrize(("timezone", "is_measured"), [("UTC", True), ("Asia/Tokyo", False)])
def test_hours_of_another_clock_are_no_measure_where_the_zone_of_an_entity_was_changed(timezone, is_measured):
    profile, by_utc, day = night_life("UTC")
    hours = volume_findings(profile, by_utc, v3_settings(), None, is_first=False).rows_by_hour
    of_days = {str(each): day for each in DAYS}
    active = LogsDocument.model_construct(rows_by_hour=tuple(hours), by_day=of_days, known_days=of_days)
    logs = comparable_logs(active, {"timezone": timezone}, {"timezone": "UTC"})
    profile, covered, _ = night_life(timezone)
    found = volume_findings(profile, covered, v3_settings(timezone=timezone), logs, is_first=False)

    assert found.facts["silent_share"] == 0
    assert found.facts["rows_factor"] == 1
    assert (logs.rows_by_hour == tuple(hours)) is is_measured
    assert bool(logs.known_days) is is_measured


def test_logs_that_were_counted_otherwise_are_no_measure():
    active = LogsDocument.model_construct(rows_by_hour=(1.0,) * 24, by_day={}, known_days={})

    assert comparable_logs(active, {"cost_column": "price"}, {"cost_column": "paid"}) is None


def by_minute(of_hour):
    """Counts of the hours of three days by the minute."""
    return {np.datetime64("2026-03-07T00:30", "m") + np.timedelta64(60 * h, "m"): of_hour(h) for h in range(72)}


@pytest.mark.parametrize(
    ("rows", "positives", "spans"),
    [
        (lambda _h: 400, lambda h: 0 if h >= 66 else 40, "2026-03-09 18-23 (25% of its outcomes)"),
        (lambda _h: 400, lambda h: 0 if h == 30 else 40, "2026-03-08 06 (4% of its outcomes)"),
        (lambda _h: 400, lambda h: 0 if h == 30 else 14, None),
        (lambda _h: 400, lambda h: 10 if h == 30 else 40, None),
        (lambda _h: 400, lambda h: 0 if h % 24 >= 18 else 40, None),
        (lambda h: 60 if h == 30 else 400, lambda h: 1 if h == 30 else 40, None),
        (lambda h: 0 if h == 30 else 400, lambda h: 0 if h == 30 else 40, None),
        (lambda h: 40 if h >= 48 else 400, lambda h: 1 if h >= 48 else 40, None),
    ],
    ids=["an evening", "an hour", "few", "a quarter", "every evening", "few rows", "no rows", "a small day"],
)
def test_hours_with_rows_and_without_outcomes_are_named_where_other_days_have_some(rows, positives, spans):
    of_rows, of_positives = by_minute(rows), by_minute(positives)
    by_day = dict.fromkeys(DAYS, Counts(9_600, 9_600, 960, 0, 0))
    minutes = {
        "rows_by_minute": {at: n for at, n in of_rows.items() if n},
        "positives_by_minute": {at: n for at, n in of_positives.items() if n},
    }
    profile = Profile(Counts(28_800, 28_800, 2_880, 0, 0), 2_880, by_day, {}, {}, **minutes)
    found = volume_findings(profile, COVERED, v3_settings(), None, is_first=True)
    told = [w.message for w in found.warnings if w.code == "outcomes_silent"]

    assert [spans in message for message in told] == ([True] if spans else [])
