"""Turns files of text into Parquet in the engine's own folder, once: every statement then reads columns, not lines.

A file is read by one thread from its first line to its last, so that a row's position in it is the number of its line.
Every value stays the text that it is in the file; a list of JSON stays JSON, a record becomes a column for each of its
fields, named by its path. A line that is no row is counted, and does not count.
"""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtb_optimizer.core.config.formats import INDEX, QUOTES, Content, Format, TextDialect, delimiter_of, is_row
from rtb_optimizer.engines.duckdb.json_columns import IS_ROW, json_columns, path_of, paths_in_lists
from rtb_optimizer.engines.duckdb.names import quoted
from rtb_optimizer.engines.protocol import BadLines, JsonColumns, Reading
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

MAX_LINE_BYTES = 32 << 20
_JSON_ERROR = "it is no JSON object"
_REJECTS = ("reject_errors", "reject_scans")
_NO_DELIMITER = "\x1e\x1f\x1e\x1f"
"""What no line holds, so that each is one field."""

Lend = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]
"""Lends a database of one thread that reads the files of the logs."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of text, the Parquet that holds its rows, their number, and the lines that are none.

    `found` is what a file of JSON lines was found to hold.
    """

    url: str
    path: str
    rows: int
    bad: BadLines | None
    found: JsonColumns | None = None


