"""Builds the SQL that joins events to their rows.

An event is an id, a kind and a time; a repeat of it, the same kind of the same id, counts once, at its first time. It
counts for its row if it is within the attribution of it. The flag of a row is 1 where any event counts. Its amount is
the sum of weight times amount of those that do; of a win, of which a row has one, it is the amount as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS, EventLogs
from rtb_optimizer.engines.sql.amounts import MICRO, TEXT_TYPES
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.table import LogTable, instant_of

ROWS, ALL_PLACED = "logs", "all_placed"


@dataclass(frozen=True, slots=True)
class EventTables:
    """The tables of a join: each event once, events at the places of their rows, what the places get.

    `flag` and `amount` are the columns of the last.
    """

    happened: str
    matched: str
    placed: str
    flag: str
    amount: str


TABLES = {
    OUTCOMES.name: EventTables("happened", "matched", "placed", "joined_outcome", "joined_value"),
    WINS.name: EventTables("won", "matched_wins", "placed_wins", "joined_exposure", "joined_cost"),
}


def placed_in(logs: Sequence[EventLogs]) -> str:
    """Return the name of the table with all that the rows get of logs of events."""
    return TABLES[logs[0].role.name].placed if len(logs) == 1 else ALL_PLACED


def joined_columns(logs: Sequence[EventLogs]) -> Mapping[str, str]:
    """Return the columns of the placed table by the names that the rows get."""
    named = [(each, TABLES[each.role.name]) for each in logs]
    return {
        name: column
        for each, tables in named
        for name, column in ((each.flag, tables.flag), (each.amount, tables.amount))
        if name
    }


def placed_together(logs: Sequence[EventLogs]) -> str:
    """Return what the rows get of all logs of events, by their place: each has at most one row a place in its table."""
    placed = [TABLES[each.role.name] for each in logs]
    columns = [(name, kind) for each in placed for name, kind in ((each.flag, "BIGINT"), (each.amount, "DOUBLE"))]
    parts = [
        f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, "
        + ", ".join(name if name in (of.flag, of.amount) else f"CAST(0 AS {kind}) AS {name}" for name, kind in columns)
        + f" FROM {of.placed}"
        for of in placed
    ]
    sums = ", ".join(f"CAST(SUM({name}) AS {kind}) AS {name}" for name, kind in columns)
    return (
        f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, {sums} FROM ({' UNION ALL '.join(parts)}) AS parts "
        f"GROUP BY {SOURCE_FILE}, {SOURCE_ROW}"
    )


@dataclass(frozen=True, slots=True)
class EventsSql:
    """The statements of a join: `rows` are the logs, `events` those of the events, `missing` spellings of no id."""

    logs: EventLogs
    rows: LogTable
    events: LogTable
    missing: tuple[str, ...]

    @property
    def tables(self) -> EventTables:
        """The tables that the statements make."""
        return TABLES[self.logs.role.name]

    def happened(self) -> str:
        """Return each kind of event of each id once, with its first time and the amount that it had then."""
        dialect, logs = self.events.dialect, self.logs
        ids = [f"{dialect.text(dialect.identifier(event))} AS id{n}" for n, (_, event) in enumerate(logs.ids)]
        kind = dialect.text(dialect.identifier(logs.kind_column)) if logs.kind_column else "''"
        value = self._number(logs.amount_column) if logs.amount_column else "1.0"
        counted, known = self._counted(), self._with_id()
        named = ", ".join(f"id{n}" for n in range(len(ids)))
        rows = (
            f"SELECT {', '.join(ids)}, {kind} AS kind, {instant_of(self.events)} AS moment, {value} AS worth "
            f"FROM {logs.role.name} "
            f"WHERE {' AND '.join([*counted, *known])}"
        )
        first = f"FIRST_VALUE(worth) OVER (PARTITION BY {named}, kind ORDER BY moment NULLS LAST, worth)"
        return (
            f"SELECT {named}, kind, MIN(moment) AS moment, MIN(first_worth) AS worth, COUNT(*) AS copies "
            f"FROM (SELECT {named}, kind, moment, {first} AS first_worth FROM ({rows})) GROUP BY {named}, kind"
        )

    def matched(self) -> str:
        """Return each event with the place of each row of its id, and whether it counts for that row."""
        dialect, happened = self.rows.dialect, self.tables.happened
        same = " AND ".join(
            f"{dialect.text(dialect.identifier(row))} = {happened}.id{n}" for n, (row, _) in enumerate(self.logs.ids)
        )
        ids = ", ".join(f"{happened}.id{n}" for n in range(len(self.logs.ids)))
        seconds = int(self.logs.attribution.total_seconds())
        counts = f"COALESCE({happened}.moment < {instant_of(self.rows)} + INTERVAL {seconds} SECOND, FALSE)"
        return (
            f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, {ids}, {happened}.kind AS kind, worth, {counts} AS counts "
            f"FROM {ROWS} JOIN {happened} AS {happened} ON {same}"
        )

    def placed(self) -> str:
        """Return the flag and the amount of each row that has any, by its place."""
        tables = self.tables
        return (
            f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, CAST(1 AS BIGINT) AS {tables.flag}, "
            f"CAST({self._amount()} AS DOUBLE) AS {tables.amount} "
            f"FROM {tables.matched} WHERE counts GROUP BY {SOURCE_FILE}, {SOURCE_ROW}"
        )

    def by_day_and_kind(self) -> str:
        """Return by day and kind how many events there were, repeats among them, found a row, and count for one."""
        tables = self.tables
        named = ", ".join(f"id{n}" for n in range(len(self.logs.ids)))
        counts = "MAX(CASE WHEN counts THEN 1 ELSE 0 END) AS counts"
        found = f"SELECT {named}, kind, {counts} FROM {tables.matched} GROUP BY {named}, kind"
        same = " AND ".join(f"h.{name} = m.{name}" for name in (*named.split(", "), "kind"))
        return (
            f"SELECT CAST(h.moment AS DATE) AS day, h.kind AS kind, COUNT(*) AS events, "
            f"CAST(SUM(h.copies) AS BIGINT) - COUNT(*) AS repeats, COUNT(m.counts) AS found, "
            f"CAST(COALESCE(SUM(m.counts), 0) AS BIGINT) AS counted "
            f"FROM {tables.happened} AS h LEFT JOIN ({found}) AS m ON {same} GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def amounts(self) -> str:
        """Return by kind how many events there are, each once, and how many have an amount."""
        happened = self.tables.happened
        return f"SELECT kind, COUNT(*) AS events, COUNT(worth) AS known FROM {happened} GROUP BY 1 ORDER BY 1"

    def without_id(self) -> str:
        """Return how many events of the kinds that count have no id: they can be of no row."""
        tests = [*self._counted(), f"NOT ({' AND '.join(self._with_id())})"]
        return f"SELECT COUNT(*) AS n FROM {self.logs.role.name} WHERE {' AND '.join(tests)}"

    def strange_kinds(self) -> str:
        """Return how many events have no kind, under '', or one that counts but for its case or blanks, by kind."""
        dialect, kind = self.events.dialect, self._text(self.logs.kind_column)
        bare = f"LOWER(TRIM({kind}))"
        alike = dialect.literals(sorted({each.strip().lower() for each in self.logs.kinds}))
        named = f"CASE WHEN COALESCE({bare}, '') = '' THEN '' ELSE {kind} END"
        return (
            f"SELECT {named} AS kind, COUNT(*) AS n FROM {self.logs.role.name} "
            f"WHERE COALESCE({bare}, '') = '' OR {bare} IN ({alike}) AND NOT {kind} IN "
            f"({dialect.literals(self.logs.kinds)}) GROUP BY 1 ORDER BY n DESC, kind"
        )

    def _amount(self) -> str:
        """Return the amount of a row: in millionths where several are added, so that no order of summation shows."""
        logs = self.logs
        if logs.role == WINS:
            return "COALESCE(MIN(worth), 0)"
        weights = " ".join(
            f"WHEN {self.rows.dialect.literal(kind)} THEN {weight!r}" for kind, weight in logs.kinds.items()
        )
        weight = f"CASE kind {weights} END" if weights else "1.0"
        return f"SUM(FLOOR({weight} * COALESCE(worth, 0) * {MICRO} + 0.5)) / {MICRO}.0"

    def _counted(self) -> list[str]:
        logs = self.logs
        kind = self._text(logs.kind_column)
        return [f"{kind} IN ({self.events.dialect.literals(logs.kinds)})"] if logs.kinds else []

    def _with_id(self) -> list[str]:
        return [self._known(self._text(event)) for _, event in self.logs.ids]

    def _text(self, column: str) -> str:
        return self.events.dialect.text(self.events.quote(column))

    def _number(self, column: str) -> str:
        quoted = self.events.quote(column)
        is_text = self.events.types[column] in TEXT_TYPES
        return self.events.dialect.number(quoted) if is_text else f"CAST({quoted} AS DOUBLE)"

    def _known(self, text: str) -> str:
        missing = self.events.dialect.literals(self.missing)
        return f"{text} IS NOT NULL AND LOWER({text}) NOT IN ({missing})"
