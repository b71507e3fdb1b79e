"""What is the window as a whole? Its totals, its days, and the rows that contradict themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.segments import Counts
from rtb_optimizer.core.windows import dates_of, zone
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.statements import MEASURES, MICRO, LogTable
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANOMALIES = (
    *("zero_exposure", "outcome_above_exposure", "outcome_negative", "outcome_null", "value_negative"),
    "cost_negative",
)

LARGEST_SUM = 2**63


@dataclass(frozen=True, slots=True)
class Profile:
    """The window as a whole: exact totals, rows to predict, rows per day, and rows that contradict themselves."""

    totals: Counts
    positive_rows: int
    rows_by_day: Mapping[date, int]
    anomalies: Mapping[str, int]


def profile(engine: Engine, table: LogTable) -> Profile:
    """Count the window's rows.

    Raises:
        LogsInvalid: when the window has no row, rows of days that are not its own, sums that are too large, or rows
            without any exposure.
    """
    rows = engine.query(table.profile(), "profile")
    if table.settings.timestamp_column:
        _require_days_of_the_window(np.asarray(rows["log_day"].to_numpy(), dtype="datetime64[D]"), table)
    days = rows.to_pydict()
    sums = {name: sum(days[name]) for name in ("rows", *MEASURES)}
    if not sums["rows"]:
        raise LogsInvalid(
            f"no row of the logs falls into [{table.window.start:%F %R}, {table.window.end:%F %R}) UTC "
            "and passes row_filter"
        )
    _require_countable(sums, table)
    if sums["exposure"] <= 0:
        raise LogsInvalid(f"{sums['rows']} rows have no exposure at all: check exposure_column and weight_column")
    return Profile(
        totals=counts_of(sums),
        positive_rows=sum(days["positive"]),
        rows_by_day=dict(zip(days["log_day"], days["rows"], strict=True)),
        anomalies={name: sum(days[name]) for name in ANOMALIES},
    )


def _require_days_of_the_window(days: "NDArray[np.datetime64]", table: LogTable) -> None:
    """Refuse rows that the window's own condition should have kept out.

    An engine leaves the condition out where a file's statistics say that all of its rows fulfil it. A day more on
    either side is let pass: engines have time zone rules of their own.
    """
    dates = dates_of(table.window, zone(table.settings.timezone))
    first, last = np.datetime64(dates[0] - timedelta(days=1), "D"), np.datetime64(dates[-1] + timedelta(days=1), "D")
    strange = days[(days < first) | (days > last)]
    if len(strange):
        raise LogsInvalid(
            f"column {table.settings.timestamp_column!r} has rows of {strange[0]}, outside of the window, in a file "
            "whose statistics say that it has none: the file is damaged"
        )


def _require_countable(sums: Mapping[str, int], table: LogTable) -> None:
    """Refuse sums that 64 bits do not hold: added up by value they would wrap."""
    for name in MEASURES:
        if abs(sums[name]) >= LARGEST_SUM:
            column = getattr(table.settings, f"{name}_column") or table.settings.weight_column
            raise LogsInvalid(
                f"column {column!r} ({name}) adds up to {sums[name] / MICRO:.3g}, and no more than "
                f"{LARGEST_SUM / MICRO:.3g} can be counted to the millionth: check what it holds"
            )


def counts_of(sums: Mapping[str, int]) -> Counts:
    """Return sums in millionths as statistics."""
    return Counts(int(sums["rows"]), *(int(sums[name]) / MICRO for name in MEASURES))
