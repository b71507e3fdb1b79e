"""Turns files of text into Parquet in the engine's own folder, once: every statement then reads columns, not lines.

A file is read by one thread from its first line to its last, so that a row's position in it is the number of its line.
Every value stays the text that it is in the file; a list of JSON stays JSON, a record becomes a column for each of its
fields, named by its path. A line that is no row is counted, and does not count.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtb_optimizer.core.config.formats import QUOTES, Content, Format, TextDialect, delimiter_of
from rtb_optimizer.engines.duckdb.names import quoted
from rtb_optimizer.engines.protocol import BadLines
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

MAX_LINE_BYTES = 32 << 20
_JSON_ERROR = "it is no JSON object"
_REJECTS = ("reject_errors", "reject_scans")

Lend = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]
"""Lends a database of one thread that reads the files of the logs."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of text, the Parquet that holds its rows, their number, and the lines that are none.

    `nested` are the paths of plain values in its lists.
    """

    url: str
    path: str
    rows: int
    bad: BadLines | None
    nested: tuple[str, ...] = ()


def stage(contents: Mapping[str, Content], dialect: TextDialect, folder: Path, threads: int, lend: Lend) -> "Stage":
    """Write the Parquet of files of text; return them in the order of the files.

    Args:
        contents: What each file holds, by URL.
        dialect: How lines are cut.
        folder: Where the Parquet is written.
        threads: How many files are read at once.
        lend: See Lend.

    Raises:
        LogsInvalid: naming a file whose columns are not known, or share a name.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write(numbered: tuple[int, tuple[str, Content]]) -> StagedFile:
        number, (url, content) = numbered
        with lend() as database:
            return _write(database, url, content, dialect, folder / f"{number:06d}.parquet")

    with ThreadPoolExecutor(threads) as pool:
        return Stage(tuple(pool.map(write, enumerate(contents.items()))))


@dataclass(frozen=True, slots=True)
class Stage:
    """Files of text that were staged."""

    files: Sequence[StagedFile]

    @property
    def bad_lines(self) -> Sequence[BadLines]:
        """The lines that are no rows, by file."""
        return [file.bad for file in self.files if file.bad is not None]

    @property
    def nested(self) -> Sequence[str]:
        """The paths of plain values in lists, of all files."""
        return list(dict.fromkeys(path for file in self.files for path in file.nested))


def _write(
    database: "duckdb.DuckDBPyConnection", url: str, content: Content, dialect: TextDialect, to: Path
) -> StagedFile:
    of_format = _csv_rows if content.format is Format.CSV else _json_rows
    columns, rows, bad, nested = of_format(database, url, content, dialect)
    if SOURCE_FILE in columns or len(set(map(str.casefold, columns))) < len(columns):
        twice = [name for name, n in Counter(map(str.casefold, columns)).items() if n > 1]
        raise LogsInvalid(f"{url} names column {', '.join(map(repr, twice[:3]))} more than once: rename one of them")
    place = f"{literal(url)} AS {SOURCE_FILE}, ROW_NUMBER() OVER () - 1 AS {SOURCE_ROW}"
    statement = f"COPY (SELECT *, {place} FROM ({rows})) TO {literal(str(to))} (FORMAT parquet)"
    [(count,)] = database.execute(statement).fetchall()
    return StagedFile(url, str(to), int(count), bad(database), nested)


Bad = Callable[["duckdb.DuckDBPyConnection"], BadLines | None]
Rows = tuple[Sequence[str], str, Bad, tuple[str, ...]]
"""Columns, the statement for the rows, what finds the bad lines once it has run, and the paths into lists."""


