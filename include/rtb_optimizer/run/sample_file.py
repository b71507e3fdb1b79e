"""The sample as a file between steps: Arrow, with the codes of the selected features, and their values.

Segments are built on the rows that the features were selected on, without reading the logs for them again. Nothing
else reads the file: codes are as narrow as they can be, and lightly compressed.
"""

import json
from collections.abc import Sequence

import numpy as np

from rtb_optimizer.core.sample.sample import Bought, Feature, Ints, Sample

ARRAYS = ("exposure", "outcome", "spend")
BOUGHT = ("bid", "volume")


def sample_bytes(sample: Sample, features: Sequence[str]) -> bytes:
    """Return the sample with these features alone."""
    import pyarrow as pa

    columns = {name: getattr(sample, name) for name in ARRAYS} | {"fold": _narrow(sample.fold)}
    columns |= {f"f_{name}": _narrow(sample.features[name].codes) for name in features}
    values = {name: list(sample.features[name].values) for name in features}
    facts = {"unit": sample.unit, "stands_for": sample.stands_for, "values": values, "elasticity": None}
    if sample.bought is not None:
        columns |= {name: getattr(sample.bought, name) for name in BOUGHT}
        facts["elasticity"] = sample.bought.elasticity
    table = pa.table(columns).replace_schema_metadata({"sample": json.dumps(facts)})
    buffer = pa.BufferOutputStream()
    light = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_file(buffer, table.schema, options=light) as file:
        file.write_table(table)
    body: bytes = buffer.getvalue().to_pybytes()
    return body


def sample_of(body: bytes) -> Sample:
    """Return the sample that `sample_bytes` wrote; by this thread alone, as in outputs.py."""
    import pyarrow as pa

    table = pa.ipc.open_file(body, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()
    facts = json.loads(table.schema.metadata[b"sample"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    features = {
        name: Feature(columns[f"f_{name}"].astype(np.intp), tuple(values)) for name, values in facts["values"].items()
    }
    exposure, outcome, spend = (columns[name] for name in ARRAYS)
    fold = columns["fold"].astype(np.int32)
    known = facts["elasticity"] is not None
    bought = Bought(columns["bid"], columns["volume"], facts["elasticity"]) if known else None
    return Sample(exposure, outcome, spend, fold, features, facts["unit"], facts["stands_for"], bought)


def _narrow(codes: Ints) -> Ints:
    return codes.astype(np.min_scalar_type(int(codes.max(initial=0))))
