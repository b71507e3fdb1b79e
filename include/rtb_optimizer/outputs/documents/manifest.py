"""The `manifest` output: the object written last, that lists the others with size, sha256 and rows."""

from collections.abc import Mapping

from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.outputs.documents.lake import PLAIN_FILES, LakeDocument
from rtb_optimizer.outputs.documents.logs import InputDocument


class ListedOutput(Document):
    """An output of the run."""

    s3_bucket: str
    s3_key: str
    byte_size: int
    sha256: str
    row_count: int


class Manifest(Document):
    """Which run this is, what it read, and what it wrote.

    `tables` are the snapshots whose files the inputs are, `engine` is what counted them, with its version.
    `triggered_by` says who began it, `active_run_id` which run was active then. Who made it the active run, active.json
    says.
    """

    entity_code: str
    run_id: int
    run_code: str
    data_start: str
    data_end: str
    valid_until: str | None = None
    triggered_by: str | None = None
    active_run_id: int | None = None
    code_version: str
    config_sha256: str
    inputs: tuple[InputDocument, ...]
    outcome_inputs: tuple[InputDocument, ...] = ()
    win_inputs: tuple[InputDocument, ...] = ()
    tables: LakeDocument = PLAIN_FILES
    engine: str = ""
    outputs: Mapping[str, ListedOutput]
