"""The pointer moves as decided, once per run, also with concurrent decisions."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.errors import EntityInvalid, NotFound, RunIncomplete, RunNotRunning
from rtb_optimizer.store import activation, connections, entities, failures, runs, verification
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.store.schema import Entity, Run, RunDecision

DAY = date(2026, 3, 10)
FIRST = "first active run of the entity"


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def finish():
    """Finish a run in a transaction of its own, as activate_run does."""

    def run_id(opt_run_id, gate_failures=(), *, allow_older=False, total_segments=7):
        with connections.session() as own:
            decided = activation.complete_and_decide(
                own, opt_run_id, total_segments, gate_failures, allow_older=allow_older
            )
            own.commit()
            return decided

    return run_id


class Pointer:
    """The state of an entity in the catalog."""

    def __init__(self, session, entity):
        self.session, self.entity = session, entity

    def active(self):
        """Return the id of the active run."""
        return self.session.scalar(select(Entity.active_run_id).where(Entity.entity_id == self.entity.entity_id))

    def history(self):
        """Return the decisions as (number, run, decision, from run), in order."""
        result = self.session.scalars(
            select(RunDecision)
            .where(RunDecision.entity_id == self.entity.entity_id)
            .order_by(RunDecision.decision_number)
        )
        return [(row.decision_number, row.run_id, row.decision, row.from_run_id) for row in result]


@pytest.fixture
def pointer(session, entity):
    return Pointer(session, entity)


def test_a_first_run_activates_and_ends_as_succeeded(entity, make_run, finish, session, pointer):
    run = make_run(entity)
    decided = finish(run.run_id, total_segments=42)

    assert (decided.decision, decided.reasons) == ("activated", (FIRST,))
    assert (decided.entity_code, decided.opt_run_id) == ("drugs_com", run.run_id)
    stored = session.get_one(Run, run.run_id, populate_existing=True)
    assert (stored.status, stored.total_segments, stored.finished_at is not None) == ("succeeded", 42, True)
    assert pointer.active() == run.run_id
    assert pointer.history() == [(1, run.run_id, "activated", None)]


@pytest.mark.parametrize(
    "case",
    [
        (1, (), False, "active", "activated", True),
        (0, (), False, "active", "activated", True),  # a tie in data goes to the later run
        (-1, (), False, "active", "superseded", False),
        (-1, (), True, "active", "activated", True),
        (1, ("3 outcomes in the window, 50 are needed",), False, "active", "held", False),
        (-1, ("too few",), True, "active", "held", False),
        (1, (), True, "paused", "held", False),
        (1, (), False, "retired", "held", False),
    ],
)
def test_a_second_run_is_activated_only_when_it_may(entity, make_run, finish, session, pointer, case):
    days, gates, allow_older, status, decision, moves = case
    first = make_run(entity)
    finish(first.run_id)
    second = make_run(entity, data_end=DAY + timedelta(days=days))
    entities.set_status(session, entity.entity_code, status, "ana")
    session.commit()

    decided = finish(second.run_id, gates, allow_older=allow_older)

    assert decided.decision == decision
    assert decided.reasons
    assert pointer.active() == (second.run_id if moves else first.run_id)
    assert pointer.history()[1] == (2, second.run_id, decision, first.run_id)
    assert session.scalar(select(Run.status).where(Run.run_id == second.run_id)) == "succeeded"


def test_finishing_again_returns_what_was_decided_and_records_nothing(entity, make_run, finish, pointer):
    first, second = make_run(entity), make_run(entity)
    once = finish(first.run_id)
    finish(second.run_id)

    assert finish(first.run_id, ("now a gate would fail",)) == once
    assert pointer.active() == second.run_id
    assert len(pointer.history()) == 2


def test_finishing_again_after_a_roll_back_returns_the_run_s_own_decision(entity, make_run, finish, session):
    first, second = make_run(entity), make_run(entity)
    once = finish(first.run_id)
    finish(second.run_id)
    activation.roll_back(session, "drugs_com", "ana", "bad bids")
    session.commit()
    assert finish(first.run_id) == once


def test_a_failed_run_cannot_be_finished(entity, make_run, finish, session, pointer):
    run = make_run(entity)
    failures.fail_run(session, run.run_id, "killed")
    session.commit()
    with pytest.raises(RunNotRunning, match="is failed: killed"):
        finish(run.run_id)
    assert (pointer.active(), pointer.history()) == (None, [])


def test_a_run_that_failed_while_this_transaction_had_it_open_is_not_activated(entity, make_run, session, pointer):
    """The step reads its run first, to find the outputs: what it read then must not count under the lock."""
    run = make_run(entity)
    with connections.session() as orphan:
        read_before = runs.find(orphan, run.run_id)
        assert read_before.status == "running"
        failures.fail_run(session, run.run_id, "swept")
        session.commit()
        with pytest.raises(RunNotRunning, match="swept"):
            activation.complete_and_decide(orphan, run.run_id, 1, (), allow_older=False)
    assert pointer.active() is None


def test_a_run_that_was_finished_while_this_transaction_had_it_open_keeps_its_decision(
    entity, make_run, finish, pointer
):
    run = make_run(entity)
    with connections.session() as orphan:
        read_before = runs.find(orphan, run.run_id)
        once = finish(run.run_id)
        assert activation.complete_and_decide(orphan, run.run_id, 1, (), allow_older=False) == once
        assert read_before.status == "succeeded"
        orphan.commit()
    assert pointer.history() == [(1, run.run_id, "activated", None)]


def test_a_run_that_does_not_exist_cannot_be_finished(catalog, finish):
    assert catalog
    with pytest.raises(NotFound, match="no run 4711"):
        finish(4711)


def test_nothing_is_decided_before_the_commit(entity, make_run, pointer):
    run = make_run(entity)
    with connections.session() as own:
        activation.complete_and_decide(own, run.run_id, 1, (), allow_older=False)
    assert (pointer.active(), pointer.history()) == (None, [])


# ---- Outputs


@pytest.fixture
def written(entity, make_run, store, session):
    """A running run with its five outputs, written and recorded."""
    run = make_run(entity)
    objects = {
        kind: store.put_once(f"{entity.s3_base_path[5:].split('/', 1)[1]}/{kind}", kind.encode())
        for kind in verification.OUTPUT_TYPES
    }
    runs.record_outputs(session, run.run_id, {kind: (stored, 1) for kind, stored in objects.items()})
    session.commit()
    return run, objects


def test_outputs_that_are_what_was_written_pass(written, store, session):
    verification.verify_outputs(session, store, written[0].run_id)


def test_every_output_that_is_gone_changed_or_not_recorded_is_named_at_once(entity, make_run, store, session):
    run, prefix = make_run(entity), entity.s3_base_path[5:].split("/", 1)[1]
    here = {kind: store.put_once(f"{prefix}/{kind}", kind.encode()) for kind in ("segments", "features")}
    gone = StoredObject(store.bucket, f"{prefix}/report", 1, "a" * 64)
    runs.record_outputs(session, run.run_id, {**{k: (o, 1) for k, o in here.items()}, "report": (gone, 1)})
    store.replace(f"{prefix}/features", b"Features")  # as long as before

    with pytest.raises(RunIncomplete) as caught:
        verification.verify_outputs(session, store, run.run_id)

    message = str(caught.value)
    assert f"report is gone from s3://{store.bucket}/{prefix}/report" in message
    assert f"features at s3://{store.bucket}/{prefix}/features is not what was written" in message
    assert "ad_macros was not recorded" in message
    assert "manifest was not recorded" in message
    assert "segments" not in message
    assert "\n" not in message


# ---- By hand


def test_a_roll_back_goes_to_the_run_that_was_active_before(entity, make_run, finish, session, pointer):
    first, held, second = (make_run(entity) for _ in range(3))
    finish(first.run_id)
    finish(held.run_id, ("a gate",))
    finish(second.run_id)
    decided = activation.roll_back(session, "drugs_com", "ana", "bids doubled")
    session.commit()

    assert (decided.decision, decided.opt_run_id, decided.reasons) == ("rolled_back", first.run_id, ("bids doubled",))
    assert pointer.active() == first.run_id
    assert pointer.history()[-1] == (4, first.run_id, "rolled_back", second.run_id)
    assert session.scalars(select(RunDecision.decided_by).order_by(RunDecision.id.desc()).limit(1)).one() == "ana"


def test_rolling_back_again_goes_further_back_not_forth(entity, make_run, finish, session, pointer):
    first, second, third = (make_run(entity) for _ in range(3))
    for run in (first, second, third):
        finish(run.run_id)
    for expected in (second, first):
        activation.roll_back(session, "drugs_com", "ana", "still bad")
        session.commit()
        assert pointer.active() == expected.run_id
    with pytest.raises(NotFound, match="no earlier succeeded run"):
        activation.roll_back(session, "drugs_com", "ana", "still bad")


def test_a_newer_run_is_activated_after_a_roll_back(entity, make_run, finish, session, pointer):
    first, second, third = (make_run(entity, data_end=DAY + timedelta(days=n)) for n in range(3))
    finish(first.run_id)
    finish(second.run_id)
    activation.roll_back(session, "drugs_com", "ana", "bad")
    session.commit()
    assert finish(third.run_id).decision == "activated"
    assert pointer.active() == third.run_id


def test_a_roll_back_goes_to_the_run_that_is_named(entity, make_run, finish, session, pointer):
    first, second, third = (make_run(entity) for _ in range(3))
    for run in (first, second, third):
        finish(run.run_id)
    activation.roll_back(session, "drugs_com", "ana", "known good", first.run_id)
    session.commit()
    assert pointer.active() == first.run_id


def test_a_roll_back_to_what_it_may_not_reach_moves_nothing(add_entity, make_run, finish, session, pointer):
    first = make_run(pointer.entity)
    finish(first.run_id)
    targets = {
        "none before": None,
        "another's": make_run(add_entity("other_com"), status="succeeded").run_id,
        "failed": make_run(pointer.entity, status="failed").run_id,
        "running": make_run(pointer.entity).run_id,
        "unknown": 4711,
    }
    for target, opt_run_id in targets.items():
        with pytest.raises(NotFound, match="no earlier succeeded run"):
            activation.roll_back(session, "drugs_com", "ana", "x", opt_run_id)
        session.rollback()
        assert pointer.active() == first.run_id, target


def test_a_roll_back_to_a_run_that_was_never_active_is_refused(entity, make_run, finish, session, pointer):
    finish(make_run(entity, data_end=DAY).run_id)
    held = make_run(entity, data_end=DAY + timedelta(days=1))
    finish(held.run_id, gate_failures=["a gate"])
    with pytest.raises(EntityInvalid, match=r"was never active, .*`rtb activate`"):
        activation.roll_back(session, "drugs_com", "ana", "x", held.run_id)
    session.rollback()
    assert pointer.active() != held.run_id


@pytest.mark.parametrize("named", [True, False])
def test_a_removed_entity_is_not_rolled_back(entity, make_run, finish, session, pointer, named):
    first, second = (make_run(entity, data_end=DAY + timedelta(days=n)) for n in range(2))
    for run in (first, second):
        finish(run.run_id)
    entities.set_status(session, "drugs_com", "retired", "ana")
    session.commit()
    with pytest.raises(EntityInvalid, match="is removed: resume it"):
        activation.roll_back(session, "drugs_com", "ana", "x", first.run_id if named else None)
    session.rollback()
    assert pointer.active() == second.run_id


def test_a_roll_back_before_any_activation_says_there_is_nothing(entity, session):
    with pytest.raises(NotFound, match=entity.entity_code):
        activation.roll_back(session, "drugs_com", "ana", "x")


def test_a_person_may_activate_a_held_or_older_run(entity, make_run, finish, session, pointer):
    newer = make_run(entity)
    finish(newer.run_id)
    older = make_run(entity, data_end=DAY - timedelta(days=5))
    finish(older.run_id, ("a gate",))

    decided = activation.activate_manually(session, older.run_id, "ana", "we know better")
    session.commit()

    assert (decided.decision, decided.reasons) == ("activated", ("we know better",))
    assert pointer.active() == older.run_id
    assert pointer.history()[-1] == (3, older.run_id, "activated", newer.run_id)


@pytest.mark.parametrize(
    "case",
    [
        ("running", "active", "is running: only a succeeded run"),
        ("failed", "active", "is failed: only a succeeded run"),
        ("succeeded", "paused", "is paused: resume it"),
        ("succeeded", "retired", "is retired: resume it"),
    ],
)
def test_a_person_may_not_activate(entity, make_run, session, pointer, case):
    status, entity_status, message = case
    run = make_run(entity, status=status)
    entities.set_status(session, "drugs_com", entity_status, "ana")
    session.commit()
    with pytest.raises(EntityInvalid, match=message):
        activation.activate_manually(session, run.run_id, "ana", "x")
    session.rollback()
    assert pointer.active() is None


def test_a_what_if_run_is_held_and_nobody_can_activate_it_or_roll_back_to_it(
    entity, make_run, finish, session, pointer
):
    first, sandbox = make_run(entity), make_run(entity, data_end=DAY + timedelta(days=1), is_sandbox=True)
    finish(first.run_id)
    decided = finish(sandbox.run_id, ("a gate",), allow_older=True)

    assert (decided.decision, decided.reasons) == ("held", (NEVER_ACTIVATED, "a gate"))
    with pytest.raises(EntityInvalid, match="a what-if run is never activated"):
        activation.activate_manually(session, sandbox.run_id, "ana", "I want it")
    with pytest.raises(EntityInvalid, match="a what-if run is never activated"):
        activation.roll_back(session, "drugs_com", "ana", "I want it", sandbox.run_id)
    session.rollback()
    with pytest.raises(IntegrityError, match="fk_opt_entities_active_run"):
        session.execute(update(Entity).values(active_run_id=sandbox.run_id))
    session.rollback()
    assert pointer.active() == first.run_id


def test_a_what_if_run_of_an_entity_without_an_active_run_is_held(entity, make_run, finish, pointer):
    assert finish(make_run(entity, is_sandbox=True).run_id).decision == "held"
    assert pointer.active() is None


def test_activating_the_active_run_or_rolling_back_to_it_is_refused(entity, make_run, finish, session, pointer):
    run = make_run(entity)
    finish(run.run_id)
    with pytest.raises(EntityInvalid, match="is already active"):
        activation.activate_manually(session, run.run_id, "ana", "x")
    with pytest.raises(EntityInvalid, match="is already active"):
        activation.roll_back(session, "drugs_com", "ana", "x", run.run_id)
    session.rollback()
    assert len(pointer.history()) == 1


# ---- At the same time


def test_of_two_runs_that_activate_at_once_the_newer_is_active(entity, make_run, finish, pointer, at_once):
    for n in range(8):
        older = make_run(entity, data_end=DAY + timedelta(days=2 * n))
        newer = make_run(entity, data_end=DAY + timedelta(days=2 * n + 1))
        decided = {d.opt_run_id: d.decision for d in at_once(finish, [older.run_id, newer.run_id])}
        assert decided[newer.run_id] == "activated"
        assert decided[older.run_id] in {"activated", "superseded"}
        assert pointer.active() == newer.run_id
    assert [number for number, *_ in pointer.history()] == list(range(1, 17))


def test_of_thirty_two_at_once_each_is_decided_once_and_the_newest_is_active(
    entity, make_run, finish, pointer, at_once
):
    for turn in range(3):
        # Not in the order of their ids: every second one is a backfill of an older window.
        days = [turn * 100 + (n if n % 2 else -n) for n in range(32)]
        made = {make_run(entity, data_end=DAY + timedelta(days=day)).run_id: day for day in days}
        decided = {d.opt_run_id: d.decision for d in at_once(finish, list(made))}

        lines = pointer.history()[turn * 32 :]
        assert {run: decision for _, run, decision, _ in lines} == decided
        assert pointer.active() == max(made, key=lambda run: (made[run], run))
    assert [number for number, *_ in pointer.history()] == list(range(1, 97))
    assert_each_moved_from_where_the_last_had_moved_to(pointer.history())


def assert_each_moved_from_where_the_last_had_moved_to(lines):
    stood_at = None
    for _, run, decision, before in lines:
        assert before == stood_at
        stood_at = run if decision in {"activated", "rolled_back"} else stood_at


def test_two_that_finish_the_same_run_at_once_decide_it_once(entity, make_run, finish, pointer, at_once):
    for n in range(5):
        run = make_run(entity)
        decided = at_once(finish, [run.run_id] * 4)
        assert len(set(decided)) == 1
        assert len(pointer.history()) == n + 1


def test_a_failure_and_an_activation_at_once_agree(entity, make_run, finish, session, pointer, at_once):
    def act(what):
        kind, opt_run_id = what
        if kind == "fail":
            with connections.session() as own:
                ended = failures.fail_run(own, opt_run_id, "swept")
                own.commit()
                return ended
        try:
            return finish(opt_run_id).decision
        except RunNotRunning:
            return "refused"

    before = None
    for _ in range(10):
        run = make_run(entity)
        failed, decision = at_once(act, [("fail", run.run_id), ("finish", run.run_id)])
        session.rollback()
        status = session.scalar(select(Run.status).where(Run.run_id == run.run_id))
        assert (failed, decision, status) in {(1, "refused", "failed"), (0, "activated", "succeeded")}
        assert pointer.active() == (run.run_id if status == "succeeded" else before)
        before = pointer.active()


def test_a_pause_at_the_same_time_comes_before_or_after_never_between(
    entity, make_run, finish, session, pointer, at_once
):
    def act(opt_run_id):
        if opt_run_id is not None:
            return finish(opt_run_id).decision
        with connections.session() as own:
            entities.set_status(own, "drugs_com", "paused", "ana")
            own.commit()
        return "paused"

    before = None
    for _ in range(10):
        run = make_run(entity)
        decision, _ = at_once(act, [run.run_id, None])
        assert decision in {"activated", "held"}
        assert pointer.active() == (run.run_id if decision == "activated" else before)
        before = pointer.active()
        entities.set_status(session, "drugs_com", "active", "ana")
        session.commit()
    assert_each_moved_from_where_the_last_had_moved_to(pointer.history())


def test_a_roll_back_at_the_same_time_leaves_a_history_that_adds_up(
    entity, make_run, finish, session, pointer, at_once
):
    def act(opt_run_id):
        if opt_run_id is not None:
            return finish(opt_run_id)
        with connections.session() as own:
            decided = activation.roll_back(own, "drugs_com", "ana", "bad")
            own.commit()
            return decided

    first = make_run(entity, data_end=DAY - timedelta(days=1))
    finish(first.run_id)
    for n in range(8):
        made = [make_run(entity, data_end=DAY + timedelta(days=2 * n + m)).run_id for m in range(2)]
        finish(made[0])
        at_once(act, [made[1], None])
        session.rollback()
        assert_each_moved_from_where_the_last_had_moved_to(pointer.history())
        assert pointer.active() == [run for _, run, decision, _ in pointer.history() if decision != "superseded"][-1]


def test_a_retried_activation_and_the_next_run_do_not_wait_for_each_other(entity, make_run, finish, pointer, at_once):
    """The retry locks the active run, which the next run's decision refers to: a circle, were the locks exclusive."""
    last = make_run(entity)
    finish(last.run_id)
    for n in range(15):
        run = make_run(entity, data_end=DAY + timedelta(days=n))
        at_once(finish, [last.run_id, run.run_id, last.run_id, last.run_id])
        assert pointer.active() == run.run_id
        last = run


