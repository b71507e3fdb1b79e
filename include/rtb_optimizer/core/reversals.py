"""Which values look good because of their company? Simpson's paradox: better than the entity, worse in every stratum.

The table is not fooled, since factors are fitted together; a person who reads one feature alone is, and so is whoever
bids by it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from rtb_optimizer.core.sample import Floats, Sample, sum_by
from rtb_optimizer.core.warning import RunWarning

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
                warnings.append(_warning(name, feature.values[int(code)], stratum, *ratios))
                break
    return warnings


def _warning(name: str, value: str, stratum: str, alone: float, within: float) -> RunWarning:
    return RunWarning(
        "reversal",
        f"{name}={value} has {alone:.3g} times the entity's rate, but {within:.3g} times the rate of its rows' "
        f"{stratum}: its traffic is of another {stratum}; the table weighs both, do not bid by {name} alone",
    )
