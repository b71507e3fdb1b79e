"""A Celery worker's main process is killed alone: its task runs twice, and is recorded once.

One of what a commit kills a third of: the others are in test_kills.py.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from caught_tasks import active_run, caught, locked, recorded_once
from celery_stack import broker_service, celery_settings, free_ports, worker_service
from live_airflow import DAG, ENTITY, airflow_with_entity, seeded_catalog, until
from rtb_optimizer.local import airflow
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.startup import Startup
from rtb_optimizer.local.supervisor import Supervisor

pytestmark = [pytest.mark.airflow, pytest.mark.celery, pytest.mark.timeout(1800)]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LOGS = "s3://rtb/celery/logs/date={date}/"
# A day and a minute, made short.
SOON = {
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
}
# What Airflow's worker logs about a task that it receives a second time.
RECEIVED_AGAIN = "Task already running elsewhere"


@pytest.fixture
def live(tmp_path, new_root):
    """The product's stack with the executor of the compose file, and one worker; yields another worker, too."""
    settings = settings_on_free_ports(new_root(tmp_path, impatient=False))
    broker, health = free_ports(2)
    ours = celery_settings(broker, health) | SOON
    supervisor = Supervisor(settings.logs)
    try:
        Startup(settings, supervisor, lambda: time.sleep(0.1), print).run(("postgres", "s3"))
        airflow.prepare(settings)
        components = [
            replace(each, environment={**each.environment, **ours})
            for each in airflow.services(settings)
            if each.name != "airflow-triggerer"
        ]
        api_server, *others = components
        supervisor.start([api_server])  # a task that finds none fails
        until(lambda: airflow.serves_tasks(settings), "the api-server", seconds=240)
        worker = worker_service("worker-1", api_server)
        supervisor.start([*others, broker_service(broker, tmp_path, api_server), worker])
        with seeded_catalog(settings, LOGS, [(TODAY - timedelta(days=n)).date() for n in (1, 2)]):
            yield settings, supervisor, worker_service("worker-2", api_server)
    finally:
        supervisor.stop()


@pytest.mark.takes_turns(1)
def test_a_worker_whose_main_process_dies_alone_runs_its_task_twice_and_it_is_recorded_once(live):
    """Its pool dies with it, but not the task; the broker hands the task out again, then Airflow tries it again."""
    settings, supervisor, another_worker = live
    api = airflow_with_entity(settings, f"s3://rtb/celery/{ENTITY}", logs_path=LOGS, schedule="0 0 1 1 *")
    [main] = [psutil.Process(each.identity.pid) for each in supervisor.children if each.service.name == "worker-1"]
    table = "opt_run_features"
    with locked(settings, table, "EXCLUSIVE"):
        dag_run = api.trigger(DAG)
        [orphan] = until(lambda: caught(settings, table), f"select_features at {table}", seconds=180)
        assert main in orphan.parents()
        main.kill()
        supervisor.start([another_worker])
        log = supervisor.log_of(another_worker.name)
        until(lambda: RECEIVED_AGAIN in log.read_text(), "the broker to hand the task out again", seconds=120)
        both = until(lambda: len(tasks := caught(settings)) == 2 and tasks, "the next try", seconds=180)
        assert orphan in both
    assert api.wait(DAG, dag_run, timeout_s=400) == "success"
    psutil.wait_procs(both, 60)
    assert recorded_once(dag_run)
    assert active_run().airflow_run_id == dag_run
