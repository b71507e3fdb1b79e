"""Which tables does a run publish, and what is there to tell of them?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import warning_documents
from rtb_optimizer.core.model.fit import FactorModel, fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.crossing import parts_of, with_interactions
from rtb_optimizer.core.sample.sample import Floats, Ints, Mask, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.joint import JointTable, compile_joint
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.replay import bids_of, predicted_changes
from rtb_optimizer.core.table.rows import Pattern, published, rows_of, without_bid
from rtb_optimizer.core.table.segments import Counts, Segment, build_segments, countable, multiplier_product
from rtb_optimizer.core.table.warnings import rate_spikes
from rtb_optimizer.engines.exact.counts import exact_counts
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.outputs.files import segments_summary


@dataclass(frozen=True, slots=True)
class Recipe:
    """What selection decided: ordered features, interactions, the prior of each, the link and the slope."""

    features: Sequence[str]
    interactions: Sequence[Sequence[str]]
    priors: Mapping[str, float]
    link: Link
    slope: float

    @classmethod
    def of(cls, selection: Mapping[str, Any]) -> Self:
        """Read what the selection step handed on."""
        found = [*selection["chosen"], *selection["interactions"]]
        names = [term["name"] if "name" in term else segment_key(term["features"]) for term in found]
        return cls(
            features=[feature["name"] for feature in selection["chosen"]],
            interactions=[interaction["features"] for interaction in selection["interactions"]],
            priors=dict(zip(names, (term["prior"] for term in found), strict=True)),
            link=Link(selection["link"]),
            slope=selection["slope"],
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model on its sample, and which of its values get a row."""

    model: FactorModel
    sample: Sample
    kept: Mapping[str, Ints]


@dataclass(frozen=True, slots=True)
class Told:
    """What the master table says of each row of the sample: outcomes, the bid's total multiplier, whether to bid."""

    sample: Sample
    features: Sequence[str]
    expected: Floats
    multiplier: Floats
    no_bid: Mask


@dataclass(frozen=True, slots=True)
class Tables:
    """The master table, the joint table compiled from it, what the report says of them, what exports are made of."""

    segments: Sequence[Segment]
    joint: JointTable
    summary: Mapping[str, Any]
    told: Told


def build_tables(
    engine: Engine,
    logs: LogTable,
    sample: Sample,
    recipe: Recipe,
    totals: Counts,
    before: PublishedTable | None,
) -> Tables:
    """Fit the selection on the whole sample, count its rows exactly, and build what is published.

    `before` is the active run's table, to move from and to be held against.
    """
    settings, previous = logs.settings, before.multipliers if before else None
    sample = with_interactions(sample, recipe.interactions)
    model = shrink_by_slope(fit(sample, recipe.priors, recipe.link), sample, recipe.slope)
    kept = rows_of(model, sample, settings.segment_rules, previous)
    named = {name: [sample.features[name].values[int(code)] for code in codes] for name, codes in kept.items()}
    parts = {name: parts_of(name, sample.features[name]) for name in recipe.priors}
    exact = exact_counts(engine, logs, parts, named)
    segments = build_segments(model, sample, exact, totals, settings.segment_rules, previous)
    fitted = Fitted(model, sample, countable(kept, sample, exact, settings.segment_rules))
    told = told_of(fitted, segments, recipe.features, settings, previous)
    joint = joint_table(told, settings)
    changes = {} if before is None else predicted_changes(sample, bids_of(before, sample), told.multiplier)
    spikes = rate_spikes(segments, recipe.features, before, settings.max_spike)
    summary = tables_summary(fitted, segments, joint, recipe.features)
    summary |= {"predicted_changes": changes, "warnings": warning_documents(spikes)}
    return Tables(segments, joint, summary, told)


def joint_table(told: Told, settings: Settings) -> JointTable:
    """Compile the joint table of the first features from what the master table says."""
    features = told.features[: settings.joint_features]
    return compile_joint(told.sample, features, told.expected, told.multiplier, settings.table_rules.joint)


def told_of(
    fitted: Fitted,
    segments: Sequence[Segment],
    features: Sequence[str],
    settings: Settings,
    previous: Mapping[Pattern, float] | None,
) -> Told:
    """Return what the master table says of each row of its sample."""
    sample, bids = fitted.sample, settings.segment_rules.bids
    expected = sample.exposure * published(fitted.model, fitted.kept).rates(sample)
    total = total_multipliers(fitted, segments, settings, previous)
    return Told(sample, features, expected, total, without_bid(fitted.model, fitted.kept, sample, bids))


def total_multipliers(
    fitted: Fitted, segments: Sequence[Segment], settings: Settings, previous: Mapping[Pattern, float] | None
) -> Floats:
    """Return what the master table bids on each row of the sample (n floats)."""
    bids = settings.segment_rules.bids
    product = multiplier_product(fitted.model, fitted.kept, fitted.sample, bids, previous) * segments[0].multiplier
    total: Floats = np.clip(product, bids.minimum, bids.maximum)
    return total


def tables_summary(
    fitted: Fitted, segments: Sequence[Segment], joint: JointTable, features: Sequence[str]
) -> dict[str, Any]:
    """Return what the report says of the tables: theirs, the rows of each term, how many rows answer a request."""
    given = (tuple(n for n, part in enumerate(segment.pattern) if part is not None) for segment in segments[1:])
    rows = Counter(segment_key([features[n] for n in term]) for term in given)
    return segments_summary(segments) | {
        "rows_by_term": dict(rows),
        "joint_rows": joint.rows,
        "coverage": _coverage(fitted),
    }


def _coverage(fitted: Fitted) -> list[dict[str, float]]:
    """Return which share of exposures and spend is answered by how many rows beside the default."""
    sample = fitted.sample
    answered = np.zeros(len(sample.exposure), dtype=np.int64)
    for name, codes in fitted.kept.items():
        has_row = np.zeros(len(fitted.model.factors[name].theta), dtype=np.int64)
        has_row[codes] = 1
        answered += has_row.take(sample.features[name].codes)
    exposure, spend = (np.bincount(answered, weight) for weight in (sample.exposure, sample.spend))
    shares = zip(exposure / exposure.sum(), spend / max(spend.sum(), 1e-300), strict=True)
    return [{"rows_matched": n, "exposure_share": float(x), "spend_share": float(s)} for n, (x, s) in enumerate(shares)]
