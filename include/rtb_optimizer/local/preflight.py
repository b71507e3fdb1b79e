"""Can the stack start on this machine? Each check names what is in the way and how to clear it."""

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.binaries import pg_bin_dir, weed_binary
from rtb_optimizer.local.ports import is_free, user_of, with_grpc
from rtb_optimizer.local.settings import LocalSettings

GIB = 1024**3
_OLDEST, _NEWEST = (3, 11), (3, 13)
_DEFAULT_MIN_FREE_GIB = "2"


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
    for variable, port in wanted_ports(settings, services):
        if not is_free(port):
            raise LocalStackError(port_problem(variable, port, user_of))


def python_problem(version: tuple[int, int]) -> str | None:
    """Say what is wrong with this version of Python, if anything."""
    if _OLDEST <= version <= _NEWEST:
        return None
    found = ".".join(map(str, version))
    return f"Python {found} is not supported: use 3.11, 3.12 or 3.13, as in `make setup PYTHON=python3.11`"


def disk_problem(free: int, folder: Path, needed_gib: float) -> str | None:
    """Say what is wrong with this much free space, if anything."""
    if free >= needed_gib * GIB:
        return None
    return (
        f"{folder} has {free / GIB:.1f} GiB of free disk and {needed_gib:g} GiB are needed: "
        "free some, or set RTB_LOCAL_DIR to a folder on another disk"
    )


def port_problem(variable: str, port: int, user: Callable[[int], str]) -> str:
    """Say who holds a port and which variable moves the stack away from it."""
    shown = f" (set through {variable})" if variable == "RTB_S3_PORT" else ""
    return f"port {port}{shown} is taken by {user(port)}: stop that, or set {variable} to a free port"


def wanted_ports(settings: LocalSettings, services: Collection[str]) -> list[tuple[str, int]]:
    """List the ports that these services will take, each with the variable that moves it."""
    ports = {
        "postgres": [("RTB_PG_PORT", settings.pg_port)],
        "s3": [("RTB_S3_PORT", port) for port in with_grpc(settings.s3_port)],
        "airflow": [("RTB_AIRFLOW_PORT", settings.airflow_port)],
    }
    return [each for service, wanted in ports.items() if service in services for each in wanted]
