"""The edge cases 36, 37 and 38: what bidders read is never deleted, is checked daily, and has a time that ends.

Runs here have small outputs where real ones have theirs, `{base}/runs/{run_code}/`, and their end is set back.
"""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from rtb_optimizer.cli.app import app
from rtb_optimizer.core.decision.activation import VALID_HOURS
from rtb_optimizer.errors import ActiveOutputsBroken, NotFound, RetentionIncomplete, RunIncomplete
from rtb_optimizer.operations import maintenance, retention
from rtb_optimizer.operations.retention import Deletion, apply_retention
from rtb_optimizer.outputs.explain import explain
from rtb_optimizer.outputs.published import published
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import (
    activation,
    active_copy,
    configs,
    connections,
    entities,
    run_retention,
    runs,
    verification,
)
from rtb_optimizer.store.objects import ObjectStore, active_key, run_prefix, split_url
from rtb_optimizer.store.schema import Entity, EntityConfig, Run, RunDecision, RunOutput, VersionConfig
from v3_settings import v3_settings

case = pytest.mark.case
KINDS = verification.OUTPUT_TYPES
OLD, YOUNG = 200, 1  # days since a run's end, against keep_days of 90


@pytest.fixture
def entity(add_entity):
    """An entity that keeps two good runs beside the active one."""
    return add_entity(keep_good_runs="2")


@pytest.fixture
def finished(make_run, session):
    """Make a run with its outputs and its work, finish it, and set its end back; returns the run."""

    def new(entity, days=OLD, gates=()):
        run = make_run(entity)
        store, prefix = ObjectStore.of(entity.s3_base_path), run_prefix(entity.s3_base_path, run.run_code)
        written = {kind: (store.put_once(f"{prefix}/{kind}.json", kind.encode()), 1) for kind in KINDS}
        store.put_once(f"{prefix}/work/sample.arrow", b"rows")
        with connections.session() as own:
            runs.record_outputs(own, run.run_id, written)
            activation.complete_and_decide(own, run.run_id, 1, gates, allow_older=False)
            own.commit()
        session.rollback()
        set_back(session, run.run_id, days)
        return run

    return new


@pytest.fixture
def there(store):
    """The names below a run's folder that are on S3."""

    def names(entity, run_code):
        prefix = f"{run_prefix(entity.s3_base_path, run_code)}/"
        return {each.key.removeprefix(prefix) for each in store.list(prefix)}

    return names


@pytest.fixture
def waiting(catalog):
    """Wait until another transaction of this catalog waits for a lock."""

    def until_one_waits():
        with psycopg.connect(catalog, autocommit=True) as watch:
            while not watch.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall():
                pass

    return until_one_waits


