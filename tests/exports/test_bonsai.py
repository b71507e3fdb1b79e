"""A Bonsai tree answers as the table it was made from; its leaves' names lead back to the segments."""

import itertools
import json
import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai_evaluator import TEXTS, Leaf, evaluate, leaves, parse
from keyed_worlds import HOSTILE, bid, traffic_requests, world
from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED, split_key
from rtb_optimizer.exports import bonsai
from rtb_optimizer.exports.bonsai import bonsai_tree
from rtb_optimizer.exports.export import Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

ALPHABETS = {
    "domain": [f"site{n}.com" for n in range(40)] + list(HOSTILE),
    "user_hour": [*map(str, range(24)), MISSING, "24", "07", "x"],
    "placement": [*map(str, range(1_000, 1_060)), OTHER],
    "country": ["US", "233", "DE", "7", "007", MISSING, *HOSTILE],
    "mobile_app_bundle": ["553834731", "com.king", MISSING, "0", *HOSTILE],
}
CLEAN = {name: [v for v in values if v not in HOSTILE] for name, values in ALPHABETS.items()} | {
    "user_hour": [*map(str, range(24)), MISSING],
    "placement": ALPHABETS["placement"][:-1],
}


def exported(table, **limits):
    return bonsai_tree(table, Terms("run7", 0.0, "USD"), **limits)


def tree_of(export):
    return parse(export.files["tree.txt"].decode())


def impression(features, values):
    """A request as Xandr has it: ids are numbers, what is not there is absent."""
    return {name: _typed(name, value) for name, value in zip(features, values, strict=True)}


def _typed(name, value):
    if value == MISSING:
        return None
    is_id = name not in TEXTS and re.fullmatch("0|[1-9][0-9]*", value)
    return int(value) if is_id else value


def table_of(rows, features=("domain", "user_hour"), default=0.97):
    return KeyedTable(
        features, tuple(KeyedRow(values, 10.0, multiplier) for values, multiplier in rows.items()), default
    )


def names_of(export):
    return json.loads(export.files["leaf_names.json"])["leaves"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("order", [tuple(ALPHABETS), tuple(reversed(ALPHABETS)), ("user_hour", "placement")])
def test_an_evaluator_finds_what_the_export_says_it_finds_on_any_request(seed, order):
    alphabets = {name: ALPHABETS[name] for name in order}
    table, seen = world(seed, alphabets)
    export = exported(table)
    tree, names = tree_of(export), names_of(export)

    assert export.lost
    for values in traffic_requests(seed, alphabets, seen):
        leaf, row = evaluate(tree, impression(order, values)), export.table.row_of(values)
        assert leaf.value == bid(export.table, values), values
        segment = tuple(part for part in split_key(names[leaf.name]) if part is not None)
        assert segment == (row.values if row else ()), values


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_of_values_that_xandr_takes_loses_nothing(seed):
    table, seen = world(seed, CLEAN)
    export = exported(table)
    tree = tree_of(export)

    assert export.lost == {}
    assert export.rows == len(table.rows) + 1
    for values in traffic_requests(seed, CLEAN, seen):
        assert evaluate(tree, impression(CLEAN, values)).value == bid(table, values), values


def test_a_tree_reads_as_a_person_would_write_it():
    rows = {("a.com",): 2.0, ("a.com", "7"): 0.5, ("a.com", "18"): 1.25, (MISSING,): 3.0}
    export = exported(table_of(rows))
    names = {key: name for name, key in names_of(export).items()}

    assert export.files["tree.txt"].decode().expandtabs(4) == (
        f"""if domain absent:
    leaf_name: "{names["__missing__|*"]}"
    value: 3
elif domain = "a.com":
    switch user_hour:
        case (18):
            leaf_name: "{names["a.com|18"]}"
            value: 1.25
        case (7):
            leaf_name: "{names["a.com|7"]}"
            value: 0.5
        default:
            leaf_name: "{names["a.com|*"]}"
            value: 2
else:
    leaf_name: "default"
    value: 0.97
"""
    )


def test_no_bid_is_a_word_and_never_0():
    rows = (KeyedRow(("a.com",), 1.0, 0.3, no_bid=True), KeyedRow(("b.com",), 1.0, 0.000_001_234_567_8))
    export = exported(KeyedTable(("domain",), rows, 1.0))

    assert [leaf.value for leaf in leaves(tree_of(export))] == [None, 0.00000123457, 1.0]


def test_an_empty_table_is_a_tree_of_its_default():
    export = exported(table_of({}))

    assert tree_of(export) == Leaf("default", 0.97)
    assert names_of(export) == {"default": "*|*"}


@pytest.mark.parametrize(
    ("feature", "value", "line"),
    [
        ("user_hour", "23", "case (23):"),
        ("placement", "300", "case (300):"),
        ("country", "233", "if country = 233:"),
        ("country", "US", 'if country = "US":'),
        ("country", "007", 'if country = "007":'),
        ("city", "US:NY:New York", 'if city = "US:NY:New York":'),
        ("mobile_app_bundle", "553834731", 'if mobile_app_bundle = "553834731":'),
        ("size", "300x250", 'if size = "300x250":'),
        ("device_type", "pc & other devices", 'if device_type = "pc & other devices":'),
        ("user_hour", MISSING, "if user_hour absent:"),
        ("domain", MISSING, "if domain absent:"),
    ],
)
def test_ids_are_numbers_and_names_are_in_quotes(feature, value, line):
    export = exported(table_of({(value,): 2.0}, (feature,)))

    assert line in [text.strip() for text in export.files["tree.txt"].decode().splitlines()]
    assert evaluate(tree_of(export), impression((feature,), (value,))).value == 2.0


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ("user_hour", ("24", "-1", "07", "7.0", "")),
        ("user_day", ("7",)),
        ("placement", ("512.0", "abc", "٣", "-1")),
        ("size", ("300", "300X250")),
        ("device_type", ("desktop",)),
        ("domain", ('a"b', "a\\b", "a\tb", "a\nb", "é", "\x7f", "", UNEXPANDED, OTHER)),
    ],
)
def test_a_value_that_its_feature_refuses_is_lost_with_the_cause(feature, values):
    export = exported(table_of(dict.fromkeys(itertools.product(values), 2.0), (feature,)))

    assert export.table.rows == ()
    assert sum(export.lost.values()) == len(values)
    assert any(feature in cause for cause in export.lost)
    assert tree_of(export) == Leaf("default", 0.97)


