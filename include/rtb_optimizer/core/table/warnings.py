"""Warns of values whose rate is confounded by another feature, of rates that have spiked or stopped, and of prices.

Simpson's paradox: better than the entity overall, worse in every stratum. The table is unaffected, since factors are
fitted jointly; a person who reads one feature alone, or bids by it alone, is misled. A spike is a value with outcomes
far beyond those of the active run, or of the entity, or with nothing but outcomes where they are seldom: possibly a
bot. A value that has no outcome where many are expected may have lost its tracker. A price far from that of all other
values is of another unit, and moves the level that keeps the spend.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import log, log1p

import numpy as np

from rtb_optimizer.core.decision.warning import LEAVE_OUT, RunWarning
from rtb_optimizer.core.sample.sample import Floats, Sample, sum_by
from rtb_optimizer.core.table.bidding import Tier
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.segments import Segment

MAX_SPIKE = 10.0
"""How many times its earlier rate a value may have without a warning."""
CERTAIN, SELDOM = 0.98, 0.3
"""At most so many exposures of the entity have an outcome where a value of which nearly all do is a spike.

Ten times a rate of 15 % no value can have; at a base rate of a half an honest ad unit may be near 1.
"""
MIN_STOPPED, MAX_CHANCE = 20.0, 0.02
"""Outcomes that a value without any would have to have, and how likely none is among values that differ as these do.

Of slots or apps that differ much, some are honestly without an outcome. None of e expected ones has the probability
(a / (a + e)) ** a where rates vary as a gamma distribution of shape a, the prior of the feature's factors.
"""
PRICE_APART, MIN_PRICED = 200.0, 50
"""Times the median price, or its inverse, of a value of so many rows: formats differ by less, per mille by 1,000."""
PARADOX_Z = 5.0
LARGEST_STRATUM = 0.9
"""A value with more of its exposures in one stratum is nested in it, as an adspace in its site: no paradox."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Observed over expected outcomes, by value, and the distance from 1 in standard errors."""

    ratio: Floats
    z: Floats

    @classmethod
    def of(cls, outcome: Floats, expected: Floats) -> "_Ratio":
        return cls(outcome / np.maximum(expected, TINY), (outcome - expected) / np.sqrt(np.maximum(expected, TINY)))


@dataclass(frozen=True, slots=True)
class _Spike:
    """A value whose rate has jumped: its rate now, and in the active run, as multiples of the entity's."""

    value: str
    segment: Segment
    now: float
    was: float | None

    @property
    def beyond(self) -> float:
        """Return the outcomes beyond those that the earlier rate explains."""
        return self.segment.counts.outcome * (1 - min((self.was or 1.0) / self.now, 1.0))


def simpsons_paradox(sample: Sample, features: Sequence[str]) -> list[RunWarning]:
    """Warn of values whose rate is on one side of the entity's, and on the other of that of their rows' other feature.

    One warning a pair of features, of the value with the largest significance on both sides.
    """
    total = float(sample.exposure.sum())
    outcome = {f: sample.outcomes_by(sample.features[f].codes, len(sample.features[f].values)) for f in features}
    exposure = {f: sum_by(sample.features[f].codes, sample.exposure, len(sample.features[f].values)) for f in features}
    mean = float(sample.outcome.sum()) / total if total > 0 else 0.0
    rate = {f: outcome[f] / np.maximum(exposure[f], TINY) for f in features}
    by_stratum = {f: sample.exposure * rate[f].take(sample.features[f].codes) for f in features}
    warnings = []
    for name, stratum in permutations(features, 2):
        feature, strata = sample.features[name], sample.features[stratum]
        expected = sum_by(feature.codes, by_stratum[stratum], len(feature.values))
        alone, within = _Ratio.of(outcome[name], exposure[name] * mean), _Ratio.of(outcome[name], expected)
        surest = np.where(alone.z * within.z < 0, np.minimum(np.abs(alone.z), np.abs(within.z)), 0.0)
        for code in np.argsort(-surest, kind="stable")[: int((surest >= PARADOX_Z).sum())]:
            rows = np.flatnonzero(feature.codes == code)
            parts = sum_by(strata.codes[rows], sample.exposure[rows], len(strata.values))
            if parts.max() <= LARGEST_STRATUM * parts.sum():
                ratios = float(alone.ratio[code]), float(within.ratio[code])
                warnings.append(_paradox_warning(name, feature.values[int(code)], stratum, *ratios))
                break
    return warnings


def _paradox_warning(name: str, value: str, stratum: str, alone: float, within: float) -> RunWarning:
    return RunWarning(
        "reversal",
        f"{name}={value} has {alone:.3g} times the entity's rate, but {within:.3g} times the rate of its rows' "
        f"{stratum}: confounded by {stratum} (Simpson's paradox); the table fits both, do not bid by {name} alone",
    )


