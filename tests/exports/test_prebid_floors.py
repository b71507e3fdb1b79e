"""Prebid reads the floors that we write: its own module answers what we do, and no file is one that it refuses."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyed_tables import TERMS, predictions_of_planted, requests_of, table_of, wide_table
from prebid_js import installed_prebid
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.realized.arms import ChallengerRule, Holdback
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.export import Challenge
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable
from rtb_optimizer.exports.prebid_floors import MAX_BYTES, prebid_floors
from rtb_optimizer.run.exports import exported
from v3_settings import v3_settings


@pytest.fixture(scope="session")
def prebid():
    """Query Prebid's own price floors module: a floor for each request, which is a value by field."""
    return installed_prebid()


def floor(export, values):
    """The floor that we expect for a request: the longest prefix's multiplier times the base CPM."""
    row = export.table.row_of([export.normalise(value) for value in values])
    return round((export.table.default if row is None else row.multiplier) * TERMS.base_cpm, 4)


def request_of(table, values):
    """A request as Prebid gets it: a value that is missing is not there."""
    return {field: value for field, value in zip(table.features, values, strict=True) if value != MISSING}


def values_of(export):
    (group,) = json.loads(export.files["floors.json"])["modelGroups"]
    return group["values"]


def test_prebid_s_own_module_answers_every_request_as_we_do(prebid):
    export = prebid_floors(wide_table(1_400), TERMS)
    requests = requests_of(export.table, 3_000)
    answers = prebid(export.files["floors.json"], [request_of(export.table, values) for values in requests])
    depths = [len(row.values) if row else 0 for row in map(export.table.row_of, map(spelt(export), requests))]

    assert set(depths) == {0, 1, 2, 3, 4}, "every number of wildcards, and the default"
    assert [answer["floor"] for answer in answers] == [floor(export, values) for values in requests]
    assert {(answer["currency"], answer["modelVersion"]) for answer in answers} == {("USD", TERMS.run_code)}


STRANGE = [
    *(
        "ΟΔΟΣ",
        "İstanbul",
        "STRASSE",
        "ẞ",
        "日本語",
        "e\u0301",
        "\u1e9e",
        "😀",
        "a b",
        "a.b",
        "a-b",
        "a,b",
        'say "hi"',
        "\\",
        "/1234/top",
    ),
    *(
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "toString",
        "null",
        "undefined",
        "0",
        "false",
        "NaN",
        "$&",
        "{}",
        "a\u2028b",
    ),
]


@pytest.mark.parametrize("features", [("adUnitCode",), ("adUnitCode", "deviceType")], ids=["one field", "two fields"])
def test_prebid_finds_every_strange_value_that_the_file_holds(prebid, features):
    rows = [((value, value)[: len(features)], 1.0 + n / 10) for n, value in enumerate(STRANGE)]
    export = prebid_floors(table_of(*rows, features=features), TERMS)
    answers = prebid(export.files["floors.json"], [request_of(export.table, values) for values, _ in rows])

    assert dict(zip(STRANGE, (a.get("floor") for a in answers), strict=True)) == {
        value: floor(export, values) for value, (values, _) in zip(STRANGE, rows, strict=True)
    }


def spelt(export):
    return lambda values: [export.normalise(value) for value in values]


def test_prebid_answers_sampled_requests_as_the_exported_table_does(prebid):
    fields = {"site": "adUnitCode", "device": "deviceClass"}  # a field that the page defines
    settings = v3_settings(
        min_segment_exposures=0, joint_min_exposures=50, export_base_cpm=0.8, export_fields={"prebid_floors": fields}
    )
    predictions = predictions_of_planted(settings)
    export, _ = exported(Platform.PREBID_FLOORS, predictions, settings, TERMS)
    columns = [predictions.sample.features[name] for name in fields]
    requests = list(zip(*([c.values[code] for code in c.codes[:2_000]] for c in columns), strict=True))
    answers = prebid(export.files["floors.json"], [request_of(export.table, values) for values in requests])

    assert [answer["floor"] for answer in answers] == [floor(export, values) for values in requests]
    assert len({answer["floor"] for answer in answers}) > 10


def test_prebid_answers_by_the_page_s_own_domain(prebid):
    export = prebid_floors(
        table_of((("news.example.com",), 2.0), (("news.example.com", "300x250"), 1.5), features=("domain", "size")),
        TERMS,
    )
    body, requests = export.files["floors.json"], [{"size": "300x250"}, {"size": "1x1"}, {}]

    assert [answer["floor"] for answer in prebid(body, requests)] == [1.2, 1.6, 1.6]
    assert [answer["floor"] for answer in prebid(body, requests, page="https://other.example/")] == [0.72] * 3


