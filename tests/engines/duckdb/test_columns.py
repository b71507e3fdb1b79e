"""Columns that files spell, nest or store otherwise than the configuration names them."""

import pytest
from pyarrow.fs import LocalFileSystem

from columns_of_logs import BOTH, FOUND_BY_SPARK, NOWHERE, RECORDS, TEXTS_OF_JSON, UNLIKE, N, opened, values
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.errors import LogsInvalid


@pytest.fixture
def duckdb():
    with DuckDBEngine(LocalFileSystem(), 2, 256) as engine:
        yield engine


@pytest.mark.parametrize(("tables", "column", "expected"), FOUND_BY_SPARK)
def test_a_name_is_a_column_or_one_in_another_case_or_a_path_or_a_key_of_the_folders(
    duckdb, tmp_path, tables, column, expected
):
    assert values(duckdb, tmp_path, tables, column)[column] == expected


def test_a_path_into_a_text_is_one_into_the_json_that_it_holds(duckdb, tmp_path):
    found = values(duckdb, tmp_path, {"f": TEXTS_OF_JSON}, "ext.a.0", "ext.b.c")
    assert found == {"ext.a.0": ['{"b.c":"x"}', None], "ext.b.c": [None, None]}


@pytest.mark.parametrize("column", NOWHERE)
def test_what_is_nowhere_is_no_column(duckdb, tmp_path, column):
    assert values(duckdb, tmp_path, {"f": RECORDS}, column).get(column) in (None, [None, None])


@pytest.mark.parametrize("columns", [("site", "Site"), ("SITE",)])
def test_two_columns_that_differ_in_case_alone_are_refused_where_either_could_be_meant(duckdb, tmp_path, columns):
    with pytest.raises(LogsInvalid, match=r"'Site' and 'site', which differ in case alone"):
        values(duckdb, tmp_path, {"f": N | {"Site": ["a", "b"], "site": ["c", "d"]}}, *columns)


@pytest.mark.parametrize("tables", UNLIKE)
def test_files_that_do_not_all_have_both_of_two_such_columns_are_refused(duckdb, tmp_path, tables):
    """DuckDB gives the columns of one file to those of another by their order."""
    with pytest.raises(LogsInvalid, match=r"'Site' and 'site', and .* has .*: rename one of them"):
        values(duckdb, tmp_path, tables, "site")


def test_files_that_lack_both_of_two_such_columns_are_read(duckdb, tmp_path):
    assert values(duckdb, tmp_path, {"f": {"n": [0]}, "g": BOTH}, "site") == {"site": [None, "b"]}


def test_a_file_that_lacks_what_a_path_begins_with_is_named(duckdb, tmp_path):
    urls, _ = opened(duckdb, tmp_path, {"f": RECORDS, "g": N}, "device.type", "N")
    assert duckdb.files_without(["device.type", "N"]) == {"device.type": [urls[1]]}
