"""Features that are counted together are counted as each would be alone, and so are the interactions between them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.exact.cell_sums import MAX_GRID_CELLS, MEASURES, Measured, grids
from rtb_optimizer.engines.exact.cells import Coded
from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.parquet.row_groups import BATCH_ROWS, RowGroups

ROWS = 3 * BATCH_ROWS


def measures_of(rows, draw):
    return {name: draw.integers(0, 1_000_000, rows) for name in MEASURES[1:]}


@given(sizes=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3_000), min_size=1), seed=st.integers(0, 99))
def test_the_sums_of_any_feature_or_pair_are_those_of_its_own_codes(sizes, seed):
    draw = np.random.default_rng(seed)
    codes = {name: draw.integers(0, size, 50) for name, size in sizes.items()}
    measures = measures_of(50, draw)
    layout = grids(sizes, together={"a", "b"})
    for grid in layout:
        grid.add(codes, Measured.of(measures))
        grid.add(codes, Measured.of(measures))

    for name, size in sizes.items():
        [grid] = [grid for grid in layout if grid.has([name])]
        sums = grid.by([name])
        assert sums[0].tolist() == (2 * np.bincount(codes[name], minlength=size)).tolist()
        assert sums[1:].sum(axis=1).tolist() == [2 * measures[measure].sum() for measure in MEASURES[1:]]
    for grid in layout:
        if grid.has("ab"):
            pair = np.zeros((sizes["b"], sizes["a"]), int)
            np.add.at(pair, (codes["b"], codes["a"]), 2 * measures["cost"])
            assert grid.by(["b", "a"])[-1].tolist() == pair.tolist()


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ({"a": 3, "b": 4, "c": 5}, ["abc"]),
        ({"a": 128, "b": 128}, ["ab"]),
        ({"a": 128, "b": 129}, ["a", "b"]),
        ({"a": 100_000, "b": 4, "c": 5}, ["bc", "a"]),
        ({"x": 3_000, "y": 3, "c": 2, "d": 2}, ["xy", "cd"]),
    ],
    ids=["few values", "as many cells as there may be", "one more", "many values stand alone", "interactions first"],
)
def test_features_share_a_grid_while_its_cells_are_few(sizes, parts):
    layout = grids(sizes, together={"x", "y"})
    assert [any(grid.has(part) for grid in layout) for part in parts] == [True] * len(parts)
    assert len(layout) == len(parts)
    assert MAX_GRID_CELLS == 128 * 128


@pytest.mark.parametrize(
    "bounds",
    [None, {}, {"rising": (0, 5), "small": (1, 2)}, {"rising": (-(2**63), 2**63 - 1)}],
    ids=["as the file tells them", "none told", "too narrow", "as wide as can be"],
)
def test_over_many_batches_every_term_counts_as_in_sql_whatever_becomes_of_its_values(open_logs, monkeypatch, bounds):
    """Ranges that grow, many texts, values of one batch alone, a column that ends, and pairs."""
    if bounds is not None:
        monkeypatch.setattr(
            RowGroups, "with_bounds", lambda groups, _: replace(groups, bounds=dict.fromkeys(groups.bounds, bounds))
        )
    draw = np.random.default_rng(8)
    logs = {
        "click": (draw.random(ROWS) < 0.01).astype(np.int8),
        "paid": draw.integers(0, 500, ROWS) / 100,
        "rising": np.arange(ROWS) // 30,
        "many": [f"m{n}" for n in draw.integers(0, 9_000, ROWS)],
        "ends": pa.array(draw.integers(0, 9, ROWS), mask=np.arange(ROWS) > 2 * BATCH_ROWS),
        "shifting": np.arange(ROWS) // 5_000 / 2,
        "small": draw.choice(["a", "b", "c"], ROWS),
    }
    engine, table = open_logs(logs, cost_column="paid")
    terms = {"rising": 6_000, "many": 9_000, "ends": 9, "shifting": 20, "small": 3}
    published = {name: [*map(str, range(0, size, 2))] for name, size in terms.items()}
    published |= {"many": [f"m{n}" for n in range(0, 9_000, 2)], "small": ["a", "c"]}
    parts = {name: [name] for name in terms} | {"ends|small": ["ends", "small"], "small|many": ["small", "many"]}
    published["ends|small"] = [segment_key((str(n), letter)) for n in range(5) for letter in "ab"]
    published["small|many"] = [segment_key((letter, f"m{n}")) for n in range(0, 400, 3) for letter in "bc"]

    by_code = exact_counts(engine, table, parts, published).statistics
    assert by_code == counts_in_sql(engine, table, parts, published).statistics
    for name in parts:
        assert sum(counts.rows for counts in by_code[name].values()) == ROWS


def test_whole_numbers_keep_their_codes_from_batch_to_batch_if_the_file_states_their_bounds():
    bounded, unbounded = Coded((0, 23)), Coded()
    for hour in range(24):
        before = bounded.raw, unbounded.raw
        assert bounded.codes(pa.array([hour, hour])).tolist() == [hour, hour]
        unbounded.codes(pa.array([hour, hour]))

        assert bounded.raw is before[0]
        assert unbounded.raw is not before[1]


def test_codes_that_came_in_a_byte_have_room_to_be_combined():
    raw = pa.DictionaryArray.from_arrays(pa.array([0, 99, 5], pa.int8()), [f"v{n}" for n in range(100)])
    codes = {name: Coded().codes(raw) for name in "ab"}
    [grid] = grids({"a": 100, "b": 100}, together="ab")

    grid.add(codes, Measured.of({name: np.ones(3, np.int64) for name in MEASURES[1:]}))

    assert np.transpose(np.nonzero(grid.by("ab")[0])).tolist() == [[0, 0], [5, 5], [99, 99]]
