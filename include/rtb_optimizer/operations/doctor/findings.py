"""What does a measurement of the surroundings mean, and what is to be done about it?

The judgements of `rtb_optimizer doctor`: what is measured, and how, is in checkup/.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SKEW_LIMIT = timedelta(seconds=30)  # S3 refuses requests at 15 minutes; windows and `valid_until` go wrong long before
SPILL_NEEDED = 2.0  # GiB: less than this and counting a large window ends as EngineFull
_NAMED = 5
_ACTIONS = {"list": "s3:ListBucket", "put": "s3:PutObject", "get": "s3:GetObject", "delete": "s3:DeleteObject"}
_S3_FIXES = {
    "NoSuchBucket": "create the bucket, or correct the path: S3 has no bucket of that name",
    "InvalidAccessKeyId": "correct the key id in connection rtb_s3",
    "SignatureDoesNotMatch": "correct the secret key in connection rtb_s3",
    "ExpiredToken": "renew the session token of connection rtb_s3",
    "RequestTimeTooSkewed": "set this machine's clock",
}


class Standing(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `told` in one line, `fix` what to do (empty where all is well), `milliseconds` it took."""

    check: str
    standing: Standing
    told: str
    fix: str = ""
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has: memory in MB (of the container, where it is bounded) and cores."""

    memory_mb: int
    cores: int


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What the counting engine may take: threads, and memory in MB."""

    threads: int
    memory_mb: int


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether no check failed; warnings and skipped checks are no failures."""
    return all(finding.standing is not Standing.FAILED for finding in findings)


def schema(at: str | None, head: str, known: Collection[str]) -> Finding:
    """Judge the catalog's revision by the newest of this checkout and all that it knows."""
    if at == head:
        return Finding("schema", Standing.OK, f"at revision {head}, the newest")
    if at is None:
        return _failed("schema", "the catalog has no schema", "run `python -m rtb_optimizer migrate`")
    if at not in known:
        told = f"at revision {at}, which this checkout does not know: the newest it knows is {head}"
        return _failed("schema", told, "update this checkout: another one has moved the catalog on")
    told = f"at revision {at}, the newest is {head}"
    return _failed("schema", told, "run `python -m rtb_optimizer migrate`")


def seeds(missing: Sequence[str], differing: Sequence[str]) -> Finding:
    """Judge what of the seeds the catalog lacks, and what it has otherwise."""
    fix = "run `python -m rtb_optimizer seed`"
    if missing:
        return _failed("seeds", f"missing: {_listed(missing)}", fix)
    if differing:
        told = f"declared otherwise than in this checkout: {_listed(differing)}"
        return Finding("seeds", Standing.WARNING, told, fix)
    return Finding("seeds", Standing.OK, "optimizer, version, config keys and macros are there")


def rights(path: str, refused: Mapping[str, tuple[str, str]]) -> Finding:
    """Judge what S3 refused below a path: by right (list, put, get, delete, put once) its error code and words."""
    if not refused:
        return Finding("bucket", Standing.OK, f"{path}: list, put, get and delete; no object is written over")
    told = "; ".join(f"{right}: {words}" for right, (_, words) in refused.items())
    fixes = dict.fromkeys(_right_fix(right, code) for right, (code, _) in refused.items())
    return _failed("bucket", f"{path}: {told}", "; ".join(fixes))


def s3_fix(code: str) -> str:
    """Return what to do about an error code of S3; empty: it could not be reached at all."""
    if not code:
        return "start the store, or correct endpoint_url and region_name in the extra of connection rtb_s3"
    return _S3_FIXES.get(code, "check key, secret, endpoint_url and region_name of connection rtb_s3")


def clock(whose: str, ahead: timedelta) -> Finding:
    """Judge how far the clock of `whose` is ahead of this machine's; negative where it is behind."""
    check, seconds = f"clock of {whose}", ahead.total_seconds()
    told = (
        f"{abs(seconds):.1f} s {'ahead of' if seconds >= 0 else 'behind'} this machine, {_seconds(SKEW_LIMIT)} allowed"
    )
    if abs(ahead) <= SKEW_LIMIT:
        return Finding(check, Standing.OK, told)
    return _failed(check, told, "let NTP set the clocks of both machines, this one's first")


def engine(name: str, asked: EngineLimits, machine: Machine) -> Finding:
    """Judge what the engine may take by what this machine has."""
    told = f"{name}, {asked.threads} threads of {machine.cores}, {asked.memory_mb:,} MB of {machine.memory_mb:,} MB"
    too_much = [
        *(["engine_memory_mb"] if asked.memory_mb > machine.memory_mb else []),
        *(["engine_threads"] if asked.threads > machine.cores else []),
    ]
    if not too_much:
        return Finding("engine", Standing.OK, told)
    fix = f"lower {' and '.join(too_much)}: `python -m rtb_optimizer config set ENTITY {too_much[0]}=...`"
    return Finding("engine", Standing.WARNING, told, fix)


def spill(folder: str, asked: str, free_gib: float) -> Finding:
    """Judge the folder that the engine spills to; `asked` is TMPDIR, which is passed over where it cannot be used."""
    told = f"{folder}, {free_gib:.1f} GiB free, {SPILL_NEEDED:.0f} GiB wanted"
    if asked and asked.rstrip("/") != folder.rstrip("/"):
        fix = "create that folder and let this user write there, or point TMPDIR elsewhere"
        return _failed("spill folder", f"TMPDIR={asked} cannot be written, {told}", fix)
    if free_gib < SPILL_NEEDED:
        return _failed("spill folder", told, "free disk there, or point TMPDIR at a larger one")
    return Finding("spill folder", Standing.OK, told)


def manifest(path: str, written: Mapping[str, object] | None, catalog: Mapping[str, object]) -> Finding:
    """Judge the manifest (None: it cannot be read) by what the catalog would export now, entries by entity code."""
    fix = "run `python -m rtb_optimizer manifest`"
    if written is None:
        return _failed("manifest", f"{path} is no manifest that can be read", fix)
    others = sorted(code for code in {*written, *catalog} if written.get(code) != catalog.get(code))
    if others:
        return _failed("manifest", f"{path} is not what the catalog says of {_listed(others)}", fix)
    return Finding("manifest", Standing.OK, f"{path} is what the catalog says")


def airflow(url: str, parts: Mapping[str, str]) -> Finding:
    """Judge what Airflow says of its parts."""
    ill = [f"{part} is {said}" for part, said in parts.items() if said != "healthy"]
    if not ill:
        return Finding("Airflow", Standing.OK, f"{url}: {', '.join(parts)} are healthy")
    fix = "start it and read its log: without the triggerer, runs do not wait for their logs"
    return _failed("Airflow", f"{url}: {', '.join(ill)}", fix)


def _failed(check: str, told: str, fix: str) -> Finding:
    return Finding(check, Standing.FAILED, told, fix)


def _right_fix(right: str, code: str) -> str:
    if right == "put once":
        return "use a store that honours If-None-Match, or update it: runs must not write over each other's objects"
    if code in _S3_FIXES or not code:
        return s3_fix(code)
    return f"grant {_ACTIONS[right]} there to the key of connection rtb_s3"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():.0f} s"
