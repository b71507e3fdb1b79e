"""Moving the pointer by hand: the differences are shown first, a reason is required, the active run is checked."""

from datetime import date

import pytest
from sqlalchemy import select

from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities, verification
from rtb_optimizer.store.objects import active_key
from rtb_optimizer.store.schema import Entity, Run, RunDecision

ENTITY = "/rtb/entities/drugs_com"
HOSTILE = '</textarea><script>alert("x")</script>'


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def two_runs(entity, finish):
    """Two runs that were activated, the second active; returns both."""
    return finish(entity, date(2026, 3, 9)), finish(entity, date(2026, 3, 10))


@pytest.fixture
def pointer(session, entity):
    """Return the active run, and the last decision as (decision, run, from run, by, reasons)."""

    def told():
        session.rollback()
        last = session.scalars(select(RunDecision).order_by(RunDecision.id.desc()).limit(1)).one()
        active = session.scalar(select(Entity.active_run_id).where(Entity.entity_id == entity.entity_id))
        return active, (last.decision, last.run_id, last.from_run_id, last.decided_by, last.reasons)

    return told


def fields_of(page):
    """What a browser would send of the page's form."""
    return {field["name"]: field.get("value", field.text.lstrip("\n")) for field in page.select("form [name]")}


def test_the_difference_is_shown_before_a_real_run_is_activated(browser, read, logs, entity, request_run, session):
    assert logs is None
    assert entity
    window = {"data_start": "2026-03-06", "data_end": "2026-03-09"}
    held = in_process.run(request_run(overrides={"min_holdout_gain": "0.9", "dead_band": "0.15"}, **window)).opt_run_id
    now = in_process.run(request_run(dag_run_id="manual__2")).opt_run_id
    page = read(browser.get(f"{ENTITY}/activate", params={"run": held}))
    comparison = compare(session, "drugs_com", str(now), str(held))
    cards = {card.dt.text: card.dd.text for card in page.select(".card")}
    assert cards["New segments"] == f"{comparison.appeared:,}"
    assert cards["Segments removed"] == f"{comparison.vanished:,}"
    assert cards["Segments moved"] == f"{comparison.moved:,}"
    keys = [row.th.text for row in page.select('[aria-label="Changes of the configuration"] tbody tr')]
    assert {"min_holdout_gain", "dead_band"} <= set(keys) == comparison.config.keys()
    rows = page.select('[aria-label="Largest changes"] tbody tr')
    assert [row.th["title"] for row in rows] == [row.segment for row in comparison.largest]
    assert ["".join(row.th.text.split()) for row in rows] == [
        ",".join(f"{name}{value}" for name, value in row.given.items()) for row in comparison.largest
    ]
    assert rows
    answer = browser.post(f"{ENTITY}/activate", data=fields_of(page) | {"reason": "the campaign ended"})
    assert "bidders read it from now on" in read(answer).select_one("[role=status]").text
    assert session.scalar(select(Entity.active_run_id)) == held


def test_an_activation_moves_the_pointer_and_records_who_and_why(browser, read, entity, two_runs, pointer, store):
    first, second = two_runs
    page = read(browser.get(f"{ENTITY}/activate", params={"run": first.run_id}))
    assert "has older data than the active run" in page.text
    answer = browser.post(f"{ENTITY}/activate", data=fields_of(page) | {"reason": " fill rate fell "})
    assert answer.history[0].status_code == 303
    assert pointer() == (first.run_id, ("activated", first.run_id, second.run_id, "admin", ["fill rate fell"]))
    assert first.run_code.encode() in store.read(active_key(entity.s3_base_path))
    history = read(browser.get(f"{ENTITY}/history"))
    assert "fill rate fell" in history.select_one("tbody tr").text


def test_a_roll_back_goes_to_the_run_that_was_active_before(browser, read, two_runs, pointer):
    first, second = two_runs
    page = read(browser.get(f"{ENTITY}/rollback"))
    assert page.h1.text == f"Roll back to run {first.run_id} of Drugs_Com?"
    told = read(browser.post(f"{ENTITY}/rollback", data=fields_of(page) | {"reason": "bids too high"}))
    assert "Rolled back" in told.select_one("[role=status]").text
    assert pointer() == (first.run_id, ("rolled_back", first.run_id, second.run_id, "admin", ["bids too high"]))


