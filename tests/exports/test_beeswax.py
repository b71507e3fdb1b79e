"""A Beeswax bid model answers as the table it was made from, in rows that exclude each other, within the limits."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeswax_reader import overlapping, read
from keyed_worlds import HOSTILE, bid, traffic_requests, world
from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED
from rtb_optimizer.exports import beeswax
from rtb_optimizer.exports.beeswax import Limits, bid_model
from rtb_optimizer.exports.export import Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

FOLDER = "s3://beeswax-data-eu-west-1/bid_models/acme"
HOURS = [str(hour) for hour in range(24)]
ALPHABETS = {
    "domain": [f"site{n}.com" for n in range(40)] + list(HOSTILE),
    "hour_of_day_utc": [*HOURS, MISSING, "24", "07", "x"],
    "geo_zip": [*(f"{n:05}" for n in range(10_000, 10_060)), MISSING, "1234", OTHER],
    "platform_os": ["iOS", "Android", "Windows", MISSING, *HOSTILE],
    "publisher_id": [f"pm/{n}" for n in range(20)] + ["17", MISSING],
}
CLEAN = {name: [value for value in ALPHABETS[name] if value not in HOSTILE] for name in ("domain", "platform_os")} | {
    "hour_of_day_utc": HOURS
}


def exported(table, seen=(), **limits):
    return bid_model(table, Terms("run7", 0.0, "USD", FOLDER, dict(seen)), Limits(**limits))


def read_back(export, **limits):
    return read(export.files, f"{FOLDER}/run7", **limits)


def answered(model, table, values):
    """What Beeswax bids, as a multiplier of the base bid; None for no bid."""
    answer = model.answer([None if value == MISSING else value for value in values])
    return table.default if answer is None else answer or None


def table_of(rows, features=("domain", "hour_of_day_utc"), default=0.97):
    return KeyedTable(
        features, tuple(KeyedRow(values, 10.0, multiplier) for values, multiplier in rows.items()), default
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("order", [tuple(ALPHABETS), tuple(reversed(ALPHABETS)), tuple(CLEAN)])
def test_a_reader_finds_what_the_export_says_it_finds_on_any_request(seed, order):
    alphabets = {name: ALPHABETS[name] for name in order}
    table, seen = world(seed, alphabets)
    export = exported(table, seen)
    model = read_back(export)

    assert overlapping(model.rows) is None
    assert len(model.rows) == export.rows > 300
    assert export.lost
    for request in traffic_requests(seed, alphabets, seen):
        values = tuple(value or MISSING for value in request)  # an empty text is null there
        assert answered(model, table, values) == bid(export.table, values), values


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_seen_is_answered_as_by_the_table_itself(seed):
    table, seen = world(seed, CLEAN)
    export = exported(table, seen)
    model = read_back(export)

    assert set(export.lost) <= {beeswax.OBSERVED_ONLY, beeswax.NOT_EXPANDABLE}
    requests = [values for values in traffic_requests(seed, CLEAN, seen) if values in seen]
    assert len(requests) > 7_000
    for values in requests:
        assert answered(model, table, values) == bid(table, values), values


def test_a_prefix_without_longer_rows_is_one_row_with_a_wildcard():
    export = exported(table_of({("a.com",): 2.0, ("b.com", "7"): 3.0}))
    rows = export.files["predictions-001.csv"].splitlines()

    assert (rows[0], sorted(rows[1:])) == (b"domain|hour_of_day_utc|value", [b"a.com|*|2", b"b.com|7|3"])


def test_a_prefix_with_longer_rows_is_spelt_out_over_every_value_of_a_column_that_has_few():
    table = table_of({("a.com",): 2.0, ("a.com", "7"): 0.5})
    model = read_back(exported(table))

    assert {hour: model.answer(("a.com", hour)) for hour in HOURS} == dict.fromkeys(HOURS, 2.0) | {"7": 0.5}
    assert "*" not in json.dumps(model.rows)


def test_a_prefix_is_spelt_out_over_the_values_seen_under_it_and_says_so():
    table = table_of({("7",): 2.0, ("7", "a.com"): 0.5}, ("hour_of_day_utc", "domain"))
    seen = {("7", "a.com"): 5.0, ("7", "b.com"): 3.0, ("8", "c.com"): 1.0, ("7", "a|b"): 2.0}
    export = exported(table, seen)
    model = read_back(export)

    assert [model.answer(("7", site)) for site in ("a.com", "b.com", "c.com")] == [0.5, 2.0, None]
    assert {row.values: row.exposures for row in export.table.rows} == {("7", "a.com"): 10.0, ("7", "b.com"): 3.0}
    assert export.lost == {beeswax.OBSERVED_ONLY: 1}


def test_a_prefix_that_nothing_spells_out_is_lost_and_reported():
    table = table_of({("7",): 2.0, ("7", "a.com"): 0.5}, ("hour_of_day_utc", "domain"))
    export = exported(table)

    assert export.lost == {beeswax.NOT_EXPANDABLE: 1}
    assert read_back(export).answer(("7", "b.com")) is None


def test_no_bid_is_0_and_a_small_bid_is_not():
    rows = (KeyedRow(("a.com",), 1.0, 0.3, no_bid=True), KeyedRow(("b.com",), 1.0, 0.000_001_234_567_8))
    export = exported(KeyedTable(("domain",), rows, 1.0))

    assert export.files["predictions-001.csv"] == b"domain|value\na.com|0\nb.com|0.00000123457\n"


def test_what_is_missing_is_blank():
    export = exported(table_of({("a.com", MISSING): 2.0, (MISSING,): 3.0}))

    assert sorted(export.files["predictions-001.csv"].splitlines()[1:]) == [b"a.com||2", b"|*|3"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("hour_of_day_utc", ("24", "-1", "07", "7.0", "x", "")),
        ("day_of_week_utc", ("0", "8")),
        ("banner_width", ("512.0", "-1", "+1", "1_000", "٣")),
        ("rewarded", ("2", "true")),
        ("geo_zip", ("1234", "*")),
        ("publisher_id", ("17", "/17", "pm/", "pm/a|b")),
        ("platform_device_type", ("pc", "4", "OTHER")),
        ("domain", ("*", "a|b", 'a"b', "a\nb", "a\rb", "a\tb", "\u2028", "\ud800", "", UNEXPANDED, OTHER)),
    ],
)
def test_a_value_that_its_column_refuses_is_lost_with_the_cause(column, values):
    export = exported(table_of(dict.fromkeys(itertools.product(values), 2.0), (column,)))
    words = [cause for cause in export.lost if column in cause]

    assert export.table.rows == ()
    assert sum(export.lost.values()) == len(values)
    assert bool(words) == (not set(values) <= {UNEXPANDED, OTHER})


def test_the_default_is_reported_to_whoever_loads_the_model():
    export = exported(table_of({("a.com",): 2.0}, default=0.875))

    assert "the base bid times 0.875" in export.files["README.txt"].decode()
    assert export.table.default == 0.875


LINE = len(b"a.com|9\n")
HEADER = len(b"domain|value\n")


def of_lines(n, first=9.0):
    """A table of lines of one length, of which the first is worth most."""
    return table_of({(f"{letter}.com",): first - place for place, letter in enumerate("abcdefg"[:n])}, ("domain",))


@pytest.mark.parametrize(("room", "files"), [(HEADER + 3 * LINE, 1), (HEADER + 3 * LINE - 1, 2), (HEADER + LINE, 3)])
def test_a_file_is_as_long_as_beeswax_takes_and_no_longer(room, files):
    export = exported(of_lines(3), file_bytes=room)
    model = read_back(export, file_bytes=room)

    assert len(export.files) == files + 2
    assert len(model.rows) == export.rows == 3


def test_a_line_that_no_file_has_room_for_is_lost():
    export = exported(of_lines(3), file_bytes=HEADER + LINE - 1)

    assert export.rows == 0
    assert export.lost == {beeswax.NO_ROOM: 3}


@pytest.mark.parametrize(
    ("room", "remaining"),
    [
        (2 * HEADER + 4 * LINE, "abcd"),
        (2 * HEADER + 4 * LINE - 1, "abc"),
        (2 * HEADER + 3 * LINE, "abc"),
        (2 * HEADER + 3 * LINE - 1, "ab"),
        (HEADER + 2 * LINE, "ab"),
    ],
)
def test_a_model_is_as_long_as_beeswax_takes_and_loses_what_is_worth_least(room, remaining):
    export = exported(of_lines(4), file_bytes=HEADER + 2 * LINE, model_bytes=room)
    read_back(export, file_bytes=HEADER + 2 * LINE, model_bytes=room)

    assert sorted(row.values[0][0] for row in export.table.rows) == list(remaining)
    assert export.lost == ({beeswax.NO_ROOM: 4 - len(remaining)} if len(remaining) < 4 else {})


def test_a_row_that_is_there_in_part_is_reported_as_that():
    table = table_of({("a.com",): 2.0, ("a.com", "7"): 0.5})
    export = exported(table, {("a.com", "8"): 5.0}, model_bytes=70)

    assert [row.values for row in export.table.rows] == [("a.com", "8"), ("a.com", "7"), ("a.com", "0")]
    assert export.lost == {beeswax.NO_ROOM_FOR_ALL: 1}


DEEP = ("domain", "hour_of_day_utc", "geo_zip", "platform_os", "publisher_id")


@pytest.mark.parametrize("wildcards", range(5))
def test_no_more_fields_have_wildcards_than_beeswax_takes(wildcards):
    table = table_of({("a.com",): 2.0, ("b.com", "7"): 3.0, ("c.com", "7", "10001", "iOS"): 4.0}, DEEP)
    seen = {("a.com", "7", "10001", "iOS", "pm/1"): 1.0, ("b.com", "7", "10001", MISSING, "pm/1"): 1.0}
    export = exported(table, seen, wildcard_fields=wildcards)
    model = read_back(export, wildcard_fields=wildcards)

    used = json.loads(export.files["manifest.json"])["metadata"]["wildcard_fields"]
    assert len(used) == min(wildcards, 3), "of the four fields that the rows give, the first is always given"
    for values in seen:
        assert answered(model, table, values) == bid(table, values)
    assert (beeswax.OBSERVED_ONLY in export.lost) == (wildcards < 3)


def test_the_reported_table_has_the_numbers_that_are_written():
    written = exported(table_of({("a.com",): 0.123_456_789}, ("domain",), default=1 / 3)).table

    assert (written.rows[0].multiplier, written.default) == (0.123457, 0.333333)


texts = st.text(st.characters(), max_size=3) | st.sampled_from(HOSTILE)


@given(st.sets(st.tuples(texts, texts), max_size=12))
def test_no_two_rows_of_different_values_are_one_row_in_the_file(combinations):
    table = table_of({values: 1.0 + n for n, values in enumerate(sorted(combinations))}, ("domain", "geo_region"))
    export = exported(table)
    model = read_back(export)

    assert len(model.rows) == len(set(model.rows)) == max(export.rows, 1), "the default alone is a row, too"
    assert export.rows == len(export.table.rows)
    assert export.rows + sum(export.lost.values()) == len(combinations)
    for row in export.table.rows:
        assert answered(model, table, row.values) == row.multiplier


prefixes = st.lists(st.sampled_from(["a", "b", "c", MISSING]), min_size=1, max_size=4).map(tuple)


@given(st.sets(prefixes, min_size=1, max_size=12), st.integers(0, 3))
def test_any_table_becomes_rows_that_exclude_each_other_and_answers_the_same(rows, wildcards):
    features = ("domain", "platform_os", "geo_region", "platform_device_type")
    table = table_of({values: 1.0 + n for n, values in enumerate(sorted(rows))}, features)
    places = [["a", "b", "c", MISSING]] * 3 + [["PC", "PHONE", "TABLET", MISSING]]
    named = dict(zip(places[0], places[-1], strict=True))
    spelt = tuple(
        KeyedRow((*row.values[:3], *(named[v] for v in row.values[3:])), row.exposures, row.multiplier)
        for row in table.rows
    )
    table = KeyedTable(features, spelt, 0.5)
    export = exported(table, dict.fromkeys(itertools.product(*places), 1.0), wildcard_fields=wildcards)
    model = read_back(export, wildcard_fields=wildcards)

    assert overlapping(model.rows) is None
    for values in itertools.product(*places):
        assert answered(model, table, values) == bid(table, values) == bid(export.table, values)


def test_the_checker_finds_rows_that_overlap():
    assert overlapping([(("a", "*"), 1.0), (("a", "b"), 1.0)])
    assert overlapping([(("a", "*"), 1.0), (("*", "b"), 1.0)])
    assert overlapping([(("a", ""), 1.0), (("a", "b"), 1.0), (("b", "*"), 1.0)]) is None


def test_the_real_limits_hold():
    rows = {(f"{n:0>2000}.com", f"{n:0>2000}"): 1.0 + n / 1e6 for n in range(26_000)}
    export = exported(table_of(rows, ("domain", "geo_region")))
    sizes = [len(body) for name, body in export.files.items() if name.startswith("predictions")]

    assert max(sizes) <= 25_000_000
    assert 99_000_000 < sum(sizes) <= 100_000_000
    assert export.lost == {beeswax.NO_ROOM: len(rows) - export.rows}


def test_a_column_that_no_row_uses_is_not_in_the_file_and_takes_no_wildcard():
    """Of five fields rows give one or two: all three wildcards are left for the first prefix to end in."""
    features = ("domain", "platform_os", "geo_zip", "geo_metro", "platform_browser")
    seen = {(f"s{n}.com", "iOS", "10001", "501", "Chrome"): 10.0 for n in range(4)}
    export = exported(table_of({("s1.com",): 2.0, ("s2.com", "iOS"): 3.0}, features), seen)
    lines = export.files["predictions-001.csv"].decode().splitlines()

    assert lines[0] == "domain|platform_os|value"
    assert sorted(lines[1:]) == ["s1.com|*|2", "s2.com|iOS|3"]
    assert json.loads(export.files["manifest.json"])["metadata"] == {
        "fields": ["domain", "platform_os"],
        "wildcard_fields": ["platform_os"],
    }
    assert export.lost == {}


@pytest.mark.parametrize("features", [(), ("domain", "platform_os"), ("geo_zip",)], ids=["none", "two", "one"])
def test_a_table_without_rows_is_a_file_of_one_row_that_matches_every_request(features):
    export = exported(table_of({}, features, default=0.97))
    model = read_back(export)

    assert model.answer(("x", "y")) == 0.97
    assert model.fields
    assert (export.rows, export.file_rows["predictions-001.csv"]) == (0, 1)


@pytest.mark.parametrize("folder", [FOLDER, f"{FOLDER}/", f"{FOLDER}//"])
def test_the_manifest_names_the_files_where_they_are_delivered_with_a_slash_at_the_folder_s_end_or_without(folder):
    export = bid_model(table_of({("a.com",): 2.0}), Terms("run7", 0.0, "USD", folder))

    assert json.loads(export.files["manifest.json"])["model_predictions"] == [f"{FOLDER}/run7/predictions-001.csv"]
