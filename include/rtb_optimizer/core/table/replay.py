"""Computes the bids of a published table on sampled rows, and the changes of spend and outcomes between bids."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.crossing import crossed_feature
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.rows import Pattern

TINY = 1e-12


def product_of_rows(multipliers: Mapping[Pattern, float], sample: Sample) -> Floats:
    """Return the product of the multipliers that match each row of a sample (n floats).

    A row of the table with a feature that the sample does not have matches nothing.
    """
    terms: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for pattern, multiplier in multipliers.items():
        values = dict(sorted(pattern))
        terms[tuple(values)][segment_key(values.values())] = multiplier
    product = np.ones(len(sample.exposure))
    for names, by_key in terms.items():
        if all(name in sample.features for name in names):
            product *= _of_term(names, by_key, sample)
    return product


def bids_of(table: PublishedTable, sample: Sample) -> Floats:
    """Return the total multiplier of a published table for each row of a sample (n floats), bid on or not."""
    product = table.base_multiplier * product_of_rows(table.multipliers, sample)
    bids: Floats = np.clip(product, table.rules.bids.minimum, table.rules.bids.maximum)
    return bids


def predicted_rates(table: PublishedTable, sample: Sample) -> Floats:
    """Return what a published table predicts per exposure of each row of a sample, in the measure of the logs."""
    base, factor = table.rate / table.scale.unit, product_of_rows(table.factors, sample)
    if table.scale.link is Link.LOG:
        return base * factor * table.scale.unit
    odds = base / max(1 - base, TINY) * factor
    return odds / (1 + odds) * table.scale.unit


def is_bid_on(table: PublishedTable, sample: Sample) -> Mask:
    """Return which rows of a sample a published table bids on (n booleans)."""
    return product_of_rows(table.no_bid, sample) > 0


def predicted_changes(sample: Sample, before: Floats, after: Floats) -> dict[str, float]:
    """Return the relative changes of a sample's spend and outcomes from some bids to others (n multipliers each).

    Volume follows the multiplier to the power of the sample's elasticity.
    """
    sums = {"spend_change": sample.base_spend, "outcomes_change": sample.base_outcome}
    bought = {name: [float((w * bid**sample.elasticity).sum()) for bid in (before, after)] for name, w in sums.items()}
    return {name: new / old - 1 for name, (old, new) in bought.items() if old > 0}


def _of_term(names: tuple[str, ...], by_key: Mapping[str, float], sample: Sample) -> Floats:
    if len(names) == 1:
        feature = sample.features[names[0]]
        keys = [segment_key([value]) for value in feature.values]
    else:
        feature = crossed_feature(sample, names)
        keys = list(feature.values)
    return np.array([by_key.get(key, 1.0) for key in keys]).take(feature.codes)
