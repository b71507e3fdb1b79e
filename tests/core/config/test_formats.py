"""Which first lines of delimited text name columns, and which are rows."""

import pytest

from rtb_optimizer.core.config.formats import is_row


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        ("id,time,slot,click", False),
        ("id,size_300x250,2nd_price", False),
        ("0,1,2", False),
        ("1,2,3", False),
        (",slot,click", False),
        ("9f1c,2026-03-07 10:00:00,top", True),
        ("a,b,0.25", True),
        ("slot,,click", True),
        (",DE,0", True),
        ("0d9e6d6c-7f0c-4a52-9a52-0c6b6f1c1a11,DE,mobile", True),
        ("DE,\\N,mobile", True),
        ("3,1,2", True),
    ],
    ids=str,
)
def test_a_first_line_is_a_row_where_a_field_is_a_value(first_line, expected):
    assert is_row(first_line.split(",")) is expected
