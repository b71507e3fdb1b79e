"""Reads one object of an entity's logs as a run does: lists it, reads it by ranges, opens it with the engine."""

from itertools import islice

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.files.layout import MAGIC
from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url

LOOKED_AT = 1000
"""How many objects are listed to find one that may be a log."""
MEMORY_MB = 128


def first_object(logs_path: str, key: str = "logs_path") -> Finding:
    """Read the first object below the fixed part of a log path; the finding names the step that failed, or the key."""
    url, step = logs_path, "list"
    try:
        if (first := first_log(logs_path)) is None:
            fix = f"deliver the logs, or correct {key}: `python -m rtb_optimizer config set ENTITY {key}=...`"
            return Finding("logs", CheckStatus.WARNING, f"{logs_path}: there is no object yet", fix)
        (url, found), step = first, "read"
        objects = LogObjects.of({url: found})
        size = found.byte_size
        end = objects.read(url.removeprefix("s3://"), max(size - len(MAGIC), 0), size)
        if end != MAGIC:
            return findings.logs(url, f"listed and read, {size:,} bytes", {})
        step = "open"
        with DuckDBEngine(objects, threads=1, memory_mb=MEMORY_MB) as engine:
            columns = engine.open_logs([url])
    except (StoreFailed, LogsInvalid) as problem:
        return findings.logs(url, "", {step: str(problem)})
    return findings.logs(url, f"listed, read and opened, {len(columns)} columns", {})


def first_log(logs_path: str) -> tuple[str, ListedObject] | None:
    """Return the first object that may be a log, with its URL: not empty, and of no hidden name."""
    bucket, prefix = split_url(logs_path.partition("{")[0])
    listed = islice(ObjectStore.of(logs_path).list(prefix), LOOKED_AT)
    logs = (each for each in listed if each.byte_size and not each.key.rpartition("/")[2].startswith(("_", ".")))
    return next(((f"s3://{bucket}/{each.key}", each) for each in logs), None)
