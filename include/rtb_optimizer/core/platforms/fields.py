"""Finds the column of a field of any platform: what it accepts, what its requests hold, and by which clock."""

from collections.abc import Mapping

from rtb_optimizer.core.platforms import beeswax, bonsai, prebid
from rtb_optimizer.core.platforms.column import Column, Platform

FREE = Column("(?s:.*)", "any text")
"""A field of your own bidder, or one that a page defines for itself."""

SCALARS = frozenset(
    {
        *("appnexus_audited", "cookie_age", "creative_size", "estimated_average_price", "estimated_clearing_price"),
        *("predicted_iab_view_rate", "predicted_video_completion_rate", "self_audited", "size", "uniform", "user_age"),
    }
)
"""Xandr's scalar descriptors: the service buckets them, and no key of a look-up table is one of their values."""

LOOKED_UP: Mapping[str, Column] = {
    **{
        name: FREE if column == bonsai.TEXT else column
        for name, column in bonsai.FEATURES.items()
        if name not in SCALARS
    },
    "browser": bonsai.zero_is_none(FREE),
}
"""Xandr's categorical descriptors, which hold the values of its trees, without the limits of a tree's text.

What the other descriptors hold is not documented.
"""

COLUMNS: Mapping[Platform, Mapping[str, Column]] = {
    Platform.PLAIN: {},
    Platform.PREBID_FLOORS: prebid.FIELDS,
    Platform.LOOKUP_TABLES: LOOKED_UP,
    Platform.BEESWAX: beeswax.COLUMNS,
    Platform.BONSAI: bonsai.FEATURES,
}
"""The documented fields of each platform, by name."""


def column_of(platform: Platform, field: str) -> Column:
    """Return the column of a field; one that is not documented holds any text."""
    return COLUMNS[platform].get(field, FREE)
