"""A joint cell is published when it certainly stands on enough of the logs; only doubtful ones are counted there."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample.values import OTHER
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.evidence import prefix_cells, prefixes_of, publishable_rows, term_of
from rtb_optimizer.core.table.joint import JointRules, compile_joint

PAIR = ("site", "device")
RULES = JointRules(100, 1, 0.0, BidRules(0.3, 3, 0.8, 0, 1.25))


def sample():
    """Cells (a, m) of 12 rows, (b, m) of 5, (c, m) of 1 that stands for 300, and a value that is none."""
    site = ["a"] * 12 + ["b"] * 5 + ["c", OTHER]
    exposure = [1.0] * 17 + [300.0, 300.0]
    return sample_of(np.arange(19) % 2, exposure=exposure, site=site, device=["m"] * 19)


def site_of(rows):
    feature = rows.features["site"]
    return np.array([feature.values[code] for code in feature.codes])


def test_prefixes_of_several_keys_are_listed_once():
    assert prefixes_of([["a", "b"], ["a", "c"], []]) == [("a",), ("a", "b"), ("a", "c")]
    assert [term_of(("a",)), term_of(("a", "b"))] == ["a|*", "a|b|*"]


@pytest.mark.parametrize(
    ("prefix", "has_people", "keys"),
    [
        (("site",), False, ["b", "c"]),
        (PAIR, False, ["b|m", "c|m"]),
        (("device",), False, []),
        (PAIR, True, ["a|m", "b|m", "c|m"]),
    ],
)
def test_cells_without_enough_sampled_rows_are_to_be_counted(prefix, has_people, keys):
    assert prefix_cells(sample(), [prefix], 4, 10, has_people=has_people)[prefix].keys == keys


def test_cells_below_the_least_exposures_need_no_count():
    assert prefix_cells(sample(), [PAIR], 100, 10, has_people=False)[PAIR].keys == ["c|m"]


@pytest.mark.parametrize(
    ("rows", "people", "published"),
    [
        ({"b|m": 9, "c|m": 400}, None, {"a", "c"}),
        ({"b|m": 10}, None, {"a", "b"}),
        ({}, None, {"a"}),
        ({"b|m": 10, "c|m": 10}, {"b|m"}, {"a", "b"}),
    ],
)
def test_the_count_in_the_logs_decides(rows, people, published):
    drawn = sample()
    cells = prefix_cells(drawn, [PAIR], 4, 10, has_people=False)
    known = None if people is None else {term_of(PAIR): people}

    enough = publishable_rows(cells, {PAIR: rows}, 10, known)[PAIR]

    assert set(site_of(drawn)[enough]) == published


def test_a_cell_that_is_not_publishable_is_no_key_and_has_no_longer_ones():
    drawn = sample()
    expected, product = np.full(19, 0.5), np.where(site_of(drawn) == "c", 2.0, 1.0)

    joint = compile_joint(drawn, PAIR, expected, product, RULES)
    limited = compile_joint(drawn, PAIR, expected, product, RULES, {("site",): site_of(drawn) != "c"})

    assert ("c",) in joint.prefixes(1)
    assert ("c",) not in limited.prefixes(1)
    assert "c" not in {site for site, _ in limited.prefixes(2)}
