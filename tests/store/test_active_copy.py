"""active.json matches the catalog, with any number of writers."""

import json
import threading
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.errors import EntityInvalid
from rtb_optimizer.store import activation, active_copy, connections, entities, runs
from rtb_optimizer.store.objects import ObjectStore, active_key
from rtb_optimizer.store.schema import Run, RunDecision

DAY = date(2026, 3, 10)


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def activate(entity, make_run, store):
    """Make a run with one output and activate it; returns the run."""

    def new(days=0):
        run = make_run(entity, data_end=DAY + timedelta(days=days))
        with connections.session() as own:
            stored = store.put_once(f"{active_key(entity.s3_base_path)}-{run.run_code}", b"12345")
            runs.record_outputs(own, run.run_id, {"segments": (stored, 7)})
            activation.complete_and_decide(own, run.run_id, 1, (), allow_older=False)
            own.commit()
        return run

    return new


@pytest.fixture
def read(entity, store):
    return lambda: json.loads(store.read(active_key(entity.s3_base_path)))


def test_before_the_first_activation_there_is_no_copy(entity, session, store):
    assert not active_copy.refresh(session, "drugs_com")
    assert store.stored(active_key(entity.s3_base_path)) is None


def test_the_copy_gives_a_reader_all_it_needs(entity, activate, session, read, store):
    run = activate()
    assert active_copy.refresh(session, "drugs_com")
    result = read()
    output = result["outputs"].pop("segments")
    assert {name: result[name] for name in ("entity_code", "object_id", "object_type", "run_id", "run_code")} == {
        "entity_code": entity.entity_code,
        "object_id": 1334,
        "object_type": "ssp",
        "run_id": run.run_id,
        "run_code": run.run_code,
    }
    assert (result["data_start"], result["data_end"]) == ("2026-03-09T00:00:00+00:00", "2026-03-10T00:00:00+00:00")
    assert result["decision_number"] == 1
    assert result["activated_at"]
    assert (result["activated_by"], result["reasons"]) == ("schedule", ["first active run of the entity"])
    assert (output["s3_bucket"], output["row_count"], output["byte_size"]) == ("rtb", 7, 5)
    assert store.stored(output["s3_key"]).sha256 == output["sha256"]


def test_a_copy_that_is_right_is_not_written_again(activate, session):
    activate()
    assert [active_copy.refresh(session, "drugs_com") for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\x00", b'{"run_id": 1}'])
def test_a_copy_that_is_wrong_is_written_again(entity, activate, session, store, read, garbage):
    run = activate()
    store.replace(active_key(entity.s3_base_path), garbage)
    assert active_copy.refresh(session, "drugs_com")
    assert read()["run_id"] == run.run_id


def test_the_copy_follows_a_roll_back_and_says_which_decision_it_was(activate, session, read):
    first = activate()
    activate(1)
    activation.roll_back(session, "drugs_com", "ana", "bad")
    session.commit()
    assert active_copy.refresh(session, "drugs_com")
    assert (read()["run_id"], read()["decision_number"]) == (first.run_id, 3)


def test_a_decision_that_moves_nothing_leaves_the_copy_as_it_is(activate, session):
    activate()
    active_copy.refresh(session, "drugs_com")
    activate(-1)  # superseded
    assert not active_copy.refresh(session, "drugs_com")


def test_a_writer_that_read_before_the_pointer_moved_sees_that_it_has(entity, activate, session, read):
    """Its session may even hold the entity as it was: the catalog is queried again."""
    activate()
    active_copy.refresh(session, "drugs_com")
    assert session.get_one(Run, read()["run_id"])
    newer = activate(1)
    assert active_copy.refresh(session, entity.entity_code)
    assert read()["run_id"] == newer.run_id


def test_of_many_that_activate_and_write_at_once_the_copy_is_the_newest_s(entity, make_run, session, read, at_once):
    def finish(opt_run_id):
        with connections.session() as own:
            activation.complete_and_decide(own, opt_run_id, 1, (), allow_older=False)
            own.commit()
            active_copy.refresh(own, entity.entity_code)

    for turn in range(4):
        made = [make_run(entity, data_end=DAY + timedelta(days=8 * turn + n)).run_id for n in range(8)]
        at_once(finish, made)
        assert read()["run_id"] == made[-1]
        assert not active_copy.refresh(session, entity.entity_code)


@pytest.fixture
def overtaken(activate, monkeypatch):
    """Between a writer's look at the catalog and its write another run activates and writes its own copy; the runs."""
    write, newer = ObjectStore.replace, []

    def replace(self, key, body, *seen):
        if not newer:
            newer.append(activate(1))
            with connections.session() as other:
                active_copy.refresh(other, "drugs_com")
        return write(self, key, body, *seen)

    activate()
    monkeypatch.setattr(ObjectStore, "replace", replace)
    return newer


def test_a_slow_writer_of_the_old_truth_does_not_have_the_last_word(overtaken, session, read):
    active_copy.refresh(session, "drugs_com")
    assert read()["run_id"] == overtaken[0].run_id


def test_a_slow_writer_that_dies_with_its_write_leaves_the_newer_copy(overtaken, session, read, monkeypatch):
    """It never gets to look again: its write alone must not replace what is newer."""
    write, dying = ObjectStore.replace, []

    def die_once(self, *what):
        dying.append(self)
        is_first = len(dying) == 1
        stored = write(self, *what)
        if is_first:
            raise KeyboardInterrupt
        return stored

    monkeypatch.setattr(ObjectStore, "replace", die_once)
    with pytest.raises(KeyboardInterrupt):
        active_copy.refresh(session, "drugs_com")
    assert overtaken
    assert read()["run_id"] == overtaken[0].run_id


WRITERS, READS, LONG_READS = 8, 200, 1_000  # half of them from the catalog, half from the store


@pytest.mark.long
def test_a_reader_never_sees_a_decision_with_the_run_of_another(entity, make_run, session, store, at_once, read, long):
    """Eight move the pointer back and forth; the reader compares what it saw with the history afterwards."""
    runs_of = [make_run(entity, "succeeded", DAY + timedelta(days=n)).run_id for n in range(WRITERS)]
    activation.activate_manually(session, runs_of[0], "ana", "first")
    session.commit()
    active_copy.refresh(session, entity.entity_code)
    reads = LONG_READS if long else READS
    key, seen, is_over = active_key(entity.s3_base_path), Counter(), threading.Event()

    def move(opt_run_id):
        while not is_over.is_set():
            with connections.session() as own, suppress(EntityInvalid):  # it is active already
                activation.activate_manually(own, opt_run_id, "ana", "better")
                own.commit()
                active_copy.refresh(own, entity.entity_code)

    def look(_):
        with connections.session() as own:
            for _ in range(reads // 2):
                own.rollback()
                copies = active_copy.content(own, entities.find(own, entity.entity_code)), store.read(key)
                seen.update((each["decision_number"], each["run_id"]) for each in map(json.loads, copies))
        is_over.set()

    at_once(lambda n: look(n) if n == WRITERS else move(runs_of[n]), range(WRITERS + 1))
    decided = session.execute(select(RunDecision.decision_number, RunDecision.run_id))
    assert seen.total() == reads
    assert len(seen) > reads / 20, "the pointer moved all the while"
    assert seen.keys() <= {tuple(row) for row in decided}
    active_copy.refresh(session, entity.entity_code)
    assert json.loads(active_copy.content(session, entity)) == read()
