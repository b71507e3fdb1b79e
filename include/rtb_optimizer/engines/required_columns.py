"""Which columns must the logs have? Those that the configuration names; candidates may be absent."""

from rtb_optimizer.engines.row_identity import SOURCE_FILE
from rtb_optimizer.engines.statements import LogTable
from rtb_optimizer.errors import LogsInvalid

MEASURES = ("outcome", "exposure", "weight", "value", "cost", "bid", "currency", "timestamp")


def require_columns(table: LogTable) -> None:
    """Raise LogsInvalid naming every configured column that the logs lack."""
    s = table.settings
    named = {f"{measure}_column": getattr(s, f"{measure}_column") for measure in MEASURES}
    asked = [(key, column) for key, column in named.items() if column]
    asked += [("anchor_features", column) for column in s.anchor_features]
    asked += [("row_id_columns", column) for column in s.row_id_columns]
    asked += [("row_filter", column) for column in s.row_filter]
    absent = [f"{column!r} ({key})" for key, column in asked if column not in table.types]
    if absent:
        there = ", ".join(sorted(set(table.types) - {SOURCE_FILE}))
        raise LogsInvalid(f"the logs have no column {', '.join(absent)}; they have: {there}")