@pytest.mark.parametrize("kind", ["activate", "rollback"])
def test_a_confirmation_that_was_overtaken_changes_nothing_and_shows_what_is_now(
    browser, read, entity, two_runs, finish, pointer, kind
):
    first, second = two_runs
    page = read(browser.get(f"{ENTITY}/{kind}", params={"run": first.run_id}))
    third = finish(entity, date(2026, 3, 11))
    answer = browser.post(f"{ENTITY}/{kind}", data=fields_of(page) | {"reason": HOSTILE})
    assert answer.status_code == 409
    assert pointer() == (third.run_id, ("activated", third.run_id, second.run_id, "schedule", pointer()[1][4]))
    again = read(answer)
    assert f"is run {third.run_id}, not run {second.run_id}" in again.select_one("[role=alert]").text
    assert again.select("script:not([src])") == []
    fields = fields_of(again)
    assert (fields["expected_active_run_id"], fields["reason"]) == (str(third.run_id), HOSTILE)
    assert browser.post(f"{ENTITY}/{kind}", data=fields).status_code == 200
    assert pointer()[0] == first.run_id


@pytest.mark.parametrize(
    ("reason", "why"), [("", "enter a reason"), ("  \n ", "enter a reason"), ("x" * 1001, "at most 1,000")]
)
def test_without_a_reason_nothing_moves_and_the_field_says_so(browser, read, two_runs, pointer, reason, why):
    first, second = two_runs
    data = {"run_id": first.run_id, "expected_active_run_id": second.run_id, "reason": reason}
    answer = browser.post(f"{ENTITY}/activate", data=data)
    assert answer.status_code == 422
    assert why in read(answer).select_one("#reason-why").text
    assert pointer()[0] == second.run_id


def test_the_first_activation_has_nothing_to_be_compared_with(browser, read, entity, finish, pointer):
    held = finish(entity, gates=["3 outcomes in the window, 50 are needed"])
    page = read(browser.get(f"{ENTITY}/activate", params={"run": held.run_id}))
    assert "No run is active yet" in page.text
    assert fields_of(page)["expected_active_run_id"] == ""
    browser.post(f"{ENTITY}/activate", data=fields_of(page) | {"reason": "few, but right"})
    assert pointer() == (held.run_id, ("activated", held.run_id, None, "admin", ["few, but right"]))


def test_the_run_that_is_active_cannot_be_activated(browser, read, two_runs, pointer):
    _, second = two_runs
    page = read(browser.get(f"{ENTITY}/activate", params={"run": second.run_id}))
    assert "is already active" in page.text
    assert page.select("form") == []
    data = {"run_id": second.run_id, "expected_active_run_id": second.run_id, "reason": "why not"}
    answer = browser.post(f"{ENTITY}/activate", data=data)
    assert answer.status_code == 409
    assert pointer()[1][3] == "schedule"


def test_a_run_of_another_entity_is_not_activated_through_this_one(browser, two_runs, add_entity, finish, pointer):
    theirs = finish(add_entity("other_com"))
    _, second = two_runs
    assert browser.get(f"{ENTITY}/activate", params={"run": theirs.run_id}).status_code == 404
    for kind in ("activate", "rollback"):
        data = {"run_id": theirs.run_id, "expected_active_run_id": second.run_id, "reason": "mine now"}
        assert browser.post(f"{ENTITY}/{kind}", data=data).status_code == 404
        assert browser.post(f"{ENTITY}/{kind}", data=data | {"reason": ""}).status_code == 404
    assert pointer()[0] == second.run_id


@pytest.mark.parametrize("status", ["running", "failed"])
def test_a_run_that_did_not_succeed_is_not_activated(browser, entity, two_runs, make_run, pointer, status):
    run = make_run(entity, status=status)
    assert browser.get(f"{ENTITY}/activate", params={"run": run.run_id}).status_code == 404
    data = {"run_id": run.run_id, "expected_active_run_id": two_runs[1].run_id, "reason": "now"}
    assert browser.post(f"{ENTITY}/activate", data=data).status_code == 409
    assert pointer()[0] == two_runs[1].run_id


