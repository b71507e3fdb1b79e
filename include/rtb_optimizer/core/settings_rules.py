"""Which rules hold between config keys? All that are broken are told at once."""

import re
from typing import TYPE_CHECKING

from croniter import croniter

from rtb_optimizer.core.alerts import kind_problems
from rtb_optimizer.core.beeswax_columns import COLUMNS
from rtb_optimizer.core.bonsai_features import FEATURES
from rtb_optimizer.core.currencies import currency_problems
from rtb_optimizer.core.dialect import GapPolicy
from rtb_optimizer.core.platforms import Platform
from rtb_optimizer.core.value_maps import value_map_problems
from rtb_optimizer.core.windows import zone
from rtb_optimizer.errors import WindowInvalid

if TYPE_CHECKING:
    from rtb_optimizer.core.settings import Settings

_LOGS_PATH = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FIELDS = {Platform.BEESWAX: COLUMNS, Platform.BONSAI: FEATURES}
"""Platforms that refuse a whole file with a field that they do not know."""


def problems(settings: "Settings") -> list[str]:
    """Return, in words, every rule between keys that is broken."""
    return [problem for problem in (*_problems(settings), *_export_problems(settings)) if problem]


def _problems(s: "Settings") -> list[str | None]:
    denied = sorted(set(s.anchor_features) & set(s.denied_features))
    return [
        None if _LOGS_PATH.fullmatch(s.logs_path) else f"logs_path: {s.logs_path!r} is no s3://bucket/path URL",
        _zone_problem(s.timezone),
        None if not s.schedule or croniter.is_valid(s.schedule) else f"schedule: {s.schedule!r} is no cron expression",
        None if not denied else f"anchor_features: {', '.join(denied)} stands in denied_features too",
        None
        if len(s.anchor_features) <= s.max_features
        else f"max_features: {s.max_features} is below the {len(s.anchor_features)} anchor_features",
        None
        if all(isinstance(v, list) and v and all(isinstance(x, str) for x in v) for v in s.row_filter.values())
        else 'row_filter: each column needs a list of strings, as {"site_id": ["345"]}',
        None
        if s.objective != "value" or s.value_column
        else "value_column: objective is value, and no column says what it is",
        *kind_problems(s.alert_on),
        *currency_problems(s.currency_column, s.timestamp_column, s.currency_rates),
        None if s.bid_column == "" or s.cost_column else "bid_column: it is held against cost_column, and none is set",
        None
        if s.row_id_columns or not s.drop_duplicates
        else "drop_duplicates: nothing says what a repeat is; name row_id_columns",
        None if s.objective != "value" or s.link != "odds" else "link: money has no odds; choose log or auto",
        *[
            f"macro_gap_policies: {policy!r} of {name!r} is not one of {', '.join(GapPolicy)}"
            for name, policy in sorted(s.macro_gap_policies.items())
            if policy not in list(GapPolicy)
        ],
        *value_map_problems("macro_value_maps", s.macro_value_maps),
    ]


def _zone_problem(name: str) -> str | None:
    try:
        zone(name)
    except WindowInvalid:
        return f"timezone: {name!r} is not an IANA name such as Europe/Berlin"
    return None


def _export_problems(s: "Settings") -> list[str | None]:
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
        "export_base_cpm: prebid_floors is among the exports, and no CPM says what a multiplier of 1 is as a floor"
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
        else f"export_beeswax_folder: {s.export_beeswax_folder!r} is no s3://bucket/path URL",
        None
        if _CURRENCY.fullmatch(s.export_currency)
        else f"export_currency: {s.export_currency!r} is no ISO 4217 code such as USD",
    ]


def _unknown_fields(s: "Settings") -> list[str]:
    named = {platform: s.export_fields.get(platform) for platform in _FIELDS}
    return [
        f"export_fields: {platform} has no field {field!r} for {feature}: choose one of {', '.join(_FIELDS[platform])}"
        for platform, fields in named.items()
        if isinstance(fields, dict)
        for feature, field in sorted(fields.items())
        if field and field not in _FIELDS[platform]
    ]
