"""Copies rows of the catalog as JSON, and makes a catalog of them that one process has for itself.

Such a catalog is of temporary tables: it goes with its connection, needs no right but TEMPORARY, and has the tables'
columns, defaults and unique keys, but no foreign keys: of what its rows refer to, it has a part. Its connections look
for tables nowhere else, so that no statement can reach those of the real catalog.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from rtb_optimizer.store import connections
from rtb_optimizer.store.schema import Base

_SCHEMA = "SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'opt_runs'::regclass"
Row = Mapping[str, Any]
Copies = Mapping[str, Sequence[Row]]
"""Rows by the name of their table."""


def copied(session: Session, model: type[Base], *where: ColumnElement[bool]) -> list[Row]:
    """Return the rows of a table as JSON has them, by their key; columns that are null or computed are left out."""
    of = Base.metadata.tables[model.__tablename__]
    columns = [column for column in of.columns if column.computed is None]
    rows = session.execute(select(*columns).where(*where).order_by(*of.primary_key.columns)).mappings()
    return [{name: _plain(value) for name, value in row.items() if value is not None} for row in rows]


def own_catalog(copies: Copies) -> Engine:
    """Return a catalog of these rows alone, for this process; `dispose` drops it.

    What tables and columns of another release's copies are not known here is left out.
    """
    with connections.session() as session:
        schema = session.scalar(
            text("SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'opt_runs'::regclass")
        )
    only_own = {"options": "-c search_path=pg_temp"}  # a new connection finds no table at all
    engine = connections.catalog_engine(connect_args=only_own, pool_size=1, max_overflow=0, pool_timeout=1)
    with engine.begin() as connection:
        for name, table in Base.metadata.tables.items():
            connection.execute(text(f'CREATE TEMPORARY TABLE "{name}" (LIKE {schema}."{name}" INCLUDING ALL)'))
            for row in copies.get(name, ()):
                connection.execute(insert(table).values(_typed(table, row)))
            _number_on(connection, table)
    return engine


def _number_on(connection: Connection, table: Table) -> None:
    """Give the rows that follow numbers after those of the copies."""
    (key,) = table.primary_key.columns
    sequence = func.pg_get_serial_sequence(f"pg_temp.{table.name}", key.name)
    connection.execute(select(func.setval(sequence, func.coalesce(func.max(key), 0) + 1, False)))


def differing(then: Iterable[Row], now: Iterable[Row], by: Sequence[str], leave_out: Sequence[str] = ()) -> list[str]:
    """Return descriptions of how rows differ, in columns that both have; rows are matched by the columns `by`."""
    before, after = ({_key(row, by): row for row in rows} for rows in (then, now))
    found = [f"{key} is gone" for key in before if key not in after]
    found += [f"{key} is new" for key in after if key not in before]
    for key in before.keys() & after.keys():
        found += _changes(key, before[key], after[key], leave_out)
    return sorted(found)


def _key(row: Row, by: Sequence[str]) -> str:
    return " ".join(str(row.get(name)) for name in by)


def _changes(key: str, before: Row, after: Row, leave_out: Sequence[str]) -> list[str]:
    names = sorted((before.keys() | after.keys()) - {*leave_out})
    prefix = f"{key}: " if key else ""
    found = []
    for name in names:
        was, now = before.get(name), after.get(name)
        if isinstance(was, dict) and isinstance(now, dict):
            found += _changes(f"{key} {name}".strip(), was, now, leave_out)
        elif was != now:
            found.append(f"{prefix}{name} was {was!r}, is {now!r}")
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else value


def _typed(table: Table, row: Row) -> dict[str, Any]:
    known = {name: value for name, value in row.items() if name in table.columns}
    return {name: _instant(table.columns[name].type.python_type, value) for name, value in known.items()}


def _instant(kind: type, value: object) -> object:
    return kind.fromisoformat(value) if kind in (datetime, date) and isinstance(value, str) else value
