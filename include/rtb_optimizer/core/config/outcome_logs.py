"""Outcomes in logs of their own: which events count, for which rows, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rtb_optimizer.core.config.window import Window


@dataclass(frozen=True, slots=True)
class OutcomeLogs:
    """Logs of events, such as clicks and conversions, that name the row they came of by its id.

    Attributes:
        path: Where they are, as `logs_path`.
        ids: Pairs of columns that hold the same id: of the row, of the event.
        time_column: The time of an event.
        value_column: What an event is worth, empty where all are worth 1.
        kind_column: The kind of an event, empty where all are of one.
        kinds: The weight of each kind that counts; empty where all do.
        attribution: How long after its row an event still counts.
        joined_outcome: The name that the outcome of a row gets: 1 or 0.
        joined_value: The name that the value of a row gets, empty where it gets none.
    """

    path: str
    ids: Sequence[tuple[str, str]]
    time_column: str
    value_column: str
    kind_column: str
    kinds: Mapping[str, float]
    attribution: timedelta
    joined_outcome: str
    joined_value: str

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the events that are read."""
        named = (*(event for _, event in self.ids), self.time_column, self.value_column, self.kind_column)
        return [name for name in dict.fromkeys(named) if name]

    def window(self, of_rows: Window) -> Window:
        """Return the window in which events of the rows of a window can be."""
        return Window(of_rows.start, of_rows.end + self.attribution)

    def required_window(self, of_rows: Window, maturity_lag: timedelta) -> Window:
        """Return the window whose events a run waits for: later ones count where they are there already."""
        return Window(of_rows.start, of_rows.end + min(self.attribution, maturity_lag))


def outcome_logs_problems(logs: OutcomeLogs | None, kinds: Mapping[str, object], timestamp_column: str) -> list[str]:
    """Return what is wrong with the keys of outcome logs, as messages."""
    if logs is None:
        return ["outcome_kinds: outcome_logs_path is not set"] if kinds else []
    problems = []
    if not logs.ids:
        problems.append("outcome_logs_path: row_id_columns is empty: events are joined to rows by their id")
    if not timestamp_column:
        problems.append("outcome_logs_path: timestamp_column is not set: events count for a time after their row")
    if bool(logs.kind_column) != bool(logs.kinds):
        problems.append(
            'outcome_kinds, outcome_logs_kind_column: set both, as {"click": 1, "conversion": 50} and the column of '
            "these words, or none"
        )
    if any(weight < 0 for weight in logs.kinds.values()):
        problems.append("outcome_kinds: a weight is negative")
    if logs.value_column and not logs.joined_value:
        problems.append("outcome_logs_value_column: value_column is not set, the name that a row's value gets")
    return problems
