"""Gives the rows of a lake's files the columns that the table has: other names, values that a file's rows share.

Rows that the table's log says are deleted are left out, by their file and position.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rtb_optimizer.engines.duckdb.names import quoted
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW

if TYPE_CHECKING:
    import duckdb


class TableView:
    """The view of a lake's files as their table; `computed` are its columns that the files lack, or call otherwise."""

    def __init__(self, database: "duckdb.DuckDBPyConnection", name: str, reading: Reading) -> None:
        self._duckdb, self._name, self._reading = database, name, reading
        table, wanted = reading.table, {name.casefold() for name in reading.columns}
        self._shared = {n: kind for n, kind in table.shared.items() if n.casefold() in wanted} if table else {}
        self._stored_as = table.stored_as if table else {}
        self._deleted = {url: rows for url, rows in reading.deleted.items() if rows}

    @property
    def computed(self) -> Mapping[str, str]:
        """The columns by name, with the name that files have for it; empty where none has it."""
        return {**self._stored_as, **dict.fromkeys(self._shared, "")}

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the files count."""
        return not self._deleted

    def create(self, types: Mapping[str, str]) -> None:
        """Put the table's columns and rows over a view of the files, whose columns are given."""
        if not (self._shared or self._stored_as or self._deleted):
            return
        folded = {name.casefold(): name for name in types}
        stored = {s.casefold(): name for name, s in self._stored_as.items() if s.casefold() in folded}
        shared = {name.casefold() for name in self._shared}
        kept = [
            f"files.{quoted(name)} AS {quoted(stored.get(fold, name))}"
            for fold, name in folded.items()
            if stored.get(fold, name).casefold() not in shared and (fold in stored or fold not in self._renamed_over())
        ]
        values = [f"of_file.{quoted(name)}" for name in self._shared]
        self._duckdb.execute(f"ALTER VIEW {self._name} RENAME TO files_of_{self._name}")
        self._duckdb.execute(
            f"CREATE VIEW {self._name} AS SELECT {', '.join([*kept, *values])} FROM files_of_{self._name} AS files"
            f"{self._of_file()}{self._without_deleted()}"
        )

    def _renamed_over(self) -> set[str]:
        """Return the names of columns that the files call otherwise: a column of that name in a file is another."""
        return {name.casefold() for name in self._stored_as}

    def _of_file(self) -> str:
        """Store the values that the rows of a file share; return the join."""
        if not self._shared:
            return ""
        import pyarrow as pa

        urls = list(self._reading.contents)
        texts = {n: [self._reading.values.get(url, {}).get(n) for url in urls] for n in self._shared}
        self._load("values", pa.table({SOURCE_FILE: urls, **{n: pa.array(v, pa.string()) for n, v in texts.items()}}))
        typed = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in self._shared.items())
        return (
            f" LEFT JOIN (SELECT {SOURCE_FILE}, {typed} FROM {self._name}_values) AS of_file "
            f"ON files.{SOURCE_FILE} = of_file.{SOURCE_FILE}"
        )

    def _without_deleted(self) -> str:
        """Store the places of deleted rows; return the test that a row is none of them."""
        if not self._deleted:
            return ""
        import pyarrow as pa

        places = {
            SOURCE_FILE: [url for url, rows in self._deleted.items() for _ in rows],
            SOURCE_ROW: [row for rows in self._deleted.values() for row in rows],
        }
        self._load("deleted", pa.table(places))
        same = " AND ".join(f"files.{part} = gone.{part}" for part in (SOURCE_FILE, SOURCE_ROW))
        return f" ANTI JOIN {self._name}_deleted AS gone ON {same}"

    def _load(self, what: str, rows: object) -> None:
        self._duckdb.register("rows_to_load", rows)
        self._duckdb.execute(f"CREATE OR REPLACE TABLE {self._name}_{what} AS SELECT * FROM rows_to_load")
        self._duckdb.unregister("rows_to_load")


def listed_by_id(by_id: Mapping[int, tuple[str, str]], urls: str) -> str:
    """Return the reading of files whose columns are found by their field ids, as a table function."""
    columns = ", ".join(
        f"{number}: {{name: '{name.replace(chr(39), chr(39) * 2)}', type: '{kind}', default_value: NULL}}"
        for number, (name, kind) in by_id.items()
    )
    return f"read_parquet([{urls}], schema = MAP {{{columns}}}"
