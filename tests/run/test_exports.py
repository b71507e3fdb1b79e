"""Exports are made from the master table, for the fields a platform has, and report what they cost."""

from dataclasses import replace

import numpy as np
import pytest

from as_json import as_json
from keyed_tables import TERMS as AT_80_CENTS
from keyed_tables import predictions_of_planted
from rtb_optimizer.core.platforms.beeswax import COLUMNS
from rtb_optimizer.core.platforms.bonsai import FEATURES
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.prebid import FIELDS
from rtb_optimizer.core.realized.arms import Holdback
from rtb_optimizer.core.sample.values import MISSING, UNEXPANDED
from rtb_optimizer.exports.export import Export
from rtb_optimizer.exports.keyed_table import KeyedTable
from rtb_optimizer.exports.lossiness import requests_of
from rtb_optimizer.outputs.documents.exports import ExportsDocument
from rtb_optimizer.run.export_fields import fields_of, refused_fields
from rtb_optimizer.run.export_warnings import FAR, export_warnings
from rtb_optimizer.run.exports import WRITERS, exported, output_type
from rtb_optimizer.run.gates import export_facts
from rtb_optimizer.store.seeds import platform_fields
from v3_settings import v3_settings

SETTINGS = v3_settings(
    no_bid_below=0.6,
    min_segment_exposures=0,
    joint_min_exposures=50,
    export_base_cpm=0.8,
    export_fields={name: {"site": "adUnitCode", "device": "gptSlot"} for name in ("prebid_floors", "lookup_tables")},
)

TERMS = replace(AT_80_CENTS, base_cpm=5.0)  # Xandr clamps what is not within 1 to 100

FIRST_FILE = {Platform.BEESWAX: "predictions_001_csv", Platform.BONSAI: "tree_txt"}


def export_and_json(*arguments):
    """An export, and its entry in the report as JSON."""
    export, document = exported(*arguments)
    return export, as_json(document)


@pytest.fixture(scope="module")
def predictions():
    return predictions_of_planted(SETTINGS)


def bids(export, predictions, fields=("site", "device")):
    """What an export bids on each sampled row, None for no bid."""
    columns = [predictions.sample.features[name] for name in fields]
    requests = zip(*([column.values[c] for c in column.codes] for column in columns), strict=True)
    rows = [export.table.row_of([export.normalise(value) for value in values]) for values in requests]
    return [export.table.default if row is None else None if row.no_bid else row.multiplier for row in rows]


def test_there_is_a_writer_and_a_mapping_for_every_platform():
    assert set(WRITERS) == set(Platform) == set(platform_fields())


@pytest.mark.parametrize(
    ("platform", "known"), [(Platform.BEESWAX, COLUMNS), (Platform.BONSAI, FEATURES), (Platform.PREBID_FLOORS, FIELDS)]
)
def test_the_seeded_fields_are_those_that_a_platform_knows(platform, known):
    assert set(platform_fields()[platform].fields.values()) <= set(known)


@pytest.mark.parametrize("platform", Platform)
def test_an_export_that_knows_none_of_the_features_is_the_default_alone_and_warned_of(predictions, platform):
    settings = replace(SETTINGS, export_fields={platform.value: {"site": "", "device": ""}})
    export, document = export_and_json(platform, predictions, settings, TERMS)

    assert export.table.rows == ()
    assert (document["fields"], document["answered_share"]) == ([], 0)
    assert [warning.code for warning in export_warnings(ExportsDocument.model_validate({"platforms": [document]}))] == [
        "export_without_fields"
    ]


def test_what_a_platform_bids_is_what_the_master_table_bids(predictions):
    export, document = export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)
    ours = [None if no else bid for no, bid in zip(predictions.no_bid, predictions.multiplier, strict=True)]
    apart = [abs(a / b - 1) for a, b in zip(bids(export, predictions), ours, strict=True) if a and b]

    assert 0 < predictions.no_bid.mean() < 1
    assert [bid is None for bid in bids(export, predictions)] == predictions.no_bid.tolist()
    assert document["no_bid_share"] == 0
    assert document["largest_error"] == pytest.approx(max(apart))
    assert max(apart) < 0.1
    assert document["answered_share"] > 0.9


