"""Writes a run as one file, from which it can be made again elsewhere, with its logs."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rtb_optimizer.operations.rebuild.source import RECORDED, Source, object_name

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of all parts: the same run is exported as the same file."""


def export(source: Source, path: Path) -> list[str]:
    """Write a run with its outputs and those of earlier runs that it read; return the objects that are gone.

    Its logs are not part of it.
    """
    gone = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(_part(RECORDED), json.dumps(source.own, indent=2, sort_keys=True))
        for bucket, key in _objects(source):
            body = source.read(bucket, key)
            if body is None:
                gone.append(f"s3://{bucket}/{key}")
            else:
                file.writestr(_part(object_name(bucket, key)), body)
    return gone


def _objects(source: Source) -> Iterator[tuple[str, str]]:
    rows = [*source.own["opt_run_outputs"], *source.capsule.rows["opt_run_outputs"]]
    yield from sorted({(str(row["s3_bucket"]), str(row["s3_key"])) for row in rows})


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, EPOCH)
    part.compress_type = zipfile.ZIP_DEFLATED
    return part
