"""Maintenance ends runs without a live dag run and repairs what a crash left behind."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import func, select, update

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import ActiveOutputsBroken, CopiesNotReconciled
from rtb_optimizer.operations import maintenance
from rtb_optimizer.operations.retention import apply_retention
from rtb_optimizer.store import activation, connections, dag_list, entities, leases, runs
from rtb_optimizer.store.objects import active_key
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Entity, Run, RunAlert

WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))


@pytest.fixture
def create(session):
    """Insert a running run of an entity; returns its id."""

    def run(entity, dag_run_id="manual__1", clear_number=0, dag_id="dag"):
        made = runs.create(session, entity, Attempt(dag_id, dag_run_id, clear_number), WINDOW, {}, "schedule")
        session.commit()
        return made.run_id

    return run


@pytest.fixture
def state(session):
    def of(opt_run_id):
        session.rollback()
        return tuple(session.execute(select(Run.status, Run.error_message).where(Run.run_id == opt_run_id)).one())

    return of


@pytest.fixture
def active(add_entity, create):
    """Add an entity with an active run."""

    def new(code):
        entity = add_entity(code)
        with connections.session() as own:
            activation.complete_and_decide(own, create(entity, code), 1, (), allow_older=False)
            own.commit()
        return entity

    return new


def test_a_run_is_ended_when_its_dag_run_is_over(add_entity, create, state):
    entity, requested = add_entity(), []
    for status, ended in (("queued", 0), ("running", 0), ("success", 1), ("failed", 1), ("deleted", 1)):
        run = create(entity, status)
        assert maintenance.sweep_runs(lambda *dag_run: requested.append(dag_run) or dag_run[1]) == ended
        message = f"swept: the dag run is {status}, and no callback reported it"
        assert state(run) == (("failed", message) if ended else ("running", None))
    assert set(requested) == {("dag", status) for status in ("queued", "running", "success", "failed", "deleted")}


def test_a_sweep_ends_only_those_that_are_over_and_does_so_once(add_entity, create, state):
    entity, states = add_entity(), {"a": "running", "b": "failed", "c": "deleted"}
    made = {name: create(entity, name) for name in states}
    assert maintenance.sweep_runs(lambda _dag, name: states[name]) == 2
    assert {name: state(run)[0] for name, run in made.items()} == {"a": "running", "b": "failed", "c": "failed"}
    assert maintenance.sweep_runs(lambda _dag, name: states[name]) == 0


def test_a_run_that_ends_during_the_sweep_stays_as_it_ended(add_entity, create, state):
    run = create(add_entity())

    def over(_dag, _name):
        with connections.session() as own:
            activation.complete_and_decide(own, run, 1, (), allow_older=False)
            own.commit()
        return "success"

    assert maintenance.sweep_runs(over) == 0
    assert state(run) == ("succeeded", None)


def test_one_dag_run_whose_state_cannot_be_read_does_not_stop_the_sweep_of_the_others(add_entity, create, state):
    def answer(_dag, name):
        if name == "b":
            raise RuntimeError("the API server is restarting")
        return "failed"

    entity = add_entity()
    made = [create(entity, name) for name in "abc"]
    with pytest.raises(RuntimeError, match="restarting"):
        maintenance.sweep_runs(answer)
    assert [state(run)[0] for run in made] == ["failed", "running", "failed"]


@pytest.fixture
def began_long_ago(session):
    """Make a run a month old."""

    def age(opt_run_id):
        then = func.now() - timedelta(days=30)
        session.execute(update(Run).where(Run.run_id == opt_run_id).values(started_at=then))
        session.commit()

    return age


def test_a_run_of_the_command_line_is_ended_when_its_process_is_without_querying_airflow(
    add_entity, create, state, began_long_ago, monkeypatch
):
    monkeypatch.setattr(leases, "RETAKEN_WITHIN_S", 0.1)
    entity = add_entity()
    alive, gone, young = (create(entity, name, dag_id="cli") for name in ("alive", "gone", "young"))
    for run in (alive, gone):
        began_long_ago(run)
    with leases.held(alive):
        assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 1
        assert [state(run)[0] for run in (alive, gone, young)] == ["running", "failed", "running"]
        assert state(gone)[1].startswith("its process on the command line has ended")
    assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 1
    assert state(alive)[0] == "failed"


def test_a_process_that_loses_its_connection_takes_its_lease_again(
    add_entity, create, state, began_long_ago, monkeypatch, catalog
):
    monkeypatch.setattr(leases, "PING_S", 0.1)
    monkeypatch.setattr(leases, "RETAKEN_WITHIN_S", 2)
    run = create(add_entity(), dag_id="cli")
    began_long_ago(run)
    holder = """
        SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND datname = current_database()
        WHERE locktype = 'advisory'
    """
    with leases.held(run), psycopg.connect(catalog, autocommit=True) as server:
        [(pid,)] = server.execute(holder).fetchall()
        server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert maintenance.sweep_runs(lambda *_: pytest.fail("asked")) == 0
        [(other,)] = server.execute(holder).fetchall()
    assert other != pid
    assert state(run)[0] == "running"


def test_copies_that_are_missing_stale_or_garbage_are_repaired(active, create, session, store):
    result = {code: active(code) for code in ("missing_com", "stale_com", "garbage_com", "right_com")}
    assert maintenance.reconcile_active_copies() == 4

    keys = {code: active_key(entity.s3_base_path) for code, entity in result.items()}
    store._client.delete_object(Bucket=store.bucket, Key=keys["missing_com"])
    store.replace(keys["garbage_com"], b"\xff{")
    newer = create(result["stale_com"], "newer")
    activation.complete_and_decide(session, newer, 1, (), allow_older=False)
    session.commit()

    assert maintenance.reconcile_active_copies() == 3
    truth = {code: entities.find(session, code).active_run_id for code in result}
    session.expire_all()
    assert {code: json.loads(store.read(key))["run_id"] for code, key in keys.items()} == {
        code: session.scalar(select(Entity.active_run_id).where(Entity.entity_code == code)) for code in truth
    }
    assert maintenance.reconcile_active_copies() == 0


def test_an_entity_that_was_never_active_needs_no_copy(add_entity):
    add_entity()
    assert maintenance.reconcile_active_copies() == 0


def test_one_entity_that_cannot_be_reconciled_does_not_stop_the_others_and_is_named(active, session, store):
    result = {code: active(code) for code in ("a_com", "broken_com", "c_com")}
    session.execute(
        update(Entity).where(Entity.entity_code == "broken_com").values(s3_base_path="s3://no-such-bucket/x")
    )
    session.commit()
    with pytest.raises(CopiesNotReconciled, match=r"broken_com: .*NoSuchBucket") as caught:
        maintenance.reconcile_active_copies()
    assert "\n" not in str(caught.value)
    assert "a_com" not in str(caught.value)
    for code in ("a_com", "c_com"):
        assert json.loads(store.read(active_key(result[code].s3_base_path)))["entity_code"] == code


@pytest.fixture
def lost(session):
    """Take the bucket of an entity away."""

    def lose(code):
        session.execute(
            update(Entity).where(Entity.entity_code == code).values(s3_base_path=f"s3://no-such-bucket/{code}")
        )
        session.commit()

    return lose


def alerts_of(session):
    session.rollback()
    return [(row.what, row.sent_at) for row in session.scalars(select(RunAlert).order_by(RunAlert.id))]


def test_an_entity_whose_bucket_is_gone_raises_one_alert_a_day_and_the_others_are_done(active, session, store, lost):
    """The task stays green: it runs every five minutes, and its failure would hide that of the others."""
    entity = active("a_com")
    active("broken_com")
    lost("broken_com")
    assert [maintenance.repair_active_copies() for _ in range(3)] == [1, 0, 0]
    assert json.loads(store.read(active_key(entity.s3_base_path)))["entity_code"] == "a_com"
    expected = ("active.json of broken_com does not match the catalog", None)
    assert alerts_of(session) == [expected]

    session.execute(update(RunAlert).values(sent_at=func.now()))
    session.commit()
    maintenance.repair_active_copies()
    assert alerts_of(session)[0][1] is not None
    session.execute(update(RunAlert).values(raised_at=func.now() - timedelta(hours=24)))
    session.commit()
    maintenance.repair_active_copies()
    assert alerts_of(session) == [expected]


def test_a_removed_entity_whose_bucket_is_gone_turns_nothing_red(active, session, lost):
    for code in ("a_com", "removed_com"):
        active(code)
    lost("removed_com")
    entities.set_status(session, "removed_com", "retired", "ana")
    session.commit()
    assert maintenance.reconcile_active_copies() == 1
    assert maintenance.repair_active_copies() == 0
    assert [each.entity_code for each in maintenance.audit()] == ["a_com"]
    assert apply_retention().problems == []
    assert alerts_of(session) == []
    assert "cannot be audited" in maintenance.audit("removed_com")[0].problems[-1]


def test_when_every_entity_fails_the_store_is_to_blame_and_no_alert_names_an_entity(active, session, lost):
    for code in ("a_com", "b_com"):
        active(code)
        lost(code)
    with pytest.raises(CopiesNotReconciled, match=r"a_com: .*; b_com: "):
        maintenance.repair_active_copies()
    assert alerts_of(session) == []


def test_an_entity_that_was_never_active_is_not_asked_for_in_the_store(add_entity, lost):
    add_entity()
    lost("drugs_com")
    assert maintenance.reconcile_active_copies() == 0


def test_the_audit_compares_each_copy_with_the_catalog_and_says_what_to_do(active, add_entity, session, store):
    """A quarter of an hour after the activations: one that lags for less is about to be written."""
    made = {code: active(code) for code in ("missing_com", "foreign_com", "older_com", "garbage_com", "right_com")}
    made["never_com"] = add_entity("never_com")
    maintenance.reconcile_active_copies()
    keys = {code: active_key(entity.s3_base_path) for code, entity in made.items()}
    copy = json.loads(store.read(keys["right_com"]))
    store.delete([keys["missing_com"]])
    store.replace(keys["garbage_com"], b"\xff{")
    for code, changed in (
        ("foreign_com", {"entity_code": "other_com"}),
        ("older_com", {"decision_number": 0, "entity_code": "older_com"}),
        ("never_com", {"entity_code": "never_com"}),
    ):
        store.replace(keys[code], json.dumps(copy | changed).encode())
    later = datetime.now(UTC) + timedelta(minutes=15)
    problems = {each.entity_code: each.copy_problem for each in maintenance.audit(now=later)}
    assert problems.pop("right_com") is None
    for code, said in (
        ("missing_com", "is missing"),
        ("foreign_com", "is of entity 'other_com'"),
        ("older_com", "is of decision 0"),
        ("garbage_com", "cannot be read"),
        ("never_com", "is there, and this catalog has activated no run"),
    ):
        assert f"{made[code].s3_base_path}/active.json {said}" in problems.pop(code)
    assert problems == {}
    with pytest.raises(ActiveOutputsBroken, match=r"active.json does not match the catalog: .*missing_com: s3://"):
        maintenance.audit_active_outputs(later)
    titles = {what.split(" ")[0] for what, _ in alerts_of(session)}
    assert titles == {"outputs"}, "an alert a run: these runs have no outputs at all, which comes first"


def test_the_dag_list_is_exported_with_every_active_entity(active, session):
    for code in ("a_com", "b_com"):
        active(code)
    assert maintenance.export_dag_list() == 2
    entities.set_status(session, "a_com", "paused", "ana")
    session.commit()
    assert maintenance.export_dag_list() == 1
    assert [entry["entity_code"] for entry in dag_list.load(dag_list.path())["entities"]] == ["b_com"]
