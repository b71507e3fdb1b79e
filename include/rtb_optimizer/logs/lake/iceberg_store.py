"""The store of the logs as pyiceberg's way to files; imported only where pyiceberg is there."""

import io

from pyiceberg.io import FileIO, InputFile, OutputFile

from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.logs.lake.iceberg_files import is_stored, read_stored


class StoredFile(InputFile):  # type: ignore[misc] # its types are not read
    """An object that is read when it is opened."""

    def __len__(self) -> int:
        """How many bytes it has."""
        return len(read_stored(self.location))

    def exists(self) -> bool:
        """Whether it is there."""
        return is_stored(self.location)

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's signature
        """Return its bytes."""
        return io.BytesIO(read_stored(self.location))


class StoredFiles(FileIO):  # type: ignore[misc] # as above
    """Reads alone; objects are read whole, which files of metadata are made for."""

    def new_input(self, location: str) -> StoredFile:
        """Return the object at a location."""
        return StoredFile(location)

    def new_output(self, location: str) -> OutputFile:
        """Raise StoreFailed."""
        raise StoreFailed(f"{location} is not written: tables are only read")

    def delete(self, location: object) -> None:
        """Raise StoreFailed."""
        raise StoreFailed(f"{location} is not deleted: tables are only read")
