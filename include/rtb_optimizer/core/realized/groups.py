"""Compares by group what a new table would bring with what the active one brought: who pays for the gain of the total.

A table moves spend from some values to others, that is what it is for. A total that gains may hide that one country
loses what all others win. The groups are the largest values of the strongest features, a bounded number, so that their
intervals hold for all of them at once (Bonferroni).

Given both tables, the change of a group is a ratio of sums over its outcomes, whose variance is that of a ratio
estimator (Cochran 1977, section 6.4), times what outcomes vary more than independent ones do, with quantiles of
Student's t, as few outcomes tell little of it. Nearly every group of two
nights' tables changes by a little beyond chance: what is notable is a loss that is surely more than a tenth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, sqrt
from statistics import NormalDist

import numpy as np

from rtb_optimizer.core.realized.lift import BUNCHING, RATIO_SD
from rtb_optimizer.core.realized.policy import ERROR, NOTABLE
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, Sample, sum_by

FEATURES, VALUES = 2, 8
"""Groups are so many values at most of so many features."""
MIN_OUTCOMES = 50.0
"""With fewer effective outcomes the ratio of a group is not normal."""
MIN_OF_ARM = 10.0
"""Effective outcomes of an arm in a group, for a lift."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows with a value of a feature; `code` is the value's place among those of the sample."""

    feature: str
    value: str
    code: int


@dataclass(frozen=True, slots=True)
class Change:
    """A relative change, and its bounds: those of all groups hold at once in nineteen runs of twenty."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a group's outcomes (in the measure of the objective) and spend were, and how another table changes them.

    It `pays` where its outcomes surely fall by more than a tenth while those of all groups together rise.
    """

    group: Group
    outcomes: float
    spend: float
    of_outcomes: Change
    of_spend: Change
    pays: bool


def strongest(scores: Mapping[str, float]) -> list[str]:
    """Return the features with the largest scores, in the order of these."""
    return sorted(scores, key=lambda name: (-scores[name], name))[:FEATURES]


def groups_of(sample: Sample, features: Sequence[str]) -> list[Group]:
    """Return the values with the most effective outcomes of each feature, those with too few left out."""
    found = []
    for name in features:
        feature = sample.features[name]
        effective = _effective(sample.outcome, feature.codes, len(feature.values))
        largest = sorted(range(len(feature.values)), key=lambda code: (-effective[code], code))[:VALUES]
        found += [Group(name, str(feature.values[n]), n) for n in largest if effective[n] >= MIN_OUTCOMES]
    return found


def changes_by_group(sample: Sample, features: Sequence[str], before: Floats, after: Floats) -> list[GroupChange]:
    """Return what each group's outcomes and spend would be by other bids, the largest loss first.

    Args:
        sample: The rows.
        features: Whose values are the groups.
        before: The multiplier of each row in the table that bought the rows, 0 where it did not bid (n floats).
        after: The same of the other table.
    """
    groups = groups_of(sample, features)
    if not groups:
        return []
    was, now = before**sample.elasticity, after**sample.elasticity
    gains = float((sample.base_outcome * (now - was)).sum()) > 0
    z = _quantile(len(groups))
    found = [_change_of(sample, group, was, now, z, gains=gains) for group in groups]
    return sorted((each for each in found if each is not None), key=lambda each: each.of_outcomes.estimate)


def lifts_by_group(
    sample: Sample, features: Sequence[str], treated: Mask, control: Mask, days: int
) -> list[tuple[Group, Change]]:
    """Return the lift of results per spend, treated over control, of the groups with enough outcomes in both arms.

    It is of one window, and looked at once: the lift of a policy over all its nights is estimated in total alone.

    Args:
        sample: The rows.
        features: Whose values are the groups.
        treated: Which rows the active tables bid on (n booleans).
        control: Which rows were bid 1.0 on purpose (n booleans).
        days: The days of the window; the ratio of two arms varies from day to day, and beyond chance.
    """
    found = []
    groups = groups_of(sample, features)
    for group in groups:
        rows = sample.features[group.feature].codes == group.code
        arms = [rows & arm for arm in (treated, control)]
        spends = [float(sample.spend[arm].sum()) for arm in arms]
        sums = [float(sample.outcome[arm].sum()) for arm in arms]
        known = [sums[n] ** 2 / max(float((sample.outcome[arm] ** 2).sum()), 1e-300) for n, arm in enumerate(arms)]
        if min(spends) <= 0 or min(known) < MIN_OF_ARM:
            continue
        ratio = sums[0] / spends[0] / (sums[1] / spends[1])
        error = sqrt(BUNCHING * sum(1 / k for k in known) + RATIO_SD**2 / max(days, 1))
        found.append((group, _around(ratio, error, _quantile(len(groups)))))
    return found


def _change_of(sample: Sample, group: Group, was: Floats, now: Floats, z: float, *, gains: bool) -> GroupChange | None:
    rows = np.flatnonzero(sample.features[group.feature].codes == group.code)
    outcomes = _ratio(sample.base_outcome, rows, was, now, z)
    spend = _ratio(sample.base_spend, rows, was, now, z)
    if outcomes is None or spend is None:  # the active table brings nothing of it, and none can be lost
        return None
    return GroupChange(
        group=group,
        outcomes=float((sample.base_outcome * was)[rows].sum()) * sample.stands_for * sample.unit,
        spend=float((sample.base_spend * was)[rows].sum()),
        of_outcomes=outcomes,
        of_spend=spend,
        pays=gains and outcomes.high < -NOTABLE,
    )


def _ratio(weight: Floats, rows: Ints, was: Floats, now: Floats, z: float) -> Change | None:
    """Return the change of a weighted sum of volumes; None where there was nothing."""
    of, before, after = weight[rows], was[rows], now[rows]
    total = float((of * before).sum())
    if total <= 0:
        return None
    ratio = float((of * after).sum()) / total
    if ratio <= 0:
        return Change(-1.0, -1.0, -1.0)
    variance = BUNCHING * float(((of * (after - ratio * before)) ** 2).sum()) / total**2
    degrees = total**2 / float(((of * before) ** 2).sum()) / BUNCHING - 1
    return _around(ratio, sqrt(variance) / ratio, _student(z, max(degrees, 1.0)))


def _around(ratio: float, error: float, z: float) -> Change:
    """Return the change of a ratio whose logarithm has that standard error."""
    if ratio <= 0:
        return Change(-1.0, -1.0, -1.0)
    return Change(ratio - 1, exp(log(ratio) - z * error) - 1, exp(log(ratio) + z * error) - 1)


def _student(z: float, degrees: float) -> float:
    """Return the quantile of Student's t for one of the normal's (Wallace, 1959)."""
    return sqrt(degrees * expm1(z**2 / degrees * ((8 * degrees + 3) / (8 * degrees + 1)) ** 2))


def _quantile(groups: int) -> float:
    return NormalDist().inv_cdf(1 - ERROR / 2 / max(groups, 1))


def _effective(outcome: Floats, codes: Ints, size: int) -> Floats:
    """Return the effective number of outcomes of each code: as many of equal weight are as precise (Kish, 1965)."""
    squares = np.maximum(sum_by(codes, outcome**2, size), 1e-300)
    effective: Floats = sum_by(codes, outcome, size) ** 2 / squares
    return effective
