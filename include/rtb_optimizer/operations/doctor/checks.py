"""Runs the checks in order, skipping those whose dependencies failed."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from rtb_optimizer.operations.doctor import airflow, catalog, cluster, machine
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding
from rtb_optimizer.operations.doctor.logs import first_object
from rtb_optimizer.operations.doctor.s3 import Endpoint, rights

_BUCKETS_AT_ONCE = 8

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Options: the S3 paths (default: those of the entities), Airflow's URL, this machine's clock."""

    s3_paths: Sequence[str] = ()
    airflow_url: str = ""
    now: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True)
class Check:
    """A check; it is skipped when one of `needs` has failed."""

    name: str
    run: Callable[[], Finding]
    needs: Sequence[str] = ()


def findings(options: CheckOptions) -> Iterator[Finding]:
    """Yield the finding of each check as it completes; no check raises."""
    endpoint, failed = Endpoint(options.now), set[str]()
    yield from _run_in_order(_first_checks(options, endpoint), failed)
    yield from _check_buckets(options, failed)
    yield from _check_logs(failed)
    yield from _run_in_order(_last_checks(options), failed)


def _first_checks(options: CheckOptions, endpoint: Endpoint) -> list[Check]:
    clock = "clock of the catalog"
    return [
        Check("catalog", catalog.connection),
        Check(clock, lambda: catalog.clock(options.now), ["catalog"]),
        Check("schema", catalog.schema, ["catalog"]),
        Check("seeds", catalog.seeds, ["catalog", "schema"]),
        Check("S3", endpoint.connection),
        Check("clock of S3", endpoint.clock),
    ]


def _last_checks(options: CheckOptions) -> list[Check]:
    return [
        Check("engine", machine.engine, ["catalog", "schema", "seeds"]),
        Check("spill folder", machine.spill),
        Check("DAG list", catalog.dag_list, ["catalog", "schema", "seeds"]),
        Check("Airflow", lambda: airflow.health(options.airflow_url)),
    ]


def _check_buckets(options: CheckOptions, failed: set[str]) -> Iterator[Finding]:
    causes = failed & ({"S3"} if options.s3_paths else {"S3", "catalog", "schema"})
    if causes:
        yield _skipped("bucket", causes)
        return
    paths = options.s3_paths or catalog.base_paths()
    if not paths:
        summary = "no entity has a base path yet: pass --s3-path s3://bucket/path to check one"
        yield Finding("bucket", CheckStatus.SKIPPED, summary)
    with ThreadPoolExecutor(_BUCKETS_AT_ONCE) as pool:
        checks = [Check("bucket", lambda path=path: rights(path)) for path in paths]  # type: ignore[misc]
        yield from pool.map(_timed, checks)


def _check_logs(failed: set[str]) -> Iterator[Finding]:
    if causes := failed & {"S3", "catalog", "schema"}:
        yield _skipped("logs", causes)
        return
    with ThreadPoolExecutor(_BUCKETS_AT_ONCE) as pool:
        checks = [Check("logs", partial(first_object, *found)) for found in catalog.logs_paths().items()]
        yield from pool.map(_timed, checks)
    for found in catalog.spark_logs_paths().items():
        yield _timed(Check(cluster.NAME, partial(cluster.first_object, *found)))


def _run_in_order(checks: Sequence[Check], failed: set[str]) -> Iterator[Finding]:
    for check in checks:
        causes = failed & {*check.needs}
        finding = _skipped(check.name, causes) if causes else _timed(check)
        if finding.status is CheckStatus.FAILED:
            failed.add(check.name)
        yield finding


def _skipped(check: str, causes: set[str]) -> Finding:
    return Finding(check, CheckStatus.SKIPPED, f"not checked, because this failed: {', '.join(sorted(causes))}")


def _timed(check: Check) -> Finding:
    """Return a check's finding with its duration, unless the check measured that itself; exceptions are findings."""
    start = time.perf_counter()
    try:
        finding = check.run()
    except Exception as problem:  # an error in one check must not hide the others
        log.debug("%s", check.name, exc_info=True)
        summary = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        finding = Finding(check.name, CheckStatus.FAILED, summary, "fix the reported error, and check again")
    milliseconds = 1000 * (time.perf_counter() - start)
    return finding if finding.milliseconds is not None else replace(finding, milliseconds=milliseconds)
