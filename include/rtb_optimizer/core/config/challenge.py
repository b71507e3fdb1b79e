"""Says which keys a challenger may override: what makes another table from the same rows, and nothing that counts them.

A challenger is compared with the active policy by the results of both. Whatever changes what is counted, which rows, or
who is in which arm would change the comparison instead of the table.
"""

from collections.abc import Iterable

from rtb_optimizer.core.config.retired import RETIRED, unknown_key
from rtb_optimizer.core.decision.nearest import nearest_hint

MAY_BE_CHALLENGED = frozenset(
    {
        *("candidate_features", "anchor_features", "denied_features", "allowed_identifiers", "allowed_leaks"),
        *("max_missing_share", "max_features", "min_signal_score", "min_z", "min_positives", "leak_score", "link"),
        *("max_interactions", "max_segments", "min_segment_exposures", "dead_band"),
        *("multiplier_min", "multiplier_max", "confidence", "no_bid_below", "max_movement"),
        *("joint_features", "joint_min_exposures"),
    }
)


def challenge_problems(overrides: Iterable[str]) -> list[str]:
    """Return why keys cannot be overridden by a challenger, as messages; nothing when all can."""
    return [f"{key}: {_why_not(key)}" for key in sorted(overrides) if key not in MAY_BE_CHALLENGED]


def _why_not(key: str) -> str:
    allowed = sorted(MAY_BE_CHALLENGED)
    if key in RETIRED:
        return unknown_key(key, allowed)
    return (
        "a challenger cannot override it: the results of both policies could not be compared, or it changes no table; "
        f"it may override {', '.join(allowed)}{nearest_hint(key, allowed)}"
    )


def share_problems(share: float, holdback_share: float) -> list[str]:
    """Return why a share of the requests cannot be a challenger's, as messages."""
    if not 0 < share < 1:
        return [f"share: {share:g} is no share of the requests: it must be above 0 and below 1, such as 0.1"]
    if share + holdback_share >= 1:
        return [f"share: {share:g} and the holdback_share of {holdback_share:g} leave no request to the active policy"]
    return []
