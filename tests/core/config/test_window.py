"""A run covers whole local days, half-open, whenever it starts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rtb_optimizer.core.config.window import Window, WindowRequest, WindowRules, dates_of, resolve_window, zone
from rtb_optimizer.errors import WindowInvalid

BERLIN = zone("Europe/Berlin")
NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_the_dates_of_the_form_are_midnights_of_the_entitys_zone_the_end_exclusive():
    request = WindowRequest(NOW, data_start="2026-03-07", data_end="2026-03-09")

    assert resolve_window(request, BERLIN, WindowRules()) == Window(utc(2026, 3, 6, 23), utc(2026, 3, 8, 23))


def test_the_dates_of_the_form_win_over_the_schedules_interval():
    request = WindowRequest(NOW, "2026-03-01", "2026-03-02", utc(2026, 3, 9), utc(2026, 3, 10))

    assert resolve_window(request, ZoneInfo("UTC"), WindowRules(5)) == Window(utc(2026, 3, 1), utc(2026, 3, 2))


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        ("2026-03-01", None, "give both data_start and data_end, or neither"),
        (None, "2026-03-01", "give both data_start and data_end, or neither"),
        ("", "2026-03-01", "give both data_start and data_end, or neither"),
        ("2026-03-02", "2026-03-02", "data_start 2026-03-02 00:00 must be before data_end 2026-03-02 00:00"),
        ("2026-03-03", "2026-03-02", "data_start 2026-03-03 00:00 must be before data_end 2026-03-02 00:00"),
        ("yesterday", "2026-03-02", "'yesterday' is not a date: write YYYY-MM-DD"),
        ("2026-02-30", "2026-03-02", "'2026-02-30' is not a date: write YYYY-MM-DD"),
        ("2026-03-09", "2026-03-11", "data_end 2026-03-11 00:00 UTC is in the future: its logs cannot be complete"),
    ],
)
def test_dates_that_make_no_window_are_refused_in_one_line(start, end, complaint):
    with pytest.raises(WindowInvalid) as refused:
        resolve_window(WindowRequest(NOW, start, end), ZoneInfo("UTC"), WindowRules())

    assert str(refused.value) == complaint


def test_a_window_may_end_at_this_very_instant():
    request = WindowRequest(utc(2026, 3, 10), "2026-03-09", "2026-03-10")

    assert resolve_window(request, ZoneInfo("UTC"), WindowRules()).end == request.now


@pytest.mark.parametrize(
    ("zone_name", "start", "end", "lookback", "window"),
    [
        ("UTC", utc(2026, 3, 8, 3, 17), utc(2026, 3, 9, 3, 17), 1, (utc(2026, 3, 8), utc(2026, 3, 9))),
        ("UTC", utc(2026, 3, 8, 3, 17), utc(2026, 3, 9, 3, 17), 7, (utc(2026, 3, 2), utc(2026, 3, 9))),
        ("UTC", utc(2026, 3, 8), utc(2026, 3, 9), 1, (utc(2026, 3, 8), utc(2026, 3, 9))),
        ("UTC", utc(2026, 3, 1, 3, 17), utc(2026, 3, 8, 3, 17), 7, (utc(2026, 3, 1), utc(2026, 3, 8))),
        (
            "Europe/Berlin",
            utc(2026, 3, 8, 2, 17),
            utc(2026, 3, 9, 2, 17),
            1,
            (utc(2026, 3, 7, 23), utc(2026, 3, 8, 23)),
        ),
        # 23:30 UTC is half past midnight of the next day in Berlin.
        (
            "Europe/Berlin",
            utc(2026, 3, 7, 23, 30),
            utc(2026, 3, 8, 23, 30),
            1,
            (utc(2026, 3, 7, 23), utc(2026, 3, 8, 23)),
        ),
        # An hourly schedule keeps its hour, whatever the look-back.
        ("Europe/Berlin", utc(2026, 3, 9, 5), utc(2026, 3, 9, 6), 7, (utc(2026, 3, 9, 5), utc(2026, 3, 9, 6))),
        # A manual run without dates has an empty interval, or none: the last complete days.
        ("UTC", utc(2026, 3, 10, 4), utc(2026, 3, 10, 4), 2, (utc(2026, 3, 8), utc(2026, 3, 10))),
        ("UTC", None, None, 1, (utc(2026, 3, 9), utc(2026, 3, 10))),
        ("America/Los_Angeles", None, None, 1, (utc(2026, 3, 8, 8), utc(2026, 3, 9, 7))),
    ],
)
def test_without_dates_the_window_is_the_last_whole_days_of_the_interval(zone_name, start, end, lookback, window):
    request = WindowRequest(NOW, interval_start=start, interval_end=end)

    assert resolve_window(request, zone(zone_name), WindowRules(lookback)) == Window(*window)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)],
)
@pytest.mark.parametrize("started_by", ["form", "schedule", "lookback"])
def test_a_day_of_berlin_has_the_hours_its_clocks_give_it(day, hours, started_by):
    after = day + timedelta(days=1)
    cron_today, cron_after = (datetime(d.year, d.month, d.day, 3, 17, tzinfo=BERLIN) for d in (day, after))
    now = cron_after.astimezone(UTC)
    request = {
        "form": WindowRequest(now, str(day), str(after)),
        "schedule": WindowRequest(now, None, None, cron_today.astimezone(UTC), now),
        "lookback": WindowRequest(now),
    }[started_by]

    window = resolve_window(request, BERLIN, WindowRules())

    assert window.end - window.start == timedelta(hours=hours)
    assert dates_of(window, BERLIN) == [day]


def test_the_dates_of_a_window_are_every_local_date_it_touches():
    week = Window(utc(2026, 3, 25, 23), utc(2026, 4, 1, 22))
    hour = Window(utc(2026, 3, 9, 22, 30), utc(2026, 3, 9, 23, 30))

    assert dates_of(week, BERLIN) == [date(2026, 3, 26) + timedelta(days=n) for n in range(7)]
    assert dates_of(hour, BERLIN) == [date(2026, 3, 9), date(2026, 3, 10)]
    assert dates_of(hour, ZoneInfo("UTC")) == [date(2026, 3, 9)]


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Berlin\x00"])
def test_an_unknown_zone_is_refused_by_name(name):
    with pytest.raises(WindowInvalid, match="is not an IANA name such as Europe/Berlin"):
        zone(name)


def test_a_window_of_clock_times_without_a_zone_is_refused():
    with pytest.raises(WindowInvalid, match="needs instants with a time zone"):
        Window(datetime(2026, 3, 9), datetime(2026, 3, 10))  # noqa: DTZ001 - that it is naive is the point
