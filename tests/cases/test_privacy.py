"""Cases 14 and 52 of docs/edge-cases.md: neither people nor their devices are features, or rows of a table."""

import hashlib
import io
import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import split_url
from seeded_logs import NIGHTS

case = pytest.mark.case
WINDOW = NIGHTS[-3:]
NO_CONSENT = "00000000-0000-0000-0000-000000000000"
IDS = {"device_ifa": "device", "user_buyeruid": "device", "device_ip": "address"}


def openrtb_rows(day, rows=4_000, devices=400):
    """Rows of flattened OpenRTB requests: 60 % without consent, the others of heavy devices, some of which click."""
    draw = random.Random(f"{day}")  # noqa: S311 - rows of logs
    for n in range(rows):
        device_type = draw.choice(["mobile", "desktop", "tablet"])
        country = draw.choice(["US", "DE", "FR", "BR"])
        rate = 0.06 * {"mobile": 1.8, "desktop": 1.0, "tablet": 0.4}[device_type]
        rate *= {"US": 1.5, "DE": 1.0, "FR": 0.8, "BR": 0.4}[country]
        number = draw.randrange(devices) if draw.random() < 0.4 else None
        device = NO_CONSENT if number is None else f"{number:08x}-1111-4111-8111-111111111111"
        clicker = number is not None and number % 8 == 0
        yield {
            "auction_id": f"{day}-{n}",
            "event_time": datetime.combine(day, time(), UTC) + timedelta(seconds=draw.randrange(86_400)),
            "device_type": device_type,
            "country": country,
            "device": device,
            "address": f"10.0.{draw.randrange(3)}.{0 if number is None else number % 200}",
            "price": round(draw.uniform(0.2, 3), 4),
            "click": int(draw.random() < (0.35 if clicker else rate)),
        }


@pytest.fixture
def deliver(store, base_path):
    """Deliver three nights of rows, changed by a function of a row; return the logs_path."""

    def delivered(change=dict, name="privacy"):
        logs_path = f"{base_path}/{name}/date={{date}}/"
        for day in WINDOW:
            body = io.BytesIO()
            pq.write_table(pa.Table.from_pylist([change(row) for row in openrtb_rows(day)]), body)
            folder = split_url(logs_path.replace("{date}", str(day)))[1]
            store.replace(f"{folder}part-0.parquet", body.getvalue())
            store.replace(f"{folder}_SUCCESS", b"\n")
        return logs_path

    return delivered


@pytest.fixture
def run(add_entity, request_run, session, store):
    """Add an entity over logs and run it; return its report, and the segments and joint segments by key."""

    def go(logs_path, entity_code="privacy", dag_run_id="manual__1", **config):
        if dag_run_id == "manual__1":
            defaults = {"lookback_days": len(WINDOW), "anchor_features": "", "value_column": ""}
            config = {**defaults, "logs_path": logs_path, **config}
            add_entity(entity_code, **{key: str(value) for key, value in config.items()})
            config = {}
        decided = in_process.run(request_run(entity_code, dag_run_id=dag_run_id, overrides=config))
        session.rollback()
        keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
        read = {
            name: {row["segment"]: row for row in pq.read_table(io.BytesIO(store.read(keys[name]))).to_pylist()}
            for name in ("segments", "joint_segments")
        }
        return json.loads(store.read(keys["report"])), read["segments"], read["joint_segments"]

    return go


def with_ids(row):
    """Return the row with its device and address under the names that OpenRTB gives them."""
    return row | {name: row[source] for name, source in IDS.items()}


def reasons(report):
    return {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}


def warned(report, code):
    return [warning["message"] for warning in report["warnings"] if warning["code"] == code]


@case(14)
def test_ids_of_openrtb_are_denied_by_name_and_reported_with_the_gain_they_would_have_added(run, deliver):
    report, segments, _ = run(deliver(with_ids), candidate_features=f"device_type, country, {', '.join(IDS)}")

    assert {feature["name"] for feature in report["features"]} == {"device_type", "country"}
    assert {name: reasons(report)[name] for name in IDS} == dict.fromkeys(IDS, "denylisted")
    assert next(r["signal_score"] for r in report["rejected"] if r["name"] == "device_ifa") > 0.01
    assert not [segment for segment in segments if "1111" in segment or "10.0." in segment]


@case(14)
def test_ids_under_any_name_are_recognised_by_their_values(run, deliver):
    report, segments, _ = run(deliver(), candidate_features="device_type, country, device, address")

    assert {feature["name"] for feature in report["features"]} == {"device_type", "country"}
    assert {name: reasons(report)[name] for name in ("device", "address")} == {
        "device": "identifier",
        "address": "identifier",
    }
    messages = warned(report, "identifier")
    assert [message.split(":")[0].split(" in ")[0] for message in messages] == [
        "candidate 'address' holds IP addresses",
        "candidate 'device' holds UUIDs",
    ]
    assert not [message for message in messages if "1111" in message or "10.0." in message]
    assert not [segment for segment in segments if "1111" in segment or "10.0." in segment]


@case(14)
def test_an_anchor_of_addresses_fails_the_run_and_one_of_uuids_is_warned_of(run, deliver):
    logs_path = deliver()

    with pytest.raises(LogsInvalid, match=r"^anchor 'address' holds IP addresses, which"):
        run(logs_path, "addresses", candidate_features="country", anchor_features="address")
    report, *_ = run(logs_path, "devices", candidate_features="country", anchor_features="device")

    assert warned(report, "anchor_identifier")[0].startswith("anchor 'device' holds UUIDs in 100% of the rows")


