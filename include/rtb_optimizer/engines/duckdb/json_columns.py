"""Finds the columns of files of JSON lines: the values in their records, named by their paths.

DuckDB's `json_structure` tells all of a line. The types of paths that are known, and the names in records, cost a third
of that, as long as lines have most of them: one that has no more names than known paths has no others. The paths of the
first lines are found first, then those of all lines, until no line has a name or a record that is not known. Lines of
which each has few of many names, and what is in lists, are left to `json_structure`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtb_optimizer.engines.protocol import JsonColumns
from rtb_optimizer.engines.sql.dialect import literal

if TYPE_CHECKING:
    import duckdb

IS_ROW = "COALESCE(json_type(json) = 'OBJECT', FALSE)"
FIRST_LINES = 1_000
"""Lines whose names are about those of the whole file: most files have one schema."""
FIRST_FLAG = 5
MOST_PATHS_A_NAME = 2
"""With more known paths for each name in a line, `json_structure` costs less: measured on records of 300 keys."""

Names = tuple[str, ...]
"""The names that lead from a line to a value in its records; none are those of the line itself."""


def json_columns(database: "duckdb.DuckDBPyConnection", lines: str) -> JsonColumns:
    """Return the columns of a file.

    Args:
        database: A database of one thread.
        lines: The statement, in parentheses, that reads the lines in their order as the column `json`, NULL where a
            line is no JSON.
    """
    database.execute(f"CREATE OR REPLACE TEMP TABLE first_lines AS SELECT json FROM {lines} LIMIT {FIRST_LINES}")
    told = _all_told(database, "first_lines", _Known())
    if not told.is_sparse:
        told = _all_told(database, lines, told.known)
    if told.is_sparse:
        return _of_structures(database, lines)
    first_bad = [line for _, bad, line, *_ in told.groups if bad]
    return JsonColumns(told.values, sum(bad for _, bad, *_ in told.groups), min(first_bad, default=0), told.twice)


def _of_structures(database: "duckdb.DuckDBPyConnection", lines: str) -> JsonColumns:
    shapes = _shapes(database, lines)
    bad_lines, first_bad = next(((count, line) for shape, count, line in shapes if shape is None), (0, 0))
    whole = [json.loads(shape) for shape, *_ in shapes if shape is not None]
    return JsonColumns(list(dict.fromkeys(names for shape in whole for names in _values(shape))), bad_lines, first_bad)


def _shapes(database: "duckdb.DuckDBPyConnection", lines: str) -> Sequence[tuple[str | None, int, int]]:
    """Return the structures of lines in order, None for lines that are no rows: how many have it, and the first."""
    numbered = f"SELECT json, ROW_NUMBER() OVER () AS line FROM {lines}"
    shape = f"CASE WHEN {IS_ROW} THEN json_structure(json) END"
    statement = f"SELECT {shape} AS shape, COUNT(*), MIN(line) FROM ({numbered}) GROUP BY shape ORDER BY 3"
    return database.execute(statement).fetchall()


def _values(structure: object, names: Names = ()) -> Iterator[Names]:
    if isinstance(structure, dict):
        for name, below in structure.items():
            yield from _values(below, (*names, name))
    elif structure != "NULL":
        yield names


def paths_in_lists(database: "duckdb.DuckDBPyConnection", lines: str) -> list[str]:
    """Return the paths of plain values in lists, of the first element each; arguments as of `json_columns`."""
    whole = [json.loads(shape) for shape, *_ in _shapes(database, lines) if shape is not None]
    return list(dict.fromkeys(path for shape in whole for path in _in_lists(shape)))


def _in_lists(structure: object, names: Names = (), *, is_listed: bool = False) -> Iterator[str]:
    if isinstance(structure, dict):
        for name, below in structure.items():
            yield from _in_lists(below, (*names, name), is_listed=is_listed)
    elif isinstance(structure, list):
        for element in structure[:1]:
            yield from _in_lists(element, (*names, "0"), is_listed=True)
    elif is_listed and structure != "NULL":
        yield ".".join(names)


def path_of(names: Sequence[str]) -> str:
    """Return the path of a value: a JSON pointer (RFC 6901) where DuckDB's own paths cannot spell a name.

    A pointer counts the elements of lists too; a path takes a number in quotes for the name that it is.
    """
    if any(name == "" or '"' in name or "*" in name for name in names):
        return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    return "$" + "".join(f'."{name}"' for name in names)


@dataclass(frozen=True, slots=True)
class _Known:
    """The paths that occur, in the order in which they were found, and those that are records in some line."""

    paths: tuple[Names, ...] = ()
    records: tuple[Names, ...] = ()

    def statement(self, lines: str) -> str:
        """Return what tells the lines apart by these; see `_Told`."""
        records = ((), *self.records)
        types = ", ".join(literal(path_of(names)) for names in ((), *self.paths))
        of_records = ", ".join(literal(path_of(names)) for names in records)
        number = " + ".join(f"COALESCE(LEN(names[{n}]), 0)" for n in range(1, len(records) + 1))
        place = {names: n for n, names in enumerate(records, start=1)}
        flags = list[str]()
        for n, names in enumerate(self.paths, start=2):
            empty = f"LEN(names[{place[names]}]) = 0" if names in place else "FALSE"
            flags.append(f"BOOL_OR(types[{n}] <> 'NULL' AND (types[{n}] <> 'OBJECT' OR {empty}))")
        flags += [f"BOOL_OR(types[{n}] = 'OBJECT')" for n in range(2, len(self.paths) + 2)]
        numbered = f"SELECT json, ROW_NUMBER() OVER () AS line FROM {lines}"
        told = f"SELECT line, json_type(json, [{types}]) AS types, json_keys(json, [{of_records}]) AS names"
        return (
            f"SELECT CASE WHEN named > LIST_COUNT(types) - 1 THEN names END AS more, COUNT(*) FILTER (NOT is_row), "
            f"MIN(line) FILTER (NOT is_row), COUNT(*), SUM(named){''.join(', ' + flag for flag in flags)} "
            f"FROM (SELECT *, {number} AS named, COALESCE(types[1] = 'OBJECT', FALSE) AS is_row "
            f"FROM ({told} FROM ({numbered}))) GROUP BY more"
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What lines have of the paths that are known.

    A group is of lines with the same names, where these are more than are known, else of all others: the names of the
    line and of each record, the lines that are no rows, the first of them, all lines, all names in them, and for each
    path whether it is a value in one of them, then for each whether it is a record.
    """

    known: _Known
    groups: Sequence[Sequence[Any]]

    @property
    def values(self) -> Sequence[Names]:
        """The paths that are values in some line."""
        return self._flagged(FIRST_FLAG)

    @property
    def found(self) -> _Known:
        """What is known now."""
        records = self._flagged(FIRST_FLAG + len(self.known.paths))
        paths = dict.fromkeys([*self.known.paths, *self._names()])
        return _Known(tuple(paths), tuple(dict.fromkeys([*self.known.records, *records])))

    @property
    def is_sparse(self) -> bool:
        """Whether most lines have few of the names that are known now."""
        lines, names = (int(sum(group[n] for group in self.groups)) for n in (3, 4))
        return lines * len(self.found.paths) > MOST_PATHS_A_NAME * names

    @property
    def twice(self) -> Sequence[Names]:
        """The names that a line with more of them than are known gives twice: engines differ in which they read."""
        counted = Counter(
            (*above, name, place)
            for place, (more, *_) in enumerate(self.groups)
            for above, names in zip(((), *self.known.records), more or (), strict=False)
            for name in names or ()
        )
        return list(dict.fromkeys(names[:-1] for names, count in counted.items() if count > 1))

    def _flagged(self, start: int) -> Sequence[Names]:
        return [names for n, names in enumerate(self.known.paths, start) if any(group[n] for group in self.groups)]

    def _names(self) -> Iterator[Names]:
        for more, *_ in self.groups:
            for above, names in zip(((), *self.known.records), more or (), strict=False):
                yield from ((*above, name) for name in names or ())


def _all_told(database: "duckdb.DuckDBPyConnection", lines: str, known: _Known) -> _Told:
    """Return what lines have, once all that they have is known, or too much to tell it this way."""
    while True:
        told = _Told(known, database.execute(known.statement(lines)).fetchall())
        if told.is_sparse or told.found == known:
            return told
        known = told.found
