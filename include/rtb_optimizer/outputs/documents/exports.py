"""What build_segments hands over about the exports of a run, and the report shows."""

from rtb_optimizer.outputs.documents.document import Document, Number


class FieldDocument(Document):
    """The platform's field that a feature is exported to."""

    feature: str = ""
    field: str = ""


class WithoutIdDocument(Document):
    """How many values of a feature a platform has no id for, and on which share of the exposures."""

    feature: str = ""
    values: Number = 0
    exposure_share: Number = 0.0


class LostDocument(Document):
    """How many rows of the table an export lost, by cause."""

    cause: str = ""
    rows: Number = 0


class FileDocument(Document):
    """A file of an export, by its name, its output type in the catalog, and its rows."""

    name: str
    output_type: str
    rows: int


class ExportDocument(Document):
    """One export: its fields, what it lost, and what that costs against the master table."""

    platform: str = ""
    fields: tuple[FieldDocument, ...] = ()
    without_field: tuple[str, ...] = ()
    without_id: tuple[WithoutIdDocument, ...] = ()
    rows_asked: Number | None = None
    rows: Number | None = None
    lost: tuple[LostDocument, ...] = ()
    files: tuple[FileDocument, ...] = ()
    answered_share: Number | None = None
    largest_error: Number | None = None
    mean_error: Number | None = None
    no_bid_share: Number | None = None


class ExportsDocument(Document):
    """All exports of a run."""

    platforms: tuple[ExportDocument, ...] = ()
