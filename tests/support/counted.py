"""Exact counts both ways: on the codes that Parquet stores, and in SQL. They never differ."""

from collections.abc import Sequence

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.engines.exact.counts import counts_in_sql, exact_counts
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable


def counted(engine: Engine, table: LogTable, features: Sequence[str], published: Sequence[str]) -> dict[str, Counts]:
    """Return the exact statistics of one term, after a check that both ways agree."""
    by_code = exact_counts(engine, table, {"term": features}, {"term": published}).statistics["term"]
    assert by_code == counts_in_sql(engine, table, {"term": features}, {"term": published}).statistics["term"]
    return by_code
