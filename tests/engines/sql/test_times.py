"""How times are read, whatever writes them."""

from datetime import datetime

import duckdb
import pytest

from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.times import time_of_number, time_of_text

AT = datetime(2026, 11, 20, 13, 15, 7)  # noqa: DTZ001 - times are read in naive UTC


def read(sql):
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        return database.sql(f"SELECT {sql}").fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2026-11-20 13:15:07", ""),
        ("2026-11-20T13:15:07Z", ""),
        ("2026-11-20T08:15:07-05:00", ""),
        ("2026-11-20 18:45:07+05:30", ""),
        ("1795180507", ""),
        ("1795180507000", ""),
        ("1795180507000000", ""),
        ("1795180507000000000", ""),
        ("20261120131507", ""),
        ("20261120131507000", ""),
        ("1795180507.0", "epoch_s"),
        ("20/Nov/2026:08:15:07 -0500", "%d/%b/%Y:%H:%M:%S %z"),
        ("11/20/2026 01:15:07 PM", "%m/%d/%Y %I:%M:%S %p"),
    ],
)
def test_a_text_is_read_as_iso_8601_as_an_epoch_by_its_size_or_by_its_pattern(text, pattern):
    assert read(time_of_text(f"'{text}'", pattern, Dialect())) == AT


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        ("1795180507", ""),
        ("1795180507.0", ""),
        ("1795180507000", ""),
        ("1795180507000000", ""),
        ("1795180507000000000", ""),
        ("20261120131507", ""),
        ("20261120131507", "%Y%m%d%H%M%S"),
        ("1795180507000", "epoch_ms"),
    ],
)
def test_a_number_is_an_epoch_in_the_unit_that_its_size_shows(number, pattern):
    assert read(time_of_number(f"CAST({number} AS DOUBLE)", pattern, Dialect())) == AT


@pytest.mark.parametrize("text", ["", "yesterday", "20/11/2026", "1e300", "-1e30"])
def test_what_is_no_time_is_null(text):
    assert read(time_of_text(f"'{text}'", "", Dialect())) is None


def test_milliseconds_are_kept():
    assert read(time_of_text("'20261120131507123'", "", Dialect())).microsecond == 123_000
    assert read(time_of_number("20261120131507123", "", Dialect())).microsecond == 123_000
