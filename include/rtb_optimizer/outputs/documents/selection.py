"""What select_features hands over: features, rejections, the evaluation on the hold-out, and what the logs were."""

from collections.abc import Mapping

from rtb_optimizer.core.config.event_logs import EventRole
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.outputs.documents.document import Document, Number, WarningDocument
from rtb_optimizer.outputs.documents.groups import GroupLiftDocument
from rtb_optimizer.outputs.documents.lake import PLAIN_FILES, LakeDocument
from rtb_optimizer.outputs.documents.logs import InputDocument, LogsDocument
from rtb_optimizer.outputs.documents.replay import SecondPriceDocument


class FeatureDocument(Document):
    """A selected feature: its place, its scores, how many values it has, and which share of exposures has none.

    One that is fading has not passed: its rows move to 1. Documents of earlier releases do not say whether its gain
    `is_significant`; one that `is_weak` is so together with other weak ones alone. `siblings` is how many other
    entities its factors shrink to what is known of, `pooled_values` how many of its values they know: the `pooled`
    output has what they know.

    `cumulative_score` and `rows`, its rows in the table, are known to the report alone.
    """

    name: str = ""
    order: Number | None = None
    is_anchor: bool | None = None
    signal_score: Number | None = None
    standard_error: Number | None = None
    marginal_score: Number | None = None
    z: Number | None = None
    prior: Number = 0.0
    is_fading: bool | None = None
    is_significant: bool | None = None
    is_weak: bool | None = None
    siblings: int | None = None
    pooled_values: int | None = None
    values: Number | None = None
    missing_share: Number | None = None
    cumulative_score: Number | None = None
    rows: Number | None = None


class InteractionDocument(Document):
    """Features that say more together than apart; `rows`, theirs in the table, are known to the report alone."""

    features: tuple[str, ...] = ()
    signal_score: Number | None = None
    standard_error: Number | None = None
    z: Number | None = None
    prior: Number = 0.0
    rows: Number | None = None


class RejectedDocument(Document):
    """A candidate that was left out, with its reason code and the scores that it would have had.

    `standard_error` and `z` are those of `signal_score`; documents of earlier releases lack them.
    """

    name: str = ""
    reason: str = ""
    signal_score: Number | None = None
    marginal_score: Number | None = None
    standard_error: Number | None = None
    z: Number | None = None


class DistributionDocument(Document):
    """The shares of the exposures by value of a feature, the heaviest values alone; the others have the `rest`."""

    feature: str = ""
    shares: Mapping[str, float] = {}
    rest: float = 0.0


class DriftDocument(Document):
    """How a feature has shifted since the active run's window: see `core.sample.drift`."""

    feature: str = ""
    psi: Number | None = None
    new_share: Number | None = None


class SuspectedLeakDocument(Document):
    """A column that is suspected to leak the outcome: why, what it would add, and its share of the gain with it."""

    name: str
    is_anchor: bool
    sign: str
    evidence: str
    added: Number
    share: Number


class DecileDocument(Document):
    """Expected and observed outcomes of a tenth of the hold-out's exposures."""

    decile: Number | None = None
    exposure: Number | None = None
    expected: Number | None = None
    outcome: Number | None = None


class BidsDocument(Document):
    """What bought the rows of the window: the source of their bids, the runs that were live, and how volume followed.

    `elasticity` is what volume follows a multiplier by, as measured so far, with the inverse of its variance;
    `assumed` is the one that spend and volume are computed with; `unknown_share` is the share of the exposures whose
    bid is not known, `mean` the geometric mean of all bids. `deciles` has the realized outcomes of these rows
    beside those that the live tables predicted, by predicted rate.
    """

    source: str = ""
    runs: tuple[str, ...] = ()
    elasticity: float = 1.0
    precision: float = 0.0
    assumed: float = 1.0
    following: str = ""
    mean: float = 1.0
    unknown_share: float = 0.0
    deciles: tuple[DecileDocument, ...] = ()


