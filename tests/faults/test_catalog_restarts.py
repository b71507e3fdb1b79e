"""PostgreSQL that is restarted under a run, in the middle of its steps and between them, or is away for a while."""

import asyncio
import logging
import os
import signal
import threading
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from effects import BEFORE, Effects
from nights import STEPS, TaskFailed, run_tasks
from rtb_optimizer.dag import sensors
from rtb_optimizer.dag.sensors import LogsComplete
from rtb_optimizer.local import postgres, processes
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.operations import maintenance
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import connections, migrate, seeds
from rtb_optimizer.store.schema import Run
from seeded_logs import NIGHTS, write_logs
from whole_run import assert_nothing_is_lost_or_recorded_twice, facts_of, read_active

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT  # sessions are notified; sessions are dropped, and the log is replayed


class Server:
    """A PostgreSQL of this file's own, which may be stopped and started."""

    def __init__(self, settings):
        self.settings, self.stops = settings, 0
        self._service = postgres.service(settings)
        self.start()

    def start(self):
        """Start, and wait until it lets us in."""
        self._process = processes.start(self._service, self.settings.logs / "postgres.log")
        while not postgres.is_ready(self.settings):
            assert self._process.poll() is None, "it ended"
            threading.Event().wait(0.02)

    def stop(self, how=FAST):
        """Stop, and wait for the end."""
        self._process.send_signal(how)
        self._process.wait(30)
        self.stops += 1

    def restart(self, how=FAST):
        """Stop and start."""
        self.stop(how)
        self.start()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(settings_on_free_ports(tmp_path_factory.mktemp("restarted")))
    yield made
    made.stop()


@pytest.fixture
def catalog(stack, server, monkeypatch, tmp_path):
    """A seeded catalog on that server; the objects are in the store of all tests."""
    assert stack
    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(server.settings.database_url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    url = server.settings.database_url(name)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    migrate.upgrade(engine)
    with connections.Session(engine) as session:
        seeds.seed(session)
        session.commit()
    monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", url)
    monkeypatch.setenv("RTB_MANIFEST", str(tmp_path / "entities.json"))
    connections.catalog.cache_clear()
    yield url
    connections.catalog().dispose()
    connections.catalog.cache_clear()


@pytest.fixture
def active(add_small, request_run):
    add_small()
    return run_tasks(request_run(dag_run_id="first"))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("offset", [0, 1])
def test_a_restart_at_any_effect_costs_a_try_at_most(
    active, server, catalog, client, store, request_run, long, offset, taking_turns, subtests
):
    """Every second effect meets a fast restart, the others an immediate one; `--long` also the other way round."""
    if offset and not long:
        pytest.skip("make test-long runs it")
    with Effects().watched() as counted:
        expected = facts_of(catalog, store, run_tasks(request_run(dag_run_id="counted"), counted))
    for number, effect in taking_turns(enumerate(counted.seen)):
        how, fired = (FAST, IMMEDIATE)[(number + offset) % 2], []

        def restart(at, when, how=how, fired=fired, effect=effect):
            if (at, when) == (effect, BEFORE) and not fired:
                fired.append(how)
                server.restart(how)

        with subtests.test(f"{how.name} at {effect}"):
            with Effects(restart).watched() as watched:
                active = run_tasks(request_run(dag_run_id=f"{offset} {effect}"), watched, tries=2)
            assert fired
            assert read_active(catalog, client) == active
            assert facts_of(catalog, store, active) == expected
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def test_restarts_between_the_tasks_cost_nothing(active, server, catalog, client, store, request_run):
    class BeforeEachTask:
        def __setattr__(self, _name, _task):
            server.restart()

    before = server.stops
    opt_run_id = run_tasks(request_run(dag_run_id="second"), BeforeEachTask())
    assert server.stops == before + 1 + len(STEPS)
    assert active < opt_run_id == read_active(catalog, client)
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def test_a_failure_while_the_catalog_is_away_is_recorded_by_the_next_sweep(
    active, server, catalog, client, store, request_run, session
):
    def go(effect, when):
        if (effect, when) == ("write_outputs: put manifest.json", BEFORE):
            server.stop(IMMEDIATE)

    with Effects(go).watched() as effects, pytest.raises(TaskFailed, match="write_outputs") as failed:
        run_tasks(request_run(dag_run_id="second"), effects, tries=2)
    assert isinstance(failed.value.problem, OperationalError)
    server.start()
    assert read_active(catalog, client) == active
    assert maintenance.sweep_runs(lambda *_: "failed") == 1
    run = session.scalars(select(Run).where(Run.airflow_run_id == "second")).one()
    assert run.error_message == "swept: the dag run is failed, and no callback reported it"
    opt_run_id = run_tasks(request_run(dag_run_id="third"))
    assert read_active(catalog, client) == opt_run_id
    assert_nothing_is_lost_or_recorded_twice(catalog, store)


def test_a_run_that_waits_for_its_logs_outlives_an_outage_of_the_catalog(
    add_entity, server, store, base_path, request_run, now
):
    add_entity(lookback_days="1")
    opt_run_id = create_run(request_run())
    failed, arrived = threading.Event(), threading.Event()

    class FailureHandler(logging.Handler):
        def emit(self, _record):
            failed.set()

    async def wait():
        deadline = (now.now(now.tzinfo) + timedelta(minutes=5)).isoformat()
        async for _ in LogsComplete(opt_run_id, deadline, 0.05).run():
            arrived.set()

    handler = FailureHandler()
    sensors.log.addHandler(handler)
    server.stop()
    waiting = threading.Thread(target=lambda: asyncio.run(wait()))
    waiting.start()
    try:
        assert failed.wait(30)
        server.start()
        write_logs(store, f"{base_path}/logs/date={{date}}/", NIGHTS[-1:])
        assert arrived.wait(30)
    finally:
        sensors.log.removeHandler(handler)
        if server._process.poll() is not None:
            server.start()
        waiting.join(30)
