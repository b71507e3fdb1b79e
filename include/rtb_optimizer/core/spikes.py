"""Whose rate has jumped? Values that a bot has found: outcomes far beyond what the active run, or the entity, has."""

from collections.abc import Sequence

from rtb_optimizer.core.bidding import Tier
from rtb_optimizer.core.published_table import PublishedTable
from rtb_optimizer.core.segments import Segment
from rtb_optimizer.core.warning import RunWarning


def rate_spikes(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None, max_spike: float
) -> list[RunWarning]:
    """Warn of values with more than `max_spike` times the rate that they had; a new value is held against the entity.

    Both rates are taken relative to their entity's, so that a good day of all is no spike. A few events are none.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
        max_spike: How many times a rate may be what it was.
    """
    default, warnings = segments[0], []
    if default.events <= 0 or default.counts.exposure <= 0:
        return []
    level = default.events / default.counts.exposure
    for segment in segments[1:]:
        given = [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]
        if len(given) > 1 or segment.tier is Tier.LOW or segment.counts.exposure <= 0:
            continue
        now = segment.events / segment.counts.exposure / level
        was = _relative_rate(before, given) if before else None
        if now > max_spike * (was or 1.0):
            warnings.append(_warning(given[0], segment, now, was))
    return warnings


def _relative_rate(table: PublishedTable, given: list[tuple[str, str]]) -> float | None:
    row = table.rows.get(frozenset(given))
    if row is None or row.exposure <= 0:
        return None
    return row.outcome / row.exposure * table.scale.stands_for * (1 + table.scale.odds_against)


def _warning(given: tuple[str, str], segment: Segment, now: float, was: float | None) -> RunWarning:
    against = f", {was:.3g} times in the active run" if was is not None else ""
    return RunWarning(
        "rate_spike",
        f"{given[0]}={given[1]} has {segment.counts.outcome:g} outcomes of {segment.counts.exposure:g} exposures, "
        f"{now:.3g} times the entity's rate{against}: bots? leave flagged rows out by row_filter, or raise max_spike",
        segment.counts.rows,
    )
