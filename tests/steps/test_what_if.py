"""A what-if run makes the active run's table again, but for what its values change; it is never activated."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, LogsMissing, RunNotRunning
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.steps import in_process, wait_for_logs
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import configs, connections, entities, run_retention, runs, what_if
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Entity, Run, RunAlert, RunDecision
from seeded_logs import NIGHTS, WORLD, night

THREE_NIGHTS = {"data_start": "2026-03-06", "data_end": "2026-03-09"}
TABLES = ("segments", "joint_segments", "features", "ad_macros")


@pytest.fixture
def active(ran, session):
    """An entity whose second night is active, having moved from the first; returns the id of the active run."""
    *_, second = ran(THREE_NIGHTS, {}, max_movement="1.05")
    assert session.scalar(select(Entity.active_run_id)) == second
    return second


@pytest.fixture
def folder_of_logs(active, session):
    """The folder of the nights that the active run has read."""
    assert active
    return split_url(entities.find(session, "drugs_com").s3_base_path)[1].removesuffix("drugs_com") + "logs"


@pytest.fixture
def begin():
    """Create a what-if run of an attempt; returns its id."""

    def new(attempt=None, **overrides):
        with connections.session() as session:
            entity = entities.find(session, "drugs_com")
            attempt = attempt or Attempt(CLI_DAG_ID, f"ana-{len(runs.succeeded(session, entity))}")
            run = what_if.create(session, entity, overrides, attempt, "ana")
            session.commit()
            return run.run_id

    return new


@pytest.fixture
def tried(begin, session):
    """Try values; returns the run as it ended."""

    def run(**overrides):
        opt_run_id = begin(**overrides)
        in_process.finish(opt_run_id)
        return session.get_one(Run, opt_run_id)

    return run


def outputs_of(session, run, names=TABLES):
    return {name: published_output(session, run, name) for name in names}


def report_of(session, run):
    return Report.read_exactly(published_output(session, run, "report"))


def warnings_of(report):
    return {warning.code: warning.message for warning in report.warnings}


def test_without_a_change_it_makes_the_active_run_s_table_byte_for_byte(active, tried, session):
    run, before = tried(), session.get_one(Run, active)

    assert outputs_of(session, run) == outputs_of(session, before)
    assert (run.data_start, run.data_end) == (before.data_start, before.data_end)
    report = report_of(session, run)
    assert {name: report.gates.facts[name] for name in ("spend_change", "outcomes_change")} == {
        "spend_change": 0.0,
        "outcomes_change": 0.0,
    }
    assert (report.changes.against, report.changes.largest, report.changes.config) == (before.run_code, (), {})
    assert not {"inputs_changed", "what_if_config", "what_if_release"} & warnings_of(report).keys()


def test_it_is_held_and_leaves_the_pointer_the_configuration_and_the_alerts_as_they_were(active, tried, session):
    entity = entities.find(session, "drugs_com")
    overrides = configs.overrides(session, entity.entity_id)
    run = tried(max_features="2")

    assert (run.status, run.is_sandbox, run.triggered_by) == ("succeeded", True, "manual:ana")
    assert session.scalar(select(Entity.active_run_id)) == active
    assert configs.overrides(session, entity.entity_id) == overrides
    decision = session.scalars(select(RunDecision).where(RunDecision.run_id == run.run_id)).one()
    assert (decision.decision, decision.reasons[0]) == ("held", NEVER_ACTIVATED)
    assert session.scalars(select(RunAlert).where(RunAlert.run_id == run.run_id)).all() == []
    assert run.config_snapshot["values"]["max_features"] == 2
    assert run.config_snapshot["origins"]["max_features"] == "trigger"


def test_what_changes_is_told_from_the_active_run_with_its_cause(active, tried, session):
    report = report_of(session, tried(multiplier_max="1.1", dead_band="0.1"))
    code = session.get_one(Run, active).run_code

    assert report.changes.against == code
    assert report.changes.config.keys() == {"multiplier_max", "dead_band"}
    assert any(abs(row.config or 0) > 0 for row in report.changes.largest)
    assert report.gates.facts["outcomes_change"] < 0
    assert warnings_of(report)["what_if"].startswith(f"compared with run {code}; tried: dead_band=0.1, multiplier_max")


def test_a_candidate_that_is_taken_out_is_still_bid_on_in_the_active_table(active, tried, session):
    """Its column is not in the sample: without it the active run's rows for it would count as unchanged."""
    features = [feature.feature_name for feature in runs.features(session, active)]
    left = ", ".join(features[:1])
    fewer, denied = (
        report_of(session, tried(**values)) for values in ({"max_features": "1"}, {"candidate_features": left})
    )

    assert fewer.changes.features.removed == denied.changes.features.removed == tuple(features[1:])
    for name in ("spend_change", "outcomes_change"):
        assert denied.gates.facts[name] == pytest.approx(fewer.gates.facts[name], abs=0.02)
        assert denied.gates.facts[name] != 0


def test_logs_that_have_changed_since_are_told(folder_of_logs, tried, session, store):
    key = f"{folder_of_logs}/date={NIGHTS[0]}/part-0.parquet"
    assert store.stored(key)
    store.replace(key, night(NIGHTS[0], replace(WORLD, seed=99)))
    messages = warnings_of(report_of(session, tried(max_features="2")))

    assert "the difference is not only by the values tried: the window (" in messages["inputs_changed"]
    assert "replaced" in messages["inputs_changed"]


