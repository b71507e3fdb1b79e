"""The sample as a file between steps: Arrow, with the codes of the selected features, and their values.

Segments are built on the rows that the features were selected on, without reading the logs for them again; the run of a
challenger selects from the rows of the entity's own run. Codes are as narrow as they can be, and lightly compressed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.sample.sample import Bought, Feature, Ints, Sample

if TYPE_CHECKING:
    import pyarrow as pa

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
        bought = {name: getattr(sample.bought, name) for name in BOUGHT}
        columns |= {name: array for name, array in bought.items() if array is not None}
        facts["elasticity"] = sample.bought.elasticity
    return _written(pa.table(columns).replace_schema_metadata({"sample": json.dumps(facts)}))


def arrow_bytes(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays of one length as a file."""
    import pyarrow as pa

    return _written(pa.table(dict(columns)))


def arrow_columns(body: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays that `arrow_bytes` wrote."""
    table = _read(body)
    return {name: table[name].to_numpy() for name in table.column_names}


def table_bytes(table: "pa.Table") -> bytes:
    """Return a table as a file."""
    return _written(table)


def table_of_bytes(body: bytes) -> "pa.Table":
    """Return the table that `table_bytes` wrote."""
    return _read(body)


def _written(table: "pa.Table") -> bytes:
    import pyarrow as pa

    buffer = pa.BufferOutputStream()
    light = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_file(buffer, table.schema, options=light) as file:
        file.write_table(table)
    body: bytes = buffer.getvalue().to_pybytes()
    return body


def _read(body: bytes) -> "pa.Table":
    """Read a file by this thread alone, as in outputs.py."""
    import pyarrow as pa

    return pa.ipc.open_file(body, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()


def sample_of(body: bytes) -> Sample:
    """Return the sample that `sample_bytes` wrote."""
    table = _read(body)
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
