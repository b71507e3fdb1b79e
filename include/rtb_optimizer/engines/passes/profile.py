"""Counts the window as a whole: its totals, its days, and the rows that contradict themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from rtb_optimizer.core.config.window import dates_of, zone
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.amounts import MICRO
from rtb_optimizer.engines.sql.table import MEASURES, LogTable
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ANOMALIES = (
    *("zero_exposure", "outcome_above_exposure", "outcome_negative", "outcome_null", "value_negative"),
    *("value_unreadable", "cost_negative", "cost_unreadable", "cost_above_bid"),
)
OF_WEIGHTS = ("weight_unreadable", "weight_negative")
MAX_LISTED = 5

LARGEST_SUM = 2**63


@dataclass(frozen=True, slots=True)
class Profile:
    """The window as a whole: exact totals, positive rows, totals per day, and rows per minute where rows have times.

    `positives_by_minute` are the positive rows of each minute that has any.
    `zero_outcomes` are the rows with an outcome value of 0: where there are none, NULL is how the logs write it.
    `design_effect` is the number of outcomes of the logs per effective one: the mean weight of an outcome (Kish, 1965).
    `anomalies` counts rows that contradict themselves by kind, `worst_days` has the day with most of each kind.
    """

    totals: Counts
    positive_rows: int
    by_day: Mapping[date, Counts]
    anomalies: Mapping[str, int]
    worst_days: Mapping[str, date]
    zero_outcomes: int = 0
    design_effect: float = 1.0
    rows_by_minute: Mapping[np.datetime64, int] = field(default_factory=dict)
    positives_by_minute: Mapping[np.datetime64, int] = field(default_factory=dict)

    @property
    def exposed_rows(self) -> int:
        """The number of rows that have an exposure."""
        return self.totals.rows - self.anomalies["zero_exposure"]

    @property
    def rows_by_day(self) -> dict[date, int]:
        """The number of rows of each day that has any."""
        return {day: counts.rows for day, counts in self.by_day.items()}


def profile(engine: Engine, table: LogTable) -> Profile:
    """Count the window's rows.

    Raises:
        LogsInvalid: when the window has no row, rows of days that are not its own, sums that are too large, money in a
            currency without a rate, or rows without any exposure.
    """
    if table.settings.currency_column and (table.settings.value_column or table.settings.cost_column):
        _require_rates(engine, table)
    rows = engine.query(table.profile(), "profile")
    if table.settings.timestamp_column:
        _require_days_of_the_window(np.asarray(rows["log_day"].to_numpy(), dtype="datetime64[D]"), table)
    days = _by_day(rows)
    sums = {name: sum(days[name]) for name in ("rows", *MEASURES)}
    if not sums["rows"]:
        raise LogsInvalid(
            f"no row of the logs falls into [{table.window.start:%F %R}, {table.window.end:%F %R}) UTC "
            "and passes row_filter"
        )
    _require_countable(sums, table)
    if sums["exposure"] <= 0:
        raise LogsInvalid(f"{sums['rows']} rows have no exposure: check exposure_column and weight_column")
    anomalies = (*ANOMALIES, *(OF_WEIGHTS if table.settings.weight_column else ()))
    dropped = {"repeat_dropped": table.dropped} if table.dropped else {}
    return Profile(
        totals=counts_of(sums),
        positive_rows=sum(days["positive"]),
        by_day={
            day: counts_of({name: days[name][n] for name in ("rows", *MEASURES)})
            for n, day in enumerate(days["log_day"])
        },
        anomalies={name: sum(days[name]) for name in anomalies} | dropped,
        zero_outcomes=sum(days["outcome_zero"]),
        worst_days={name: days["log_day"][days[name].index(max(days[name]))] for name in anomalies if any(days[name])},
        design_effect=_design_effect(sums["outcome"], sum(part or 0 for part in days["weighted_outcome"])),
        rows_by_minute=_by_minute(rows, "rows") if table.settings.timestamp_column else {},
        positives_by_minute=_by_minute(rows, "positive") if table.settings.timestamp_column else {},
    )


def _by_minute(rows: "pa.Table", name: str) -> dict[np.datetime64, int]:
    minutes = rows.group_by("minute").aggregate([(name, "sum")])
    counts = zip(minutes["minute"].to_numpy(), minutes[f"{name}_sum"].to_pylist(), strict=True)
    return {minute: count for minute, count in counts if count}


def _by_day(rows: "pa.Table") -> dict[str, list[Any]]:
    """Return the columns of a profile added up by day."""
    counted = [name for name in rows.column_names if name not in ("log_day", "minute")]
    days = rows.group_by("log_day").aggregate([(name, "sum") for name in counted]).sort_by("log_day")
    return {name.removesuffix("_sum"): column.to_pylist() for name, column in zip(days.column_names, days, strict=True)}


def _design_effect(outcome: int, weighted: int) -> float:
    """Return sum w^2 k / sum w k, at least 1: outcomes that weigh less than a row each are no more than one."""
    return max(float(weighted / outcome), 1.0) if outcome > 0 else 1.0


def _require_rates(engine: Engine, table: LogTable) -> None:
    without = engine.query(table.without_rate(), "currencies").to_pylist()
    if without:
        listed = [f"{row['rows']} rows in {row['currency'] or 'no currency'!r} on {row['log_day']}" for row in without]
        more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
        raise LogsInvalid(
            f"currency_rates has no rate for {', '.join(listed[:MAX_LISTED])}{more} "
            f"({table.settings.currency_column}): add one; amounts of different currencies are never added"
        )


def _require_days_of_the_window(days: "NDArray[np.datetime64]", table: LogTable) -> None:
    """Raise LogsInvalid for rows that the window's own condition should have excluded.

    An engine skips the condition where a file's statistics say that all of its rows fulfil it. One more day on either
    side is tolerated: engines have time zone rules of their own.
    """
    dates = dates_of(table.window, zone(table.settings.timezone))
    first, last = np.datetime64(dates[0] - timedelta(days=1), "D"), np.datetime64(dates[-1] + timedelta(days=1), "D")
    strange = days[(days < first) | (days > last)]
    if len(strange):
        raise LogsInvalid(
            f"column {table.settings.timestamp_column!r} has rows of {strange[0]}, outside of the window, in a file "
            "whose statistics exclude them: the file is damaged"
        )


def _require_countable(sums: Mapping[str, int], table: LogTable) -> None:
    """Raise LogsInvalid for sums that 64 bits do not hold: added up by value they would wrap."""
    for name in MEASURES:
        if abs(sums[name]) >= LARGEST_SUM:
            column = getattr(table.settings, f"{name}_column") or table.settings.weight_column
            raise LogsInvalid(
                f"column {column!r} ({name}) adds up to {sums[name] / MICRO:.3g}, and no more than "
                f"{LARGEST_SUM / MICRO:.3g} can be counted to the millionth: check its values"
            )


def counts_of(sums: Mapping[str, int]) -> Counts:
    """Return sums in millionths as statistics."""
    return Counts(int(sums["rows"]), *(int(sums[name]) / MICRO for name in MEASURES))
