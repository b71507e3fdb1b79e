"""Until when is a table to be trusted? A bidder that reads one whose time is over bids its default instead."""

from datetime import UTC, datetime, timedelta

VALID_HOURS = 72  # the seed's default of valid_hours, for a catalog that is older than the key


def valid_until(valid_hours: int, data_end: datetime, moved_at: datetime | None = None) -> datetime:
    """Return the instant, in UTC, after which a run's table is stale: `valid_hours` after its data ends.

    Where the pointer moved to the run later, at `moved_at`, the hours count from then: logs may come days late, and
    a person who rolls back to last week's table means it to be bid on.
    """
    return max(data_end, moved_at or data_end).astimezone(UTC) + timedelta(hours=valid_hours)
