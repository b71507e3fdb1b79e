"""Which DAGs should Airflow build? The entity manifest: one file that parsing reads instead of the catalog.

Nothing heavy is imported here, since every DAG file and every task start reads the manifest. It is replaced
atomically, with a copy beside it for when a person broke it.
"""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from rtb_optimizer.errors import ManifestInvalid

FORMAT = 1
DAGS = Path(__file__).parents[2] / "dags"


def path() -> Path:
    """Return where the manifest is: RTB_MANIFEST, else dags/entities.json of this checkout."""
    return Path(os.environ.get("RTB_MANIFEST") or DAGS / "entities.json")


def load(source: Path) -> dict[str, Any]:
    """Read a manifest, or its copy where it is broken.

    Raises:
        ManifestInvalid: when there is none that can be read.
    """
    for candidate in (source, last_good(source)):
        try:
            document = json.loads(candidate.read_text())
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and document.get("format") == FORMAT:
            return document
    raise ManifestInvalid(f"no entity manifest at {source}: write it with `python -m rtb_optimizer manifest`")


def replace(target: Path, document: dict[str, Any]) -> bool:
    """Write a manifest so that a reader sees the old one or the new one; return whether anything changed."""
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    changed = False
    for final in (last_good(target), target):
        if final.exists() and final.read_bytes() == body:  # bytes: what a person left there may be no text
            continue
        changed = True
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(final)
    return changed


def touch_dag_files() -> None:
    """Let Airflow see a changed manifest at once: it looks at a DAG file again when the file's time is new.

    Where the DAG folder is mounted read-only, Airflow sees the change with its next regular look.
    """
    for shard in (DAGS / "shards").glob("shard_*.py"):
        with suppress(OSError):
            shard.touch()


def last_good(source: Path) -> Path:
    """Return where the copy of a manifest is kept."""
    return source.with_name(source.name + ".last_good")
