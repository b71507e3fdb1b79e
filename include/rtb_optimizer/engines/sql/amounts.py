"""Builds the SQL of a row's exposure, outcome, value and cost, in millionths.

Money is counted in the entity's currency. An amount of a currency without a rate is NULL, never unconverted: amounts
of two currencies are not added.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.times import time_of_text

MICRO = 1_000_000
MONEY = ("value", "cost")
TEXT_TYPES = ("VARCHAR", "JSON")
TRUE_WORDS, FALSE_WORDS = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
TIME_TYPES = ("TIMESTAMP", "DATE")
WHOLE_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "BOOLEAN")


@dataclass(frozen=True, slots=True)
class Amounts:
    """The measured columns of a run; `day` is SQL of a row's day."""

    settings: Settings
    types: Mapping[str, str]
    dialect: Dialect
    day: str

    def micros(self, measure: str) -> str:
        """Return a measure of a row, 0 where it has none."""
        s = self.settings
        column = getattr(s, f"{measure}_column")
        if measure == "exposure" and not column:
            # GREATEST ignores NULL: an engine may drop COALESCE where statistics, which leave NaN out, know no NULL.
            return f"GREATEST(COALESCE({self._weighted(str(MICRO))}, 0), 0)"
        if not column:
            return "CAST(0 AS BIGINT)"
        if measure == "outcome":  # clamped for rates: a row cannot have more outcomes than exposures
            return f"LEAST(GREATEST({self.raw(column)}, 0), GREATEST({self.micros('exposure')}, 0))"
        if measure not in MONEY:
            return self.raw(column)
        amount = f"GREATEST(COALESCE({self.money(measure)}, 0), 0)"  # a negative or unreadable amount is counted out
        return (
            f"CASE WHEN {self.above_bid()} THEN 0 ELSE {amount} END" if measure == "cost" and s.bid_column else amount
        )

    def money(self, measure: str) -> str:
        """Return the value or cost of a row in the entity's currency; NULL where it has none that can be counted."""
        column = getattr(self.settings, f"{measure}_column")
        return self.counted(column, self.rate() if self.settings.currency_column else "") if column else "0"

    def amount(self, measure: str) -> str:
        """Return the value or cost of a row as the logs have it, whether it can be counted or not.

        Of a text that says that there is none, as a Hive export writes NULL as a word, it is NULL.
        """
        column = getattr(self.settings, f"{measure}_column")
        if self.types.get(column) not in TEXT_TYPES:
            return self.dialect.identifier(column) if column else "0"
        quoted, missing = self.dialect.identifier(column), sorted({"", *map(str.lower, self.settings.missing_values)})
        return f"CASE WHEN LOWER(TRIM({quoted})) IN ({self.dialect.literals(missing)}) THEN NULL ELSE {quoted} END"

    def raw(self, column: str) -> str:
        """Return a column in millionths, weighted, 0 for NULL and NaN."""
        return f"COALESCE({self.counted(column)}, 0)"

    def counted(self, column: str, rate: str = "") -> str:
        """Return a column in millionths, weighted, NULL for NULL and NaN.

        TRY_CAST detects NaN: a comparison may be answered from a file's statistics, which leave NaN out.
        """
        if self.types.get(column) in WHOLE_TYPES and not self.settings.weight_column and not rate:
            return f"CAST({self.dialect.identifier(column)} AS BIGINT) * {MICRO}"
        number = self.number(column)
        return self._weighted(f"{number} * {rate} * {MICRO}" if rate else f"{number} * {MICRO}")

    def whole(self, column: str) -> str:
        """Return a column in millionths without the row's weight, NULL for NULL, NaN and what is too large."""
        if self.types.get(column) in WHOLE_TYPES:
            return f"CAST({self.dialect.identifier(column)} AS BIGINT) * {MICRO}"
        return self.dialect.floored(f"{self.number(column)} * {MICRO} + 0.5")

    def number(self, column: str) -> str:
        """Return a column as a number; of a text that is none, NULL, but for the words of a boolean.

        Of an outcome that is the time at which it came, 1.
        """
        quoted = self.dialect.identifier(column)
        if self.types.get(column, "").startswith(TIME_TYPES):
            return f"CASE WHEN {quoted} IS NOT NULL THEN CAST(1 AS DOUBLE) END"
        if self.types.get(column) not in TEXT_TYPES:
            return f"CAST({quoted} AS DOUBLE)"
        words = " ".join(f"WHEN {self.dialect.literal(word)} THEN 1" for word in TRUE_WORDS)
        words += "".join(f" WHEN {self.dialect.literal(word)} THEN 0" for word in FALSE_WORDS)
        number = self.dialect.number(f"TRIM({quoted})")
        if column == self.settings.outcome_column:
            time = time_of_text(f"TRIM({quoted})", self.settings.timestamp_format, self.dialect)
            number = f"COALESCE({number}, CASE WHEN {time} IS NOT NULL THEN 1 END)"
        return f"CASE LOWER(TRIM({quoted})) {words} ELSE {number} END"

    def has_money(self) -> str:
        """Return the test of a row whose value or cost is not 0."""
        columns = [column for column in (self.settings.value_column, self.settings.cost_column) if column]
        return " OR ".join(f"{self.raw(column)} <> 0" for column in columns) or "FALSE"

    def above_bid(self) -> str:
        """Return the test of a row that cost more than its bid: an error of the logs, not a price."""
        cost, bid = self.settings.cost_column, self.settings.bid_column
        return f"COALESCE({self.counted(cost)} > {self.counted(bid)}, FALSE)" if cost and bid else "FALSE"

    def paid_share(self) -> str:
        """Return what a row cost over its bid; NULL where either is not known, and where it cost more than its bid."""
        cost, bid = (self.number(column) for column in (self.settings.cost_column, self.settings.bid_column))
        return f"CASE WHEN {cost} > 0 AND {cost} <= {bid} THEN {cost} / {bid} END"

    def currency(self) -> str:
        """Return the code of a row's currency, in capitals, empty where it has none."""
        code = self.dialect.text(self.dialect.identifier(self.settings.currency_column))
        return f"UPPER(TRIM(COALESCE({code}, '')))"

    def rate(self) -> str:
        """Return the value of one unit of a row's currency, by the rate of its day; NULL where there is none."""
        cases = []
        for code, rate in sorted(self.settings.currency_rates.items()):
            by_day = isinstance(rate, dict) and {f" AND {self.day} = DATE '{day}'": n for day, n in rate.items()}
            cases += [
                f"WHEN {self.currency()} = '{code}'{on} THEN CAST({float(n)!r} AS DOUBLE)"
                for on, n in sorted((by_day or {"": rate}).items())
            ]
        return f"CASE {' '.join(cases)} END"

    def _weighted(self, micros: str) -> str:
        weight = self.settings.weight_column
        weighed = f"{micros} * {self.number(weight)}" if weight else micros
        return self.dialect.floored(f"{weighed} + 0.5")
