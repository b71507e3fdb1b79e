"""Builds the SQL that joins events to the rows that they came of.

An event is an id, a kind and a time; a repeat of it, the same kind of the same id, counts once, at its first time. It
counts for its row if it is within the attribution of it. The outcome of a row is 1 where any event counts, its value
the sum of weight times value of those that do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rtb_optimizer.core.config.outcome_logs import OutcomeLogs
from rtb_optimizer.engines.sql.amounts import MICRO, TEXT_TYPES
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.table import LogTable, instant_of

ROWS, EVENTS = "logs", "outcome_logs"
HAPPENED, MATCHED, PLACED = "happened", "matched", "placed"
OUTCOME, VALUE = "joined_outcome", "joined_value"


def joined_columns(logs: OutcomeLogs) -> Mapping[str, str]:
    """Return the columns of the placed table by the names that the rows get."""
    return {logs.joined_outcome: OUTCOME, **({logs.joined_value: VALUE} if logs.joined_value else {})}


@dataclass(frozen=True, slots=True)
class OutcomesSql:
    """The statements of a join: `rows` are the logs, `events` the outcome logs, `missing` spellings of no id."""

    logs: OutcomeLogs
    rows: LogTable
    events: LogTable
    missing: tuple[str, ...]

    def happened(self) -> str:
        """Return each kind of event of each id once, with its first time and the value that it had then."""
        dialect, logs = self.events.dialect, self.logs
        ids = [f"{dialect.text(dialect.identifier(event))} AS id{n}" for n, (_, event) in enumerate(logs.ids)]
        kind = dialect.text(dialect.identifier(logs.kind_column)) if logs.kind_column else "''"
        value = self._number(logs.value_column) if logs.value_column else "1.0"
        counted, known = self._counted(), self._with_id()
        named = ", ".join(f"id{n}" for n in range(len(ids)))
        rows = (
            f"SELECT {', '.join(ids)}, {kind} AS kind, {instant_of(self.events)} AS moment, {value} AS worth "
            f"FROM {EVENTS} "
            f"WHERE {' AND '.join([*counted, *known])}"
        )
        first = f"FIRST_VALUE(worth) OVER (PARTITION BY {named}, kind ORDER BY moment NULLS LAST, worth)"
        return (
            f"SELECT {named}, kind, MIN(moment) AS moment, MIN(first_worth) AS worth, COUNT(*) AS copies "
            f"FROM (SELECT {named}, kind, moment, {first} AS first_worth FROM ({rows})) GROUP BY {named}, kind"
        )

    def matched(self) -> str:
        """Return each event with the place of each row of its id, and whether it counts for that row."""
        dialect = self.rows.dialect
        same = " AND ".join(
            f"{dialect.text(dialect.identifier(row))} = happened.id{n}" for n, (row, _) in enumerate(self.logs.ids)
        )
        ids = ", ".join(f"happened.id{n}" for n in range(len(self.logs.ids)))
        seconds = int(self.logs.attribution.total_seconds())
        counts = f"COALESCE(happened.moment < {instant_of(self.rows)} + INTERVAL {seconds} SECOND, FALSE)"
        return (
            f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, {ids}, happened.kind AS kind, worth, {counts} AS counts "
            f"FROM {ROWS} JOIN {HAPPENED} AS happened ON {same}"
        )

    def placed(self) -> str:
        """Return the outcome and the value of each row that has any, by its place."""
        weights = " ".join(
            f"WHEN {self.rows.dialect.literal(kind)} THEN {weight!r}" for kind, weight in self.logs.kinds.items()
        )
        weight = f"CASE kind {weights} END" if weights else "1.0"
        value = f"SUM(FLOOR({weight} * COALESCE(worth, 0) * {MICRO} + 0.5)) / {MICRO}.0"
        return (
            f"SELECT {SOURCE_FILE}, {SOURCE_ROW}, CAST(1 AS BIGINT) AS {OUTCOME}, CAST({value} AS DOUBLE) AS {VALUE} "
            f"FROM {MATCHED} WHERE counts GROUP BY {SOURCE_FILE}, {SOURCE_ROW}"
        )

    def told(self) -> str:
        """Return by day and kind how many events there were, repeats among them, found a row, and count for one."""
        named = ", ".join(f"id{n}" for n in range(len(self.logs.ids)))
        counts = "MAX(CASE WHEN counts THEN 1 ELSE 0 END) AS counts"
        found = f"SELECT {named}, kind, {counts} FROM {MATCHED} GROUP BY {named}, kind"
        same = " AND ".join(f"h.{name} = m.{name}" for name in (*named.split(", "), "kind"))
        return (
            f"SELECT CAST(h.moment AS DATE) AS day, h.kind AS kind, COUNT(*) AS events, "
            f"CAST(SUM(h.copies) AS BIGINT) - COUNT(*) AS repeats, COUNT(m.counts) AS found, "
            f"CAST(COALESCE(SUM(m.counts), 0) AS BIGINT) AS counted "
            f"FROM {HAPPENED} AS h LEFT JOIN ({found}) AS m ON {same} GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def without_id(self) -> str:
        """Return how many events of the kinds that count have no id: they can be of no row."""
        tests = [*self._counted(), f"NOT ({' AND '.join(self._with_id())})"]
        return f"SELECT COUNT(*) AS n FROM {EVENTS} WHERE {' AND '.join(tests)}"

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
