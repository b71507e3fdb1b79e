"""Which checks are there, in which order, and which need which?"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rtb_optimizer.operations.doctor import airflow, catalog, machine
from rtb_optimizer.operations.doctor.findings import Finding, Standing
from rtb_optimizer.operations.doctor.s3 import Endpoint, rights

_BUCKETS_AT_ONCE = 8

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check-up is asked for: S3 paths (default: those of the entities), Airflow's URL, this machine's clock."""

    s3_paths: Sequence[str] = ()
    airflow_url: str = ""
    now: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True)
class Check:
    """A check with the checks that must not have failed before it."""

    name: str
    look: Callable[[], Finding]
    needs: Sequence[str] = ()


def findings(asked: Asked) -> Iterator[Finding]:
    """Yield what each check finds, as soon as it has; none raises."""
    endpoint, failed = Endpoint(asked.now), set[str]()
    yield from _noted(_first_checks(asked, endpoint), failed)
    yield from _buckets(asked, failed)
    yield from _noted(_last_checks(asked), failed)


def _first_checks(asked: Asked, endpoint: Endpoint) -> list[Check]:
    clock = "clock of the catalog"
    return [
        Check("catalog", catalog.connection),
        Check(clock, lambda: catalog.clock(asked.now), ["catalog"]),
        Check("schema", catalog.schema, ["catalog"]),
        Check("seeds", catalog.seeds, ["catalog", "schema"]),
        Check("S3", endpoint.connection),
        Check("clock of S3", endpoint.clock),
    ]


def _last_checks(asked: Asked) -> list[Check]:
    return [
        Check("engine", machine.engine, ["catalog", "schema", "seeds"]),
        Check("spill folder", machine.spill),
        Check("manifest", catalog.manifest, ["catalog", "schema", "seeds"]),
        Check("Airflow", lambda: airflow.health(asked.airflow_url)),
    ]


def _buckets(asked: Asked, failed: set[str]) -> Iterator[Finding]:
    lacking = failed & ({"S3"} if asked.s3_paths else {"S3", "catalog", "schema"})
    if lacking:
        yield _skipped("bucket", lacking)
        return
    paths = asked.s3_paths or catalog.base_paths()
    if not paths:
        told = "no entity has a base path yet: --s3-path s3://bucket/path checks one"
        yield Finding("bucket", Standing.SKIPPED, told)
    with ThreadPoolExecutor(_BUCKETS_AT_ONCE) as pool:
        checks = [Check("bucket", lambda path=path: rights(path)) for path in paths]  # type: ignore[misc]
        yield from pool.map(_timed, checks)


def _noted(checks: Sequence[Check], failed: set[str]) -> Iterator[Finding]:
    for check in checks:
        lacking = failed & {*check.needs}
        finding = _skipped(check.name, lacking) if lacking else _timed(check)
        if finding.standing is Standing.FAILED:
            failed.add(check.name)
        yield finding


def _skipped(check: str, lacking: set[str]) -> Finding:
    return Finding(check, Standing.SKIPPED, f"not looked at, since this failed: {', '.join(sorted(lacking))}")


def _timed(check: Check) -> Finding:
    """Return what a check finds, with the time it took unless it measured that itself; what it raises is a finding."""
    start = time.perf_counter()
    try:
        finding = check.look()
    except Exception as problem:  # one check that breaks must not hide the others
        log.debug("%s", check.name, exc_info=True)
        told = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        finding = Finding(check.name, Standing.FAILED, told, "mend what it says, and check again")
    took = 1000 * (time.perf_counter() - start)
    return finding if finding.milliseconds is not None else replace(finding, milliseconds=took)
