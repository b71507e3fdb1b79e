"""Measures the loss of an export: its answers to the sampled requests, compared with the master table's own bids."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, Sample, sum_by
from rtb_optimizer.exports.export import Export


@dataclass(frozen=True, slots=True)
class Lossiness:
    """Shares are of the sample's exposures, errors of the master table's multiplier where both bid.

    `no_bid_share` is the share where one bids and the other does not.
    """

    answered_share: float
    largest_error: float
    mean_error: float
    no_bid_share: float


@dataclass(frozen=True, slots=True)
class Requests:
    """The distinct requests of a sample, by its values of some features: `place` is the request of each row (n ints).

    `exposures` are the exposures of the logs of each request.
    """

    place: Ints
    values: Sequence[tuple[str, ...]]
    exposures: Floats


def lossiness(export: Export, requests: Requests, sample: Sample, multiplier: Floats, no_bid: Mask) -> Lossiness:
    """Return the loss of an export.

    Args:
        export: Its `table` is looked up, by values normalised as the platform does.
        requests: The sample's, by the features that the table's fields stand for.
        sample: Its spend weighs the mean error.
        multiplier: The master table's bid on each row (n floats).
        no_bid: Where it does not bid (n booleans).
    """
    keys = ([export.normalise(value) for value in values] for values in requests.values)
    rows = [export.table.row_of(values) for values in keys]
    answered = np.array([row is not None for row in rows])[requests.place]
    bid = np.array([export.table.default if row is None else row.multiplier for row in rows])[requests.place]
    no_bid_exported = np.array([row is not None and row.no_bid for row in rows])[requests.place]
    both = ~(no_bid | no_bid_exported)
    error = np.where(both, np.abs(bid / multiplier - 1), 0.0)
    weight = np.where(both, sample.base_spend if sample.spend[both].sum() > 0 else sample.exposure, 0.0)
    exposure = sample.exposure
    return Lossiness(
        answered_share=float(exposure[answered].sum() / exposure.sum()),
        largest_error=float(error.max(initial=0.0)),
        mean_error=float((error * weight).sum() / max(weight.sum(), 1e-300)),
        no_bid_share=float(exposure[no_bid != no_bid_exported].sum() / exposure.sum()),
    )


def requests_of(features: Sequence[str], sample: Sample) -> Requests:
    """Return the distinct requests of a sample, by its values of some features."""
    columns = [sample.features[name] for name in features]
    place: Ints = np.zeros(len(sample.exposure), dtype=np.int64)
    one = place[:1]
    for column in columns:
        _, one, place = np.unique(place * len(column.values) + column.codes, return_index=True, return_inverse=True)
    values = [[str(column.values[int(code)]) for code in column.codes[one]] for column in columns]
    exposures = sum_by(place, sample.exposure, len(one)) * sample.stands_for
    return Requests(place, list(zip(*values, strict=True)) if columns else [()], exposures)
