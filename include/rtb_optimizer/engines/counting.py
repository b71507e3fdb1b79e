"""What do the logs say? Runs the statements and returns what the core decides on: profile, sample, exact counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample import Feature, Floats, Sample, Split, split_rows
from rtb_optimizer.core.segments import Counts
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.core.values import OTHER, canonical, segment_key
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.statements import MEASURES, MICRO, SAMPLE_BUCKETS, LogTable
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import pyarrow as pa

DUPLICATE_CHECK_ROWS = 2_000_000
ANOMALIES = (
    *("zero_exposure", "outcome_above_exposure", "outcome_negative", "outcome_null", "value_negative"),
    "cost_negative",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """The window as a whole: exact totals, rows with an outcome, rows per day, and rows that contradict themselves."""

    totals: Counts
    positive_rows: int
    rows_by_day: Mapping[date, int]
    anomalies: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample with how it was drawn: `share` of the rows without an outcome."""

    sample: Sample
    split: Split
    share: float


def profile(engine: Engine, table: LogTable) -> Profile:
    """Count the window's rows.

    Raises:
        LogsInvalid: when the window has no row, or rows without any exposure.
    """
    days = engine.query(table.profile()).to_pydict()
    sums = {name: sum(days[name]) for name in ("rows", *MEASURES)}
    if not sums["rows"]:
        raise LogsInvalid(
            f"no row of the logs falls into [{table.window.start:%F %R}, {table.window.end:%F %R}) UTC "
            "and passes row_filter"
        )
    if sums["exposure"] <= 0:
        raise LogsInvalid(f"{sums['rows']} rows have no exposure at all: check exposure_column and weight_column")
    anomalies = {name: sum(days[name]) for name in ANOMALIES}
    one_in = max(1, sums["rows"] // DUPLICATE_CHECK_ROWS)
    anomalies["duplicate"] = one_in * int(engine.query(table.duplicates(one_in)).to_pydict()["repeats"][0])
    return Profile(
        totals=_counts(sums),
        positive_rows=sum(days["positive"]),
        rows_by_day=dict(zip(days["log_day"], days["rows"], strict=True)),
        anomalies=anomalies,
    )


def draw_sample(engine: Engine, table: LogTable, features: Sequence[str], rows: int, positive_rows: int) -> Drawn:
    """Draw the case-control sample of `features` from logs of that size.

    It has every row with an outcome, and of the others a share picked by a hash of the row and weighted back.
    """
    s = table.settings
    share = sampled_share(s, rows, positive_rows)
    drawn = engine.query(table.sample(features, share))
    outcome = _floats(drawn, "outcome") / MICRO
    weight = np.where(outcome > 0, 1.0, 1.0 / share)
    exposure = _floats(drawn, "exposure") / MICRO * weight
    spend = np.maximum(_floats(drawn, "cost"), 0.0) / MICRO * weight if s.cost_column else exposure
    split = split_rows(drawn["log_day"].to_pylist(), _row_hash(drawn))
    encoded = {name: encode(drawn["f_" + name], name, s) for name in features}
    return Drawn(Sample(exposure, outcome, spend, split.fold, encoded), split, share)


def sampled_share(settings: Settings, rows: int, positive_rows: int) -> float:
    """Return the share of rows without an outcome to draw: all of small logs, else some per row with one.

    It is a whole number of hash buckets, so that weighting back by it is exact.
    """
    others = rows - positive_rows
    wanted = max(settings.negatives_per_positive * max(positive_rows, 1), settings.full_sample_rows)
    return math.ceil(wanted / others * SAMPLE_BUCKETS) / SAMPLE_BUCKETS if wanted < others else 1.0


def encode(column: "pa.ChunkedArray", name: str, settings: Settings) -> Feature:
    """Return a raw column as codes of its canonical values, in sorted order.

    Every value has a code of its own: shrinkage deals with rare ones. Lumping them together here would put most
    values that were seen with an outcome only into one pot, since the sample has few other rows of them, and so leak
    the outcome.
    """
    dictionary = column.combine_chunks().dictionary_encode(null_encoding="encode")
    spelled = _spelled(dictionary.dictionary.to_pylist(), name, settings)
    values = tuple(sorted(set(spelled)))
    position = {value: n for n, value in enumerate(values)}
    recode = np.array([position[value] for value in spelled], dtype=np.int64)
    return Feature(recode[dictionary.indices.to_numpy(zero_copy_only=False)], values)


def exact_counts(
    engine: Engine, table: LogTable, features: Sequence[str], published: Sequence[str]
) -> dict[str, Counts]:
    """Return the exact statistics of a feature's canonical values, or of an interaction's cells by their key.

    Values that are not `published` add up as `__other__`.
    """
    rows = engine.query(table.value_statistics(features)).to_pydict()
    spelled = [_spelled(rows["f_" + name], name, table.settings) for name in features]
    values = spelled[0] if len(features) == 1 else [segment_key(cell) for cell in zip(*spelled, strict=True)]
    known = set(published)
    merged: dict[str, dict[str, int]] = {}
    for n, value in enumerate(values):
        into = merged.setdefault(value if value in known else OTHER, dict.fromkeys(("rows", *MEASURES), 0))
        for name in into:
            into[name] += int(rows[name][n])
    return {value: _counts(sums) for value, sums in merged.items()}


def _spelled(raw: Sequence[object], name: str, settings: Settings) -> list[str]:
    missing = frozenset(value.lower() for value in settings.missing_values)
    is_host = name in settings.host_features
    return [canonical(_text(v), missing, is_host=is_host) for v in raw]


def _text(raw: object) -> object:
    """Return a value as SQL would print it; text written without a string annotation comes as bytes."""
    if isinstance(raw, bytes):
        return raw.decode(errors="replace")
    return str(raw).lower() if isinstance(raw, bool) else raw


def _counts(sums: Mapping[str, int]) -> Counts:
    return Counts(int(sums["rows"]), *(int(sums[name]) / MICRO for name in MEASURES))


def _floats(rows: "pa.Table", name: str) -> Floats:
    return np.asarray(rows[name].to_numpy(), dtype=np.float64)


def _row_hash(rows: "pa.Table") -> NDArray[np.uint64]:
    return np.asarray(rows["row_hash"].to_numpy(), dtype=np.uint64)
