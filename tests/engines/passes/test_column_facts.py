"""The bounds of a column are those of its numbers, where it has numbers, in the spelling of the logs."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.column_facts import column_facts

COLUMNS = {
    "hours as texts": (["9", "10", "23", "0"], ("0", "23")),
    "minutes late": (["-1.0", "99.0", "1301.0", "-12.0"], ("-12.0", "1301.0")),
    "zeros in front": (["007", "10", "0123"], ("007", "0123")),
    "texts and few numbers": (["beta", "10", "9", "alpha"], ("10", "beta")),
    "yes and no": (["yes", "no", "yes"], ("no", "yes")),
    "a missing one": (["9", "", "10"], ("9", "10")),
    "epochs": ([1_764_547_200, 1_764_547_201], ("1764547200", "1764547201")),
    "ids": ([12_345_678, 7], ("7", "12345678")),
    "prices": ([0.25, 12.5], ("0.25", "12.5")),
    "nothing": (pa.nulls(2, pa.string()), ("", "")),
}


@pytest.mark.parametrize(("values", "bounds"), COLUMNS.values(), ids=COLUMNS)
def test_the_bounds_of_a_column_are_in_the_order_of_its_numbers(tmp_path, values, bounds):
    pq.write_table(pa.table({"column": values}), tmp_path / "logs.parquet")
    with DuckDBEngine(None, 1, 64) as engine:
        [facts] = column_facts(engine, engine.open_logs([str(tmp_path / "logs.parquet")]), ["-"])

    assert (facts.lowest, facts.highest) == bounds
