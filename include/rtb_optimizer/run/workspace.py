"""What a step sees of its run: its settings, its window, its folder in S3, its logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.logs_path import is_dated
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.config.window import Window, zone
from rtb_optimizer.errors import LogsInvalid, LogsMissing, ObjectAbsent
from rtb_optimizer.logs.contents import Contents, look_into
from rtb_optimizer.logs.folder_zone import possible_zones
from rtb_optimizer.logs.lake import tables as lake_tables
from rtb_optimizer.logs.partitions import Partition, incomplete
from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.outputs.documents.folders import FoldersDocument
from rtb_optimizer.outputs.documents.lake import PLAIN_FILES, LakeDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.lake import pin_of, tables_now
from rtb_optimizer.store import connections, runs
from rtb_optimizer.store.objects import ObjectStore, StoredObject, run_prefix, split_url
from rtb_optimizer.store.schema import Entity

WorkDocument = TypeVar("WorkDocument", bound=Document)
FOLDERS = "folders"
"""The work document with the zone of the folders."""
TABLES = "tables_of_logs"
"""The work document with the snapshots of the tables that the logs are, where they are tables."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A running run as its steps see it; `prefix` is the key prefix of its objects.

    `tables` are the snapshots of tables of a lake that are read; None for those that the run has recorded, or of now.
    """

    opt_run_id: int
    run_code: str
    entity_code: str
    entity_id: int
    opt_id: int
    settings: Settings
    snapshot: RunSnapshot
    triggered_by: str
    window: Window
    store: ObjectStore
    prefix: str
    tables: LakeDocument | None = None

    @property
    def folder_zone_settled(self) -> ZoneInfo | None:
        """The zone at whose midnights the folders of the logs are cut, as their rows showed; None before."""
        try:
            return zone(self.read_work_document(FOLDERS, FoldersDocument).timezone)
        except ObjectAbsent:
            return None

    @property
    def folder_zone(self) -> ZoneInfo:
        """The zone at whose midnights the folders are cut; the entity's own as long as nothing else is known."""
        own, *others = possible_zones(self.settings)
        return (self.folder_zone_settled if others else None) or zone(own)

    @property
    def partitions(self) -> list[Partition]:
        """The window's partitions, there or not, as they are now."""
        pin = pin_of(self.tables_read.logs)
        return lake_tables.in_window(self.settings, self.window, self.folder_zone, pin)

    @property
    def partitions_expected(self) -> list[str]:
        """The URLs of the window's partitions, there or not."""
        pin = pin_of(self.tables_read.logs)
        return lake_tables.expected_urls(self.settings, self.window, self.folder_zone, pin)

    @property
    def tables_read(self) -> LakeDocument:
        """The snapshots of the tables that the logs are: as recorded, else of now; empty for plain files."""
        if self.tables is not None:
            return self.tables
        if all(is_dated(path) for path in (self.settings.logs_path, *(each.path for each in self.settings.event_logs))):
            return PLAIN_FILES
        try:
            return self.read_work_document(TABLES, LakeDocument)
        except ObjectAbsent:
            return tables_now(self.settings)

    def write(self, name: str, body: bytes) -> StoredObject:
        """Write an object of the run once; return what stands there."""
        return self.store.put_once(f"{self.prefix}/{name}", body)

    def read(self, name: str) -> bytes:
        """Return an object of the run."""
        return self.store.read(f"{self.prefix}/{name}")

    def write_work_document(self, name: str, document: Document) -> None:
        """Write a document that stands alone, for this step and those after it; handover.py has those with parts."""
        self.write(f"work/{name}.json", document.to_json())

    def read_work_document(self, name: str, kind: type[WorkDocument]) -> WorkDocument:
        """Return a document that stands alone."""
        return kind.read_exactly(self.read(f"work/{name}.json"))


