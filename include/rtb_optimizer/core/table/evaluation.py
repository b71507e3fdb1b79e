"""Evaluates the model on the hold-out, the rows that selection never saw.

The hold-out is scored as a bidder uses the table: only values that have a row count. The overall level is removed and
reported separately: it drifts from day to day, and multipliers need relative rates alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtb_optimizer.core.model.calibration import calibration_slope, left_out_log_factors
from rtb_optimizer.core.model.fit import FactorModel, fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link, baseline_deviance, rate_of, rescaled_to_total, strength_of
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample
from rtb_optimizer.core.selection.select import Selection
from rtb_optimizer.core.table.bidding import spend_neutral_level
from rtb_optimizer.core.table.joint import JointRules, compile_joint, rates_by_keys
from rtb_optimizer.core.table.replay import product_of_rows
from rtb_optimizer.core.table.rows import (
    Pattern,
    SegmentRules,
    most_informative_codes,
    multiplier_product,
    restrict_to_rows,
    table_rows,
)
from rtb_optimizer.core.table.second_price import SecondPrice, replayed

DECILES = 10
LIFT_POINTS = 50
MAX_KEYS = 4
LEAST_ROWS, STANDARD_ERRORS = 20, 2.0
"""What other entities know is judged by no fewer rows with an outcome, and by the bounds of its gain."""


@dataclass(frozen=True, slots=True)
class HoldoutEvaluation:
    """`gain` is a share of the hold-out's baseline deviance, `level` predicted outcomes over observed outcomes.

    `slope` is the calibration slope of days that the factors do not know; the other figures are those of the table
    shrunk by it. `pooled_gain` is that of what other entities know alone, on all rows, less two standard errors: no row
    has taught it anything. None where nothing is pooled, or too few rows have an outcome. `gain_at_most` is the gain
    plus two standard errors. `second_price` is the replay by logged bids and prices, None where there are none.
    """

    gain: float
    outcomes: float
    level: float
    slope: float = 1.0
    calibration: tuple[Mapping[str, float], ...] = ()
    lift: tuple[Mapping[str, float], ...] = ()
    joint: tuple[Mapping[str, float], ...] = ()
    replay: tuple[Mapping[str, object], ...] = ()
    pooled_gain: float | None = None
    gain_at_most: float | None = None
    second_price: SecondPrice | None = None


@dataclass(frozen=True, slots=True)
class TableRules:
    """The rules of the master table and the joint table."""

    segments: SegmentRules
    joint: JointRules


def evaluate(
    sample: Sample,
    holdout: Mask,
    selection: Selection,
    link: Link,
    rules: TableRules,
    active: Mapping[Pattern, float] | None = None,
) -> HoldoutEvaluation:
    """Fit the selection on all rows but the hold-out, and evaluate it there.

    Args:
        sample: All rows, sorted by fold.
        holdout: Those that selection never saw (n booleans).
        selection: What was selected on the others.
        link: The scale that factors multiply on.
        rules: The rules of the tables.
        active: The multipliers of the active run by pattern: its bids are replayed beside ours.
    """
    crossed = with_interactions(sample, [interaction.features for interaction in selection.interactions])
    unseen, training = crossed.where(holdout), crossed.where(~holdout)
    outcomes = float(unseen.outcome.sum())
    if not selection.chosen or training.outcome.sum() <= 0:
        return HoldoutEvaluation(0.0, outcomes, 1.0)
    model = fit(training, selection.priors, link, selection.pooled)
    pooled_gain = _pooled_gain(crossed, model)
    if outcomes <= 0:
        return HoldoutEvaluation(0.0, outcomes, 1.0, pooled_gain=pooled_gain)
    unshrunk = restrict_to_rows(model, most_informative_codes(model, training, rules.segments))
    slope = calibration_slope(*_left_out(unshrunk, training, unseen), link)
    model = shrink_by_slope(model, training, slope)
    row_codes = most_informative_codes(model, training, rules.segments)
    table_model, bids = restrict_to_rows(model, row_codes), rules.segments.bids
    insignificant = [feature.name for feature in selection.chosen if not feature.is_significant]
    rows = table_rows(model, training, row_codes, bids, insignificant=insignificant)
    rates = table_model.rates(unseen)
    calibrated = rate_of(rescaled_to_total(table_model.strengths(unseen), unseen.exposure, outcomes, link), link)
    names, gain = [feature.name for feature in selection.chosen], deviance_gain(unseen, calibrated, link)
    return HoldoutEvaluation(
        gain=gain,
        outcomes=outcomes,
        slope=slope,
        level=float((rates * unseen.exposure).sum()) / outcomes,
        calibration=_calibration(unseen, calibrated),
        lift=_lift(unseen, calibrated),
        joint=_joint(training, unseen, names, table_model, multiplier_product(rows, training), rules.joint),
        pooled_gain=pooled_gain,
        gain_at_most=None if pooled_gain is None else gain + _uncertainty(unseen, calibrated, link),
        **_replays(unseen, _policies(unseen, multiplier_product(rows, unseen), active, rules.segments)),
    )


def _pooled_gain(sample: Sample, model: FactorModel) -> float | None:
    """Return the least that what factors shrink to gains on all rows."""
    centres = {name: of for name, of in model.factors.items() if not isinstance(of.centre, float)}
    k, n, link = float(sample.outcome.sum()), float(sample.exposure.sum()), model.link
    if not centres or len(sample.positive) < LEAST_ROWS:
        return None
    strengths = np.full(len(sample.exposure), strength_of(k / n, link))
    for name, factor in centres.items():
        strengths *= np.asarray(factor.centre).take(sample.features[name].codes)
    rates = rate_of(rescaled_to_total(strengths, sample.exposure, k, link), link)
    return deviance_gain(sample, rates, link) - _uncertainty(sample, rates, link)


def _uncertainty(sample: Sample, rates: Floats, link: Link) -> float:
    """Return two standard errors of a gain, as a share of the baseline deviance; a row is evidence of one."""
    k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
    base, mean = baseline_deviance(k, n, link), k / n
    if base <= 0 or not (rates > 0).all():
        return 0.0
    of_rows = sample.outcome * np.log(rates / mean)
    if link is Link.LOGIT:
        of_rows += (sample.exposure - sample.outcome) * np.log((1 - rates) / (1 - mean))
    else:
        of_rows -= sample.exposure * (rates - mean)
    return STANDARD_ERRORS * float(np.sqrt((of_rows**2).sum())) / base


def _left_out(model: FactorModel, training: Sample, unseen: Sample) -> tuple[Floats, Sample]:
    """Return all rows, the hold-out as a fold of its own, and their log factors by a model without the row's fold."""
    log_factors = np.r_[left_out_log_factors(model, training), np.log(model.strengths(unseen) / model.base)]
    fold = np.r_[training.fold, np.full(len(unseen.fold), training.fold.max() + 1)]
    exposure, outcome = np.r_[training.exposure, unseen.exposure], np.r_[training.outcome, unseen.outcome]
    return log_factors, Sample(exposure, outcome, exposure, fold, {})


