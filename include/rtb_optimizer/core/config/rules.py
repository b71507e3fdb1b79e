"""Checks the rules between config keys, all at once, on the way to typed settings."""

import re
from collections.abc import Mapping

from rtb_optimizer.core.config.currencies import currency_problems
from rtb_optimizer.core.config.deliveries import delivery_problems
from rtb_optimizer.core.config.event_logs import (
    ROLES,
    WINS,
    EventRole,
    event_logs_problems,
    joint_problems,
    kinds_problems,
)
from rtb_optimizer.core.config.formats import EPOCHS
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.logs_path import logs_path_problems
from rtb_optimizer.core.config.roles import denied_problems, role_problems
from rtb_optimizer.core.config.row_filter import filter_problem
from rtb_optimizer.core.config.schedule import schedule_problem
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.core.config.spark import spark_problems
from rtb_optimizer.core.config.window import zone
from rtb_optimizer.core.decision.alerts import kind_problems
from rtb_optimizer.core.macros.dialect import GapPolicy
from rtb_optimizer.core.platforms.clocks import clock_problem, clock_problems
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.fields import COLUMNS, SCALARS, column_of
from rtb_optimizer.core.sample.value_maps import exported_id_problems, value_map_problems
from rtb_optimizer.errors import ConfigInvalid, WindowInvalid

_LOGS_PATH = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FIELDS = {platform: COLUMNS[platform] for platform in (Platform.BEESWAX, Platform.BONSAI)}
"""Platforms that reject a whole file with an unknown field."""


def settings_of(values: Mapping[str, ConfigValue]) -> Settings:
    """Return the typed settings of a snapshot's values.

    Raises:
        ConfigInvalid: with every rule between keys that is broken.
    """
    settings = settings_as_stored(values)
    if violations := problems(settings):
        raise ConfigInvalid(violations)
    return settings


def problems(settings: Settings) -> list[str]:
    """Return every broken rule between keys, as messages."""
    return [problem for problem in (*_problems(settings), *_export_problems(settings)) if problem]