def open_workspace(opt_run_id: int) -> Workspace:
    """Return a running run's workspace.

    Raises:
        RunNotRunning: when the run has ended: an orphan has nothing to do.
    """
    with connections.session() as session:
        run = runs.running(session, opt_run_id)
        entity = session.get_one(Entity, run.entity_id)
    snapshot = RunSnapshot.read(run.config_snapshot)
    return Workspace(
        opt_run_id=opt_run_id,
        run_code=run.run_code,
        entity_code=entity.entity_code,
        entity_id=entity.entity_id,
        opt_id=entity.opt_id,
        settings=settings_of({**snapshot.values, **(snapshot.carried_out_with or {})}),
        snapshot=snapshot,
        triggered_by=run.triggered_by,
        window=Window(run.data_start, run.data_end),
        store=ObjectStore.of(entity.s3_base_path),
        prefix=run_prefix(entity.s3_base_path, run.run_code),
    )


def partitions_to_read(workspace: Workspace) -> Contents:
    """Return the window's complete partitions, and the files in them that are no logs.

    Raises:
        LogsMissing: when fewer than `min_partition_share` of them are complete, with the list of the others.
        LogsInvalid: when files that should be logs cannot be read as such.
    """
    partitions = workspace.partitions  # what is still written is not looked into: it is not read
    contents = look_into([partition for partition in partitions if partition.complete], workspace.settings)
    known = {partition.url: partition for partition in contents.partitions}
    present = [known.get(partition.url, partition) for partition in partitions]
    return Contents(_require_enough(workspace, present), contents.left_out)


def partitions_with_rows(workspace: Workspace, read: Sequence[Partition], rows: Mapping[str, int]) -> list[Partition]:
    """Return the partitions that hold rows at all: one without is as good as missing, not a day without traffic.

    Args:
        workspace: The run.
        read: The partitions that were read.
        rows: How many rows each has, by its URL.

    Raises:
        LogsMissing: as `partitions_to_read`.
    """
    filled = {p.url: p if rows[p.url] else replace(p, missing="no rows") for p in read}
    others = (Partition(url, None, (), "not complete") for url in workspace.partitions_expected)
    return _require_enough(workspace, [filled.get(partition.url, partition) for partition in others])


def partitions_as_read(workspace: Workspace, selection: SelectionDocument) -> list[Partition]:
    """Return the partitions that selection has read.

    Raises:
        LogsInvalid: when their objects are not the same any more: two passes over different logs make no table.
    """
    read, inputs = set(selection.logs.partitions), {(each.s3_key, each.etag) for each in selection.inputs}
    present = [partition for partition in workspace.partitions if partition.url in read]
    partitions = list(look_into(present, workspace.settings).partitions)
    for partition in partitions:
        prefix, now = split_url(partition.url)[1], {(file.key, file.etag) for file in partition.files}
        before = now & inputs if partition.table else {(key, etag) for key, etag in inputs if key.startswith(prefix)}
        if before != now:
            raise LogsInvalid(f"{partition.url} has changed while the run was reading it: start a new run")
    return partitions


def _require_enough(workspace: Workspace, partitions: Sequence[Partition]) -> list[Partition]:
    complete = [partition for partition in partitions if partition.complete]
    if not complete or len(complete) < workspace.settings.min_partition_share * len(partitions):
        missing = incomplete(partitions)
        raise LogsMissing(
            f"{len(missing)} of {len(partitions)} partitions are not complete: {', '.join(missing)}; "
            f"deliver them, or lower min_partition_share{_other_clock(workspace)}"
        )
    return complete


def _other_clock(workspace: Workspace) -> str:
    """Return what may be wrong where the folders are of another clock than the window, in words."""
    cut, own = workspace.folder_zone.key, workspace.settings.timezone
    if cut == own or workspace.settings.logs_timezone:
        return ""
    return (
        f"; by the times of the rows the folders are cut at midnights of {cut}, and the window is of {own}: if these "
        "are local times without a zone, which are read as UTC, set timezone=UTC, or have them logged with their offset"
    )
