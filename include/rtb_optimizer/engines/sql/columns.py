"""Lists the columns that a configuration needs, and refuses logs that lack one or have it in another type."""

from collections.abc import Iterable, Mapping

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.engines.sql.amounts import TEXT_TYPES, TIME_TYPES
from rtb_optimizer.engines.sql.identity import is_portable
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid

MEASURE_COLUMNS = ("outcome", "exposure", "weight", "value", "cost", "bid", "currency", "timestamp")
MAX_NAMES, MAX_NAME = 60, 60
COUNTED = ("outcome", "exposure", "weight", "value", "cost", "bid")
NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN"),
)
ACCEPTED = (
    "a measure is a number, a boolean, or a text of one (true, yes, 1), an outcome also the time at which it came; a "
    "time is a timestamp, a date, an epoch, or a text of one (ISO 8601, or timestamp_format)"
)
LIVE_COLUMNS = ("multiplier", "run", "arm", "holdback_id")


def measured_columns_by_key(settings: Settings) -> list[tuple[str, str]]:
    """Return the columns that are counted or describe the bid, each with its config key."""
    named = [(f"{role}_column", getattr(settings, f"{role}_column")) for role in (*MEASURE_COLUMNS, *LIVE_COLUMNS)]
    return [(key, column) for key, column in named if column]


def required_columns(settings: Settings) -> list[tuple[str, str]]:
    """Return the columns that a run cannot go without, each with its config key."""
    s = settings
    required = [*measured_columns_by_key(s), *(("anchor_features", column) for column in s.anchor_features)]
    required += [("row_id_columns", column) for column in s.row_id_columns]
    required += [("row_filter", column) for column in s.row_filter]
    return required + ([("person_id_column", s.person_id_column)] if s.person_id_column else [])


def configured_columns(settings: Settings) -> list[str]:
    """Return every column of the logs that the configuration names."""
    named = [*(column for _, column in required_columns(settings)), *settings.candidate_features]
    return list(
        dict.fromkeys([*named, *settings.host_features, *settings.allowed_identifiers, *settings.allowed_leaks])
    )


def require_columns(table: LogTable) -> None:
    """Raise LogsInvalid naming every configured column that the logs lack, or that holds lists or records."""
    s = table.settings
    absent = [f"{column!r} ({key})" for key, column in required_columns(s) if column not in table.types]
    if absent:
        available = listed_names(table.types)
        raise LogsInvalid(f"the logs have no column {', '.join(absent)}; they have: {available}")
    counted = [*measured_columns_by_key(s), *(("anchor_features", column) for column in s.anchor_features)]
    counted += [("candidate_features", column) for column in s.candidate_features]
    kinds = {(key, column): table.types.get(column, "") for key, column in counted}
    nested = [f"{column!r} ({key}) is {kind}" for (key, column), kind in kinds.items() if is_nested(kind)]
    if nested:
        raise LogsInvalid(
            f"lists and records are not supported: {', '.join(nested)}; configure a path to a plain value in it, such "
            "as device.geo.country, or imp.0.banner.w for the first of a list"
        )
    others = [f"{column!r} ({key}) is {kind}" for key, column, kind in _unfit(kinds)]
    if others:
        raise LogsInvalid(f"columns of another kind than is counted: {', '.join(others)}; {ACCEPTED}")
    _require_portable_ids(table)


def _require_portable_ids(table: LogTable) -> None:
    """Raise LogsInvalid where a portable hash would be of a text that engines spell otherwise."""
    spelled = (*TEXT_TYPES, *(name for name in NUMBERS if "INT" in name))
    ids = {column: table.types.get(column, "") for column in table.settings.row_id_columns}
    odd = [f"{column!r} is {kind}" for column, kind in ids.items() if kind not in spelled]
    if is_portable(table.settings) and odd:
        raise LogsInvalid(
            f"sample_hash = portable needs ids (row_id_columns) that are texts or whole numbers: {', '.join(odd)}"
        )


def listed_names(names: Iterable[str]) -> str:
    """Return the names of columns in order, unprintable ones escaped; a few of very many, and none at great length."""
    shown = [name if name.isprintable() else repr(name) for name in sorted(names)]
    cut = [name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}..." for name in shown[:MAX_NAMES]]
    return ", ".join(cut) + (f" and {len(shown) - MAX_NAMES} more" if len(shown) > MAX_NAMES else "")


def _unfit(kinds: Mapping[tuple[str, str], str]) -> list[tuple[str, str, str]]:
    """Return the keys, columns and types of times that are none, and of measures that are no numbers."""
    unfit = []
    for (key, column), kind in kinds.items():
        is_number = kind.startswith(NUMBERS) or kind in TEXT_TYPES
        is_time = kind.startswith(TIME_TYPES)
        if key == "timestamp_column":
            fits = (is_number and kind != "BOOLEAN") or is_time
        elif key == "outcome_column":
            fits = is_number or is_time or not kind
        else:
            fits = is_number or not kind or key.removesuffix("_column") not in COUNTED
        if not fits:
            unfit.append((key, column, kind))
    return unfit


def is_nested(kind: str) -> bool:
    """Whether a type is that of lists or records."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT"))
