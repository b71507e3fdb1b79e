"""Writes the local stack's own small files: atomically, and readable by their owner only."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner may enter, unless it exists."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, with mode 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending; a new one is readable by its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def last_line(path: Path) -> str:
    """Return the last non-empty line of a log, or an empty string."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
