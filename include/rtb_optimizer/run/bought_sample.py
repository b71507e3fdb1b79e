"""Draws the sample with the bids that bought its rows: what spend and volume are taken relative to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.realized.calibration import Group
from rtb_optimizer.core.realized.elasticity import NOTHING_KNOWN, Following, Response
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.passes.sampling import Drawn, draw_sample
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.bids import NO_BID_COLUMNS, BidColumns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.live.row_bids import NO_BIDS, RowBids
from rtb_optimizer.outputs.documents.selection import BidsDocument, DecileDocument
from rtb_optimizer.run.live_days import NOTHING_LIVE, LiveFindings, live_findings

MAX_GROUPS = 5
"""Values that are off with a warning each, the worst first; the report has no more."""
MAX_UNKNOWN_SHARE = 0.01
"""A larger share of the exposures without a known bid is worth a warning: level and predicted spend are off by it."""


@dataclass(frozen=True, slots=True)
class Bidding:
    """The bids behind the logs of a run.

    Attributes:
        rows: The tables that may have bought the rows.
        columns: The SQL that identifies the table of a row.
        before: The active run's table, None where there is none.
        response: The response of volume as measured when that was made.
        compared: The features of the tables that bids are compared with.
    """

    rows: RowBids = NO_BIDS
    columns: BidColumns = NO_BID_COLUMNS
    before: PublishedTable | None = None
    response: Response = NOTHING_KNOWN
    compared: Sequence[str] = ()

    @property
    def features(self) -> list[str]:
        """The features that all of these tables look up."""
        before = self.before.features if self.before else ()
        return list(dict.fromkeys([*self.rows.features, *before, *self.compared]))


NOTHING_KNOWN_OF_BIDS = Bidding()


@dataclass(frozen=True, slots=True)
class BidFindings:
    """How volume followed the bids, the share of exposures whose bid is not known, and what live tables predicted."""

    response: Response
    unknown_share: float
    live: LiveFindings


def draw_bought(
    engine: Engine, table: LogTable, features: Iterable[str], profile: Profile, bidding: Bidding
) -> tuple[Drawn, BidFindings]:
    """Draw the sample of `features`, and of those that the tables look up; find what its rows were bid.

    Args:
        engine: Where counting runs.
        table: The logs.
        features: Columns to draw.
        profile: The window as a whole.
        bidding: The bids behind the logs.
    """
    bids = bidding.rows
    drawn_names = dict.fromkeys([*features, *(name for name in bidding.features if name in table.types)])
    drawn = draw_sample(engine, table, [*drawn_names], profile, bidding.columns)
    bought, response = bids.measured(drawn.sample, drawn.bid_marks, bidding.before, bidding.response)
    unknown = bids.unknown(drawn.sample, drawn.bid_marks) if bids.is_known else 0.0
    live = live_findings(bids, drawn) if bids.is_known else NOTHING_LIVE
    return replace(drawn, sample=replace(drawn.sample, bought=bought)), BidFindings(response, unknown, live)


def bids_document(bids: RowBids, found: BidFindings, sample: Sample) -> BidsDocument:
    """Return what the report states of the bids that bought the window."""
    mean = 1.0
    if sample.bought is not None:
        mean = float(np.exp((sample.exposure * np.log(sample.bought.bid)).sum() / sample.exposure.sum()))
    return BidsDocument(
        source=bids.record.source.value,
        runs=tuple(sorted(code for code, run_id in bids.run_ids.items() if run_id in bids.tables)),
        elasticity=found.response.elasticity,
        precision=found.response.precision,
        assumed=sample.elasticity,
        following=found.response.following.value if bids.is_known else "",
        mean=mean,
        unknown_share=found.unknown_share,
        deciles=tuple(DecileDocument(**row) for row in found.live.deciles),
    )


def bid_warnings(bids: RowBids, found: BidFindings) -> Sequence[RunWarning]:
    """Return the warnings about bids: those that are not known, and those that do not follow the table."""
    warnings = []
    if found.unknown_share > MAX_UNKNOWN_SHARE or bids.lost:
        lost = f"the tables of {', '.join(bids.lost)} are gone" if bids.lost else f"check {bids.record.source}"
        message = f"the bid of {found.unknown_share:.1%} of the exposures is not known and counts as 1.0: {lost}"
        warnings.append(RunWarning("bids_unknown", message, share=found.unknown_share))
    low, high = found.response.interval
    measured = f"the exposures of a value changed by the power {found.response.elasticity:.2f} of its multiplier "
    measured += f"({low:.2f} to {high:.2f})"
    if found.response.following is Following.NOT_LIVE:
        message = (
            f"bids do not follow the tables: {measured}, and 1 is expected; check that bidders read active.json and "
            "the outputs that it lists; for a trial that nobody reads, set bids_follow_tables to false"
        )
        warnings.append(RunWarning("bids_not_followed", message))
    elif found.response.assumed != 1:
        message = f"volume follows the multipliers in part: {measured}; spend and volume are computed with that power"
        warnings.append(RunWarning("bids_followed_in_part", message))
    return [*warnings, *map(_group_warning, found.live.groups_off[:MAX_GROUPS])]


def _group_warning(group: Group) -> RunWarning:
    return RunWarning(
        "live_group_off",
        f"{group.feature}={group.value} brought {group.ratio:.2f} times what the live tables predicted of it, relative "
        f"to all others ({group.realized:,.0f} outcomes, {group.predicted:,.0f} expected, {group.z:+.1f} standard "
        "errors): a change since, or a value that others pay for; look at its rates by day",
    )
