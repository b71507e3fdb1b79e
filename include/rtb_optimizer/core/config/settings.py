"""Converts the values of a resolved configuration to typed settings; the field names are the config keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS, EventLogs, EventRole
from rtb_optimizer.core.config.formats import Delimiter, Quote, TextDialect
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.selection.interactions import InteractionRules
from rtb_optimizer.core.selection.select import SelectionRules
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.evaluation import TableRules
from rtb_optimizer.core.table.joint import JointRules
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.errors import ConfigInvalid

OBSERVED = 2.0
"""A segment is left without a bid only if its holdback has so many times the exposures that a row needs."""

# The unset value of types that have an empty value; numbers and booleans have none.
_EMPTY: dict[Any, Callable[[], Any]] = {
    str: str,
    list[str]: list,
    **dict.fromkeys((dict[str, str], dict[str, object]), dict),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of version v3; see store/seeds/v3.toml for what each key means."""

    logs_path: str
    logs_format: str
    csv_columns: list[str]
    csv_delimiter: str
    csv_quote: str
    completion_marker: str
    markers_per_day: int
    logs_timezone: str
    freshness_timeout_minutes: int
    min_partition_share: float
    maturity_lag_hours: float
    max_window_days: int
    lookback_days: int
    timezone: str
    schedule: str
    iceberg_tables: dict[str, object]
    outcome_logs_path: str
    outcome_logs_id_columns: list[str]
    outcome_logs_time_column: str
    outcome_logs_value_column: str
    outcome_logs_kind_column: str
    outcome_kinds: dict[str, object]
    win_logs_path: str
    win_logs_id_columns: list[str]
    win_logs_time_column: str
    win_logs_cost_column: str
    attribution_hours: float
    outcome_column: str
    exposure_column: str
    weight_column: str
    value_column: str
    cost_column: str
    bid_column: str
    currency_column: str
    currency_rates: dict[str, object]
    timestamp_column: str
    timestamp_format: str
    person_id_column: str
    multiplier_column: str
    run_column: str
    bids_follow_tables: bool
    holdback_share: float
    holdback_id_column: str
    arm_column: str
    control_arms: list[str]
    objective: str
    link: str
    value_cap_quantile: float
    row_id_columns: list[str]
    drop_duplicates: bool
    row_filter: dict[str, object]
    max_duplicate_share: float
    max_lost_share: float
    max_silent_share: float
    candidate_features: list[str]
    anchor_features: list[str]
    host_features: list[str]
    denied_features: list[str]
    allowed_identifiers: list[str]
    missing_values: list[str]
    max_missing_share: float
    max_features: int
    min_signal_score: float
    min_z: float
    min_positives: int
    negatives_per_positive: int
    full_sample_rows: int
    max_sample_rows: int
    leak_score: float
    allowed_leaks: list[str]
    warm_start: bool
    max_interactions: int
    max_segments: int
    min_segment_exposures: float
    dead_band: float
    multiplier_min: float
    multiplier_max: float
    confidence: float
    no_bid_below: float
    max_movement: float
    min_holdout_gain: float
    max_predicted_change: float
    max_price_factor: float
    max_volume_factor: float
    allow_older_window: bool
    auto_stand_down: bool
    min_live_lift: float
    valid_hours: int
    keep_good_runs: int
    keep_days: int
    keep_work_days: int
    macro_formats: list[str]
    macro_gap_policies: dict[str, str]
    macro_value_maps: dict[str, object]
    macro_templates: dict[str, object]
    min_macro_hit_rate: float
    exports: list[str]
    export_fields: dict[str, object]
    export_value_maps: dict[str, object]
    column_clocks: dict[str, str]
    min_export_answered: float
    max_export_error: float
    export_base_cpm: float
    export_currency: str
    export_skip_rate: int
    export_beeswax_folder: str
    export_deliveries: dict[str, object]
    joint_features: int
    joint_min_exposures: int
    alert_on: list[str]
    alert_connection: str
    engine: str
    sample_hash: str
    engine_threads: int
    engine_memory_mb: int

    @property
    def outcome_logs(self) -> EventLogs | None:
        """The logs of the rows' outcomes, where they are logs of their own."""
        kinds = {kind: float(str(weight)) for kind, weight in self.outcome_kinds.items()}
        return self._event_logs(OUTCOMES, self.outcome_logs_kind_column, kinds, self.value_column)

    @property
    def win_logs(self) -> EventLogs | None:
        """The logs of which rows were won, and for how much, where they are logs of their own."""
        return self._event_logs(WINS, "", {}, self.cost_column if self.win_logs_cost_column else "")

    @property
    def event_logs(self) -> Sequence[EventLogs]:
        """All logs of events, in the order in which they are joined."""
        return [logs for logs in (self.win_logs, self.outcome_logs) if logs is not None]

    def _event_logs(self, role: EventRole, kind: str, kinds: Mapping[str, float], amount: str) -> EventLogs | None:
        if not (path := getattr(self, role.path_key)):
            return None
        return EventLogs(
            role=role,
            path=path,
            ids=tuple(zip(self.row_id_columns, getattr(self, role.id_key) or self.row_id_columns, strict=True)),
            time_column=getattr(self, role.time_key) or self.timestamp_column,
            amount_column=getattr(self, role.amount_of),
            kind_column=kind,
            kinds=kinds,
            attribution=timedelta(hours=self.attribution_hours),
            flag=getattr(self, role.flag_key),
            amount=amount,
        )

    @property
    def text_dialect(self) -> TextDialect:
        """How lines of text are cut into columns."""
        return TextDialect(
            Delimiter(self.csv_delimiter or Delimiter.AUTO),
            Quote(self.csv_quote or Quote.DOUBLE),
            tuple(self.csv_columns),
        )

    @property
    def arm_id_column(self) -> str:
        """The column of the id that draws a request's arm."""
        return arm_id_column(self.holdback_id_column, self.row_id_columns)

    @property
    def selection_rules(self) -> SelectionRules:
        """When selection stops."""
        return SelectionRules(
            self.max_features,
            self.min_signal_score,
            self.min_z,
            self.min_positives,
            self.leak_score,
            frozenset(self.allowed_leaks),
        )

    @property
    def interaction_rules(self) -> InteractionRules:
        """When the search for interactions stops."""
        return InteractionRules(self.max_interactions, self.min_signal_score)

    @property
    def segment_rules(self) -> SegmentRules:
        """Which rows the master table gets and how bids are bounded."""
        bounds = (self.multiplier_min, self.multiplier_max)
        seen = OBSERVED * self.min_segment_exposures / self.holdback_share if self.holdback_share > 0 else 0.0
        bids = BidRules(*bounds, self.confidence, self.no_bid_below, self.max_movement, self.min_z, seen)
        return SegmentRules(self.max_segments, self.dead_band, bids, self.min_segment_exposures)

    @property
    def table_rules(self) -> TableRules:
        """Which rows the master table and the joint table get."""
        rules = self.segment_rules
        exposures = max(self.joint_min_exposures, rules.min_exposures)
        joint = JointRules(rules.max_segments, exposures, rules.dead_band, rules.bids, rules.min_exposures)
        return TableRules(rules, joint)


def arm_id_column(named: str, row_ids: Sequence[str]) -> str:
    """Return the column of the id that draws a request's arm: the one named, else the row's id if it is one column."""
    return named or (row_ids[0] if len(row_ids) == 1 else "")


def settings_as_stored(values: Mapping[str, ConfigValue]) -> Settings:
    """Return the typed settings of a past run, which kept the rules of its own release.

    Raises:
        ConfigInvalid: when a number or a boolean is not set.
    """
    typed: dict[str, Any] = {field.name: values.get(field.name) for field in fields(Settings)}
    unset = [name for name, value in typed.items() if value is None]
    needed = [name for name in unset if Settings.__annotations__[name] not in _EMPTY]
    if needed:
        raise ConfigInvalid([f"{name}: a value is needed and none is set" for name in needed])
    typed |= {name: _EMPTY[Settings.__annotations__[name]]() for name in unset}
    return Settings(**typed)
