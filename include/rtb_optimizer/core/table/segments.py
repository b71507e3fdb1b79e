"""Builds the master table from the rows of each factor and their exact counts.

A row is a pattern over the ordered features: one value given (`*|mobile|*`), those of an interaction
(`*|mobile|300x250`), or none: the default. A bid's multiplier is the default row's times that of every row that
matches, clipped.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtb_optimizer.core.model.fit import Factor, FactorModel
from rtb_optimizer.core.model.link import rate_of
from rtb_optimizer.core.sample.counts import NO_ROWS, Counts
from rtb_optimizer.core.sample.crossing import parts_of
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample
from rtb_optimizer.core.sample.values import segment_keys, split_key
from rtb_optimizer.core.table.bidding import BidRules, Tier, spend_neutral_level, tier
from rtb_optimizer.core.table.rows import FactorRows, TableRows, multiplier_product, without_bid

Statistics = Mapping[str, Mapping[str, Counts]]
"""Counts by term (a feature, or an interaction) and value."""
People = Mapping[str, Collection[str]]
"""By term, the values or cell keys that enough people stand behind; a term that is absent is not limited by people."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the master table. `factor` predicts outcomes, `multiplier` is what to do about it.

    `events` are its outcomes as the model counts them, those that the interval and the tier stand on; `expected` is in
    the measure of the logs; `bought_at` is the multiplier that would have bought its exposures, all bid alike;
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
    unit, placed = sample.unit * sample.stands_for, list[tuple[tuple[Any, ...], Segment]]()
    for name, of_factor in rows.items():
        values = [sample.features[name].values[code] for code in of_factor.codes.tolist()]
        columns = _columns(features, terms[name], values)
        counts = [exact[name].get(value, NO_ROWS) for value in values]
        bought = _bought_at(sample, sample.features[name]).take(of_factor.codes)
        given = sorted(map(features.index, terms[name]))
        segments = _segments(model.factors[name], of_factor, zip(*columns, strict=True), counts, unit, bought)
        for key, segment in zip(segment_keys(columns), segments, strict=True):
            placed.append(((len(given), given, -segment.counts.exposure, key), segment))
    bid_on = multiplier_product(rows, sample) * ~without_bid(rows, sample)
    level = spend_neutral_level(bid_on, sample.base_spend, bids, sample.elasticity)
    in_order = (segment for _, segment in sorted(placed, key=lambda each: each[0]))
    return [_default(features, totals, level, model, sample), *in_order]


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


def _columns(features: Sequence[str], term: Sequence[str], values: Sequence[str]) -> list[Sequence[str | None]]:
    """Return what the values of a term give, a column a feature: the values of an interaction hold one for each."""
    if len(term) == 1:
        given: dict[str, Sequence[str | None]] = {term[0]: values}
    else:
        parts = [[str(part) for part in split_key(value)] for value in values]
        given = {name: [each[n] for each in parts] for n, name in enumerate(term)}
    return [given.get(name, [None] * len(values)) for name in features]


def _segments(
    factor: Factor,
    rows: FactorRows,
    patterns: Iterable[tuple[str | None, ...]],
    counts: Sequence[Counts],
    unit: float,
    bought: Floats,
) -> Iterator[Segment]:
    """Yield the rows of a factor; `unit` turns the model's events into the measure of the logs."""
    of_factor = (factor.expected * unit, factor.theta, factor.prior, factor.outcome, factor.centre)
    arrays = (*(_of_codes(each, rows.codes) for each in of_factor), rows.low, rows.high, rows.multiplier, rows.no_bid)
    for pattern, of_row, *numbers, bought_at in zip(
        patterns, counts, *(array.tolist() for array in arrays), bought.tolist(), strict=True
    ):
        expected, theta, prior, events, centre, low, high, multiplier, no_bid = numbers
        yield Segment(
            pattern=pattern,
            counts=of_row,
            expected=expected,
            factor=theta,
            factor_low=low,
            factor_high=high,
            prior=prior,
            events=events,
            tier=tier(events),
            multiplier=multiplier,
            no_bid=no_bid,
            bought_at=bought_at,
            pooled_factor=None if centre == 1.0 else centre,
        )


def _of_codes(by_value: Floats | float, codes: Ints) -> Floats:
    return np.broadcast_to(by_value, len(codes)) if isinstance(by_value, float | int) else by_value.take(codes)


def _bought_at(sample: Sample, feature: Feature) -> Floats:
    """Return the multiplier of each value that would have bought its exposures if all had been bid alike."""
    size = len(feature.values)
    return np.ones(size) if sample.bought is None else sample.bought.multiplier_of(sample.exposure, feature.codes, size)


def _default(features: Sequence[str], totals: Counts, level: float, model: FactorModel, sample: Sample) -> Segment:
    rate = float(rate_of(np.array([model.base]), model.link)[0]) * sample.unit
    events = (totals.outcome if sample.unit == 1.0 else totals.value / sample.unit) / sample.stands_for
    alone = (1.0, 1.0, 1.0, 0.0, events, tier(events), level, False)
    everything = Feature(np.zeros(len(sample.exposure), dtype=np.int64), ("",))
    bought = float(_bought_at(sample, everything)[0])
    return Segment((None,) * len(features), totals, rate * totals.exposure, *alone, bought)
