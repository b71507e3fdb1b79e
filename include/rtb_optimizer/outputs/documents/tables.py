"""What build_segments hands over about the tables of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Self

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.segments import Segment
from rtb_optimizer.outputs.documents.document import Document, Number, WarningDocument
from rtb_optimizer.outputs.documents.groups import GroupDocument

TOP_SEGMENTS = 20
SCATTERED = 2_000


class SegmentDocument(Document):
    """A row of the segment table as the report shows it; the columns are those of the table."""

    segment: str = ""
    rows: Number | None = None
    exposure: Number | None = None
    outcome: Number | None = None
    value: Number | None = None
    cost: Number | None = None
    expected: Number | None = None
    factor: Number | None = None
    factor_low: Number | None = None
    factor_high: Number | None = None
    prior: Number | None = None
    events: Number | None = None
    tier: str | None = None
    multiplier: Number | None = None
    no_bid: bool | None = None
    bought_at: Number | None = None

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """Return a row of the table."""
        facts = asdict(segment)
        counts, _ = facts.pop("counts"), facts.pop("pattern")
        return cls(segment=segment_key(segment.pattern), **counts, **facts)


class MatchedDocument(Document):
    """Which share of exposures and spend matches how many rows beside the default."""

    rows_matched: Number | None = None
    exposure_share: Number | None = None
    spend_share: Number | None = None


class DotDocument(Document):
    """A segment as a point of the report's chart: outcomes as the model counts them."""

    outcome: Number | None = None
    multiplier: Number | None = None
    tier: str | None = None

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> tuple[Self, ...]:
        """Return the segments with the most exposures, the default row left out."""
        rows = sorted(segments[1:], key=lambda s: (-s.counts.exposure, segment_key(s.pattern)))[:SCATTERED]
        return tuple(cls(outcome=s.events, multiplier=s.multiplier, tier=s.tier.value) for s in rows)


class SegmentsDocument(Document):
    """The segment table in the report: its size, `level` (the default row's multiplier), tiers, best and worst rows."""

    total: Number | None = None
    level: Number | None = None
    tiers: Mapping[str, Number] = {}
    no_bid: Number | None = None
    best: tuple[SegmentDocument, ...] = ()
    worst: tuple[SegmentDocument, ...] = ()
    coverage: tuple[MatchedDocument, ...] = ()

    @classmethod
    def of(cls, segments: Sequence[Segment], coverage: Sequence[MatchedDocument] = ()) -> Self:
        """Return the summary of a table, the default row first in it.

        Best and worst rows are those that move most of the traffic: a large factor on nothing moves nothing.
        """
        rows = segments[1:]
        moved = sorted(rows, key=lambda s: (-s.counts.exposure * abs(s.multiplier - 1), segment_key(s.pattern)))
        best, worst = (s for s in moved if s.multiplier > 1), (s for s in moved if s.multiplier < 1)
        return cls(
            total=len(segments),
            level=segments[0].multiplier,
            tiers={name: sum(s.tier == name for s in rows) for name in ("low", "medium", "high")},
            no_bid=sum(s.no_bid for s in rows),
            best=tuple(SegmentDocument.of(s) for s in islice(best, TOP_SEGMENTS)),
            worst=tuple(SegmentDocument.of(s) for s in islice(worst, TOP_SEGMENTS)),
            coverage=tuple(coverage),
        )


class TablesDocument(Document):
    """All that build_segments hands over about the tables; `predicted_changes` are those from the active run's.

    `groups` are the same by value of the strongest features.
    """

    segments: SegmentsDocument
    scatter: tuple[DotDocument, ...]
    rows_by_term: Mapping[str, int]
    joint_rows: int
    predicted_changes: Mapping[str, float]
    groups: tuple[GroupDocument, ...] = ()
    warnings: tuple[WarningDocument, ...]