@pytest.mark.parametrize(
    ("platform", "fields"),
    [
        (Platform.BEESWAX, {"site": "site_name", "device": "platform_device_model"}),
        (Platform.BONSAI, {"site": "domain", "device": "mobile_app_bundle"}),
    ],
)
def test_platforms_that_look_no_prefix_up_answer_as_the_compiled_table_does(predictions, platform, fields):
    settings = replace(SETTINGS, export_fields={"plain": {}, platform.value: fields})
    export, document = export_and_json(platform, predictions, settings, TERMS)
    prefixes, _ = export_and_json(Platform.PLAIN, predictions, settings, TERMS)

    assert document["without_field"] == []
    answers, expected = ([bid or 0.0 for bid in bids(each, predictions)] for each in (export, prefixes))
    assert answers == pytest.approx(expected, rel=1e-5)
    assert 0.0 in expected
    assert {file["output_type"] for file in document["files"]} >= {f"export_{platform}_{FIRST_FILE[platform]}"}


def test_the_requests_of_a_sample_have_the_exposures_of_the_logs_that_they_stand_for(predictions):
    sample = replace(predictions.sample, stands_for=3.0)
    requests = requests_of(["site", "device"], sample)
    columns = [[column.values[c] for c in column.codes] for column in map(sample.features.get, ("site", "device"))]

    assert [requests.values[n] for n in requests.place] == list(zip(*columns, strict=True))
    assert len(set(requests.values)) == len(requests.values) == 24
    assert requests.exposures.sum() == pytest.approx(3 * sample.exposure.sum())
    assert requests.exposures[0] == pytest.approx(3 * sample.exposure[requests.place == 0].sum())


def test_below_a_row_without_a_bid_stands_no_other(predictions):
    export, _ = export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)
    without = {row.values for row in export.table.rows if row.no_bid}

    assert without
    assert not [r.values for r in export.table.rows if any(r.values[:n] in without for n in range(1, len(r.values)))]


@pytest.mark.parametrize("platform", [Platform.PREBID_FLOORS, Platform.LOOKUP_TABLES])
def test_a_platform_without_no_bid_bids_the_least_and_the_report_says_on_how_much(predictions, platform):
    export, document = export_and_json(platform, predictions, SETTINGS, TERMS)
    bid = np.array(bids(export, predictions))

    assert document["no_bid_share"] == pytest.approx(predictions.no_bid.mean())
    assert bid[predictions.no_bid].max() <= SETTINGS.multiplier_min * 1.001


def test_a_field_that_a_platform_lacks_is_averaged_over_and_the_error_is_reported(predictions):
    settings = replace(SETTINGS, export_fields={"prebid_floors": {"site": "adUnitCode"}})
    export, document = export_and_json(Platform.PREBID_FLOORS, predictions, settings, TERMS)
    seen = np.array(bids(export, predictions, ["site"]))
    first = predictions.sample.features["site"].codes == 5
    paid = predictions.sample.spend * ~predictions.no_bid

    assert document["without_field"] == ["device"]
    assert seen[first].std() == pytest.approx(0)
    assert seen[first][0] == pytest.approx(
        (predictions.multiplier * paid)[first].sum() / predictions.sample.spend[first].sum(), rel=0.1
    )
    assert document["largest_error"] > document["mean_error"] > 0.05


