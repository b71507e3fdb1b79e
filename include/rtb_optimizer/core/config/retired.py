"""Keys that earlier releases had, and what holds in their place.

`rtb seed` deletes their values from a catalog, and from challengers that are open. Snapshots of past runs keep them:
a release does not read the keys of a snapshot that it does not know.
"""

from collections.abc import Iterable, Mapping

from rtb_optimizer.core.decision.nearest import nearest_hint

RETIRED: Mapping[str, str] = {
    "max_excess_share": "max_lost_share limits these rows, too",
    "max_minute_share": "minute_burst warns of a minute with a fifth of its hour's rows",
    "max_unreadable_share": "unexpanded_macro and value_too_long warn from 1 % of the exposures on",
    "max_value_growth": "values_grown warns from three times the values in the active run on",
    "max_value_cut": "value_cut warns where the cap removes 5 % of the money",
    "max_spike": "rate_spike warns from ten times the earlier rate on",
    "min_interaction_z": "an interaction's gain is three standard errors above zero",
}
"""What holds now, by key."""


def gone(name: str) -> str:
    """Return that a retired key does not exist any more, and what holds now."""
    return f"no config key any more: {RETIRED[name]}"


def unknown_key(name: str, declared: Iterable[str]) -> str:
    """Return why a key that is not declared cannot be set, and what to do."""
    if name in RETIRED:
        return f"{gone(name)}; leave it out, and `rtb seed` deletes what is stored of it"
    return f"unknown config key{nearest_hint(name, declared)}"
