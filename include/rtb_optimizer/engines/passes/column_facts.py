"""Looks at every column of a sample of the rows: how much is missing, how many values, their bounds."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rtb_optimizer.core.config.column_facts import ColumnFacts, has_word, names_time
from rtb_optimizer.core.config.formats import TIME_PATTERNS
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.amounts import FALSE_WORDS, TEXT_TYPES, TRUE_WORDS
from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.times import time_of_number, time_of_text

MAX_ROWS = 200_000
MAX_TEXT = 60
MAX_EXAMPLES = 12
SHARED_BY = 10
"""Rows that share a value."""
READABLE = 0.98
MIN_YEAR = 2005
MAX_TEXTS = 1_000
WRITTEN = {
    "a sign of percent": re.compile(r"-?\d+([.,]\d+)?\s*%$"),
    "a currency": re.compile(r"(-?([$€£¥]|[A-Z]{3} ?)\s*-?\d[\d.,]*|-?\d[\d.,]*\s*([$€£¥]|[A-Z]{3}))$"),
    "a decimal comma": re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"),
    "a separator of thousands": re.compile(r"-?\d{1,3}(,\d{3})*(\.\d+)?$"),
}
"""How exports for people write numbers, and what such a text looks like."""
_SPAN = ("2005-01-01 00:00:00", "2100-01-01 00:00:00")
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN")


def column_facts(
    engine: Engine, types: Mapping[str, str], missing: Sequence[str], only: tuple[str, Sequence[str]] = ("", ())
) -> list[ColumnFacts]:
    """Return the facts of the columns of an engine's logs, over its first rows.

    Args:
        engine: The engine, with the logs opened.
        types: Their columns.
        missing: Spellings of a missing value.
        only: A column, and the values of it whose rows are looked at; no column for all rows.
    """
    column, values = only
    dialect = engine.dialect
    where = f"{dialect.text(dialect.identifier(column))} IN ({dialect.literals(values)})" if column else "TRUE"
    engine.store("looked_at", f"SELECT * FROM logs WHERE {where} LIMIT {MAX_ROWS}")
    return [_facts(engine, name, kind, missing) for name, kind in types.items()]


def _facts(engine: Engine, name: str, kind: str, missing: Sequence[str]) -> ColumnFacts:
    dialect = engine.dialect
    column = dialect.identifier(name)
    spelled = dialect.literals(sorted({"", *(word.lower() for word in missing)}))
    known = f"CASE WHEN LOWER(TRIM({dialect.text(column)})) IN ({spelled}) THEN NULL ELSE {column} END"
    time = _time(kind, dialect)
    row = _bounds(engine, name, kind, known)
    given, distinct = int(row["given"]), int(row["distinct_values"])
    is_number = given > 0 and row["numbers"] >= READABLE * given
    is_time = given > 0 and int(row["times"] or 0) >= READABLE * given and (not is_number or _is_epoch(name, row))
    forms = [] if is_time or not given else _forms(engine, known, kind, row)
    days = _days(engine, f"(SELECT {column} AS v FROM logs)", time) if is_time else None
    return ColumnFacts(
        name=name,
        kind=kind,
        missing=1 - given / row["n"] if row["n"] else 0.0,
        values=distinct,
        rows=int(row["n"]),
        lowest=str(row["least_text" if is_number else "lowest"] or ""),
        highest=str(row["most_text" if is_number else "highest"] or ""),
        mean=float(row["mean"]) if is_number and not is_time and not forms else None,
        shared=_shared(engine, known) / given if given else 0.0,
        is_time=is_time or bool(forms),
        examples=_examples(engine, known) if 0 < distinct <= MAX_EXAMPLES else (),
        days=forms[0][1] if forms else days,
        time_format=forms[0][0] if forms else "",
        other_format=forms[1][0] if len(forms) > 1 and _span(forms[1]) == _span(forms[0]) else "",
        written="" if is_number or is_time or forms or kind not in TEXT_TYPES else _written(engine, known),
    )


def _bounds(engine: Engine, name: str, kind: str, known: str) -> Mapping[str, Any]:
    """Return how many rows, values, numbers and times a column has, and its bounds."""
    dialect = engine.dialect
    number, time, as_text = number_of("v", kind, dialect), _time(kind, dialect), dialect.text("v")
    [row] = engine.query(
        f"SELECT COUNT(*) AS n, COUNT(v) AS given, COUNT(DISTINCT v) AS distinct_values, "
        f"LEFT(MIN({as_text}), {MAX_TEXT}) AS lowest, LEFT(MAX({as_text}), {MAX_TEXT}) AS highest, "
        f"COUNT({number}) AS numbers, AVG({number}) AS mean, MIN({number}) AS least, MAX({number}) AS most, "
        f"LEFT(MIN_BY({as_text}, {number}), {MAX_TEXT}) AS least_text, "
        f"LEFT(MAX_BY({as_text}, {number}), {MAX_TEXT}) AS most_text, "
        f"SUM(CASE WHEN {_is_plausible(time, dialect)} THEN 1 ELSE 0 END) AS times "
        f"FROM (SELECT {known} AS v FROM looked_at)",
        f"column {name}",
    ).to_pylist()
    return dict(row)


def _forms(engine: Engine, known: str, kind: str, row: Mapping[str, object]) -> list[tuple[str, tuple[date, date]]]:
    """Return the forms that read nearly all of a column's texts as times, each with its days, the fewest days first.

    Days and months that change places are months apart, where the right ones are a few days.
    """
    if kind not in TEXT_TYPES and not kind.startswith(("INTEGER", "BIGINT")):
        return []
    found, dialect = list[tuple[str, tuple[date, date]]](), engine.dialect
    read_time = time_of_text if kind in TEXT_TYPES else time_of_number
    for form in (
        each for each in TIME_PATTERNS if _fits(each, str(row["lowest"])) and _fits(each, str(row["highest"]))
    ):
        time = read_time("v", form, dialect)
        [read] = engine.query(
            f"SELECT COUNT(v) AS given, SUM(CASE WHEN {_is_plausible(time, dialect)} THEN 1 ELSE 0 END) AS times "
            f"FROM (SELECT {known} AS v FROM looked_at)",
            f"times as {form}",
        ).to_pylist()
        if int(read["times"] or 0) >= READABLE * int(read["given"]):
            found.append((form, _days(engine, f"(SELECT {known} AS v FROM logs)", time)))
    return sorted(found, key=_span)


def _fits(form: str, text: str) -> bool:
    try:
        return datetime.strptime(text.strip(), form).year >= MIN_YEAR  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False


def _span(form: tuple[str, tuple[date, date]]) -> int:
    first, last = form[1]
    return (last - first).days


def _written(engine: Engine, known: str) -> str:
    """Return how a column writes numbers that are not read, in words; empty where most of its texts are none."""
    text = engine.dialect.text("v")
    rows = engine.query(
        f"SELECT {text} AS v FROM (SELECT {known} AS v FROM looked_at) WHERE v IS NOT NULL LIMIT {MAX_TEXTS}", "texts"
    ).to_pydict()
    texts = [str(value).strip() for value in rows["v"]]
    return next(
        (how for how, form in WRITTEN.items() if sum(map(bool, map(form.match, texts))) >= READABLE * len(texts)), ""
    )


def _shared(engine: Engine, known: str) -> int:
    """Return the rows whose value several rows have."""
    counts = f"SELECT COUNT(*) AS n FROM (SELECT {known} AS v FROM looked_at) WHERE v IS NOT NULL GROUP BY v"
    [row] = engine.query(f"SELECT SUM(n) AS shared FROM ({counts}) WHERE n >= {SHARED_BY}", "shared values").to_pylist()
    return int(row["shared"] or 0)


def _days(engine: Engine, rows: str, time: str) -> tuple[date, date]:
    """Return the first and the last day of a column's times, over all rows."""
    bounds = _is_plausible(time, engine.dialect)
    found = engine.query(
        f"SELECT CAST(MIN({time}) AS DATE) AS first, CAST(MAX({time}) AS DATE) AS last FROM {rows} WHERE {bounds}",
        "days",
    ).to_pylist()[0]
    return found["first"], found["last"]


