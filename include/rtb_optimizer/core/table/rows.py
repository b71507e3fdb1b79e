"""Decides which values get a row of the master table, and what each row bids.

Values compete for rows by expected deviance. A row of the active run that loses its place would leave its bids at 1
from one night to the next: it stays until its multiplier is within one run's movement of 1.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.model.fit import Factor, FactorModel
from rtb_optimizer.core.sample.crossing import parts_of
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, Sample
from rtb_optimizer.core.sample.values import segment_key, split_key
from rtb_optimizer.core.table.bidding import (
    BidRules,
    bid_bounds,
    factor_intervals,
    multipliers,
    not_worth_a_bid,
)

Pattern = frozenset[tuple[str, str]]
"""The (feature, value) pairs that a row gives: the same in tables whose features stand in another order."""


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """`dead_band` is how far from 1 a factor carries no information; `max_segments` counts the default row too.

    No row is published about fewer than `min_exposures`.
    """

    max_segments: int
    dead_band: float
    bids: BidRules
    min_exposures: float = 0.0


@dataclass(frozen=True, slots=True)
class FactorRows:
    """The rows of one factor, as arrays of one length: codes, the factor's interval, multipliers, no-bid flags.

    `size` is how many values the factor has, with a row or without.
    """

    size: int
    codes: Ints
    low: Floats
    high: Floats
    multiplier: Floats
    no_bid: Mask

    @property
    def has_row(self) -> Mask:
        """Which of the factor's values have a row (`size` booleans)."""
        mask = np.zeros(self.size, dtype=bool)
        mask[self.codes] = True
        return mask

    @property
    def multiplier_by_code(self) -> Floats:
        """The multiplier of every value of the factor (`size` floats); 1 where it has no row."""
        by_code = np.ones(self.size)
        by_code[self.codes] = self.multiplier
        return by_code

    @property
    def no_bid_by_code(self) -> Mask:
        """Which of the factor's values are not bid on (`size` booleans)."""
        by_code = np.zeros(self.size, dtype=bool)
        by_code[self.codes] = self.no_bid
        return by_code


TableRows = Mapping[str, FactorRows]
"""The rows of the master table beside the default, by factor."""


@dataclass(frozen=True, slots=True)
class RowsBefore:
    """The rows of the active run, by pattern: their multipliers, and which of them are not bid on."""

    multipliers: Mapping[Pattern, float]
    no_bid: Collection[Pattern] = ()


def codes_to_publish(
    model: FactorModel, sample: Sample, rules: SegmentRules, before: RowsBefore | None
) -> dict[str, Ints]:
    """Return, by factor, the codes that get a row: those not bid on or moving towards 1, and the most informative.

    `before` are the rows of the active run, None where there is no active run.
    """
    if before is None:
        return most_informative_codes(model, sample, rules)
    limit = rules.bids.max_movement
    kept = {p for p, m in before.multipliers.items() if not 1 / limit <= m <= limit} | {*before.no_bid}
    return most_informative_codes(model, sample, rules, codes_of(kept, model, sample))


def most_informative_codes(
    model: FactorModel, sample: Sample, rules: SegmentRules, first: Mapping[str, Ints] | None = None
) -> dict[str, Ints]:
    """Return, by factor, the codes with the largest expected deviance, as many as the table has rows for.

    Those in `first` come before all others if they have the exposures.
    """
    owners, codes, weights = [], [], [np.zeros(0)]
    for n, (name, factor) in enumerate(model.factors.items()):
        eligible = np.abs(factor.theta - 1) >= rules.dead_band
        eligible[sample.features[name].barred] = False
        weight = expected_deviance(factor)
        if first is not None:
            eligible[first[name]], weight[first[name]] = True, np.inf
        eligible &= factor.exposure >= rules.min_exposures
        codes.append(np.flatnonzero(eligible))
        owners.append(np.full(len(codes[-1]), n))
        weights.append(weight[codes[-1]])
    best = np.sort(np.argsort(-np.concatenate(weights), kind="stable")[: rules.max_segments - 1])
    owner, code = (np.concatenate([np.zeros(0, np.int64), *part])[best] for part in (owners, codes))
    return {name: code[owner == n] for n, name in enumerate(model.factors)}


