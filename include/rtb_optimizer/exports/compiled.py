"""Converts a joint table to a platform's look-up table: its prefixes by value, with a flag for no bid."""

from collections.abc import Sequence

from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.joint import JointTable
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable


def keyed_table(joint: JointTable, fields: Sequence[str], bids: BidRules) -> KeyedTable:
    """Return the rows of a joint table under the platform's names for its features, in the same order.

    A multiplier of 0 is no bid; rows below such a row are dropped. Its bid is the smallest allowed, for platforms that
    cannot express "no bid".
    """
    rows: dict[tuple[str, ...], KeyedRow] = {}
    for depth, prefixes in enumerate(joint.by_depth, start=1):
        exposures = (prefixes.exposure * joint.sample.stands_for).tolist()
        for values, exposure, bid in zip(joint.prefixes(depth), exposures, prefixes.multiplier.tolist(), strict=True):
            above = [rows.get(values[:n]) for n in range(1, depth)]
            if not any(row and row.no_bid for row in above):
                rows[values] = KeyedRow(values, exposure, bid or bids.minimum, no_bid=not bid)
    default = min(max(joint.multiplier, bids.minimum), bids.maximum)
    return KeyedTable(tuple(fields), tuple(sorted(rows.values(), key=lambda r: (len(r.values), r.values))), default)
