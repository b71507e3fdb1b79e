"""Logs of events that give rows columns: wins an exposure and a cost, clicks and conversions an outcome and a value.

An event names its row by an id. Which events count, for which rows, and until when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rtb_optimizer.core.config.window import Window


@dataclass(frozen=True, slots=True)
class EventRole:
    """What the events of some logs are to the rows, and the config keys that say so.

    Attributes:
        name: What the keys of these logs begin with; the name of their table in an engine.
        event: What an event is called, in messages.
        flag_key: The key with the column that says of a row whether an event of it counts: 1 or 0.
        amount_key: The key with the column of the amount that a row gets.
        amount_of: The key with the column of the events that holds the amount.
        of_row: What a row gets, in messages: the flag, the amount.
        rowless: The fact of the gates with the share of events that found no row.
    """

    name: str
    event: str
    flag_key: str
    amount_key: str
    amount_of: str
    of_row: tuple[str, str]
    rowless: str

    @property
    def path_key(self) -> str:
        """The key of where these logs are."""
        return f"{self.name}_path"

    @property
    def id_key(self) -> str:
        """The key of their columns with the id of a row."""
        return f"{self.name}_id_columns"

    @property
    def time_key(self) -> str:
        """The key of their column with the time of an event."""
        return f"{self.name}_time_column"

    @property
    def words(self) -> str:
        """The logs, in messages."""
        return self.name.replace("_", " ")

    @property
    def inputs(self) -> str:
        """The field of documents with the objects of these logs that were read."""
        return self.name.replace("_logs", "_inputs")

    @property
    def days(self) -> str:
        """The field of documents with the joined events, by day."""
        return f"{self.event}s"


OUTCOMES = EventRole(
    name="outcome_logs",
    event="event",
    flag_key="outcome_column",
    amount_key="value_column",
    amount_of="outcome_logs_value_column",
    of_row=("outcome", "value"),
    rowless="rowless_share",
)
WINS = EventRole(
    name="win_logs",
    event="win",
    flag_key="exposure_column",
    amount_key="cost_column",
    amount_of="win_logs_cost_column",
    of_row=("exposure", "cost"),
    rowless="rowless_wins_share",
)
ROLES = (WINS, OUTCOMES)
"""All roles, in the order in which their logs are joined."""


@dataclass(frozen=True, slots=True)
class EventLogs:
    """Logs of events of one role.

    Attributes:
        role: What the events are to the rows.
        path: Where they are, as `logs_path`.
        ids: Pairs of columns that hold the same id: of the row, of the event.
        time_column: The time of an event.
        amount_column: What an event is worth, or has cost; empty where all are worth 1.
        kind_column: The kind of an event, empty where all are of one.
        kinds: The weight of each kind that counts; empty where all do.
        attribution: How long after its row an event still counts.
        flag: The name of the column that a row gets: 1 where an event of it counts, else 0.
        amount: The name of the column with its amount, empty where it gets none.
    """

    role: EventRole
    path: str
    ids: Sequence[tuple[str, str]]
    time_column: str
    amount_column: str
    kind_column: str
    kinds: Mapping[str, float]
    attribution: timedelta
    flag: str
    amount: str

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the events that are read."""
        named = (*(event for _, event in self.ids), self.time_column, self.amount_column, self.kind_column)
        return [name for name in dict.fromkeys(named) if name]

    def window(self, of_rows: Window) -> Window:
        """Return the window in which events of the rows of a window can be."""
        return Window(of_rows.start, of_rows.end + self.attribution)

    def required_window(self, of_rows: Window, maturity_lag: timedelta) -> Window:
        """Return the window whose events a run waits for: later ones count where they are there already."""
        return Window(of_rows.start, of_rows.end + min(self.attribution, maturity_lag))


def event_logs_problems(logs: EventLogs, timestamp_column: str) -> list[str]:
    """Return what is wrong with the keys of logs of events, as messages."""
    role, problems = logs.role, []
    if not logs.ids:
        problems.append(f"{role.path_key}: row_id_columns is empty: {role.event}s are joined to rows by their id")
    if not timestamp_column:
        problems.append(f"{role.path_key}: timestamp_column is not set: {role.event}s count for a time after their row")
    if not logs.flag:
        problems.append(f"{role.path_key}: {role.flag_key} is not set, the name that a row's {role.of_row[0]} gets")
    if logs.amount_column and not logs.amount:
        problems.append(f"{role.amount_of}: {role.amount_key} is not set, the name that a row's {role.of_row[1]} gets")
    return problems


def kinds_problems(logs: EventLogs | None, kinds: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the kinds of outcomes, as messages."""
    if logs is None:
        return ["outcome_kinds: outcome_logs_path is not set"] if kinds else []
    problems = []
    if bool(logs.kind_column) != bool(logs.kinds):
        problems.append(
            'outcome_kinds, outcome_logs_kind_column: set both, as {"click": 1, "conversion": 50} and the column of '
            "these words, or none"
        )
    if any(weight < 0 for weight in logs.kinds.values()):
        problems.append("outcome_kinds: a weight is negative")
    return problems


def joint_problems(logs: Sequence[EventLogs]) -> list[str]:
    """Return what contradicts itself between logs of several roles, as messages."""
    problems = []
    for n, later in enumerate(logs):
        for earlier in logs[:n]:
            if later.path.rstrip("/") == earlier.path.rstrip("/"):
                problems.append(
                    f"{earlier.role.path_key}: it is {later.role.path_key}, too, and each of its events would be a "
                    f"{earlier.role.event}; deliver {earlier.role.event}s in logs of their own, or set one of the keys"
                )
            if later.amount and later.amount == earlier.amount:
                problems.append(
                    f"{earlier.role.amount_key}: {earlier.amount!r} is also {later.role.amount_key}, and both are "
                    "joined; give each a name of its own"
                )
    return problems
