"""Sums the rows of a window by what bought them: day, run or period, arm, and part of the ids.

The arm of a row is a hash of its id that any bidder computes (MD5), which costs one to two scans over all rows. It is
known of the sample alone: every row with an outcome, as far as `max_sample_rows` allows, and so many others that
the sums of an arm vary little more than its outcomes do (Horvitz and Thompson, 1952). What a day adds up to over its
arms is exact, as the profile has it; where the sample is all of the logs, so are the arms.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask
from rtb_optimizer.engines.sql.amounts import MICRO
from rtb_optimizer.engines.sql.table import MEASURES

if TYPE_CHECKING:
    import pyarrow as pa

BOUGHT_BY = ("run_mark", "is_control", "is_challenger", "bucket")


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """The rows of a day that one run's table bid on, or one period or day had, by arm and part of the ids."""

    day: date
    mark: object
    is_control: bool
    is_challenger: bool
    bucket: str
    counts: Counts


def counts_by_arm(
    drawn: "pa.Table",
    micros: Mapping[str, Ints],
    positive: Mask,
    shares: tuple[float, float],
    by_day: Mapping[date, Counts],
) -> tuple[ArmCounts, ...]:
    """Return the sums of the window by arm, estimated from a sample, in a fixed order; the number of rows is rounded.

    Args:
        drawn: The rows, with `log_day` and the columns of BOUGHT_BY (n rows).
        micros: The measures of each row, in millionths (n integers each).
        positive: Which rows have an outcome (n booleans).
        shares: The shares that were drawn of those rows, and of the others.
        by_day: The exact sums of each day.
    """
    sums = defaultdict[tuple[Any, ...], Floats](lambda: np.zeros(1 + len(MEASURES)))
    of_days = defaultdict[date, Floats](lambda: np.zeros(1 + len(MEASURES)))
    for row in _whole_sums(drawn, micros, positive):
        weighed = np.array([row[f"{name}_sum"] for name in ("rows", *MEASURES)]) / shares[0 if row["positive"] else 1]
        sums[tuple(row[name] for name in ("log_day", *BOUGHT_BY))] += weighed
        of_days[row["log_day"]] += weighed
    scales = {day: _scale(estimated, by_day[day]) for day, estimated in of_days.items()}
    found = [_counts(key, of * scales[key[0]]) for key, of in sums.items()]
    return tuple(sorted(found, key=lambda c: (c.day, str(c.mark), c.is_control, c.is_challenger, c.bucket)))


def _whole_sums(drawn: "pa.Table", micros: Mapping[str, Ints], positive: Mask) -> list[dict[str, Any]]:
    """Return sums of whole numbers, on which the order of the rows does not show, in a fixed order."""
    import pyarrow as pa

    columns = {name: drawn[name] for name in ("log_day", *BOUGHT_BY)}
    columns |= {"positive": pa.array(positive), "rows": pa.array(np.ones(len(positive), dtype=np.int64))}
    table = pa.table(columns | {name: pa.array(micros[name]) for name in MEASURES})
    by = ["log_day", *BOUGHT_BY, "positive"]
    summed = table.group_by(by).aggregate([(name, "sum") for name in ("rows", *MEASURES)])
    return sorted(summed.to_pylist(), key=lambda row: [str(row[name]) for name in by])


def _scale(estimated: Floats, exact: Counts) -> Floats:
    """Return what makes the sums of a day exact, 1 where nothing is to be scaled."""
    rows, *measures = astuple(exact)
    total = np.array([rows, *(round(each * MICRO) for each in measures)], dtype=float)
    return np.where(estimated > 0, total / np.where(estimated > 0, estimated, 1.0), 1.0)


def _counts(key: tuple[Any, ...], sums: Floats) -> ArmCounts:
    day, mark, is_control, is_challenger, bucket = key
    rows, *measures = sums.tolist()
    return ArmCounts(
        day, mark, is_control, is_challenger, bucket or "", Counts(round(rows), *(each / MICRO for each in measures))
    )
