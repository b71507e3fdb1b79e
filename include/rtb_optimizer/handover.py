"""How does a sample get from one step to the next? As Parquet: the codes of the selected features, and their values.

Segments are built on the very rows that the features were selected on, and the logs need not be read for them again.
"""

import io
import json
from collections.abc import Sequence

import numpy as np

from rtb_optimizer.core.sample import Feature, Sample
from rtb_optimizer.outputs import parquet_table

ARRAYS = ("exposure", "outcome", "spend")


def sample_bytes(sample: Sample, features: Sequence[str]) -> bytes:
    """Return the sample with these features alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: getattr(sample, name) for name in ARRAYS} | {"fold": sample.fold.astype(np.int32)}
    columns |= {f"f_{name}": sample.features[name].codes.astype(np.int32) for name in features}
    values = {name: list(sample.features[name].values) for name in features}
    told = {"unit": sample.unit, "stands_for": sample.stands_for, "values": values}
    table = pa.table(columns).replace_schema_metadata({"sample": json.dumps(told)})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def sample_of(body: bytes) -> Sample:
    """Return the sample that `sample_bytes` wrote."""
    table = parquet_table(body)
    told = json.loads(table.schema.metadata[b"sample"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    features = {
        name: Feature(columns[f"f_{name}"].astype(np.intp), tuple(values)) for name, values in told["values"].items()
    }
    exposure, outcome, spend = (columns[name] for name in ARRAYS)
    return Sample(exposure, outcome, spend, columns["fold"], features, told["unit"], told["stands_for"])
