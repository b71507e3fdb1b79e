"""Turns measurements of the environment into findings with a fix; the other modules measure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SKEW_LIMIT = timedelta(seconds=30)  # S3 refuses requests at 15 minutes; windows and `valid_until` go wrong long before
SPILL_NEEDED = 2.0  # GiB: less than this and counting a large window ends as EngineFull
_NAMED = 5
_ACTIONS = {"list": "s3:ListBucket", "put": "s3:PutObject", "get": "s3:GetObject", "delete": "s3:DeleteObject"}
_OPERATIONS = {"ListObjectsV2": "list", "PutObject": "put", "DeleteObjects": "delete"}
_READ_FIX = (
    f"grant {_ACTIONS['get']} there to the key of connection rtb_s3, kms:Decrypt where objects are encrypted by a "
    "key, and for a bucket whose requesters pay set extra_args of service_config.s3: docs/operations.md"
)
_DENIED = ("AccessDenied", "Forbidden", "403")
_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
_S3_FIXES = {
    "NoSuchBucket": "create the bucket, or correct the path: S3 has no bucket of that name",
    "InvalidAccessKeyId": "correct the key id in connection rtb_s3",
    "SignatureDoesNotMatch": "correct the secret key in connection rtb_s3",
    "ExpiredToken": "renew the session token of connection rtb_s3",
    "RequestTimeTooSkewed": "set this machine's clock",
}


class CheckStatus(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: `summary` in one line, `fix` what to do (empty when all is well), its duration."""

    check: str
    status: CheckStatus
    summary: str
    fix: str = ""
    milliseconds: float | None = None

    def as_json(self) -> dict[str, str | float | None]:
        """Return the finding with the keys of `doctor --json`."""
        return {
            "check": self.check,
            "status": self.status,
            "summary": self.summary,
            "fix": self.fix,
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources of this machine: memory in MB (of the container, where limited) and cores."""

    memory_mb: int
    cores: int


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The configured limits of the counting engine: threads, and memory in MB."""

    threads: int
    memory_mb: int


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether no check failed; warnings and skipped checks are no failures."""
    return all(finding.status is not CheckStatus.FAILED for finding in findings)


def schema(at: str | None, head: str, revisions: Collection[str]) -> Finding:
    """Compare the catalog's revision with the newest of this checkout and all that it contains."""
    if at == head:
        return Finding("schema", CheckStatus.OK, f"at revision {head}, the newest")
    if at is None:
        return _failed("schema", "the catalog has no schema", "run `python -m rtb_optimizer migrate`")
    if at not in revisions:
        summary = f"at revision {at}, which this checkout does not have: its newest is {head}"
        return _failed("schema", summary, "update this checkout: a newer one has migrated the catalog")
    summary = f"at revision {at}, the newest is {head}"
    return _failed("schema", summary, "run `python -m rtb_optimizer migrate`")


def seeds(missing: Sequence[str], differing: Sequence[str]) -> Finding:
    """Report the seeds that the catalog lacks, and those that differ."""
    fix = "run `python -m rtb_optimizer seed`"
    if missing:
        return _failed("seeds", f"missing: {_join_names(missing)}", fix)
    if differing:
        summary = f"declared differently than in this checkout: {_join_names(differing)}"
        return Finding("seeds", CheckStatus.WARNING, summary, fix)
    return Finding("seeds", CheckStatus.OK, "optimizer, version, config keys and macros are present")


def rights(path: str, refused: Mapping[str, tuple[str, str]]) -> Finding:
    """Report the operations refused below a path: error code and message by right (list, put, put once, ...)."""
    if not refused:
        return Finding("bucket", CheckStatus.OK, f"{path}: list, put, get and delete; objects are not overwritten")
    summary = "; ".join(f"{right}: {message}" for right, (_, message) in refused.items())
    fixes = dict.fromkeys(_right_fix(right, code) for right, (code, _) in refused.items())
    return _failed("bucket", f"{path}: {summary}", "; ".join(fixes))


def logs(path: str, read: str, refused: Mapping[str, str]) -> Finding:
    """Report an object of the logs that was read as a run reads it: the result, or the step that failed."""
    if not refused:
        return Finding("logs", CheckStatus.OK, f"{path}: {read}")
    [(step, message)] = refused.items()
    return _failed("logs", f"{path}: {step}: {message}", _log_fix(step, message))


def _log_fix(step: str, message: str) -> str:
    if code := next((code for code in _S3_FIXES if code in message), ""):
        return s3_fix(code)
    if "AccessDenied" not in message and "Forbidden" not in message:
        return s3_fix(message if _CERTIFICATE in message else "") if step != "open" else "deliver that object again"
    if step == "list":
        return _granted(_ACTIONS["list"])
    return _READ_FIX


def s3_fix(code: str) -> str:
    """Return the fix for an error code of S3; an empty code means that it could not be reached."""
    if _CERTIFICATE in code:
        return "set verify in the extra of connection rtb_s3 to the file of the store's CA, or to false"
    if not code:
        return "start the store, or correct endpoint_url and region_name in the extra of connection rtb_s3"
    return _S3_FIXES.get(code, "check key, secret, endpoint_url and region_name of connection rtb_s3")


def operation_fix(operation: str, code: str) -> str:
    """Return the fix for an error code that an operation of S3 was answered with."""
    if code not in _DENIED:
        return s3_fix(code)
    right = _OPERATIONS.get(operation, "get")
    return _READ_FIX if right == "get" else _granted(_ACTIONS[right])


def clock(whose: str, ahead: timedelta) -> Finding:
    """Report how far the clock of `whose` is ahead of this machine's; negative when it is behind."""
    check, seconds = f"clock of {whose}", ahead.total_seconds()
    summary = (
        f"{abs(seconds):.1f} s {'ahead of' if seconds >= 0 else 'behind'} this machine, {_seconds(SKEW_LIMIT)} allowed"
    )
    if abs(ahead) <= SKEW_LIMIT:
        return Finding(check, CheckStatus.OK, summary)
    return _failed(check, summary, "let NTP set the clocks of both machines, this one's first")


def engine(name: str, limits: EngineLimits, machine: Machine) -> Finding:
    """Compare the engine's limits with the resources of this machine."""
    summary = (
        f"{name}, {limits.threads} threads of {machine.cores}, {limits.memory_mb:,} MB of {machine.memory_mb:,} MB"
    )
    exceeded = [
        *(["engine_memory_mb"] if limits.memory_mb > machine.memory_mb else []),
        *(["engine_threads"] if limits.threads > machine.cores else []),
    ]
    if not exceeded:
        return Finding("engine", CheckStatus.OK, summary)
    fix = f"lower {' and '.join(exceeded)}: `python -m rtb_optimizer config set ENTITY {exceeded[0]}=...`"
    return Finding("engine", CheckStatus.WARNING, summary, fix)


def spill(folder: str, tmpdir: str, free_gib: float) -> Finding:
    """Check the folder that the engine spills to; it differs from `tmpdir` when that cannot be written."""
    summary = f"{folder}, {free_gib:.1f} GiB free, {SPILL_NEEDED:.0f} GiB required"
    if tmpdir and tmpdir.rstrip("/") != folder.rstrip("/"):
        fix = "create that folder and give this user write permission, or set TMPDIR to another one"
        return _failed("spill folder", f"TMPDIR={tmpdir} cannot be written, {summary}", fix)
    if free_gib < SPILL_NEEDED:
        return _failed("spill folder", summary, "free disk space there, or set TMPDIR to a larger one")
    return Finding("spill folder", CheckStatus.OK, summary)


def dag_list(path: str, exported: Mapping[str, object] | None, catalog: Mapping[str, object]) -> Finding:
    """Compare the DAG list (None: unreadable) with what the catalog would export now, by entity code."""
    fix = "run `python -m rtb_optimizer manifest`"
    if exported is None:
        return _failed("DAG list", f"{path} is not a readable DAG list", fix)
    differing = sorted(code for code in {*exported, *catalog} if exported.get(code) != catalog.get(code))
    if differing:
        return _failed("DAG list", f"{path} differs from the catalog in {_join_names(differing)}", fix)
    return Finding("DAG list", CheckStatus.OK, f"{path} matches the catalog")


def airflow(url: str, parts: Mapping[str, str]) -> Finding:
    """Check the health that Airflow reports for its components."""
    unhealthy = [f"{part} is {health}" for part, health in parts.items() if health != "healthy"]
    if not unhealthy:
        return Finding("Airflow", CheckStatus.OK, f"{url}: {', '.join(parts)} are healthy")
    fix = "start it and read its log: without the triggerer, runs do not wait for their logs"
    return _failed("Airflow", f"{url}: {', '.join(unhealthy)}", fix)


def _failed(check: str, summary: str, fix: str) -> Finding:
    return Finding(check, CheckStatus.FAILED, summary, fix)


def _granted(action: str) -> str:
    return f"grant {action} there to the key of connection rtb_s3"


def _right_fix(right: str, code: str) -> str:
    if right == "put once":
        return "use a store that honours If-None-Match, or update it: runs must not overwrite each other's objects"
    if code in _S3_FIXES or not code:
        return s3_fix(code)
    return _granted(_ACTIONS[right])


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():.0f} s"
