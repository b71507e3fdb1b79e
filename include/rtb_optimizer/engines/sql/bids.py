"""Builds the SQL of what bought a row: the run whose table bid on it, its multiplier, and its arm."""

from collections.abc import Mapping
from dataclasses import dataclass

from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX, DIGITS, ArmRules
from rtb_optimizer.core.realized.row_bids import BidRecord, BidSource
from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.table import LogTable, day_of, instant_of


@dataclass(frozen=True, slots=True)
class BidColumns:
    """Expressions of what bought a row.

    `mark` is the code of a run, the place of a period of the history, or a day, where rows have no time. `multiplier`
    is a number or NULL, `is_control` whether the row was bid 1.0 on purpose, `is_challenger` whether it is of a
    challenger's share. `bucket` is one of 16 parts of the ids, by the digit after those that draw the arm: differences
    between parts give the variance of sums.
    """

    mark: str = "NULL"
    multiplier: str = "NULL"
    is_control: str = "FALSE"
    is_challenger: str = "FALSE"
    bucket: str = "'0'"


NO_BID_COLUMNS = BidColumns()


def bid_columns(table: LogTable, record: BidRecord, rules: ArmRules) -> BidColumns:
    """Return the expressions for the rows of some logs.

    Args:
        table: The logs.
        record: The source of their bids, and the live runs.
        rules: What draws the arm of a row.
    """
    s, dialect = table.settings, table.dialect
    drawn = [(rule.id_column, rule.salt) for rule in rules.holdbacks.values() if rule.id_column in table.types]
    drawn += [(rule.id_column, rule.salt) for rule in rules.challengers.values() if rule.id_column in table.types]
    column, salt = drawn[0] if drawn else (s.arm_id_column if s.arm_column or s.run_column else "", "")
    below = {mark: rule.below for mark, rule in rules.holdbacks.items() if rule.id_column in table.types}
    above = {mark: rule.starts_at for mark, rule in rules.challengers.items() if rule.id_column in table.types}
    digest = f"MD5({dialect.literal(salt)} || {dialect.text(table.quote(column))})" if column in table.types else ""
    mark = run_mark(table, record)
    return BidColumns(
        mark=mark,
        multiplier=dialect.number(table.quote(s.multiplier_column)) if s.multiplier_column else "NULL",
        is_control=_is_control(table, mark, below, digest),
        is_challenger=_is_challenger(table, mark, above, digest, rules),
        bucket=f"SUBSTR({digest}, {DIGITS + 1}, 1)" if digest else "'0'",
    )


def has_times(table: LogTable) -> bool:
    """Whether rows have a time of day."""
    column = table.settings.timestamp_column
    return bool(column) and table.types[column] != "DATE"


def run_mark(table: LogTable, record: BidRecord) -> str:
    """Return what identifies the run whose table bid on a row: its code, the place of its period, or its day."""
    if record.source is BidSource.RUN:
        return f"TRIM({table.dialect.text(table.quote(table.settings.run_column))})"
    if not has_times(table):
        return day_of(table)
    instant = instant_of(table)
    ends = [f"{period.end:%Y-%m-%d %H:%M:%S.%f}" for period in record.periods[:-1]]
    cases = " ".join(f"WHEN {instant} < {table.dialect.instant(end)} THEN {n}" for n, end in enumerate(ends))
    return f"CASE {cases} ELSE {len(ends)} END" if cases else "0"


def _is_control(table: LogTable, mark: str, below: Mapping[object, str], digest: str) -> str:
    s, dialect = table.settings, table.dialect
    if s.arm_column:
        values = dialect.literals(s.control_arms)
        return f"COALESCE({dialect.text(table.quote(s.arm_column))} IN ({values}), FALSE)"
    tests = list[str]()
    if s.run_column:
        tests.append(f"COALESCE({mark} LIKE {dialect.literal('%' + CONTROL_SUFFIX)}, FALSE)")
    if below:
        tests.append(f"COALESCE(SUBSTR({digest}, 1, {DIGITS}) < {_bound(mark, below, dialect)}, FALSE)")
    return " OR ".join(tests) or "FALSE"


def _is_challenger(table: LogTable, mark: str, above: Mapping[object, str], digest: str, rules: ArmRules) -> str:
    tests = list[str]()
    if rules.challenger_runs:
        tests.append(f"COALESCE({mark} IN ({table.dialect.literals(sorted(rules.challenger_runs))}), FALSE)")
    if above:
        tests.append(f"COALESCE(SUBSTR({digest}, 1, {DIGITS}) >= {_bound(mark, above, table.dialect)}, FALSE)")
    return " OR ".join(tests) or "FALSE"


def _bound(mark: str, bounds: Mapping[object, str], dialect: Dialect) -> str:
    cases = " ".join(
        f"WHEN {_mark_literal(value, dialect)} THEN {dialect.literal(bound)}" for value, bound in bounds.items()
    )
    return f"CASE {mark} {cases} END"


def _mark_literal(value: object, dialect: Dialect) -> str:
    if isinstance(value, str):
        return dialect.literal(value)
    return str(value) if isinstance(value, int) else f"DATE '{value}'"