def _is_epoch(name: str, row: Mapping[str, object]) -> bool:
    """Whether numbers are epochs: of seconds since 2005 at least, and of no column that is named as an id."""
    is_named = names_time(name) or not has_word(name, "id", "key", "code", "number", "no")
    return float(str(row["least"])) > 1.1e9 and is_named  # noqa: PLR2004 - 2004 in seconds


def _examples(engine: Engine, known: str) -> tuple[str, ...]:
    text = engine.dialect.text("v")
    rows = engine.query(
        f"SELECT {text} AS v, COUNT(*) AS n FROM (SELECT {known} AS v FROM looked_at) WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY n DESC, v LIMIT {MAX_EXAMPLES}",
        "values",
    ).to_pydict()
    return tuple(str(value) for value in rows["v"])


def number_of(column: str, kind: str, dialect: Dialect) -> str:
    """Return a column of a type as a number: words of yes and no are 1 and 0, and what is no number is NULL."""
    if kind in TEXT_TYPES:
        words = " ".join(f"WHEN {dialect.literal(w)} THEN 1" for w in TRUE_WORDS)
        words += "".join(f" WHEN {dialect.literal(w)} THEN 0" for w in FALSE_WORDS)
        return f"CASE LOWER(TRIM({column})) {words} ELSE {dialect.number(column)} END"
    return f"CAST({column} AS DOUBLE)" if kind.startswith(_NUMBERS) else "CAST(NULL AS DOUBLE)"


def _is_plausible(time: str, dialect: Dialect) -> str:
    first, last = map(dialect.instant, _SPAN)
    return f"{time} >= {first} AND {time} < {last}"


def _time(kind: str, dialect: Dialect) -> str:
    if kind in TEXT_TYPES:
        return time_of_text("v", "", dialect)
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"CAST(v AS {dialect.naive_type})"
    is_number = kind.startswith(_NUMBERS) and kind != "BOOLEAN"
    return time_of_number("v", "", dialect) if is_number else f"CAST(NULL AS {dialect.naive_type})"
