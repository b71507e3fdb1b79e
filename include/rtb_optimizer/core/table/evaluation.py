"""What is the model worth on rows that selection never saw?

The hold-out is read as a bidder would read the table: only the values that have a row count. The level is taken out
and told apart: it drifts from day to day, and multipliers need the shape alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.model.calibration import calibration_slope
from rtb_optimizer.core.model.fit import FactorModel, fit, tempered
from rtb_optimizer.core.model.link import Link, baseline_deviance, levelled, rate_of
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

PARTS = 10
LIFT_POINTS = 50
MOST_KEYS = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """`gain` is a share of the hold-out's baseline deviance, `level` outcomes told over outcomes seen.

    `slope` is how steep the hold-out wants the table to be; the other figures are those of the table that steep.
    """

    gain: float
    outcomes: float
    level: float
    slope: float = 1.0
    calibration: tuple[Mapping[str, float], ...] = ()
    lift: tuple[Mapping[str, float], ...] = ()
    joint: tuple[Mapping[str, float], ...] = ()
    replay: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class TableRules:
    """How the master table and the joint table are made."""

    segments: SegmentRules
    joint: JointRules


def judge(
    sample: Sample,
    holdout: Mask,
    selection: Selection,
    link: Link,
    rules: TableRules,
    active: Mapping[Pattern, float] | None = None,
) -> Evidence:
    """Fit the selection on all rows but the hold-out, and judge it there.

    Args:
        sample: All rows, sorted by fold.
        holdout: Those that selection never saw (n booleans).
        selection: What was selected on the others.
        link: The scale that factors multiply on.
        rules: How tables are made.
        active: The multipliers of the active run by pattern: its bids are replayed beside ours.
    """
    crossed = with_interactions(sample, [interaction.features for interaction in selection.interactions])
    unseen, training = crossed.where(holdout), crossed.where(~holdout)
    outcomes = float(unseen.outcome.sum())
    if not selection.chosen or outcomes <= 0 or training.outcome.sum() <= 0:
        return Evidence(0.0, outcomes, 1.0)
    model = fit(training, selection.priors, link)
    whole = restrict_to_rows(model, most_informative_codes(model, training, rules.segments))
    slope = calibration_slope(np.log(whole.strengths(unseen) / whole.base), unseen, link)
    model = tempered(model, training, slope)
    codes = most_informative_codes(model, training, rules.segments)
    told = restrict_to_rows(model, codes)
    rows = table_rows(model, training, codes, rules.segments.bids)
    rates = told.rates(unseen)
    even = rate_of(levelled(told.strengths(unseen), unseen.exposure, outcomes, link), link)
    names = [feature.name for feature in selection.chosen]
    return Evidence(
        gain=deviance_gain(unseen, even, link),
        outcomes=outcomes,
        slope=slope,
        level=float((rates * unseen.exposure).sum()) / outcomes,
        calibration=_calibration(unseen, even),
        lift=_lift(unseen, even),
        joint=_joint(training, unseen, names, told, multiplier_product(rows, training), rules.joint),
        replay=_replay(unseen, multiplier_product(rows, unseen), active, rules.segments),
    )


def deviance_gain(sample: Sample, rates: Floats, link: Link) -> float:
    """Return the log-likelihood of rates over a constant at the sample's own rate, as a share of baseline.

    The unit is that of `signal_score`.
    """
    k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
    base = baseline_deviance(k, n, link)
    if base <= 0 or not (rates > 0).all():
        return 0.0
    seen, mean = sample.positive, k / n
    gain = float((sample.outcome[seen] * np.log(rates[seen] / mean)).sum())
    if link is Link.ODDS:
        gain += float(((sample.exposure - sample.outcome) * np.log((1 - rates) / (1 - mean))).sum())
    return (gain - (0.0 if link is Link.ODDS else float((sample.exposure * (rates - mean)).sum()))) / base


def _calibration(sample: Sample, rates: Floats) -> tuple[Mapping[str, float], ...]:
    """Return expected and seen outcomes by tenths of the exposures, from the lowest rate told to the highest."""
    order = np.argsort(rates, kind="stable")
    reached = np.cumsum(sample.exposure[order])
    part = np.minimum((reached / reached[-1] * PARTS - 1e-9).astype(int), PARTS - 1)
    told = (sample.exposure * rates)[order]
    sums = (np.bincount(part, w, PARTS) for w in (sample.exposure[order], told, sample.outcome[order]))
    rows = zip(*(column.tolist() for column in sums), strict=True)
    return tuple({"decile": n + 1, "exposure": x, "expected": e, "outcome": k} for n, (x, e, k) in enumerate(rows))


def _lift(sample: Sample, rates: Floats) -> tuple[Mapping[str, float], ...]:
    """Return which share of the outcomes the best exposures hold, from the highest rate told to the lowest."""
    order = np.argsort(-rates, kind="stable")
    exposure, outcome = np.cumsum(sample.exposure[order]), np.cumsum(sample.outcome[order])
    shares = np.linspace(0, 1, LIFT_POINTS + 1)
    held = np.interp(shares, np.r_[0, exposure / exposure[-1]], np.r_[0, outcome / outcome[-1]])
    return tuple({"exposure_share": x, "outcome_share": y} for x, y in zip(shares.tolist(), held.tolist(), strict=True))


def _joint(
    training: Sample, unseen: Sample, names: Sequence[str], told: FactorModel, product: Floats, rules: JointRules
) -> tuple[Mapping[str, float], ...]:
    """Return what joint tables of one to four keys keep of the master table's gain."""
    expected = training.exposure * told.rates(training)
    outcomes = float(unseen.outcome.sum())
    losses, whole = [], compile_joint(training, names[:MOST_KEYS], expected, product, rules)
    rows = 1  # the default's
    for keys, (level, rates) in enumerate(zip(whole.levels, rates_by_keys(whole, unseen), strict=True), start=1):
        rows += len(level.rows)
        strengths = rates / (1 - rates) if told.link is Link.ODDS else rates
        even = rate_of(levelled(strengths, unseen.exposure, outcomes, told.link), told.link)
        gain = deviance_gain(unseen, even, told.link)
        answered = float(unseen.exposure[rates != whole.rate].sum() / unseen.exposure.sum())
        losses.append({"keys": keys, "rows": rows, "gain": gain, "exposure_share": answered})
    return tuple(losses)


def _replay(
    unseen: Sample, product: Floats, active: Mapping[Pattern, float] | None, rules: SegmentRules
) -> tuple[Mapping[str, object], ...]:
    """Return outcomes per spend with all bids alike and with each table's, if volume follows the multiplier."""
    policies = {"all ones": np.ones(len(product))}
    if active is not None:
        policies["active run"] = _spending_alike(product_of_rows(active, unseen), unseen, rules)
    policies["this run"] = _spending_alike(product, unseen, rules)
    rows, before = [], None
    for name, multiplier in policies.items():
        outcomes, spend = float((unseen.outcome * multiplier).sum()), float((unseen.spend * multiplier).sum())
        each = outcomes / spend if spend > 0 else 0.0
        before = before or each
        change = each / before - 1 if before else 0.0
        rows.append({"name": name, "outcomes": outcomes, "spend": spend, "outcomes_per_spend": each, "change": change})
    return tuple(rows)


def _spending_alike(product: Floats, unseen: Sample, rules: SegmentRules) -> Floats:
    level = spend_neutral_level(product, unseen.spend, rules.bids)
    return np.clip(level * product, rules.bids.minimum, rules.bids.maximum)
