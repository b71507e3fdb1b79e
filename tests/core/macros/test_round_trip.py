"""A look-up through macros is compared with the look-up of the request's own values, in both tables."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from rtb_optimizer.core.macros.combo import map_ad_macros
from rtb_optimizer.core.macros.dialect import Dialect
from rtb_optimizer.core.macros.round_trip import MAX_ROWS, Answer, BidTables, drawn_requests, round_trip
from rtb_optimizer.core.macros.route import Route, route_of
from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.sample.value_maps import value_map_problems
from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED
from rtb_optimizer.core.table.lookup import Row, look_up
from rtb_optimizer.outputs.documents.macros import FormatDocument
from rtb_optimizer.store import seeds

FEATURES = ["site", "device"]
MASTER = {
    "*|*": 0.5,
    "a|*": 2.0,
    "A|*": 3.0,
    "0|*": 1.7,
    "b~c|*": 1.9,
    "*|phone": 1.5,
    f"*|{MISSING}": 0.9,
    "a|phone": 1.1,
}
JOINT = {"*|*": 0.5, "a|*": 1.0, "a|phone": 1.65, "A|*": 1.5, "0|*": 0.85, "b~c|*": 0.95}
TABLES = BidTables(MASTER, JOINT)
TEMPLATES = {"site": "[SITE]", "device": "[DEVICE]"}


def ended(*arguments):
    """How look-ups end, as the report's reader sees it."""
    return json.loads(json.dumps(asdict(round_trip(*arguments))))


def route(templates=TEMPLATES, maps=None, dialect=None, **changed) -> Route:
    dialect = replace(dialect or seeds.dialect("adx"), **changed)
    return route_of(map_ad_macros(FEATURES, templates, dialect), dialect, maps or {}, [])


def trip(*requests, of=None):
    return ended(dict.fromkeys(requests, 1.0), of or route(), TABLES)


def missed(result):
    return [(miss["feature"], miss["value"], miss["cause"]) for miss in result["misses"]]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (("a", "phone"), Answer(0.5 * 2.0 * 1.5 * 1.1, 1.65, 2, 3)),
        (("a", "tv"), Answer(1.0, 1.0, 1, 1)),
        (("z", "phone"), Answer(0.75, 0.5, 0, 1)),
        (("a", None), Answer(1.0, 1.0, 1, 1)),
        ((None, "phone"), Answer(0.75, 0.5, 0, 1)),
        ((None, None), Answer(0.5, 0.5, 0, 0)),
        ((OTHER, UNEXPANDED), Answer(0.5, 0.5, 0, 0)),
    ],
)
def test_a_bidder_multiplies_the_rows_that_match_and_takes_the_longest_prefix_that_is_there(values, answer):
    assert TABLES.answer(values) == answer


@pytest.mark.parametrize("values", [("a", "phone"), ("z", "phone"), ("A", MISSING), ("b~c", "tv")])
def test_the_product_is_that_of_the_look_up_that_is_written_down(values):
    rows = [Row(segment, 1.0, multiplier) for segment, multiplier in TABLES.master.items()]

    assert (
        TABLES.answer(values).product
        == look_up(rows, FEATURES, dict(zip(FEATURES, values, strict=True)), 0, 100).unclipped
    )


def test_a_macro_for_each_feature_finds_every_row_and_backing_off_is_no_miss():
    result = trip(("a", "phone"), ("a", "tv"), ("z", "tv"), ("z", MISSING))

    assert (result["hit_rate"], result["addressable_hit_rate"]) == (1.0, 1.0)
    assert result["answered_share"] == 0.75, "the request of which no row knows anything has the default"
    assert result["misses"] == []
    assert result["levels"] == [
        {"values": 0, "exposure_share": 0.5, "hit_rate": 1.0},
        {"values": 1, "exposure_share": 0.25, "hit_rate": 1.0},
        {"values": 2, "exposure_share": 0.25, "hit_rate": 1.0},
    ]


@pytest.mark.parametrize("request_", [("a", OTHER), (UNEXPANDED, "phone")])
def test_what_is_no_value_has_no_row_to_miss(request_):
    assert trip(request_)["hit_rate"] == 1.0