def test_the_report_has_a_known_loss(predictions):
    """The best site of eight cannot be requested: its exposures are answered by the default."""
    _, document = export_and_json(Platform.PREBID_FLOORS, predictions, SETTINGS, TERMS)
    sites = predictions.sample.features["site"]
    renamed = replace(sites, values=(*sites.values[:7], "a|b"))
    sample = replace(predictions.sample, features={**predictions.sample.features, "site": renamed})
    _, lossy = export_and_json(Platform.PREBID_FLOORS, replace(predictions, sample=sample), SETTINGS, TERMS)

    assert document["lost"] == []
    assert [loss["cause"] for loss in lossy["lost"]] == ["a value holds the delimiter |"]
    assert lossy["rows_asked"] == lossy["rows"] + lossy["lost"][0]["rows"]
    assert lossy["answered_share"] == pytest.approx(document["answered_share"] - (sites.codes == 7).mean())
    best = predictions.multiplier[sites.codes == 7].max()
    assert lossy["largest_error"] == pytest.approx(
        1 - export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)[0].table.default / best, rel=0.01
    )


def test_a_value_map_writes_rows_with_the_platform_s_ids_and_reports_what_has_no_id_there(predictions):
    sites = predictions.sample.features["site"]
    ids = {site: f"id-{n}" for n, site in enumerate(sites.values[:7])}
    nameless = sites.codes == 7
    _, as_ours = export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)
    export, document = export_and_json(
        Platform.PLAIN, predictions, replace(SETTINGS, export_value_maps={"plain": {"site": ids}}), TERMS
    )

    assert {row.values[0] for row in export.table.rows} == set(ids.values())
    share = nameless.mean()
    assert document["without_id"] == [{"feature": "site", "values": 1, "exposure_share": pytest.approx(share)}]
    assert document["answered_share"] == pytest.approx(as_ours["answered_share"] - share)
    assert document["largest_error"] > as_ours["largest_error"]
    [warning] = export_warnings(ExportsDocument.model_validate({"platforms": [document]}))
    assert (warning.code, f"1 values of site ({share:.1%}" in warning.message) == ("export_values_without_id", True)


def test_what_is_missing_stays_missing_and_what_was_no_value_before_is_not_reported_as_one_without_an_id(predictions):
    sites = predictions.sample.features["site"]
    strange = replace(sites, values=(MISSING, UNEXPANDED, *sites.values[2:]))
    sample = replace(predictions.sample, features={**predictions.sample.features, "site": strange})
    ids = {site: f"id-{site}" for site in strange.values[2:7]}
    settings = replace(SETTINGS, export_value_maps={"plain": {"site": ids}})
    export, document = export_and_json(Platform.PLAIN, replace(predictions, sample=sample), settings, TERMS)

    assert {row.values[0] for row in export.table.rows} == {MISSING, *ids.values()}
    share = (sites.codes == 7).mean()
    assert document["without_id"] == [{"feature": "site", "values": 1, "exposure_share": pytest.approx(share)}]


def with_devices(predictions, *names):
    """The predictions of the planted sample, its three devices by other names."""
    devices = replace(predictions.sample.features["device"], values=names)
    sample = replace(predictions.sample, features={**predictions.sample.features, "device": devices})
    return replace(predictions, sample=sample)


