"""Converts the values of a resolved configuration to typed settings, and checks the rules between keys.

The field names are the config keys. All broken rules are reported at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rtb_optimizer.core.config.currencies import currency_problems
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.roles import denied_problems, role_problems
from rtb_optimizer.core.config.schedule import schedule_problem
from rtb_optimizer.core.config.window import zone
from rtb_optimizer.core.decision.alerts import kind_problems
from rtb_optimizer.core.macros.dialect import GapPolicy
from rtb_optimizer.core.platforms.beeswax import COLUMNS
from rtb_optimizer.core.platforms.bonsai import FEATURES
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.sample.value_maps import value_map_problems
from rtb_optimizer.core.selection.interactions import InteractionRules
from rtb_optimizer.core.selection.select import SelectionRules
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.evaluation import TableRules
from rtb_optimizer.core.table.joint import JointRules
from rtb_optimizer.core.table.rows import SegmentRules
from rtb_optimizer.errors import ConfigInvalid, WindowInvalid

_LOGS_PATH = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FIELDS = {Platform.BEESWAX: COLUMNS, Platform.BONSAI: FEATURES}
"""Platforms that reject a whole file with an unknown field."""

# The unset value of types that have an empty value; numbers and booleans have none.
_EMPTY: dict[Any, Callable[[], Any]] = {
    str: str,
    list[str]: list,
    **dict.fromkeys((dict[str, str], dict[str, list[str]], dict[str, object]), dict),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of version v3; see store/seeds/v3.toml for what each key means."""

    logs_path: str
    completion_marker: str
    freshness_timeout_minutes: int
    min_partition_share: float
    maturity_lag_hours: float
    max_window_days: int
    lookback_days: int
    timezone: str
    schedule: str
    outcome_column: str
    exposure_column: str
    weight_column: str
    value_column: str
    cost_column: str
    bid_column: str
    currency_column: str
    currency_rates: dict[str, object]
    timestamp_column: str
    person_id_column: str
    objective: str
    link: str
    value_cap_quantile: float
    max_value_cut: float
    row_id_columns: list[str]
    drop_duplicates: bool
    row_filter: dict[str, list[str]]
    max_duplicate_share: float
    max_excess_share: float
    max_minute_share: float
    max_unreadable_share: float
    max_value_growth: float
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
    max_interactions: int
    min_interaction_z: float
    max_segments: int
    min_segment_exposures: float
    max_spike: float
    dead_band: float
    multiplier_min: float
    multiplier_max: float
    confidence: float
    no_bid_below: float
    max_movement: float
    min_holdout_gain: float
    max_predicted_change: float
    max_price_factor: float
    allow_older_window: bool
    valid_hours: int
    keep_good_runs: int
    keep_days: int
    keep_work_days: int
    macro_formats: list[str]
    macro_gap_policies: dict[str, str]
    macro_value_maps: dict[str, object]
    min_macro_hit_rate: float
    exports: list[str]
    export_fields: dict[str, object]
    export_value_maps: dict[str, object]
    export_base_cpm: float
    export_currency: str
    export_skip_rate: int
    export_beeswax_folder: str
    joint_features: int
    joint_min_exposures: int
    alert_on: list[str]
    alert_connection: str
    engine_threads: int
    engine_memory_mb: int

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
        return InteractionRules(self.max_interactions, self.min_signal_score, self.min_interaction_z)

    @property
    def segment_rules(self) -> SegmentRules:
        """Which rows the master table gets and how bids are bounded."""
        bounds = (self.multiplier_min, self.multiplier_max)
        bids = BidRules(*bounds, self.confidence, self.no_bid_below, self.max_movement, self.min_z)
        return SegmentRules(self.max_segments, self.dead_band, bids, self.min_segment_exposures)

    @property
    def table_rules(self) -> TableRules:
        """Which rows the master table and the joint table get."""
        rules = self.segment_rules
        exposures = max(self.joint_min_exposures, rules.min_exposures)
        joint = JointRules(rules.max_segments, exposures, rules.dead_band, rules.bids)
        return TableRules(rules, joint)


def settings_of(values: Mapping[str, ConfigValue]) -> Settings:
    """Return the typed settings of a snapshot's values.

    Raises:
        ConfigInvalid: with every rule between keys that is broken.
    """
    settings = settings_as_stored(values)
    if violations := problems(settings):
        raise ConfigInvalid(violations)
    return settings


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


def problems(settings: Settings) -> list[str]:
    """Return every broken rule between keys, as messages."""
    return [problem for problem in (*_problems(settings), *_export_problems(settings)) if problem]


