"""The share of the attainable gain that a master table reaches: it is read as a bidder would, on a holdout day."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.passes.encoding import encode
from rtb_optimizer.outputs.files import parquet_table

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Factors = dict[tuple[str, ...], dict[str, float]]


def oracle_share(table: bytes, holdout: Path, settings: Settings) -> dict[str, float]:
    """Return the share of the log-loss gain of the true probabilities that the table reaches, and its rows.

    Gains are over the training days' outcome rate, and exact: the hidden probabilities weigh both outcomes.
    """
    import pyarrow.parquet as pq

    rows = parquet_table(table)
    factors, default = read_factors(rows)
    day = pq.ParquetFile(holdout).read()
    true = day["p_true"].to_numpy()
    predicted = default["expected"] / default["exposures"] * matched(factors, day, settings)
    share = share_of(true, predicted, default["outcomes"] / default["exposures"])
    return {"share": share, "rows": rows.num_rows, "level": predicted.mean() / true.mean()}


def share_of(true: Floats, predicted: Floats, base: float) -> float:
    """Return the share of the true probabilities' log-loss gain over a constant that predicted ones reach."""
    constant, ours, best = (log_loss(true, rate) for rate in (np.full(len(true), base), predicted, true))
    return (constant - ours) / (constant - best)


def read_factors(rows: "pa.Table", what: str = "factor") -> tuple[Factors, dict[str, float]]:
    """Part a column of the table by the features that a row gives and by their key; return it and the default row."""
    columns = [name for name in rows.column_names if name.startswith("feature_")]
    factors: Factors = {}
    default: dict[str, float] = {}
    for row in rows.to_pylist():
        fixed = [name for name in columns if row[name] is not None]
        if row["is_default"]:
            default = row
            continue
        values = [row[name] for name in fixed]
        key = segment_key(values) if len(values) > 1 else values[0]
        factors.setdefault(tuple(name.removeprefix("feature_") for name in fixed), {})[key] = row[what]
    return factors, default


def matched(factors: Factors, day: "pa.Table", settings: Settings) -> Floats:
    """Return the product of the factors whose rows match, for each row of the logs; 1 where none does."""
    one, names = np.ones(day.num_rows), dict.fromkeys(name for term in factors for name in term)
    encoded = {name: encode(day[name], name, settings) for name in names}
    sample = Sample(one, one, one, np.zeros(day.num_rows, np.int64), encoded)
    sample = with_interactions(sample, [term for term in factors if len(term) > 1])
    product = one.copy()
    for term, by_key in factors.items():
        feature = sample.features[segment_key(term) if len(term) > 1 else term[0]]
        product *= np.array([by_key.get(value, 1.0) for value in feature.values])[feature.codes]
    return product


def log_loss(true: Floats, predicted: Floats) -> float:
    """Return the expected log-loss of probabilities, given the true ones."""
    q = np.clip(predicted, 1e-9, 1 - 1e-9)
    return float(-(true * np.log(q) + (1 - true) * np.log1p(-q)).mean())
