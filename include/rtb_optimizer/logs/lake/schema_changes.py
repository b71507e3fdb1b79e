"""Finds whether the files of an Iceberg table differ in the name of a column, and how they are read then."""

from collections.abc import Mapping, Sequence
from typing import Any

from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.lake.snapshot import Pin

_SQL_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz_ns": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}


def columns_by_id(pin: Pin, schemas: Sequence[Any], now: Any) -> Mapping[int, tuple[str, str]]:  # noqa: ANN401 - pyiceberg is imported late
    """Return name and SQL type of each column by its field id, where a name meant another column once; else nothing.

    Args:
        pin: The snapshot.
        schemas: All schemas that the table has had.
        now: The one that it has.

    Raises:
        LogsInvalid: when a field of a record was renamed, or a column has a value for rows from before it.
    """
    defaulted = [field.name for field in now.fields if getattr(field, "initial_default", None) is not None]
    if defaulted:
        raise LogsInvalid(
            f"{pin} gives {defaulted[0]!r} a value in rows from before it, which is not read: rewrite them"
        )
    of_now = dict(now._lazy_id_to_name)  # noqa: SLF001 - the public way asks by one id
    changed = False
    for schema in schemas:
        then = dict(schema._lazy_id_to_name)  # noqa: SLF001 - as above
        ids = {name: number for number, name in then.items()}
        moved = [
            name for number, name in of_now.items() if then.get(number, name) != name or ids.get(name, number) != number
        ]
        if nested := [name for name in moved if "." in name and name.partition(".")[0] not in moved]:
            raise LogsInvalid(
                f"{pin} has a renamed field of a record, {nested[0]!r}, which is not read: rewrite its files"
            )
        changed = changed or bool(moved)
    return {field.field_id: (field.name, _sql_type(field.field_type)) for field in now.fields} if changed else {}


def _sql_type(kind: Any) -> str:  # noqa: ANN401 - as above
    """Return a type of Iceberg as DuckDB writes it."""
    if kind.is_struct:
        fields = ", ".join('"{}" {}'.format(f.name.replace('"', '""'), _sql_type(f.field_type)) for f in kind.fields)
        return f"STRUCT({fields})"
    if hasattr(kind, "element_type"):
        return f"{_sql_type(kind.element_type)}[]"
    if hasattr(kind, "key_type"):
        return f"MAP({_sql_type(kind.key_type)}, {_sql_type(kind.value_type)})"
    if hasattr(kind, "precision"):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _SQL_TYPES.get(str(kind), "BLOB")
