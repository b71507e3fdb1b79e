"""The `report` output: what a yield analyst asks of a run.

It holds no clock and not its own run, so that the same logs, configuration and earlier runs give the same bytes; the
manifest says which run it is. Every field may be absent: releases differ.
"""

from collections.abc import Mapping

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.kpis import Kpi
from rtb_optimizer.outputs.documents.changes import ChangesDocument
from rtb_optimizer.outputs.documents.document import Document, Number, WarningDocument
from rtb_optimizer.outputs.documents.exports import ExportDocument
from rtb_optimizer.outputs.documents.groups import GroupDocument
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.outputs.documents.macros import MacrosDocument, RoundTripDocument
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.documents.replay import SecondPriceDocument
from rtb_optimizer.outputs.documents.selection import (
    BidsDocument,
    DistributionDocument,
    DriftDocument,
    FeatureDocument,
    HoldoutDocument,
    InteractionDocument,
    JointLossDocument,
    PolicyDocument,
    RejectedDocument,
)
from rtb_optimizer.outputs.documents.tables import DotDocument, SegmentsDocument


class VerdictDocument(Document):
    """Whether the run passes its gates, and why not."""

    decision: str | None = None
    reasons: tuple[str, ...] = ()


class GatesDocument(Document):
    """The facts that activation is decided on, and the limits that they must keep, by gate."""

    facts: Mapping[str, Number] = {}
    limits: Mapping[str, Number] = {}


class KpiDocument(Document):
    """A key figure: see `core.table.kpis.Kpi`."""

    name: str = ""
    formula: str | None = None
    value: Number | None = None
    numerator: Number | None = None
    denominator: Number | None = None
    previous: Number | None = None
    change: Number | None = None
    low: Number | None = None
    high: Number | None = None

    @property
    def kpi(self) -> Kpi:
        """The key figure, for a later run to compare with."""
        return Kpi(self.name, self.formula or "", self.value, self.numerator or 0.0, self.denominator or 0.0)


class CoverageDocument(Document):
    """What of the window's logs was there, and how it was sampled."""

    partitions_expected: Number | None = None
    partitions_found: Number | None = None
    missing: tuple[str, ...] = ()
    rows_by_day: Mapping[str, Number] = {}
    sampled_rows: Number | None = None
    sampled_share: Number | None = None
    sampled_positive_share: Number | None = None
    value_cut_share: Number | None = None
    folds: str | None = None
    timezone: str | None = None
    weight_column: str | None = None
    duplicate_share: Number | None = None


class JointDocument(Document):
    """The joint table: its rows, and what it loses against the master table by keys given."""

    rows: Number | None = None
    losses: tuple[JointLossDocument, ...] = ()


class ReplayDocument(Document):
    """Policies replayed on the hold-out, under an assumption that is stated, and by logged prices where known."""

    assumption: str | None = None
    policies: tuple[PolicyDocument, ...] = ()
    second_price: SecondPriceDocument | None = None


class OutputDocument(Document):
    """An output with its place in the run's folder."""

    output_type: str = ""
    s3_key: str | None = None
    row_count: Number | None = None
    byte_size: Number | None = None
    sha256: str | None = None


class DefaultChange(Document):
    """A key that is set otherwise than by default."""

    key: str = ""
    default: ConfigValue = None
    value: ConfigValue = None


class ActiveChange(Document):
    """A key that is set otherwise than in the active run."""

    key: str = ""
    active: ConfigValue = None
    value: ConfigValue = None


class ConfigDocument(Document):
    """The configuration of the run: values and where each comes from."""

    values: Mapping[str, ConfigValue] = {}
    origins: Mapping[str, str] = {}
    changed_from_default: tuple[DefaultChange, ...] = ()
    changed_from_active: tuple[ActiveChange, ...] = ()


class Report(Document):
    """The report of a run, section by section."""

    entity_code: str | None = None
    data_start: str | None = None
    data_end: str | None = None
    objective: str | None = None
    link: str | None = None
    unit: Number | None = None
    stands_for: Number | None = None
    slope: Number | None = None
    verdict: VerdictDocument = VerdictDocument()
    gates: GatesDocument = GatesDocument()
    totals: Counts | None = None
    kpis: tuple[KpiDocument, ...] = ()
    coverage: CoverageDocument | None = None
    warnings: tuple[WarningDocument, ...] | None = None
    logs: LogsDocument | None = None
    bids: BidsDocument = BidsDocument()
    features: tuple[FeatureDocument, ...] = ()
    interactions: tuple[InteractionDocument, ...] = ()
    rejected: tuple[RejectedDocument, ...] = ()
    distributions: tuple[DistributionDocument, ...] = ()
    drift: tuple[DriftDocument, ...] = ()
    segments: SegmentsDocument | None = None
    scatter: tuple[DotDocument, ...] = ()
    joint: JointDocument = JointDocument()
    holdout: HoldoutDocument | None = None
    replay: ReplayDocument = ReplayDocument()
    realized: RealizedDocument | None = None
    changes: ChangesDocument = ChangesDocument()
    groups: tuple[GroupDocument, ...] = ()
    ad_macros: MacrosDocument = MacrosDocument()
    round_trip: Mapping[str, RoundTripDocument] = {}
    exports: tuple[ExportDocument, ...] = ()
    outputs: tuple[OutputDocument, ...] = ()
    config: ConfigDocument = ConfigDocument()
