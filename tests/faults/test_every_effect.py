"""A run loses its connection at every effect that it has, before it and after it: nothing breaks, nothing is doubled.

The effects are counted, not listed: a new one is under test at once. After each fault a reader that knows the pointer
alone sees one complete run, and the next run works. A commit runs a third of the effects, `--long` all of them; it also
pairs a fault before an effect with a failure that is not reported, and one after it with one that is.
"""

import psycopg
import pytest

from effects import AFTER, BEFORE, Effects, Fault
from nights import STEPS, TaskFailed, run_tasks
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store.objects import active_key
from whole_run import assert_nothing_is_lost_or_recorded_twice, facts_of, read_active, read_copy

POINTER, COPY = "activate_run: commit", "activate_run: put active.json"


def test_objects_come_before_their_rows_and_the_pointer_moves_last(effects_of_a_run):
    effects, _ = effects_of_a_run
    written = [effect for effect in effects if effect.startswith("write_outputs")]
    assert len(set(effects)) == len(effects), "a fault is named by its effect"
    assert effects[0] == "create_run: commit"
    assert written[-2:] == ["write_outputs: put manifest.json", "write_outputs: commit"]
    assert effects[-2:] == [POINTER, COPY]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_step_that_is_retried_ends_as_if_nothing_had_happened(
    effects_of_a_run, catalog, client, store, request_run, when, taking_turns, subtests
):
    effects, counted = effects_of_a_run
    expected = facts_of(catalog, store, counted)
    active = counted
    for effect in taking_turns(effects):
        with subtests.test(effect):
            fault = Fault(effect, when)
            with Effects(fault).watched() as watched:
                opt_run_id = run_tasks(request_run(dag_run_id=effect), watched, tries=2)
            assert fault.fired
            assert opt_run_id > active
            assert read_active(catalog, client) == opt_run_id
            assert facts_of(catalog, store, opt_run_id) == expected
            active = opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_orphan_that_does_the_whole_step_in_the_midst_of_its_retry_changes_nothing(
    effects_of_a_run, catalog, client, store, request_run, taking_turns, subtests
):
    """At each upload: an open transaction keeps the orphan waiting, which the interleavings of activations show."""
    effects, counted = effects_of_a_run
    expected = facts_of(catalog, store, counted)
    for effect in taking_turns(effect for effect in effects if not effect.endswith("commit")):
        orphaned = []

        def orphan(at, when, effect=effect, orphaned=orphaned):
            if (at, when) == (effect, BEFORE) and not orphaned:
                orphaned.append(at)
                dict(STEPS)[watched.step](newest_run(catalog))

        with subtests.test(effect):
            with Effects(orphan).watched() as watched:
                opt_run_id = run_tasks(request_run(dag_run_id=f"orphan at {effect}"), watched)
            assert orphaned
            assert read_active(catalog, client) == opt_run_id
            assert facts_of(catalog, store, opt_run_id) == expected
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def newest_run(url):
    with psycopg.connect(url) as catalog:
        return catalog.execute("SELECT max(run_id) FROM opt_runs").fetchone()[0]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("when", "reported", "only_long"),
    [(BEFORE, True, False), (AFTER, False, False), (BEFORE, False, True), (AFTER, True, True)],
    ids=["before, told", "after, nobody told", "before, nobody told", "after, told"],
)
def test_a_run_that_fails_leaves_one_complete_run_active_and_the_next_one_works(
    request, entity, catalog, client, store, request_run, when, reported, only_long, long, taking_turns, subtests
):
    if only_long and not long:
        pytest.skip("make test-long runs it")
    effects, active = request.getfixturevalue("effects_of_a_run")
    expected = facts_of(catalog, store, active)
    key = active_key(entity.s3_base_path)
    for effect in taking_turns(effects):
        with subtests.test(effect):
            fault = Fault(effect, when)
            with Effects(fault).watched() as watched, pytest.raises(TaskFailed):
                run_tasks(request_run(dag_run_id=effect), watched, reported=reported)
            assert fault.fired
            landed = (effect, when) == (POINTER, AFTER) or effect == COPY
            seen = read_active(catalog, client)
            assert (seen > active) if landed else (seen == active)
            assert read_copy(client, "rtb", key) in {active, seen}
            maintenance.sweep_runs(lambda *_: "failed")
            stale = landed and (effect, when) != (COPY, AFTER)
            assert maintenance.reconcile_active_copies() == stale
            assert read_copy(client, "rtb", key) == seen
            assert_nothing_is_lost_or_recorded_twice(catalog, store)

            again = request_run(dag_run_id=effect, clear_number=1)  # as a person clears the failed dag run
            active = run_tasks(again)
            assert read_active(catalog, client) == read_copy(client, "rtb", key) == active
            assert facts_of(catalog, store, active) == expected
            assert_nothing_is_lost_or_recorded_twice(catalog, store)
