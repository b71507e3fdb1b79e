"""Hours without rows, in which other days or the active run have some."""

from datetime import date, timedelta

import pytest

from rtb_optimizer.core.decision.silent_hours import Silence, silences, unjudged
from rtb_optimizer.core.sample.counts import Counts

FIRST = date(2026, 11, 20)
HOURS = [(FIRST + timedelta(days=n), hour) for n in range(3) for hour in range(24)]
LAST = FIRST + timedelta(days=2)


def rows(present=lambda _day, _hour: True, each=100):
    return {(day, hour): each for day, hour in HOURS if present(day, hour)}


@pytest.mark.parametrize(
    ("present", "silent"),
    [
        (lambda _day, _hour: True, {}),
        (lambda day, hour: day != LAST or hour < 6, {LAST: range(6, 24)}),
        (lambda day, hour: (day, hour) != (FIRST, 5), {FIRST: [5]}),
        (lambda _day, hour: 8 <= hour < 20, {}),  # the campaign bids from 8 to 20
        (lambda day, hour: 8 <= hour < 20 and (day != LAST or hour < 12), {LAST: range(12, 20)}),
    ],
    ids=["whole", "six hours of the last day", "one hour", "day parting", "day parting and half a day"],
)
def test_an_hour_is_silent_where_other_days_have_rows(present, silent):
    found = silences(rows(present), HOURS, ())

    assert {each.day: list(each.hours) for each in found} == {day: list(hours) for day, hours in silent.items()}


def test_the_share_of_a_silence_is_that_of_the_rows_that_should_have_been_there():
    (found,) = silences(rows(lambda day, hour: day != LAST or hour < 6), HOURS, ())

    assert found.share == pytest.approx(18 / 24)


def test_an_hour_with_next_to_nothing_is_silent_too():
    thin = rows() | {(LAST, 7): 4}

    assert [each.hours for each in silences(thin, HOURS, ())] == [(7,)]


def test_a_single_day_is_compared_with_the_active_runs_hours():
    one_day = [hour for hour in HOURS if hour[0] == FIRST]
    six = rows(lambda day, hour: day == FIRST and hour < 6)

    assert silences(six, one_day, ()) == []
    assert [each.hours for each in silences(six, one_day, [100.0] * 24)] == [tuple(range(6, 24))]


def test_a_small_day_has_no_silent_hours():
    """Volume has a gate of its own."""
    small = {(day, hour): 100 if day == LAST else 4_000 for day, hour in HOURS}

    assert silences(small, HOURS, ()) == []


def test_quiet_hours_are_not_judged():
    assert silences(rows(lambda day, hour: day != LAST or hour < 6, each=10), HOURS, ()) == []


def test_logs_may_begin_within_the_first_window_and_not_within_a_later_one():
    started = rows(lambda day, hour: (day, hour) >= (FIRST, 14))

    assert silences(started, HOURS, (), begins_late=True) == []
    assert [each.day for each in silences(started, HOURS, ())] == [FIRST]


def test_a_file_may_end_within_its_first_window():
    ended = rows(lambda day, hour: (day, hour) <= (LAST, 15))

    assert silences(ended, HOURS, (), ends_early=True) == []
    assert [each.hours for each in silences(ended, HOURS, ())] == [tuple(range(16, 24))]


@pytest.mark.parametrize(
    ("then", "is_judged"),
    [
        (None, False),
        (9_000, True),
        (8_000, True),
        (9_300, True),
        (12_000, False),  # the active run read the whole day: the hours have vanished since
    ],
)
def test_silent_hours_that_an_active_run_read_alike_were_judged_with_it(then, is_judged):
    silent = [Silence(LAST, (0, 1, 2, 3, 4, 5), 0.25)]
    judged = {} if then is None else {LAST: Counts(then, then, 700, 0, 0)}

    assert unjudged(silent, {LAST: Counts(9_000, 9_000, 500, 0, 0)}, judged) == ([] if is_judged else silent)
