"""Columns that files spell, nest or store otherwise than the configuration names them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.errors import LogsInvalid


@pytest.fixture
def read(tmp_path):
    """Write tables by path and read columns of them; returns the values of each column, in order."""

    def of(tables, *columns):
        urls = []
        for path, table in tables.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(table), tmp_path / path)
            urls.append(f"local://{tmp_path}/{path}")
        with DuckDBEngine(LocalFileSystem(), 2, 256) as engine:
            types = engine.open_logs(urls, Reading(columns=columns, below=f"local://{tmp_path}/"))
            found = [name for name in columns if name in types]
            named = ", ".join(engine.dialect.identifier(name) for name in found)
            rows = engine.query(f"SELECT {named} FROM logs ORDER BY n").to_pydict()
            return {name: rows[name] for name in found}

    return of


N = {"n": [1, 2]}
RECORDS = N | {
    "device": [{"geo": {"country": "US"}, "Type": 1}, {"geo": None, "Type": 2}],
    "imp": [[{"w": 300}, {"w": 728}], []],
    "ext": ['{"a": [{"b.c": "x"}]}', "no json"],
    "a.b": [7, 8],
}


@pytest.mark.parametrize(
    ("tables", "column", "values"),
    [
        ({"f": N | {"Site": ["a", "b"]}}, "site", ["a", "b"]),
        ({"f": N | {"site": ["a", "b"]}}, "SITE", ["a", "b"]),
        ({"f": {"n": [1], "Site": ["a"]}, "g": {"n": [2], "site": ["b"]}}, "site", ["a", "b"]),
        ({"f": N | {"Site": ["a", "b"], "site": ["c", "d"]}}, "site", ["c", "d"]),
        ({"f": N | {"site": ["c", "d"], "Site": ["a", "b"]}}, "site", ["c", "d"]),
        ({"f": RECORDS}, "device.geo.country", ["US", None]),
        ({"f": RECORDS}, "device.type", [1, 2]),
        ({"f": RECORDS}, "imp.1.w", [728, None]),
        ({"f": RECORDS}, "ext.a.0", ['{"b.c":"x"}', None]),
        ({"f": RECORDS}, "a.b", [7, 8]),
        ({"day=1/site=x y/f": {"n": [1]}, "day=1/site=z%2F/f": {"n": [2]}}, "site", ["x y", "z/"]),
        ({"day=1/site=__HIVE_DEFAULT_PARTITION__/f": {"n": [1]}, "day=1/Site=s/f": {"n": [2]}}, "site", [None, "s"]),
        ({"site=folder/f": N | {"site": ["own", "own"]}}, "site", ["own", "own"]),
    ],
)
def test_a_name_is_a_column_or_one_in_another_case_or_a_path_or_a_key_of_the_folders(read, tables, column, values):
    assert read(tables, column, "n")[column] == values


@pytest.mark.parametrize("column", ["device.geo.city", "device.0", "imp.x", "nothing", "ext.b.c", "n.x"])
def test_what_is_nowhere_is_no_column(read, column):
    found = read({"f": RECORDS}, column, "n")
    assert found.get(column) in (None, [None, None])


@pytest.mark.parametrize("columns", [("site", "Site"), ("SITE",)])
def test_two_columns_that_differ_in_case_alone_are_refused_where_either_could_be_meant(read, columns):
    with pytest.raises(LogsInvalid, match=r"'Site' and 'site', which differ in case alone"):
        read({"f": N | {"Site": ["a", "b"], "site": ["c", "d"]}}, *columns, "n")


def test_a_file_that_lacks_what_a_path_begins_with_is_named(tmp_path):
    for name, table in (("f", RECORDS), ("g", N)):
        pq.write_table(pa.table(table), tmp_path / name)
    urls = [f"local://{tmp_path}/{name}" for name in "fg"]
    with DuckDBEngine(LocalFileSystem(), 2, 256) as engine:
        engine.open_logs(urls, Reading(columns=["device.type", "N"]))
        assert engine.files_without(["device.type", "N"]) == {"device.type": [urls[1]]}