def test_rates_are_shares_of_the_exposures():
    without = route({"site": "[SITE]"})
    result = ended({("a", "phone"): 3.0, ("a", "tv"): 1.0}, without, TABLES)

    assert result["hit_rate"] == 0.25
    assert result["levels"] == [
        {"values": 1, "exposure_share": 0.25, "hit_rate": 1.0},
        {"values": 2, "exposure_share": 0.75, "hit_rate": 0.0},
    ]
    assert result["misses"] == [{"feature": "device", "value": None, "cause": "no_macro", "exposure_share": 0.75}]


XANDR = seeds.dialect("xandr")
BEESWAX = seeds.dialect("beeswax")
IDS = {
    "templates": {"site": "${SITE_ID}", "device": "${DEVICE}"},
    "dialect": XANDR,
    "own_values": frozenset({"${SITE_ID}"}),
}


@pytest.mark.parametrize(
    ("values", "way", "miss"),
    [
        (("a", "phone"), route({"device": "[DEVICE]"}), ("site", None, "no_macro")),
        (("a", "phone"), route(**IDS), ("site", None, "value_map_absent")),
        (
            ("a", MISSING),
            route({"site": "{{SITE}}", "device": "{{DEVICE}}"}, dialect=BEESWAX),
            ("device", None, "missing_undocumented"),
        ),
    ],
)
def test_what_no_macro_covers_misses_rows_and_is_no_fault(values, way, miss):
    result = trip(values, of=way)

    assert (result["hit_rate"], result["addressable_hit_rate"]) == (0.0, 1.0)
    assert missed(result) == [miss]


def test_what_a_bidder_derives_by_a_parser_of_its_own_is_not_proved():
    features, tables = ["os"], BidTables({"*": 1.0, "ios": 2.0}, {"*": 1.0, "ios": 2.0})
    way = route_of(map_ad_macros(features, {}, XANDR), XANDR, {}, [])
    result = ended({("ios",): 1.0}, way, tables)

    assert (result["hit_rate"], result["addressable_hit_rate"]) == (0.0, 1.0)
    assert missed(result) == [("os", None, "derived_elsewhere")]


@pytest.mark.parametrize(
    ("values", "way", "miss"),
    [
        (("b~c", "tv"), route(), ("site", "b~c", "delimiter_in_value")),
        (("A", "tv"), route(folds_values=True), ("site", "A", "case_folded")),
        (("a", "phone"), route(limits={"[SITE": 1}), ("site", "a", "truncated")),
        (("0", "tv"), route(missing=("0",)), ("site", "0", "reads_as_missing")),
        (("a", "phone"), route(maps={"site": {"A": "17"}}), ("site", "a", "not_in_value_map")),
        (("a", "phone"), route(combo_limit=5), (("", "a~phone", "truncated"))),
    ],
)
def test_what_a_macro_expands_otherwise_is_a_fault_that_names_value_and_cause(values, way, miss):
    result = trip(values, of=way)

    assert (result["hit_rate"], result["addressable_hit_rate"]) == (0.0, 0.0)
    assert missed(result) == [miss]


def test_a_value_that_is_the_macro_itself_is_read_as_one_that_nobody_expanded():
    tables = BidTables({"*|*": 1.0, "*|%epid!": 2.0}, {"*|*": 1.0})
    cm360 = seeds.dialect("cm360")
    combo = map_ad_macros(["site", "slot"], {"site": "%esid!", "slot": "%epid!"}, cm360)
    way = route_of(combo, cm360, {"slot": {}}, [])

    assert missed(ended({("a", "%epid!"): 1.0}, way, tables)) == [("slot", "%epid!", "read_otherwise")]


def test_a_derived_hour_that_the_logs_write_otherwise_is_a_fault():
    tables = BidTables({"*": 1.0, "07": 2.0, "7": 3.0}, {"*": 1.0})
    way = route_of(map_ad_macros(["hour"], {}, XANDR), XANDR, {}, [])

    assert missed(ended({("07",): 1.0, ("7",): 1.0}, way, tables)) == [("hour", "07", "not_derivable")]


def test_a_value_that_has_no_row_is_not_missed_however_it_is_read():
    assert trip(("Q", "tv"), of=route(folds_values=True))["hit_rate"] == 1.0
    assert trip(("q" * 9, "tv"), of=route(limits={"[SITE": 5}))["hit_rate"] == 1.0


