"""The names of types: those by which statements know them, which are DuckDB's, and Spark's own."""

from typing import Any

NAMES = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "int": "INTEGER",
    "smallint": "SMALLINT",
    "tinyint": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "binary": "BLOB",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "void": "INTEGER",
}
"""The names that statements know types by, by Spark's."""
NESTED = {"struct": "STRUCT", "map": "MAP", "array": "[]"}
_SPARKS = {name: spark for spark, name in NAMES.items() if spark != "void"}


def type_of(kind: Any) -> str:  # noqa: ANN401 - imported late
    """Return the name by which statements know a type."""
    name = str(kind.simpleString())
    nested = NESTED.get(name.partition("<")[0])
    return nested or NAMES.get(name) or name.upper()


def spark_type(name: str) -> str | None:
    """Return Spark's name of a plain type that statements know by this one; None where it has no such type."""
    return name if name.startswith("DECIMAL") else _SPARKS.get(name)