def _csv_rows(database: "duckdb.DuckDBPyConnection", url: str, content: Content, dialect: TextDialect) -> Rows:
    for table in _REJECTS:
        database.execute(f"DROP TABLE IF EXISTS {table}")
    delimiter, quote = delimiter_of(content.first_line, dialect), QUOTES[dialect.quote]
    columns = dialect.columns or _header(url, content.first_line, delimiter, quote)
    named = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    options = [
        f"columns = {{{named}}}, auto_detect = false, header = {'false' if dialect.columns else 'true'}",
        f"delim = {literal(delimiter)}, quote = {literal(quote)}, escape = {literal(quote)}, nullstr = ''",
        f"compression = {literal(content.compression)}, store_rejects = true, max_line_size = {MAX_LINE_BYTES}",
        "hive_partitioning = false",
    ]

    def bad(database: "duckdb.DuckDBPyConnection") -> BadLines | None:
        statement = "SELECT COUNT(DISTINCT line), MIN(line), ARG_MIN(error_message, line) FROM reject_errors"
        [(lines, first, why)] = database.execute(statement).fetchall()
        return BadLines(url, int(lines), int(first), " ".join(str(why).split())) if lines else None

    return columns, f"SELECT * FROM read_csv({literal(url)}, {', '.join(options)})", bad, ()


def _header(url: str, first_line: str, delimiter: str, quote: str) -> Sequence[str]:
    """Return the names in the first line of a file.

    Raises:
        LogsInvalid: when one is blank, as in a file without a header.
    """
    quoting: Mapping[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    names = [name.strip() for name in next(csv.reader([first_line], delimiter=delimiter, **quoting))]
    if all(names):
        return names
    raise LogsInvalid(
        f"the first line of {url} names {len(names)} columns, and {names.count('')} of the names are blank: set "
        "csv_columns where the files have no header, or csv_delimiter"
    )


def _json_rows(database: "duckdb.DuckDBPyConnection", url: str, content: Content, _dialect: TextDialect) -> Rows:
    lines = (
        f"(SELECT json FROM read_json_objects({literal(url)}, format = 'newline_delimited', ignore_errors = true, "
        f"compression = {literal(content.compression)}, maximum_object_size = {MAX_LINE_BYTES}, "
        "hive_partitioning = false))"
    )
    numbered = f"(SELECT json, ROW_NUMBER() OVER () AS line FROM {lines})"
    is_row = "COALESCE(json_type(json) = 'OBJECT', FALSE)"
    shapes = database.execute(
        f"SELECT CASE WHEN {is_row} THEN json_structure(json) END AS shape, COUNT(*), MIN(line) FROM {numbered} "
        "GROUP BY shape"
    ).fetchall()
    bad_lines, first = next(((lines, line) for shape, lines, line in shapes if shape is None), (0, 0))
    in_order = sorted((line, shape) for shape, _, line in shapes if shape is not None)
    leaves = dict(leaf for _, shape in in_order for leaf in _leaves(json.loads(shape)))
    columns = list(leaves)
    paths = ", ".join(literal(path) for path in leaves.values())
    values = ", ".join(f"v[{n}] AS {quoted(name)}" for n, name in enumerate(columns, start=1))
    found = BadLines(url, int(bad_lines), int(first), _JSON_ERROR) if bad_lines else None
    extracted = f"SELECT json_extract_string(json, [{paths}]) AS v FROM {lines} WHERE {is_row}"
    rows = f"SELECT {values} FROM ({extracted})" if columns else f"SELECT NULL AS empty FROM {lines} WHERE FALSE"
    nested = dict.fromkeys(path for _, shape in in_order for path in _in_lists(json.loads(shape)))
    return columns, rows, lambda _database: found, tuple(nested)


def _in_lists(structure: object, names: tuple[str, ...] = (), *, is_listed: bool = False) -> Iterator[str]:
    """Yield the paths of plain values in lists, of the first element each."""
    if isinstance(structure, dict):
        for name, below in structure.items():
            yield from _in_lists(below, (*names, name), is_listed=is_listed)
    elif isinstance(structure, list):
        for element in structure[:1]:
            yield from _in_lists(element, (*names, "0"), is_listed=True)
    elif is_listed and structure != "NULL":
        yield ".".join(names)


def _leaves(structure: object, names: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each value that is no record."""
    if isinstance(structure, dict):
        for name, below in structure.items():
            yield from _leaves(below, (*names, name))
    elif structure != "NULL":
        yield ".".join(names), "$" + "".join(f'."{name}"' for name in names)
