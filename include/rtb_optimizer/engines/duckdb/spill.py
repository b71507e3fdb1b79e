"""Holds the temporary folder for what does not fit into memory, and removes those of processes that were killed.

Each engine has a folder of its own, with a lock that ends with its process however that ends: the next engine on the
machine removes folders without a lock, so that repeated kills do not fill the disk.
"""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "rtb_optimizer_spill_"
_HELD = "held"
_YOUNG_SECONDS = 3600  # a folder this young may be about to be locked


class SpillFolder:
    """A temporary folder that is locked until it is removed."""

    def __init__(self) -> None:
        remove_abandoned(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = self._folder.name
        self._lock = FileLock(Path(self.path, _HELD))
        self._lock.acquire()

    def remove(self) -> None:
        """Remove the folder and its contents."""
        self._lock.release()
        self._folder.cleanup()


def remove_abandoned(below: Path) -> None:
    """Remove the spill folders that no living process locks; one that cannot be removed is left to the next engine."""
    for folder in below.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > _YOUNG_SECONDS:
                with FileLock(folder / _HELD, timeout=0):
                    shutil.rmtree(folder)