def _problems(s: Settings) -> list[str | None]:
    return [
        *_logs_problems(s),
        schedule_problem(s.schedule),
        *denied_problems(s.anchor_features, s.denied_features, s.allowed_identifiers),
        *_role_problems(s),
        None
        if len(s.anchor_features) <= s.max_features
        else f"max_features: {s.max_features} is below the {len(s.anchor_features)} anchor_features",
        filter_problem(s.row_filter),
        None if s.objective != "value" or s.value_column else "value_column: required when objective is value",
        *kind_problems(s.alert_on),
        *_blank_names(s),
        None
        if s.lookback_days <= s.max_window_days
        else f"lookback_days: {s.lookback_days} is above the {s.max_window_days} of max_window_days",
        None
        if not s.person_id_column or s.min_segment_exposures > 0
        else "person_id_column: min_segment_exposures is 0: no row would be limited by people",
        *_live_problems(s),
        *spark_problems(s.engine, s.timestamp_format, s.logs_format),
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


def _logs_problems(s: Settings) -> list[str]:
    """Return what is wrong with where the logs are and how their times are cut, as messages."""
    is_url = _LOGS_PATH.fullmatch(s.logs_path)
    return [
        *([] if is_url else [f"logs_path: {s.logs_path!r} is not an s3://bucket/path URL"]),
        *logs_path_problems(s.logs_path),
        *_marker_problems(s.completion_marker),
        *_time_problems(s),
        *_event_logs_problems(s),
        *_iceberg_problems(s),
        *_zone_problems({"timezone": s.timezone, **({"logs_timezone": s.logs_timezone} if s.logs_timezone else {})}),
    ]


def _event_logs_problems(s: Settings) -> list[str]:
    """Return what is wrong with the keys of logs of events; the logs are typed only once their ids are as many."""
    unfit = [kind for kind, weight in s.outcome_kinds.items() if not _is_number(weight)]
    broken = [problem for role in ROLES for problem in _unusable(s, role)]
    broken += [f"outcome_kinds: the weight of {unfit[0]!r} is no number"] if unfit else []
    if broken:
        return broken
    return [
        *(problem for logs in s.event_logs for problem in event_logs_problems(logs, s.timestamp_column)),
        *kinds_problems(s.outcome_logs, s.outcome_kinds),
        *joint_problems(s.event_logs),
    ]


def _unusable(s: Settings, role: EventRole) -> list[str]:
    path, ids = getattr(s, role.path_key), getattr(s, role.id_key)
    if path and not _LOGS_PATH.fullmatch(path):
        return [f"{role.path_key}: {path!r} is not an s3://bucket/path URL"]
    if not path and role == WINS:
        keys = (role.id_key, role.time_key, role.amount_of)
        return [f"{key}: {role.path_key} is not set" for key in keys if getattr(s, key)]
    if len(ids) not in (0, len(s.row_id_columns)):
        return [f"{role.id_key}: name as many as row_id_columns, in the same order"]
    return [problem.replace("logs_path:", f"{role.path_key}:", 1) for problem in logs_path_problems(path)]


def _iceberg_problems(s: Settings) -> list[str]:
    roots = {path.rstrip("/") for path in (s.logs_path, *(getattr(s, role.path_key) for role in ROLES)) if path}
    return [
        f"iceberg_tables: {root} is neither logs_path nor {' nor '.join(role.path_key for role in reversed(ROLES))}"
        if root.rstrip("/") not in roots
        else f"iceberg_tables: {name!r} is no name of a table with its namespace, as logs.impressions"
        for root, name in s.iceberg_tables.items()
        if root.rstrip("/") not in roots or not (isinstance(name, str) and "." in name.strip("."))
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _marker_problems(marker: str) -> list[str]:
    if not marker.startswith("s3://"):
        return [f"completion_marker: {marker!r} has a slash; write a name, or an s3:// URL"] if "/" in marker else []
    if _LOGS_PATH.fullmatch(marker) and not marker.endswith("/"):
        return [problem.replace("logs_path:", "completion_marker:") for problem in logs_path_problems(marker)]
    return [f"completion_marker: {marker!r} is not the s3://bucket/key URL of an object"]


def _time_problems(s: Settings) -> list[str]:
    """Return what is wrong with the pattern of times, as messages."""
    pattern = s.timestamp_format
    if not pattern or pattern in EPOCHS:
        return [] if s.timestamp_column or not pattern else ["timestamp_format: timestamp_column is not set"]
    unknown = sorted(set(re.findall(r"%(-?.)", pattern)) - set("aAbBdHIjmMpSfgyYzZTF%"))
    if unknown:
        return [f"timestamp_format: {pattern!r} has %{', %'.join(unknown)}, which are no parts of a time"]
    bare = pattern.replace("%%", "")
    if bare.endswith("%"):
        return [f"timestamp_format: {pattern!r} ends with a % without its letter"]
    if "%" in bare:
        return []
    return [f"timestamp_format: {pattern!r} is no pattern such as %Y-%m-%d %H:%M:%S, and none of {', '.join(EPOCHS)}"]


def _live_problems(s: Settings) -> list[str]:
    """Return the contradictions between the keys about the bid of a row, as messages."""
    problems = []
    if (s.multiplier_column or s.run_column) and not s.bids_follow_tables:
        key = "multiplier_column" if s.multiplier_column else "run_column"
        problems.append(f"bids_follow_tables: false, but {key} names a column with the bids: set true, or unset {key}")
    if s.holdback_share > 0 and not (s.arm_column or s.arm_id_column):
        problems.append(
            "holdback_share: which id draws the arm of a request is not known; set holdback_id_column to one that "
            "bidders know before the auction and the logs hold, or arm_column where the platform draws it"
        )
    if bool(s.arm_column) != bool(s.control_arms):
        problems.append("arm_column, control_arms: set both: the column, and its values for requests bid 1.0, or none")
    return problems


def _role_problems(s: Settings) -> list[str]:
    roles = {name: getattr(s, name) for name in Settings.__annotations__ if _is_role(name)}
    features = {"anchor_features": s.anchor_features, "candidate_features": s.candidate_features}
    return role_problems(roles, features, s.row_id_columns)


def _is_role(name: str) -> bool:
    """Whether a key names a column of the rows; those of logs of events may be called alike."""
    return name.endswith("_column") and not name.startswith(tuple(role.name for role in ROLES))


def _blank_names(s: Settings) -> list[str]:
    lists = ("candidate_features", "anchor_features", "host_features", "denied_features", "row_id_columns")
    named = {key: getattr(s, key) for key in (*lists, "allowed_leaks", "allowed_identifiers")} | {
        "row_filter": s.row_filter
    }
    return [f"{key}: a name in it is blank" for key, names in named.items() if any(not name.strip() for name in names)]


def _zone_problems(zones: Mapping[str, str]) -> list[str]:
    """Return the keys whose value is no time zone, as messages."""
    problems = []
    for key, name in zones.items():
        try:
            zone(name)
        except WindowInvalid:
            problems.append(f"{key}: {name!r} is not an IANA name such as Europe/Berlin")
    return problems


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
        *(clock_problems(s.column_clocks) or _contradicted_clocks(s)),
        *[
            f"export_value_maps: {name!r} is not one of {known}"
            for name in sorted(s.export_value_maps)
            if name not in list(Platform)
        ],
        *(
            value_map_problems("export_value_maps", s.export_value_maps)
            or exported_id_problems("export_value_maps", s.export_value_maps)
        ),
        *delivery_problems(s.export_deliveries, s.exports, s.export_beeswax_folder),
        None
        if not s.export_beeswax_folder or _LOGS_PATH.fullmatch(s.export_beeswax_folder)
        else f"export_beeswax_folder: {s.export_beeswax_folder!r} is not an s3://bucket/path URL",
        None
        if _CURRENCY.fullmatch(s.export_currency)
        else f"export_currency: {s.export_currency!r} is not an ISO 4217 code such as USD",
    ]


def _unknown_fields(s: Settings) -> list[str]:
    return [
        f"export_fields: {platform} has no field {field!r} for {feature}: choose one of {', '.join(_FIELDS[platform])}"
        for platform in _FIELDS
        for feature, field in _own_fields(s, platform)
        if field and field not in _FIELDS[platform]
    ] + [
        f"export_fields: {field} for {feature}: a look-up table has no keys of it, since Xandr buckets it as a scalar"
        for feature, field in _own_fields(s, Platform.LOOKUP_TABLES)
        if field in SCALARS
    ]


def _own_fields(s: Settings, platform: Platform) -> list[tuple[str, object]]:
    fields = s.export_fields.get(platform)
    return sorted(fields.items()) if isinstance(fields, dict) else []


def _contradicted_clocks(s: Settings) -> list[str]:
    """Return the hours that export_fields gives to a field of another clock; what is not said is a run's warning."""
    named = {name: s.export_fields.get(name) for name in s.exports if name in list(Platform)}
    problems = [
        (name, clock_problem(feature, field, column_of(Platform(name), field), s.column_clocks))
        for name, fields in named.items()
        if isinstance(fields, dict)
        for feature, field in sorted(fields.items())
        if isinstance(field, str) and feature in s.column_clocks
    ]
    return [f"export_fields: {name}: {problem}" for name, problem in problems if problem]