def test_a_dialect_s_own_value_map_holds_whatever_the_feature_is_called_unless_the_configuration_has_one():
    ttd = seeds.dialect("the_trade_desk")
    tables = BidTables({"*": 1.0, "ios": 2.0, "5": 3.0}, {"*": 1.0})
    combo = map_ad_macros(["os_name"], {"os_name": "%%TTD_DEVICEOSFAMILY%%"}, ttd)
    seeded, same = route_of(combo, ttd, {}, []), route_of(combo, ttd, {"os_name": {}}, [])

    assert ended({("ios",): 1.0}, seeded, tables)["hit_rate"] == 1.0
    assert missed(ended({("5",): 1.0}, seeded, tables)) == [("os_name", "5", "not_in_value_map")]
    assert ended({("5",): 1.0}, same, tables)["hit_rate"] == 1.0


@pytest.mark.parametrize("site", ["a", "A", "0"])
def test_a_value_map_makes_a_platform_s_ids_ours_and_an_empty_one_says_that_they_are(site):
    ids = {"a": "17", "A": "18", "0": "19"}

    assert trip((site, "tv"), of=route(**IDS, maps={"site": ids}))["hit_rate"] == 1.0
    same = trip((site, "tv"), of=route(**IDS, maps={"site": {}}))
    assert same["hit_rate"] == 1.0, "Xandr writes 0 for nothing in the macros of deals and ages alone"


def test_the_feature_that_closes_the_row_is_named_not_the_first_that_has_no_macro():
    tables = BidTables({"*|*": 1.0, "*|phone": 2.0}, {"*|*": 1.0})

    assert missed(ended({("a", "phone"): 1.0}, route({}, dialect=with_nothing()), tables)) == [
        ("device", None, "no_macro")
    ]


def with_nothing() -> Dialect:
    return seeds.dialect("cadent")


def test_the_ten_heaviest_misses_are_reported_the_heaviest_first():
    tables = BidTables({"*|*": 1.0} | {f"v~{n}|*": 2.0 for n in range(12)}, {"*|*": 1.0})
    result = ended({(f"v~{n}", "tv"): float(n + 1) for n in range(12)}, route(), tables)

    assert [miss["value"] for miss in result["misses"]] == [f"v~{n}" for n in range(11, 1, -1)]
    assert result["misses"][0]["exposure_share"] == pytest.approx(12 / 78)


@pytest.mark.parametrize(("size", "drawn"), [(0, 0), (7, 7), (MAX_ROWS + 1, MAX_ROWS)])
def test_rows_are_drawn_evenly_from_the_first_to_the_last_and_alike_ones_are_added_up(size, drawn):
    codes = np.arange(size) % 3
    ones = np.ones(size)
    sample = Sample(ones, ones, ones, codes, {"f": Feature(codes, ("a", "b", "c"))})
    requests = drawn_requests(sample, ["f"])

    assert sum(requests.values()) == drawn
    assert set(requests) == ({("a",), ("b",), ("c",)} if size else set())


def test_a_route_is_read_back_off_its_document_as_it_was():
    whole = route(**IDS, maps={"device": {"phone": "1"}})
    derived = route_of(map_ad_macros(["hour", "carrier"], {}, XANDR), XANDR, {}, ["carrier"])

    documents = [FormatDocument(route=each).to_json() for each in (whole, derived)]

    assert [FormatDocument.read(each).route for each in documents] == [whole, derived]


@pytest.mark.parametrize(
    ("maps", "problem"),
    [
        ({}, None),
        ({"xandr": {"site": {}}}, None),
        ({"xandr": {"site": {"a": "1", "b": "2"}}}, None),
        ({"xandr": ["site"]}, "macro_value_maps: 'xandr' needs an object by feature"),
        (
            {"xandr": {"site": {"a": 1}}},
            'macro_value_maps: site in \'xandr\' needs an object of strings, as {"our id": "the platform\'s"}',
        ),
        (
            {"xandr": {"site": {"a": "1", "b": "1"}}},
            "macro_value_maps: site in 'xandr' gives '1' to more than one of our values: the map must be injective",
        ),
    ],
)
def test_a_value_map_has_one_id_of_the_platform_for_each_of_ours(maps, problem):
    assert value_map_problems("macro_value_maps", maps) == ([problem] if problem else [])
