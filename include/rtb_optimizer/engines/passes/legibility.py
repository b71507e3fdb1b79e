"""Finds texts that stand where a number or a time is expected, and cannot be read as one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.amounts import FALSE_WORDS, TEXT_TYPES, TRUE_WORDS
from rtb_optimizer.engines.sql.table import LogTable, instant_of
from rtb_optimizer.errors import LogsInvalid

MAX_EXAMPLE = 80
MEASURES = ("outcome", "exposure", "weight", "value", "cost", "bid")
NUMBER_FORMS = f"a number with a point, or {', '.join((*TRUE_WORDS, *FALSE_WORDS))}"
TIME_FORMS = (
    "2026-11-20 08:15:07, 2026-11-20T08:15:07-05:00, an epoch, or a form that timestamp_format describes, such as "
    "%d/%b/%Y:%H:%M:%S %z"
)


@dataclass(frozen=True, slots=True)
class Illegible:
    """A column with values that cannot be read: how many of how many, and one of them."""

    key: str
    column: str
    values: int
    of: int
    example: str
    forms: str

    def message(self) -> str:
        """Return the message about it."""
        return (
            f"{self.values} of {self.of} values of {self.column!r} ({self.key}) cannot be read, such as "
            f"{self.example[:MAX_EXAMPLE]!r}: write {self.forms}"
        )


def require_legible(
    engine: Engine, table: LogTable, source: str = "logs", keys: Mapping[str, str] = MappingProxyType({})
) -> tuple[RunWarning, ...]:
    """Return a warning for each column of texts some of which cannot be read; they count as missing.

    Args:
        engine: The engine.
        table: The logs.
        source: The name of their table.
        keys: The config keys of their columns, where these are not those of the rows.

    Raises:
        LogsInvalid: where they are more than `max_lost_share` of a column's values.
    """
    found = [replace(each, key=keys.get(each.key, each.key)) for each in _illegible(engine, table, source)]
    limit = table.settings.max_lost_share
    if worst := [each for each in found if each.values > limit * each.of]:
        named = "; ".join(each.message() for each in worst)
        raise LogsInvalid(f"{named}; up to {limit:.1%} of the values may be unreadable (max_lost_share)")
    return tuple(RunWarning("unreadable_values", each.message(), each.values, each.values / each.of) for each in found)


def require_few_bad_lines(engine: Engine, settings: Settings, source: str = "logs") -> tuple[RunWarning, ...]:
    """Return a warning for lines of a table's files that are no rows.

    Raises:
        LogsInvalid: where they are more than `max_lost_share` of all lines.
    """
    bad, rows = engine.bad_lines(source), engine.rows(source)
    if not bad:
        return ()
    lines, worst = sum(each.lines for each in bad), max(bad, key=lambda each: each.lines)
    said = f"{lines} of {rows + lines} lines are no rows; most of them in {worst.url}, line {worst.first}: {worst.why}"
    if lines > settings.max_lost_share * (rows + lines):
        fix = "correct the files, or csv_delimiter, csv_quote and csv_columns"
        fix = "write the files in UTF-8" if "utf-8" in worst.why.lower() else fix
        raise LogsInvalid(f"{said}; up to {settings.max_lost_share:.1%} may be lost (max_lost_share): {fix}")
    return (RunWarning("bad_lines", f"{said}: not counted", lines, lines / (rows + lines)),)


def _illegible(engine: Engine, table: LogTable, source: str) -> list[Illegible]:
    tests = {key: (column, test) for key, column, test in _tests(table)}
    if not tests:
        return []
    counts = [
        f"COUNT({table.quote(column)}) AS of{n}, SUM(CASE WHEN {test} THEN 1 ELSE 0 END) AS values{n}, "
        f"MIN(CASE WHEN {test} THEN {table.dialect.text(table.quote(column))} END) AS example{n}"
        for n, (column, test) in enumerate(tests.values())
    ]
    where = " AND ".join(table.row_filter()) or "TRUE"
    [row] = engine.query(f"SELECT {', '.join(counts)} FROM {source} WHERE {where}", "texts of numbers").to_pylist()
    return [
        Illegible(key, column, int(row[f"values{n}"]), row[f"of{n}"], row[f"example{n}"], _forms(key))
        for n, (key, (column, _)) in enumerate(tests.items())
        if row[f"values{n}"]
    ]


def _forms(key: str) -> str:
    return TIME_FORMS if key == "timestamp_column" else NUMBER_FORMS


def _tests(table: LogTable) -> list[tuple[str, str, str]]:
    """Return key, column and the test of an unreadable value, of each column that may hold some."""
    s, tests = table.settings, []
    for measure in MEASURES:
        column = getattr(s, f"{measure}_column")
        if column and table.types.get(column) in TEXT_TYPES:
            tests.append((f"{measure}_column", column, f"{table.amounts.number(column)} IS NULL"))
    if s.timestamp_column and not table.types[s.timestamp_column].startswith(("TIMESTAMP", "DATE")):
        tests.append(("timestamp_column", s.timestamp_column, f"{instant_of(table)} IS NULL"))
    return [(key, column, f"({_is_given(table, column)} AND {test})") for key, column, test in tests]


def _is_given(table: LogTable, column: str) -> str:
    """Return the test of a value that is neither NULL nor a spelling of a missing one."""
    text = f"TRIM({table.dialect.text(table.quote(column))})"
    missing = ", ".join(
        table.dialect.literal(word) for word in sorted({"", *map(str.lower, table.settings.missing_values)})
    )
    return f"({table.quote(column)} IS NOT NULL AND LOWER({text}) NOT IN ({missing}))"