def rate_spikes(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None
) -> list[RunWarning]:
    """Warn of the value of each feature with most outcomes beyond `MAX_SPIKE` times its earlier rate.

    A new value is compared with the entity. Both rates are taken relative to their entity's, so that a good day of all
    is no spike. Values of few events are ignored.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
    """
    default, spiked = segments[0], dict[str, list[_Spike]]()
    if default.events <= 0 or default.counts.exposure <= 0:
        return []
    mean_rate = default.events / default.counts.exposure
    usual = _share(default)
    for segment in segments[1:]:
        values = _given(segment, features)
        if len(values) > 1 or segment.tier is Tier.LOW or segment.counts.exposure <= 0:
            continue
        now = segment.events / segment.counts.exposure / mean_rate
        was = _relative_rate(before, values) if before else None
        is_new = was is None or usual * was < CERTAIN * _share(segment)
        is_certain = segment.tier is Tier.HIGH and usual <= SELDOM and _share(segment) >= CERTAIN and is_new
        if now > MAX_SPIKE * (was or 1.0) or is_certain:
            spiked.setdefault(values[0][0], []).append(_Spike(values[0][1], segment, now, was))
    return [_spike_warning(name, found) for name, found in spiked.items()]


def rate_stops(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None, per_event: float
) -> list[RunWarning]:
    """Warn of the value of each feature that has no outcome where most are expected.

    A value that had none in the active run either is judged as a new one: what is broken is told until it is repaired.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
        per_event: What one event of the model is in the measure of the logs.
    """
    stopped = dict[str, list[tuple[float, str, Segment]]]()
    mean_rate = segments[0].events / max(segments[0].counts.exposure, TINY)
    for segment in segments[1:]:
        values = _given(segment, features)
        if len(values) > 1 or segment.events > 0:
            continue
        was = (_relative_rate(before, values) if before else None) or None
        expected = segment.expected / per_event if was is None else was * mean_rate * segment.counts.exposure
        is_rare = was is not None or segment.prior * log1p(expected / max(segment.prior, TINY)) >= -log(MAX_CHANCE)
        if expected >= MIN_STOPPED and is_rare:
            stopped.setdefault(values[0][0], []).append((expected, values[0][1], segment))
    return [_stop_warning(name, found) for name, found in stopped.items()]


def prices_apart(segments: Sequence[Segment], features: Sequence[str]) -> list[RunWarning]:
    """Warn of the value of each feature whose price is farthest from the median of its exposures, of another unit.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
    """
    priced = dict[str, list[tuple[float, float, str]]]()
    for segment in segments[1:]:
        values, counts = _given(segment, features), segment.counts
        if len(values) == 1 and counts.cost > 0 and counts.exposure > 0 and counts.rows >= MIN_PRICED:
            of_feature = priced.setdefault(values[0][0], [])
            of_feature.append((counts.cost / counts.exposure, counts.exposure, values[0][1]))
    warnings = []
    for name, found in priced.items():
        median = _median([price for price, _, _ in found], [exposure for _, exposure, _ in found])
        apart = [(price / median, value) for price, _, value in found if abs(log(price / median)) > log(PRICE_APART)]
        if apart:
            warnings.append(_price_warning(name, apart))
    return warnings


def _given(segment: Segment, features: Sequence[str]) -> list[tuple[str, str]]:
    return [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]


def _share(segment: Segment) -> float:
    """Return the outcomes of a row by exposure, as the logs count them."""
    return segment.counts.outcome / segment.counts.exposure


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(reached, reached[-1] / 2)])


def _relative_rate(table: PublishedTable, values: list[tuple[str, str]]) -> float | None:
    row = table.rows.get(frozenset(values))
    if row is None or row.exposure <= 0:
        return None
    return row.outcome / row.exposure * table.scale.stands_for * (1 + table.scale.odds_against)


def _spike_warning(name: str, found: Sequence[_Spike]) -> RunWarning:
    worst = max(found, key=lambda each: (each.beyond, each.value))
    counts, was = worst.segment.counts, worst.was
    against = f", {was:.3g} times in the active run" if was is not None else ""
    more = f", as have {len(found) - 1} more of {name}" if len(found) > 1 else ""
    return RunWarning(
        "rate_spike",
        f"{name}={worst.value} has {counts.outcome:g} outcomes of {counts.exposure:g} exposures, "
        f"{worst.now:.3g} times the entity's rate{against}{more}: bots? {LEAVE_OUT}",
        sum(each.segment.counts.rows for each in found),
    )


def _stop_warning(name: str, found: Sequence[tuple[float, str, Segment]]) -> RunWarning:
    expected, value, segment = max(found, key=lambda each: each[:2])
    more = f", as have {len(found) - 1} more of {name}" if len(found) > 1 else ""
    return RunWarning(
        "rate_stops",
        f"{name}={value} has no outcome in {segment.counts.exposure:g} exposures, where {expected:.3g} are expected"
        f"{more}: is its tracking broken? the table takes it for worthless; have its logs repaired then, and run again",
        segment.counts.rows,
    )


def _price_warning(name: str, apart: Sequence[tuple[float, str]]) -> RunWarning:
    ratio, value = max(apart, key=lambda each: (abs(log(each[0])), each[1]))
    more = f", and {len(apart) - 1} more of {name} are as far" if len(apart) > 1 else ""
    return RunWarning(
        "price_apart",
        f"{name}={value} costs {ratio:.3g} times the median of {name} per exposure{more}: another unit, as per "
        "thousand, or currency? the level of all bids follows the spend in cost_column; deliver it in one unit",
    )
