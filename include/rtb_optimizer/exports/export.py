"""Defines an export: files for a platform, and what the platform's limits cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rtb_optimizer.core.realized.arms import ChallengerRule, Holdback
from rtb_optimizer.exports.keyed_table import KeyedTable


@dataclass(frozen=True, slots=True)
class Export:
    """Files by name, and `table`: what a reader of them reads, after truncation to the platform's limits.

    `rows` are the rows in the files, which may be more or fewer than the table's: a platform may need some expanded.
    `lost` has, by cause, how many rows of the table are not in the files; `cut`, how many answers, the default among
    them, the platform bids otherwise than the files say, which `table` has as it bids them. `normalise` converts a
    request's value as the platform does before the look-up. `file_rows`: the rows of each file, where it is not all.
    """

    files: Mapping[str, bytes]
    table: KeyedTable
    rows: int
    lost: Mapping[str, int]
    normalise: Callable[[str], str] = str
    file_rows: Mapping[str, int] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What makes a table that of a challenger: the rule of its requests, and the active run's file of this export.

    `beside` is None where a file has one table. Where a file has all tables, a challenger cannot be exported when the
    active run has no file, or one that leaves it less than half of what the platform accepts.
    """

    rule: ChallengerRule
    beside: bytes | None = None
    is_possible: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """The parameters of an export beside its table.

    `base_cpm` is what a multiplier of 1 costs, in `currency`; `folder` is where the platform will find the files, empty
    where it is not configured. `seen`: exposures by the values of all of the table's features, as they came together.
    `skip_rate` is the percent of auctions to go without floors; `holdback` the rule of the requests bid 1.0 on purpose;
    `challenge` is that of the requests bid by this table, where it is a challenger's.
    """

    run_code: str
    base_cpm: float
    currency: str
    folder: str = ""
    seen: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    skip_rate: int = 0
    holdback: Holdback | None = None
    challenge: Challenge | None = None
