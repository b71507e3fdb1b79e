"""The DAG list: one file, exported from the catalog, that says which entities have a DAG, when it runs, its form.

Parsing reads it instead of the catalog, and so does every task start: nothing heavy is imported here. It is replaced
atomically, with a copy beside it for when a person broke it.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from rtb_optimizer.errors import DagListInvalid

FORMAT = 1
DAGS = Path(__file__).parents[3] / "dags"
DAG_FILES = "rtb_optimizer_entities*.py"
TAG_LENGTH = 100


@dataclass(frozen=True, slots=True)
class DagEntry:
    """What the DAG of one entity is built from; `form` names one of the list's forms."""

    opt_code: str
    entity_code: str
    entity_name: str
    object_type: str
    version_code: str
    form: str
    schedule: str
    timezone: str

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Return the entry that a list holds.

        Raises:
            KeyError, TypeError: when it is none; that concerns this entity alone.
        """
        return cls(**{field.name: raw[field.name] for field in fields(cls)})

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return f"{self.opt_code}__{self.entity_code}"

    @property
    def tags(self) -> list[str]:
        """What its DAG can be filtered by in the Airflow UI."""
        return [self.opt_code, f"type:{self.object_type}"[:TAG_LENGTH], f"version:{self.version_code}"]


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of the trigger form: a config key that the version shows there, with its limits."""

    key: str
    type: str
    title: str
    section: str
    description: str
    default: str | None
    minimum: float | None
    maximum: float | None
    choices: Sequence[str]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Return the field that a form holds.

        Raises:
            KeyError, TypeError: when it is none.
        """
        return cls(**{field.name: raw[field.name] for field in fields(cls)})


def document(entries: Sequence[DagEntry], forms: Mapping[str, Sequence[FormField]]) -> dict[str, Any]:
    """Return the DAG list as it is written."""
    return {
        "format": FORMAT,
        "forms": {name: [asdict(field) for field in form] for name, form in forms.items()},
        "entities": [asdict(entry) for entry in entries],
    }


def path() -> Path:
    """Return where the DAG list is: RTB_MANIFEST, else dags/entities.json of this checkout."""
    return Path(os.environ.get("RTB_MANIFEST") or DAGS / "entities.json")


def load(source: Path) -> dict[str, Any]:
    """Read a DAG list, or its copy where it is broken; entries and forms stay raw, since any of them may be broken.

    Raises:
        DagListInvalid: when there is none that can be read.
    """
    for candidate in (source, last_good(source)):
        try:
            written = json.loads(candidate.read_text())
        except (OSError, ValueError):
            continue
        if isinstance(written, dict) and written.get("format") == FORMAT:
            return written
    raise DagListInvalid(f"no DAG list at {source}: write it with `python -m rtb_optimizer manifest`")


def replace(target: Path, written: Mapping[str, Any]) -> bool:
    """Write a DAG list so that a reader sees the old one or the new one; return whether anything changed."""
    body = json.dumps(written, indent=1, sort_keys=True).encode()
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


def dag_files(folder: Path = DAGS) -> list[Path]:
    """Return the DAG files that share the entities between them, in order."""
    return sorted(folder.glob(DAG_FILES))


def touch_dag_files() -> None:
    """Let Airflow see a changed list at once: it looks at a DAG file again when the file's time is new.

    Where the DAG folder is mounted read-only, Airflow sees the change with its next regular look.
    """
    for file in dag_files():
        with suppress(OSError):
            file.touch()


def last_good(source: Path) -> Path:
    """Return where the copy of a DAG list is."""
    return source.with_name(source.name + ".last_good")
