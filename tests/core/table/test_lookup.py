"""A look-up multiplies the rows that match, and clips the product."""

import pytest

from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.table.lookup import Row, look_up

FEATURES = ["adspace", "device", "size"]
TABLE = [
    Row("*|*|*", 1.0, 0.9),
    Row("12|*|*", 2.0, 1.8),
    Row("*|mobile|*", 0.5, 0.6),
    Row("*|mobile|300x250", 1.5, 1.4),
    Row(f"{MISSING}|*|*", 0.8, 0.85),
    Row("a\\|b|*|*", 3.0, 2.5),
]


@pytest.mark.parametrize(
    ("request_values", "matched", "unclipped"),
    [
        (
            {"adspace": "12", "device": "mobile", "size": "300x250"},
            ["*|*|*", "12|*|*", "*|mobile|*", "*|mobile|300x250"],
            0.9 * 1.8 * 0.6 * 1.4,
        ),
        ({"adspace": "12", "device": "desktop", "size": "300x250"}, ["*|*|*", "12|*|*"], 0.9 * 1.8),
        ({"adspace": "never seen", "device": "new", "size": "x"}, ["*|*|*"], 0.9),
        ({"device": "mobile"}, ["*|*|*", "*|mobile|*", f"{MISSING}|*|*"], 0.9 * 0.6 * 0.85),
        ({"adspace": "a|b", "device": "x", "size": "y"}, ["*|*|*", "a\\|b|*|*"], 0.9 * 2.5),
        ({"adspace": "*", "device": "x", "size": "y"}, ["*|*|*"], 0.9),
    ],
)
def test_every_matching_row_counts_once(request_values, matched, unclipped):
    answer = look_up(TABLE, FEATURES, request_values, 0.1, 10)

    assert [row.segment for row in answer.rows] == matched
    assert answer.multiplier == answer.unclipped == pytest.approx(unclipped)


@pytest.mark.parametrize(("minimum", "maximum", "multiplier"), [(0.3, 1.2, 1.2), (2.0, 3.0, 2.0), (0.3, 3.0, 1.62)])
def test_the_product_is_clipped(minimum, maximum, multiplier):
    answer = look_up(TABLE, FEATURES, {"adspace": "12", "device": "x", "size": "y"}, minimum, maximum)

    assert answer.multiplier == pytest.approx(multiplier)
    assert answer.rate == 2.0


def test_a_table_without_features_answers_with_its_default():
    assert look_up([Row("", 1.0, 1.0)], [], {}, 0.3, 3.0).multiplier == 1.0
