"""Which snapshots of tables a run reads: recorded before it reads them, and in what it publishes."""

from rtb_optimizer.outputs.documents.document import Document


class SnapshotDocument(Document):
    """The snapshot of a table: its format, its URL, the number of the version or snapshot, when it was committed.

    `metadata` is the URL of the file that describes it, where the format has one.
    """

    format: str
    url: str
    version: int
    committed_at: str
    metadata: str = ""


class LakeDocument(Document):
    """The snapshots of the tables that logs, outcome logs and win logs are; absent where they are plain files."""

    logs: SnapshotDocument | None = None
    outcome_logs: SnapshotDocument | None = None
    win_logs: SnapshotDocument | None = None


PLAIN_FILES = LakeDocument()
