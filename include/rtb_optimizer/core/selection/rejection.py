"""Reason codes of rejected candidates, and the screening of candidates by their values alone."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rtb_optimizer.core.sample.sample import Feature, Ints, Mask
from rtb_optimizer.core.sample.values import MISSING

CONSTANT_SHARE = 0.999
NEAR_UNIQUE_SHARE = 0.5
DOMINANT_SHARE, MIN_DOMINANT_ROWS, MAX_DOMINANT = 0.01, 10, 5
"""A value of at least this share of the rows is a placeholder (an id of zeros) where few values are so frequent."""
BESIDE_ONE, BESIDE_SEVERAL = 0.05, 0.2
"""Shares of rows beside one dominant value, or several, from which on a column can be near-unique."""


class Reason(StrEnum):
    """Why a candidate was not selected."""

    ABSENT = "absent"
    CONSTANT = "constant"
    DENYLISTED = "denylisted"
    IDENTIFIER = "identifier"
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
    """A candidate left out, with its scores as shares of the baseline deviance; None: not scored.

    `signal_score` is its gain over what was chosen, with its standard error and its z; `marginal_score` is that alone.
    """

    name: str
    reason: Reason
    signal_score: float | None = None
    marginal_score: float | None = None
    standard_error: float | None = None
    z: float | None = None


def screen(feature: Feature, exposure_rows: int, max_missing_share: float) -> Reason | None:
    """Return the reason why a candidate cannot be a segment, from its values alone; None where it can."""
    rows = np.bincount(feature.codes, minlength=len(feature.values))
    if _is_near_unique(feature, rows):
        return Reason.NEAR_UNIQUE
    missing = rows[feature.values.index(MISSING)] if MISSING in feature.values else 0
    if rows.max(initial=0) >= CONSTANT_SHARE * exposure_rows and missing < rows.max(initial=0):
        return Reason.CONSTANT
    if missing > max_missing_share * exposure_rows:
        return Reason.MOSTLY_MISSING
    return None


def informative_values(feature: Feature, rows: Ints) -> Mask:
    """Return which values occur and are neither missing nor dominant: those that a column is judged by.

    Ids are logged with a placeholder where there is no consent, which may hold most rows. A column with many frequent
    values has no placeholder: then none of them is dominant.

    Args:
        feature: A column of V values.
        rows: The rows of each value (V integers).
    """
    occurs = _with_value(feature, rows)
    dominant = occurs & (rows >= max(DOMINANT_SHARE * len(feature.codes), MIN_DOMINANT_ROWS))
    judged: Mask = occurs & ~dominant if dominant.sum() <= MAX_DOMINANT else occurs
    return judged


def _with_value(feature: Feature, rows: Ints) -> Mask:
    occurs: Mask = rows > 0
    if MISSING in feature.values:
        occurs[feature.values.index(MISSING)] = False
    return occurs


def _is_near_unique(feature: Feature, rows: Ints) -> bool:
    """Whether most of the rows that are judged have a value of their own, and these rows are no mere remainder."""
    judged, with_value = informative_values(feature, rows), _with_value(feature, rows)
    tail, dominant = int(rows[judged].sum()), int((with_value & ~judged).sum())
    beside = tail < rows.sum()
    least = max((BESIDE_ONE if dominant <= 1 else BESIDE_SEVERAL) * len(feature.codes), MIN_DOMINANT_ROWS)
    return tail >= (least if beside else 1) and int(judged.sum()) > NEAR_UNIQUE_SHARE * tail
