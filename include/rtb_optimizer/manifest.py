"""Which DAGs should Airflow build? The entity manifest: one file that parsing reads instead of the catalog.

Nothing heavy is imported here, since every DAG file and every task start reads the manifest. It is replaced
atomically, with a copy beside it for when a person broke it.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from rtb_optimizer.errors import ManifestInvalid

FORMAT = 1


def path() -> Path:
    """Return where the manifest is: RTB_MANIFEST, else dags/entities.json of this checkout."""
    default = Path(__file__).parents[2] / "dags" / "entities.json"
    return Path(os.environ.get("RTB_MANIFEST") or default)


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


def replace(target: Path, document: dict[str, Any]) -> None:
    """Write a manifest so that a reader sees the old one or the new one; unchanged content is left alone."""
    text = json.dumps(document, indent=1, sort_keys=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    for final in (last_good(target), target):
        if final.exists() and final.read_text() == text:
            continue
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(final)


def last_good(source: Path) -> Path:
    """Return where the copy of a manifest is kept."""
    return source.with_name(source.name + ".last_good")
