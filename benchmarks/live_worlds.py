"""Worlds of two arms over many nights, with outcomes in bunches, ids that return, and nights that differ.

Sums are drawn by night, arm and bucket of the id, as the optimizer stores them. What the worlds are made of was
measured on the clicks of two real campaigns (`measured_dispersions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from real_logs import CASES
from small_campaigns import selected
from small_worlds import campaign

from rtb_optimizer.core.model.calibration import left_out_log_factors
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.model.link import link_of
from rtb_optimizer.core.realized.evidence import CONTROL, TREATED, Nights
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample

BUCKETS = 16
RETURNING_NIGHTS = 30
SAMPLED_ROWS, ROWS_AN_OUTCOME, PRICES = 200_000, 20, 0.8
"""The rows of a sample by default, or so many an outcome; the coefficient of variation of a row's cost."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How outcomes vary beyond chance.

    `bunching` is the variance of outcomes over that of independent ones within a night; `returning` by what factor
    that grows over 30 nights, as ids return to their arm; `night` and `ratio` the standard deviations of the log rate
    of a night, and of the log ratio of the arms in a night; `value` the coefficient of variation of an outcome's value,
    0 where outcomes are counted. Where spend is `sampled`, its split between arms is estimated from a sample.
    """

    bunching: float
    returning: float
    night: float
    ratio: float
    value: float = 0.0
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """An entity: its outcomes a night at bids of 1, the treated arm's share of the traffic, and the true lift."""

    outcomes: float
    treated: float
    dispersion: Dispersion
    lift: float = 0.0

    @property
    def shares(self) -> Floats:
        """The shares of both arms."""
        return np.array([self.treated, 1 - self.treated])


def draw(world: World, entities: int, nights: int, seed: int) -> Nights:
    """Return the nights of so many entities: bunches are Poisson, their sizes geometric, values gamma."""
    generator, of = np.random.default_rng([seed, entities]), world.dispersion
    share, shape = world.shares[:, None], (entities, nights, 2, BUCKETS)
    volume = generator.lognormal(-0.02, 0.2, (entities, nights, 1, 1))
    spend = volume * share / BUCKETS * generator.lognormal(0, 0.05, shape)
    level = _around_one(generator, of.night, (entities, nights, 1, 1))
    arm = _around_one(generator, of.ratio / np.sqrt(2), (entities, nights, 2, 1))
    mean = world.outcomes * spend * level * arm * np.array([1 + world.lift, 1.0])[:, None]
    if of.returning > 1:
        loyalty = world.outcomes * RETURNING_NIGHTS * share / BUCKETS / (of.bunching * (of.returning - 1))
        mean = (
            mean * generator.gamma(np.broadcast_to(loyalty, (2, BUCKETS)), 1 / loyalty, (entities, 2, BUCKETS))[:, None]
        )
    size = (of.bunching + 1) / 2  # of a bunch on average: geometric sizes have a bunching of 2 size - 1
    bunches = generator.poisson(mean / size)
    more = generator.negative_binomial(np.maximum(bunches, 1), 1 / size)
    outcomes = (bunches + np.where(bunches > 0, more, 0)).astype(float)
    if of.sampled:
        rows = max(SAMPLED_ROWS, ROWS_AN_OUTCOME * world.outcomes) * share / BUCKETS
        spend = spend * np.maximum(1 + generator.normal(0, np.sqrt((1 + PRICES**2) / rows), shape), 0.0)
    if not of.value:
        return Nights(outcomes, spend, outcomes)
    values = generator.gamma(np.maximum(outcomes, 1.0) / of.value**2, of.value**2)
    return Nights(np.where(outcomes > 0, values, 0.0), spend, outcomes)


