"""When a folder of logs is complete: by its own marker, or by as many of its sub-folders' as a day has."""

import pytest

from rtb_optimizer.logs.completeness import missing_markers

HOURS = range(24)
BY_HOUR = [f"hour={hour:02d}" for hour in HOURS]


def missing(folders_with_data, marked, expected=0, hours=HOURS):
    data = [f"{folder}/part.parquet" if folder else "part.parquet" for folder in folders_with_data]
    return missing_markers(data, set(marked), "_SUCCESS", expected, hours)


@pytest.mark.parametrize(
    ("data", "marked", "expected"),
    [
        ([""], [""], 0),
        (BY_HOUR, [""], 0),
        (BY_HOUR, BY_HOUR, 0),
        (BY_HOUR, BY_HOUR, 24),
        (BY_HOUR[:20], BY_HOUR, 0),  # a quiet hour: its marker came, without data
        ([f"{hour:02d}" for hour in HOURS], [f"{hour:02d}" for hour in HOURS], 0),
        ([f"{hour}/a/b" for hour in BY_HOUR], BY_HOUR, 0),
        (["country=US", "country=DE"], ["country=US", "country=DE"], 2),
        (["country=US/0", "country=US/1"], ["country=US"], 1),
    ],
)
def test_a_day_is_complete_by_its_own_marker_or_by_all_of_its_folders(data, marked, expected):
    assert missing(data, marked, expected) == ""


@pytest.mark.parametrize(
    ("data", "marked", "expected", "says"),
    [
        ([""], [], 0, "no _SUCCESS"),
        (BY_HOUR[:6], BY_HOUR[:6], 0, "no _SUCCESS of the hours 06, 07, 08 and 15 more"),
        (BY_HOUR[:23], BY_HOUR[:23], 24, "no _SUCCESS of the hours 23"),
        (BY_HOUR, [hour for hour in BY_HOUR if hour != "hour=05"], 0, "no _SUCCESS in hour=05"),
        ([*BY_HOUR, ""], BY_HOUR, 0, "no _SUCCESS in the folder itself"),
        ([""], ["backup"], 0, "no _SUCCESS"),
        (["", "backup"], ["backup"], 0, "no _SUCCESS in the folder itself"),
        (["country=US"], ["country=US"], 0, "set markers_per_day"),
        (["country=US"], ["country=US"], 2, "1 folders with a _SUCCESS, markers_per_day is 2"),
        (["a", "b", "c"], ["a", "b", "c"], 2, "3 folders with a _SUCCESS, markers_per_day is 2"),
        (["part=00", "part=01"], ["part=00", "part=01"], 0, "set markers_per_day"),
    ],
)
def test_it_is_not_by_a_marker_of_anything_less(data, marked, expected, says):
    assert says in missing(data, marked, expected)


def test_a_day_in_spring_has_no_hour_that_its_clock_skips():
    folders = [hour for hour in BY_HOUR if hour != "hour=02"]

    assert missing(folders, folders, hours=[hour for hour in HOURS if hour != 2]) == ""
    assert missing(folders, folders) == "no _SUCCESS of the hours 02"