@pytest.mark.parametrize(
    ("platform", "field", "ours", "theirs"),
    [
        (Platform.BEESWAX, "geo_country", ("DE", "FR", "US"), {"DEU", "FRA", "USA"}),
        (Platform.BEESWAX, "geo_country", ("DEU", "fra", "us"), {"DEU", "FRA", "USA"}),
        (Platform.BEESWAX, "platform_device_type", ("2", "phone", "Tablet"), {"PC", "PHONE", "TABLET"}),
        (Platform.PREBID_FLOORS, "country", ("DE", "FR", "US"), {"deu", "fra", "usa"}),
        (Platform.BONSAI, "position", ("unknown", "1", "Below"), {"0", "1", "2"}),
        (Platform.LOOKUP_TABLES, "supply_type", ("web", "mobile_web", "2"), {"0", "1", "2"}),
        (Platform.BONSAI, "browser", ("0", "8", "Chrome"), {MISSING, "8", "Chrome"}),
        (Platform.LOOKUP_TABLES, "browser", ("0", "8", "クローム"), {MISSING, "8", "クローム"}),
        (Platform.LOOKUP_TABLES, "os_extended", ("0", "81", "82"), {MISSING, "81", "82"}),
        (Platform.PREBID_FLOORS, "deviceType", ("2", "4", "Tablet"), {"desktop", "phone", "tablet"}),
        (Platform.BONSAI, "country", ("DEU", "FRA", "US"), {"DE", "FR", "US"}),
        (Platform.BONSAI, "device_type", ("desktop", "phone", "tablet"), {"pc & other devices", "phone", "tablet"}),
        (Platform.LOOKUP_TABLES, "country", ("DEU", "FRA", "233"), {"DE", "FR", "233"}),
    ],
)
def test_values_are_written_as_the_requests_of_the_platform_hold_them(predictions, platform, field, ours, theirs):
    settings = replace(SETTINGS, export_fields={platform.value: {"site": "", "device": field}})
    export, document = export_and_json(platform, with_devices(predictions, *ours), settings, TERMS)

    assert {row.values[0] for row in export.table.rows} == theirs
    assert document["outside"] == []
    assert document["answered_share"] == 1
    assert document["respelt"] == [] or document["respelt"][0]["values"] == len({*ours} - {*theirs})


@pytest.mark.parametrize(
    ("platform", "field", "ours", "outside", "wants"),
    [
        (Platform.BEESWAX, "geo_country", ("DE", "XK", "Germany"), ["Germany", "XK"], "a country of three letters"),
        (Platform.BEESWAX, "geo_region", ("USA/NJ", "NJ", "US-NJ"), ["NJ", "US-NJ"], "as USA/NJ"),
        (Platform.BEESWAX, "geo_city", ("5128581", "New York", "x"), ["New York", "x"], "the number of a city"),
        (Platform.BONSAI, "placement", ("17", "1" * 19, "1" * 20), ["1" * 19, "1" * 20], "whole numbers"),
        (Platform.PREBID_FLOORS, "deviceType", ("phone", "mobile", "1"), ["1", "mobile"], "phone, tablet, desktop"),
        (Platform.PREBID_FLOORS, "size", ("300x250", "MPU", "300"), ["300", "MPU"], "WIDTHxHEIGHT"),
        (Platform.BONSAI, "region", ("US:NY", "NY", "USA/NY"), ["NY", "USA/NY"], "as US:NY"),
        (Platform.BONSAI, "device_type", ("phone", "2", "mobile"), ["2", "mobile"], "pc & other devices"),
        (Platform.LOOKUP_TABLES, "placement", ("17", "top", "007"), ["007", "top"], "whole numbers"),
    ],
)
def test_a_value_that_requests_never_hold_has_no_row_and_is_counted_and_warned_of(
    predictions, platform, field, ours, outside, wants
):
    settings = replace(SETTINGS, export_fields={platform.value: {"site": "", "device": field}})
    named = with_devices(predictions, *ours)
    export, document = export_and_json(platform, named, settings, TERMS)
    devices = named.sample.features["device"]
    share = np.isin(devices.codes, [ours.index(value) for value in outside]).mean()
    (told,) = document["outside"]

    assert len(export.table.rows) <= 1
    assert (told["feature"], told["values"], told["exposure_share"]) == ("device", 2, pytest.approx(share))
    assert sorted(ours for ours, _ in told["examples"]) == outside
    assert wants in told["wants"]
    assert document["answered_share"] <= 1 - share
    warned = export_warnings(ExportsDocument.model_validate({"platforms": [document]}))
    (message,) = [warning.message for warning in warned if warning.code == "export_values_outside"]
    assert wants in message
    assert "translate them by export_value_maps" in message


