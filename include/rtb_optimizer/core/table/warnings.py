"""Which values deserve a second look? Those that look good because of their company, and those whose rate has jumped.

A reversal is Simpson's paradox: better than the entity, worse in every stratum. The table is not fooled, since factors
are fitted together; a person who reads one feature alone is, and so is whoever bids by it alone. A spike is a value
with outcomes far beyond what the active run, or the entity, has: a bot may have found it.
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

REVERSAL_Z = 5.0
LARGEST_STRATUM = 0.9
"""A value with more of its exposures in one stratum belongs to that one, as an adspace to its site: no paradox."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Outcomes over those expected, by value, and how many standard errors from 1 that is."""

    ratio: Floats
    z: Floats

    @classmethod
    def of(cls, outcome: Floats, expected: Floats) -> "_Ratio":
        return cls(outcome / np.maximum(expected, TINY), (outcome - expected) / np.sqrt(np.maximum(expected, TINY)))


def reversals(sample: Sample, features: Sequence[str]) -> list[RunWarning]:
    """Warn of values whose rate is on one side of the entity's, and on the other of that of their rows' other feature.

    One warning a pair of features, of the value that is surest on both sides.
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
        for code in np.argsort(-surest, kind="stable")[: int((surest >= REVERSAL_Z).sum())]:
            mine = np.flatnonzero(feature.codes == code)
            parts = sum_by(strata.codes[mine], sample.exposure[mine], len(strata.values))
            if parts.max() <= LARGEST_STRATUM * parts.sum():
                ratios = float(alone.ratio[code]), float(within.ratio[code])
                warnings.append(_reversal(name, feature.values[int(code)], stratum, *ratios))
                break
    return warnings


def _reversal(name: str, value: str, stratum: str, alone: float, within: float) -> RunWarning:
    return RunWarning(
        "reversal",
        f"{name}={value} has {alone:.3g} times the entity's rate, but {within:.3g} times the rate of its rows' "
        f"{stratum}: its traffic is of another {stratum}; the table weighs both, do not bid by {name} alone",
    )


def rate_spikes(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None, max_spike: float
) -> list[RunWarning]:
    """Warn of values with more than `max_spike` times the rate that they had; a new value is held against the entity.

    Both rates are taken relative to their entity's, so that a good day of all is no spike. A few events are none.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
        max_spike: How many times a rate may be what it was.
    """
    default, warnings = segments[0], []
    if default.events <= 0 or default.counts.exposure <= 0:
        return []
    level = default.events / default.counts.exposure
    for segment in segments[1:]:
        given = [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]
        if len(given) > 1 or segment.tier is Tier.LOW or segment.counts.exposure <= 0:
            continue
        now = segment.events / segment.counts.exposure / level
        was = _relative_rate(before, given) if before else None
        if now > max_spike * (was or 1.0):
            warnings.append(_spike(given[0], segment, now, was))
    return warnings


def _relative_rate(table: PublishedTable, given: list[tuple[str, str]]) -> float | None:
    row = table.rows.get(frozenset(given))
    if row is None or row.exposure <= 0:
        return None
    return row.outcome / row.exposure * table.scale.stands_for * (1 + table.scale.odds_against)


def _spike(given: tuple[str, str], segment: Segment, now: float, was: float | None) -> RunWarning:
    against = f", {was:.3g} times in the active run" if was is not None else ""
    return RunWarning(
        "rate_spike",
        f"{given[0]}={given[1]} has {segment.counts.outcome:g} outcomes of {segment.counts.exposure:g} exposures, "
        f"{now:.3g} times the entity's rate{against}: bots? leave flagged rows out by row_filter, or raise max_spike",
        segment.counts.rows,
    )
