"""Warns of values whose rate is confounded by another feature, and of values whose rate has spiked.

Simpson's paradox: better than the entity overall, worse in every stratum. The table is unaffected, since factors are
fitted jointly; a person who reads one feature alone, or bids by it alone, is misled. A spike is a value with outcomes
far beyond those of the active run, or of the entity: possibly a bot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Floats, Sample, sum_by
from rtb_optimizer.core.table.bidding import Tier
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.segments import Segment

MAX_SPIKE = 10.0
"""How many times its earlier rate a value may have without a warning."""
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


def simpsons_paradox(sample: Sample, features: Sequence[str]) -> list[RunWarning]:
    """Warn of values whose rate is on one side of the entity's, and on the other of that of their rows' other feature.

    One warning a pair of features, of the value with the largest significance on both sides.
    """
    total = float(sample.exposure.sum())
    outcome = {f: sample.outcomes_by(sample.features[f].codes, len(sample.features[f].values)) for f in features}
    exposure = {f: sum_by(sample.features[f].codes, sample.exposure, len(sample.features[f].values)) for f in features}
    mean = float(sample.outcome.sum()) / total if total > 0 else 0.0
    warnings = []
    for name, stratum in permutations(features, 2):
        feature, strata = sample.features[name], sample.features[stratum]
        rate = outcome[stratum] / np.maximum(exposure[stratum], TINY)
        expected = sum_by(feature.codes, sample.exposure * rate.take(strata.codes), len(feature.values))
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
    """Warn of values with more than `MAX_SPIKE` times their earlier rate; a new value is compared with the entity.

    Both rates are taken relative to their entity's, so that a good day of all is no spike. Values of few events are
    ignored.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
    """
    default, warnings = segments[0], []
    if default.events <= 0 or default.counts.exposure <= 0:
        return []
    mean_rate = default.events / default.counts.exposure
    for segment in segments[1:]:
        values = [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]
        if len(values) > 1 or segment.tier is Tier.LOW or segment.counts.exposure <= 0:
            continue
        now = segment.events / segment.counts.exposure / mean_rate
        was = _relative_rate(before, values) if before else None
        if now > MAX_SPIKE * (was or 1.0):
            warnings.append(_spike_warning(values[0], segment, now, was))
    return warnings


def _relative_rate(table: PublishedTable, values: list[tuple[str, str]]) -> float | None:
    row = table.rows.get(frozenset(values))
    if row is None or row.exposure <= 0:
        return None
    return row.outcome / row.exposure * table.scale.stands_for * (1 + table.scale.odds_against)


def _spike_warning(values: tuple[str, str], segment: Segment, now: float, was: float | None) -> RunWarning:
    against = f", {was:.3g} times in the active run" if was is not None else ""
    return RunWarning(
        "rate_spike",
        f"{values[0]}={values[1]} has {segment.counts.outcome:g} outcomes of {segment.counts.exposure:g} exposures, "
        f"{now:.3g} times the entity's rate{against}: bots? exclude flagged rows with row_filter",
        segment.counts.rows,
    )