def codes_of(patterns: Collection[Pattern], model: FactorModel, sample: Sample) -> dict[str, Ints]:
    """Return, by factor, the codes that some patterns give.

    A pattern that the model has no factor for, or the logs no row of, has none.
    """
    by_factor = {}
    for name in model.factors:
        feature = sample.features[name]
        parts = parts_of(name, feature)
        given = [dict(pattern) for pattern in patterns if {feature_name for feature_name, _ in pattern} == set(parts)]
        keys = {g[name] if len(parts) == 1 else segment_key(g[part] for part in parts) for g in given}
        codes = [code for code, value in enumerate(feature.values) if value in keys] if keys else []
        by_factor[name] = np.setdiff1d(np.array(codes, dtype=np.int64), feature.barred)
    return by_factor


def expected_deviance(factor: Factor) -> Floats:
    """Return the expected deviance of each value over a factor of 1: E (t ln t - t + 1), of the Poisson model."""
    theta = factor.theta
    return factor.expected * (theta * np.log(theta) - theta + 1)


def table_rows(
    model: FactorModel,
    sample: Sample,
    codes: Mapping[str, Ints],
    bids: BidRules,
    before: RowsBefore | None = None,
    insignificant: Collection[str] = (),
) -> dict[str, FactorRows]:
    """Return the rows of the codes of each factor, with the bids that follow from them.

    Args:
        model: Whose factors become rows.
        sample: What names the values of the codes.
        codes: The codes that get a row, by factor.
        bids: How bids are bounded.
        before: The rows of the active run, to move from; None where there is none.
        insignificant: The factors whose gain is not significant.
    """
    rows = {}
    for name, of_factor in codes.items():
        feature = sample.features[name]
        parts = parts_of(name, feature)
        previous, left_out = None, np.zeros(len(feature.values), dtype=bool)
        if before is not None:
            patterns = [frozenset(given_values(parts, feature.values[code]).items()) for code in of_factor]
            previous = np.array([before.multipliers.get(pattern, 1.0) for pattern in patterns])
            left_out[of_factor] = [pattern in before.no_bid for pattern in patterns]
        to_low, to_high = bid_bounds(model.factors[name], bids, model.link, significant=name not in insignificant)
        low, high = factor_intervals(model.factors[name], bids.interval_mass, model.link)
        rows[name] = FactorRows(
            size=len(low),
            codes=of_factor,
            low=low[of_factor],
            high=high[of_factor],
            multiplier=multipliers(to_low[of_factor], to_high[of_factor], bids, previous),
            no_bid=not_worth_a_bid(model.factors[name], high, left_out, bids)[of_factor],
        )
    return rows


def given_values(term: Sequence[str], value: str) -> dict[str, str]:
    """Return what a value of a term gives, by feature: that of an interaction holds a value for each."""
    parts = split_key(value) if len(term) > 1 else [value]
    return dict(zip(term, map(str, parts), strict=True))


def restrict_to_rows(model: FactorModel, codes: Mapping[str, Ints]) -> FactorModel:
    """Return the model that the published table predicts by: a value without a row has factor 1."""
    factors = {}
    for name, factor in model.factors.items():
        theta = np.ones(len(factor.theta))
        theta[codes[name]] = factor.theta[codes[name]]
        factors[name] = replace(factor, theta=theta)
    return replace(model, factors=factors)


def multiplier_product(rows: TableRows, sample: Sample) -> Floats:
    """Return the product of the multipliers of the rows that match each row of a sample (n floats), unclipped."""
    product = np.ones(len(sample.exposure))
    for name, of_factor in rows.items():
        product *= of_factor.multiplier_by_code.take(sample.features[name].codes)
    return product


def without_bid(rows: TableRows, sample: Sample) -> Mask:
    """Return which rows of a sample match a row that is not bid on (n booleans)."""
    mask = np.zeros(len(sample.exposure), dtype=bool)
    for name, of_factor in rows.items():
        mask |= of_factor.no_bid_by_code.take(sample.features[name].codes)
    return mask
