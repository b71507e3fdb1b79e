"""Values that are one but for their spelling, that spell nothing, and macros within values."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.selection.spellings import fold, spelling_warnings
from rtb_optimizer.core.selection.value_checks import value_warnings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mobile", "mobile"),
        ("New York", "new\u00a0york"),
        ("mobile", "mobile\u200b"),
        ("mobile", "\ufeffmobile"),
        ("a b", "a%2520b"),
        ("a&b", "a&amp;b"),
        ("\u00e9", "\u00c3\u00a9"),
        ("\u00e9", "e\u0301"),
        ("a", '"a"'),
        ("1000", "1,000"),
        ("101", "0101"),
    ],
)
def test_spellings_of_one_value_are_alike(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("17", "107"), ("60", "600"), ("1.5", "15"), ("a-b", "ab"), ("0", "00x"), ("NA", "na-1")]
)
def test_other_values_are_not(one, other):
    assert fold(one) != fold(other)


def told(*values):
    """The codes and messages of a column that has these values by turns."""
    column = np.array(values, dtype=object)[np.arange(3_000) % len(values)]
    return [(each.code, each.message) for each in spelling_warnings(sample_of(np.zeros(3_000), c=column))]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["a", "b", "c"], []),
        (["a", "A", "b"], ["values_alike"]),
        (["a", "-"], ["missing_spelt"]),
        (["a", "(not set)"], ["missing_spelt"]),
        (["a", "\u200b"], ["missing_spelt"]),
        (["a", "unknown"], []),
        (["a", "unknown", "__missing__"], ["missing_spelt"]),
        (["US", "NA"], []),
        (["0", "-1", "1"], []),
        (["a", "app=${APP_ID}"], ["unexpanded_macro"]),
        (["a", "https%3A%2F%2Fx%2F%25%25SITE%25%25"], ["unexpanded_macro"]),
        (["a", "[ROS] Sport", "{}x", "a_b"], []),
        (["__missing__", "__other__", "__unexpanded__"], []),
    ],
)
def test_spellings_that_part_rows_or_that_nobody_sends_are_told(values, codes):
    assert [code for code, _ in told(*values)] == codes


def test_a_spelling_of_few_rows_is_no_news():
    assert told(*["a"] * 299, "A") == []


def test_the_values_are_named_as_they_are_written():
    [(_, message)] = told("mobile", "mobile\u200b")

    assert "c='mobile' and c='mobile\\u200b'; 50% of the exposures" in message


def rounded(values):
    column = [str(value) for value in values]
    return [each.code for each in value_warnings(sample_of(np.zeros(len(column)), c=column), (), 0.95)]


DRAWN = np.random.default_rng(4).integers(2**30, 2**31, 40)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (DRAWN.astype(np.float32).astype(int), ["ids_rounded"]),
        (DRAWN, []),
        (DRAWN[:5].astype(np.float32).astype(int), []),
        (86_400 * np.arange(20_000, 20_040), []),
        (10**9 * np.arange(1, 40), []),
        ([*DRAWN[:39].astype(np.float32).astype(int), DRAWN[39] | 1], []),
    ],
    ids=["floats", "integers", "few", "midnights", "round by themselves", "one that is not"],
)
def test_ids_that_were_floats_of_32_bits_are_told_by_the_bits_that_all_lack(values, codes):
    assert rounded(values) == codes
