"""What the first lines of files of text say: whether they name columns, and which."""

from datetime import UTC, datetime

import pytest

from rtb_optimizer.core.config.formats import Compression, content_of
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.partitions import LogFile
from rtb_optimizer.operations.inspected_text import kinds_of_files, names_by_file
from v3_settings import v3_settings


def file(text, key="a.csv"):
    content = content_of(text.encode(), Compression.NONE)
    return LogFile(key, len(text), "etag", datetime(2026, 3, 7, tzinfo=UTC), content)


@pytest.mark.parametrize(
    ("first_line", "names"),
    [
        ("id,at,country", ["id", "at", "country"]),
        ('id,"price, 2",country', ["id", "price, 2", "country"]),
        (",site,click", ["index", "site", "click"]),
        ("auction_id", ["auction_id"]),
    ],
    ids=["names", "a delimiter within quotes", "the index of a data frame", "one column"],
)
def test_the_names_of_a_header_are_those_that_the_engine_reads(first_line, names):
    assert names_by_file([file(f"{first_line}\nx")], v3_settings()) == {"a.csv": names}


@pytest.mark.parametrize(
    ("first_line", "said"),
    [
        ("7,DE,2026-03-07 10:00:00", "is a row and names no columns (7, DE, 2026-03-07 10:00:00...): name its 3"),
        ('7,"a, b",DE', "name its 3 columns"),
        ("id at country", "is one field, 'id at country': lines are cut at commas"),
        ("", "is blank"),
    ],
    ids=["a row", "a row with a delimiter within quotes", "cut at blanks", "blank"],
)
def test_a_first_line_that_names_no_columns_is_refused_with_the_way_out(first_line, said):
    with pytest.raises(LogsInvalid) as refused:
        names_by_file([file(f"{first_line}\nx")], v3_settings())
    assert said in str(refused.value)


def test_files_with_other_columns_than_most_are_named():
    names = {"imps.csv": ["id", "at", "site"], "more.csv": ["id", "at", "site", "os"], "clicks.csv": ["id", "ref"]}
    [problem] = kinds_of_files(names)
    assert "more.csv (4 columns), clicks.csv (2 columns)" in problem
    assert kinds_of_files({key: of for key, of in names.items() if key != "clicks.csv"}) == ()
