"""Which requests does the master table advise no bid on? Those that match a row flagged `no_bid`."""

from collections.abc import Mapping

import numpy as np

from rtb_optimizer.core.bidding import BidRules, factor_intervals, not_worth_a_bid
from rtb_optimizer.core.model import FactorModel
from rtb_optimizer.core.sample import Ints, Mask, Sample


def without_bid(model: FactorModel, kept: Mapping[str, Ints], sample: Sample, bids: BidRules) -> Mask:
    """Return which rows of a sample match a row that is not bid on (n booleans); `kept` are the codes with a row."""
    found = np.zeros(len(sample.exposure), dtype=bool)
    for name, codes in kept.items():
        _, high = factor_intervals(model.factors[name], bids.confidence, model.link)
        flagged = np.zeros(len(high), dtype=bool)
        flagged[codes] = not_worth_a_bid(high[codes], bids)
        found |= flagged.take(sample.features[name].codes)
    return found
