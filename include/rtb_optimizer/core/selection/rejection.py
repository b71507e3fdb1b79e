"""Reason codes of rejected candidates, and the screening of candidates by their values alone."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rtb_optimizer.core.sample.sample import Feature
from rtb_optimizer.core.sample.values import MISSING

CONSTANT_SHARE = 0.999
NEAR_UNIQUE_SHARE = 0.5


class Reason(StrEnum):
    """Why a candidate was not selected."""

    ABSENT = "absent"
    CONSTANT = "constant"
    DENYLISTED = "denylisted"
    LEAK_SUSPECTED = "leak_suspected"
    MAX_FEATURES = "max_features"
    MOSTLY_MISSING = "mostly_missing"
    NEAR_UNIQUE = "near_unique"
    NO_GAIN = "no_gain"
    NO_MACRO = "no_macro"
    NOT_SIGNIFICANT = "not_significant"
    REDUNDANT = "redundant"
    SHADOW_FEATURE = "canary"  # the code that readers of outputs know
    TOO_FEW_POSITIVES = "too_few_positives"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate left out, with its last and marginal score as shares of the baseline deviance; None: not scored."""

    name: str
    reason: Reason
    signal_score: float | None = None
    marginal_score: float | None = None


def screen(feature: Feature, exposure_rows: int, max_missing_share: float) -> Reason | None:
    """Return the reason why a candidate cannot be a segment, from its values alone; None where it can."""
    rows = np.bincount(feature.codes, minlength=len(feature.values))
    if (rows > 0).sum() > NEAR_UNIQUE_SHARE * exposure_rows:
        return Reason.NEAR_UNIQUE
    missing = rows[feature.values.index(MISSING)] if MISSING in feature.values else 0
    if rows.max(initial=0) >= CONSTANT_SHARE * exposure_rows and missing < rows.max(initial=0):
        return Reason.CONSTANT
    if missing > max_missing_share * exposure_rows:
        return Reason.MOSTLY_MISSING
    return None
