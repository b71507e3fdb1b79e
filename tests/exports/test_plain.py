"""What the reference reader finds in a plain export is what we find, in both of its files."""

import csv
import importlib.util
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import CHECKOUT
from keyed_tables import TERMS, predictions_of_planted, requests_of, table_of, wide_table
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.realized.arms import ChallengerRule, Holdback
from rtb_optimizer.core.sample.values import MISSING, canonical
from rtb_optimizer.exports.export import Challenge
from rtb_optimizer.exports.plain import plain
from rtb_optimizer.run.exports import exported
from v3_settings import v3_settings

SPEC = importlib.util.spec_from_file_location("plain_reader", CHECKOUT / "examples" / "plain_reader.py")
reader = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reader)
FILES = ("table.csv", "table.json")


@pytest.fixture
def read(tmp_path):
    """Read a file of an export as the reference reader does."""

    def read_file(export, name):
        (tmp_path / name).write_bytes(export.files[name])
        return reader.read(str(tmp_path / name))

    return read_file


def ours(table, values):
    row = table.row_of(values)
    return table.default if row is None else None if row.no_bid else row.multiplier


@pytest.mark.parametrize("name", FILES)
def test_the_reference_reader_bids_as_we_do(read, name):
    table = wide_table(800)
    contents = read(plain(table, TERMS), name)

    for values in requests_of(table, 2_000):
        request = {field: value for field, value in zip(table.features, values, strict=True) if value != MISSING}
        assert reader.bid(contents, request) == ours(table, values)


@pytest.mark.parametrize("name", FILES)
def test_the_reference_reader_bids_as_we_do_on_every_sampled_row(read, name):
    settings = v3_settings(no_bid_below=0.6, min_segment_exposures=0, joint_min_exposures=50)
    predictions = predictions_of_planted(settings)
    export, _ = exported(Platform.PLAIN, predictions, settings, TERMS)
    contents, columns = read(export, name), [predictions.sample.features[feature] for feature in export.table.features]
    rows = list(zip(*([column.values[code] for code in column.codes] for column in columns), strict=True))

    assert len(rows) == 60_000
    answers = {
        values: reader.bid(contents, dict(zip(export.table.features, values, strict=True))) for values in set(rows)
    }
    assert [answers[values] for values in rows] == [ours(export.table, values) for values in rows]
    assert None in answers.values()


@pytest.mark.parametrize("name", FILES)
def test_no_bid_and_the_default_are_distinguished_from_a_bid(read, name):
    contents = read(plain(table_of((("x",), None), (("x", "y"), 2.0)), TERMS), name)

    assert [reader.bid(contents, r) for r in ({"a": "x"}, {"a": "x", "b": "y"}, {"a": "z"}, {})] == [
        None,
        2.0,
        0.9,
        0.9,
    ]


def test_the_reader_is_short_and_needs_nothing_installed():
    source = (CHECKOUT / "examples" / "plain_reader.py").read_text()

    assert len(source.splitlines()) <= 40
    assert {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))} == {
        *("csv", "hashlib", "json", "sys", "pathlib"),
    }


def test_the_reader_holds_back_the_requests_that_the_rule_of_an_export_draws():
    rule = Holdback(0.2, "auction_id", "drugs_com:")
    export = plain(table_of((("x",), 2.0)), replace(TERMS, holdback=rule))
    published, ids = json.loads(export.files["table.json"])["holdback"], [f"id-{n}" for n in range(5_000)]

    held = [each for each in ids if reader.drawn(published, each)]
    assert len(held) == pytest.approx(1_000, abs=90)  # 3.2 standard errors
    assert held[:1] == ["id-3"]  # the first of `printf drugs_com:id-3 | md5sum` below 33333333


def test_the_reader_bids_by_a_challenger_s_table_where_the_rule_of_its_export_says_so():
    held, rule = Holdback(0.2, "auction_id", "drugs_com:"), ChallengerRule(0.3, "auction_id", "drugs_com:")
    export = plain(table_of((("x",), 2.0)), replace(TERMS, holdback=held, challenge=Challenge(rule)))
    document, ids = json.loads(export.files["table.json"]), [f"id-{n}" for n in range(5_000)]

    of = [each for each in ids if reader.drawn(document["challenger"], each)]
    assert len(of) == pytest.approx(1_500, abs=104)  # 3.2 standard errors
    assert not any(reader.drawn(document["holdback"], each) for each in of)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), unique=True, min_size=1))
def test_every_value_that_the_canonicaliser_lets_through_is_found(tmp_path_factory, tuples):
    folder = tmp_path_factory.mktemp("plain")
    rows = list(dict.fromkeys(tuple(canonical(v, frozenset({""})) for v in values) for values in tuples))
    table = table_of(*((values, 1.0 + n / 7) for n, values in enumerate(rows)))
    for name, body in plain(table, TERMS).files.items():
        (folder / name).write_bytes(body)
        contents = reader.read(str(folder / name))
        for values in rows:
            assert reader.bid(contents, dict(zip(table.features, values, strict=True))) == ours(table, values)


@given(st.lists(st.text(alphabet='\n",a\u2028\x0b\x85', max_size=4), unique=True, min_size=1))
def test_a_value_with_quotes_and_line_breaks_is_found_too(tmp_path_factory, values):
    path, table = tmp_path_factory.mktemp("plain") / "table.csv", table_of(*(((value,), 2.0) for value in values))
    path.write_bytes(plain(table, TERMS).files["table.csv"])
    contents = reader.read(str(path))

    assert [reader.bid(contents, {"a": value}) for value in values] == [2.0] * len(values)


def test_the_csv_is_one_that_any_reader_takes():
    body = plain(table_of((('say "hi", you', "x"), 2.0), features=("a", "depth")), TERMS).files["table.csv"].decode()

    assert list(csv.reader(body.splitlines())) == [
        ["depth", "feature_a", "feature_depth", "multiplier", "no_bid", "exposures"],
        ["0", "", "", "0.9", "false", ""],
        ["2", 'say "hi", you', "x", "2.0", "false", "100.0"],
    ]