def test_what_a_value_map_gives_is_held_to_the_field_s_values_too(predictions):
    fields = {"beeswax": {"site": "", "device": "geo_country"}}
    maps = {"beeswax": {"device": {"a": "USA", "b": "DE", "c": "nowhere"}}}
    settings = replace(SETTINGS, export_fields=fields, export_value_maps=maps)
    export, document = export_and_json(Platform.BEESWAX, with_devices(predictions, "a", "b", "c"), settings, TERMS)

    assert {row.values[0] for row in export.table.rows} == {"USA", "DEU"}
    assert [each["examples"] for each in document["outside"]] == [[["nowhere", ""]]]


@pytest.mark.parametrize(
    ("platform", "field", "ours", "theirs"),
    [
        (Platform.BEESWAX, "geo_country", ("DE", "DEU", "deu"), "DEU"),
        (Platform.BONSAI, "position", ("1", "above", "Above"), "1"),
        (Platform.BONSAI, "os_extended", ("0", MISSING, "__missing__"), MISSING),
    ],
)
def test_values_of_one_spelling_are_added_up(predictions, platform, field, ours, theirs):
    settings = replace(SETTINGS, export_fields={platform.value: {"site": "", "device": field}})
    export, _ = export_and_json(platform, with_devices(predictions, *ours), settings, TERMS)

    assert {row.values for row in export.table.rows} <= {(theirs,)}
    assert sum(row.exposures for row in export.table.rows) in (0, len(predictions.sample.exposure))


CLOCKED = ((Platform.BEESWAX, "hour_of_day_utc"), (Platform.BONSAI, "user_hour"), (Platform.LOOKUP_TABLES, "user_hour"))


@pytest.mark.parametrize(
    ("clocks", "exported_to"),
    [({}, set()), ({"hour": "utc"}, {"beeswax"}), ({"hour": "user"}, {"bonsai", "lookup_tables"})],
)
def test_an_hour_is_exported_where_its_clock_is_known_to_be_the_field_s(clocks, exported_to):
    settings = replace(SETTINGS, column_clocks=clocks, export_fields={})

    assert {name.value for name, _ in CLOCKED if fields_of(name, ["site_domain", "hour"], settings).get("hour")} == (
        exported_to
    )
    for platform, field in CLOCKED:
        refused = refused_fields(platform, ["site_domain", "hour"], settings)
        assert [(each.feature, each.field) for each in refused] == (
            [] if platform.value in exported_to else [("hour", field)]
        )
    assert fields_of(Platform.PLAIN, ["hour"], settings) == {"hour": "hour"}


def test_a_field_that_is_refused_is_warned_of_with_what_to_set(predictions):
    settings = replace(SETTINGS, export_fields={"beeswax": {"site": "domain", "device": "hour_of_day_utc"}})
    _, document = export_and_json(Platform.BEESWAX, with_devices(predictions, "1", "2", "3"), settings, TERMS)
    codes = {w.code: w.message for w in export_warnings(ExportsDocument.model_validate({"platforms": [document]}))}

    assert document["fields"] == [{"feature": "site", "field": "domain"}]
    assert 'set column_clocks to {"device": "utc"} or {"device": "user"}' in codes["export_clock"]


@pytest.mark.parametrize(
    ("fields", "strange", "known"),
    [
        ({"site": "adUnitCode", "device": "size"}, None, None),
        ({"site": "adUnitCode", "device": "deviceType"}, "deviceType", "Prebid Server knows deviceType"),
        ({"site": "segment", "device": "country"}, "segment, country", "Prebid Server knows country"),
    ],
)
def test_a_file_that_a_bare_prebid_js_refuses_is_warned_of(predictions, fields, strange, known):
    settings = replace(SETTINGS, export_fields={"prebid_floors": fields})
    _, document = export_and_json(Platform.PREBID_FLOORS, predictions, settings, TERMS)
    warned = export_warnings(ExportsDocument.model_validate({"platforms": [document]}))
    messages = [warning.message for warning in warned if warning.code == "prebid_js_refuses"]

    assert len(messages) == (strange is not None)
    assert all(f"its fields {strange}:" in message and known in message for message in messages)