def nights_of_known_truth(world: World, nights: Nights, error: float) -> Floats:
    """Return the night on which a sequential probability ratio test (Wald 1945) decides, infinity if none (n floats).

    It knows the lift to test for, and the variance: of outcomes within a night, and of the ratio between nights.
    """
    y, s = nights.result.sum(axis=-1), nights.spend.sum(axis=-1)
    w = s / s.sum(axis=-1, keepdims=True)
    information = w.prod(axis=-1) * y.sum(axis=-1)
    shift = information * world.lift / (1 + world.lift * w[..., TREATED])
    z = w[..., CONTROL] * y[..., TREATED] - w[..., TREATED] * y[..., CONTROL]
    variance = world.dispersion.bunching * information + (world.dispersion.ratio * information) ** 2
    likelihood = np.cumsum((shift * z - shift**2 / 2) / np.maximum(variance, 1e-9), axis=1)
    return first_night(likelihood >= -np.log(error))


def first_night(decided: Mask) -> Floats:
    """Return the first night, from 1, on which each policy was decided; infinity where none (n x nights)."""
    return np.where(decided.any(axis=1), decided.argmax(axis=1) + 1.0, np.inf)


def measured_dispersions(advertiser: int) -> Mapping[str, float]:
    """Return what a real campaign's clicks show, of a week; see the README for how."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    logs = pq.ParquetFile(CASES["clicks"].path).read()
    logs = logs.filter(pc.equal(logs["advertiser"], advertiser))
    clicked = logs.filter(pc.greater(logs["click"], 0))
    repeated = clicked["nclick"].to_numpy().astype(float)
    day = clicked["ts"].to_numpy().astype("datetime64[D]").astype(str)
    address = np.array(clicked["ip"].to_pylist(), dtype=str)
    sample = campaign(advertiser, 1).sample
    k, n = np.bincount(sample.fold, sample.outcome), np.bincount(sample.fold, sample.exposure)
    expected = n * k.sum() / n.sum()
    excess = ((k - expected) ** 2 - expected).sum() / (len(k) - 1) * len(k) / (expected**2).sum()
    return {
        "bunching": float((repeated**2).sum() / repeated.sum()),
        "returning": _squares(address) / _squares(np.char.add(day, address)),
        "night_deviation": float(np.sqrt(max(excess, 0.0))),
        "ratio_deviation": _ratio_deviation(sample),
    }


def _squares(ids: NDArray[np.str_]) -> float:
    """Return the variance over that of independent outcomes when all outcomes of an id go together."""
    each = np.unique(ids, return_counts=True)[1]
    return float((each**2).sum() / each.sum())


def _ratio_deviation(sample: Sample) -> float:
    """Return by how much the log gain of bids in proportion to a table's factors differs between days, beyond chance.

    The factors of a day's rows do not know the day. The gain of a day is its outcomes per exposure weighted by the
    factors over those weighted alike; its own error comes from the clicks and from the unclicked rows that were drawn.
    """
    selection = selected(sample)
    sample = with_interactions(sample, [each.features for each in selection.interactions])
    link = link_of("auto", sample.outcome.sum(), sample.exposure.sum(), is_money=False)
    model = fit(sample, selection.priors, link)
    factor = np.exp(left_out_log_factors(model, sample))
    gains, errors = [], []
    for fold in np.unique(sample.fold):
        k, n, m = (of[sample.fold == fold] for of in (sample.outcome, sample.exposure, factor))
        gains.append(np.log((k * m).sum() / (n * m).sum() / (k.sum() / n.sum())))
        own = k**2 * (m / (k * m).sum() - 1 / k.sum()) ** 2
        drawn = np.where(k == 0, n**2 * (m / (n * m).sum() - 1 / n.sum()) ** 2, 0.0)
        errors.append(own.sum() + drawn.sum())
    return float(np.sqrt(max(np.var(gains, ddof=1) - np.mean(errors), 0.0)))


def _around_one(generator: np.random.Generator, deviation: float, shape: tuple[int, ...]) -> Floats:
    return generator.lognormal(-(deviation**2) / 2, deviation, shape)
