"""Writes for DuckDB what configured names are found as: columns, paths into records and lists, keys of the folders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rtb_optimizer.engines.duckdb.names import quoted
from rtb_optimizer.engines.sql.dialect import literal
from rtb_optimizer.engines.sql.identity import SOURCE_FILE
from rtb_optimizer.engines.sql.lookup import NO_VALUE, key_pattern

TEXTS, RECORDS = ("VARCHAR", "JSON"), ("STRUCT", "MAP")

Describe = Callable[[str], str | None]
"""Returns the type of an expression over the stored columns; None where there is no such thing."""


@dataclass(frozen=True, slots=True)
class DuckDBSpelling:
    """The spelling of DuckDB, over stored columns of some types. See Spelling."""

    types: Mapping[str, str]
    describe: Describe

    def column(self, name: str) -> str:
        """See Spelling."""
        return quoted(name)

    def path(self, root: str, parts: Sequence[str]) -> tuple[str, str] | None:
        """See Spelling. Below a text it is a path into the JSON that it holds."""
        sql, kind = quoted(root), self.types[root]
        if kind in TEXTS:
            path = "".join(f"[{part}]" if part.isdigit() else f'."{part}"' for part in parts)
            return f"CASE WHEN json_valid({sql}) THEN json_extract_string({sql}, {literal('$' + path)}) END", "VARCHAR"
        for part in parts:
            if kind.endswith("]"):
                if not part.isdigit():
                    return None
                sql += f"[{int(part) + 1}]"
            else:
                sql += f"[{literal(part)}]"
            below = self.describe(sql) if kind.endswith("]") or kind.startswith(RECORDS) else None
            if below is None:
                return None
            kind = below
        return sql, kind

    def key(self, name: str) -> str:
        """See Spelling."""
        value = f"url_decode(regexp_extract({SOURCE_FILE}, {literal('.*' + key_pattern(name))}, 1))"
        return f"NULLIF(NULLIF({value}, ''), {literal(NO_VALUE)})"
