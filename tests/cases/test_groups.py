"""One country pays for all others: the run that makes it pay says so first, with the results of its bids before."""

import json

import numpy as np
import pyarrow as pa
import pytest

from closed_loop import Loop
from market import play

pytestmark = [pytest.mark.usefixtures("catalog"), pytest.mark.timeout(600)]
PAYER = "country-00"


def without_most_clicks(log, country):
    """Return a night's log in which a country has lost nine tenths of its clicks."""
    lost = (np.array(log["country"].to_pylist()) == country) & (np.random.default_rng(1).random(len(log)) < 0.9)
    clicks = pa.array(np.where(lost, 0, log["click"].to_numpy()))
    return log.set_column(log.column_names.index("click"), "click", clicks)


def report_of(loop):
    return json.loads(loop.output("report"))


@pytest.mark.case(60)
def test_a_country_that_pays_for_all_others_is_told_first_and_a_quiet_night_tells_of_none(base_path):
    loop = Loop(base_path, config={"holdback_share": "0.2"})
    for _ in range(2):
        loop.play()
        loop.run()
    quiet = report_of(loop)
    night = play(loop.market, loop.day, loop.readings)
    loop.deliver(type(night)(*(getattr(night, n) for n in night.__slots__[:-1]), without_most_clicks(night.log, PAYER)))
    loop.run()
    report = report_of(loop)
    warned = [each for each in report["warnings"] if each["code"] == "group_pays"]
    page = loop.output("report_page").decode()
    group = next(each for each in report["groups"] if each["value"] == PAYER)

    assert not any(each["code"] == "group_pays" for each in quiet["warnings"])
    assert quiet["groups"]
    assert report["warnings"][0] == warned[0]
    assert f"country={PAYER} pays for the others" in warned[0]["message"]
    assert [each["value"] for each in report["groups"] if each["pays"]] == [PAYER]
    assert group["high"] < -0.1
    assert group["outcomes_change"] == pytest.approx(group["spend_change"], abs=0.05)
    assert "Who gains and who pays" in page
    assert f"country={PAYER} pays for it" in page
    assert any("lift" in each and each["lift"] is not None for each in report["groups"])


@pytest.mark.case(60)
def test_a_first_table_is_compared_with_none(base_path):
    loop = Loop(base_path)
    loop.play()
    loop.run()

    assert report_of(loop)["groups"] == []
