"""Builds the tables that a run publishes, and their summary for the report."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.model.fit import FactorModel, fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import PooledFeature
from rtb_optimizer.core.realized.groups import strongest
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.crossing import parts_of, with_interactions
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.contradictions import contradicting_window
from rtb_optimizer.core.table.evidence import (
    Prefix,
    PrefixCells,
    Publishable,
    prefix_cells,
    prefixes_of,
    publishable_rows,
    term_of,
)
from rtb_optimizer.core.table.joint import JointTable, compile_joint
from rtb_optimizer.core.table.moved_levels import moved_levels
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.replay import bids_of, is_bid_on, predicted_changes
from rtb_optimizer.core.table.rows import (
    RowsBefore,
    TableRows,
    codes_to_publish,
    multiplier_product,
    restrict_to_rows,
    table_rows,
    without_bid,
)
from rtb_optimizer.core.table.segments import People, Segment, build_segments, countable
from rtb_optimizer.core.table.warnings import prices_apart, rate_spikes, rate_stops
from rtb_optimizer.engines.exact.counts import Counted, exact_counts
from rtb_optimizer.engines.exact.people import with_enough_people
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import DotDocument, MatchedDocument, SegmentsDocument, TablesDocument
from rtb_optimizer.run.groups import group_changes


@dataclass(frozen=True, slots=True)
class Recipe:
    """What selection decided: ordered features, interactions, the prior of each term, the link and the slope.

    The gain of the features that are `insignificant` was too small to count; `export_keys` are the features in the key
    of each export, in order; `pooled` is what other entities know, of the features that shrink to it; `strongest` are
    the features whose values are the groups of the traffic.
    """

    features: Sequence[str]
    interactions: Sequence[Sequence[str]]
    priors: Mapping[str, float]
    link: Link
    slope: float
    insignificant: Collection[str] = ()
    export_keys: Sequence[Sequence[str]] = ()
    pooled: Mapping[str, PooledFeature] = field(default_factory=dict)
    strongest: Sequence[str] = ()

    @classmethod
    def of(cls, selection: SelectionDocument) -> Self:
        """Return the recipe of what the selection step handed over."""
        alone = {feature.name: feature.prior for feature in selection.chosen}
        crossed = {segment_key(each.features): each.prior for each in selection.interactions}
        return cls(
            features=[feature.name for feature in selection.chosen],
            interactions=[each.features for each in selection.interactions],
            priors=alone | crossed,
            link=selection.link,
            slope=selection.slope,
            insignificant=[feature.name for feature in selection.chosen if feature.is_significant is False],
            strongest=strongest({feature.name: feature.signal_score or 0.0 for feature in selection.chosen}),
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model on its sample, and the rows that it gets in the table."""

    model: FactorModel
    sample: Sample
    rows: TableRows


@dataclass(frozen=True, slots=True)
class Wanted:
    """The features of each term of the model, and its values (or cell keys) that would be published, by its name."""

    parts: Mapping[str, Sequence[str]]
    published: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TablePredictions:
    """What the master table says of each row of the sample: outcomes, the bid's total multiplier, whether to bid.

    `publishable` are the rows in joint cells that stand on enough of the logs.
    """

    sample: Sample
    features: Sequence[str]
    expected: Floats
    multiplier: Floats
    no_bid: Mask
    publishable: Publishable = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """The master table, the joint table compiled from it, their summary, and what exports are compiled from."""

    segments: Sequence[Segment]
    joint: JointTable
    summary: TablesDocument
    predictions: TablePredictions


def build_tables(
    engine: Engine,
    logs: LogTable,
    sample: Sample,
    recipe: Recipe,
    totals: Counts,
    before: PublishedTable | None,
) -> Tables:
    """Fit the selection on the whole sample, count its rows exactly, and build what is published.

    `before` is the active run's table, to move from and to be compared with.
    """
    settings, rules = logs.settings, logs.settings.segment_rules
    previous = RowsBefore(before.multipliers, before.no_bid.keys()) if before else None
    sample = with_interactions(sample, recipe.interactions)
    model = shrink_by_slope(fit(sample, recipe.priors, recipe.link, recipe.pooled), sample, recipe.slope)
    codes = codes_to_publish(model, sample, rules, previous)
    named = {name: [sample.features[name].values[int(code)] for code in each] for name, each in codes.items()}
    parts = {name: parts_of(name, sample.features[name]) for name in recipe.priors}
    cells = _joint_cells(sample, [recipe.features[: settings.joint_features], *recipe.export_keys], settings)
    counted, people = _evidence(engine, logs, Wanted(parts, named), cells, is_whole=len(sample.exposure) == totals.rows)
    exact = counted.statistics
    codes = countable(codes, sample, exact, rules.min_exposures, people)
    fitted = Fitted(model, sample, table_rows(model, sample, codes, rules.bids, previous, recipe.insignificant))
    segments = build_segments(model, sample, fitted.rows, exact, totals, rules.bids)
    predictions = replace(
        predictions_of(fitted, segments[0].multiplier, recipe.features, settings),
        publishable=publishable_rows(cells, counted.rows, rules.min_exposures, people),
    )
    joint = joint_table(predictions, settings)
    summary = TablesDocument(
        segments=SegmentsDocument.of(segments, _coverage(fitted)),
        scatter=DotDocument.of(segments),
        rows_by_term=_rows_by_term(segments, recipe.features),
        joint_rows=joint.rows,
        **_changes(before, predictions, recipe.strongest),
        warnings=WarningDocument.of(_value_warnings(segments, recipe.features, before, sample, settings)),
    )
    return Tables(segments, joint, summary, predictions)