@case(14)
def test_hashed_ids_are_features_where_the_name_says_inventory_or_a_person_vouches_for_them(run, deliver):
    def hashed(row):
        number = int(row["auction_id"].split("-")[-1]) % 3
        key = hashlib.md5(f"{row['country']}{number}".encode(), usedforsecurity=False).hexdigest()
        return row | {"placement_hash": key, "vendor_key": key}

    logs_path = deliver(hashed)
    named, *_ = run(logs_path, "named", candidate_features="device_type, placement_hash, vendor_key")
    vouched, *_ = run(
        logs_path, "vouched", candidate_features="device_type, vendor_key", allowed_identifiers="vendor_key"
    )

    assert {feature["name"] for feature in named["features"]} == {"device_type", "placement_hash"}
    assert reasons(named)["vendor_key"] == "identifier"
    assert {feature["name"] for feature in vouched["features"]} == {"device_type", "vendor_key"}


# ---- Rows about few people


def weighted(row):
    """Return a row of sampled logs: most rows stand for 300, and some slots are on six rows of the log."""
    number = int(row["auction_id"].split("-")[-1])
    rare = number % 100 < 2 and number < 1_000  # one row with a click, one without
    slot = f"rare{number // 100}" if rare else f"slot{number % 6}"
    click = int(number % 100 == 0 if rare else row["click"])
    return row | {"slot": slot, "weight": 1.0 if click else 300.0, "click": click}


@case(52)
@pytest.mark.parametrize("sampling", [{}, {"full_sample_rows": 0, "negatives_per_positive": 2}], ids=["all", "sampled"])
def test_in_weighted_logs_no_row_of_any_table_stands_on_few_rows_of_the_log(run, deliver, sampling):
    config = {"candidate_features": "slot, device_type, country", "anchor_features": "slot", "weight_column": "weight"}
    exports = {"exports": "plain", "joint_min_exposures": 1}
    report, segments, joint = run(deliver(weighted), **config, **exports, **sampling)

    stands_on = rows_by_prefix(weighted, ["slot", "device_type", "country"])
    assert not [segment for segment in segments if "rare" in segment]
    assert min(row["rows"] for row in segments.values()) >= 10
    assert {key: stands_on[key] for key in map(given, joint) if stands_on[key] < 10} == {}
    assert len(joint) > 5
    assert next(e["rows"] for e in report["exports"]) > 5


@case(52)
def test_no_row_of_any_table_stands_on_few_people_where_people_have_ids(run, deliver):
    def of_few(row):
        number = int(row["auction_id"].split("-")[-1])
        heavy = row["device"] != NO_CONSENT and number % 5 == 0
        slot = f"home{int(row['device'][:8], 16) % 3}" if heavy else f"slot{number % 6}"
        device = f"{int(row['device'][:8], 16) % 9:08x}" if heavy else row["device"]
        return row | {"slot": slot, "device": device, "click": int(heavy or row["click"])}

    config = {"candidate_features": "slot, device_type, country", "anchor_features": "slot", "joint_min_exposures": 1}
    logs_path = deliver(of_few)
    _, of_rows, joint_of_rows = run(logs_path, "of_rows", **config)
    _, segments, joint = run(logs_path, "of_people", person_id_column="device", **config)

    stands_on = people_by_prefix(of_few, ["slot", "device_type", "country"])
    assert [segment for segment in of_rows if "home" in segment]
    assert [segment for segment in joint_of_rows if "home" in segment]
    assert not [segment for segment in {**segments, **joint} if "home" in segment]
    assert [segment for segment in segments if "slot" in segment]
    assert {key: stands_on[key] for key in map(given, joint) if stands_on[key] < 10} == {}
    assert len(joint) > 10


@case(52)
def test_a_row_of_the_active_run_that_falls_below_the_limit_is_gone_at_once(run, deliver):
    config = {"candidate_features": "slot, device_type", "anchor_features": "slot", "weight_column": "weight"}
    logs_path = deliver(weighted)
    _, before, _ = run(logs_path, min_segment_exposures=1, **config)
    _, after, _ = run(logs_path, dag_run_id="manual__2", min_segment_exposures=10)

    moved = {segment: row["multiplier"] for segment, row in before.items() if "rare" in segment}
    assert max(moved.values()) > 1.25, "further from 1 than one run may move it"
    assert not [segment for segment in after if "rare" in segment]


def given(segment):
    """Return the values that a joint key gives, without the features that it leaves open."""
    return tuple(value for value in segment.split("|") if value != "*")


def prefixes(change, features):
    for day in WINDOW:
        for row in map(change, openrtb_rows(day)):
            values = tuple(row[feature] for feature in features)
            yield from ((values[:depth], row) for depth in range(len(values) + 1))


def rows_by_prefix(change, features):
    return Counter(prefix for prefix, _ in prefixes(change, features))


def people_by_prefix(change, features):
    people = defaultdict(set)
    for prefix, row in prefixes(change, features):
        people[prefix] |= {row["device"]} - {NO_CONSENT}
    return {prefix: len(ids) for prefix, ids in people.items()}
