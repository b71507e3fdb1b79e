"""The page with the results of an entity's tables, and the same over the API."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.store import activation, challenger_runs, challengers, configs, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Challenger, Entity, Run, RunOutput

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


@pytest.fixture
def challenged(live, make_run, session):
    """The same entity, challenged since, with a live run of the challenger; returns its id."""
    active = session.get_one(Entity, live.entity_id).active_run_id
    number = challengers.challenge(session, live.entity_code, 0.2, {"max_features": "4"}, "ana").challenger_id
    run = session.get_one(Run, make_run(live, data_end=date(2026, 3, 2), challenger_id=number).run_id)
    run.config_snapshot = {"values": {"cost_column": "price", "max_features": 4}}
    session.flush()
    challenger_runs.complete(session, run.run_id, 1, [])
    rows = [
        row_of(run_id, date(2026, 3, 20) + timedelta(days=n), arm, share, lift)
        for n in range(NIGHTS)
        for run_id, arm, share, lift in ((active, Arm.TREATED, 0.8, 1.2), (run.run_id, Arm.CHALLENGER, 0.2, 1.17))
    ]
    outcomes.record(session, live.entity_code, run.run_id, rows)
    session.commit()
    return run.run_id


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


# ---- Challengers


def test_the_challenger_and_the_active_policy_stand_side_by_side(browser, read, challenged):
    page = read(browser.get("/rtb/entities/drugs_com/live"))
    table = page.select_one('[aria-label="Days of the challenger and of the active policy"]')

    assert len(table.select("tbody tr")) == 2 * (NIGHTS - 1)  # the day on which it went live is no whole day
    text = " ".join(page.text.split())
    assert f"Run {challenged}" in text
    assert re.search(r"Lift over the active policy ?-2\.\d % ?95 % interval", text)
    assert "over 8 nights" in text
    assert "max_features=4" in text


def test_every_page_of_the_entity_says_that_it_is_challenged(browser, read, challenged):
    for path in ("", "/live", "/config", "/history"):
        page = read(browser.get(f"/rtb/entities/drugs_com{path}"))
        (card,) = [each for each in page.select(".card") if each.dt.text == "Challenger"]
        assert "20 % of the requests" in card.text
        assert f"run {challenged} is live" in " ".join(card.text.split())


def test_the_list_of_entities_says_which_are_challenged(browser, read, challenged, add_entity):
    assert challenged
    add_entity("other")
    rows = {row.a.text: row.text for row in read(browser.get("/rtb/")).select("tbody tr")}

    assert ["challenged" in text for text in rows.values()] == [True, False]


def test_the_list_of_runs_marks_the_runs_of_a_challenger_and_offers_no_activation(browser, read, challenged):
    rows = read(browser.get("/rtb/entities/drugs_com")).select('[aria-label="Runs"] tbody tr')
    (row,) = [row for row in rows if row.th.text == f"Run {challenged}"]

    assert "challenger" in row.text
    assert "Activate" not in row.text


def test_the_api_answers_the_challenger_and_marks_its_runs(browser, challenged):
    found = browser.get("/rtb/api/v1/entities/drugs_com/live").json()["challenger"]
    runs = browser.get("/rtb/api/v1/entities/drugs_com/runs").json()

    assert (found["run_id"], found["share"], found["standing"]) == (challenged, 0.2, "watching")
    assert {run["run_id"] for run in runs if run["is_challenger"]} == {challenged}
    active = browser.get("/rtb/api/v1/entities/drugs_com/active").json()
    assert active["challenger"]["run_id"] == challenged


def test_a_person_drops_it_with_a_reason(browser, read, challenged, session):
    assert challenged
    page = read(browser.get("/rtb/entities/drugs_com/challenger"))
    number = page.select_one('[name="challenger_id"]')["value"]
    form = {"challenger_id": number, "result": "dropped", "reason": ""}
    assert browser.post("/rtb/entities/drugs_com/challenger", data=form).status_code == 422

    answer = browser.post("/rtb/entities/drugs_com/challenger", data=form | {"reason": "no gain"})
    assert "Dropped: all requests are bid by the active run again" in answer.text
    ended = session.scalars(select(Challenger)).one()
    assert (ended.result, ended.ended_by, ended.reasons) == ("dropped", "admin", ["no gain"])
    assert browser.get("/rtb/entities/drugs_com/challenger").status_code == 404


def test_a_person_promotes_it(browser, challenged, session, monkeypatch):
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: None)
    form = {"challenger_id": "", "result": "promoted", "reason": "better"}
    answer = browser.post("/rtb/entities/drugs_com/challenger", data=form)

    assert "Promoted: its values are the entity" in answer.text
    session.expire_all()
    assert session.scalars(select(Entity)).one().active_run_id == challenged


def test_while_s3_is_away_it_is_not_promoted_and_the_reason_stays(browser, read, challenged, session, unreachable_s3):
    of = {"row_count": 1, "byte_size": 1, "sha256": "0" * 64, "s3_bucket": "rtb", "s3_key": "segments.json"}
    session.add(RunOutput(run_id=challenged, output_type="segments", **of))
    session.commit()
    asked, before = unreachable_s3(), session.scalars(select(Entity)).one().active_run_id
    form = {"challenger_id": "", "result": "promoted", "reason": "better by far"}
    answer = browser.post("/rtb/entities/drugs_com/challenger", data=form)
    page = read(answer)

    assert asked
    assert answer.status_code == 503
    assert "Nothing was changed: the S3 of connection 'rtb_s3'" in page.select_one("[role=alert]").text
    assert page.select_one("#reason").text.strip() == "better by far"
    session.expire_all()
    assert session.scalars(select(Entity)).one().active_run_id == before != challenged
    assert session.scalars(select(Challenger)).one().ended_at is None


@pytest.mark.parametrize(
    ("form", "code"),
    [({"result": "kept", "reason": "x"}, 422), ({"result": "dropped", "reason": "x", "challenger_id": "99"}, 409)],
)
def test_another_result_and_another_challenger_change_nothing(browser, challenged, session, form, code):
    assert challenged
    assert browser.post("/rtb/entities/drugs_com/challenger", data=form).status_code == code
    assert session.scalars(select(Challenger)).one().ended_at is None


def test_the_configuration_s_form_opens_one_after_a_confirmation(browser, read, live, session):
    page = read(browser.get("/rtb/entities/drugs_com/config"))
    assert page.find("button", string="Challenge with these changes…")
    form = {"value:max_features": "4", "was:max_features": "12"}
    asked = read(browser.post("/rtb/entities/drugs_com/challenge", data=form))
    assert session.scalars(select(Challenger)).all() == []
    assert [cell.text for cell in asked.select("tbody tr td")] == ["12", "4"]
    hidden = {each["name"]: each["value"] for each in asked.select("form.confirm input")}

    refused = browser.post("/rtb/entities/drugs_com/challenge", data=hidden | {"share": "a tenth"})
    assert refused.status_code == 422
    assert "is not a number" in read(refused).text
    opened = browser.post("/rtb/entities/drugs_com/challenge", data=hidden | {"share": "0.3"})
    assert "The challenger is open" in opened.text
    (challenger,) = session.scalars(select(Challenger)).all()
    assert (challenger.share, challenger.overrides, challenger.created_by) == (0.3, {"max_features": "4"}, "admin")
    assert live.entity_id == challenger.entity_id
    assert "Challenge with these changes" not in browser.get("/rtb/entities/drugs_com/config").text
    assert "Nothing was changed" in browser.post("/rtb/entities/drugs_com/challenge", data={}).text


API = "/rtb/api/v1/entities/drugs_com/challenger"
CHALLENGE = {"share": 0.2, "values": {"max_features": 4, "min_z": "2.5"}}


@pytest.fixture
def challengeable(live, session):
    """The same entity, whose requests are drawn by an id of the logs."""
    configs.set_overrides(session, session.get_one(Entity, live.entity_id), {"row_id_columns": "auction_id"}, "ana")
    session.commit()
    return live


def test_a_program_opens_a_challenger_which_is_open_once(browser, challengeable, session):
    opened = browser.post(API, json=CHALLENGE)
    again = browser.post(API, json=CHALLENGE)
    (stored,) = session.scalars(select(Challenger)).all()

    assert challengeable
    assert opened.json() == {
        "entity_code": "drugs_com",
        "challenger_id": stored.challenger_id,
        "share": 0.2,
        "values": {"max_features": "4", "min_z": "2.5"},
    }
    assert (stored.created_by, stored.overrides) == ("admin", {"max_features": "4", "min_z": "2.5"})
    assert (again.status_code, "has a challenger already" in again.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    "body",
    [
        {"share": 0.2, "values": {}},
        {"share": 0.2, "values": {"lookback_days": 3}},
        {"share": 0.2, "values": {"max_features": 0}},
        {"share": 0.2, "values": {"max_features": None}},
        *({"share": share, "values": {"max_features": 4}} for share in (0, 1, -0.1, "0.1", True)),
        {"values": {"max_features": 4}},
        CHALLENGE | {"reason": "x"},
    ],
)
def test_a_challenger_that_is_not_spelled_out_is_not_opened(browser, challengeable, session, body):
    assert challengeable
    assert browser.post(API, json=body).status_code == 422
    assert session.scalars(select(Challenger)).all() == []


def test_a_program_drops_the_challenger_that_it_expects(browser, challenged, session):
    number = session.scalar(select(Challenger.challenger_id))
    wrong = browser.post(f"{API}/drop", json={"reason": "no gain", "expected_challenger_id": number + 1})
    dropped = browser.post(f"{API}/drop", json={"reason": " no gain ", "expected_challenger_id": number})
    gone = browser.post(f"{API}/drop", json={"reason": "no gain"})
    session.rollback()

    assert wrong.status_code == 409
    assert dropped.json() == {
        "entity_code": "drugs_com",
        "decision": "dropped",
        "run_id": challenged,
        "reasons": ["no gain"],
        "copy_written": True,
    }
    assert session.get_one(Challenger, number).result == "dropped"
    assert gone.status_code == 404


def test_a_program_promotes_the_challenger_whose_values_become_the_entity_s(browser, challenged, session, monkeypatch):
    monkeypatch.setattr("rtb_optimizer.store.verification.verify_outputs", lambda *_: None)
    promoted = browser.post(f"{API}/promote", json={"reason": "better"})
    session.rollback()
    entity = session.scalars(select(Entity)).one()

    assert (promoted.json()["decision"], promoted.json()["run_id"]) == ("promoted", challenged)
    assert entity.active_run_id == challenged
    assert configs.overrides(session, entity.entity_id)["max_features"] == "4"


@pytest.mark.parametrize("call", ["promote", "drop"])
@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": "x", "expected_challenger_id": "1"}])
def test_an_end_that_is_not_spelled_out_ends_nothing(browser, challenged, session, call, body):
    assert challenged
    assert browser.post(f"{API}/{call}", json=body).status_code == 422
    assert session.scalars(select(Challenger)).one().ended_at is None