def _value_warnings(
    segments: Sequence[Segment],
    features: Sequence[str],
    before: PublishedTable | None,
    sample: Sample,
    settings: Settings,
) -> list[RunWarning]:
    """Return the warnings about values whose rates or prices are not those of such values."""
    stops = rate_stops(segments, features, before, sample.unit * sample.stands_for)
    against = contradicting_window(segments, features, before)
    moved = moved_levels(segments, features, before, is_money=settings.objective == "value")
    return [*rate_spikes(segments, features, before), *stops, *against, *moved, *prices_apart(segments, features)]


def _changes(before: PublishedTable | None, predictions: TablePredictions, features: Sequence[str]) -> dict[str, Any]:
    """Return the predicted changes from the active run's table, in total and by group; none where there is no such."""
    if before is None:
        return {"predicted_changes": {}, "groups": ()}
    sample = predictions.sample
    was, now = bids_of(before, sample) * is_bid_on(before, sample), predictions.multiplier * ~predictions.no_bid
    return {
        "predicted_changes": predicted_changes(sample, was, now),
        "groups": group_changes(sample, features, was, now),
    }


def joint_table(predictions: TablePredictions, settings: Settings) -> JointTable:
    """Compile the joint table of the first features from what the master table predicts."""
    features = predictions.features[: settings.joint_features]
    rules = settings.table_rules.joint
    return compile_joint(
        predictions.sample,
        features,
        predictions.expected,
        predictions.multiplier,
        rules,
        predictions.publishable,
    )


def _joint_cells(sample: Sample, orders: Iterable[Sequence[str]], settings: Settings) -> dict[Prefix, PrefixCells]:
    """Return the cells of the joint keys in these orders, where a limit applies."""
    least, rules = settings.min_segment_exposures, settings.table_rules.joint
    if least <= 0:
        return {}
    has_people = bool(settings.person_id_column)
    return prefix_cells(sample, prefixes_of(orders), rules.min_exposures, least, has_people=has_people)


def _evidence(
    engine: Engine, logs: LogTable, wanted: Wanted, cells: Mapping[Prefix, PrefixCells], *, is_whole: bool
) -> tuple[Counted, People]:
    """Return the exact statistics of the published rows, the rows of uncertain joint cells, and the people behind both.

    In a sample of all rows no cell is uncertain for its rows: one with too few has too few.
    """
    least = logs.settings.min_segment_exposures
    doubtful = {prefix: of_prefix.keys for prefix, of_prefix in cells.items() if len(of_prefix.uncertain)}
    people = with_enough_people(engine, logs, {**wanted.parts} | {term_of(each): each for each in doubtful}, least)
    keys = {} if is_whole and not people else doubtful
    return exact_counts(engine, logs, wanted.parts, wanted.published, keys), people


def predictions_of(fitted: Fitted, level: float, features: Sequence[str], settings: Settings) -> TablePredictions:
    """Return what the master table predicts of each row of its sample; `level` is the default row's multiplier."""
    sample, bids = fitted.sample, settings.segment_rules.bids
    codes = {name: of_factor.codes for name, of_factor in fitted.rows.items()}
    expected = sample.exposure * restrict_to_rows(fitted.model, codes).rates(sample)
    total = np.clip(multiplier_product(fitted.rows, sample) * level, bids.minimum, bids.maximum)
    return TablePredictions(sample, features, expected, total, without_bid(fitted.rows, sample))


def _rows_by_term(segments: Sequence[Segment], features: Sequence[str]) -> dict[str, int]:
    """Return how many rows beside the default each term has: a feature, or interacting features."""
    given = (tuple(n for n, part in enumerate(segment.pattern) if part is not None) for segment in segments[1:])
    return dict(Counter(segment_key([features[n] for n in term]) for term in given))


def _coverage(fitted: Fitted) -> tuple[MatchedDocument, ...]:
    """Return which share of exposures and spend is answered by how many rows beside the default."""
    sample = fitted.sample
    answered = np.zeros(len(sample.exposure), dtype=np.int64)
    for name, of_factor in fitted.rows.items():
        answered += of_factor.has_row.take(sample.features[name].codes)
    exposure, spend = (np.bincount(answered, weight) for weight in (sample.exposure, sample.spend))
    shares = zip(exposure / exposure.sum(), spend / max(spend.sum(), 1e-300), strict=True)
    return tuple(
        MatchedDocument(rows_matched=n, exposure_share=float(x), spend_share=float(s))
        for n, (x, s) in enumerate(shares)
    )
