"""Which columns must the logs have? Those that the configuration names; candidates may be absent."""

from rtb_optimizer.engines.row_identity import SOURCE_FILE
from rtb_optimizer.engines.statements import LogTable
from rtb_optimizer.errors import LogsInvalid

MEASURES = ("outcome", "exposure", "weight", "value", "cost", "bid", "currency", "timestamp")


def require_columns(table: LogTable) -> None:
    """Raise LogsInvalid naming every configured column that the logs lack, or that holds lists or records."""
    s = table.settings
    named = {f"{measure}_column": getattr(s, f"{measure}_column") for measure in MEASURES}
    counted = [(key, column) for key, column in named.items() if column]
    counted += [("anchor_features", column) for column in s.anchor_features]
    asked = [*counted, *(("row_id_columns", column) for column in s.row_id_columns)]
    asked += [("row_filter", column) for column in s.row_filter]
    absent = [f"{column!r} ({key})" for key, column in asked if column not in table.types]
    if absent:
        names = sorted(set(table.types) - {SOURCE_FILE})
        there = ", ".join(name if name.isprintable() else repr(name) for name in names)
        raise LogsInvalid(f"the logs have no column {', '.join(absent)}; they have: {there}")
    counted += [("candidate_features", column) for column in s.candidate_features]
    kinds = {(key, column): table.types.get(column, "") for key, column in counted}
    nested = [f"{column!r} ({key}) is {kind}" for (key, column), kind in kinds.items() if _is_nested(kind)]
    if nested:
        raise LogsInvalid(f"lists and records are no values: {', '.join(nested)}; name columns of plain values instead")


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT"))
