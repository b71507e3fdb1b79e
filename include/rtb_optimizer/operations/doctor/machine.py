"""Checks that this machine has the memory, cores and disk space that the counting engine is configured to use."""

import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import select

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import EngineLimits, Finding, Machine
from rtb_optimizer.store import connections
from rtb_optimizer.store.schema import Entity, EntityConfig, VersionConfig

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def engine() -> Finding:
    """Open the engine with the largest configured limits, and run a query."""
    limits = EngineLimits(*(_largest(key) for key in ("engine_threads", "engine_memory_mb")))
    with DuckDBEngine(None, limits.threads, limits.memory_mb) as duckdb:
        version = duckdb.query("SELECT version() AS version")["version"][0].as_py()
    return findings.engine(f"DuckDB {version}", limits, machine())


def spill() -> Finding:
    """Write to the folder that the engine spills to, and read its free space."""
    folder = tempfile.gettempdir()  # falls back to another folder where TMPDIR cannot be written
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    return findings.spill(folder, os.environ.get("TMPDIR", ""), shutil.disk_usage(folder).free / (1 << 30))


def machine() -> Machine:
    """Return the resources of this machine, or of the container that limits it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _CGROUP_LIMITS:
        if limit.exists() and (text := limit.read_text().strip()).isdecimal():
            memory = min(memory, int(text))
    return Machine(memory // 1_000_000, os.cpu_count() or 1)


def _largest(key: str) -> int:
    """Return the largest value of a key over all entities."""
    declared = select(VersionConfig.default_value).where(VersionConfig.config_key == key)
    overridden = (
        select(EntityConfig.config_value)
        .join(Entity, Entity.entity_id == EntityConfig.entity_id)
        .where(EntityConfig.config_key == key, Entity.status != "retired")
    )
    with connections.session() as session:
        return max(int(value) for value in session.scalars(declared.union_all(overridden)) if value)
