"""Builds the SQL of a run: profile, sample, exact statistics.

The text is plain SQL: money and exposures are summed as integers of a millionth, so that no order of summation shows,
and rounded by FLOOR(x * 1e6 + 0.5), which engines agree on; only the sample's hash is the engine's own. Columns and
values are quoted here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from zoneinfo import ZoneInfo

from rtb_optimizer.core.config.row_filter import ColumnFilter, column_filters
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, zone
from rtb_optimizer.engines.sql.amounts import MONEY, TEXT_TYPES, Amounts
from rtb_optimizer.engines.sql.dialect import Dialect, seconds
from rtb_optimizer.engines.sql.identity import (
    SOURCE_FILE,
    has_id,
    hashed,
    is_portable,
    measured_columns,
    row_hash,
    without_person,
)
from rtb_optimizer.engines.sql.times import time_of_number, time_of_text

MEASURES = ("exposure", "outcome", "value", "cost")
ZONED_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
IDENTITY = ("row_hash", "has_id", "time_hash")


@dataclass(frozen=True, slots=True)
class LogTable:
    """The logs as a run reads them: their columns, the measures of a row, the rows of the window.

    `days` maps the URL of a partition folder to its date, for logs without a timestamp; `folder_zone` is the zone at
    whose midnights folders are cut, the entity's where it is None. `by_time` says that partitions are days of a table,
    to which rows belong by their time, whatever their file. `dropped` is how many rows of the window repeated
    another and were removed from the logs.
    """

    settings: Settings
    window: Window
    types: Mapping[str, str]
    days: Mapping[str, date | None]
    dialect: Dialect
    folder_zone: ZoneInfo | None = None
    dropped: int = 0
    by_time: bool = False

    def quote(self, name: str) -> str:
        """Return a name, quoted."""
        return self.dialect.identifier(name)

    def source(self, features: Sequence[str] = ()) -> str:
        """Return the rows of the window as a subquery: day, measures in millionths, features as they are."""
        return self._rows(self._named(features))

    def _named(self, features: Sequence[str]) -> list[str]:
        return [f"{self.quote(name)} AS {self.quote('f_' + name)}" for name in features]

    def profile(self) -> str:
        """Return rows by day, and minute where rows have times: counts, sums, and rows that contradict themselves."""
        s = self.settings
        when = ["log_day", *(["minute"] if s.timestamp_column else [])]
        raw = [
            *([f"{self.dialect.minute(instant_of(self))} AS minute"] if s.timestamp_column else []),
            f"{self.amounts.raw(s.outcome_column)} AS raw_outcome",
            f"{self.amounts.whole(s.outcome_column)} AS known_outcome",
            *(f"{self.amounts.money(name)} AS raw_{name}" for name in MONEY),
            *(f"{self.amounts.amount(name)} AS given_{name}" for name in MONEY),
            f"{self.amounts.above_bid()} AS cost_above_bid",
        ]
        counts = {
            "zero_exposure": "exposure <= 0",
            "positive": f"{self.target} > 0",
            "outcome_above_exposure": "raw_outcome > exposure",
            "outcome_negative": "raw_outcome < 0",
            "outcome_zero": "known_outcome = 0",
            **{f"{name}_negative": f"raw_{name} < 0" for name in MONEY},
            "cost_above_bid": "cost_above_bid",
        }
        weighted = "outcome"
        if s.weight_column:
            raw.append(f"{self.amounts.number(s.weight_column)} AS row_weight")
            raw.append(f"{self.amounts.whole(s.weight_column)} AS raw_weight")
            counts["weight_negative"] = "raw_weight < 0"
            weighted = self.dialect.floored("row_weight * outcome + 0.5")
        # A sum of cases, which engines count in one pass: a FILTER splits the rows again for each test.
        tests = ", ".join(
            f"CAST(SUM(CASE WHEN {test} THEN 1 ELSE 0 END) AS BIGINT) AS {name}" for name, test in counts.items()
        )
        sums = ", ".join(f"{self.dialect.summed(m)} AS {m}" for m in MEASURES)
        lacking = ["COUNT(*) - COUNT(known_outcome) AS outcome_null"]
        lacking += ["COUNT(*) - COUNT(raw_weight) AS weight_unreadable"] if s.weight_column else []
        lacking += [f"COUNT(given_{m}) - COUNT(raw_{m}) AS {m}_unreadable" for m in MONEY]
        counted = ", ".join([sums, f"{self.dialect.summed(weighted)} AS weighted_outcome", *lacking, tests])
        return (
            f"SELECT {', '.join(when)}, COUNT(*) AS rows, {counted} FROM {self._rows(raw)} "
            f"GROUP BY {', '.join(when)} ORDER BY {', '.join(when)}"
        )

    def without_rate(self) -> str:
        """Return rows with money by currency and day, where that currency has no rate."""
        amounts = self.amounts
        columns = f"{amounts.currency()} AS currency, {day_of(self)} AS log_day"
        where = f"{self.where()} AND {amounts.rate()} IS NULL AND ({amounts.has_money()})"
        return (
            f"SELECT currency, log_day, COUNT(*) AS rows FROM (SELECT {columns} FROM logs WHERE {where}) "
            "GROUP BY currency, log_day ORDER BY currency, log_day"
        )

    def sample(
        self, features: Sequence[str], positives: float, others: float, more: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Return rows picked by a hash of the row: one share of those with an outcome, another of those without.

        They are in no order, and have the columns of IDENTITY: the row's hash, whether that is of its id, and the hash
        of its time. Rows with an id are drawn alike whatever their order. `more` are expressions by name.
        """
        lesser, greater = sorted(((others, f"NOT {self.target} > 0"), (positives, f"{self.target} > 0")))
        picked = f"{self._drawn(lesser[0])} OR ({greater[1]} AND {self._drawn(greater[0])})"
        names = ", ".join([*IDENTITY, "log_day", *MEASURES, *(self.quote("f_" + n) for n in features)])
        columns = [*self._identity(), *self._named(features), *(f"{sql} AS {name}" for name, sql in more.items())]
        return f"SELECT {', '.join([names, *more])} FROM {self._rows(columns)} WHERE exposure > 0 AND ({picked})"

    def values_of_people(self, features: Sequence[str], least: int) -> str:
        """Return the combinations of raw values of the features that at least `least` people stand behind.

        Rows without an id, or with one of zeros, count nobody.
        """
        columns = ", ".join(self.quote("f_" + feature) for feature in features)
        text = self.dialect.text(self.quote(self.settings.person_id_column))
        names = [f"{self.quote(name)} AS {self.quote('f_' + name)}" for name in features]
        person = f"CASE WHEN {without_person(self.settings, text, self.dialect)} THEN NULL ELSE {text} END AS person"
        known = f"{self._rows([*names, person])} AS of_people WHERE person IS NOT NULL"
        pairs = f"(SELECT {columns}, person FROM {known} GROUP BY {columns}, person) AS pairs"
        return f"SELECT {columns} FROM {pairs} GROUP BY {columns} HAVING COUNT(*) >= {least}"

    def measures(self, *, timed: bool = True) -> str:
        """Return every row's measures in millionths, in the order of the rows, and whether it is in the window.

        Rows that are not `timed` lack their `time_alone`, and are all in the window.
        """
        measured = ", ".join(f"{self.amounts.micros(m)} AS {m}" for m in MEASURES)
        where = self.where() if timed else " AND ".join(self.row_filter()) or "TRUE"
        return f"SELECT COALESCE({where}, FALSE) AS kept, {measured} FROM logs"

    @property
    def time_alone(self) -> str:
        """The timestamp column, where only the window's condition reads it; else empty."""
        s = self.settings
        return "" if s.currency_column or s.timestamp_column in s.row_filter else s.timestamp_column

    @property
    def row_columns(self) -> list[str]:
        """The columns that `measures` reads."""
        return sorted({*measured_columns(self.settings), *self.settings.row_filter})

    @property
    def target(self) -> str:
        """The measure that is predicted: `outcome`, or `value`."""
        return "value" if self.settings.objective == "value" else "outcome"

    @property
    def amounts(self) -> Amounts:
        """The SQL of a row's measures."""
        return Amounts(self.settings, self.types, self.dialect, day_of(self))

    def _rows(self, columns: Sequence[str]) -> str:
        """Return the window's rows with day, measures and more columns; never `*`, whose names could be a measure's."""
        measured = [f"{day_of(self)} AS log_day", *(f"{self.amounts.micros(m)} AS {m}" for m in MEASURES)]
        return f"(SELECT {', '.join([*measured, *columns])} FROM logs WHERE {self.where()})"

    def where(self) -> str:
        """Return the test of the rows that count: those of the window that pass the filter."""
        return " AND ".join([*in_window(self), *self.row_filter()]) or "TRUE"

    def row_filter(self) -> list[str]:
        """Return the tests of `row_filter`, a column each."""
        return [self._filter(each) for each in column_filters(self.settings.row_filter)]

    def _filter(self, of: ColumnFilter) -> str:
        text = self.dialect.text(self.quote(of.column))
        listed = f"({self.dialect.literals(of.values)})"
        return f"({text} IS NULL OR {text} NOT IN {listed})" if of.is_excluding else f"{text} IN {listed}"

    def _drawn(self, share: float) -> str:
        """Return the test that picks a share of the rows by their hash."""
        if share >= 1:
            return "TRUE"
        return (self.dialect.is_portably_below if is_portable(self.settings) else self.dialect.is_below)(share)

    def _identity(self) -> list[str]:
        s = self.settings
        when = self.quote(s.timestamp_column) if s.timestamp_column else "0"
        if is_portable(s) and s.timestamp_column:
            when = self.dialect.micros_of(f"CAST({instant_of(self)} AS {self.dialect.naive_type})")
        when = hashed(s, self.dialect, when)
        tests = (row_hash(s, self.dialect), has_id(s, self.dialect), when)
        return [f"{test} AS {name}" for test, name in zip(tests, IDENTITY, strict=True)]