def deviance_gain(sample: Sample, rates: Floats, link: Link) -> float:
    """Return the log-likelihood of rates over a constant at the sample's own rate, as a share of baseline.

    The unit is that of `signal_score`.
    """
    k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
    base = baseline_deviance(k, n, link)
    if base <= 0 or not (rates > 0).all():
        return 0.0
    positive, mean = sample.positive, k / n
    gain = float((sample.outcome[positive] * np.log(rates[positive] / mean)).sum())
    if link is Link.LOGIT:
        gain += float(((sample.exposure - sample.outcome) * np.log((1 - rates) / (1 - mean))).sum())
    return (gain - (0.0 if link is Link.LOGIT else float((sample.exposure * (rates - mean)).sum()))) / base


def _calibration(sample: Sample, rates: Floats) -> tuple[Mapping[str, float], ...]:
    """Return expected and observed outcomes by deciles of the exposures, from the lowest predicted rate on."""
    order = np.argsort(rates, kind="stable")
    reached = np.cumsum(sample.exposure[order])
    part = np.minimum((reached / reached[-1] * DECILES - 1e-9).astype(int), DECILES - 1)
    expected = (sample.exposure * rates)[order]
    sums = (np.bincount(part, w, DECILES) for w in (sample.exposure[order], expected, sample.outcome[order]))
    rows = zip(*(column.tolist() for column in sums), strict=True)
    return tuple({"decile": n + 1, "exposure": x, "expected": e, "outcome": k} for n, (x, e, k) in enumerate(rows))


