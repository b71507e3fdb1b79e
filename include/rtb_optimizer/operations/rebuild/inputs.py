"""Compares the objects that a run read with the present ones: those of the logs, and those of earlier runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256

from rtb_optimizer.errors import LogsInvalid, LogsMissing, ObjectAbsent
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.operations.rebuild.findings import Finding, Kind
from rtb_optimizer.operations.rebuild.source import Source
from rtb_optimizer.outputs.documents.capsule import CapsuleInput
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.run.event_partitions import events_possible, events_to_read
from rtb_optimizer.run.workspace import Workspace, partitions_to_read
from rtb_optimizer.store.objects import ListedObject, ObjectStore, split_url

_AT_ONCE = 32


def input_findings(workspace: Workspace, source: Source) -> list[Finding]:
    """Return the objects of the logs that are gone, changed or new, as the run's own steps list them now."""
    capsule, settings = source.capsule, workspace.settings
    known = {each.s3_key: each for each in capsule.empty_inputs}
    findings = _compared(settings.logs_path, capsule.inputs, lambda: workspace.partitions, known)
    for logs in settings.event_logs:
        listed = partial(events_possible, workspace, logs)
        findings += _compared(logs.path, capsule.inputs_of(logs.role), listed, {})
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
    path: str,
    inputs: Sequence[CapsuleInput],
    listed: Callable[[], Sequence[Partition]],
    empty: Mapping[str, InputDocument],
) -> list[Finding]:
    """Return the objects that are gone or changed, and tables whose snapshot cannot be read any more."""
    store, found, read = ObjectStore.of(path), list[Finding](), [*inputs, *empty.values()]
    present: Mapping[str, ListedObject]
    try:
        present = {file.key: file for partition in listed() for file in partition.files}
    except LogsInvalid as problem:
        found.append(Finding(kind=Kind.INPUT, name=path, what=str(problem)))
        present = _in_folders(store, _keys(read))
    for each in read:
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


def _in_folders(store: ObjectStore, keys: Iterable[str]) -> dict[str, ListedObject]:
    """Return the objects of the folders in which objects were, by key."""
    folders = sorted({f"{key.rpartition('/')[0]}/" for key in keys})
    return {each.key: each for folder in folders for each in store.list(folder)}


def _other_checksums(store: ObjectStore, inputs: Sequence[CapsuleInput]) -> list[Finding]:
    """Return the objects whose checksum is another under the same ETag: a store that rewrites, or whose disk is bad."""
    with_checksum = [each for each in inputs if each.checksum]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        now = pool.map(lambda each: store.checksum(each.s3_key, each.etag), with_checksum)
    return [
        Finding(
            kind=Kind.INPUT,
            name=f"s3://{store.bucket}/{each.s3_key}",
            what=f"has changed under the same ETag: its checksum was {each.checksum}, is {is_now}",
        )
        for each, is_now in zip(with_checksum, now, strict=True)
        if is_now is not None and is_now.partition(":")[0] == str(each.checksum).partition(":")[0]
        if is_now != each.checksum
    ]


def _new(workspace: Workspace, source: Source) -> list[Finding]:
    """Return the objects that the run would read now, too."""
    capsule, settings = source.capsule, workspace.settings
    events = {logs.role.name: (logs.path, {*_keys(capsule.inputs_of(logs.role))}) for logs in settings.event_logs}
    of_rows = {*_keys(capsule.inputs), *_keys(capsule.empty_inputs)}
    found = list[Finding]()
    try:
        now = [(settings.logs_path, of_rows, partitions_to_read(workspace))]
        now += [(*events[name], contents) for name, contents in events_to_read(workspace).items()]
        for path, read, contents in now:
            files = (file for partition in contents.partitions for file in partition.files)
            new = sorted(file.key for file in files if file.key not in read)
            bucket = split_url(path)[0]
            found += [Finding(kind=Kind.INPUT, name=f"s3://{bucket}/{key}", what="is new") for key in new]
    except (LogsMissing, LogsInvalid, ObjectAbsent) as problem:
        found.append(Finding(kind=Kind.INPUT, name="the window", what=str(problem)))
    return found


def _keys(inputs: Sequence[InputDocument]) -> Iterator[str]:
    return (each.s3_key for each in inputs)
