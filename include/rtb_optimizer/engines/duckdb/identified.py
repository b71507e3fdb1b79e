"""Says which DuckDB counts, and how it hashes: the hash draws samples, and is the engine's own."""

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """An engine by name and version, and the hash of a fixed text and number by it, in decimal digits."""

    name: str
    version: str
    hash_sample: str


@cache
def identity() -> EngineIdentity:
    """Return which engine is installed; it stays the same as long as the process."""
    import duckdb

    with duckdb.connect() as database:
        found = database.execute("SELECT hash('rtb_optimizer', 1)").fetchall()
    return EngineIdentity("duckdb", duckdb.__version__, str(found[0][0]))
