"""How does a joint table become what a platform looks up? Its prefixes by value, with what is not to be bid on."""

from collections.abc import Sequence

from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.joint import JointTable
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable


def keyed_table(joint: JointTable, fields: Sequence[str], bids: BidRules) -> KeyedTable:
    """Return the rows of a joint table under the platform's names for its features, in the same order.

    A multiplier of 0 is no bid; what stands below such a row says nothing more. Its bid is the smallest there is, for
    platforms that cannot say "no bid".
    """
    rows: dict[tuple[str, ...], KeyedRow] = {}
    for depth, level in enumerate(joint.levels, start=1):
        exposures = (level.exposure * joint.sample.stands_for).tolist()
        for values, seen, bid in zip(joint.prefixes(depth), exposures, level.multiplier.tolist(), strict=True):
            above = [rows.get(values[:n]) for n in range(1, depth)]
            if not any(row and row.no_bid for row in above):
                rows[values] = KeyedRow(values, seen, bid or bids.minimum, no_bid=not bid)
    default = min(max(joint.multiplier, bids.minimum), bids.maximum)
    return KeyedTable(tuple(fields), tuple(sorted(rows.values(), key=lambda r: (len(r.values), r.values))), default)
