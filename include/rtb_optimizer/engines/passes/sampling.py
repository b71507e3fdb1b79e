"""Draws the case-control sample that selection works on, by a hash of the row, weighted back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.realized.row_bids import BidMarks
from rtb_optimizer.core.sample.hashes import Hashes, mixed
from rtb_optimizer.core.sample.objective import effective_events, share_cut
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Mask, Sample, split_rows
from rtb_optimizer.engines.passes.arms import ArmCounts, counts_by_arm
from rtb_optimizer.engines.passes.encoding import encode
from rtb_optimizer.engines.passes.origin import Origin, origin_columns, origin_of
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.amounts import MICRO
from rtb_optimizer.engines.sql.bids import NO_BID_COLUMNS, BidColumns
from rtb_optimizer.engines.sql.dialect import SAMPLE_BUCKETS
from rtb_optimizer.engines.sql.table import MEASURES, LogTable

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_FOLD_BITS, _HASH_BITS = np.uint64(54), np.uint64(10)


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares drawn of the rows with an outcome, and of those without."""

    positives: float
    others: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample, sorted by fold, with its sampling shares.

    `row_hash` identifies rows, by the id of those that have one (`has_id`); `duplicates` is the estimated number of
    rows of the logs that repeat another; `by_arm` are the sums of the window by what bought its rows, where that is
    known.
    """

    sample: Sample
    holdout: Mask
    by_day: bool
    shares: Shares
    row_hash: Hashes
    has_id: Mask
    duplicates: int
    rows: RowOutcomes
    bid_marks: BidMarks
    value_cut: float = 0.0
    by_arm: Sequence[ArmCounts] = ()
    origin: Origin | None = None


def draw_sample(
    engine: Engine, table: LogTable, features: Sequence[str], profile: Profile, bids: BidColumns = NO_BID_COLUMNS
) -> Drawn:
    """Draw the case-control sample of `features` from logs of that profile.

    Rows are sorted by fold and by a hash of all their values before anything is added up, so that nothing depends on
    the layout of the logs. Where all rows are drawn, those without an id are identified by their rank among the rows
    that are alike instead of their place: then the order of the rows does not matter either.
    """
    shares = sampling_shares(table.settings, profile.exposed_rows, profile.positive_rows)
    more = _drawn_bids(bids, table) | origin_columns(table)
    drawn = engine.query(table.sample(features, shares.positives, shares.others, more), "sample")
    encoded = {name: encode(drawn["f_" + name], name, table.settings) for name in features}
    row_hash, time_hash = (_hashes(drawn[name]) for name in ("row_hash", "time_hash"))
    has_id = np.asarray(drawn["has_id"].to_numpy(zero_copy_only=False), dtype=bool)
    micros = {name: np.asarray(drawn[name].to_numpy(), dtype=np.int64) for name in MEASURES}
    days = np.asarray(drawn["log_day"].to_numpy(), dtype="datetime64[D]")
    if shares == Shares(1.0, 1.0) and not has_id.all():
        alike = mixed(days.astype(np.uint64), [has_id, *(feature.codes for feature in encoded.values())])
        row_hash = np.where(has_id, row_hash, _ranked(alike, micros))
    positive = micros[table.target] > 0
    split = split_rows(days, row_hash)
    values = [*(feature.codes for feature in encoded.values()), *micros.values()]
    row = mixed(row_hash, values)
    repeats = _repeats(table, shares, positive, row_hash, has_id, mixed(time_hash, values))
    by_arm = _by_arm(drawn, micros, positive, shares, profile) if bids != NO_BID_COLUMNS else ()
    order = np.argsort((split.fold.astype(np.uint64) << _FOLD_BITS) | (row >> _HASH_BITS))
    encoded = {name: replace(feature, codes=feature.codes.take(order)) for name, feature in encoded.items()}
    micros = {name: column.take(order) for name, column in micros.items()}
    row_hash, row = row_hash.take(order), row.take(order)
    weight = np.where(micros[table.target] > 0, 1.0 / shares.positives, 1.0 / shares.others)
    sample = _sample(micros, weight, split.fold.take(order), encoded, table.settings, profile.design_effect)
    return Drawn(
        sample=_with_prices(sample, drawn, order),
        holdout=split.holdout.take(order),
        by_day=split.by_day,
        shares=shares,
        row_hash=row_hash,
        has_id=has_id.take(order),
        value_cut=_value_cut(micros, weight, table.settings),
        duplicates=repeats,
        rows=_row_outcomes(micros, weight, shares, table),
        bid_marks=_bid_marks(drawn, days, order),
        by_arm=by_arm,
        origin=origin_of(table, drawn, days, time_hash, order),
    )


def sampling_shares(settings: Settings, rows: int, positive_rows: int) -> Shares:
    """Return the shares to draw: all of small logs, else every row with an outcome and some per such row without.

    Rows without an exposure, as auctions that were not won, are never drawn, and `rows` are those with one: the others
    say nothing of a rate. Never more rows than `max_sample_rows`, half of them with an outcome; each share is a whole
    number of hash buckets, so that weighting back by it is exact.
    """
    others = max(rows - positive_rows, 0)
    positives_at_most = max(settings.max_sample_rows // 2, settings.max_sample_rows - others)
    positives = min(positive_rows, positives_at_most)
    wanted = max(settings.negatives_per_positive * max(positive_rows, 1), settings.full_sample_rows - positive_rows)
    return Shares(_share(positives, positive_rows), _share(min(wanted, settings.max_sample_rows - positives), others))


def _hashes(column: "pa.ChunkedArray") -> Hashes:
    """Return hashes of 64 bits: whole numbers, signed or not, or 16 hexadecimal digits."""
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy()).astype(np.uint64)
    return np.frombuffer(bytes.fromhex("".join(column.to_pylist())), ">u8").astype(np.uint64)


def _share(wanted: int, available: int) -> float:
    return max(math.ceil(wanted / available * SAMPLE_BUCKETS), 1) / SAMPLE_BUCKETS if wanted < available else 1.0


def _sample(
    micros: Mapping[str, Ints],
    weight: Floats,
    fold: Ints,
    encoded: Mapping[str, Feature],
    settings: Settings,
    effect: float,
) -> Sample:
    exposure = micros["exposure"] / MICRO
    outcome, unit = micros["outcome"] / MICRO, 1.0
    if settings.objective == "value":
        effect = 1.0  # effective events account for weights already
        outcome, unit = effective_events(micros["value"] / MICRO, exposure, weight, settings.value_cap_quantile)
    exposure *= weight
    spend = np.maximum(micros["cost"], 0) / MICRO * weight if settings.cost_column else exposure
    return Sample(exposure / effect, outcome * weight / effect, spend, fold, encoded, unit, effect)


def _with_prices(sample: Sample, drawn: "pa.Table", order: Ints) -> Sample:
    """Return a sample with what its rows cost over their bids, where bids were drawn."""
    if "paid_share" not in drawn.column_names:
        return sample
    return replace(sample, paid_share=drawn["paid_share"].to_numpy().take(order))


def _by_arm(
    drawn: "pa.Table", micros: Mapping[str, Ints], positive: Mask, shares: Shares, profile: Profile
) -> Sequence[ArmCounts]:
    return counts_by_arm(drawn, micros, positive, (shares.positives, shares.others), profile.by_day)


def _row_outcomes(micros: Mapping[str, Ints], weight: Floats, shares: Shares, table: LogTable) -> RowOutcomes:
    """Return the outcomes by row: a row counts once, or, where it is an aggregate, by its exposures.

    An aggregate with money is evidence of one exposure that earned.
    """
    settings, with_outcome = table.settings, (micros[table.target] > 0).astype(np.float64)
    exposure = log_weight = np.ones(len(weight))
    if settings.weight_column:
        log_weight = micros["exposure"] / MICRO
    elif settings.exposure_column:
        exposure = micros["exposure"] / MICRO
        with_outcome = np.minimum(with_outcome, exposure) if table.target == "value" else micros["outcome"] / MICRO
    return RowOutcomes(with_outcome, exposure - with_outcome, weight, log_weight, shares.positives, shares.others)


def _drawn_bids(bids: BidColumns, table: LogTable) -> dict[str, str]:
    more = {} if bids == NO_BID_COLUMNS else {"bucket": bids.bucket}
    more |= {"paid_share": table.amounts.paid_share()} if table.settings.bid_column else {}
    return more | {
        "run_mark": bids.mark,
        "multiplier": bids.multiplier,
        "is_control": bids.is_control,
        "is_challenger": bids.is_challenger,
    }


def _bid_marks(drawn: "pa.Table", days: "NDArray[np.datetime64]", order: Ints) -> BidMarks:
    is_control, is_challenger = (
        np.asarray(drawn[name].to_numpy(zero_copy_only=False), dtype=bool).take(order)
        for name in ("is_control", "is_challenger")
    )
    marks = drawn["run_mark"].combine_chunks().dictionary_encode(null_encoding="encode")
    multiplier = drawn["multiplier"].cast("float64").to_numpy()
    return BidMarks(
        codes=marks.indices.to_numpy().take(order),
        values=marks.dictionary.to_pylist(),
        multiplier=multiplier.take(order),
        is_control=is_control,
        is_challenger=is_challenger & ~is_control,
        day=days.take(order),
    )


def _value_cut(micros: Mapping[str, Ints], weight: Floats, settings: Settings) -> float:
    if settings.objective != "value":
        return 0.0
    return share_cut(micros["value"] / MICRO, micros["exposure"] / MICRO, weight, settings.value_cap_quantile)


def _ranked(alike: Hashes, micros: Mapping[str, Ints]) -> Hashes:
    """Return a hash of each row's rank among the rows that are alike.

    The rank is by the measures, so that rows of one rank are interchangeable. Its hash is independent of the outcome,
    although the rank is not.
    """
    order = np.lexsort([*micros.values(), alike])
    starts = np.flatnonzero(np.diff(alike.take(order), prepend=~alike[order[:1]]))
    sizes = np.diff(starts, append=len(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return mixed(mixed(alike, [rank]), [rank])


def _repeats(table: LogTable, shares: Shares, positive: Mask, row_hash: Hashes, has_id: Mask, row: Hashes) -> int:
    """Return how many rows of the logs repeat another.

    Rows of one id are drawn together or not at all. Rows without an id repeat another that is alike at the same time;
    they are drawn apart, so that only those of a share of 1 are counted, and the others supposed to repeat as often.
    Rows without a time that count once each are never taken for repeats: logs of few columns have many that are alike.

    Args:
        table: The logs.
        shares: The shares that were drawn.
        positive: Which rows have an outcome (n booleans).
        row_hash: The hash of each row's identity (n integers).
        has_id: Which of these are hashes of an id (n booleans).
        row: A hash of each row's time and values (n integers).
    """
    weight = np.where(positive, 1.0 / shares.positives, 1.0 / shares.others)
    if table.settings.row_id_columns:
        return round(float(_repeating(row_hash[has_id], weight[has_id])))
    if table.types.get(table.settings.timestamp_column, "DATE") == "DATE" and not table.settings.exposure_column:
        return 0
    whole = [mask for mask, share in ((positive, shares.positives), (~positive, shares.others)) if share == 1]
    known = np.logical_or.reduce(whole) if whole else np.zeros(len(row), dtype=bool)
    return round(_repeating(row[known], np.ones(int(known.sum()))) / max(int(known.sum()), 1) * float(weight.sum()))


def _repeating(identity: Hashes, weight: Floats) -> float:
    """Return the weight of the rows whose identity another row has.

    Rows of one id may differ in weight: the lightest of them counts as the first, whatever the order of the rows.
    """
    order = np.lexsort((weight, identity))
    again = np.flatnonzero(np.diff(identity.take(order)) == 0) + 1
    return float(weight.take(order.take(again)).sum())