@pytest.fixture
def beside():
    """Call something in a thread of its own; returns a future."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


OUTPUTS = {f"{kind}.json" for kind in KINDS}
WORK = {"work/sample.arrow"}


def set_back(session, opt_run_id, days):
    ended = datetime.now(UTC) - timedelta(days=days)
    session.execute(update(Run).where(Run.run_id == opt_run_id).values(finished_at=ended))
    session.commit()


def roll_back(entity_code, to=None):
    """Roll back as the command does: locked, verified under the lock, committed."""
    with connections.session() as own:
        decided = activation.roll_back(own, entity_code, "ana", "bad bids", to)
        entity = entities.find(own, entity_code)
        verification.verify_outputs(own, ObjectStore.of(entity.s3_base_path), decided.opt_run_id)
        own.commit()
        return decided


def command(*arguments):
    return CliRunner().invoke(app, arguments)


def active_outputs_problems(session, entity_code):
    """What is wrong with the outputs of the active run, now."""
    session.rollback()
    entity = entities.find(session, entity_code)
    return verification.output_problems(session, ObjectStore.of(entity.s3_base_path), entity.active_run_id)


# ---- What retention deletes and what it keeps


@case(36)
def test_old_runs_lose_their_outputs_and_neither_the_active_one_nor_the_last_good_ones_do(
    entity, finished, there, session
):
    made = [finished(entity) for _ in range(5)]

    outcome = apply_retention()

    assert outcome.problems == []
    left = [there(entity, run.run_code) for run in made]
    assert left == [set(), set(), OUTPUTS, OUTPUTS, OUTPUTS]
    size = sum(len(kind) for kind in KINDS)
    assert outcome.deleted == sorted(
        [
            *(Deletion("drugs_com", run.run_code, "run", 6, size + 4) for run in made[:2]),
            *(Deletion("drugs_com", run.run_code, "work", 1, 4) for run in made[2:]),
        ],
        key=lambda each: each.run_code,
    )
    assert active_outputs_problems(session, "drugs_com") == []
    assert session.scalar(select(Entity.active_run_id)) == made[-1].run_id


@case(36)
def test_the_history_of_what_was_deleted_stays(entity, finished, session):
    made = [finished(entity) for _ in range(4)]

    apply_retention()

    session.expire_all()
    assert [session.get_one(Run, run.run_id).status for run in made] == ["succeeded"] * 4
    decided = session.execute(select(RunDecision.run_id, RunDecision.decision).order_by(RunDecision.id)).all()
    assert decided == [(run.run_id, "activated") for run in made]
    assert runs.outputs(session, made[0].run_id) == []
    with pytest.raises(NotFound, match="has no output 'features'; it has: none, retention deleted them"):
        published(session, made[0])


def test_young_runs_stay_whole_and_the_work_of_ended_ones_goes_first(entity, finished, make_run, store, there):
    week_old = [finished(entity, days=7) for _ in range(4)]
    young, running = finished(entity, days=YOUNG), make_run(entity)
    store.put_once(f"{run_prefix(entity.s3_base_path, running.run_code)}/work/sample.arrow", b"rows")

    apply_retention()

    assert [there(entity, run.run_code) for run in week_old] == [OUTPUTS] * 4
    assert there(entity, young.run_code) == OUTPUTS | WORK
    assert there(entity, running.run_code) == WORK


def test_failed_runs_and_folders_that_no_run_has_go_after_keep_days(entity, finished, make_run, session, store, there):
    finished(entity, days=YOUNG)
    failed, orphan = make_run(entity, status="failed"), "drugs_com-20250101-20250102-0123456789"
    for code in (failed.run_code, orphan):
        store.put_once(f"{run_prefix(entity.s3_base_path, code)}/segments.json", b"left")
    set_back(session, failed.run_id, YOUNG)
    apply_retention()
    assert [there(entity, code) for code in (failed.run_code, orphan)] == [{"segments.json"}] * 2

    deletions = apply_retention(now=datetime.now(UTC) + timedelta(days=91)).deleted

    assert {(each.run_code, each.what) for each in deletions} >= {(failed.run_code, "run"), (orphan, "orphan")}
    assert [there(entity, code) for code in (failed.run_code, orphan)] == [set(), set()]


def test_a_second_time_there_is_nothing_left_to_delete(entity, finished):
    for _ in range(4):
        finished(entity)

    assert apply_retention().deleted
    assert apply_retention().deleted == []


def test_a_dry_run_reports_the_same_and_deletes_nothing(entity, finished, there, session):
    made = [finished(entity) for _ in range(4)]

    planned = apply_retention(dry_run=True).deleted

    assert [there(entity, run.run_code) for run in made] == [OUTPUTS | WORK] * 4
    assert all(len(runs.outputs(session, run.run_id)) == len(KINDS) for run in made)
    assert apply_retention().deleted == planned
    assert planned


def test_nothing_but_runs_below_the_entity_s_own_base_path_is_touched(entity, finished, session, store, base_path):
    for _ in range(4):
        finished(entity)
    active_copy.refresh(session, "drugs_com")
    base = split_url(entity.s3_base_path)[1]
    beside = [
        f"{base}/runs/note.txt",
        f"{base}/runs/by_hand/segments.json",
        f"{base}/runs/other_com-20250101-20250102-0123456789/segments.json",
        f"{base}_2/runs/drugs_com-20250101-20250102-0123456789/segments.json",
        f"{split_url(base_path)[1]}/logs/date=2026-03-09/part-0.parquet",
    ]
    for key in beside:
        store.put_once(key, b"x")

    outcome = apply_retention(now=datetime.now(UTC) + timedelta(days=1000))

    assert (len(outcome.deleted), outcome.problems) == (4, [])
    assert [key for key in [*beside, active_key(entity.s3_base_path)] if store.stored(key) is None] == []


def test_rows_of_objects_that_lie_elsewhere_stay_since_their_objects_do(entity, finished, session, there):
    old = finished(entity)
    for _ in range(3):
        finished(entity)
    before = entity.s3_base_path
    session.execute(update(Entity).values(s3_base_path=f"{before}_moved"))
    session.commit()

    assert apply_retention().deleted == []
    assert len(runs.outputs(session, old.run_id)) == len(KINDS)
    session.rollback()
    session.execute(update(Entity).values(s3_base_path=before))
    session.commit()
    assert there(entity, old.run_code) == OUTPUTS | WORK


# ---- Rolling back after it


@case(36)
def test_after_retention_one_can_roll_back_to_what_was_kept_and_to_what_was_deleted_only_with_words(
    entity, finished, session
):
    gone, _, kept, active = (finished(entity) for _ in range(4))
    apply_retention()

    for refused in (
        command("rollback", "drugs_com", "--to", gone.run_code, "--reason", "x"),
        command("activate", gone.run_code, "--reason", "x"),
    ):
        assert isinstance(refused.exception, RunIncomplete)
        assert "retention deleted them (keep_good_runs, keep_days)" in str(refused.exception)
    assert entities.find(session, "drugs_com").active_run_id == active.run_id

    assert "rolled_back" in command("rollback", "drugs_com", "--reason", "bad bids").stdout
    session.expire_all()
    assert entities.find(session, "drugs_com").active_run_id == kept.run_id


@case(36)
def test_what_was_rolled_back_to_is_the_active_one_and_stays_however_old(entity, finished, session):
    first = finished(entity)
    for _ in range(2):
        finished(entity)
    roll_back("drugs_com", first.run_id)
    for _ in range(4):
        finished(entity, gates=("held",))

    apply_retention()

    assert active_outputs_problems(session, "drugs_com") == []


# ---- At the same time


@case(36)
def test_a_roll_back_that_locked_first_keeps_its_run_from_a_retention_that_comes_meanwhile(
    entity, finished, session, there, waiting, beside
):
    target = finished(entity)
    for _ in range(3):
        finished(entity)
    with connections.session() as own:
        activation.roll_back(own, "drugs_com", "ana", "bad bids", target.run_id)
        retention = beside(apply_retention)
        waiting()
        verification.verify_outputs(own, ObjectStore.of(entity.s3_base_path), target.run_id)
        own.commit()

    assert retention.result(60).problems == []
    assert there(entity, target.run_code) == OUTPUTS
    assert active_outputs_problems(session, "drugs_com") == []


@case(36)
@pytest.mark.parametrize("by", ["rollback", "activate"])
def test_a_decision_by_hand_that_comes_while_retention_holds_the_lock_waits_and_is_refused(
    entity, finished, session, waiting, beside, monkeypatch, by
):
    target = finished(entity)
    active = [finished(entity) for _ in range(3)][-1]
    words = ("rollback", "drugs_com", "--to", target.run_code) if by == "rollback" else ("activate", target.run_code)
    forget, decisions = run_retention.delete_output_rows, []

    def forget_and_let_the_other_come(*arguments):
        gone = forget(*arguments)
        decisions.append(beside(command, *words, "--reason", "x"))
        waiting()
        return gone

    monkeypatch.setattr(run_retention, "delete_output_rows", forget_and_let_the_other_come)
    assert apply_retention().problems == []

    refused = decisions[0].result(60)
    assert isinstance(refused.exception, RunIncomplete)
    session.expire_all()
    assert entities.find(session, "drugs_com").active_run_id == active.run_id


@case(36)
@pytest.mark.parametrize("by", ["rollback", "activate"])
def test_a_decision_by_hand_that_comes_between_rows_and_objects_is_refused_though_the_objects_are_there(
    entity, finished, session, there, monkeypatch, by
):
    target = finished(entity)
    active = [finished(entity) for _ in range(3)][-1]
    words = ("rollback", "drugs_com", "--to", target.run_code) if by == "rollback" else ("activate", target.run_code)
    remove, refused = ObjectStore.delete, []

    def decided_before(self, keys):
        if not refused:
            assert there(entity, target.run_code) == OUTPUTS | WORK
            refused.append(command(*words, "--reason", "x"))
        return remove(self, keys)

    monkeypatch.setattr(ObjectStore, "delete", decided_before)
    apply_retention()

    assert isinstance(refused[0].exception, RunIncomplete)
    session.expire_all()
    assert entities.find(session, "drugs_com").active_run_id == active.run_id
    assert active_outputs_problems(session, "drugs_com") == []


@case(36)
def test_a_run_that_activates_while_retention_holds_the_lock_waits_and_is_whole(
    entity, finished, session, waiting, beside, monkeypatch
):
    for _ in range(4):
        finished(entity)
    forget, newest = run_retention.delete_output_rows, []

    def forget_and_let_the_other_come(*arguments):
        gone = forget(*arguments)
        newest.append(beside(finished, entity))
        waiting()
        return gone

    monkeypatch.setattr(run_retention, "delete_output_rows", forget_and_let_the_other_come)
    apply_retention()

    run = newest[0].result(60)
    assert active_outputs_problems(session, "drugs_com") == []
    assert entities.find(session, "drugs_com").active_run_id == run.run_id


def test_a_run_that_begins_after_the_listing_is_no_folder_without_a_run(entity, finished, there, monkeypatch):
    finished(entity)
    listed, begun = retention._objects_by_folder, []

    def begin_after(*arguments):
        listing = listed(*arguments)
        begun.append(finished(entity, days=YOUNG))
        return listing

    monkeypatch.setattr(retention, "_objects_by_folder", begin_after)
    outcome = apply_retention(now=datetime.now(UTC) + timedelta(days=1000))

    assert outcome.problems == []
    assert there(entity, begun[0].run_code) == OUTPUTS | WORK


@case(36)
def test_of_roll_backs_and_retention_at_once_one_is_first_and_the_active_run_is_whole(
    entity, finished, session, beside
):
    for _ in range(6):
        target = finished(entity)
        for _ in range(3):
            finished(entity)
        start = threading.Barrier(2)

        def at_once(act, start=start):
            start.wait(30)
            try:
                return act()
            except RunIncomplete:
                return "refused"

        racing = [beside(at_once, lambda: roll_back("drugs_com", target.run_id)), beside(at_once, apply_retention)]  # noqa: B023 - joined in this turn
        moved = racing[0].result(60) != "refused"
        assert racing[1].result(60).problems == []
        assert active_outputs_problems(session, "drugs_com") == []
        assert (entities.find(session, "drugs_com").active_run_id == target.run_id) is moved


# ---- Where it breaks off


@pytest.mark.parametrize("deleted", [0, 3])
def test_what_breaks_off_between_rows_and_objects_is_finished_the_next_time(
    entity, finished, session, there, monkeypatch, deleted
):
    old = finished(entity)
    for _ in range(3):
        finished(entity)
    remove, fired = ObjectStore.delete, []

    def dies(self, keys):
        if old.run_code not in keys[0]:
            remove(self, keys)
            return
        remove(self, keys[:deleted])
        fired.append(keys)
        raise ConnectionError("the worker was killed")

    with monkeypatch.context() as broken:
        broken.setattr(ObjectStore, "delete", dies)
        outcome = apply_retention()
    assert len(fired) == 1
    assert outcome.problems == ["drugs_com: the worker was killed"]
    with pytest.raises(RetentionIncomplete, match="drugs_com: the worker was killed"):
        outcome.require_complete()
    assert runs.outputs(session, old.run_id) == []
    assert len(there(entity, old.run_code)) == 6 - deleted
    with pytest.raises(RunIncomplete, match="retention deleted them"):
        roll_back("drugs_com", old.run_id)

    # Whatever the configuration is by now: a deletion that has begun goes on, and only that.
    configs.set_overrides(session, entities.find(session, "drugs_com"), {"keep_days": "3650"}, "ana")
    session.commit()
    assert apply_retention().problems == []
    assert there(entity, old.run_code) == set()
    assert active_outputs_problems(session, "drugs_com") == []


def test_one_entity_that_fails_does_not_stop_the_others_and_is_named(add_entity, finished, session, there):
    made = {}
    for code in ("a_com", "c_com"):
        entity = add_entity(code, keep_good_runs="1")
        made[code] = [finished(entity) for _ in range(3)]
    add_entity("broken_com")
    add_entity("unset_com", keep_days="5")
    broken = update(Entity).where(Entity.entity_code == "broken_com")
    session.execute(broken.values(s3_base_path="s3://no-such-bucket/x"))
    session.execute(update(EntityConfig).where(EntityConfig.config_key == "keep_days").values(config_value="many"))
    session.commit()

    outcome = apply_retention()

    assert [problem.split(":")[0] for problem in outcome.problems] == ["broken_com", "unset_com"]
    assert "NoSuchBucket" in outcome.problems[0]
    assert "keep_days" in outcome.problems[1]
    assert not any("\n" in problem for problem in outcome.problems)
    for code, (old, *kept) in made.items():
        entity = entities.find(session, code)
        assert there(entity, old.run_code) == set()
        assert [there(entity, run.run_code) for run in kept] == [OUTPUTS] * 2


def test_an_object_that_the_store_will_not_delete_is_named(entity, finished, monkeypatch, there):
    old = finished(entity)
    for _ in range(3):
        finished(entity)

    def denied(**request):
        named = request["Delete"]["Objects"]
        return {"Errors": [{"Key": each["Key"], "Code": "AccessDenied"} for each in named]}

    monkeypatch.setattr(connections.s3_client(), "delete_objects", denied)
    [problem] = apply_retention().problems

    assert "AccessDenied" in problem
    assert f"s3://rtb/{split_url(entity.s3_base_path)[1]}/runs/" in problem
    assert there(entity, old.run_code) == OUTPUTS | WORK


def test_an_entity_that_is_not_there_is_named(catalog):
    assert catalog
    for act in (apply_retention, maintenance.audit):
        with pytest.raises(NotFound, match="nope_com"):
            act("nope_com")


# ---- The audit


@case(36)
def test_outputs_of_active_runs_that_are_gone_or_changed_are_named_all_at_once_with_entity_output_and_key(
    add_entity, finished, store
):
    made = {code: (added := add_entity(code), finished(added)) for code in ("a_com", "b_com", "c_com")}
    keys = {code: run_prefix(added.s3_base_path, run.run_code) for code, (added, run) in made.items()}
    store.delete([f"{keys['a_com']}/segments.json"])
    store.replace(f"{keys['c_com']}/features.json", b"Features")  # as long as before
    store.delete([f"{keys['c_com']}/manifest.json"])

    with pytest.raises(ActiveOutputsBroken) as caught:
        maintenance.audit_active_outputs()

    message = str(caught.value)
    assert (
        f"a_com, run {made['a_com'][1].run_code}: segments is gone from s3://rtb/{keys['a_com']}/segments.json"
        in message
    )
    assert f"features at s3://rtb/{keys['c_com']}/features.json is not what was written" in message
    assert f"manifest is gone from s3://rtb/{keys['c_com']}/manifest.json" in message
    assert "b_com" not in message
    assert "\n" not in message
    done = command("audit", "--json")
    assert (done.exit_code, type(done.exception)) == (1, ActiveOutputsBroken)
    assert [(row["entity_code"], len(row["problems"])) for row in json.loads(done.stdout)] == [
        ("a_com", 1),
        ("b_com", 0),
        ("c_com", 2),
    ]
    assert command("audit", "b_com").exit_code == 0


@case(36)
def test_the_audit_repairs_nothing_and_what_is_right_passes(entity, finished, store, session):
    finished(entity)
    active_copy.refresh(session, "drugs_com")
    before = {each.key: each.etag for each in store.list(split_url(entity.s3_base_path)[1])}

    assert maintenance.audit_active_outputs() == 1
    assert {each.key: each.etag for each in store.list(split_url(entity.s3_base_path)[1])} == before


@case(36)
def test_an_entity_that_cannot_be_audited_does_not_hide_the_others(add_entity, finished, session, store):
    lost, broken = add_entity("a_com"), add_entity("b_com")
    finished(lost)
    run = finished(broken)
    store.delete([f"{run_prefix(broken.s3_base_path, run.run_code)}/report.json"])
    session.execute(update(Entity).where(Entity.entity_code == "a_com").values(s3_base_path="s3://no-such-bucket/x"))
    session.commit()

    with pytest.raises(
        ActiveOutputsBroken, match=r"a_com, run .*: it cannot be audited: .*NoSuchBucket.* \| b_com, .*gone"
    ):
        maintenance.audit_active_outputs()


def test_before_the_first_activation_there_is_nothing_to_audit(entity):
    assert entity.active_run_id is None
    assert maintenance.audit_active_outputs() == 0
    assert "no entity has an active run" in command("audit").stdout


# ---- Readers


@case(37)
def test_a_reader_that_still_has_the_old_copy_finds_all_that_it_names_after_the_pointer_moved(
    entity, finished, session, store
):
    finished(entity)
    active_copy.refresh(session, "drugs_com")
    cached = json.loads(store.read(active_key(entity.s3_base_path)))
    newer = finished(entity)
    active_copy.refresh(session, "drugs_com")

    apply_retention()

    assert json.loads(store.read(active_key(entity.s3_base_path)))["run_id"] == newer.run_id != cached["run_id"]
    assert {store.stored(o["s3_key"]).sha256 for o in cached["outputs"].values()} == {
        o["sha256"] for o in cached["outputs"].values()
    }


@pytest.fixture
def stale(add_entity, finished, session):
    """Add an entity whose run became active four days ago."""

    def new(code="drugs_com", **config):
        entity = add_entity(code, **config)
        run = finished(entity, days=YOUNG)
        then = datetime.now(UTC) - timedelta(days=4)
        session.execute(update(RunDecision).where(RunDecision.run_id == run.run_id).values(decided_at=then))
        session.commit()
        active_copy.refresh(session, code)
        return entity

    return new


@case(38)
def test_a_reader_of_active_json_falls_back_to_its_default_after_valid_until(stale, finished, store, session):
    entity, now = stale(), datetime.now(UTC)

    def multiplier():
        copy = json.loads(store.read(active_key(entity.s3_base_path)))
        until = datetime.fromisoformat(copy["valid_until"])
        assert until.utcoffset() == timedelta(0)
        return 2.5 if now <= until else 1.0

    assert multiplier() == 1.0
    finished(entity, days=YOUNG)
    active_copy.refresh(session, "drugs_com")
    assert multiplier() == 2.5


@case(38)
def test_a_stale_active_run_is_seen_wherever_active_runs_are(stale, add_entity, finished, caplog):
    stale()
    finished(add_entity("fresh_com"), days=YOUNG)
    add_entity("never_com")

    listed = {row["entity_code"]: row["is_stale"] for row in json.loads(command("entities", "list", "--json").stdout)}
    assert listed == {"drugs_com": True, "fresh_com": False, "never_com": False}
    assert "readers bid the default: drugs_com\n" in command("entities", "list").stdout
    assert "readers bid the default: drugs_com\n" in command("runs", "list").stdout
    details = json.loads(command("runs", "show", "1", "--json").stdout)
    assert (details["is_active"], details["is_stale"]) == (True, True)
    audited = command("audit")
    assert (audited.exit_code, "readers bid the default: drugs_com\n" in audited.stdout) == (0, True)
    with caplog.at_level(logging.WARNING, "rtb_optimizer.operations.maintenance"):
        assert maintenance.audit_active_outputs() == 2
    assert [r.getMessage().split(",")[0] for r in caplog.records if "stale since" in r.getMessage()] == ["drugs_com"]


@case(38)
def test_a_stale_run_is_named_beside_broken_outputs(stale, add_entity, finished, store):
    stale("old_com")
    run = finished(broken := add_entity("broken_com"), days=YOUNG)
    store.delete([f"{run_prefix(broken.s3_base_path, run.run_code)}/report.json"])

    with pytest.raises(ActiveOutputsBroken, match=r"broken_com, .*report is gone.* \| old_com, run .*: stale since"):
        maintenance.audit_active_outputs()


@case(38)
def test_how_long_a_table_is_trusted_is_frozen_into_its_run_and_a_roll_back_starts_the_hours_again(
    stale, finished, session
):
    entity = stale(valid_hours="96")

    def rows():
        session.rollback()
        return json.loads(command("entities", "list", "--json").stdout)[0]

    assert rows()["is_stale"]
    before = session.scalar(select(Entity.active_run_id))
    finished(entity, days=YOUNG)
    roll_back("drugs_com", before)
    assert not rows()["is_stale"]


@case(38)
def test_in_a_catalog_that_was_seeded_before_there_was_such_a_key_a_roll_back_still_reaches_readers(
    entity, finished, session, store
):
    first, _ = finished(entity), finished(entity)
    session.execute(delete(VersionConfig).where(VersionConfig.config_key == "valid_hours"))
    session.commit()

    assert "rolled_back" in command("rollback", "drugs_com", "--reason", "bad bids").stdout

    copy = json.loads(store.read(active_key(entity.s3_base_path)))
    moved, until = (datetime.fromisoformat(copy[name]) for name in ("activated_at", "valid_until"))
    assert (copy["run_id"], until - moved) == (first.run_id, timedelta(hours=72))
    assert v3_settings().valid_hours == VALID_HOURS


# ---- A real run


@pytest.mark.usefixtures("logs")
@case(36)
def test_a_real_run_without_its_work_is_still_explained_audited_and_moved_from(add_entity, request_run, session, store):
    entity = add_entity()
    first = in_process.run(request_run())
    run = session.get_one(Run, first.opt_run_id)
    prefix = run_prefix(entity.s3_base_path, run.run_code)
    held_rows = {each.key for each in store.list(f"{prefix}/work/")}
    manifest = json.loads(store.read(f"{prefix}/manifest.json"))
    assert datetime.fromisoformat(manifest["valid_until"]) == run.data_end + timedelta(hours=72)
    assert "sample.arrow" in {key.rpartition("/")[2] for key in held_rows}

    [deleted] = apply_retention(now=datetime.now(UTC) + timedelta(days=3)).deleted

    assert (deleted.run_code, deleted.what, deleted.objects) == (run.run_code, "work", len(held_rows))
    assert list(store.list(f"{prefix}/work/")) == []
    assert maintenance.audit_active_outputs() == 1
    explanation = explain(session, "drugs_com", {"internal_adspace_id": "1000"})
    assert (explanation.run_id, explanation.is_stale) == (first.opt_run_id, False)
    second = in_process.run(request_run(dag_run_id="manual__2"))
    assert second.decision == "activated"
    assert session.scalar(select(RunOutput.id).where(RunOutput.run_id == second.opt_run_id)) is not None
