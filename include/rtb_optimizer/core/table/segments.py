"""Builds the master table from the rows of each factor and their exact counts.

A row is a pattern over the ordered features: one value given (`*|mobile|*`), those of an interaction
(`*|mobile|300x250`), or none: the default. A bid's multiplier is the default row's times that of every row that
matches, clipped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtb_optimizer.core.model.fit import Factor, FactorModel
from rtb_optimizer.core.model.link import rate_of
from rtb_optimizer.core.sample.crossing import parts_of
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample, sum_by
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.bidding import BidRules, Tier, spend_neutral_level, tier
from rtb_optimizer.core.table.rows import FactorRows, TableRows, given_values, multiplier_product, without_bid


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact statistics of some rows of the logs; `value` and `cost` in the currency of the logs."""

    rows: int
    exposure: float
    outcome: float
    value: float
    cost: float


NO_ROWS = Counts(0, 0, 0, 0, 0)

Statistics = Mapping[str, Mapping[str, Counts]]
"""Counts by term (a feature, or an interaction) and value."""
People = Mapping[str, Collection[str]]
"""By term, the values or cell keys that enough people stand behind; a term that is absent is not limited by people."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the master table. `factor` predicts outcomes, `multiplier` is what to do about it.

    `events` are its outcomes as the model counts them, those that the interval and the tier stand on; `expected` is in
    the measure of the logs; `bought_at` is the multiplier that its exposures were bought at (geometric mean);
    `pooled_factor` is what the factor shrinks to, where other entities know the value, instead of to 1.
    """

    pattern: tuple[str | None, ...]
    counts: Counts
    expected: float
    factor: float
    factor_low: float
    factor_high: float
    prior: float
    events: float
    tier: Tier
    multiplier: float
    no_bid: bool
    bought_at: float = 1.0
    pooled_factor: float | None = None

    @property
    def is_default(self) -> bool:
        """Whether this is the row that matches everything."""
        return all(part is None for part in self.pattern)


def build_segments(
    model: FactorModel,
    sample: Sample,
    rows: TableRows,
    exact: Mapping[str, Mapping[str, Counts]],
    totals: Counts,
    bids: BidRules,
) -> list[Segment]:
    """Build the master table: the default row, factor rows by feature order and falling exposure, interactions last.

    Args:
        model: Whose factors became rows.
        sample: What the model was fitted on; it weighs bids by spend.
        rows: The rows by factor.
        exact: By factor and value, the statistics of all rows of the window.
        totals: The statistics of the window.
        bids: How bids are bounded.
    """
    terms = {name: parts_of(name, sample.features[name]) for name in model.factors}
    features = [name for name, parts in terms.items() if parts == (name,)]
    segments = []
    for name, of_factor in rows.items():
        bought = _bought_at(sample, sample.features[name])
        for n, code in enumerate(of_factor.codes):
            value = sample.features[name].values[code]
            given = given_values(terms[name], value)
            pattern = tuple(given.get(feature) for feature in features)
            counts = exact[name].get(value, NO_ROWS)
            row = _segment(model.factors[name], of_factor, n, pattern, counts, sample.unit * sample.stands_for)
            segments.append(replace(row, bought_at=float(bought[code])))
    bid_on = multiplier_product(rows, sample) * ~without_bid(rows, sample)
    level = spend_neutral_level(bid_on, sample.base_spend, bids, sample.elasticity)
    return [_default(features, totals, level, model, sample), *sorted(segments, key=_reading_order)]


def countable(
    codes: Mapping[str, Ints], sample: Sample, exact: Statistics, min_exposures: float, people: People | None = None
) -> dict[str, Ints]:
    """Return, by factor, the codes whose rows have the exposures, the rows of the logs and the people to be published.

    Args:
        codes: The codes that would get a row, by factor.
        sample: What names the values of the codes.
        exact: By factor and value, the statistics of all rows of the window.
        min_exposures: The least exposures, rows and people of a published row.
        people: See People.
    """
    if min_exposures <= 0:
        return dict(codes)
    enough = {}
    for name, of_factor in codes.items():
        values = [sample.features[name].values[int(code)] for code in of_factor]
        of_values = [exact[name].get(value, NO_ROWS) for value in values]
        has_rows = np.array([min(counts.exposure, counts.rows) >= min_exposures for counts in of_values], dtype=bool)
        known = (people or {}).get(name)
        has_people = np.array([known is None or value in known for value in values], dtype=bool)
        enough[name] = of_factor[has_rows & has_people]
    return enough


def _segment(
    factor: Factor, rows: FactorRows, n: int, pattern: tuple[str | None, ...], counts: Counts, unit: float
) -> Segment:
    """Return the row of the n-th code; `unit` turns the model's events into the measure of the logs."""
    code = rows.codes[n]
    return Segment(
        pattern=pattern,
        counts=counts,
        expected=float(factor.expected[code]) * unit,
        factor=float(factor.theta[code]),
        factor_low=float(rows.low[n]),
        factor_high=float(rows.high[n]),
        prior=_of_value(factor.prior, code),
        events=float(factor.outcome[code]),
        tier=tier(float(factor.outcome[code])),
        multiplier=float(rows.multiplier[n]),
        no_bid=bool(rows.no_bid[n]),
        pooled_factor=None if (centre := _of_value(factor.centre, code)) == 1.0 else centre,
    )


def _of_value(by_value: Floats | float, code: int) -> float:
    return float(by_value if isinstance(by_value, float | int) else by_value[code])


def _reading_order(segment: Segment) -> tuple[int, list[int], float, str]:
    given = [n for n, part in enumerate(segment.pattern) if part is not None]
    return len(given), given, -segment.counts.exposure, segment_key(segment.pattern)


def _bought_at(sample: Sample, feature: Feature) -> Floats:
    """Return the geometric mean of the multipliers that the exposures of each value were bought at."""
    size = len(feature.values)
    if sample.bought is None:
        return np.ones(size)
    exposure = sum_by(feature.codes, sample.exposure, size)
    weighed = sum_by(feature.codes, sample.exposure * np.log(sample.bought.bid), size)
    mean: Floats = np.exp(weighed / np.maximum(exposure, 1e-300))
    return mean


def _default(features: Sequence[str], totals: Counts, level: float, model: FactorModel, sample: Sample) -> Segment:
    rate = float(rate_of(np.array([model.base]), model.link)[0]) * sample.unit
    events = (totals.outcome if sample.unit == 1.0 else totals.value / sample.unit) / sample.stands_for
    alone = (1.0, 1.0, 1.0, 0.0, events, tier(events), level, False)
    everything = Feature(np.zeros(len(sample.exposure), dtype=np.int64), ("",))
    bought = float(_bought_at(sample, everything)[0])
    return Segment((None,) * len(features), totals, rate * totals.exposure, *alone, bought)
