"""Engines without row groups count all terms in one scan, within the limits of a statement and of memory."""

import numpy as np
import pyarrow as pa
import pytest

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.exact.cells import Term
from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.exact.grouped_sums import GroupedSums
from rtb_optimizer.engines.sql.grouping import MAX_FEATURES, MAX_SETS, parts_of_sets
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings


@pytest.mark.parametrize(
    ("terms", "sizes"),
    [
        ([["a"], ["b"], ["a", "b"], ["b", "a"], ["a"]], [3]),
        ([[f"f{n}"] for n in range(MAX_SETS)], [MAX_SETS]),
        ([[f"f{n}"] for n in range(MAX_SETS + 1)], [MAX_SETS, 1]),
        ([[f"f{n}", f"g{n}"] for n in range(MAX_SETS)], [MAX_FEATURES // 2, MAX_SETS - MAX_FEATURES // 2]),
        ([], []),
    ],
    ids=["a set once, whatever its order", "as many sets as there may be", "one more", "too many features", "no term"],
)
def test_a_statement_has_as_many_sets_as_the_limits_allow(terms, sizes):
    assert [len(part) for part in parts_of_sets(terms)] == sizes


def test_more_terms_than_a_statement_takes_are_counted_as_the_stored_codes_add_up(open_logs):
    draw = np.random.default_rng(5)
    logs = {f"f{n:02}": draw.integers(0, 3, 500) for n in range(64)} | {"click": (draw.random(500) < 0.2).astype("i1")}
    engine, table = open_logs(logs)
    names = sorted(logs)[1:]
    terms = {name: [name] for name in names} | {f"{name}|f00": [name, "f00"] for name in names[1:]}
    cells = {1: ["0", "2"], 2: [segment_key(("0", "1")), segment_key(("2", "0"))]}
    published = {name: cells[len(parts)] for name, parts in terms.items()}

    assert counts_in_sql(engine, table, terms, published) == exact_counts(engine, table, terms, published)


def test_a_row_without_a_value_is_not_taken_for_one_of_another_set(open_logs):
    engine, table = open_logs({"click": [1, 0, 0], "site": ["x", None, None], "level": [None, 1, None]})
    terms, published = {"site": ["site"], "level": ["level"]}, {"site": ["__missing__", "x"], "level": ["1"]}
    counted = counts_in_sql(engine, table, terms, published).statistics

    assert {value: counts.rows for value, counts in counted["site"].items()} == {"__missing__": 2, "x": 1}
    assert counted == exact_counts(engine, table, terms, published).statistics


def test_keys_as_wide_as_the_rows_fit_into_little_memory(open_logs):
    """Without bounds, the groups of these sets are ten times the memory."""
    rows, draw = 200_000, np.random.default_rng(6)
    wide = {name: [f"{name}{n:032}" for n in draw.permutation(rows)] for name in ("device", "session")}
    logs = {**wide, "site": draw.integers(0, 9, rows), "click": (draw.random(rows) < 0.01).astype("i1")}
    engine, table = open_logs(logs, memory_mb=40)
    terms = {"device": ["device"], "session": ["session"], "both": ["device", "session"], "site": ["site"]}
    published = {"device": wide["device"][:2], "session": [], "both": [], "site": ["3"]}
    counted = counts_in_sql(engine, table, terms, published).statistics

    assert {
        name: sum(counts.rows for counts in of_term.values()) for name, of_term in counted.items()
    } == dict.fromkeys(terms, rows)
    assert counted["device"][wide["device"][0]].rows == 1


def test_a_sum_beyond_64_bits_names_its_feature():
    groups = {"grouped_by": [0], "f_site": ["x"], "rows": [1], "exposure": [1], "outcome": [1], "value": [0]}
    batch = pa.record_batch({**groups, "cost": pa.array([2**63], pa.decimal128(38, 0))})
    sums = GroupedSums({"site": Term(["site"], ["x"])}, v3_settings())

    with pytest.raises(LogsInvalid, match="cost of a value of site is too large to be counted"):
        sums.add(batch, {0: ("site",)})
