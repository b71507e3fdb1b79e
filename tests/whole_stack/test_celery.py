"""CeleryExecutor with the settings of docker-compose.yaml distributes tasks to two workers.

No container engine: the same programs run as processes on loopback, with a throw-away database and broker.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
import pytest

from celery_stack import COMPOSE, broker_service, celery_settings, free_ports, worker_service
from rtb_optimizer.local import airflow, postgres
from rtb_optimizer.local.credentials import load_or_create
from rtb_optimizer.local.settings import METADATA_DATABASE, LocalSettings
from rtb_optimizer.local.supervisor import Supervisor

pytestmark = [pytest.mark.airflow, pytest.mark.celery]

WORKERS = ("worker-1", "worker-2")
TASKS = 8
PATIENCE_S = 120
# Every task leaves a file that names the worker that ran it; its sleep keeps one worker from taking all of them.
DAG = f"""
import os, pathlib, time
from datetime import datetime
from airflow.sdk import dag, task

@dag(dag_id="sleepers", schedule="@once", start_date=datetime(2026, 1, 1))
def sleepers():
    @task
    def sleep(number):
        time.sleep(1.5)
        pathlib.Path(os.environ["SEEN_FOLDER"], f"{{number}}.{{os.environ['WORKER_NAME']}}").touch()
    sleep.expand(number=list(range({TASKS})))

sleepers()
"""


@dataclass(frozen=True)
class Stack:
    """The running stack: where it lives, and what its processes have in their environment."""

    settings: LocalSettings
    environment: dict[str, str]
    seen: Path


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, new_root: Callable[..., Path]) -> Iterator[Stack]:
    root = new_root(tmp_path_factory.mktemp("celery"), impatient=False)
    pg_port, unused, airflow_port, broker_port, health_port = free_ports(5)
    dags, seen = root / "dags", root / "seen"
    dags.mkdir()
    seen.mkdir()
    (dags / "sleepers.py").write_text(DAG)
    settings = LocalSettings(root, pg_port, unused, airflow_port, load_or_create(root), dags_folder=dags)
    ours = celery_settings(broker_port, health_port) | {"SEEN_FOLDER": str(seen), "HEALTH_PORT": str(health_port)}
    airflow.prepare(settings)
    components = {
        service.name.removeprefix("airflow-"): replace(service, environment={**service.environment, **ours})
        for service in airflow.services(settings)
        if service.name != "airflow-triggerer"
    }
    like = components["scheduler"]
    supervisor = Supervisor(settings.logs)
    try:
        supervisor.start([postgres.service(settings), broker_service(broker_port, root, like)])
        wait_until(lambda: postgres.is_ready(settings), "PostgreSQL answers")
        postgres.create_databases(settings)
        supervisor.start([components.pop("api-server")])  # a task that finds none fails
        wait_until(lambda: airflow.serves_tasks(settings), "the api-server answers", 240)
        supervisor.start([*components.values(), *(worker_service(name, like) for name in WORKERS)])
        yield Stack(settings, dict(like.environment), seen)
    finally:
        supervisor.stop()


def states(stack: Stack, table: str) -> list[str]:
    with psycopg.connect(stack.settings.database_url(METADATA_DATABASE)) as connection:
        return [row[0] for row in connection.execute(f"SELECT state FROM {table}").fetchall()]


def test_two_workers_share_the_tasks_of_one_run(stack: Stack) -> None:
    wait_until(lambda: states(stack, "dag_run") in (["success"], ["failed"]), "the run ends")
    assert states(stack, "task_instance") == ["success"] * TASKS
    ran = [path.name.split(".") for path in stack.seen.iterdir()]
    assert sorted(int(number) for number, _ in ran) == list(range(TASKS))
    assert {worker for _, worker in ran} == set(WORKERS)


def test_none_of_the_processes_listens_beyond_loopback(stack: Stack) -> None:
    assert stack.seen.exists()
    open_to: list[str] = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Airflow's parsers come and go
            open_to += [each.laddr.ip for each in process.net_connections("tcp") if each.status == "LISTEN"]
    assert len(open_to) >= len(("postgres", "broker", "api-server", "scheduler"))
    assert set(open_to) == {"127.0.0.1"}


@pytest.mark.takes_turns
@pytest.mark.parametrize("service", ["api-server", "scheduler", "dag-processor", "worker-1"])
def test_the_health_check_of_the_compose_file_finds_the_process(stack: Stack, service: str) -> None:
    kind, *command = COMPOSE["services"][service]["healthcheck"]["test"]
    line = command[0] if kind == "CMD-SHELL" else " ".join(command)
    ports = {"8080": str(stack.settings.airflow_port), "8974": stack.environment["HEALTH_PORT"]}
    for inside, here in ports.items():
        line = line.replace(f"localhost:{inside}", f"127.0.0.1:{here}")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{stack.environment['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line.replace("$$", "$")],
        env=stack.environment | {"HOSTNAME": service, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
