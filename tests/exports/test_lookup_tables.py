"""A logistic regression over the look-up tables bids what the table bids, for every request."""

import json
from dataclasses import replace
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyed_tables import TERMS as AT_80_CENTS
from keyed_tables import requests_of, table_of, wide_table
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.export import Terms
from rtb_optimizer.exports.lookup_tables import lookup_tables

TERMS = replace(AT_80_CENTS, base_cpm=4.0)


def expected_value(body, request):
    """The service's formula: beta0 and the weight of each table's key, as a probability, scaled and clamped.

    First by the model's own bounds, then by the service's, 1 to 100 CPM.
    """
    model = json.loads(body)["custom-model-logit"]
    total = model["beta0"]
    for predictor in model["predictors"]:
        assert 1 <= len(predictor["features"]) <= 5
        key = [request.get(feature["feature_keyword"], -1) for feature in predictor["features"]]
        # The service compares ids, and knows no difference between 12 and "12".
        weights = [c["weight"] for c in predictor["coefficients"] if list(map(str, c["key"])) == list(map(str, key))]
        total += weights[0] if weights else predictor["default_value"]
    value = model["scale"] / (1 + exp(-total)) + model["offset"]
    return min(max(value, model["min"], 1.0), model["max"], 100.0)


def test_the_weights_add_up_to_the_longest_prefix_s_bid():
    table = wide_table(300)
    export = lookup_tables(table, TERMS)
    requests = requests_of(table, 500)

    assert {len(row.values) if row else 0 for row in map(table.row_of, requests)} == {0, 1, 2, 3, 4}
    for values in requests:
        row = table.row_of(values)
        request = {f: v for f, v in zip(table.features, values, strict=True) if v != MISSING}
        bid = table.default if row is None else row.multiplier
        assert expected_value(export.files["logit.json"], request) == pytest.approx(bid * TERMS.base_cpm, rel=1e-9)


@pytest.mark.parametrize(
    ("base_cpm", "bids", "clamped"),
    [(4.0, [0.3, 0.9, 3.0], 0), (0.8, [1.25, 1.25, 3.0], 2), (50.0, [0.3, 0.9, 2.0], 1), (0.0, [0.3, 0.9, 3.0], 0)],
    ids=["within", "below 1 CPM", "above 100 CPM", "multipliers"],
)
def test_the_table_has_what_the_service_bids_and_says_how_many_answers_it_clamps(base_cpm, bids, clamped):
    table = table_of((("x",), 0.3), (("y",), 3.0))
    export = lookup_tables(table, replace(TERMS, base_cpm=base_cpm))
    requests = [{"a": "x"}, {"a": "elsewhere"}, {"a": "y"}]
    rows = [export.table.row_of([request["a"]]) for request in requests]
    answers = [export.table.default if row is None else row.multiplier for row in rows]

    assert answers == pytest.approx(bids)
    assert sum(export.cut.values()) == clamped
    if base_cpm:
        values = [expected_value(export.files["logit.json"], request) for request in requests]
        assert values == pytest.approx([bid * base_cpm for bid in bids])


def test_without_a_base_cpm_the_value_is_the_multiplier():
    export = lookup_tables(table_of((("x",), 2.5)), Terms("run", 0.0, "USD"))

    assert expected_value(export.files["logit.json"], {"a": "x"}) == pytest.approx(2.5)


def test_a_missing_value_has_a_key_of_its_own_that_no_value_has():
    table = table_of(((MISSING,), 2.0), (("-1",), 0.5), (("7",), 1.5))
    export = lookup_tables(table, TERMS)
    (predictor,) = json.loads(export.files["logit.json"])["custom-model-logit"]["predictors"]

    assert [c["key"] for c in predictor["coefficients"]] == [[-1], [7]]
    assert export.lost == {"a value is -1, which stands for none": 1}


@pytest.mark.parametrize(
    ("feature", "value", "key"),
    [
        ("domain", "163", "163"),
        ("mobile_app_bundle", "553834731", "553834731"),
        ("placement", "553834731", 553834731),
        ("country", "233", 233),
        ("os_family", "iOS", "iOS"),
        ("domain", MISSING, -1),
    ],
)
def test_digits_are_an_id_and_where_the_feature_is_text_they_are_text(feature, value, key):
    export = lookup_tables(table_of(((value,), 2.0), features=(feature,)), TERMS)
    (predictor,) = json.loads(export.files["logit.json"])["custom-model-logit"]["predictors"]

    assert [each["key"] for each in predictor["coefficients"]] == [[key]]
    assert export.lost == {}


@pytest.mark.parametrize(("keys", "lost"), [(5, {}), (6, {"more than 5 keys": 1})])
def test_a_table_has_five_keys_and_no_more(keys, lost):
    features = tuple("abcdef")
    export = lookup_tables(table_of((("1",), 1.1), (("1",) * keys, 2.0), features=features), TERMS)

    assert export.lost == lost
    assert export.rows == 2 - len(lost)


def test_what_is_not_to_be_bid_on_has_the_smallest_bid():
    export = lookup_tables(table_of((("x",), None), (("y",), 1.5)), TERMS)

    assert expected_value(export.files["logit.json"], {"a": "x"}) == pytest.approx(0.3 * TERMS.base_cpm)
    assert not any(row.no_bid for row in export.table.rows)


@given(st.lists(st.tuples(st.text(max_size=4) | st.from_regex(r"-?[0-9]{1,3}", fullmatch=True)), unique=True))
def test_no_two_values_have_one_key(rows):
    export = lookup_tables(table_of(*((values, 1.5) for values in rows)), TERMS)
    predictors = json.loads(export.files["logit.json"])["custom-model-logit"]["predictors"]
    keys = [str(c["key"][0]) for predictor in predictors for c in predictor["coefficients"]]

    assert len(keys) == len(set(keys)) == len(rows) - sum(export.lost.values())