def in_window(table: LogTable) -> list[str]:
    """Return the tests that a row's time is in the half-open window; none where rows have no time."""
    column = table.settings.timestamp_column
    if not column:
        return []
    tz = zone(table.settings.timezone)
    if table.types[column] == "DATE":
        start, end = (f"DATE '{t.astimezone(tz):%Y-%m-%d}'" for t in (table.window.start, table.window.end))
    else:
        start, end = (table.dialect.instant(seconds(t)) for t in (table.window.start, table.window.end))
    return [f"{instant_of(table)} >= {start}", f"{instant_of(table)} < {end}"]


def instant_of(table: LogTable) -> str:
    """Return a row's time in naive UTC, or its date where the logs hold dates."""
    column = table.settings.timestamp_column
    kind, quoted, dialect = table.types[column], table.quote(column), table.dialect
    if kind == "DATE":
        return quoted
    if kind in ZONED_TYPES:
        return dialect.naive(quoted)
    if kind in TEXT_TYPES:
        return time_of_text(quoted, table.settings.timestamp_format, dialect)
    if kind.startswith("TIMESTAMP"):
        return f"CAST({quoted} AS {dialect.naive_type})"
    return time_of_number(quoted, table.settings.timestamp_format, dialect)


def day_of(table: LogTable) -> str:
    """Return a row's local date: that of its time, else that of its folder, else the window's first."""
    column, tz = table.settings.timestamp_column, table.settings.timezone
    if column and (table.types[column] == "DATE" or tz == "UTC"):
        return f"CAST({instant_of(table)} AS DATE)"
    if column:
        return table.dialect.local_day(instant_of(table), tz)
    dated = {url: day for url, day in table.days.items() if day is not None}
    if not dated:
        return f"DATE '{table.window.start.astimezone(zone(tz)):%Y-%m-%d}'"
    cases = " ".join(f"WHEN {_is_below(url, table.dialect)} THEN DATE '{day}'" for url, day in dated.items())
    return f"CASE {cases} END"


def _is_below(url: str, dialect: Dialect) -> str:
    """Return the test that a row is of a folder, or of the file with that URL: day=10 is not in day=1."""
    below = dialect.starts_with(SOURCE_FILE, url.rstrip("/") + "/")
    return below if url.endswith("/") else f"({SOURCE_FILE} = {dialect.literal(url)} OR {below})"