@pytest.mark.parametrize(("before", "told"), [("deviceType", 0), ("size", 1)])
def test_it_is_told_when_such_a_field_comes_and_not_each_night(predictions, before, told):
    """Where Prebid Server reads the file, nothing is wrong with it."""
    settings = replace(SETTINGS, export_fields={"prebid_floors": {"site": "adUnitCode", "device": "deviceType"}})
    _, document = export_and_json(Platform.PREBID_FLOORS, predictions, settings, TERMS)
    exports = ExportsDocument.model_validate({"platforms": [document]})
    fields = [{"feature": "site", "field": "adUnitCode"}, {"feature": "device", "field": before}]
    active = ExportsDocument.model_validate({"platforms": [document | {"fields": fields}]})

    warned = export_warnings(exports, active.platforms)
    assert [warning.code for warning in warned].count("prebid_js_refuses") == told


def test_answers_that_a_platform_clamps_are_warned_of_and_are_errors_of_the_export(predictions):
    settings = replace(SETTINGS, export_fields={"lookup_tables": {"site": "domain", "device": "os_family"}})
    documents = [
        export_and_json(Platform.LOOKUP_TABLES, predictions, settings, terms)[1] for terms in (AT_80_CENTS, TERMS)
    ]
    clamped, within = (ExportsDocument.model_validate({"platforms": [each]}) for each in documents)
    (message,) = [w.message for w in export_warnings(clamped) if w.code == "export_rows_cut"]

    assert "1 to 100 CPM" in message
    assert "export_base_cpm" in message
    assert documents[0]["mean_error"] > documents[1]["mean_error"]
    assert not [w for w in export_warnings(within) if w.code == "export_rows_cut"]


@pytest.mark.parametrize(
    ("platform", "cannot"), [(platform, platform not in ("plain", "prebid_floors")) for platform in Platform]
)
def test_an_export_that_cannot_hold_requests_back_is_warned_of_when_that_begins(predictions, platform, cannot):
    terms = replace(TERMS, holdback=Holdback(0.05, "auction_id", "drugs_com:"))
    settings = replace(SETTINGS, export_fields={"beeswax": {"site": "domain"}, "bonsai": {"site": "domain"}})
    documents = [export_and_json(platform, predictions, settings, each)[1] for each in (TERMS, terms)]
    without, with_one = (ExportsDocument.model_validate({"platforms": [each]}) for each in documents)
    counts = [
        [warning.code for warning in export_warnings(now, before.platforms)].count("export_bids_on_control")
        for before, now in ((without, without), (without, with_one), (with_one, with_one))
    ]

    assert counts == [0, int(cannot), 0]


def test_an_export_far_from_the_table_is_warned_of_and_both_figures_are_gates(predictions):
    settings = replace(SETTINGS, export_fields={"beeswax": {"site": "", "device": "platform_device_model"}})
    _, document = export_and_json(Platform.BEESWAX, predictions, settings, TERMS)
    exports = ExportsDocument.model_validate({"platforms": [document]})
    (message,) = [warning.message for warning in export_warnings(exports) if warning.code == "export_far"]

    assert document["mean_error"] > FAR
    assert "site without a field there" in message
    assert export_facts(exports) == {
        "beeswax_answered_share": document["answered_share"],
        "beeswax_error_share": document["mean_error"],
    }


