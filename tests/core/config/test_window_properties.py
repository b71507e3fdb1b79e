"""Days partition the line: in every zone, over both changes of its clocks, each instant is in one day's window."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtb_optimizer.core.config.window import WindowRequest, WindowRules, dates_of, resolve_window, zone

pytestmark = pytest.mark.timeout(3_600)  # nightly, each takes minutes
DAY = timedelta(days=1)
MANY = 100_000
LATER = datetime(2040, 1, 1, tzinfo=UTC)
# Since then no zone has turned its clocks back just after midnight, into a day that was over: one day, one stretch.
FIRST, LAST = date(2012, 1, 1), date(2037, 12, 30)

zones = st.sampled_from(sorted(available_timezones() - {"localtime", "posixrules"})).map(zone)
changing = st.sampled_from(
    [
        "Europe/Berlin",
        "America/Sao_Paulo",
        "America/Havana",
        "Atlantic/Azores",
        "Australia/Lord_Howe",
        "Antarctica/Troll",
    ]
).map(zone)
days = st.dates(FIRST, LAST)
any_zone = st.one_of(changing, zones)


def window_of(start, end, tz):
    return resolve_window(WindowRequest(LATER, str(start), str(end)), tz, WindowRules(max_days=MANY))


@given(day=days, tz=any_zone)
@example(day=date(2026, 3, 29), tz=zone("Europe/Berlin"))
@example(day=date(2026, 10, 25), tz=zone("Europe/Berlin"))
@example(day=date(2018, 11, 4), tz=zone("America/Sao_Paulo"))
@example(day=date(2018, 2, 17), tz=zone("America/Sao_Paulo"))
def test_a_day_ends_where_the_next_begins_and_touches_no_other(day, tz):
    today, tomorrow = window_of(day, day + DAY, tz), window_of(day + DAY, day + 2 * DAY, tz)

    assert today.end == tomorrow.start
    assert timedelta(hours=21) < today.end - today.start < timedelta(hours=27)
    assert dates_of(today, tz) == [day]


@given(instant=st.datetimes(datetime(2012, 1, 3), datetime(2037, 12, 28)), tz=any_zone)  # noqa: DTZ001 - made UTC below
def test_an_instant_is_in_the_window_of_its_own_date_and_in_no_neighbour_s(instant, tz):
    instant = instant.replace(tzinfo=UTC)
    own = instant.astimezone(tz).date()
    holding = [day for n in (-1, 0, 1) if _holds(window_of(day := own + n * DAY, own + (n + 1) * DAY, tz), instant)]

    assert holding == [own]


def _holds(window, instant):
    return window.start <= instant < window.end


@given(first=days, lengths=st.lists(st.integers(1, 40), min_size=2, max_size=4), tz=any_zone)
def test_windows_that_follow_each_other_add_up_to_the_window_of_all(first, lengths, tz):
    edges = [first + sum(lengths[:n]) * DAY for n in range(len(lengths) + 1)]
    pieces = [window_of(start, end, tz) for start, end in pairwise(edges)]
    whole = window_of(edges[0], edges[-1], tz)

    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert [p.end for p in pieces[:-1]] == [p.start for p in pieces[1:]]
    assert [day for p in pieces for day in dates_of(p, tz)] == dates_of(whole, tz)


@given(first=days, at=st.times(), nights=st.integers(2, 5), lookback=st.integers(1, 9), tz=any_zone)
@example(first=date(2026, 3, 28), at=time(2, 30), nights=3, lookback=1, tz=zone("Europe/Berlin"))
@example(first=date(2026, 10, 24), at=time(2, 30), nights=3, lookback=1, tz=zone("Europe/Berlin"))
def test_the_windows_of_a_backfill_leave_no_gap_and_overlap_by_the_look_back_alone(first, at, nights, lookback, tz):
    runs = [datetime.combine(first + n * DAY, at, tz).astimezone(UTC) for n in range(nights + 1)]
    windows = [
        resolve_window(WindowRequest(LATER, None, None, start, end), tz, WindowRules(lookback, MANY))
        for start, end in pairwise(runs)
    ]

    for n, window in enumerate(windows, start=1):
        covered = [first + (n - back) * DAY for back in range(lookback, 0, -1)]
        assert dates_of(window, tz) == covered
        assert window.end <= runs[n]
    one_night = [window_of(day, day + DAY, tz) for window in windows for day in dates_of(window, tz)[-1:]]
    assert [w.end for w in one_night] == [w.end for w in windows]
    assert [w.end for w in one_night[:-1]] == [w.start for w in one_night[1:]]


@given(start=st.datetimes(datetime(2012, 1, 3), datetime(2037, 1, 1)), minutes=st.integers(1, 1319), tz=any_zone)  # noqa: DTZ001
def test_an_interval_of_less_than_a_day_is_taken_as_it_is(start, minutes, tz):
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(minutes=minutes)
    window = resolve_window(WindowRequest(LATER, None, None, start, end), tz, WindowRules(3))

    assert (window.start, window.end) == (start, end)
    touched = {
        (start + n * timedelta(minutes=15)).astimezone(tz).date() for n in range(minutes // 15 + 1) if 15 * n < minutes
    }
    assert touched <= set(dates_of(window, tz))
