"""Columns that files spell, nest or store otherwise than the configuration names them, by what they are found as."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from rtb_optimizer.engines.protocol import Reading

N = {"n": [1, 2]}
RECORDS = N | {
    "device": [{"geo": {"country": "US"}, "Type": 1}, {"geo": None, "Type": 2}],
    "imp": [[{"w": 300}, {"w": 728}], []],
    "a.b": [7, 8],
    "counted": pa.array([[("k", 1)], [("j", 2)]], pa.map_(pa.string(), pa.int64())),
}
TEXTS_OF_JSON = N | {"ext": ['{"a": [{"b.c": "x"}]}', "no json"]}
FOUND = [
    ({"f": N | {"Site": ["a", "b"]}}, "site", ["a", "b"]),
    ({"f": N | {"site": ["a", "b"]}}, "SITE", ["a", "b"]),
    ({"f": {"n": [1], "Site": ["a"]}, "g": {"n": [2], "site": ["b"]}}, "site", ["a", "b"]),
    ({"f": {"n": [1], "Site": ["a"]}, "g": {"n": [2], "SITE": ["b"]}}, "site", ["a", "b"]),
    ({"f": {"n": [1], "Site": ["a"]}, "g": {"n": [2], "site": pa.nulls(1, pa.string())}}, "Site", ["a", None]),
    ({"f": N | {"Site": ["a", "b"], "site": ["c", "d"]}}, "site", ["c", "d"]),
    ({"f": N | {"site": ["c", "d"], "Site": ["a", "b"]}}, "site", ["c", "d"]),
    ({"f": RECORDS}, "device.geo.country", ["US", None]),
    ({"f": RECORDS}, "DEVICE.Geo.country", ["US", None]),
    ({"f": RECORDS}, "device.type", [1, 2]),
    ({"f": RECORDS}, "imp.1.w", [728, None]),
    ({"f": RECORDS}, "counted.k", [1, None]),
    ({"f": RECORDS}, "a.b", [7, 8]),
    ({"f": {"n": [1], "Device": [{"type": 3}]}, "g": {"n": [2], "device": [{"type": 4}]}}, "device.type", [3, 4]),
    ({"f": N | {"price": [Decimal("1.50"), None]}}, "PRICE", [Decimal("1.50"), None]),
    ({"day=1/site=x y/f": {"n": [1]}, "day=1/site=z%20/f": {"n": [2]}}, "site", ["x y", "z "]),
    ({"site=a/f": {"n": [1]}, "site=a/SITE=b+c/f": {"n": [2]}}, "site", ["a", "b+c"]),
    ({"site=a/site=ü%C3%BC/f": {"n": [1]}, "site=%zz/f": {"n": [2]}}, "Site", ["üü", "%zz"]),
    ({"site=/f": {"n": [1]}, "other=1/f": {"n": [2]}, "site=x/f": {"n": [3]}}, "site", [None, None, "x"]),
    ({"day=1/site=__HIVE_DEFAULT_PARTITION__/f": {"n": [1]}, "day=1/Site=s/f": {"n": [2]}}, "site", [None, "s"]),
    ({"site=folder/f": N | {"site": ["own", "own"]}}, "site", ["own", "own"]),
]
"""Tables by path, a name, and its values in the order of `n`."""
FOUND_BY_SPARK = [*FOUND, ({"day=1/site=z%2F/f": {"n": [1]}}, "site", ["z/"])]
"""More of them, in files that Sail refuses."""
LARGE = 2**53 + 1
SEVERAL_TYPES = [
    ([pa.array([1], pa.int32()), pa.array([LARGE])], [1, LARGE]),
    ([pa.array([LARGE]), pa.array([-1], pa.int8()), pa.array([2], pa.int16())], [LARGE, -1, 2]),
    ([pa.array([0.1], pa.float32()), pa.array([0.1])], [0.10000000149011612, 0.1]),
    ([pa.array([LARGE]), pa.array([0.1], pa.float32()), pa.array([0.5])], [2.0**53, 0.10000000149011612, 0.5]),
    ([pa.array([7]), pa.array(["007"])], ["7", "007"]),
    ([pa.array([True]), pa.array([-7], pa.int8()), pa.array(["x"]), pa.array([False])], ["true", "-7", "x", "false"]),
    ([pa.array([date(2026, 3, 6)]), pa.array(["x"])], ["2026-03-06", "x"]),
    ([pa.nulls(1), pa.array(["x"])], [None, "x"]),
    ([pa.nulls(1), pa.array([0.5]), pa.nulls(1)], [None, 0.5, None]),
]
"""Columns, a file each, and their values as one."""
SEVERAL_TYPES_OF_SPARK = [*SEVERAL_TYPES, ([pa.array(["x"]), pa.array(["y"]).dictionary_encode()], ["x", "y"])]
"""More of them, which Sail refuses."""
NO_COMMON_TYPE = [
    [pa.array([0.5]), pa.array(["x"])],
    [pa.array([True]), pa.array([1])],
    [pa.array([1]), pa.array([0.5], pa.float32())],
    [pa.array([1]), pa.array([date(2026, 3, 6)])],
    [pa.array([datetime(2026, 3, 6, tzinfo=UTC)]), pa.array(["x"])],
    [pa.array([{"a": 1}]), pa.array([1])],
]
"""Columns whose values engines write otherwise, or take for other things."""
NOWHERE = ["device.geo.city", "device.0", "imp.x", "nothing", "n.x", "counted.0.x"]
"""Names that RECORDS have no values of."""
NAMES = [
    *(
        "a b.parquet",
        "ü.parquet",
        "e\u0301.parquet",
        "\U0001f600.parquet",
        "p%20q.parquet",
        "p+q.parquet",
        "a%.parquet",
    ),
    *("x[0]*?.parquet", "qu'o\"te.parquet", "h#h.parquet", "nb\u00a0x.parquet", "k=v w/part 0.parquet"),
    *("a;b=c,d&e|f^g~`.parquet", "trailing.parquet "),
]
"""Names of files, each of which some system takes for another one, or for a pattern."""
NAMES_OF_SPARK = [*NAMES, "{a,b}.parquet", "back\\slash.parquet", "ctl\x01.parquet", "line\nend.parquet"]
"""More of them, which Sail refuses."""


BOTH, OTHER_ORDER = {"n": [1], "Site": ["a"], "site": ["b"]}, {"n": [2], "site": ["c"], "Site": ["d"]}
UNLIKE = [
    {"f": BOTH, "g": {"n": [2], "site": ["c"]}},
    {"f": {"n": [2], "site": ["c"]}, "g": BOTH},
    {"f": {"n": [2]}, "g": BOTH, "h": {"n": [3], "Site": ["d"]}},
    {"f": BOTH, "g": OTHER_ORDER},
]
"""Files one of which has two columns that differ in case alone, and another has them otherwise."""


def files_of(columns, *names):
    """Return a table for each column, by path; `names` are what they call it, the first the others as well."""
    called = [*names, *[names[0]] * (len(columns) - len(names))]
    return {f"f{n}": {"n": [n], called[n]: column} for n, column in enumerate(columns)}


def opened(engine, folder, tables, *columns):
    """Write tables by path, and open them in an engine; returns the URLs and the types."""
    urls = []
    for path, table in tables.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), folder / path)
        urls.append(f"local://{folder}/{path}")
    return urls, engine.open_logs(urls, Reading(columns=columns, below=f"local://{folder}/"))


def values(engine, folder, tables, *columns):
    """Return the values of columns in the order of `n`, those that are found."""
    _, types = opened(engine, folder, tables, *columns, "n")
    found = [name for name in columns if name in types]
    named = ", ".join(engine.dialect.identifier(name) for name in found)
    rows = engine.query(f"SELECT {named or 'n'} FROM logs ORDER BY n").to_pydict()
    return {name: rows[name] for name in found}