def _problems(s: Settings) -> list[str | None]:
    return [
        None if _LOGS_PATH.fullmatch(s.logs_path) else f"logs_path: {s.logs_path!r} is not an s3://bucket/path URL",
        _zone_problem(s.timezone),
        schedule_problem(s.schedule),
        *denied_problems(s.anchor_features, s.denied_features, s.allowed_identifiers),
        *_role_problems(s),
        None
        if len(s.anchor_features) <= s.max_features
        else f"max_features: {s.max_features} is below the {len(s.anchor_features)} anchor_features",
        None
        if all(isinstance(v, list) and v and all(isinstance(x, str) for x in v) for v in s.row_filter.values())
        else 'row_filter: each column needs a list of strings, as {"site_id": ["345"]}',
        None if s.objective != "value" or s.value_column else "value_column: required when objective is value",
        *kind_problems(s.alert_on),
        *_blank_names(s),
        None
        if s.lookback_days <= s.max_window_days
        else f"lookback_days: {s.lookback_days} is above the {s.max_window_days} of max_window_days",
        None
        if not s.person_id_column or s.min_segment_exposures > 0
        else "person_id_column: min_segment_exposures is 0: no row would be limited by people",
        *currency_problems(s.currency_column, s.timestamp_column, s.currency_rates),
        None
        if s.bid_column == "" or s.cost_column
        else "bid_column: it is compared with cost_column, which is not set",
        None
        if s.row_id_columns or not s.drop_duplicates
        else "drop_duplicates: requires row_id_columns, which is empty",
        None
        if s.objective != "value" or s.link != "odds"
        else "link: odds needs a share, and objective is value; choose log or auto",
        *[
            f"macro_gap_policies: {policy!r} of {name!r} is not one of {', '.join(GapPolicy)}"
            for name, policy in sorted(s.macro_gap_policies.items())
            if policy not in list(GapPolicy)
        ],
        *value_map_problems("macro_value_maps", s.macro_value_maps),
    ]


def _role_problems(s: Settings) -> list[str]:
    roles = {name: getattr(s, name) for name in Settings.__annotations__ if name.endswith("_column")}
    features = {"anchor_features": s.anchor_features, "candidate_features": s.candidate_features}
    return role_problems(roles, features, s.row_id_columns)


def _blank_names(s: Settings) -> list[str]:
    lists = ("candidate_features", "anchor_features", "host_features", "denied_features", "row_id_columns")
    named = {key: getattr(s, key) for key in (*lists, "allowed_leaks", "allowed_identifiers")} | {
        "row_filter": s.row_filter
    }
    return [f"{key}: a name in it is blank" for key, names in named.items() if any(not name.strip() for name in names)]


def _zone_problem(name: str) -> str | None:
    try:
        zone(name)
    except WindowInvalid:
        return f"timezone: {name!r} is not an IANA name such as Europe/Berlin"
    return None


def _export_problems(s: Settings) -> list[str | None]:
    known = ", ".join(Platform)
    return [
        *[f"exports: {name!r} is not one of {known}" for name in s.exports if name not in list(Platform)],
        *[
            f"export_fields: {name!r} is not one of {known}"
            for name in sorted(s.export_fields)
            if name not in list(Platform)
        ],
        *[
            f'export_fields: {name} needs a field by feature, as {{"{name}": {{"site_domain": "domain"}}}}'
            for name, fields in sorted(s.export_fields.items())
            if not isinstance(fields, dict) or not all(isinstance(field, str) for field in fields.values())
        ],
        "export_base_cpm: prebid_floors needs it, the floor of a multiplier of 1"
        if Platform.PREBID_FLOORS in s.exports and not s.export_base_cpm
        else None,
        *_unknown_fields(s),
        *[
            f"export_value_maps: {name!r} is not one of {known}"
            for name in sorted(s.export_value_maps)
            if name not in list(Platform)
        ],
        *value_map_problems("export_value_maps", s.export_value_maps),
        None
        if not s.export_beeswax_folder or _LOGS_PATH.fullmatch(s.export_beeswax_folder)
        else f"export_beeswax_folder: {s.export_beeswax_folder!r} is not an s3://bucket/path URL",
        None
        if _CURRENCY.fullmatch(s.export_currency)
        else f"export_currency: {s.export_currency!r} is not an ISO 4217 code such as USD",
    ]


def _unknown_fields(s: Settings) -> list[str]:
    named = {platform: s.export_fields.get(platform) for platform in _FIELDS}
    return [
        f"export_fields: {platform} has no field {field!r} for {feature}: choose one of {', '.join(_FIELDS[platform])}"
        for platform, fields in named.items()
        if isinstance(fields, dict)
        for feature, field in sorted(fields.items())
        if field and field not in _FIELDS[platform]
    ]
