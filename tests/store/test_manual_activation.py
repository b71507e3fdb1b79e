"""A user's decision moves the pointer only from the expected run, to intact outputs, in one transaction."""

from datetime import date

import pytest
from sqlalchemy import func, select

from rtb_optimizer.errors import NotFound, PointerMoved, RunIncomplete
from rtb_optimizer.store import activation, connections, manual_activation, runs, verification
from rtb_optimizer.store.manual_activation import ExpectedRun, PointerChange
from rtb_optimizer.store.objects import run_prefix
from rtb_optimizer.store.schema import Entity, RunDecision


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def finish(session, make_run, store):
    """Finish a run, with its outputs written or without."""

    def end(entity, day, kinds=verification.OUTPUT_TYPES):
        run = make_run(entity, data_end=date(2026, 3, day))
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        written = {kind: (store.put_once(f"{prefix}/{kind}", kind.encode()), 1) for kind in kinds}
        runs.record_outputs(session, run.run_id, written)
        activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
        session.commit()
        return run.run_id

    return end


@pytest.fixture
def active(session):
    def now():
        session.rollback()
        return session.scalar(select(Entity.active_run_id))

    return now


def order(to, seen=None, reason="because"):
    return PointerChange("drugs_com", "ana", reason, to, seen)


@pytest.mark.parametrize("move", [manual_activation.activate, manual_activation.roll_back])
def test_from_where_it_was_seen_the_pointer_moves(entity, finish, session, active, move):
    first, second = finish(entity, 9), finish(entity, 10)
    decided = move(session, order(first, ExpectedRun(second)))
    assert (decided.opt_run_id, decided.from_run_id, decided.reasons) == (first, second, ("because",))
    assert active() == first


@pytest.mark.parametrize("move", [manual_activation.activate, manual_activation.roll_back])
@pytest.mark.parametrize("seen", [None, 1])
def test_from_elsewhere_nothing_moves_and_no_decision_is_left(entity, finish, session, active, move, seen):
    first, second = finish(entity, 9), finish(entity, 10)
    with pytest.raises(PointerMoved, match=f"is run {second}, not {f'run {seen}' if seen else 'none'}"):
        move(session, order(first, ExpectedRun(seen)))
    assert active() == second
    assert session.scalar(select(func.count()).select_from(RunDecision)) == 2


@pytest.mark.parametrize("move", [manual_activation.activate, manual_activation.roll_back])
def test_a_run_without_its_outputs_is_not_moved_to(entity, finish, session, active, move):
    first, second = finish(entity, 9, kinds=("segments",)), finish(entity, 10)
    with pytest.raises(RunIncomplete, match="manifest was not recorded"):
        move(session, order(first, ExpectedRun(second)))
    assert active() == second


def test_a_run_of_another_entity_is_none_of_this_one_s(entity, finish, session, add_entity, active):
    finish(entity, 9)
    theirs = finish(add_entity("other_com"), 9)
    with pytest.raises(NotFound, match=f"run {theirs} does not belong to drugs_com"):
        manual_activation.activate(session, order(theirs))
    assert entity.entity_code
    assert session.scalar(select(Entity.active_run_id).where(Entity.entity_code == "drugs_com")) != theirs
    assert active()


def test_of_two_people_who_saw_the_same_only_one_decides(entity, finish, active, at_once):
    first, second, third = (finish(entity, day) for day in (8, 9, 10))

    def decide(to):
        with connections.session() as own:
            try:
                return manual_activation.activate(own, order(to, ExpectedRun(third))).opt_run_id
            except PointerMoved:
                return None

    results = at_once(decide, [first, second])
    assert results.count(None) == 1
    assert active() == next(run_id for run_id in results if run_id is not None)
