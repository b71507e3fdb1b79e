"""Prebid.js itself plays auctions by our floors; what it logs comes back as arms and lift."""

import json

import numpy as np
import pytest

from closed_loop import Loop
from market import Market, night_of
from prebid_js import installed_prebid
from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import connections, entities

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
