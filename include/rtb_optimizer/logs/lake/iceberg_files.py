"""The files that describe an Iceberg table, through the store of the logs, and the rows that they say are deleted."""

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.logs.lake.snapshot import Pin
from rtb_optimizer.store.objects import ObjectStore, split_url


def store_url(location: str) -> str:
    """Return a location as the URL that names it here: Hadoop's schemes mean the same store."""
    return re.sub(r"^s3[an]://", "s3://", location)


@cache
def file_io() -> Any:  # noqa: ANN401 - pyiceberg is imported late
    """Return pyiceberg's way to files: objects are read whole, which files of metadata are made for."""
    from pyiceberg.io import FileIO, InputFile, OutputFile

    class StoredFile(InputFile):  # type: ignore[misc] # its types are not read
        """An object that is read when it is opened."""

        def __len__(self) -> int:
            return len(_read(self.location))

        def exists(self) -> bool:
            return any(entry.key == split_url(store_url(self.location))[1] for entry in _listed(self.location))

        def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's signature
            return io.BytesIO(_read(self.location))

    class StoredFiles(FileIO):  # type: ignore[misc] # as above
        """Reads alone."""

        def new_input(self, location: str) -> StoredFile:
            return StoredFile(location)

        def new_output(self, location: str) -> OutputFile:
            raise StoreFailed(f"{location} is not written: tables are only read")

        def delete(self, location: object) -> None:
            raise StoreFailed(f"{location} is not deleted: tables are only read")

    return StoredFiles()


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
        body, kind = _read(each.file_path), str(getattr(each.file_format, "value", each.file_format)).upper()
        if kind == "PARQUET":
            import pyarrow.parquet as pq

            rows = pq.ParquetFile(io.BytesIO(body)).read(["file_path", "pos"], use_threads=False).to_pydict()
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


def _read(location: str) -> bytes:
    url = store_url(location)
    return ObjectStore.of(url).read(split_url(url)[1])


def _listed(location: str) -> Iterable[Any]:
    url = store_url(location)
    return ObjectStore.of(url).list(split_url(url)[1])
