"""Every kind of bad logs of docs/bad-logs.md ends as the page says, with its words."""

import json
import re

import pytest
from sqlalchemy import select

from checkout import CHECKOUT
from kinds_of_logs import CONFIG, DAY, DAYS, KINDS, LAST
from rtb_optimizer.errors import LogsInvalid, RtbOptimizerError
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run

PAGE = CHECKOUT / "docs" / "bad-logs.md"
ROW = re.compile(r"^\| ([^|]+) \| (fails|is held|is warned of|is right) \| (.*) \|$", re.MULTILINE)
ROWS = {kind: (outcome, says) for kind, outcome, says in ROW.findall(PAGE.read_text())}
MAKERS = {kind: make for kinds in KINDS.values() for kind, make in kinds.items()}
NO_NEWS = {"macro_missing"}  # the features of these logs have no macros


def test_the_page_has_every_kind_and_at_least_150():
    assert list(ROWS) == list(MAKERS)
    assert len(ROWS) >= 150


@pytest.fixture
def run(add_entity, base_path, store, request_run):
    """Deliver logs, run over the days before, then over the rest; returns the decision."""

    def ran(logs):
        for path, body in logs.objects().items():
            store.put_once(f"{split_url(base_path)[1]}/logs/{path}", body)
        add_entity(**CONFIG | {"logs_path": f"{base_path}/logs/{logs.path}"} | logs.config)
        if logs.before:
            window = {"data_start": str(min(logs.before)), "data_end": str(max(logs.before) + DAY)}
            assert in_process.run(request_run(dag_run_id="manual__before", **window)).decision == "activated"
        first = max(logs.before, default=min(logs.tables, default=DAYS[0]) - DAY) + DAY
        return in_process.run(request_run(data_start=str(first), data_end=str(LAST + DAY)))

    return ran


@pytest.fixture
def warnings(session, store):
    """The warnings of a run, a line each."""

    def of(decided):
        made = session.get_one(Run, decided.opt_run_id)
        prefix = run_prefix(session.get_one(Entity, made.entity_id).s3_base_path, made.run_code)
        report = json.loads(store.read(f"{prefix}/report.json"))
        return [f"{w['code']}: {w['message']}" for w in report.get("warnings", ()) if w["code"] not in NO_NEWS]

    return of


@pytest.mark.parametrize("kind", ROWS)
def test_logs_of_a_kind_end_as_the_page_says(run, warnings, session, kind):
    (outcome, says), logs, decided, problem = ROWS[kind], MAKERS[kind](), None, None
    try:
        decided = run(logs)
    except RtbOptimizerError as raised:
        problem = str(raised)
    made = session.scalars(select(Run).order_by(Run.run_id)).all()[-1]
    before = [each.run_id for each in session.scalars(select(Run)) if each is not made]
    active = entities.find(session, "drugs_com").active_run_id

    if outcome == "fails":
        assert problem is not None
        assert says in problem
        assert (made.status, active) == ("failed", before[-1] if before else None)
        assert says in made.error_message
        return
    assert problem is None
    found = warnings(decided)
    if outcome == "is held":
        assert decided.decision == "held"
        assert any(says in reason for reason in decided.reasons)
        assert active == (before[-1] if before else None)
        return
    assert (decided.decision, active) == ("activated", made.run_id)
    if outcome == "is warned of":
        assert any(says in warning for warning in found)
    else:
        assert found == []


@pytest.mark.case(54)
def test_a_window_of_which_most_rows_are_gone_is_held_by_measure_and_by_hour(run, warnings):
    decided = run(MAKERS["a night that ends at six"]())

    assert {reason.split()[0] for reason in decided.reasons} >= {"rows", "exposures", "spend"}
    assert [w for w in warnings(decided) if w.startswith("silent_hours") and "06-23" in w]


@pytest.mark.case(55)
def test_outcomes_that_are_null_in_some_rows_fail_the_run_and_null_for_none_does_not(run, session):
    with pytest.raises(LogsInvalid, match=r"rows have no outcome value \(outcome_column 'click'\), most of them on"):
        run(MAKERS["the outcome is null in half of the rows of one day"]())
    assert session.scalars(select(Run)).one().status == "failed"


@pytest.mark.case(56)
def test_outcomes_in_rows_of_their_own_are_named_as_that_and_as_no_leak(run, warnings):
    decided = run(MAKERS["clicks as rows of their own"]())
    codes = {warning.split(":")[0] for warning in warnings(decided)}

    assert decided.decision == "held"
    assert "outcomes_unjoined" in codes
    assert "leak_suspected" not in codes


@pytest.mark.case(57)
def test_a_day_at_another_price_holds_a_first_run_and_names_the_day(run, warnings):
    decided = run(MAKERS["a day at a million times the price"]())

    assert any("a day has" in reason and "the price of the other days" in reason for reason in decided.reasons)
    assert [w for w in warnings(decided) if w.startswith(f"day_price: cost per row of {LAST}")]
