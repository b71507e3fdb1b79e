"""Measures how the values of a feature have shifted between two windows: population stability index, and other values.

PSI = sum over bins of (q - p) ln(q / p), with p and q the shares of the exposures then and now (Siddiqi, Credit Risk
Scorecards, 2006, ch. 10): below 0.1 little has shifted, above 0.25 much. Bins are the values that were named then, and
one of all others; a share of nothing counts as SMALLEST, without which one empty bin would make it infinite.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from rtb_optimizer.core.sample.sample import Feature, Floats

AT_MOST = 50
"""The values of a feature that are named, the heaviest first."""
SMALLEST = 1e-4
ONE_VALUE = 0.999
"""Share of the exposures from which on a window has one value."""
MOSTLY = 0.9
"""Share of the values that were not named from which on those that were tell nothing of the others."""
REPLACED, TIMES = 0.3, 2.0
"""Share of the exposures from which on values that are all new are no turnover: real logs of ads stayed below 0.2 from
day to day in every column. A column that has new values every night has so many times as many as it last had."""
DIGITS = 9


@dataclass(frozen=True, slots=True)
class Distribution:
    """The shares of the exposures that have each of the named values; the others have the rest."""

    shares: Mapping[str, float]
    rest: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How a feature has shifted: its PSI, and the share of the exposures whose value is new.

    `replaced` is how much of what was named then nobody has now, as far as new values came in its place; 0 where both
    windows have one value, as of a day of the week. `gone` are these values, the heaviest first.
    """

    psi: float
    new_share: float
    replaced: float = 0.0
    gone: tuple[str, ...] = ()


def distribution(feature: Feature, exposure: Floats, min_rows: float, at_most: int = AT_MOST) -> Distribution:
    """Return the heaviest values of a feature with their shares; a value of fewer rows than `min_rows` is not named.

    Args:
        feature: Over the sampled rows (n).
        exposure: Of the rows (n).
        min_rows: The limit of privacy.
        at_most: The number of values that are named.
    """
    shares, rows = _shares(feature, exposure), np.bincount(feature.codes, minlength=len(feature.values))
    heaviest = sorted(range(len(shares)), key=lambda n: (-shares[n], feature.values[n]))[:at_most]
    named = {feature.values[n]: float(shares[n]) for n in heaviest if rows[n] >= min_rows and shares[n] > 0}
    return Distribution(named, max(0.0, round(1 - sum(named.values()), DIGITS)))


def drift(feature: Feature, exposure: Floats, then: Distribution) -> Drift:
    """Return how a feature has shifted since a window.

    A value is new that was not named then, and has a share now with which it would have been: that of the lightest
    that was named, or any at all where all were.
    """
    now = dict(zip(feature.values, map(float, _shares(feature, exposure)), strict=True))
    known = {value: now.get(value, 0.0) for value in then.shares}
    others = max(0.0, 1 - sum(known.values()))
    bins = [*((then.shares[value], share) for value, share in known.items()), (then.rest, others)]
    lightest = min(then.shares.values(), default=1.0) if then.rest > 0 else 0.0
    new = sum(share for value, share in now.items() if value not in known and share > lightest)
    gone = tuple(sorted((value for value in known if not known[value]), key=lambda value: (-then.shares[value], value)))
    lost = sum(then.shares[value] for value in gone)
    is_one_value = all(max(shares, default=0.0) >= ONE_VALUE for shares in (then.shares.values(), now.values()))
    replaced = 0.0 if is_one_value or then.rest > MOSTLY else min(new, lost) / (1 - then.rest)
    return Drift(round(psi(bins), DIGITS), round(new, DIGITS), round(replaced, DIGITS), gone)


def is_replaced(found: Drift, days: int, usual: float) -> bool:
    """Whether a feature has other values than the window before, more than a window that moves by a day explains.

    Args:
        found: How it has shifted.
        days: The length of the windows: of several days, one is new each night, and its calendar with it.
        usual: The share of new values when that window was compared with the one before, 0 where it was not.
    """
    return found.replaced >= max(REPLACED + (1 / days if days > 1 else 0.0), TIMES * usual)


def psi(bins: list[tuple[float, float]]) -> float:
    """Return the population stability index of pairs of shares, then and now; a bin that is empty in both adds 0."""
    filled = ((max(p, SMALLEST), max(q, SMALLEST)) for p, q in bins if p > 0 or q > 0)
    return sum((q - p) * log(q / p) for p, q in filled)


def _shares(feature: Feature, exposure: Floats) -> Floats:
    sums = np.bincount(feature.codes, weights=exposure, minlength=len(feature.values))
    shares: Floats = np.round(sums / sums.sum(), DIGITS)
    return shares
