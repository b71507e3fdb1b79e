"""Makes files of logs the table `logs`: Parquet as it is, texts staged, configured columns under their names."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rtb_optimizer.core.config.formats import PARQUET
from rtb_optimizer.engines.duckdb.columns import DuckDBSpelling
from rtb_optimizer.engines.duckdb.names import one_file, quoted
from rtb_optimizer.engines.duckdb.table_columns import TableView, listed_by_id
from rtb_optimizer.engines.duckdb.text_files import Lend, Stage, in_lists, stage
from rtb_optimizer.engines.parquet.row_groups import RowGroups
from rtb_optimizer.engines.progress import Progress
from rtb_optimizer.engines.protocol import BadLines, JsonColumns, Reading
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.lookup import Resolved, files_lacking, resolve, stored_names
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    from rtb_optimizer.engines.files.stored import StoredFiles

FOOTERS_AT_ONCE = 16


class LogView:
    """The table `logs` of a DuckDB, over files that are opened once; `rows` is how many they have."""

    def __init__(
        self,
        database: "duckdb.DuckDBPyConnection",
        filesystem: "FileSystem | StoredFiles | None",
        urls: Sequence[str],
        reading: Reading,
        name: str = "logs",
    ) -> None:
        self._duckdb, self._filesystem, self._urls, self._reading = database, filesystem, urls, reading
        self._name = name
        self._added: Mapping[str, str] = {}
        self._placed = ""
        self._staged = Stage(())
        self._in_lists: Sequence[str] = ()
        self._paths: Mapping[str, str] = {url: url for url in urls}
        self._resolved: Sequence[Resolved] = ()
        self._roots: Mapping[str, str] = {}
        self._table = TableView(database, name, reading)
        self.rows = 0

    @property
    def bad_lines(self) -> Sequence[BadLines]:
        """See Engine."""
        return self._staged.bad_lines

    @property
    def found(self) -> Mapping[str, JsonColumns]:
        """What the files of JSON lines were found to hold, by URL."""
        return {file.url: file.found for file in self._staged.files if file.found is not None}

    def stage(self, folder: Path, threads: int, lend: Lend) -> None:
        """Write the Parquet of the files of text, if there are any; look into lists where no columns are named."""
        texts = {url: content for url, content in self._reading.contents.items() if content != PARQUET}
        if texts:
            with Progress("files of text", 0, lambda: -1.0):
                self._staged = stage(texts, self._reading, folder, threads, lend)
                if not self._reading.columns:
                    self._in_lists = in_lists(texts, threads, lend)
            staged = {file.url: file.path for file in self._staged.files}
            self._paths = {staged.get(url, url): url for url in self._urls}

    def create(self) -> Mapping[str, str]:
        """Create the table; return its columns, but those of the engine's own, and their types."""
        is_text = bool(self._staged.files)
        columns = "*" if is_text else f"*, file_row_number AS {SOURCE_ROW}"
        name = "false" if is_text else literal(SOURCE_FILE)
        by_id = self._reading.table.by_id if self._reading.table else {}
        files = listed_by_id(by_id, self.listed()) if by_id else f"read_parquet([{self.listed()}], union_by_name = true"
        self._duckdb.execute(
            f"CREATE OR REPLACE VIEW {self._name} AS SELECT {columns} FROM "
            f"{files}, filename = {name}, hive_partitioning = false)"
        )
        self._table.create(self._types())
        types = self._types()
        statement = f"SELECT SUM(num_rows) FROM parquet_file_metadata([{self.listed()}])"
        self.rows = int(self._duckdb.execute(statement).fetchall()[0][0])
        return self._with_resolved({name: types[name] for name in types if name not in (SOURCE_FILE, SOURCE_ROW)})

    def add(self, table: str, columns: Mapping[str, str]) -> Mapping[str, str]:
        """Give the table columns of another by place; return their types. See Engine.add_columns."""
        self._placed, self._added = table, columns
        named = ", ".join(f"COALESCE({table}.{column}, 0) AS {quoted(name)}" for name, column in columns.items())
        places = " AND ".join(f"seen.{part} = {table}.{part}" for part in (SOURCE_ROW, SOURCE_FILE))
        self._duckdb.execute(f"ALTER VIEW {self._name} RENAME TO seen")
        self._duckdb.execute(
            f"CREATE VIEW {self._name} AS SELECT seen.*, {named} FROM seen LEFT JOIN {table} ON {places}"
        )
        types = self._types()
        return {name: types[name] for name in columns}

    @property
    def added(self) -> Mapping[str, str]:
        """The columns of another table that this one was given, by the names that they have here."""
        return self._added

    def nested_columns(self) -> Sequence[str]:
        """Return the paths of the plain values in records and lists: of the first file, or in the lists of texts.

        Of texts none are known where the reading names columns.
        """
        if self._staged.files:
            return self._in_lists
        return RowGroups.leaves(self._filesystem, self._urls[0])

    def places(self) -> "pa.Table":
        """Return the places and the values of the columns that were added, in order."""
        named = ", ".join([SOURCE_FILE, SOURCE_ROW, *dict.fromkeys(self._added.values())])
        return self._duckdb.sql(
            f"SELECT {named} FROM {self._placed} ORDER BY {SOURCE_FILE}, {SOURCE_ROW}"
        ).to_arrow_table()

    def listed(self) -> str:
        """Return what is read, as a list of literals without its brackets."""
        return ", ".join(literal(one_file(path)) for path in self._paths)

    def named_in(self, sql: str) -> Sequence[str]:
        """Return the columns of the files that a statement may read; one that is part of a word costs its bytes."""
        statement = sql.lower()
        return [root for name, root in self._roots.items() if root and name in statement]

    def has_as_stored(self, columns: Sequence[str]) -> bool:
        """Whether the files have these columns themselves, under these names."""
        table = self._reading.table
        if self._staged.files or not self._table.is_whole or (table is not None and table.by_id):
            return False
        otherwise = {*(each.name for each in self._resolved), *self._table.computed}
        return not any(name in otherwise for name in columns)

    def files_without(
        self, columns: Sequence[str], query: Callable[[str, str], "pa.Table"]
    ) -> Mapping[str, Sequence[str]]:
        """See Engine. Names are compared without case, as DuckDB reads them; of a path, the column that it is in."""
        columns = [name for name in columns if name not in self._added]
        if not columns or (self._reading.table is not None and self._reading.table.by_id):
            return {}
        roots = stored_names(columns, self._resolved, self._table.computed)
        if not roots:
            return {}
        wanted = ", ".join(literal(root.lower()) for root in roots.values())
        statement = (
            f"SELECT file_name, LOWER(name) AS name FROM parquet_schema([{self.listed()}]) "
            f"WHERE LOWER(name) IN ({wanted})"
        )
        rows = query(statement, "columns of the files").to_pydict()
        present = {(self._paths[path], name) for path, name in zip(rows["file_name"], rows["name"], strict=True)}
        return files_lacking(roots, self._urls, self._reading.below, lambda url, root: (url, root.lower()) in present)

    def _with_resolved(self, types: Mapping[str, str]) -> Mapping[str, str]:
        """Add the configured columns that the files have otherwise to the table; return the types of all."""
        types = self._with_exact_names(types)
        reading = self._reading
        spelling = DuckDBSpelling(types, self._type_of)
        self._resolved = resolve(reading.columns, types, self._urls, reading.below, spelling)
        spelled = {each.root: each.name for each in self._resolved if each.sql == quoted(each.root)}
        computed = [each for each in self._resolved if each.root not in spelled]
        if self._resolved:
            names = {**{each.name: each.sql for each in computed}, **{name: quoted(r) for r, name in spelled.items()}}
            columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in names.items())
            exclude = f"EXCLUDE ({', '.join(map(quoted, spelled))})" if spelled else ""
            self._duckdb.execute(f"ALTER VIEW {self._name} RENAME TO stored_{self._name}")
            self._duckdb.execute(f"CREATE VIEW {self._name} AS SELECT * {exclude}, {columns} FROM stored_{self._name}")
        roots = {each.name.lower(): each.root for each in self._resolved}
        self._roots = {name.lower(): name for name in types} | roots
        stored = {spelled.get(name, name): kind for name, kind in types.items()}
        return stored | {each.name: each.kind for each in self._resolved}

    def _types(self) -> dict[str, str]:
        return {name: kind for name, kind, *_ in self._duckdb.execute(f"DESCRIBE {self._name}").fetchall()}

    def _with_exact_names(self, types: Mapping[str, str]) -> Mapping[str, str]:
        """Return the types after columns that differ in case alone from others of their file got their own names back.

        DuckDB takes names without case: it calls the second one `Country_1`.

        Raises:
            LogsInvalid: where two of them are read, the one that is read is spelled as neither, or not all files that
                have one have both, in one order: DuckDB would give columns of one file to those of another.
        """
        folded = {name.casefold() for name in types}
        suspects = {name.casefold() for name in self._reading.columns if f"{name.casefold()}_1" in folded}
        if not suspects or self._staged.files or (self._reading.table is not None and self._reading.table.by_id):
            return types
        kept, gone = dict[str, str](), set[str]()
        for fold in sorted(suspects):
            alike = self._alike(fold)
            if len(alike) > 1:
                exact = self._read_of(alike)
                called = {name: name if n == 0 else f"{name}_{n}" for n, name in enumerate(alike)}
                kept[exact] = called[exact]
                gone |= set(called.values())
        if not kept:
            return types
        names = ", ".join(f"{quoted(called)} AS {quoted(name)}" for name, called in kept.items())
        excluded = ", ".join(map(quoted, sorted(gone)))
        self._duckdb.execute(f"ALTER VIEW {self._name} RENAME TO spelled_{self._name}")
        self._duckdb.execute(
            f"CREATE VIEW {self._name} AS SELECT * EXCLUDE ({excluded}), {names} FROM spelled_{self._name}"
        )
        others = {name: kind for name, kind in types.items() if name not in gone}
        return others | {name: types[called] for name, called in kept.items()}

    def _alike(self, fold: str) -> Sequence[str]:
        """Return the columns of that name in any case, as the files have them."""
        found = {url: [name for name in names if name.casefold() == fold] for url, names in self._names.items()}
        url, alike = max(found.items(), key=lambda each: len(each[1]))
        other = next((u for u, names in found.items() if names and len(alike) > 1 and names != alike), "")
        if other:
            raise LogsInvalid(
                f"{url} has columns {' and '.join(map(repr, alike))}, and {other} has "
                f"{' and '.join(map(repr, found[other]))}: rename one of them"
            )
        return alike

    @cached_property
    def _names(self) -> Mapping[str, Sequence[str]]:
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            names = pool.map(lambda url: RowGroups.names(self._filesystem, url), self._urls)
            return dict(zip(self._urls, names, strict=True))

    def _read_of(self, alike: Sequence[str]) -> str:
        named = {name for name in self._reading.columns if name.casefold() == alike[0].casefold()}
        if len(named) == 1 and named < set(alike):
            return named.pop()
        both = next(url for url, names in self._names.items() if set(alike) <= set(names))
        raise LogsInvalid(
            f"the logs have columns {' and '.join(map(repr, alike))}, which differ in case alone, as in "
            f"{both}: rename one of them, or configure one of these spellings alone"
        )

    def _type_of(self, sql: str) -> str | None:
        import duckdb

        try:
            [(_, kind, *_)] = self._duckdb.execute(f"DESCRIBE SELECT {sql} AS kind FROM {self._name}").fetchall()
        except duckdb.BinderException:
            return None
        return str(kind)
