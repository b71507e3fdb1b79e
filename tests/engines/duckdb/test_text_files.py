"""The names in the first line of delimited text."""

import pytest

from rtb_optimizer.engines.duckdb.text_files import header_of
from rtb_optimizer.errors import LogsInvalid


@pytest.mark.parametrize(
    ("first_line", "names"),
    [
        ("site,click", ["site", "click"]),
        (",site,click", ["index", "site", "click"]),
        ('"",site', ["index", "site"]),
    ],
    ids=["names", "the index of a data frame", "one in quotes"],
)
def test_a_first_line_names_the_columns_and_its_first_name_may_be_blank(first_line, names):
    assert header_of("s3://b/l.csv", first_line, ",", '"') == names


@pytest.mark.parametrize("first_line", ["a,,click", ",", ",index", ",7", '""'])
def test_another_blank_name_is_refused_with_the_key_that_names_columns(first_line):
    with pytest.raises(LogsInvalid, match=r"the first line of s3://b/l\.csv .* blank: set csv_columns"):
        header_of("s3://b/l.csv", first_line, ",", '"')


def test_a_blank_line_names_nothing_and_is_refused():
    with pytest.raises(LogsInvalid, match=r"the first line of s3://b/l\.csv is blank"):
        header_of("s3://b/l.csv", "", ",", '"')
