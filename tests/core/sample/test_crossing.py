"""The cells of an interaction are the combinations that occur, each with a value that no other cell has."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample import crossing, numbering
from rtb_optimizer.core.sample.crossing import cell_codes, crossed, with_interactions
from rtb_optimizer.core.sample.values import UNEXPANDED, split_key

COLUMNS = {
    "a": ["x", "x", "y", "y", "x", "x|y"],
    "b": ["1", "2", "1", "1", "1", ""],
    "c": ["p", "p", "p", "q", "p", "p"],
}


@pytest.fixture
def sample():
    return sample_of(np.zeros(6), fold=[0] * 6, **COLUMNS)


def sort_from(cells, monkeypatch):
    for module in (crossing, numbering):
        monkeypatch.setattr(module, "DENSE_CELLS", cells)


def test_rows_share_a_cell_when_all_their_values_are_the_same(sample):
    codes, size = cell_codes(sample, ["a", "b"])

    assert codes[0] == codes[4]
    assert codes[2] == codes[3]
    assert set(codes) == set(range(4))
    assert size == 4


@pytest.mark.parametrize("dense", [1, 1 << 22], ids=["sorted", "in a table of all possible cells"])
def test_cells_are_numbered_in_the_order_of_their_parts(sample, monkeypatch, dense):
    sort_from(dense, monkeypatch)
    codes, _ = cell_codes(sample, ["a", "b"])
    cells = list(zip(sample.features["a"].codes, sample.features["b"].codes, strict=True))

    assert np.array_equal(codes, [sorted(set(cells)).index(cell) for cell in cells])


def test_a_cell_s_value_names_its_parts_even_when_they_hold_the_delimiter(sample):
    feature = crossed(sample, ["a", "b"]).features["a|b"]

    assert [split_key(feature.values[code]) for code in feature.codes] == [
        list(cell) for cell in zip(COLUMNS["a"], COLUMNS["b"], strict=True)
    ]


def test_triples_are_cells_of_three(sample):
    feature = with_interactions(sample, [("a", "b"), ("a", "b", "c")]).features["a|b|c"]

    assert len(feature.values) == 5
    assert split_key(feature.values[feature.codes[3]]) == ["y", "1", "q"]


def test_a_cell_with_an_unexpanded_macro_is_no_cell():
    sample = sample_of(np.zeros(2), a=["x", UNEXPANDED], b=["1", "1"])

    feature = crossed(sample, ["a", "b"]).features["a|b"]
    assert [feature.values[code] for code in feature.barred] == [f"{UNEXPANDED}|1"]
    assert len(feature.values) == 2


def test_many_values_do_not_overflow_the_numbering(monkeypatch):
    rng = np.random.default_rng(0)
    columns = {name: [f"{name}{n}" for n in rng.integers(0, 40, 500)] for name in "abc"}
    sample = sample_of(np.zeros(500), **columns)
    wide = cell_codes(sample, ["a", "b", "c"])[0]
    sort_from(50, monkeypatch)
    narrow = cell_codes(sample, ["a", "b", "c"])[0]

    assert len(set(zip(wide, narrow, strict=True))) == len(set(wide)) == len(set(narrow))