@pytest.mark.parametrize(
    ("first", "then", "floors"),
    [
        (("a-b", "c"), ("a", "b-c"), [0.8, 0.8]),  # joined with "-" they are one to Prebid's memory
        (("x", "left.top"), ("x", "left"), [1.6, None]),  # it takes a dot for a path
        (("a-b", "c"), ("x", "left"), [0.8, 2.4]),
    ],
)
def test_within_an_auction_prebid_may_remember_another_request_s_floor_as_docs_exports_md_warns(
    prebid, first, then, floors
):
    features = ("adUnitCode", "deviceType")
    rows = ((("a-b", "c"), 1.0), (("a", "b-c"), 2.0), (("x", "left.top"), 2.0), (("x", "left"), 3.0))
    export = prebid_floors(table_of(*rows, features=features), TERMS)
    requests = [dict(zip(features, values, strict=True)) for values in (first, then)]
    answers = prebid(export.files["floors.json"], requests, together=True)

    assert [answer.get("floor") for answer in answers] == floors


@pytest.mark.parametrize("features", [("adUnitCode", "size"), ()], ids=["no row", "no field at all"])
def test_a_table_of_the_default_alone_is_a_file_that_prebid_takes(prebid, features):
    export = prebid_floors(KeyedTable(features, (), 0.9), TERMS)

    assert len(values_of(export)) == 1, "Prebid Server refuses a file without a rule"
    assert [answer["floor"] for answer in prebid(export.files["floors.json"], [{"adUnitCode": "a"}, {}])] == [0.72] * 2


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (("x|y", "b"), "a value holds the delimiter |"),
        (("x", "*"), "a value holds the wildcard *"),
        (("x", "30*"), "a value holds the wildcard *"),
        (("x", MISSING), "a value is missing: a page cannot look that up"),
        (("__Proto__",), "a value is __proto__: Prebid.js cannot hold a rule of that name"),
        (("A", "B"), "equal in lower case to a heavier row"),
    ],
)
def test_a_row_that_prebid_cannot_ask_for_is_lost_with_its_cause(values, cause):
    export = prebid_floors(table_of((("a", "b"), 2.0, 900.0), (values, 1.5)), TERMS)

    assert values_of(export) == {"a|b": 1.6}
    assert export.lost == {cause: 1}


def test_what_is_not_to_be_bid_on_has_the_smallest_floor():
    export = prebid_floors(table_of((("a",), None)), TERMS)

    assert values_of(export) == {"a|*": 0.24}
    assert not export.table.rows[0].no_bid


@pytest.mark.parametrize("percent", [0, 35, 100])
def test_prebid_gets_the_share_of_auctions_without_floors(percent):
    document = json.loads(
        prebid_floors(table_of((("a",), 1.2)), replace(TERMS, skip_rate=percent)).files["floors.json"]
    )
    assert (document["skipRate"], document["modelGroups"][0]["skipRate"]) == (percent, percent)


def test_a_holdback_is_a_second_model_group_of_the_base_cpm_that_prebid_draws_by_its_weight(prebid):
    terms = replace(TERMS, holdback=Holdback(0.1, "auction_id", "drugs_com:"), run_code="drugs_com-1")
    export = prebid_floors(table_of((("a",), 1.5)), terms)
    answers = prebid(export.files["floors.json"], [{"a": "a"}] * 4_000)
    control = [answer["floor"] for answer in answers if answer["modelVersion"] == "drugs_com-1:control"]

    assert {answer["floor"] for answer in answers if answer["modelVersion"] == "drugs_com-1"} == {1.2}
    assert set(control) == {TERMS.base_cpm}
    assert len(control) == pytest.approx(400, abs=76)  # 4 standard errors


@pytest.mark.parametrize(("share", "weight"), [(0.001, 1), (0.005, 1), (0.01, 1), (0.05, 5), (0.5, 50)])
def test_a_holdback_below_a_percent_is_one_and_not_none(share, weight):
    export = prebid_floors(
        table_of((("a",), 1.5)), replace(TERMS, holdback=Holdback(share, "auction_id", "drugs_com:"))
    )
    groups = json.loads(export.files["floors.json"])["modelGroups"]

    assert [group["modelWeight"] for group in groups] == [100 - weight, weight]


