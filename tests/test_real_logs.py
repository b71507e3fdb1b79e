"""Real ad logs become active runs by configuration alone, and their known traps are told.

The logs are not the product's to ship: where their folder is absent, these tests skip.
"""

import json
from pathlib import Path

import pytest

from conftest import CHECKOUT
from rtb_optimizer import pipeline
from rtb_optimizer.core.windows import WindowAsked
from rtb_optimizer.run_request import RunRequest
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Run

DATA = CHECKOUT.parent / "shared" / "data"
SUPPLY = ["ad_unit_id", "ad_type_id", "geo_id", "device_category_id", "os_id", "integration_type_id"]
DEMAND = ["order_id", "advertiser_id", "line_item_type_id", "monetization_channel_id"]
IPINYOU = [
    *("ipinyouid", "os", "browser", "ip", "region", "city", "adexchange", "domain", "url", "urlid", "slotid"),
    *("slotwidth", "slotheight", "slotvisibility", "slotformat", "slotprice", "creative", "bidprice", "keypage"),
    *("usertag", "payprice"),
]
EXPORTED = (CHECKOUT / "docs" / "exports.md").read_text()
SUPPLY_FIELDS = {
    "prebid_floors": {
        "ad_unit_id": "adUnitCode",
        "ad_type_id": "mediaType",
        "geo_id": "country",
        "device_category_id": "deviceType",
    },
    "lookup_tables": {
        "ad_unit_id": "placement",
        "ad_type_id": "media_type",
        "geo_id": "country",
        "device_category_id": "device_type",
        "os_id": "os_family",
    },
}
IPINYOU_FIELDS = {
    "prebid_floors": {"slotid": "adUnitCode", "domain": "domain", "adexchange": "channel"},
    "lookup_tables": {
        "slotid": "placement",
        "domain": "domain",
        "adexchange": "seller_member_id",
        "region": "region",
        "city": "city",
        "browser": "browser",
        "os": "os_family",
    },
}

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"the real logs are not here: {DATA.name} is absent")


@pytest.fixture
def uploaded(store, base_path):
    """Put a file of real logs into S3; return its URL."""

    def upload(name):
        key = f"{base_path.removeprefix('s3://rtb/')}/logs/{name}"
        store.put_once(key, Path(DATA, name).read_bytes())
        return f"s3://rtb/{key}"

    return upload


def export_rows(entity, report):
    """What docs/exports.md tells of the exports of a run: a row of its table each."""
    return [
        f"| {entity} | `{export['platform']}` | {len(export['fields'])} of {len(report['features'])} "
        f"| {export['rows']:,} of {export['rows_asked']:,} | {export['answered_share']:.1%} "
        f"| {export['mean_error']:.1%} | {export['largest_error']:.1%} |"
        for export in report["exports"]
    ]


@pytest.fixture
def active_report(add_entity, session, store):
    """Add an entity, run it, and return the report of the run that is then active."""

    def run(entity_code, data_start, data_end, now, **config):
        no_cost = {"cost_column": "", "row_id_columns": "", "anchor_features": ""}
        add_entity(entity_code, **(no_cost | config))
        window = WindowAsked(now, data_start, data_end)
        decided = pipeline.run(RunRequest(entity_code, Attempt("cli", entity_code), window, "manual:tester", {}))
        assert decided.decision == "activated", decided.reasons
        assert entities.find(session, entity_code).active_run_id == decided.opt_run_id
        assert session.get_one(Run, decided.opt_run_id).total_segments > 1
        key = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}["report"]
        return json.loads(store.read(key))

    return run


def test_six_publishers_of_pre_aggregated_rows_run_as_six_entities(active_report, uploaded, now):
    logs_path = uploaded("ssp_daily.parquet")
    told: dict[str, int] = {}
    exported: list[str] = []
    denied_gain = 0.0
    for site in (342, 344, 345, 346, 349, 351):
        report = active_report(
            f"publisher_{site}",
            "2019-06-01",
            "2019-07-01",
            now,
            logs_path=logs_path,
            row_filter=json.dumps({"site_id": [str(site)]}),
            timestamp_column="date",
            exposure_column="measurable_impressions",
            outcome_column="viewable_impressions",
            value_column="total_revenue",
            anchor_features="ad_unit_id",
            candidate_features=",".join([*SUPPLY, *DEMAND, "revenue_share_percent"]),
            denied_features=",".join(DEMAND),
            exports="plain, prebid_floors, lookup_tables",
            export_fields=json.dumps(SUPPLY_FIELDS),
            export_base_cpm="0.5",
        )
        exported += export_rows(f"publisher {site}", report)
        reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}
        would_add = {r["name"]: r["signal_score"] for r in report["rejected"] if r["name"] in DEMAND}
        assert {reasons[name] for name in DEMAND} == {"denylisted"}
        denied_gain = max(denied_gain, *(score or 0.0 for score in would_add.values()))
        assert reasons["integration_type_id"] == reasons["revenue_share_percent"] == "constant"
        assert report["coverage"]["folds"] == "day"
        assert report["totals"]["value"] > 1000
        for warning in report["warnings"]:
            told[warning["code"]] = told.get(warning["code"], 0) + warning.get("rows", 0)

    assert [row for row in exported if row not in EXPORTED] == []
    assert denied_gain > 0.01, "what is known only after the auction would have added something, and the report says so"
    assert told["zero_exposure"] > 100_000, "a third of the rows"
    assert told["outcome_above_exposure"] > 1000
    assert told["duplicate"] > 100
    assert told["value_negative"] == 1


@pytest.mark.parametrize(("advertiser", "leaks"), [(1458, ["payprice", "usertag"]), (3386, ["payprice"])])
def test_two_campaigns_of_weighted_rows_run_and_columns_written_after_the_click_are_found(
    active_report, uploaded, now, advertiser, leaks
):
    report = active_report(
        f"campaign_{advertiser}",
        "2013-06-06",
        "2013-06-13",
        now,
        logs_path=uploaded("ipinyou_1458_3386.parquet"),
        row_filter=json.dumps({"advertiser": [str(advertiser)]}),
        timestamp_column="ts",
        weight_column="weight",
        outcome_column="click",
        value_column="",
        row_id_columns="bidid",
        candidate_features=",".join(IPINYOU),
        denied_features="",
        exports="plain, prebid_floors, lookup_tables",
        export_fields=json.dumps(IPINYOU_FIELDS),
        export_base_cpm="0.5",
    )

    assert [row for row in export_rows(f"campaign {advertiser}", report) if row not in EXPORTED] == []
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}
    assert sorted(name for name, reason in reasons.items() if reason == "leak_suspected") == leaks
    assert {name for name, reason in reasons.items() if reason == "near_unique"} >= {"ipinyouid", "ip"}
    assert "slotid" in {feature["name"] for feature in report["features"]}
    # 3.08 and 2.85 million impressions stand behind the 25,000 rows.
    assert report["totals"]["exposure"] == pytest.approx({1458: 3_083_056, 3386: 2_847_802}[advertiser], rel=1e-6)