class FeaturesDocument(Document):
    """The `features` output: what was selected, in order, on which scale, and why the others were not.

    `unit` is the value of one event; `stands_for` is how many rows of the logs are evidence of one.
    """

    features: tuple[FeatureDocument, ...] = ()
    interactions: tuple[InteractionDocument, ...] = ()
    rejected: tuple[RejectedDocument, ...] = ()
    link: Link = Link.LOG
    unit: Number = 1.0
    stands_for: Number = 1.0
    slope: Number = 1.0

    @property
    def names(self) -> list[str]:
        """The features in the order that the table's keys have."""
        return [feature.name for feature in self.features]

    def insignificant(self, min_z: float) -> list[str]:
        """Return the features whose gain is not significant; where none says, by `min_z` standard errors."""
        is_doubted = {feature.name: feature.z is not None and feature.z < min_z for feature in self.features}
        is_doubted |= {f.name: not f.is_significant for f in self.features if f.is_significant is not None}
        return [name for name, doubted in is_doubted.items() if doubted]


class LiftDocument(Document):
    """Which share of the outcomes the best share of the exposures holds."""

    exposure_share: Number | None = None
    outcome_share: Number | None = None


class JointLossDocument(Document):
    """What a joint table of some keys keeps of the gain; `master_gain` is known to the report alone."""

    keys: Number | None = None
    rows: Number | None = None
    gain: Number | None = None
    exposure_share: Number | None = None
    master_gain: Number | None = None


class PolicyDocument(Document):
    """A policy replayed on the hold-out, assuming that volume is proportional to the bid."""

    name: str = ""
    outcomes: Number | None = None
    spend: Number | None = None
    outcomes_per_spend: Number | None = None
    change: Number | None = None


class HoldoutDocument(Document):
    """What the table is worth on rows that selection never saw, as the report shows it."""

    gain: Number | None = None
    outcomes: Number | None = None
    level: Number | None = None
    slope: Number | None = None
    calibration: tuple[DecileDocument, ...] = ()
    lift: tuple[LiftDocument, ...] = ()


class EvaluationDocument(HoldoutDocument):
    """The evaluation on the hold-out, and how the sample was drawn."""

    joint: tuple[JointLossDocument, ...] = ()
    replay: tuple[PolicyDocument, ...] = ()
    pooled_gain: Number | None = None
    gain_at_most: Number | None = None
    second_price: SecondPriceDocument | None = None
    sampled_rows: int
    sampled_share: Number
    sampled_positive_share: Number
    value_cut_share: Number
    folds: str


class ReadingDocument(Document):
    """What one reading of the logs found beside its sample, for another selection from that sample.

    `columns` are those of the logs, `share_positives` and `share_others` the shares drawn of the rows with and without
    an outcome, `warnings` those about the rows.
    """

    columns: tuple[str, ...]
    by_day: bool
    share_positives: float
    share_others: float
    duplicates: int
    value_cut: float
    warnings: tuple[WarningDocument, ...]


class SelectionDocument(Document):
    """All that select_features hands over.

    `volume` are the facts of the gates on volume, by gate; `engine` is what counted the logs, with its version;
    `empty_inputs` are objects that were read and whose partitions have no rows.
    """

    link: Link
    unit: Number
    stands_for: Number
    slope: Number
    chosen: tuple[FeatureDocument, ...]
    interactions: tuple[InteractionDocument, ...]
    rejected: tuple[RejectedDocument, ...]
    suspected_leaks: tuple[SuspectedLeakDocument, ...]
    evidence: EvaluationDocument
    logs: LogsDocument
    bids: BidsDocument = BidsDocument()
    volume: Mapping[str, Number] = {}
    distributions: tuple[DistributionDocument, ...] = ()
    drift: tuple[DriftDocument, ...] = ()
    lifts: tuple[GroupLiftDocument, ...] = ()
    warnings: tuple[WarningDocument, ...]
    inputs: tuple[InputDocument, ...]
    empty_inputs: tuple[InputDocument, ...] = ()
    outcome_inputs: tuple[InputDocument, ...] = ()
    win_inputs: tuple[InputDocument, ...] = ()
    tables: LakeDocument = PLAIN_FILES
    engine: str = ""

    def inputs_of(self, role: EventRole) -> tuple[InputDocument, ...]:
        """Return the objects of logs of events that were read."""
        return tuple(getattr(self, role.inputs))

    @property
    def features(self) -> FeaturesDocument:
        """The `features` output."""
        return FeaturesDocument(
            features=self.chosen,
            interactions=self.interactions,
            rejected=self.rejected,
            link=self.link,
            unit=self.unit,
            stands_for=self.stands_for,
            slope=self.slope,
        )
