"""Finds by their first bytes what the files of a window hold, and leaves out those that are no logs.

A name alone decides for Parquet: a damaged file is to fail, not to be left out. Every other file is looked into.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from rtb_optimizer.core.config.formats import (
    EMPTY,
    PARQUET,
    Compression,
    Content,
    Format,
    compression_of,
    content_of,
    is_data_by_name,
    is_parquet_by_name,
)
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.store.objects import ObjectStore, split_url

HEAD_BYTES = 1 << 18
"""Room for the first line of a wide file, and for the first block that zstd packs, which unpacks as a whole."""
_PIECE = 1 << 12
_GZIP = 31  # zlib's window bits for the gzip format
_AT_ONCE = 16
MAX_LISTED = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is no log: its URL, its size in bytes, and a description of its content."""

    url: str
    byte_size: int
    what: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Partitions whose files are known to be logs of one format, and the files that were left out."""

    partitions: Sequence[Partition]
    left_out: Sequence[LeftOut]


def look_into(partitions: Sequence[Partition], settings: Settings) -> Contents:
    """Return the partitions with what each file holds, without those files that are no logs.

    The format is the one that is configured, else the one that most of the bytes have.

    Raises:
        LogsInvalid: when what would be left out is named as data, or more than `max_lost_share` of the bytes.
    """
    store = ObjectStore.of(settings.logs_path)
    files = [file for partition in partitions for file in partition.files]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip((file.key for file in files), pool.map(lambda file: _found(store, file), files), strict=True))
    chosen = _chosen(files, found, settings)
    left_out = list[LeftOut]()
    for file in files:
        what = found[file.key]
        if isinstance(what, str) or what.format is not chosen:
            said = what if isinstance(what, str) else f"{what.format.upper()} among files of {chosen}"
            left_out.append(LeftOut(f"s3://{store.bucket}/{file.key}", file.byte_size, said))
    _require_no_data(left_out, files, settings)
    gone = {split_url(each.url)[1] for each in left_out}
    return Contents([_without(partition, gone, found) for partition in partitions], left_out)


def listed(left_out: Sequence[LeftOut]) -> str:
    """Return a description of the files that were left out: how many, the first of them, and what they are."""
    first = ", ".join(f"{each.url} ({each.what})" for each in left_out[:MAX_LISTED])
    more = f" and {len(left_out) - MAX_LISTED} more" if len(left_out) > MAX_LISTED else ""
    return f"{first}{more}"


def _found(store: ObjectStore, file: LogFile) -> Content | str:
    if is_parquet_by_name(file.key):
        return PARQUET
    head = store.head_of(file.key, HEAD_BYTES)
    compression = compression_of(head)
    plain = unpacked(head, compression)
    return content_of(plain, compression) if plain or not head else f"what {compression} cannot unpack"


def unpacked(head: bytes, compression: Compression) -> bytes:
    """Return the beginning of what was packed; empty where it cannot be unpacked."""
    if compression is Compression.NONE:
        return head
    if compression is Compression.GZIP:
        try:
            return zlib.decompressobj(_GZIP).decompress(head, HEAD_BYTES)
        except zlib.error:
            return b""
    import pyarrow as pa

    pieces = list[bytes]()
    with pa.CompressedInputStream(pa.BufferReader(head), "zstd") as stream, suppress(OSError):
        while piece := stream.read(_PIECE):  # until the head breaks off
            pieces.append(piece)
    return b"".join(pieces)


def _chosen(files: Sequence[LogFile], found: dict[str, Content | str], settings: Settings) -> Format | None:
    if settings.logs_format not in ("", "auto"):
        return Format(settings.logs_format)
    sizes = Counter[Format]()
    for file in files:
        if isinstance(what := found[file.key], Content):
            sizes[what.format] += file.byte_size
    return max(sizes, key=lambda each: (sizes[each], each)) if sizes else None


def _require_no_data(left_out: Sequence[LeftOut], files: Sequence[LogFile], settings: Settings) -> None:
    lost = [each for each in left_out if is_data_by_name(each.url) and each.what != EMPTY]
    size, whole = sum(each.byte_size for each in left_out), sum(file.byte_size for file in files)
    if lost:
        raise LogsInvalid(
            f"{len(lost)} of {len(files)} files are named as logs and are not of their format: {listed(lost)}; deliver "
            "one format, or set logs_format and move the others away"
        )
    if size > settings.max_lost_share * whole:
        raise LogsInvalid(
            f"{len(left_out)} of {len(files)} files, {size / whole:.1%} of the bytes, are no logs: {listed(left_out)}; "
            f"up to {settings.max_lost_share:.1%} may be left out (max_lost_share); formats that are read: "
            f"{', '.join(Format)}, plain or packed by gzip or zstd"
        )


def _without(partition: Partition, gone: set[str], found: dict[str, Content | str]) -> Partition:
    files = [
        replace(file, content=what)
        for file in partition.files
        if file.key not in gone and isinstance(what := found[file.key], Content)
    ]
    if partition.files and not files and partition.complete:
        return replace(partition, files=(), missing="no file of a format that is read")
    return replace(partition, files=tuple(files))
