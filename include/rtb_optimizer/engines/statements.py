"""What is asked of the logs? The SQL of a run: profile, sample, exact statistics.

The text is plain SQL: money and exposures are summed as integers of a millionth, so that no order of summation shows,
and rounded by FLOOR(x * 1e6 + 0.5), which engines agree on. Columns and values are quoted here and nowhere else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rtb_optimizer.core.settings import Settings
from rtb_optimizer.core.windows import Window, zone
from rtb_optimizer.errors import LogsInvalid

MICRO = 1_000_000
MEASURES = ("exposure", "outcome", "value", "cost")
SOURCE_FILE = "source_file"
SAMPLE_BUCKETS = 1_000_000
ZONED_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")


@dataclass(frozen=True, slots=True)
class LogTable:
    """The logs as this run reads them: which columns they have, what a row counts, which rows are the window's.

    `days` maps the URL of a partition folder to its date, for logs without a timestamp.
    """

    settings: Settings
    window: Window
    types: Mapping[str, str]
    days: Mapping[str, date | None]
    quote: Callable[[str], str]

    def require_columns(self) -> None:
        """Raise LogsInvalid naming every configured column that the logs lack; candidates may be absent."""
        s = self.settings
        named = {
            "outcome_column": s.outcome_column,
            "exposure_column": s.exposure_column,
            "weight_column": s.weight_column,
            "value_column": s.value_column,
            "cost_column": s.cost_column,
            "timestamp_column": s.timestamp_column,
        }
        asked = [(key, column) for key, column in named.items() if column]
        asked += [("anchor_features", column) for column in s.anchor_features]
        asked += [("row_id_columns", column) for column in s.row_id_columns]
        asked += [("row_filter", column) for column in s.row_filter]
        absent = [f"{column!r} ({key})" for key, column in asked if column not in self.types]
        if absent:
            there = ", ".join(sorted(set(self.types) - {SOURCE_FILE}))
            raise LogsInvalid(f"the logs have no column {', '.join(absent)}; they have: {there}")

    def source(self, features: Sequence[str] = (), *, row_hash: bool = False) -> str:
        """Return the rows of the window as a subquery: day, measures in millionths, features as they are."""
        columns = [f"{self._hash()} AS row_hash"] if row_hash else []
        columns += [f"{self.quote(name)} AS {self.quote('f_' + name)}" for name in features]
        return self._rows(columns)

    def profile(self) -> str:
        """One row per day: rows, sums, and how many rows contradict themselves."""
        s = self.settings
        raw = [
            f"{self._raw_micros(s.outcome_column)} AS raw_outcome",
            f"{self._counted(s.outcome_column)} IS NULL AS outcome_null",
        ]
        counts = {
            "zero_exposure": "exposure <= 0",
            "positive": "outcome > 0",
            "outcome_above_exposure": "raw_outcome > exposure",
            "outcome_negative": "raw_outcome < 0",
            "outcome_null": "outcome_null",
            "value_negative": "value < 0",
            "cost_negative": "cost < 0",
        }
        tests = ", ".join(f"COUNT(*) FILTER (WHERE {test}) AS {name}" for name, test in counts.items())
        sums = ", ".join(f"SUM({m}) AS {m}" for m in MEASURES)
        return (
            f"SELECT log_day, COUNT(*) AS rows, {sums}, {tests} FROM {self._rows(raw)} "
            "GROUP BY log_day ORDER BY log_day"
        )

    def duplicates(self, one_in: int) -> str:
        """Rows that repeat another, among those whose hash falls on one in `one_in`: repeats share their hash."""
        hashed = f"SELECT {self._hash()} AS row_hash FROM logs WHERE {self._where()}"
        return f"SELECT COUNT(*) - COUNT(DISTINCT row_hash) AS repeats FROM ({hashed}) WHERE row_hash % {one_in} = 0"

    def sample(self, features: Sequence[str], share: float) -> str:
        """Every row with an outcome, and the share of the others that a hash of the row picks.

        The features break ties of the order: rows that share their id would otherwise come as the threads go.
        """
        picked = f"outcome > 0 OR row_hash % {SAMPLE_BUCKETS} < {round(share * SAMPLE_BUCKETS)}"
        names = ", ".join(
            ["row_hash", "log_day", "exposure", "outcome", "cost", *(self.quote("f_" + n) for n in features)]
        )
        return (
            f"SELECT {names} FROM {self.source(features, row_hash=True)} "
            f"WHERE exposure > 0 AND ({picked}) ORDER BY {names}"
        )

    def value_statistics(self, features: Sequence[str]) -> str:
        """Exact statistics of each combination of raw values of the features, usually one."""
        sums = ", ".join(f"SUM({m}) AS {m}" for m in MEASURES)
        columns = ", ".join(self.quote("f_" + feature) for feature in features)
        return f"SELECT {columns}, COUNT(*) AS rows, {sums} FROM {self.source(features)} GROUP BY {columns}"

    def _rows(self, columns: Sequence[str]) -> str:
        """Return the window's rows with day, measures and more columns; never `*`, whose names could be a measure's."""
        measured = [f"{self._day()} AS log_day", *(f"{self._micros(m)} AS {m}" for m in MEASURES)]
        return f"(SELECT {', '.join([*measured, *columns])} FROM logs WHERE {self._where()})"

    def _where(self) -> str:
        filters = [
            f"CAST({self.quote(column)} AS VARCHAR) IN ({', '.join(map(_literal, values))})"
            for column, values in sorted(self.settings.row_filter.items())
        ]
        return " AND ".join([*self._in_window(), *filters]) or "TRUE"

    def _in_window(self) -> list[str]:
        column = self.settings.timestamp_column
        if not column:
            return []
        tz = zone(self.settings.timezone)
        if self.types[column] == "DATE":
            start, end = (f"DATE '{t.astimezone(tz):%Y-%m-%d}'" for t in (self.window.start, self.window.end))
        else:
            start, end = (f"TIMESTAMP '{t:%Y-%m-%d %H:%M:%S}'" for t in (self.window.start, self.window.end))
        return [f"{self._instant()} >= {start}", f"{self._instant()} < {end}"]

    def _instant(self) -> str:
        """Return a row's time in naive UTC, or its date where the logs hold dates."""
        column = self.settings.timestamp_column
        kind = self.types[column]
        if kind == "DATE":
            return self.quote(column)
        if kind in ZONED_TYPES:
            return f"CAST({self.quote(column)} AT TIME ZONE 'UTC' AS TIMESTAMP)"
        if kind == "VARCHAR":  # a text may name its offset, which a cast to TIMESTAMP would drop
            return f"(CAST({self.quote(column)} AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC')"
        return f"CAST({self.quote(column)} AS TIMESTAMP)"

    def _day(self) -> str:
        column, tz = self.settings.timestamp_column, self.settings.timezone
        if column and (self.types[column] == "DATE" or tz == "UTC"):
            return f"CAST({self._instant()} AS DATE)"
        if column:
            return f"CAST(({self._instant()} AT TIME ZONE 'UTC') AT TIME ZONE {_literal(tz)} AS DATE)"
        dated = {url: day for url, day in self.days.items() if day is not None}
        if not dated:
            return f"DATE '{self.window.start.astimezone(zone(tz)):%Y-%m-%d}'"
        cases = " ".join(
            f"WHEN starts_with({SOURCE_FILE}, {_literal(url)}) THEN DATE '{day}'" for url, day in dated.items()
        )
        return f"CASE {cases} END"

    def _micros(self, measure: str) -> str:
        s = self.settings
        column = getattr(s, f"{measure}_column")
        if measure == "exposure" and not column:
            return f"COALESCE({self._weighted(str(MICRO))}, 0)"
        if not column:
            return "CAST(0 AS BIGINT)"
        if measure == "outcome":  # clamped for rates: a row cannot have more outcomes than exposures
            return f"LEAST(GREATEST({self._raw_micros(column)}, 0), GREATEST({self._micros('exposure')}, 0))"
        return self._raw_micros(column)

    def _raw_micros(self, column: str) -> str:
        return f"COALESCE({self._counted(column)}, 0)"

    def _counted(self, column: str) -> str:
        """Return a column in millionths, weighted, NULL for what is no number.

        TRY_CAST is what finds a NaN: a comparison may be answered from a file's statistics, which leave NaN out.
        """
        return self._weighted(f"CAST({self.quote(column)} AS DOUBLE) * {MICRO}")

    def _weighted(self, micros: str) -> str:
        weight = self.settings.weight_column
        weighed = f"{micros} * CAST({self.quote(weight)} AS DOUBLE)" if weight else micros
        return f"TRY_CAST(FLOOR({weighed} + 0.5) AS BIGINT)"

    def _hash(self) -> str:
        s = self.settings
        known = [c for c in sorted(self.types) if c != SOURCE_FILE]
        columns = s.row_id_columns or known
        return f"hash({', '.join(self.quote(column) for column in columns)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