def test_a_challenger_s_file_has_three_model_groups_that_prebid_draws_by_their_weights(prebid):
    holdback, of_active = Holdback(0.1, "auction_id", "drugs_com:"), replace(TERMS, run_code="active-1")
    active = prebid_floors(table_of((("a",), 1.5)), replace(of_active, holdback=holdback)).files["floors.json"]
    challenge = Challenge(ChallengerRule(0.25, "auction_id", "drugs_com:"), active)
    other = table_of((("a",), 0.5), (("b",), 2.0))
    export = prebid_floors(other, replace(TERMS, run_code="challenger-1", challenge=challenge, holdback=holdback))
    groups = json.loads(export.files["floors.json"])["modelGroups"]
    answers = prebid(export.files["floors.json"], [{"a": "a"}] * 4_000)
    floors = {answer["modelVersion"]: answer["floor"] for answer in answers}
    drawn = Counter(answer["modelVersion"] for answer in answers)

    assert [(group["modelVersion"], group["modelWeight"]) for group in groups] == [
        ("active-1", 65),
        ("challenger-1", 25),
        ("active-1:control", 10),
    ]
    assert floors == {
        "active-1": round(1.5 * TERMS.base_cpm, 4),
        "challenger-1": round(0.5 * TERMS.base_cpm, 4),
        "active-1:control": TERMS.base_cpm,
    }
    assert drawn["challenger-1"] == pytest.approx(1_000, abs=110)  # 4 standard errors
    assert drawn["active-1"] == pytest.approx(2_600, abs=121)


def test_the_rules_of_a_challenger_take_the_room_that_the_active_run_s_leave():
    active = prebid_floors(wide_table(700), replace(TERMS, run_code="active-1")).files["floors.json"]
    challenge = Challenge(ChallengerRule(0.1, "auction_id", "drugs_com:"), active)
    export = prebid_floors(long_table(900, 0), replace(TERMS, challenge=challenge))
    main, other = json.loads(export.files["floors.json"])["modelGroups"]

    assert len(export.files["floors.json"]) <= MAX_BYTES
    assert main["values"] == json.loads(active)["modelGroups"][0]["values"]
    assert 0 < len(other["values"]) < 900
    assert export.lost == {"more than 100 KB": 900 - len(other["values"])}


def test_a_floor_is_never_none():
    """Prebid takes a floor of 0 for no answer at all."""
    export = prebid_floors(table_of((("a",), 0.00001)), TERMS)

    assert values_of(export) == {"a|*": 0.0001}


@pytest.mark.parametrize(("rows", "rules", "lost"), [(1_000, 1_000, {}), (1_001, 1_000, {"more than 1,000 rules": 1})])
def test_a_thousand_rules_are_written_and_no_more(rows, rules, lost):
    export = prebid_floors(wide_table(rows), TERMS)

    assert (len(values_of(export)), export.rows, dict(export.lost)) == (rules, rules, lost)


def long_table(rows, extra):
    """Rows whose keys fill a file, the last of them so many characters longer."""
    names = [f"{n:04}" + "x" * 96 for n in range(rows)]
    names[-1] += "y" * extra
    return KeyedTable(("adUnitCode",), tuple(KeyedRow((name,), 1_000.0 - n, 2.0) for n, name in enumerate(names)), 0.9)


def test_a_file_of_100_kb_is_written_and_none_above():
    room = MAX_BYTES - len(prebid_floors(long_table(900, 0), TERMS).files["floors.json"])
    assert 0 < room < 20_000
    full, over = (prebid_floors(long_table(900, extra), TERMS) for extra in (room, room + 1))

    assert len(full.files["floors.json"]) == MAX_BYTES
    assert (full.rows, full.lost) == (900, {})
    assert len(over.files["floors.json"]) < MAX_BYTES
    assert (over.rows, over.lost) == (899, {"more than 100 KB": 1})


def test_what_is_lost_to_a_limit_is_worth_least():
    table = wide_table(1_200)
    written = {row.values for row in prebid_floors(table, TERMS).table.rows}
    worth = [tuple(map(str.lower, row.values)) in written for row in table.by_impact()]

    assert all(worth[:900])


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), unique=True, min_size=2, max_size=6))
def test_no_two_rows_have_one_key_and_every_key_has_a_value_or_a_wildcard_for_each_field(tuples):
    export = prebid_floors(table_of(*((values, 1.0 + n / 7) for n, values in enumerate(tuples))), TERMS)
    keys = values_of(export)

    assert len(tuples) == len(export.table.rows) + sum(export.lost.values())
    if export.table.rows:
        assert len(keys) == len(export.table.rows)
        assert {key.count("|") for key in keys} == {1}
