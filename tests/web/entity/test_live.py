"""The page of what came of an entity's tables, and the same over the API."""

from datetime import date, timedelta

import pytest

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.store import activation, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Run

NIGHTS = 9


@pytest.fixture
def live(add_entity, make_run, session):
    """An entity whose policy was live for nine nights, with a tenth of the requests held back."""
    entity = add_entity()
    run = session.get_one(Run, make_run(entity, data_end=date(2026, 3, 2)).run_id)
    run.config_snapshot = {"values": {"cost_column": "price"}}
    session.flush()
    activation.complete_and_decide(session, run.run_id, 1, [], allow_older=False)
    session.commit()
    rows = [
        row_of(run.run_id, date(2026, 3, 2) + timedelta(days=n), arm, share, lift)
        for n in range(NIGHTS)
        for arm, share, lift in ((Arm.TREATED, 0.9, 1.2), (Arm.CONTROL, 0.1, 1.0))
    ]
    outcomes.record(session, entity.entity_code, run.run_id, rows)
    session.commit()
    return entity


def row_of(run_id, day, arm, share, lift):
    clicks, cost = 4_000 * share * lift, 150.0 * share
    parts = {f"{n:x}": [cost * 62, clicks / 16 + (n + day.day) % 5 - 2, 0.0, cost / 16] for n in range(16)}
    total = sum(sums[1] for sums in parts.values())
    predicted = total * (1.03 if day.day % 2 else 0.98)
    return Outcome(run_id, day, arm, 9_000, 150_000 * share, total, 0.0, cost, predicted, 12.0, parts)


def test_before_the_first_activation_nothing_is_measured(browser, read, add_entity):
    add_entity()

    assert "No run is active" in read(browser.get("/rtb/entities/drugs_com/live")).text
    assert browser.get("/rtb/api/v1/entities/drugs_com/live").status_code == 404


def test_the_page_shows_the_days_by_arm_and_the_lift_with_its_interval(browser, read, live):
    assert live
    page = read(browser.get("/rtb/entities/drugs_com/live"))
    table = page.select_one('[aria-label="Days of the active policy by arm"]')

    assert len(table.select("tbody tr")) == 2 * NIGHTS
    assert "90 % interval +" in page.text.replace("\n", " ")
    assert "better" in page.text


def test_the_api_answers_what_the_page_shows(browser, live):
    assert live
    found = browser.get("/rtb/api/v1/entities/drugs_com/live").json()

    assert found["lift"]["low"] < 0.2 < found["lift"]["high"]
    assert found["standing"] == "better"
    assert {day["arm"] for day in found["days"]} == {"treated", "control"}
    assert found["realized_over_predicted"] == pytest.approx(1.0, abs=0.03)
