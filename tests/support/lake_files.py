"""Files of tables of a lake, and what the tables' logs say of them: names, values, deleted rows."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from rtb_optimizer.core.config.formats import PARQUET
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.protocol import Reading


def numbered(*columns):
    """Return a table of columns, each a field id, a name and values."""
    fields = [
        pa.field(name, values.type, metadata={b"PARQUET:field_id": str(number).encode()})
        for number, name, values in columns
    ]
    return pa.table([values for *_, values in columns], pa.schema(fields))


ROWS = 500
FIRST = {"n": range(ROWS), "site": [f"s{n % 7}" for n in range(ROWS)]}
SECOND = {"n": range(ROWS, 2 * ROWS), "site": [None if n % 5 else "t" for n in range(ROWS)]}
SHARED = {
    "text": ("VARCHAR", "it's\\n", None),
    "day": ("DATE", "2026-03-06", "2026-03-07"),
    "whole": ("BIGINT", "-7", "9007199254740993"),
    "small": ("SMALLINT", "7", None),
    "share": ("DOUBLE", "0.1", "-1e300"),
    "exact": ("DECIMAL(10,2)", "1.50", "2"),
    "flag": ("BOOLEAN", "True", "false"),
    "at": ("TIMESTAMP", "2026-03-06 12:30:15.000001", None),
    "zoned": ("TIMESTAMP WITH TIME ZONE", "2026-03-06 12:30:15+00:00", "2026-03-06 12:30:15.5+02:00"),
}
STORED_AS = {"device": "col-1", "placement": "device", "Ü name": "col-ü"}
RENAMED = TableColumns(stored_as=STORED_AS, shared={"country": "VARCHAR"})
BY_ID = {
    1: ("n", "BIGINT"),
    2: ("device", "VARCHAR"),
    3: ("country", "VARCHAR"),
    4: ("price", "DOUBLE"),
    5: ("seen", "TIMESTAMP WITH TIME ZONE"),
    6: ("geo", 'STRUCT("region" VARCHAR)'),
    7: ("exact", "DECIMAL(12, 3)"),
}
SEEN = pa.array([datetime(2026, 3, 6, 12, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
IDS_OF_EARLY = numbered(
    (1, "n", pa.array([1, 2], pa.int32())),
    (2, "country", pa.array(["mobile", "tv"])),
    (3, "device", pa.array(["US", "DE"])),
    (6, "geo", pa.array([{"region": "x"}, None])),
    (9, "price", pa.array(["another", "column"])),
)
IDS_OF_LATE = numbered(
    (5, "seen", SEEN),
    (1, "n", pa.array([3, 4], pa.int64())),
    (4, "price", pa.array([0.5, None], pa.float32())),
    (2, "device", pa.array(["mobile", None])),
    (6, "geo", pa.array([{"region": None}, {"region": "y"}])),
    (7, "exact", pa.array([Decimal("1.5"), Decimal(2)], pa.decimal128(9, 1))),
)
OLD = {"n": [1, 2], "col-1": ["mobile", "tv"], "device": [7, 8], "placement": ["gone", "gone"], "col-ü": [1, 2]}
TABLES = {
    "deleted rows": (
        {"a": FIRST, "b": SECOND},
        ("n", "site"),
        {"deleted": ({0, 63, 64, 65, 127, 128, 499}, {*range(100, 400)})},
    ),
    "a file whose rows are all deleted": ({"a": FIRST, "b": SECOND}, ("n",), {"deleted": (set(), {*range(ROWS)})}),
    "values of files": (
        {"a": {"n": [1], "text": ["not the table's"]}, "b": {"n": [2]}},
        ("n", *SHARED),
        {
            "table": TableColumns(shared={name: kind for name, (kind, *_) in SHARED.items()}),
            "values": [{name: values[n] for name, (_, *values) in SHARED.items()} for n in (0, 1)],
        },
    ),
    "a value of files in another case": (
        {"a": {"n": [1]}, "b": {"n": [2]}},
        ("n", "COUNTRY"),
        {"table": TableColumns(shared={"country": "VARCHAR"}), "values": [{"country": "US"}, {"country": "DE"}]},
    ),
    "columns of other names": (
        {"a": OLD, "b": {"n": [3], "device": [9]}},
        ("n", "device", "placement", "Ü name", "country"),
        {"table": RENAMED, "values": [{"country": "US"}, {}], "deleted": ({1}, set())},
    ),
    "columns of other names, in another case": (
        {"a": OLD},
        ("n", "Device", "PLACEMENT"),
        {"table": RENAMED},
    ),
    "columns by their ids": (
        {
            "a": IDS_OF_EARLY,
            "b": IDS_OF_LATE,
            "c": IDS_OF_EARLY.set_column(0, IDS_OF_EARLY.field(0), pa.array([5, 6], pa.int32())),
        },
        ("n", "device", "country", "price", "seen", "geo.region", "exact"),
        {"table": TableColumns(by_id=BY_ID), "deleted": ({0}, set(), {1})},
    ),
    "a path, a key of the folders and a name in another case": (
        {"site=x y/a": {"n": [1], "Device": [{"os": "ios"}]}, "site=é/b": {"n": [2], "Device": [{"os": "tv"}]}},
        ("n", "site", "device.OS"),
        {"table": TableColumns(), "deleted": (set(), set())},
    ),
}
"""Files by path, the columns that are read, and what is known of the files, in their order."""


def opened(engine, folder, files, columns, said):
    """Write files, and open them in an engine as a table; returns their URLs and the types of the columns."""
    urls = [f"local://{folder}/{path}" for path in files]
    for path, table in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), folder / path, row_group_size=64)
    by_url = {
        key: dict(zip(urls, (sorted(of) if key == "deleted" else of for of in said[key]), strict=True))
        for key in ("values", "deleted")
        if key in said
    }
    contents = dict.fromkeys(urls, PARQUET)
    reading = Reading(contents, columns, below=f"local://{folder}/", table=said.get("table"), **by_url)
    return urls, engine.open_logs(urls, reading)


def rows(engine, columns):
    """Return the rows of columns as texts, in the order of `n`."""
    named = ", ".join(engine.dialect.identifier(name) for name in columns)
    found = engine.query(f"SELECT {named}, rtb_optimizer_source_row AS at FROM logs ORDER BY n").to_pylist()
    return [{name: str(value) for name, value in row.items()} for row in found]