def test_a_hand_and_a_roll_back_to_the_same_run_do_not_wait_for_each_other(
    entity, make_run, finish, session, pointer, at_once
):
    def act(by_hand):
        with connections.session() as own:
            try:
                if by_hand:
                    activation.activate_manually(own, first.run_id, "ana", "x")
                else:
                    activation.roll_back(own, "drugs_com", "ben", "x", first.run_id)
                own.commit()
            except EntityInvalid as already:
                return str(already)
        return "moved"

    for _ in range(10):
        first, second = make_run(entity), make_run(entity)
        finish(first.run_id)
        finish(second.run_id)
        assert sorted(at_once(act, [True, False])) == ["moved", f"run {first.run_code} is already active"]
        session.rollback()
        assert pointer.active() == first.run_id


def test_an_older_backfill_that_finishes_last_stays_superseded(entity, make_run, finish, pointer):
    newest = make_run(entity)
    backfills = [make_run(entity, data_end=DAY - timedelta(days=n)) for n in (3, 2, 1)]
    finish(newest.run_id)
    decided = [finish(run.run_id) for run in backfills]
    assert [d.decision for d in decided] == ["superseded"] * 3
    assert f"run {newest.run_id} has data up to 2026-03-10 00:00" in decided[0].reasons[0]
    assert pointer.active() == newest.run_id
