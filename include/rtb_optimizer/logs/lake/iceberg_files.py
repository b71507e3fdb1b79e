"""The files that describe an Iceberg table, through the store of the logs, and the rows that they say are deleted."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.lake.snapshot import Pin
from rtb_optimizer.store.objects import ObjectStore, split_url


def store_url(location: str) -> str:
    """Return a location as the URL that names it here: Hadoop's schemes mean the same store."""
    return re.sub(r"^s3[an]://", "s3://", location)


def read_stored(location: str) -> bytes:
    """Return the bytes of the object at a location."""
    url = store_url(location)
    return ObjectStore.of(url).read(split_url(url)[1])


def is_stored(location: str) -> bool:
    """Return whether there is an object at a location."""
    url = store_url(location)
    return any(entry.key == split_url(url)[1] for entry in ObjectStore.of(url).list(split_url(url)[1]))


def deleted_rows(pin: Pin, of_deletes: Iterable[Any]) -> Mapping[str, set[int]]:
    """Return the positions of deleted rows, by the URL of their file.

    Args:
        pin: The snapshot.
        of_deletes: The files with positions that pyiceberg found for the files of a window.

    Raises:
        LogsInvalid: when one of them has a format that is not read.
    """
    deleted = defaultdict[str, set[int]](set)
    for each in of_deletes:
        body, kind = read_stored(each.file_path), str(getattr(each.file_format, "value", each.file_format)).upper()
        if kind == "PARQUET":
            import pyarrow as pa
            import pyarrow.parquet as pq

            with pq.ParquetFile(pa.BufferReader(body), pre_buffer=False) as file:  # by this thread alone
                rows = file.read(["file_path", "pos"], use_threads=False).to_pydict()
            for path, position in zip(rows["file_path"], rows["pos"], strict=True):
                deleted[store_url(path)].add(position)
        elif kind == "PUFFIN":
            from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
            from pyiceberg.table.puffin import PuffinFile

            for vector in deletion_vectors_from_puffin_file(PuffinFile(body)):
                deleted[store_url(vector.referenced_data_file)].update(vector.to_vector().to_pylist())
        else:
            raise LogsInvalid(f"{each.file_path} of {pin} has deletes as {kind}, which are not read: compact the table")
    return deleted
