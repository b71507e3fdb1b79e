"""What the first lines of files of text say before a column is looked at: whether they name columns, and the same."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rtb_optimizer.core.config.formats import QUOTES, Format, Quote, TextDialect, delimiter_of, is_row
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.engines.duckdb.text_files import fields_of, header_of
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.logs.partitions import LogFile

MIN_ALIKE = 0.6
"""The least share of the columns of two files that both have: a release adds a few, another feed has its own."""
MAX_SHOWN = 4


def names_by_file(files: Sequence[LogFile], settings: Settings) -> dict[str, Sequence[str]]:
    """Return the names in the first line of each file of delimited text, by key.

    Raises:
        LogsInvalid: when a first line holds values, is cut at blanks, or is blank.
    """
    dialect = settings.text_dialect
    texts = [file for file in files if file.content.format is Format.CSV]
    if dialect.columns:
        return {}
    return {file.key: _names(file, dialect) for file in texts}


def _names(file: LogFile, dialect: TextDialect) -> Sequence[str]:
    line = file.content.first_line
    delimiter, quote = delimiter_of(line, dialect), QUOTES[dialect.quote]
    fields = fields_of(line, delimiter, quote)
    if len(fields) == 1 and len(fields[0].split()) > 1:
        raise LogsInvalid(
            f"the first line of {file.key} is one field, {line[:60]!r}: lines are cut at commas, tabs, semicolons, "
            "pipes or ^A, and not at blanks; write one of these, JSON lines or Parquet"
        )
    if fields and is_row(fields):
        shown = ", ".join(field or "(nothing)" for field in fields[:MAX_SHOWN])
        raise LogsInvalid(
            f"the first line of {file.key} is a row and names no columns ({shown}...): name its {len(fields)} columns "
            "in their order, as rtb logs inspect --columns id,time,country,... does; an entity has them in csv_columns"
        )
    return header_of(file.key, line, delimiter, quote)


def kinds_of_files(names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what is wrong where files have other columns than most, in words: nothing where all are alike."""
    if not names:
        return ()
    first, *others = sorted(names, key=lambda key: (-len(names[key]), key))
    other = next((key for key in others if _alike(names[first], names[key]) < MIN_ALIKE), None)
    if other is None:
        return ()
    said = ", ".join(f"{key.rpartition('/')[2]} ({len(names[key])} columns)" for key in (first, other))
    problem = (
        f"files of several kinds lie here, such as {said}, and each of their lines would count as a row: give the URL "
        "of one kind, up to where the names of its files differ, and of clicks as --outcomes; or move them to folders "
        "of their own"
    )
    return (problem,)


def _alike(first: Sequence[str], second: Sequence[str]) -> float:
    a, b = {*map(str.casefold, first)}, {*map(str.casefold, second)}
    return len(a & b) / len(a | b)


def without_quotes(settings: Settings) -> Settings:
    """Return settings that read a quote as any other character, as ClickHouse, Hive and Snowplow write texts."""
    return replace(settings, csv_quote=Quote.NONE)
