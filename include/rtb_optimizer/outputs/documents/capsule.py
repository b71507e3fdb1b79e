"""The `capsule` output: everything that made a run, so that it can be made again and compared.

Its rows of the catalog are those that the steps of the run read, as they were when its outputs were written.
"""

import json
from collections.abc import Mapping
from typing import Any

from rtb_optimizer.core.config.event_logs import EventRole
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.outputs.documents.lake import PLAIN_FILES, LakeDocument
from rtb_optimizer.outputs.documents.logs import InputDocument

SHARED = frozenset({"values", "origins", "defaults"})
"""The parts of a snapshot that most runs of an entity have in common: they are written once."""


class CapsuleInput(InputDocument):
    """An object of the logs that was read; `checksum` is the store's of its bytes, as `crc32:...`."""

    s3_bucket: str
    checksum: str | None = None


class MadeBy(Document):
    """What a run was made by: the release and its code, the machine's Python, and the packages that compute.

    `code_sha256` is of all files of the package, `lock_sha256` of the lock of its requirements, None where that is not
    installed beside it. `hash_sample` is what the engine's hash of a fixed text is: samples are drawn by that hash.
    `seed` is that of permutations.
    """

    release: str = ""
    code_sha256: str = ""
    lock_sha256: str | None = None
    python: str = ""
    machine: str = ""
    packages: Mapping[str, str] = {}
    engine: str = ""
    engine_version: str = ""
    hash_sample: str = ""
    seed: int = 0
    threads: int = 0


class CapsuleDocument(Document):
    """A run: what it is, what it was made by, and what it read.

    `catalog` has rows by table. In snapshots of runs, a part that is the hash of one of `shared` stands for that.
    `prefix` is that of the run's objects in `bucket`, with a slash at its end. `empty_inputs` are objects of the logs
    that were read and had no rows of the window.
    """

    format: int = 1
    entity_code: str
    run_id: int
    run_code: str
    data_start: str
    data_end: str
    bucket: str
    prefix: str
    made_by: MadeBy
    inputs: tuple[CapsuleInput, ...]
    empty_inputs: tuple[InputDocument, ...] = ()
    outcome_inputs: tuple[CapsuleInput, ...] = ()
    win_inputs: tuple[CapsuleInput, ...] = ()
    tables: LakeDocument = PLAIN_FILES
    catalog: Mapping[str, tuple[Mapping[str, Any], ...]]
    shared: Mapping[str, Mapping[str, ConfigValue]] = {}

    def inputs_of(self, role: EventRole) -> tuple[CapsuleInput, ...]:
        """Return the objects of logs of events that were read."""
        return tuple(getattr(self, role.inputs))

    def to_json(self) -> bytes:
        """Return the document as JSON of one line: most of it is rows that nobody reads."""
        return (json.dumps(self.model_dump(exclude_unset=True), sort_keys=True, ensure_ascii=False) + "\n").encode()

    @property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of the catalog, snapshots in full."""
        rows = {table: [dict(row) for row in each] for table, each in self.catalog.items()}
        for run in rows.get("opt_runs", []):
            run["config_snapshot"] = {
                name: self.shared.get(part, part) if isinstance(part, str) else part
                for name, part in run["config_snapshot"].items()
            }
        return rows

    @property
    def run_row(self) -> dict[str, Any]:
        """The run's own row."""
        return next(row for row in self.rows["opt_runs"] if row["run_id"] == self.run_id)
