"""Which snapshots of tables a run reads, as documents: those of now, until the run has recorded its own."""

from datetime import datetime

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.logs.lake.location import LakeFormat
from rtb_optimizer.logs.lake.snapshot import Pin
from rtb_optimizer.logs.lake.tables import pin_now
from rtb_optimizer.outputs.documents.lake import LakeDocument, SnapshotDocument
from rtb_optimizer.outputs.documents.manifest import Manifest
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.store.schema import Run


def tables_now(settings: Settings) -> LakeDocument:
    """Return the last snapshots of the tables that logs and logs of events are; empty where they are plain files.

    Raises:
        LogsInvalid: when a table cannot be read.
    """
    paths = {"logs": settings.logs_path, **{logs.role.name: logs.path for logs in settings.event_logs}}
    found = {name: pin for name, path in paths.items() if (pin := pin_now(path, settings.iceberg_tables)) is not None}
    return LakeDocument.model_validate({name: _document(pin) for name, pin in found.items()})


def tables_of(session: Session, run: Run, now: LakeDocument) -> LakeDocument:
    """Return the snapshots that a past run read of the tables of `now`; where it read others, or files, those of now.

    A what-if run reads them: what was committed since would change its table beside the values that are tried.
    """
    then = Manifest.read(published_output(session, run, "manifest")).tables
    pairs = ((name, getattr(now, name), getattr(then, name)) for name in LakeDocument.model_fields)
    kept = {
        name: before if before is not None and (before.format, before.url) == (current.format, current.url) else current
        for name, current, before in pairs
        if current is not None
    }
    return LakeDocument.model_validate(kept)


def pin_of(recorded: SnapshotDocument | None) -> Pin | None:
    """Return a snapshot as it was recorded; None where the logs are plain files."""
    if recorded is None:
        return None
    committed = datetime.fromisoformat(recorded.committed_at)
    return Pin(LakeFormat(recorded.format), recorded.url, recorded.version, committed, recorded.metadata)


def _document(pin: Pin) -> SnapshotDocument:
    document = SnapshotDocument(
        format=pin.format, url=pin.url, version=pin.version, committed_at=pin.committed.isoformat()
    )
    return document.model_copy(update={"metadata": pin.metadata}) if pin.metadata else document
