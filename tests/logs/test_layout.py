"""The layout of logs, found by the names of their objects."""

from datetime import date, timedelta

import pytest

from rtb_optimizer.logs.layout import layout_of, slug

DAYS = [date(2026, 2, 27) + timedelta(days=n) for n in range(4)]
HOURS = range(24)


def of(keys):
    return layout_of("s3://lake/logs/", [f"logs/{key}" for key in keys], "logs/")


def each_day(*names):
    return [name.format(d=day) for day in DAYS for name in names]


def each_hour(*names):
    return [name.format(d=day, hour=hour) for day in DAYS for hour in HOURS for name in names]


FEED_HOURS = "feed/{date:%Y_%m_%d_%H}/"


@pytest.mark.parametrize(
    ("keys", "path", "marker"),
    [
        (each_day("date={d}/a.parquet", "date={d}/_SUCCESS"), "date={date}/", "_SUCCESS"),
        (each_day("{d:%Y/%m/%d}/05/x-1", "{d:%Y/%m/%d}/17/x-2"), "{date:%Y/%m/%d}/", ""),
        ([f"{day:%Y/%m/%d}/{hour:02d}/x" for day in DAYS for hour in HOURS], "{date:%Y/%m/%d/%H}/", ""),
        (
            each_day("year={d:%Y}/month={d:%m}/day={d:%d}/a.gz"),
            "year={date:%Y}/month={date:%m}/day={date:%d}/",
            "",
        ),
        (each_day("y={d.year}/m={d.month}/d={d.day}/a.gz"), "y={date:%Y}/m={date:%-m}/d={date:%-d}/", ""),
        (each_day("dt={d:%Y%m%d}/part-0", "dt={d:%Y%m%d}/part-1"), "dt={date:%Y%m%d}/", ""),
        (each_day("log-{d}.csv.gz"), "log-{date}.csv.gz", ""),
        (each_day("{d}/a", "{d}/_committed_77", "{d}/_started_77"), "{date}/", "_committed_*"),
        ([*each_day("{d}/a"), "_SUCCESS"], "{date}/", "s3://lake/logs/_SUCCESS"),
        (each_day("{d}/hour=05/a", "{d}/hour=05/_SUCCESS"), "{date}/", ""),
        (
            each_day(*(f"{{d}}/{hour:02d}/{name}" for hour in HOURS for name in ("a", "_SUCCESS"))),
            "{date}/",
            "_SUCCESS",
        ),
        (["a.parquet", "b.parquet", "_SUCCESS"], "", ""),
        ([f"part-{n:08d}.parquet" for n in range(20260227, 20260247)], "", ""),
        (each_hour("imp_{d:%Y%m%d}_{hour:02d}.gz"), "imp_{date:%Y%m%d_%H}.gz", ""),
        (each_hour("cf.{d}-{hour:02d}.a1.gz"), "cf.{date:%Y-%m-%d-%H}.a1.gz", ""),
        (each_hour("feed/{d:%Y_%m_%d}_{hour:02d}/part-0", "feed/{d:%Y_%m_%d}_{hour:02d}/part-1"), FEED_HOURS, ""),
        (each_day("{d:%Y_%m_%d}/a", "{d:%Y_%m_%d}/b"), "{date:%Y_%m_%d}/", ""),
        (each_hour("imp_{d:%Y%m%d}_{hour:02d}_0.gz", "imp_{d:%Y%m%d}_{hour:02d}_1.gz"), "", ""),
        (each_hour("{d}/{d}-{hour:02d}-17.gz"), "{date}/", ""),
        (each_day("run={d}-03-00-00/a"), "run={date}-03-00-00/", ""),
        ([*each_day(*(f"date={{d}}/{n}.parquet" for n in range(6))), "readme.md"], "date={date}/", ""),
    ],
    ids=[
        *("hive days", "firehose, some hours", "firehose, all hours", "glue", "glue without zeros", "compact"),
        *(
            "a file a day",
            "databricks markers",
            "a marker at the root",
            "one marked hour",
            "each hour marked",
            "no dates",
        ),
        *("numbers that look like dates", "a file an hour", "a file an hour, in dashes", "a folder an hour"),
        *("underscores", "two files an hour", "hours below days", "a run a day", "a stray file"),
    ],
)
def test_the_path_and_the_marker_are_those_that_nearly_all_objects_have(keys, path, marker):
    layout = of(keys)
    assert layout.logs_path == f"s3://lake/logs/{path}"
    assert layout.marker == marker


def test_days_without_files_are_named():
    layout = of([key for key in each_day("date={d}/a.parquet") if "02-28" not in key])
    assert layout.days == [day for day in DAYS if day != date(2026, 2, 28)]
    assert layout.missing_days == [date(2026, 2, 28)]


def test_keys_of_folders_that_vary_are_columns_but_for_the_dates():
    layout = of([f"date={day}/country={country}/v=1/a" for day in DAYS for country in ("US", "DE")])
    assert layout.folder_keys == ["country"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://lake/drugs_com/impressions/", "drugs_com_impressions"),
        ("s3://lake/date={date}/", "lake"),
        ("s3://lake/2026/", "my_ssp"),
    ],
)
def test_an_entity_is_named_by_the_last_folders(url, name):
    assert slug(url) == name