def _lift(sample: Sample, rates: Floats) -> tuple[Mapping[str, float], ...]:
    """Return the share of the outcomes in the best exposures, from the highest predicted rate to the lowest."""
    order = np.argsort(-rates, kind="stable")
    exposure, outcome = np.cumsum(sample.exposure[order]), np.cumsum(sample.outcome[order])
    shares = np.linspace(0, 1, LIFT_POINTS + 1)
    outcome_shares = np.interp(shares, np.r_[0, exposure / exposure[-1]], np.r_[0, outcome / outcome[-1]])
    return tuple(
        {"exposure_share": x, "outcome_share": y} for x, y in zip(shares.tolist(), outcome_shares.tolist(), strict=True)
    )


def _joint(
    training: Sample, unseen: Sample, names: Sequence[str], table_model: FactorModel, product: Floats, rules: JointRules
) -> tuple[Mapping[str, float], ...]:
    """Return how much of the master table's gain joint tables of one to four keys keep."""
    expected = training.exposure * table_model.rates(training)
    outcomes = float(unseen.outcome.sum())
    losses, whole = [], compile_joint(training, names[:MAX_KEYS], expected, product, rules)
    rows = 1  # the default's
    for keys, (prefixes, rates) in enumerate(zip(whole.by_depth, rates_by_keys(whole, unseen), strict=True), start=1):
        rows += len(prefixes.rows)
        strengths = rates / (1 - rates) if table_model.link is Link.LOGIT else rates
        calibrated = rate_of(
            rescaled_to_total(strengths, unseen.exposure, outcomes, table_model.link), table_model.link
        )
        gain = deviance_gain(unseen, calibrated, table_model.link)
        answered = float(unseen.exposure[rates != whole.rate].sum() / unseen.exposure.sum())
        losses.append({"keys": keys, "rows": rows, "gain": gain, "exposure_share": answered})
    return tuple(losses)


def _policies(
    unseen: Sample, product: Floats, active: Mapping[Pattern, float] | None, rules: SegmentRules
) -> dict[str, Floats]:
    """Return equal bids and each table's by name, for each row."""
    policies = {"all ones": np.ones(len(product))}
    if active is not None:
        policies["active run"] = _spend_neutral(product_of_rows(active, unseen), unseen, rules)
    return policies | {"this run": _spend_neutral(product, unseen, rules)}


def _replays(unseen: Sample, policies: Mapping[str, Floats]) -> dict[str, Any]:
    return {"replay": _replay(unseen, policies), "second_price": replayed(unseen, policies)}


def _replay(unseen: Sample, policies: Mapping[str, Floats]) -> tuple[Mapping[str, object], ...]:
    """Return outcomes per spend with the bids of each policy, by the response of volume to a bid."""
    rows, before = [], None
    for name, multiplier in policies.items():
        volume = multiplier**unseen.elasticity
        outcomes, spend = float((unseen.base_outcome * volume).sum()), float((unseen.base_spend * volume).sum())
        each = outcomes / spend if spend > 0 else 0.0
        before = before or each
        change = each / before - 1 if before else 0.0
        rows.append({"name": name, "outcomes": outcomes, "spend": spend, "outcomes_per_spend": each, "change": change})
    return tuple(rows)


def _spend_neutral(product: Floats, unseen: Sample, rules: SegmentRules) -> Floats:
    base = spend_neutral_level(product, unseen.base_spend, rules.bids, unseen.elasticity)
    return np.clip(base * product, rules.bids.minimum, rules.bids.maximum)