def test_logs_that_are_gone_fail_it_at_once_and_say_so(folder_of_logs, begin, session, store):
    gone = [each.key for each in store.list(f"{folder_of_logs}/")]
    assert gone
    store.delete(gone)
    opt_run_id = begin()

    assert wait_for_logs.awaited(opt_run_id, session.get_one(Run, opt_run_id).started_at) == []
    with pytest.raises(LogsMissing, match="the logs of the active run's window are gone meanwhile: 4 of 4 partitions"):
        in_process.finish(opt_run_id)
    session.expire_all()
    assert session.get_one(Run, opt_run_id).status == "failed"


def test_values_that_were_saved_since_are_told(active, tried, session):
    assert active
    configs.set_overrides(session, entities.find(session, "drugs_com"), {"dead_band": "0.1"}, "ben")
    session.commit()
    messages = warnings_of(report_of(session, tried(max_features="2")))

    assert "dead_band from " in messages["what_if_config"]
    assert "max_features" not in messages["what_if_config"]
    assert "config_changed" not in messages


def test_a_later_run_is_compared_with_the_runs_of_the_nights_and_not_with_it(active, tried, request_run, session):
    sandbox = tried()
    run = session.get_one(Run, in_process.run(request_run(dag_run_id="manual__3")).opt_run_id)
    messages = warnings_of(report_of(session, run))

    assert run.config_snapshot["active_run_id"] == active
    assert "what_if" not in run.config_snapshot
    assert f"identical to run {session.get_one(Run, active).run_code} " in messages["identical_run"]
    past = {each.opt_run_id: each for each in run_retention.past_runs(session, entities.find(session, "drugs_com"))}
    assert (past[sandbox.run_id].is_sandbox, past[sandbox.run_id].compared_with) == (True, active)
    assert (past[run.run_id].is_sandbox, past[run.run_id].compared_with) == (False, None)


# ---- Started by a dag run


def test_a_dag_run_that_was_started_for_it_goes_on_with_it_whatever_its_conf(active, begin, request_run, session):
    attempt = Attempt("rtb_optimizer__drugs_com", "what_if__1")
    opt_run_id = begin(attempt, max_features="2")

    assert create_run(request_run(dag_run_id="what_if__1", overrides={"max_features": 7})) == opt_run_id
    run = session.get_one(Run, opt_run_id)
    assert (run.is_sandbox, run.config_snapshot["values"]["max_features"]) == (True, 2)
    assert run.config_snapshot["what_if"] == {"overrides": {"max_features": "2"}, "compared_run_id": active}


def test_clearing_its_dag_run_tries_the_same_values_again_and_never_activates(active, begin, request_run, session):
    first = begin(Attempt("rtb_optimizer__drugs_com", "what_if__1"), max_features="2")
    second = create_run(request_run(dag_run_id="what_if__1", clear_number=1))

    before, after = session.get_one(Run, first), session.get_one(Run, second)
    assert (before.status, after.status, after.is_sandbox) == ("failed", "running", True)
    assert (after.data_start, after.data_end, after.triggered_by) == (before.data_start, before.data_end, "manual:ana")
    assert after.config_snapshot == before.config_snapshot
    with pytest.raises(RunNotRunning, match="was cleared"):
        create_run(request_run(dag_run_id="what_if__1"))
    assert in_process.finish(second).decision == "held"
    assert session.scalar(select(Entity.active_run_id)) == active


# ---- Refused


def test_values_are_validated_as_when_they_are_saved_and_nothing_is_recorded(active, begin, session):
    values = {"max_features": "99", "max_featurs": "3", "objective": "fame"}
    with pytest.raises(ConfigInvalid) as tried_:
        begin(**values)
    with pytest.raises(ConfigInvalid) as saved:
        configs.set_overrides(session, entities.find(session, "drugs_com"), values, "ana")

    assert tried_.value.violations == saved.value.violations
    assert len(saved.value.violations) == 3
    assert session.scalars(select(Run.run_id).where(Run.run_id > active)).all() == []


def test_a_contradiction_between_keys_is_refused_too(active, begin):
    assert active
    with pytest.raises(ConfigInvalid, match="user_id is also in denied_features"):
        begin(anchor_features="user_id")


@pytest.mark.parametrize(
    ("status", "message"),
    [("active", r"has no active run, .* `rtb run drugs_com`"), ("paused", "is paused: resume it before trying")],
)
def test_an_entity_that_cannot_be_tried_says_why_and_what_to_do(add_entity, begin, session, status, message):
    add_entity()
    entities.set_status(session, "drugs_com", status, "ana")
    session.commit()
    with pytest.raises(EntityInvalid, match=message):
        begin(max_features="2")


def test_where_the_run_that_the_active_one_moved_from_is_gone_it_says_so(active, begin, session):
    before = session.get_one(Run, active).config_snapshot["active_run_id"]
    code = session.get_one(Run, before).run_code
    run_retention.delete_output_rows(session, entities.find(session, "drugs_com"), [code])
    session.commit()
    with pytest.raises(EntityInvalid, match=f"the outputs of run {before} are gone"):
        begin(max_features="2")
