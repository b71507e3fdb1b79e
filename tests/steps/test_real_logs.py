"""Real ad logs become active runs by configuration alone, and their known problems are reported.

The logs are not the product's to ship: where their folder is absent, these tests skip.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from checkout import CHECKOUT
from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import FeatureMacro, Optimizer, Run

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
    "beeswax": {"geo_id": "geo_country", "device_category_id": "platform_device_model", "os_id": "platform_os"},
    "bonsai": {
        "ad_unit_id": "placement",
        "geo_id": "country",
        "device_category_id": "device_model",
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
    "beeswax": {
        "domain": "domain",
        "region": "geo_region",
        "city": "geo_city",
        "browser": "platform_browser",
        "os": "platform_os",
    },
    "bonsai": {"domain": "domain", "region": "region", "city": "city", "browser": "browser", "os": "os_family"},
}

# What the owners of these logs would write into opt_feature_macros: columns by the part of the macro they are.
COLUMNS = {
    "placement": ("ad_unit_id", "slotid"),
    "country": ("geo_id",),
    "device_type": ("device_category_id",),
    "os": ("os_id", "os"),
    "browser": ("browser",),
    "region": ("region",),
    "domain": ("domain",),
    "exchange": ("adexchange",),
}
PLATFORMS = {
    "adx": {
        "placement": "[ADX_PLACEMENT_ID]",
        "country": "[ADX_COUNTRY]",
        "device_type": "[ADX_DEVICE_TYPE]",
        "os": "[ADX_OS]",
        "browser": "[ADX_BROWSER]",
        "domain": "[ADX_DOMAIN]",
    },
    "openrtb": {},
    "vast4": {"domain": "[DOMAIN]"},
    "xandr": {"placement": "${TAG_ID}", "country": "${USER_COUNTRY}", "region": "${USER_STATE}"},
    "beeswax": {"os": "{{PLATFORM_OS}}", "domain": "{{DOMAIN}}", "exchange": "{{INVENTORY_SOURCE}}"},
    "prebid_server": {"domain": "##PBS-DOMAIN##"},
    "google_ad_manager": {"placement": "%%PATTERN:slot%%"},
    "the_trade_desk": {
        "placement": "%%TTD_PLACEMENTID%%",
        "country": "%%TTD_COUNTRY%%",
        "device_type": "%%TTD_DEVICETYPE%%",
        "os": "%%TTD_DEVICEOSFAMILY%%",
        "region": "%%TTD_REGION%%",
        "domain": "%%TTD_SITE%%",
        "exchange": "%%TTD_SUPPLYVENDOR%%",
    },
}
# One platform whose words are all known to be ours, to be compared with those of which nothing is known.
SAME_WORDS = {"the_trade_desk": {column: {} for columns in COLUMNS.values() for column in columns}}
# All exports of all logs, whatever they answer: the table in docs/exports.md says what each of them costs.
ALL_EXPORTS = {"exports": ", ".join(Platform), "min_export_answered": "0", "max_export_error": "1000"}
MACROS = {"macro_formats": ",".join(PLATFORMS), "macro_value_maps": json.dumps(SAME_WORDS)}

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason=f"the real logs are not here: {DATA.name} is absent"),
    pytest.mark.usefixtures("templates"),
]


@pytest.fixture
def uploaded(store, base_path):
    """Put a file of real logs into S3; return its URL."""

    def upload(name):
        key = f"{base_path.removeprefix('s3://rtb/')}/logs/{name}"
        store.put_once(key, Path(DATA, name).read_bytes())
        return f"s3://rtb/{key}"

    return upload


def export_rows(entity, report):
    """The rows of the table in docs/exports.md: one for each export of a run."""
    return [
        f"| {entity} | `{export['platform']}` | {len(export['fields'])} of {len(report['features'])} "
        f"| {export['rows']:,} of {export['rows_asked']:,} | {export['answered_share']:.1%} "
        f"| {export['mean_error']:.1%} | {export['largest_error']:.1%} |"
        for export in report["exports"]
    ]


def assert_exported(rows):
    """The table in docs/exports.md is that of these runs: where it is not, paste what the failure prints."""
    assert set(rows) <= set(EXPORTED.splitlines()), "\n".join(rows)


@pytest.fixture
def templates(session):
    """Write the macros of the columns of these logs into the catalog."""
    opt_id = session.scalars(select(Optimizer.opt_id)).one()
    rows = [
        {"opt_id": opt_id, "macro_format": name, "feature_name": column, "macro_template": macro}
        for name, macros in PLATFORMS.items()
        for part, macro in macros.items()
        for column in COLUMNS[part]
    ]
    for row in rows:
        added = insert(FeatureMacro).values(**row)
        key = ["opt_id", "feature_name", "macro_format"]
        session.execute(added.on_conflict_do_update(index_elements=key, set_=row))
    session.commit()


def look_ups(entity, report):
    """The line of the table in docs/macros.md: how look-ups of an entity end in each format."""
    cells = []
    for name in PLATFORMS:
        places, trip = report["ad_macros"]["formats"][name]["route"]["places"], report["round_trip"].get(name)
        addressed = f"{sum(place['gap'] is None for place in places)} of {len(places)}"
        cells.append(f"{addressed}, {trip['hit_rate']:.1%}, {trip['answered_share']:.1%}" if trip else "no combo")
    return f"| {entity} | {' | '.join(cells)} |"


def assert_documented(lines):
    """The table in the docs is that of these runs: where it is not, paste what the failure prints."""
    documented = (CHECKOUT / "docs" / "macros.md").read_text().splitlines()
    assert set(lines) <= set(documented), "\n".join(lines)


@pytest.fixture
def decided_report(add_entity, session, store, long):
    """Add an entity, run it, and return the report of the run, which is activated, or held."""

    def run(entity_code, data_start, data_end, now, decision="activated", **config):
        no_cost = {"cost_column": "", "row_id_columns": "", "anchor_features": "", "warm_start": "false", **MACROS}
        add_entity(entity_code, **(no_cost | config))
        window = WindowRequest(now, data_start, data_end)
        decided = in_process.run(RunRequest(entity_code, Attempt("cli", entity_code), window, "manual:tester", {}))
        assert decided.decision == decision, decided.reasons
        active = entities.find(session, entity_code).active_run_id
        assert active == (decided.opt_run_id if decision == "activated" else None)
        assert session.get_one(Run, decided.opt_run_id).total_segments > 1
        if long:  # made again to the byte
            assert rebuild(source_of(str(decided.opt_run_id)), RebuildOptions()).identical
        key = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}["report"]
        return json.loads(store.read(key))

    return run


def test_six_publishers_of_pre_aggregated_rows_run_as_six_entities(decided_report, uploaded, now):
    logs_path = uploaded("ssp_daily.parquet")
    rows_by_code: dict[str, int] = {}
    exported: list[str] = []
    denied_gain, lines = 0.0, []
    for site in (342, 344, 345, 346, 349, 351):
        report = decided_report(
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
            **ALL_EXPORTS,
            export_fields=json.dumps(SUPPLY_FIELDS),
            export_base_cpm="5",
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
            rows_by_code[warning["code"]] = rows_by_code.get(warning["code"], 0) + warning.get("rows", 0)
        assert report["gates"]["facts"]["macro_hit_rate"] == 1.0, "no macro that there is is read wrongly"
        lines.append(look_ups(f"publisher {site}", report))

    assert_exported(exported)
    assert denied_gain > 0.01, "what is known only after the auction would have added something, and the report says so"
    assert rows_by_code["zero_exposure"] > 100_000, "a third of the rows"
    assert rows_by_code["outcome_above_exposure"] > 1000
    assert rows_by_code["duplicate"] > 100
    assert rows_by_code["value_negative"] == 1
    assert_documented(lines)


@pytest.mark.parametrize(("advertiser", "leaks"), [(1458, ["payprice", "usertag"]), (3386, ["payprice"])])
def test_two_campaigns_of_weighted_rows_run_and_columns_written_after_the_click_are_found(
    decided_report, uploaded, now, advertiser, leaks
):
    config = {
        "logs_path": uploaded("ipinyou_1458_3386.parquet"),
        "row_filter": json.dumps({"advertiser": [str(advertiser)]}),
        "timestamp_column": "ts",
        "weight_column": "weight",
        "outcome_column": "click",
        "value_column": "",
        "row_id_columns": "bidid",
        "candidate_features": ",".join(IPINYOU),
        **ALL_EXPORTS,
        "export_fields": json.dumps(IPINYOU_FIELDS),
        "export_base_cpm": "5",
    }
    window = ("2013-06-06", "2013-06-13", now)
    held = decided_report(f"held_{advertiser}", *window, "held", denied_features="", **config)
    report = decided_report(f"campaign_{advertiser}", *window, denied_features=",".join(leaks), **config)

    reasons = {rejected["name"]: rejected["reason"] for rejected in held["rejected"]}
    assert sorted(name for name, reason in reasons.items() if reason == "leak_suspected") == leaks
    assert [warning["code"] for warning in held["warnings"][: len(leaks)]] == ["leak_suspected"] * len(leaks)
    assert_exported(export_rows(f"campaign {advertiser}", report))
    assert {name for name, reason in reasons.items() if reason == "near_unique"} >= {"ipinyouid", "ip"}
    assert "slotid" in {feature["name"] for feature in report["features"]}
    assert_documented([look_ups(f"campaign {advertiser}", report)])
    # 3.08 and 2.85 million impressions stand behind the 25,000 rows.
    assert report["totals"]["exposure"] == pytest.approx({1458: 3_083_056, 3386: 2_847_802}[advertiser], rel=1e-6)