def stage(contents: Mapping[str, Content], reading: Reading, folder: Path, threads: int, lend: Lend) -> "Stage":
    """Write the Parquet of files of text; return them in the order of the files.

    Args:
        contents: What each file holds, by URL.
        reading: How lines are cut, and what of the files was found before.
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
            return _write(database, url, content, reading, folder / f"{number:06d}.parquet")

    with ThreadPoolExecutor(threads) as pool:
        return Stage(tuple(pool.map(write, enumerate(contents.items()))))


def in_lists(contents: Mapping[str, Content], threads: int, lend: Lend) -> Sequence[str]:
    """Return the paths of plain values in the lists of files of JSON lines; arguments as of `stage`."""

    def found(url: str) -> Sequence[str]:
        with lend() as database:
            return paths_in_lists(database, _json_lines(url, contents[url]))

    with ThreadPoolExecutor(threads) as pool:
        of_files = pool.map(found, [url for url, content in contents.items() if content.format is Format.JSON])
        return list(dict.fromkeys(path for paths in of_files for path in paths))


@dataclass(frozen=True, slots=True)
class Stage:
    """Files of text that were staged."""

    files: Sequence[StagedFile]

    @property
    def bad_lines(self) -> Sequence[BadLines]:
        """The lines that are no rows, by file."""
        return [file.bad for file in self.files if file.bad is not None]


def _write(database: "duckdb.DuckDBPyConnection", url: str, content: Content, reading: Reading, to: Path) -> StagedFile:
    found = None
    if content.format is Format.CSV:
        columns, rows, bad = _csv_rows(database, url, content, reading.dialect)
    else:
        lines = _json_lines(url, content)
        found = reading.found.get(url) or json_columns(database, lines)
        _require_once(url, found, reading.columns)
        columns, rows, bad = _json_rows(url, lines, found)
    if SOURCE_FILE in columns or len(set(map(str.casefold, columns))) < len(columns):
        twice = [name for name, n in Counter(map(str.casefold, columns)).items() if n > 1]
        raise LogsInvalid(f"{url} names column {', '.join(map(repr, twice[:3]))} more than once: rename one of them")
    place = f"{literal(url)} AS {SOURCE_FILE}, ROW_NUMBER() OVER () - 1 AS {SOURCE_ROW}"
    statement = f"COPY (SELECT *, {place} FROM ({rows})) TO {literal(str(to))} (FORMAT parquet)"
    [(count,)] = database.execute(statement).fetchall()
    return StagedFile(url, str(to), int(count), bad(database, to, int(count)), found)


def _require_once(url: str, found: JsonColumns, columns: Sequence[str]) -> None:
    """Raise LogsInvalid for a value that is read and that a line gives twice: which of them counts is chance."""
    paths = (name.split(".") for name in columns)
    read = {".".join(parts[:n]) for parts in paths for n in range(1, len(parts) + 1)}
    twice = [name for names in found.twice if (name := ".".join(names)) in read]
    if twice:
        raise LogsInvalid(
            f"{url} has lines that give {', '.join(map(repr, twice[:3]))} twice: readers of JSON take the first or the "
            "last of them; have the logger write each name once"
        )


Bad = Callable[["duckdb.DuckDBPyConnection", Path, int], BadLines | None]
Rows = tuple[Sequence[str], str, Bad]
"""Columns, the statement for the rows, and what finds the bad lines once these are written: to where, and how many."""


def _csv_rows(database: "duckdb.DuckDBPyConnection", url: str, content: Content, dialect: TextDialect) -> Rows:
    for table in _REJECTS:
        database.execute(f"DROP TABLE IF EXISTS {table}")
    delimiter, quote = delimiter_of(content.first_line, dialect), QUOTES[dialect.quote]
    columns = dialect.columns or header_of(url, content.first_line, delimiter, quote)
    named = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    of_file = (
        f"auto_detect = false, header = {'false' if dialect.columns or content.remarks else 'true'}, nullstr = '', "
        f"skip = {content.remarks}, "
        f"compression = {literal(content.compression)}, max_line_size = {MAX_LINE_BYTES}, hive_partitioning = false"
    )
    cut = f"delim = {literal(delimiter)}, quote = {literal(quote)}, escape = {literal(quote)}, store_rejects = true"

    def bad(database: "duckdb.DuckDBPyConnection", to: Path, rows: int) -> BadLines | None:
        statement = (
            "SELECT COUNT(DISTINCT line), MIN(line), ARG_MIN(error_message, line), "
            "BOOL_OR(CONTAINS(csv_line, CHR(10))) FROM reject_errors"
        )
        [(lines, first, why, are_many)] = database.execute(statement).fetchall()
        if are_many:
            lines = max(lines, _lines(database, url, of_file) - rows - _line_ends(database, to, columns))
        return BadLines(url, int(lines), int(first), " ".join(str(why).split())) if lines else None

    return columns, f"SELECT * FROM read_csv({literal(url)}, columns = {{{named}}}, {of_file}, {cut})", bad


def _lines(database: "duckdb.DuckDBPyConnection", url: str, of_file: str) -> int:
    """Return how many lines a file has, blank ones and the header aside.

    A field whose quote is not closed takes all lines up to the next quote along: the parser rejects them as one.
    """
    cut = f"columns = {{'line': 'VARCHAR'}}, delim = {literal(_NO_DELIMITER)}, quote = '', escape = ''"
    options = f"{cut}, {of_file}, strict_mode = false, ignore_errors = true"
    [(lines,)] = database.execute(f"SELECT COUNT(line) FROM read_csv({literal(url)}, {options})").fetchall()
    return int(lines)


def _line_ends(database: "duckdb.DuckDBPyConnection", path: Path, columns: Sequence[str]) -> int:
    """Return how many line ends are parts of values of a staged file."""
    row = f"CONCAT_WS('', {', '.join(map(quoted, columns))})"
    counted = "COALESCE(SUM(LENGTH(row) - LENGTH(REPLACE(row, CHR(10), ''))), 0)"
    [(ends,)] = database.execute(
        f"SELECT {counted} FROM (SELECT {row} AS row FROM read_parquet({literal(str(path))}))"
    ).fetchall()
    return int(ends)


def fields_of(first_line: str, delimiter: str, quote: str) -> list[str]:
    """Return the fields of the first line of a file as the engine cuts it; none of a blank line."""
    quoting: Mapping[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return [field.strip() for field in next(csv.reader([first_line], delimiter=delimiter, **quoting))]


def header_of(url: str, first_line: str, delimiter: str, quote: str) -> Sequence[str]:
    """Return the names in the first line of a file; the first may be blank, as data frames write their index.

    Raises:
        LogsInvalid: when the line or another name is blank, as in a file without a header.
    """
    names = fields_of(first_line, delimiter, quote)
    if not names:
        raise LogsInvalid(f"the first line of {url} is blank, where the names of the columns should be: remove it")
    if len(names) > 1 and not names[0] and not is_row(names) and INDEX not in names:
        names[0] = INDEX
    if all(names):
        return names
    raise LogsInvalid(
        f"the first line of {url} names {len(names)} columns, and {names.count('')} of the names are blank: set "
        "csv_columns where the files have no header, or csv_delimiter"
    )


def _json_lines(url: str, content: Content) -> str:
    return (
        f"(SELECT json FROM read_json_objects({literal(url)}, format = 'newline_delimited', ignore_errors = true, "
        f"compression = {literal(content.compression)}, maximum_object_size = {MAX_LINE_BYTES}, "
        "hive_partitioning = false))"
    )


def _json_rows(url: str, lines: str, found: JsonColumns) -> Rows:
    leaves = {name: path_of(names) for names in found.values if (name := ".".join(names))}
    columns = list(leaves)
    paths = ", ".join(literal(path) for path in leaves.values())
    values = ", ".join(f"v[{n}] AS {quoted(name)}" for n, name in enumerate(columns, start=1))
    bad = BadLines(url, found.bad_lines, found.first_bad, _JSON_ERROR) if found.bad_lines else None
    extracted = f"SELECT json_extract_string(json, [{paths}]) AS v FROM {lines} WHERE {IS_ROW}"
    rows = f"SELECT {values} FROM ({extracted})" if columns else f"SELECT NULL AS empty FROM {lines} WHERE FALSE"
    return columns, rows, lambda _database, _to, _rows: bad
