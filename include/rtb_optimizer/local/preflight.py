"""Checks that the stack can start on this machine: each names the obstacle and how to clear it."""

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.binaries import pg_bin_dir, weed_binary
from rtb_optimizer.local.ports import GRPC_OFFSET, is_free, object_store_ports, user_of
from rtb_optimizer.local.settings import LocalSettings

GIB = 1024**3
_OLDEST, _NEWEST = (3, 11), (3, 13)
_DEFAULT_MIN_FREE_GIB = "2"


@dataclass(frozen=True)
class WantedPort:
    """A port that the stack will take, what for, and the variable that moves it."""

    variable: str
    number: int
    purpose: str


def check(settings: LocalSettings, services: Collection[str], environ: Mapping[str, str] = os.environ) -> None:
    """Raise the first thing that would keep these services from starting.

    Raises:
        LocalStackError: one line that names the thing and the fix.
    """
    needed = float(environ.get("RTB_MIN_FREE_GIB") or _DEFAULT_MIN_FREE_GIB)
    problems = [
        python_problem(sys.version_info[:2]),
        disk_problem(shutil.disk_usage(settings.root).free, settings.root, needed),
    ]
    for problem in problems:
        if problem:
            raise LocalStackError(problem)
    if "postgres" in services:
        pg_bin_dir(environ)
    if "s3" in services:
        weed_binary(environ)
    for port in wanted_ports(settings, services):
        if not is_free(port.number):
            raise LocalStackError(port_problem(port, user_of))


def python_problem(version: tuple[int, int]) -> str | None:
    """Say what is wrong with this version of Python, if anything."""
    if _OLDEST <= version <= _NEWEST:
        return None
    current = ".".join(map(str, version))
    return f"Python {current} is not supported: use 3.11, 3.12 or 3.13, as in `make setup PYTHON=python3.11`"


def disk_problem(free: int, folder: Path, needed_gib: float) -> str | None:
    """Say what is wrong with this much free space, if anything."""
    if free >= needed_gib * GIB:
        return None
    return (
        f"{folder} has {free / GIB:.1f} GiB of free disk and {needed_gib:g} GiB are needed: "
        "free some, or set RTB_LOCAL_DIR to a folder on another disk"
    )


def port_problem(port: WantedPort, user: Callable[[int], str]) -> str:
    """Say who holds a port, what it is for, and which variable moves the stack away from it."""
    return (
        f"port {port.number} ({port.purpose}) is taken by {user(port.number)}: "
        f"stop that, or set {port.variable} to a free port"
    )


def wanted_ports(settings: LocalSettings, services: Collection[str]) -> list[WantedPort]:
    """List the ports that these services will take."""
    ports = {
        "postgres": [WantedPort("RTB_PG_PORT", settings.pg_port, "PostgreSQL")],
        "s3": _object_store_ports(settings.s3_port),
        "airflow": [WantedPort("RTB_AIRFLOW_PORT", settings.airflow_port, "Airflow")],
    }
    return [each for service, wanted in ports.items() if service in services for each in wanted]


def _object_store_ports(base: int) -> list[WantedPort]:
    """List the store's ports: nobody sets the inner ones, so each states how it follows from RTB_S3_PORT."""
    wanted = []
    for part, http in object_store_ports(base).items():
        for kind, number in (("", http), (" gRPC", http + GRPC_OFFSET)):
            distance = f", RTB_S3_PORT + {number - base}" if number > base else ""
            wanted.append(WantedPort("RTB_S3_PORT", number, f"object store: {part}{kind}{distance}"))
    return wanted
