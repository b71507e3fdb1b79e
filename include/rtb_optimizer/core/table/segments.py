"""Which rows does the master table have, and what do they say?

A row is a pattern over the ordered features: one value given (`*|mobile|*`), those of an interaction
(`*|mobile|300x250`), or none: the default. A bid's multiplier is the default row's times that of every row that
matches, clipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.model.fit import Factor, FactorModel
from rtb_optimizer.core.model.link import Link, rate_of
from rtb_optimizer.core.sample.crossing import parts_of
from rtb_optimizer.core.sample.sample import Floats, Ints, Sample
from rtb_optimizer.core.sample.values import segment_key, split_key
from rtb_optimizer.core.table.bidding import (
    BidRules,
    Tier,
    factor_intervals,
    multipliers,
    not_worth_a_bid,
    rate_intervals,
    spend_neutral_level,
    tier,
)
from rtb_optimizer.core.table.rows import Pattern, SegmentRules, rows_of


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact statistics of some rows of the logs; `value` and `cost` in the currency of the logs."""

    rows: int
    exposure: float
    outcome: float
    value: float
    cost: float


NO_ROWS = Counts(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the master table. `factor` predicts outcomes, `multiplier` is what to do about it.

    `events` are its outcomes as the model counts them, those that the interval and the tier stand on; `expected` is in
    the measure of the logs.
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

    @property
    def is_default(self) -> bool:
        """Whether this is the row that matches everything."""
        return all(part is None for part in self.pattern)


def build_segments(
    model: FactorModel,
    sample: Sample,
    exact: Mapping[str, Mapping[str, Counts]],
    totals: Counts,
    rules: SegmentRules,
    previous: Mapping[Pattern, float] | None = None,
) -> list[Segment]:
    """Build the master table: the default row, factor rows by feature order and falling exposure, interactions last.

    Args:
        model: Whose factors become rows.
        sample: What the model was fitted on; it weighs bids by spend.
        exact: By factor and value, the statistics of all rows of the window.
        totals: The statistics of the window.
        rules: How many rows, and how bids are bounded.
        previous: The multipliers of the active run by pattern, to move from; None where there is none.
    """
    terms = {name: parts_of(name, sample.features[name]) for name in model.factors}
    features = [name for name, parts in terms.items() if parts == (name,)]
    rows, product = [], np.ones(len(sample.exposure))
    for name, codes in countable(rows_of(model, sample, rules, previous), sample, exact, rules).items():
        kept = [sample.features[name].values[code] for code in codes]
        given = [_given(terms[name], value) for value in kept]
        told = _Told(model.factors[name], codes, model.link, rules.bids, _before(given, previous))
        for n, value in enumerate(kept):
            pattern = tuple(given[n].get(feature) for feature in features)
            rows.append(told.segment(n, pattern, exact[name].get(value, NO_ROWS), sample.unit * sample.stands_for))
        product *= told.by_code().take(sample.features[name].codes)
    level = spend_neutral_level(product, sample.spend, rules.bids)
    return [_default(features, totals, level, model, sample), *sorted(rows, key=_reading_order)]


def countable(
    kept: Mapping[str, Ints], sample: Sample, exact: Mapping[str, Mapping[str, Counts]], rules: SegmentRules
) -> dict[str, Ints]:
    """Return, by factor, the codes of `kept` whose rows have the exposures to be published, counted exactly."""
    if rules.min_exposures <= 0:
        return dict(kept)
    found = {}
    for name, codes in kept.items():
        values = [sample.features[name].values[int(code)] for code in codes]
        exposures = np.array([exact[name].get(value, NO_ROWS).exposure for value in values])
        found[name] = codes[exposures >= rules.min_exposures]
    return found


def multiplier_product(
    model: FactorModel,
    kept: Mapping[str, Ints],
    sample: Sample,
    bids: BidRules,
    previous: Mapping[Pattern, float] | None = None,
) -> Floats:
    """Return the product of the multipliers of the rows that match, for each row of a sample (n floats), unclipped."""
    product = np.ones(len(sample.exposure))
    for name, codes in kept.items():
        feature = sample.features[name]
        parts = parts_of(name, feature)
        given = [] if previous is None else [_given(parts, feature.values[code]) for code in codes]
        told = _Told(model.factors[name], codes, model.link, bids, _before(given, previous))
        product *= told.by_code().take(feature.codes)
    return product


def _before(given: Sequence[Mapping[str, str]], previous: Mapping[Pattern, float] | None) -> Floats | None:
    """Return the multipliers of rows in the active run, 1 where it has none; None where there is no such run."""
    return None if previous is None else np.array([previous.get(frozenset(g.items()), 1.0) for g in given])


class _Told:
    """What the table tells of one factor's kept values."""

    def __init__(self, factor: Factor, codes: Ints, link: Link, bids: BidRules, previous: Floats | None) -> None:
        self._factor, self._codes = factor, codes
        low, high = factor_intervals(factor, bids.confidence, link)
        self._low, self._high = low[codes], high[codes]
        low, high = rate_intervals(factor, bids.confidence, link)
        self._multiplier = multipliers(low[codes], high[codes], bids, previous)
        self._no_bid = not_worth_a_bid(high[codes], bids)

    def by_code(self) -> Floats:
        """Return the multiplier of every value of the factor; 1 where it has no row."""
        multiplier = np.ones(len(self._factor.theta))
        multiplier[self._codes] = self._multiplier
        return multiplier

    def segment(self, n: int, pattern: tuple[str | None, ...], counts: Counts, unit: float) -> Segment:
        """Return the row of the n-th kept value."""
        factor, code = self._factor, self._codes[n]
        return Segment(
            pattern=pattern,
            counts=counts,
            expected=float(factor.expected[code]) * unit,
            factor=float(factor.theta[code]),
            factor_low=float(self._low[n]),
            factor_high=float(self._high[n]),
            prior=float(factor.prior),
            events=float(factor.outcome[code]),
            tier=tier(float(factor.outcome[code])),
            multiplier=float(self._multiplier[n]),
            no_bid=bool(self._no_bid[n]),
        )


def _given(term: Sequence[str], value: str) -> dict[str, str]:
    parts = split_key(value) if len(term) > 1 else [value]
    return dict(zip(term, map(str, parts), strict=True))


def _reading_order(segment: Segment) -> tuple[int, list[int], float, str]:
    given = [n for n, part in enumerate(segment.pattern) if part is not None]
    return len(given), given, -segment.counts.exposure, segment_key(segment.pattern)


def _default(features: Sequence[str], totals: Counts, level: float, model: FactorModel, sample: Sample) -> Segment:
    rate = float(rate_of(np.array([model.base]), model.link)[0]) * sample.unit
    events = (totals.outcome if sample.unit == 1.0 else totals.value / sample.unit) / sample.stands_for
    alone = (1.0, 1.0, 1.0, 0.0, events, tier(events), level, False)
    return Segment((None,) * len(features), totals, rate * totals.exposure, *alone)
