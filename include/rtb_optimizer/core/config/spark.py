"""What Spark reads of a configuration: patterns of times, which are Java's there, and what only DuckDB reads."""

import re

from rtb_optimizer.core.config.formats import EPOCHS

_FORMS = {
    "Y": "yyyy",
    "y": "yy",
    "m": "MM",
    "d": "dd",
    "H": "HH",
    "I": "hh",
    "M": "mm",
    "S": "ss",
    "f": "SSSSSS",
    "g": "SSS",
    "b": "MMM",
    "B": "MMMM",
    "p": "a",
    "j": "DDD",
    "z": "Z",
}


def java_pattern(pattern: str) -> str | None:
    """Return Java's pattern for one of strptime; None where a part of it has no counterpart.

    The offset of `%z` is `+0200` alone, and days and hours have two digits: what is written otherwise cannot be read.
    """
    parts = re.findall(r"%(.)|([^%]+)|(%)", pattern)
    if any(cut or (directive and directive not in _FORMS) for directive, _, cut in parts):
        return None
    return "".join(_FORMS[directive] if directive else _quoted(plain) for directive, plain, _ in parts)


def spark_problems(engine: str, timestamp_format: str, logs_format: str) -> list[str]:
    """Return what a configuration has that only DuckDB reads, as messages, where its engine is Spark."""
    if engine != "spark":
        return []
    problems = []
    if timestamp_format and timestamp_format not in EPOCHS and java_pattern(timestamp_format) is None:
        known = ", ".join(f"%{directive}" for directive in _FORMS)
        problems.append(
            f"timestamp_format: {timestamp_format!r} has a part that Spark does not read (engine = spark); it reads "
            f"{known}"
        )
    if logs_format not in ("auto", "parquet"):
        problems.append(
            f"logs_format: engine = spark reads Parquet, no {logs_format}: write it, or set engine = duckdb"
        )
    return problems


def _quoted(plain: str) -> str:
    return re.sub(r"[A-Za-z']+", lambda letters: "'" + letters[0].replace("'", "''") + "'", plain)
