"""The TCP ports that the stack takes, and the check that they are free."""

import os
import secrets
import socket
from collections.abc import Iterable, Mapping

import psutil

from rtb_optimizer.errors import LocalStackError

LOOPBACK = "127.0.0.1"
# weed serves gRPC beside each of its HTTP ports, this far above it.
GRPC_OFFSET = 10_000
OBJECT_STORE_PARTS = ("s3", "master", "volume", "filer", "admin")
HIGHEST_PORT = 65_535
DEFAULT_POSTGRES, DEFAULT_STORE, DEFAULT_AIRFLOW = 15_432, 18_333, 18_080
# Below the ports that operating systems hand out to clients (from 32768 on Linux), gRPC included.
FREE_RANGE = range(15_000, 22_000)


def from_environment(variable: str, default: int, environ: Mapping[str, str] = os.environ) -> int:
    """Read a port number from the environment.

    Raises:
        LocalStackError: when the variable is not a port number.
    """
    text = environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= HIGHEST_PORT:
        raise LocalStackError(f"{variable}={text} is not a port: set it to a number from 1 to {HIGHEST_PORT}")
    return int(text)


def object_store_ports(base: int) -> dict[str, int]:
    """Name the HTTP ports of the object store: S3 itself, then its inner parts right above."""
    return {part: base + offset for offset, part in enumerate(OBJECT_STORE_PARTS)}


def with_grpc(base: int) -> list[int]:
    """List every port of the object store, gRPC included."""
    http = list(object_store_ports(base).values())
    return http + [port + GRPC_OFFSET for port in http]


_DEFAULT = frozenset({DEFAULT_POSTGRES, DEFAULT_AIRFLOW, *with_grpc(DEFAULT_STORE)})


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def user_of(port: int) -> str:
    """Name the program that listens on a port as well as the system lets us see."""
    try:
        holders = [each.pid for each in psutil.net_connections("tcp") if _listens_on(each, port)]
        program = psutil.Process(holders[0])
        return f"{program.name()} (pid {program.pid})"
    except (psutil.Error, IndexError, TypeError):
        return "another program"


def _listens_on(connection: object, port: int) -> bool:
    address = getattr(connection, "laddr", None)
    listening = getattr(connection, "status", "") == psutil.CONN_LISTEN
    return bool(address) and listening and getattr(address, "port", None) == port


def pick_free() -> tuple[int, int, int]:
    """Find free ports for PostgreSQL, S3 (with its inner ports) and Airflow, apart from the default ones.

    Raises:
        LocalStackError: when a hundred tries yield none.
    """
    for _ in range(100):
        postgres, store, airflow = (FREE_RANGE[secrets.randbelow(len(FREE_RANGE))] for _ in range(3))
        if may_be_picked(postgres, store, airflow) and all_free([postgres, airflow, *with_grpc(store)]):
            return postgres, store, airflow
    raise LocalStackError("no free ports between 15000 and 22000: stop some servers on this machine")


def may_be_picked(postgres: int, store: int, airflow: int) -> bool:
    """Return whether these ports collide neither with each other nor with those of a stack with default settings."""
    ports = [postgres, airflow, *with_grpc(store)]
    return len(set(ports)) == len(ports) and _DEFAULT.isdisjoint(ports)


def all_free(ports: Iterable[int]) -> bool:
    """Return whether every one of these ports is free."""
    return all(is_free(port) for port in ports)
