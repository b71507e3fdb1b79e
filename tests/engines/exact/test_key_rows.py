"""The rows of joint keys are counted along the tree of their values, and are those that SQL counts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.exact import cells, key_rows
from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.exact.key_rows import KeyRows
from rtb_optimizer.engines.parquet.row_groups import BATCH_ROWS
from v3_settings import v3_settings

ROWS = 2 * BATCH_ROWS + 7
FEATURES = ("a", "b", "c")


@pytest.fixture(params=[True, False], ids=["in a table", "by a hash"])
def lookup(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(key_rows, "DENSE_NODES", 1)
        monkeypatch.setattr(cells, "DENSE_CELLS", 1)


@given(
    rows=st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60),
    keys=st.dictionaries(
        st.permutations(FEATURES).flatmap(lambda order: st.integers(1, 3).map(lambda n: tuple(order[:n]))),
        st.lists(st.tuples(*[st.integers(0, 4)] * 3), unique=True, max_size=9),
        max_size=5,
    ),
    at=st.integers(0, 60),
)
def test_each_key_has_the_rows_whose_values_it_names_whichever_other_keys_there_are(rows, keys, at):
    values = {features: sorted({each[: len(features)] for each in of}) for features, of in keys.items()}
    texts = {features: [segment_key(map(str, each)) for each in of] for features, of in values.items()}
    counted = KeyRows(texts, v3_settings())
    for part in (rows[:at], rows[at:]):
        group = counted.counting()
        columns = np.array(part, dtype=np.int64).reshape(-1, 3).T
        group.add(dict(zip(FEATURES, columns, strict=True)), {name: list(range(4)) for name in FEATURES})
        counted.merge(group)

    for features, of in values.items():
        places = [FEATURES.index(name) for name in features]
        seen = [tuple(row[n] for n in places) for row in rows]
        expected = {text: seen.count(each) for text, each in zip(texts[features], of, strict=True) if each in seen}
        assert counted.by_key()[features] == expected


@pytest.mark.usefixtures("lookup")
def test_over_many_batches_the_rows_of_keys_are_those_that_sql_counts(open_logs):
    """Values in several spellings, missing ones, those with the delimiter, whole numbers, and texts of many."""
    draw = np.random.default_rng(3)
    logs = {
        "click": (draw.random(ROWS) < 0.01).astype(np.int8),
        "many": [f"m{n}" for n in draw.integers(0, 9_000, ROWS)],
        "hour": np.arange(ROWS) // 9_000,
        "odd": pa.array(draw.choice([" x", "x", "a|b", "*", "\\", ""], ROWS), mask=draw.random(ROWS) < 0.1),
    }
    engine, table = open_logs(logs)
    hours, odd = [*map(str, range(0, 9, 2))], ["x", "a|b", "*", "\\", "__missing__", "absent"]
    keys = {
        ("odd",): ["a|b", "x"],
        ("odd", "hour"): [segment_key((value, hour)) for value in odd for hour in hours],
        ("odd", "hour", "many"): [segment_key(("x", "2", f"m{n}")) for n in range(0, 9_000, 7)],
        ("many", "odd"): [segment_key((f"m{n}", "*")) for n in range(300)],
    }
    terms, published = {"hour": ["hour"]}, {"hour": hours}
    by_code = exact_counts(engine, table, terms, published, keys)

    assert by_code == counts_in_sql(engine, table, terms, published, keys)
    assert set(by_code.rows) == set(keys)
    assert min(sum(rows.values()) for rows in by_code.rows.values()) > 0
    assert "absent|2" not in by_code.rows["odd", "hour"]


def test_keys_alone_are_counted_without_any_term(open_logs):
    engine, table = open_logs({"click": [0, 1, 0], "site": ["s", "t", "s"]})
    counted = exact_counts(engine, table, {}, {}, {("site",): ["s", "u"]})

    assert counted == counts_in_sql(engine, table, {}, {}, {("site",): ["s", "u"]})
    assert counted.rows == {("site",): {"s": 2}}


def test_a_number_that_is_not_among_those_searched_has_the_place_after_the_last():
    numbers = np.array([7, -3, 2**62, 0])

    places = cells.places_among(numbers)

    assert places(np.array([0, 7, 8, 2**62, -3, -1])).tolist() == [3, 0, 4, 2, 1, 4]
    assert cells.places_among(numbers[:0])(numbers).tolist() == [0, 0, 0, 0]