def encoded(export):
    return len(b64encode(export.files["tree.txt"]))


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_is_as_long_as_xandr_takes_and_loses_what_is_worth_least(seed):
    table, _ = world(seed, CLEAN, rows=60)
    whole = exported(table)
    for limit in (encoded(whole), encoded(whole) - 1, encoded(whole) // 2, encoded(whole) // 9, 60):
        export = exported(table, max_bytes=limit)
        ranked = list(table.by_impact())
        fitting = len(export.table.rows)

        assert encoded(export) <= limit
        assert parse(export.files["tree.txt"].decode())
        assert {row.values for row in export.table.rows} == {row.values for row in ranked[:fitting]}
        assert export.lost == ({bonsai.NO_ROOM: len(ranked) - fitting} if fitting < len(ranked) else {})
        assert (limit == encoded(whole)) == (fitting == len(ranked))
        if fitting < len(ranked):  # one more would not have fitted
            assert encoded(exported(table.keeping(ranked[: fitting + 1]))) > limit


def test_the_real_limit_holds():
    rows = {(f"site{n}.com", str(hour)): 1.0 + n / 1e5 + hour / 1e3 for n in range(2_500) for hour in range(24)}
    export = exported(table_of(rows))

    assert 3_145_728 - 400 < encoded(export) <= 3_145_728
    assert export.lost == {bonsai.NO_ROOM: len(rows) - export.rows + 1}
    assert len(set(names_of(export))) == export.rows


def test_a_leaf_s_name_is_its_segment_s_every_night():
    keys = [f"a|{n}" for n in range(1_000)]
    tonight, tomorrow = bonsai.leaf_names(keys), bonsai.leaf_names([*keys[500:], "b|1", *keys[:500]])

    assert tonight == [*tomorrow[501:], *tomorrow[:500]]
    assert bonsai.leaf_names(["example.com|7|*"]) == ["taipty8"]
    assert all(re.fullmatch("[0-9a-z]{7}", name) for name in tonight)


def test_two_segments_of_one_hash_have_two_names(monkeypatch):
    hashes = {("a", 0): "same000", ("b", 0): "same000", ("b", 1): "default", ("b", 2): "other00"}
    monkeypatch.setattr(bonsai, "_hash", lambda key, attempt: hashes[key, attempt])

    assert bonsai.leaf_names(["b", "a"]) == ["other00", "same000"]


def test_the_reported_table_has_the_numbers_that_are_written():
    written = exported(table_of({("a.com",): 0.123_456_789}, ("domain",), default=1 / 3)).table

    assert (written.rows[0].multiplier, written.default) == (0.123457, 0.333333)


texts = st.text(st.characters(), max_size=3) | st.sampled_from(HOSTILE)


@given(st.sets(st.tuples(texts, texts), max_size=12), st.sampled_from([("domain", "country"), ("country", "city")]))
def test_no_two_rows_of_different_values_are_one_leaf(combinations, features):
    rows = {values: 1.0 + n for n, values in enumerate(sorted(combinations))}
    export = exported(table_of(rows, features))
    tree = tree_of(export)

    assert export.rows - 1 + sum(export.lost.values()) == len(combinations)
    for row in export.table.rows:
        leaf = evaluate(tree, impression(features, row.values))
        assert leaf.value == row.multiplier == rows[row.values]
        assert tuple(split_key(names_of(export)[leaf.name])) == row.values


def test_the_evaluator_refuses_what_is_not_bonsai():
    leaf = 'leaf_name: "a"\nvalue: 1\n'
    wrong = [
        leaf.replace("1", "0"),
        leaf.replace('"a"', '"12345678"'),
        leaf + leaf,
        'if domain = 7:\n\tleaf_name: "a"\n\tvalue: 1\nelse:\n\tleaf_name: "b"\n\tvalue: 1\n',
        'if user_hour = 24:\n\tleaf_name: "a"\n\tvalue: 1\nelse:\n\tleaf_name: "b"\n\tvalue: 1\n',
        'if user_hour = 2:\n    leaf_name: "a"\n    value: 1\nelse:\n\tleaf_name: "b"\n\tvalue: 1\n',
        'if user_hour = 2:\n\tleaf_name: "a"\n\tvalue: 1\n',
    ]

    assert parse(leaf) == Leaf("a", 1.0)
    for text in wrong:
        with pytest.raises((AssertionError, IndexError)):
            parse(text)
