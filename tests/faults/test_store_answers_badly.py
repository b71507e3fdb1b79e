"""S3 that fails, stalls, breaks off or is away: bounded tries, then a failure that names the object and the cause.

The product talks to a proxy in front of the real store. Its timeouts and tries are cut short as a user would do it, in
the extra of the connection.
"""

import re

import pytest
from sqlalchemy import select

from effects import BEFORE, Effects
from faulty_proxy import FaultyProxy
from nights import TaskFailed, run_tasks
from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.operations import maintenance
from rtb_optimizer.store.objects import ObjectStore, active_key, split_url
from rtb_optimizer.store.schema import Run
from s3_connection import s3_connected
from whole_run import assert_nothing_is_lost_or_recorded_twice, read_active, read_copy

TRIES = 2
QUICK = {"connect_timeout": 1, "read_timeout": 1, "retries": {"mode": "standard", "total_max_attempts": TRIES}}
LOG, TABLE, MANIFEST, COPY = "part-0.parquet", "/joint_segments.parquet", "/manifest.json", "/active.json"

# How it answers which request, the task that fails for it, and the pattern of the error beside the object's name.
BAD = [
    (500, "GET", LOG, "select_features", "InternalError"),
    (503, "GET", LOG, "select_features", "SlowDown"),
    ("slow", "GET", LOG, "select_features", "Read timeout"),
    ("cut answer", "GET", LOG, "select_features", "Connection broken"),
    (503, "GET", "list-type", "wait_for_logs", "SlowDown"),
    ("slow", "GET", "list-type", "wait_for_logs", "Read timeout"),
    (500, "PUT", TABLE, "build_segments", "InternalError"),
    ("cut request", "PUT", TABLE, "build_segments", "Connection was closed"),
    ("cut answer", "GET", TABLE, "write_outputs", "Connection broken"),
    (503, "PUT", MANIFEST, "write_outputs", "SlowDown"),
    ("slow", "PUT", MANIFEST, "write_outputs", "Read timeout"),
    ("lost answer", "PUT", MANIFEST, "write_outputs", "Connection was closed"),
    (503, "GET", MANIFEST, "activate_run", "SlowDown"),
]


@pytest.fixture
def proxy(stack):
    made = FaultyProxy((stack.host, stack.s3_port))
    yield made
    made.close()


@pytest.fixture
def through(proxy, client):
    """The product's S3 connection leads through the proxy; `client` does not."""
    assert client
    with s3_connected(extra={"endpoint_url": proxy.url, "config_kwargs": QUICK}):
        yield proxy


@pytest.fixture
def active(add_small, request_run, through):
    """An entity's active run, made through the proxy."""
    assert through
    add_small()
    return run_tasks(request_run(dag_run_id="first"))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_lasts_fails_by_name_and_what_passes_costs_a_try_at_most(
    active, through, catalog, client, store, request_run, session, taking_turns, subtests
):
    for how, method, part, task, cause in taking_turns(BAD):
        with subtests.test(f"{how} {method} {part}"):
            lasting = request_run(dag_run_id=f"lasting {how} {method} {part}")
            with through.answering(how, method, part) as fault, pytest.raises(TaskFailed) as failed:
                run_tasks(lasting)
            # Manifests of earlier runs are requested, too: what they would have warned of is no reason to fail.
            more_requests = (method, part) == ("GET", MANIFEST) and len(fault.hits) > TRIES
            at_once = 2 if (method, part) == ("GET", "part-0.parquet") else 1  # a file is read ahead
            assert (
                TRIES <= len(fault.hits) <= at_once * TRIES + 1
                or (how, method) == ("cut answer", "GET")
                or more_requests
            )
            assert (failed.value.task, type(failed.value.problem)) == (task, StoreFailed)
            run = session.scalars(select(Run).where(Run.airflow_run_id == lasting.attempt.dag_run_id)).one()
            assert run.status == "failed"
            assert run.error_message.startswith(f"{task} (try 1): StoreFailed: ")
            named = "logs/date=2026-03-09/" if part == "list-type" else part
            assert named in run.error_message.split(" cannot be ")[0]
            assert re.search(cause, run.error_message)
            assert "\n" not in run.error_message
            assert read_active(catalog, client) == active

            with through.answering(how, method, part, times=len(fault.hits)) as fault:  # as long as one try of a task
                active = run_tasks(request_run(dag_run_id=f"passing {how} {method} {part}"), tries=2)
            assert fault.hits
            assert read_active(catalog, client) == active
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


@pytest.mark.parametrize("how", [500, 503, "slow", "cut request", "lost answer"])
def test_a_bad_answer_to_an_upload_is_tried_again_and_nobody_notices(
    active, through, catalog, client, store, request_run, how
):
    assert active
    with through.answering(how, "PUT", "", times=1) as first, through.answering(how, "PUT", MANIFEST, 1) as last:
        opt_run_id = run_tasks(request_run(dag_run_id="second"))
    assert (len(first.hits), len(last.hits)) == (1, 1)
    assert read_active(catalog, client) == opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def test_a_torn_upload_is_never_seen_and_the_next_one_stands(through, store, base_path):
    key = f"{split_url(base_path)[1]}/torn"
    body = bytes(range(256)) * 20_000
    ours = ObjectStore.of(base_path)
    with through.answering("cut request", "PUT", "/torn") as fault:
        with pytest.raises(StoreFailed, match="/torn cannot be written: Connection was closed"):
            ours.put_once(key, body)
        assert len(fault.hits) == TRIES
        assert store.stored(key) is None
        assert list(store.list(key)) == []
    assert ours.put_once(key, body) == store.stored(key)


def test_a_lost_answer_is_no_error_and_the_first_upload_stands(through, store, base_path):
    key = f"{split_url(base_path)[1]}/lost"
    ours = ObjectStore.of(base_path)
    with through.answering("lost answer", "PUT", "/lost", times=1) as fault:
        written = ours.put_once(key, b"once")
    assert fault.hits
    assert written == store.stored(key)
    assert ours.put_once(key, b"again") == written


def test_a_store_that_is_away_fails_the_run_by_name_and_the_next_one_works(
    active, through, catalog, client, store, request_run
):
    with through.away(), pytest.raises(TaskFailed, match=r"wait_for_logs: s3://.* cannot be listed: Could not connect"):
        run_tasks(request_run(dag_run_id="away"))
    assert read_active(catalog, client) == active
    opt_run_id = run_tasks(request_run(dag_run_id="back"))
    assert read_active(catalog, client) == opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def test_a_store_that_goes_away_as_the_pointer_moves_leaves_a_copy_that_the_sweep_repairs(
    active, through, catalog, client, store, request_run, base_path
):
    def go(effect, when):
        if (effect, when) == ("activate_run: commit", BEFORE):
            through.close()

    key = active_key(f"{base_path}/drugs_com")
    with (
        Effects(go).watched() as effects,
        pytest.raises(TaskFailed, match=r"activate_run: s3://.*active\.json cannot be"),
    ):
        run_tasks(request_run(dag_run_id="second"), effects)
    through.reopen()
    seen = read_active(catalog, client)
    assert seen > active == read_copy(client, "rtb", key)
    assert maintenance.reconcile_active_copies() == 1
    assert read_copy(client, "rtb", key) == seen
    assert_nothing_is_lost_or_recorded_twice(catalog, store)
