"""What build_segments hands over about the exports of a run, and the report shows."""

from rtb_optimizer.outputs.documents.document import Document, Number


class FieldDocument(Document):
    """The platform's field that a feature is exported to."""

    feature: str = ""
    field: str = ""


class RefusedDocument(Document):
    """A field that a feature is not exported to, since it cannot be right there or is another's, and why."""

    feature: str = ""
    field: str = ""
    reason: str = ""


class WithoutIdDocument(Document):
    """How many values of a feature a platform has no id for, and on which share of the exposures."""

    feature: str = ""
    values: Number = 0
    exposure_share: Number = 0.0


class SpeltDocument(Document):
    """Values of a feature that a field holds in another spelling, or never: how many, their share, the heaviest.

    `examples` are pairs of our spelling and the platform's, which is empty where the field never holds the value.
    """

    feature: str = ""
    wants: str = ""
    values: Number = 0
    exposure_share: Number = 0.0
    examples: tuple[tuple[str, str], ...] = ()


class LostDocument(Document):
    """How many rows of the table an export lost, or how many answers a platform cuts to its own bounds, by cause."""

    cause: str = ""
    rows: Number = 0


class FileDocument(Document):
    """A file of an export, by its name, its output type in the catalog, and its rows."""

    name: str
    output_type: str
    rows: int


class ExportDocument(Document):
    """One export: its fields, what it lost, and what that costs against the master table.

    `unknown`: names in its config keys that are no candidate features. `bids_on_control`: the run holds requests back
    by their id, and no file of this platform can.
    """

    platform: str = ""
    fields: tuple[FieldDocument, ...] = ()
    without_field: tuple[str, ...] = ()
    without_id: tuple[WithoutIdDocument, ...] = ()
    respelt: tuple[SpeltDocument, ...] = ()
    outside: tuple[SpeltDocument, ...] = ()
    refused: tuple[RefusedDocument, ...] = ()
    taken: tuple[RefusedDocument, ...] = ()
    unknown: tuple[str, ...] = ()
    rows_asked: Number | None = None
    rows: Number | None = None
    lost: tuple[LostDocument, ...] = ()
    cut: tuple[LostDocument, ...] = ()
    files: tuple[FileDocument, ...] = ()
    answered_share: Number | None = None
    largest_error: Number | None = None
    mean_error: Number | None = None
    no_bid_share: Number | None = None
    bids_on_control: bool = False


class ExportsDocument(Document):
    """All exports of a run."""

    platforms: tuple[ExportDocument, ...] = ()