def test_a_run_whose_outputs_are_not_what_was_written_is_not_activated(browser, read, entity, two_runs, store, pointer):
    first, second = two_runs
    store.replace(f"{active_key(entity.s3_base_path).rpartition('/')[0]}/runs/{first.run_code}/segments.json", b"x")
    data = {"run_id": first.run_id, "expected_active_run_id": second.run_id, "reason": "the campaign ended"}
    answer = browser.post(f"{ENTITY}/activate", data=data)
    assert answer.status_code == 409
    assert "is not what was written" in read(answer).select_one("[role=alert]").text
    assert fields_of(read(answer))["reason"].strip() == "the campaign ended"
    assert pointer()[0] == second.run_id


def test_a_paused_entity_is_resumed_before_anything_is_activated(browser, two_runs, session, pointer):
    first, second = two_runs
    entities.set_status(session, "drugs_com", "paused", "ana")
    session.commit()
    data = {"run_id": first.run_id, "expected_active_run_id": second.run_id, "reason": "now"}
    answer = browser.post(f"{ENTITY}/activate", data=data)
    assert answer.status_code == 409
    assert "resume it before" in answer.text
    assert pointer()[0] == second.run_id


def test_a_copy_that_cannot_be_written_is_no_failed_activation(
    browser, read, two_runs, unreachable_s3, monkeypatch, pointer
):
    first, second = two_runs
    verified, asked = verification.verify_outputs, []
    monkeypatch.setattr(verification, "verify_outputs", lambda *of: verified(*of) or asked.append(unreachable_s3()))
    data = {"run_id": first.run_id, "expected_active_run_id": second.run_id, "reason": "now"}
    answer = browser.post(f"{ENTITY}/activate", data=data)
    assert asked == [["get_object"]]  # S3 was away when the copy was looked at, after the outputs were verified
    assert answer.status_code == 200
    assert "it is updated within 5 minutes" in read(answer).select_one("[role=status]").text
    assert pointer()[0] == first.run_id


def test_while_s3_is_away_nothing_is_activated_and_the_page_says_why(browser, read, two_runs, unreachable_s3, pointer):
    first, second = two_runs
    asked = unreachable_s3()
    page = read(browser.get(f"{ENTITY}/activate", params={"run": first.run_id}))
    assert "The differences cannot be computed" in page.text
    answer = browser.post(f"{ENTITY}/activate", data=fields_of(page) | {"reason": "the campaign ended"})
    said = read(answer).select_one("[role=alert]").text
    assert asked
    assert answer.status_code == 503
    assert "Nothing was changed: the S3 of connection 'rtb_s3' cannot be used: s3://" in said
    assert "start the store, or correct endpoint_url" in said
    assert fields_of(read(answer))["reason"].strip() == "the campaign ended"
    assert "127.0.0.1:9" not in page.text + answer.text
    assert pointer()[0] == second.run_id


def test_without_an_earlier_run_there_is_nothing_to_roll_back_to(browser, entity, finish):
    assert browser.get(f"{ENTITY}/rollback").status_code == 404
    finish(entity)
    answer = browser.get(f"{ENTITY}/rollback")
    assert answer.status_code == 404
    assert "no earlier run to roll back to" in answer.text


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"run_id": "x"},
        {"run_id": "-1"},
        {"run_id": "9" * 30},
        {"run_id": "\N{SUPERSCRIPT TWO}"},
        {"run_id": "1", "expected_active_run_id": "x"},
        {"run_id": "1", "reason": "a\0b", "expected_active_run_id": "2"},
    ],
)
def test_a_form_that_no_page_of_ours_sends_moves_nothing(browser, two_runs, pointer, data):
    for kind in ("activate", "rollback"):
        assert browser.post(f"{ENTITY}/{kind}", data={"reason": "now"} | data).status_code in (404, 422)
    assert pointer()[0] == two_runs[1].run_id
    assert two_runs[0].status == Run(status="succeeded").status
