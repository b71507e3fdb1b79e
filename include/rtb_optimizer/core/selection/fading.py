"""Keeps what the active run bid by and this one has not selected, until its rows have moved to 1.

A feature that is lost to small numbers would take its bids back to 1 at once, whatever `max_movement` allows.
"""

from collections.abc import Collection, Iterable, Sequence

from rtb_optimizer.core.selection.interactions import Interaction
from rtb_optimizer.core.selection.select import FADED_PRIOR


def fading_features(terms: Iterable[Collection[str]]) -> frozenset[str]:
    """Return the features of terms: an interaction fades only beside its features."""
    return frozenset(name for term in terms for name in term)


def fading_interactions(
    terms: Iterable[Collection[str]], order: Sequence[str], found: Iterable[Interaction]
) -> tuple[Interaction, ...]:
    """Return the interactions among terms that were not found again, and say nothing.

    Args:
        terms: The terms of the active run with rows to move to 1.
        order: The selected features, fading ones included.
        found: The interactions that were found.
    """
    known = {frozenset(each.features) for each in found}
    lost = (term for term in terms if len(term) > 1 and frozenset(term) not in known and set(term) <= set(order))
    return tuple(Interaction(tuple(sorted(term, key=order.index)), 0.0, 0.0, 0.0, FADED_PRIOR) for term in lost)
