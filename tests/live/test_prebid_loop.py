"""Prebid.js itself plays auctions by our floors; what it logs comes back as arms and lift."""

import json

import numpy as np
import pytest

from closed_loop import Loop
from market import Market, night_of
from prebid_js import installed_prebid
from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import challengers, connections, entities, outcomes

AUCTIONS, BASE_CPM = 100_000, 2.0
FIELDS = ("placement", "device", "country", "ad_size")
CONFIG = {
    "run_column": "run",
    "holdback_share": "0.2",
    "exports": "prebid_floors",
    "export_base_cpm": str(BASE_CPM),
    "export_skip_rate": "10",
    "export_fields": json.dumps({"prebid_floors": {name: name for name in FIELDS}}),
}


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("catalog")
def test_arms_and_lift_are_recovered_from_the_model_versions_that_prebid_logs(base_path):
    ask = installed_prebid()
    loop = Loop(base_path, market=Market(requests=AUCTIONS, win_rate=0.3, drift=0.0), config=CONFIG)
    loop.play()
    loop.run()
    requests = loop.market.night(loop.day)
    columns = {name: requests.values(name).tolist() for name in FIELDS}
    asked = [dict(zip(FIELDS, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    answers = ask(loop.output("export_prebid_floors"), asked)
    skipped = np.array([answer["skipped"] for answer in answers])
    multiplier = np.array([BASE_CPM if answer["skipped"] else answer["floor"] for answer in answers]) / BASE_CPM
    version = np.array(["" if answer["skipped"] else answer["modelVersion"] for answer in answers])
    control = np.char.endswith(version, CONTROL_SUFFIX)

    assert skipped.mean() == pytest.approx(0.1, abs=0.004)
    assert control.mean() == pytest.approx(0.9 * 0.2, abs=0.005)
    night = night_of(loop.market, requests, multiplier, version, control, ~control & ~skipped)
    loop.deliver(night)
    loop.run()

    with connections.session() as session:
        found = realized(session, entities.find(session, loop.code))
    logged = night.log["run"].to_pylist()
    rows = {day.arm: day.rows for day in found.days}
    assert rows["control"] == sum(name.endswith(CONTROL_SUFFIX) for name in logged)
    assert rows["treated"] == sum(bool(name) for name in logged) - rows["control"]  # skipped ones are in no arm
    assert night.lift > 0.05
    assert found.lift.low <= night.lift <= found.lift.high


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("catalog")
def test_a_challenger_is_told_apart_by_the_model_version_of_its_group(base_path):
    ask = installed_prebid()
    loop = Loop(base_path, market=Market(requests=AUCTIONS, win_rate=0.3, drift=0.0), config=CONFIG)
    loop.play()
    loop.run()
    with connections.session() as session:
        challengers.challenge(session, loop.code, 0.3, {"max_features": "1", "max_interactions": "0"}, "ana")
        session.commit()
    loop.play()
    loop.run()
    read = json.loads(loop.store.read(loop.active_key))
    floors = loop.store.read(read["challenger"]["outputs"]["export_prebid_floors"]["s3_key"])
    weights = {group["modelVersion"]: group["modelWeight"] for group in json.loads(floors)["modelGroups"]}
    active, challenger = read["run_code"], read["challenger"]["run_code"]
    assert weights == {active: 50, challenger: 30, f"{active}{CONTROL_SUFFIX}": 20}

    requests = loop.market.night(loop.day)
    columns = {name: requests.values(name).tolist() for name in FIELDS}
    asked = [dict(zip(FIELDS, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    answers = ask(floors, asked)
    skipped = np.array([answer["skipped"] for answer in answers])
    multiplier = np.array([BASE_CPM if answer["skipped"] else answer["floor"] for answer in answers]) / BASE_CPM
    version = np.array(["" if answer["skipped"] else answer["modelVersion"] for answer in answers])
    control = np.char.endswith(version, CONTROL_SUFFIX)
    loop.deliver(night_of(loop.market, requests, multiplier, version, control, ~control & ~skipped))
    loop.run()

    logged = loop.nights[-1].log["run"].to_pylist()
    with connections.session() as session:
        entity = entities.find(session, loop.code)
        counted = {
            row.arm: row.rows for row in outcomes.of_entity(session, entity, 9) if row.log_day == loop.nights_of[-1]
        }
    assert counted == {
        "treated": logged.count(active),
        "challenger": logged.count(challenger),
        "control": logged.count(f"{active}{CONTROL_SUFFIX}"),
    }
