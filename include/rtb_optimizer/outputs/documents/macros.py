"""The `ad_macros` output, and how look-ups through the macros end."""

from collections.abc import Mapping

from rtb_optimizer.core.macros.route import Route
from rtb_optimizer.outputs.documents.document import Document, Number, WarningDocument


class FormatDocument(Document):
    """One format: its combo, None where it has none, and what a reader needs to take an expanded combo apart."""

    combo: str | None = None
    skipped: str | None = None
    separator: str | None = None
    missing: tuple[str, ...] = ()
    expanded_at: str | None = None
    expanded_when: str | None = None
    evidence: str | None = None
    secondary: tuple[str, ...] = ()
    source: str | None = None
    coverage: Mapping[str, str] = {}
    route: Route | None = None


class MacrosDocument(Document):
    """The features in order, and each format by name."""

    fields: tuple[str, ...] = ()
    formats: Mapping[str, FormatDocument] = {}
    warnings: tuple[WarningDocument, ...] = ()


class LevelDocument(Document):
    """The hit rate of requests by how many values the joint row gives."""

    values: Number | None = None
    exposure_share: Number | None = None
    hit_rate: Number | None = None


class MissDocument(Document):
    """A value that is not read back, with its cause and the share of the exposures that it costs."""

    feature: str | None = None
    value: str | None = None
    cause: str | None = None
    exposure_share: Number | None = None


class RoundTripDocument(Document):
    """How look-ups through one format end: shares of the exposures, see `core.macros.round_trip.round_trip`."""

    hit_rate: Number | None = None
    addressable_hit_rate: Number | None = None
    answered_share: Number | None = None
    levels: tuple[LevelDocument, ...] = ()
    misses: tuple[MissDocument, ...] = ()
