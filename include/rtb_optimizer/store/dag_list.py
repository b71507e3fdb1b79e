"""Reads and writes the DAG list, a file exported from the catalog: the entities with a DAG, its schedule and form.

DAG parsing and every task start read it instead of the catalog, so this module imports nothing heavy. The file is
replaced atomically, with a copy beside it that is used when the file is damaged.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self, TypedDict

from rtb_optimizer.errors import DagListInvalid

FORMAT = 1
DAGS = Path(__file__).parents[3] / "dags"
DAG_FILES = "rtb_optimizer_entities*.py"
TAG_LENGTH = 100

RawRecord = Mapping[str, Any]  # an entry or form field as read from the file, not validated yet


class DagList(TypedDict):
    """The DAG list as written to the file: form fields by form name, and the entities."""

    format: int
    forms: Mapping[str, Sequence[RawRecord]]
    entities: Sequence[RawRecord]


@dataclass(frozen=True, slots=True)
class DagEntry:
    """The input for one entity's DAG; `form` names one of the list's forms."""

    opt_code: str
    entity_code: str
    entity_name: str
    object_type: str
    version_code: str
    form: str
    schedule: str
    timezone: str

    @classmethod
    def read(cls, raw: RawRecord) -> Self:
        """Build an entry from its record in the list.

        Raises:
            KeyError, TypeError: when the record is invalid; that affects this entity only.
        """
        return cls(**{field.name: raw[field.name] for field in fields(cls)})

    @property
    def dag_id(self) -> str:
        """The DAG id."""
        return f"{self.opt_code}__{self.entity_code}"

    @property
    def tags(self) -> list[str]:
        """The tags of the DAG, for filters in the Airflow UI."""
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
    def read(cls, raw: RawRecord) -> Self:
        """Build a field from its record in a form.

        Raises:
            KeyError, TypeError: when the record is invalid.
        """
        return cls(**{field.name: raw[field.name] for field in fields(cls)})


def document(entries: Sequence[DagEntry], forms: Mapping[str, Sequence[FormField]]) -> DagList:
    """Return the DAG list in the form in which it is written."""
    return {
        "format": FORMAT,
        "forms": {name: [asdict(field) for field in form] for name, form in forms.items()},
        "entities": [asdict(entry) for entry in entries],
    }


def path() -> Path:
    """Return the path of the DAG list: RTB_MANIFEST, else dags/entities.json of this checkout."""
    return Path(os.environ.get("RTB_MANIFEST") or DAGS / "entities.json")


def load(source: Path) -> DagList:
    """Read a DAG list, or its copy when it is damaged; entries and forms are not validated here.

    Raises:
        DagListInvalid: when neither can be read.
    """
    for candidate in (source, last_good(source)):
        try:
            content: DagList = json.loads(candidate.read_text())
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("format") == FORMAT:
            return content
    raise DagListInvalid(f"no readable DAG list at {source}: write it with `python -m rtb_optimizer manifest`")


def replace(target: Path, content: DagList) -> bool:
    """Replace a DAG list atomically; return whether anything changed."""
    body = json.dumps(content, indent=1, sort_keys=True).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    changed = False
    for final in (last_good(target), target):
        if final.exists() and final.read_bytes() == body:  # bytes: a damaged file may not be text
            continue
        changed = True
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(final)
    return changed


def dag_files(folder: Path = DAGS) -> list[Path]:
    """Return the DAG files among which the entities are divided, in order."""
    return sorted(folder.glob(DAG_FILES))


def touch_dag_files() -> None:
    """Update the modification time of the DAG files, so that Airflow parses them again at once.

    Where the DAG folder is mounted read-only, Airflow reads the change at its next regular parse.
    """
    for file in dag_files():
        with suppress(OSError):
            file.touch()


def last_good(source: Path) -> Path:
    """Return the path of the copy of a DAG list."""
    return source.with_name(source.name + ".last_good")