def test_a_value_map_with_every_id_changes_names_and_nothing_else(predictions):
    sites = predictions.sample.features["site"].values
    ids = {site: f"id-{len(sites) - n}" for n, site in enumerate(sites)}  # in another order than ours
    ours, before = export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)
    theirs, after = export_and_json(
        Platform.PLAIN, predictions, replace(SETTINGS, export_value_maps={"plain": {"site": ids}}), TERMS
    )

    renamed = {(ids[row.values[0]], *row.values[1:]): (row.multiplier, row.no_bid) for row in ours.table.rows}
    assert {row.values: (row.multiplier, row.no_bid) for row in theirs.table.rows} == renamed
    assert before | {"files": []} == after | {"files": []}
    assert after["without_id"] == []


@pytest.mark.parametrize("maps", [{}, {"plain": {"site": {}}}, {"beeswax": {"site": {"a": "b"}}}])
def test_an_empty_map_or_another_platform_s_leaves_the_values_as_they_are(predictions, maps):
    ours, _ = export_and_json(Platform.PLAIN, predictions, SETTINGS, TERMS)
    theirs, _ = export_and_json(Platform.PLAIN, predictions, replace(SETTINGS, export_value_maps=maps), TERMS)
    assert theirs.files == ours.files


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, {"site_domain": "domain", "ad_size": "size"}),
        ({"hour": "hourOfDay"}, {"site_domain": "domain", "ad_size": "size", "hour": "hourOfDay"}),
        ({"ad_size": ""}, {"site_domain": "domain"}),
        ({"hour": "size"}, {"site_domain": "domain", "ad_size": "size"}),
    ],
    ids=["as seeded", "one more", "one less", "a field stands once"],
)
def test_fields_are_the_seeded_ones_with_the_configuration_s_over_them(own, expected):
    settings = replace(SETTINGS, export_fields={"prebid_floors": own})

    assert fields_of(Platform.PREBID_FLOORS, ["site_domain", "ad_size", "hour"], settings) == expected


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"site": "domain", "device": "domain"},
            ["bonsai: device is averaged over: domain is the field of site already"],
        ),
        ({"site": "domain", "device": "os_family", "no_feature": "domain"}, []),
    ],
)
def test_a_feature_whose_field_another_one_has_is_warned_of(predictions, fields, told):
    settings = replace(SETTINGS, export_fields={"bonsai": fields})
    _, document = export_and_json(Platform.BONSAI, predictions, settings, TERMS)
    warned = export_warnings(ExportsDocument.model_validate({"platforms": [document]}))

    assert [warning.message for warning in warned if warning.code == "export_field_taken"] == told


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"export_fields": {"bonsai": {"site": "domain", "sight": "domain", "gone": ""}}}, "sight"),
        ({"export_value_maps": {"bonsai": {"sight": {"a": "1"}, "site": {}}, "plain": {"other": {"a": "1"}}}}, "sight"),
        ({"export_value_maps": {"bonsai": {"empty": {}}}}, None),
    ],
)
def test_a_name_that_is_no_candidate_is_warned_of(predictions, keys, names):
    settings = replace(SETTINGS, candidate_features=["site", "device"], **keys)
    _, document = export_and_json(Platform.BONSAI, predictions, settings, TERMS)
    warned = export_warnings(ExportsDocument.model_validate({"platforms": [document]}))
    told = [warning.message for warning in warned if warning.code == "export_unknown_feature"]

    assert len(told) == (names is not None)
    assert all(message.startswith(f"bonsai: {names} in export_fields or export_value_maps") for message in told)


def test_an_own_bidder_gets_every_feature_by_its_name():
    assert fields_of(Platform.PLAIN, ["b", "a"], SETTINGS) == {"b": "b", "a": "a"}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["floors.json"], ["export_plain"]),
        (["part-0.csv", "manifest.json"], ["export_plain_part_0_csv", "export_plain_manifest_json"]),
    ],
)
def test_a_file_is_an_output_of_its_own(files, names):
    export = Export(dict.fromkeys(files, b""), KeyedTable((), (), 1.0), 1, {})

    assert [output_type(Platform.PLAIN, name, export) for name in files] == names
