"""Keys that earlier releases had, and what holds in their place.

`rtb seed` deletes their values from a catalog. Snapshots of past runs keep them: whatever a release does not know of a
snapshot it does not read.
"""

from collections.abc import Mapping

RETIRED: Mapping[str, str] = {
    "max_excess_share": "max_lost_share limits these rows, too",
    "max_minute_share": "a minute is told from a fifth of its hour's rows on",
    "max_unreadable_share": "unreadable values are told from 1 % of the exposures on",
    "max_value_growth": "a feature is told from three times its values in the active run on",
    "max_value_cut": "money above the cap is told from 5 % of it on",
    "max_spike": "a rate is told from ten times its earlier one on",
    "min_interaction_z": "an interaction's gain is three standard errors above zero",
}
"""What holds now, by key."""
