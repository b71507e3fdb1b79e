"""The roles of columns: which two roles one column cannot have, and which columns are no features.

A column in two roles is refused where the configuration is saved. One column may still be value and cost (the seller's
revenue is what bids are normalized on), outcome and value (each event is worth 1), cost and bid (a first-price
auction), or person and arm (a person sees one arm).
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from rtb_optimizer.core.selection.denied_names import denied_names

SHARED_ROLES = frozenset(
    {
        ("outcome_column", "value_column"),
        ("value_column", "cost_column"),
        ("cost_column", "bid_column"),
        ("person_id_column", "holdback_id_column"),
    }
)
"""Pairs of roles that one column may have, in the order of the keys."""

NO_FEATURES = {
    "outcome_column": "a feature that is the outcome leaks it",
    "exposure_column": "it counts opportunities",
    "weight_column": "it says how rows were sampled",
    "value_column": "it is known only after the auction",
    "cost_column": "it is known only after the auction",
    "bid_column": "it follows from the multipliers",
    "multiplier_column": "it is what our own table bid",
    "run_column": "it is the name of our own table",
    "holdback_id_column": "it identifies a request",
    "arm_column": "it records whether our table was used",
    "timestamp_column": "each row has its own; log the hour or the day of week instead",
    "person_id_column": "it identifies people or devices",
}
"""Roles whose column is no feature, with the reason. A currency, and a column of row_filter, may be one."""


def role_problems(
    columns: Mapping[str, str], features: Mapping[str, Sequence[str]], row_id: Collection[str]
) -> list[str]:
    """Return the contradictions between the roles of columns, as messages.

    Args:
        columns: The column of each role, by config key in the order of their declaration; empty where none is set.
        features: The columns of `candidate_features` and `anchor_features`.
        row_id: The columns of `row_id_columns`.
    """
    named = {key: column for key, column in columns.items() if column}
    twice = [
        f"{later}: {column!r} is also {earlier}; a column has one role"
        for (earlier, column), (later, other) in combinations(named.items(), 2)
        if column == other and (earlier, later) not in SHARED_ROLES
    ]
    no_features = [
        f"{key}: {column} is also {role}: {reason}; remove it from {key}"
        for key, listed in features.items()
        for role, reason in NO_FEATURES.items()
        if (column := named.get(role)) in listed
    ]
    outcome = named.get("outcome_column")
    in_id = [f"row_id_columns: {outcome} is also outcome_column, which identifies no row; remove it there"]
    return [*twice, *no_features, *(in_id if outcome in row_id else [])]


def denied_problems(anchors: Sequence[str], denied: Collection[str], allowed: Collection[str]) -> list[str]:
    """Return the contradictions between anchors, denied names and allowed identifiers, as messages."""
    matched = denied_names(sorted(anchors), denied, allowed)
    return [
        *(
            f"anchor_features: {name} is also in denied_features"
            if name == by
            else f"anchor_features: {name} is denied by {by} of denied_features; remove one of them, or name {name} in "
            "allowed_identifiers if it identifies no person"
            for name, by in matched.items()
        ),
        *(
            f"allowed_identifiers: {name} is also in denied_features; remove one of them"
            for name in allowed
            if name in denied
        ),
    ]
