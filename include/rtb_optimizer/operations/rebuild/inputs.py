"""Says what has become of the objects that a run read: those of the logs, and those of earlier runs."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from rtb_optimizer.errors import LogsInvalid, LogsMissing, ObjectAbsent
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.operations.rebuild.findings import Finding, Kind
from rtb_optimizer.operations.rebuild.source import Source
from rtb_optimizer.outputs.documents.capsule import CapsuleInput
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.run.outcome_partitions import outcomes_possible, outcomes_to_read
from rtb_optimizer.run.workspace import Workspace, partitions_to_read
from rtb_optimizer.store.objects import ObjectStore, split_url

_AT_ONCE = 32


def input_findings(workspace: Workspace, source: Source) -> list[Finding]:
    """Return the objects of the logs that are gone, changed or new, as the run's own steps list them now."""
    capsule, settings = source.capsule, workspace.settings
    known = {each.s3_key: each for each in capsule.empty_inputs}
    findings = _compared(settings.logs_path, capsule.inputs, workspace.partitions, known)
    if settings.outcome_logs_path:
        findings += _compared(settings.outcome_logs_path, capsule.outcome_inputs, outcomes_possible(workspace), {})
    return findings or _new(workspace, source)


def earlier_findings(source: Source) -> list[Finding]:
    """Return the outputs of earlier runs that a run read and that are gone or changed."""
    codes = {row["run_id"]: row["run_code"] for row in source.capsule.rows["opt_runs"]}
    return [
        finding
        for row in source.capsule.rows["opt_run_outputs"]
        for finding in _object(
            Kind.EARLIER, f"{row['output_type']} of run {codes.get(row['run_id'], row['run_id'])}", row, source
        )
    ]


def output_findings(source: Source) -> list[Finding]:
    """Return the published files that are gone or not what was written."""
    return [finding for name, row in source.outputs.items() for finding in _object(Kind.OUTPUT, name, row, source)]


def _object(kind: Kind, name: str, row: Mapping[str, object], source: Source) -> Iterator[Finding]:
    bucket, key = str(row["s3_bucket"]), str(row["s3_key"])
    body, at = source.read(bucket, key), f"s3://{bucket}/{key}"
    if body is None:
        yield Finding(kind=kind, name=name, what=f"is gone from {at}")
    elif sha256(body).hexdigest() != row["sha256"]:
        yield Finding(kind=kind, name=name, what=f"at {at} is not what was written")


def _compared(
    path: str, inputs: Sequence[CapsuleInput], partitions: Sequence[Partition], empty: Mapping[str, InputDocument]
) -> list[Finding]:
    store = ObjectStore.of(path)
    present = {file.key: file for partition in partitions for file in partition.files}
    found = []
    for each in [*inputs, *empty.values()]:
        now, name = present.get(each.s3_key), f"s3://{store.bucket}/{each.s3_key}"
        if now is None:
            found.append(Finding(kind=Kind.INPUT, name=name, what="is gone"))
        elif now.byte_size != each.byte_size:
            what = f"has changed: it had {each.byte_size:,} bytes, and has {now.byte_size:,}"
            found.append(Finding(kind=Kind.INPUT, name=name, what=what))
        elif now.etag != each.etag:
            what = (
                f"has changed: as many bytes ({now.byte_size:,}), and others: its ETag was {each.etag}, is {now.etag}"
            )
            found.append(Finding(kind=Kind.INPUT, name=name, what=what))
    return found or _other_checksums(store, inputs)


def _other_checksums(store: ObjectStore, inputs: Sequence[CapsuleInput]) -> list[Finding]:
    """Return the objects whose checksum is another under the same ETag: a store that rewrites, or whose disk is bad."""
    told = [each for each in inputs if each.checksum]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        now = pool.map(lambda each: store.checksum(each.s3_key, each.etag), told)
    return [
        Finding(
            kind=Kind.INPUT,
            name=f"s3://{store.bucket}/{each.s3_key}",
            what=f"has changed under the same ETag: its checksum was {each.checksum}, is {is_now}",
        )
        for each, is_now in zip(told, now, strict=True)
        if is_now is not None and is_now.partition(":")[0] == str(each.checksum).partition(":")[0]
        if is_now != each.checksum
    ]


def _new(workspace: Workspace, source: Source) -> list[Finding]:
    """Return the objects that the run would read now, too."""
    capsule, settings = source.capsule, workspace.settings
    read = {each.s3_key for each in (*capsule.inputs, *capsule.empty_inputs, *capsule.outcome_inputs)}
    found = list[Finding]()
    try:
        for path, contents in (
            (settings.logs_path, partitions_to_read(workspace)),
            (settings.outcome_logs_path, outcomes_to_read(workspace)),
        ):
            files = (file for partition in contents.partitions for file in partition.files)
            new = sorted(file.key for file in files if file.key not in read)
            bucket = split_url(path or "")[0]
            found += [Finding(kind=Kind.INPUT, name=f"s3://{bucket}/{key}", what="is new") for key in new]
    except (LogsMissing, LogsInvalid, ObjectAbsent) as problem:
        found.append(Finding(kind=Kind.INPUT, name="the window", what=str(problem)))
    return found
