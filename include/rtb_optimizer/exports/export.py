"""What is an export? Files for a platform, and what the platform's limits cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from rtb_optimizer.exports.keyed_table import KeyedTable


@dataclass(frozen=True, slots=True)
class Export:
    """Files by name, and `table`: what a reader of them finds, after truncation to the platform's limits.

    `rows` are the rows in the files, which may be more or fewer than the table's: a platform may need some spelt out.
    `lost` says in words, by cause, how many rows of the table asked for are not there.
    """

    platform: str
    files: Mapping[str, bytes]
    table: KeyedTable
    rows: int
    lost: Mapping[str, int]
