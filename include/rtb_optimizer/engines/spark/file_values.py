"""Gives the rows of a table on the cluster values that all rows of a file share, and takes single rows away."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.lookup import NO_VALUE, key_pattern
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

_DIALECT = SparkDialect()


def folder_values(name: str, urls: Sequence[str]) -> dict[str, str | None]:
    """Return the value of a key of the folders, by URL: that of the innermost folder which has it.

    Raises:
        LogsInvalid: for a value that is escaped and no text.
    """
    innermost = re.compile(f".*{key_pattern(name)}")
    found = {url: innermost.search(url) for url in urls}
    return {url: _decoded(match[1], url) if match else None for url, match in found.items()}


def _decoded(value: str, url: str) -> str | None:
    try:
        text = unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise LogsInvalid(f"a key of the folders of {url} is no UTF-8: {value!r}") from None
    return None if text in ("", NO_VALUE) else text


def with_file_values(
    session: "SparkSession",
    rows: "DataFrame",
    urls: Sequence[str],
    values: Mapping[str, Mapping[str, str | None]],
    kinds: Mapping[str, str],
) -> "DataFrame":
    """Return rows with columns whose values their files share.

    Args:
        session: The session.
        rows: The rows, without columns of these names.
        urls: The files.
        values: The values as text, by column and URL.
        kinds: Spark's types of the columns.
    """
    import pyarrow as pa

    if not values:
        return rows
    numbered = {f"v{n}": name for n, name in enumerate(values)}
    texts = {
        column: pa.array([values[name].get(url) for url in urls], pa.string()) for column, name in numbered.items()
    }
    of_file = session.createDataFrame(pa.table({"of_file": pa.array(urls, pa.string()), **texts}))
    typed = [f"CAST({column} AS {kinds[name]}) AS {_DIALECT.identifier(name)}" for column, name in numbered.items()]
    own = [_DIALECT.identifier(name) for name in rows.columns]
    joined = rows.join(of_file, rows[SOURCE_FILE] == of_file["of_file"], "left")
    return joined.selectExpr(*own, *typed)


def without_rows(session: "SparkSession", rows: "DataFrame", deleted: Mapping[str, Sequence[int]]) -> "DataFrame":
    """Return rows without those at some positions, by URL."""
    import pyarrow as pa

    if not any(deleted.values()):
        return rows
    places = {
        "of_file": pa.array([url for url, at in deleted.items() for _ in at], pa.string()),
        "of_row": pa.array([row for at in deleted.values() for row in at], pa.int64()),
    }
    gone = session.createDataFrame(pa.table(places))
    same = (rows[SOURCE_FILE] == gone["of_file"]) & (rows[SOURCE_ROW] == gone["of_row"])
    return rows.join(gone, same, "left_anti")
