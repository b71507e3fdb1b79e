"""The folders of a window, and the paths that are refused with the form that was meant."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rtb_optimizer.core.config.logs_path import (
    fixed_part,
    folders_of,
    hours_of,
    is_dated,
    is_hourly,
    logs_path_problems,
    nearest_form,
    shared_by_hours,
)
from rtb_optimizer.core.config.window import Window, midnight

UTC_ZONE, NEW_YORK, KOLKATA = ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")


def days(first, count, tz=UTC_ZONE):
    return Window(midnight(first, tz), midnight(first + timedelta(days=count), tz))


def urls(path, window, tz=UTC_ZONE):
    return [folder.url for folder in folders_of(path, window, tz)]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("s3://b/date={date}/", "s3://b/date=2026-03-07/"),
        ("s3://b/dt={date:%Y%m%d}/", "s3://b/dt=20260307/"),
        ("s3://b/{date:%Y/%m/%d}/", "s3://b/2026/03/07/"),
        ("s3://b/year={date:%Y}/month={date:%-m}/day={date:%-d}/", "s3://b/year=2026/month=3/day=7/"),
        ("s3://b/{date:%y%j}.parquet", "s3://b/26066.parquet"),
    ],
)
def test_a_day_has_one_folder_however_it_is_written(path, folder):
    assert urls(path, days(date(2026, 3, 7), 1)) == [folder]
    assert (is_dated(path), is_hourly(path)) == (True, False)


def test_with_hours_each_hour_that_the_window_touches_has_a_folder():
    window = Window(datetime(2026, 3, 7, 22, 30, tzinfo=UTC), datetime(2026, 3, 8, 1, tzinfo=UTC))
    path = "s3://b/{date:%Y-%m-%d}/{date:%H}/"
    assert is_hourly(path)
    assert urls(path, window) == [f"s3://b/2026-03-0{day}/{hour}/" for day, hour in ((7, 22), (7, 23), (8, "00"))]
    assert [(f.day, f.hour) for f in folders_of(path, window, UTC_ZONE)][-1] == (date(2026, 3, 8), 0)


@pytest.mark.parametrize(
    ("day", "tz", "hours"),
    [
        (date(2026, 3, 8), NEW_YORK, [0, 1, *range(3, 24)]),  # spring: there is no hour 2
        (date(2026, 11, 1), NEW_YORK, [*range(24)]),  # autumn: the hour 1 is there twice, in one folder
        (date(2026, 11, 1), KOLKATA, [*range(24)]),
    ],
)
def test_hours_are_those_on_the_clock_of_the_folders(day, tz, hours):
    assert hours_of(day, tz) == hours
    assert [f.hour for f in folders_of("s3://b/{date:%Y%m%d%H}/", days(day, 1, tz), tz)] == hours


def test_hours_of_a_zone_off_by_half_an_hour_are_one_more():
    assert len(urls("s3://b/{date:%Y%m%d%H}/", days(date(2026, 3, 7), 1, KOLKATA))) == 25


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("s3://b/{yyyy}/{mm}/{dd}/", "s3://b/{date:%Y}/{date:%m}/{date:%d}/"),
        ("s3://b/{yyyy}/{MM}/{dd}/{HH}/", "s3://b/{date:%Y}/{date:%m}/{date:%d}/{date:%H}/"),
        ("s3://b/dt={ds}/", "s3://b/dt={date}/"),
        ("s3://b/dt={{ ds }}/", "s3://b/dt={date}/"),
        ("s3://b/dt={{ ds_nodash }}/", "s3://b/dt={date:%Y%m%d}/"),
        ("s3://b/dt=${date}/", "s3://b/dt={date}/"),
        ("s3://b/{date:yyyy/MM/dd}/", "s3://b/{date:%Y/%m/%d}/"),
        ("s3://b/!{timestamp:yyyy/MM/dd/HH}/", "s3://b/{date:%Y/%m/%d/%H}/"),
        ("s3://b/%Y/%m/%d/", "s3://b/{date:%Y/%m/%d}/"),
        ("s3://b/log_%Y%m%d/", "s3://b/log_{date:%Y%m%d}/"),
        ("s3://b/date={date}/*.parquet", "s3://b/date={date}/"),
        ("s3://b/date={date}/**/part-?", "s3://b/date={date}/"),
        ("s3://b/year={year}/month={month}/day={day}/", "s3://b/year={date:%Y}/month={date:%m}/day={date:%d}/"),
    ],
)
def test_a_path_of_another_system_is_refused_with_how_it_is_written_here(path, nearest):
    (problem,) = logs_path_problems(path)
    assert problem.endswith(f"; write {nearest}")
    assert nearest_form(path) == nearest
    assert logs_path_problems(nearest) == ()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("s3://b/{region}/", "'{' that is not part of {date}"),
        ("s3://b/{date", "'{' that is not part of {date}"),
        ("s3://b/{a,b}/{date}/", "'{' that is not part of {date}"),
        ("s3://b/{date:%Y/%m}/", "does not name the day"),
        ("s3://b/{date:%H}/", "does not name the day"),
        ("s3://b/{date:%Y-%m-%d-%M}/", "%M; a pattern has %Y"),
        ("s3://b/{date:}/", "empty pattern"),
    ],
)
def test_a_path_that_is_no_form_of_any_system_is_refused_with_its_fault(path, words):
    (problem,) = logs_path_problems(path)
    assert words in problem
    assert "; write " not in problem


def test_the_fixed_part_is_what_all_files_begin_with():
    assert fixed_part("s3://b/logs/{date:%Y}/x") == "s3://b/logs/"
    assert fixed_part("s3://b/logs/") == "s3://b/logs/"
    assert logs_path_problems("s3://b/a%20b/{date}/") == ()


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("s3://b/l/{date:%Y/%m/%d/%H}/", "s3://b/l/2026/03/08/"),
        ("s3://b/dt={date:%Y%m%d%H}/", "s3://b/dt=20260308"),
        ("s3://b/{date}/hour={date:%-H}/x", "s3://b/2026-03-08/hour="),
        ("s3://b/{date:%Y/%j}/h{date:%H}.csv", "s3://b/2026/067/h"),
        ("s3://b/{date:%H}/{date}/", ""),
        ("s3://b/{date:%Y/%m/%H/%d}/", ""),
        ("s3://b/{date}/", ""),
        ("s3://b/", ""),
    ],
)
def test_the_hours_of_a_day_share_what_stands_before_the_hour_where_it_names_the_day(path, shared):
    folders = folders_of(path, days(date(2026, 3, 8), 1), UTC_ZONE)

    assert {shared_by_hours(path, folder) for folder in folders} == {shared}
    assert all(folder.url.startswith(shared) for folder in folders)
