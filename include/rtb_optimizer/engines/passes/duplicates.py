"""Removes rows that repeat the id of another, and limits how many there may be.

Where `drop_duplicates` is set, at most one row of an id counts, always the same one. That costs a count of the window
by id, and memory or disk for its rows: they are counted by SQL then, never on the codes that Parquet stores.
"""

from dataclasses import replace

from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW, measured_columns, without_id
from rtb_optimizer.engines.sql.table import LogTable, instant_of
from rtb_optimizer.errors import LogsInvalid


def without_repeats(engine: Engine, table: LogTable) -> LogTable:
    """Return the table without the rows that repeat an id; unchanged where `drop_duplicates` is not set.

    Raises:
        LogsInvalid: when they are more than `max_duplicate_share` of the rows.
    """
    if not table.settings.drop_duplicates:
        return table
    copies = _unused("copies", table)
    engine.keep(one_of_each(table, copies))
    counts = engine.query(f"SELECT COUNT(*) AS kept, SUM({copies} - 1) AS dropped FROM logs", "rows kept").to_pydict()
    rows, dropped = counts["kept"][0], int(counts["dropped"][0] or 0)
    require_few_repeats(engine, table, dropped, rows + dropped, copies)
    return replace(table, dropped=dropped)


def one_of_each(table: LogTable, copies: str) -> str:
    """Return the statement for the window's rows, one of each id with the number of its `copies`, and all without id.

    The most complete copy is kept: the most outcomes, exposures, value and cost, then the earliest. Remaining ties are
    broken by the columns that are read, so that copies which still tie are interchangeable. Only rows whose id is
    repeated are sorted.
    """
    s = table.settings
    needed = {*measured_columns(s), *s.row_filter, *s.row_id_columns, *s.candidate_features, *s.anchor_features}
    needed.add(s.person_id_column)
    columns = [*sorted(needed & table.types.keys()), SOURCE_FILE]
    names = ", ".join(table.quote(column) for column in (*columns, SOURCE_ROW))
    order = [f"{table.amounts.micros(measure)} DESC" for measure in ("outcome", "exposure", "value", "cost")]
    order += [f"{instant_of(table)} NULLS LAST"] if s.timestamp_column else []
    order += [f"{table.quote(column)} NULLS LAST" for column in columns]
    ids, nth = _ids(table), _unused("nth", table)
    same = " AND ".join(f"repeated.id{n} = logs.{table.quote(column)}" for n, column in enumerate(s.row_id_columns))
    named = ", ".join(f"{table.quote(column)} AS id{n}" for n, column in enumerate(s.row_id_columns))
    repeated = (
        f"SELECT {named} FROM logs WHERE {table.where()} AND NOT ({without_id(s, table.dialect)}) "
        f"GROUP BY {ids} HAVING COUNT(*) > 1"
    )
    is_repeated = f"EXISTS (SELECT 1 FROM repeated WHERE {same})"
    numbered = (
        f"SELECT {names}, ROW_NUMBER() OVER (PARTITION BY {ids} ORDER BY {', '.join(order)}) AS {nth}, "
        f"COUNT(*) OVER (PARTITION BY {ids}) AS {copies} FROM logs WHERE {table.where()} AND {is_repeated}"
    )
    return (
        f"WITH repeated AS ({repeated}) SELECT {names}, 1 AS {copies} FROM logs WHERE {table.where()} "
        f"AND NOT {is_repeated} UNION ALL SELECT {names}, {copies} FROM ({numbered}) AS numbered WHERE {nth} = 1"
    )


def require_few_repeats(engine: Engine, table: LogTable, repeats: int, rows: int, copies: str = "COUNT(*)") -> None:
    """Raise LogsInvalid, naming the most repeated id, where too many rows repeat the id of another.

    Args:
        engine: The engine that holds the logs.
        table: The logs.
        repeats: The number of rows that repeat the id of another.
        rows: The number of rows, repeats included.
        copies: SQL of the number of rows of an id.
    """
    s = table.settings
    if not s.row_id_columns or repeats <= s.max_duplicate_share * rows:
        return
    statement = (
        f"SELECT {_ids(table)}, MAX({SOURCE_FILE}) AS {SOURCE_FILE}, MAX({copies}) AS times FROM logs "
        f"WHERE {table.where()} AND NOT ({without_id(s, table.dialect)}) GROUP BY {_ids(table)} "
        f"ORDER BY times DESC, {_ids(table)} LIMIT 1"
    ).replace("MAX(COUNT(*))", "COUNT(*)")
    *id_values, file, times = engine.query(statement, "the most repeated id").to_pylist()[0].values()
    named = ", ".join(f"{column}={value!r}" for column, value in zip(s.row_id_columns, id_values, strict=True))
    raise LogsInvalid(
        f"{repeats / rows:.1%} of {rows} rows repeat the id of another, more than the {s.max_duplicate_share:.1%} of "
        f"max_duplicate_share; the most repeated is {named}, {times} times, as in {file}; deliver each row once, "
        "check row_id_columns, or raise max_duplicate_share"
    )


def _ids(table: LogTable) -> str:
    return ", ".join(table.quote(column) for column in table.settings.row_id_columns)


def _unused(name: str, table: LogTable) -> str:
    """Return a name that no column has."""
    while name in table.types:
        name += "_"
    return name
