"""Looks into logs that no entity reads yet: their layout, their format, and facts of their columns."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from rtb_optimizer.core.config.column_facts import ColumnFacts
from rtb_optimizer.core.config.formats import Content, Format, Quote
from rtb_optimizer.core.config.likely_money import NO_MONEY, MoneyFacts, money_columns
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.column_facts import column_facts
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines
from rtb_optimizer.engines.passes.money_facts import money_facts
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.sql.columns import is_nested
from rtb_optimizer.errors import LogsInvalid, LogsMissing, RtbOptimizerError
from rtb_optimizer.logs.contents import look_into
from rtb_optimizer.logs.lake.days import stored_files
from rtb_optimizer.logs.lake.location import require_no_table_above, require_no_table_below
from rtb_optimizer.logs.lake.snapshot import Pin
from rtb_optimizer.logs.lake.tables import all_of, pin_now
from rtb_optimizer.logs.layout import Layout, layout_of
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.operations.inspected_text import kinds_of_files, names_by_file, without_quotes
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore, split_url

MAX_FILES, MAX_BYTES = 24, 512 << 20
"""Files of a day that are looked into: as many as tell what the others are."""
RECENT_DAYS = 7
"""The last days of the logs, of which the fullest is looked into: the very last may still be written."""
MEMORY_MB = 1024
OnlyRows = tuple[str, Sequence[str]]
"""A column, and the values of it whose rows are looked at; no column for all rows."""
ALL_ROWS: OnlyRows = ("", ())


@dataclass(frozen=True, slots=True)
class InspectedLogs:
    """Logs below a URL: their layout, what files were looked into, their columns, and the snapshot of a table.

    `money` is what their columns of money say together; `overrides` are config keys that reading them takes; `problems`
    are what keeps them from being the logs of one entity, in words.
    """

    layout: Layout
    content: Content
    looked_into: int
    facts: Sequence[ColumnFacts]
    snapshot: Pin | None = None
    money: MoneyFacts = NO_MONEY
    overrides: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()


def looked_into(url: str, settings: Settings, only: OnlyRows = ALL_ROWS) -> InspectedLogs:
    """Look into the logs below a URL, those of a folder or of a table of a lake.

    Args:
        url: An s3:// URL of a folder, a file or a table, or what the names of files begin with.
        settings: How files are read that say nothing of it themselves.
        only: A column, and the values of it whose rows are looked at.

    Raises:
        LogsMissing: when there are no files, or none of a format that is read.
        LogsInvalid: when they cannot be read.
    """
    laid_out = _laid_out(url)
    layout, listed = laid_out.layout, laid_out.files
    if not layout.files:
        raise LogsMissing(f"there are no files below {url}: give the URL of the folder with the logs")
    day = _fullest_day(layout, listed)
    fullest = _facts(laid_out, _some([listed[key] for key in layout.by_day[day]]), settings, only=only)
    settings, facts = fullest.settings, fullest.columns
    for other in reversed([each for each in layout.days[-RECENT_DAYS:] if each != day]):
        if single := [each.name for each in facts if each.values <= 1]:
            facts = _with_values_of(
                facts, _facts_of(laid_out, [listed[key] for key in layout.by_day[other]], single, settings, only)
            )
    files, snapshot = fullest.files, laid_out.snapshot
    quote = {"csv_quote": str(settings.csv_quote)} if settings.csv_quote == Quote.NONE else {}
    problems = kinds_of_files(names_by_file(files, settings))
    return InspectedLogs(layout, files[0].content, len(files), facts, snapshot, fullest.money, quote, problems)


def _with_values_of(facts: Sequence[ColumnFacts], others: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """Return the facts of a day's columns, with those of another day where its values are others.

    A column of weekdays has one value on each day, and an outcome whose tracker was broken has none.

    Args:
        facts: The columns.
        others: Some of them on the other day.
    """
    by_name = {each.name: each for each in others}
    return [_together(each, by_name[each.name]) if each.name in by_name else each for each in facts]


def _together(first: ColumnFacts, second: ColumnFacts) -> ColumnFacts:
    if second.values > first.values:
        return second
    if (first.values, second.values) != (1, 1) or first.lowest == second.lowest:
        return first
    mean = None if first.mean is None or second.mean is None else (first.mean + second.mean) / 2
    return replace(first, values=2, mean=mean, examples=(*first.examples, *second.examples))


def _facts_of(
    laid_out: "_LaidOut", files: Sequence[LogFile], names: Sequence[str], settings: Settings, only: OnlyRows
) -> Sequence[ColumnFacts]:
    """Return the facts of some columns of a day's first file; of none where it cannot be read."""
    try:
        return _facts(laid_out, files[:1], settings, names, only).columns
    except RtbOptimizerError:
        return ()


def _facts(
    laid_out: "_LaidOut",
    files: Sequence[LogFile],
    settings: Settings,
    names: Sequence[str] = (),
    only: OnlyRows = ALL_ROWS,
) -> "_FilesFacts":
    """Return which files are of a format that is read, and the facts of their columns, of all or of some.

    Raises:
        LogsInvalid: when more lines than `max_lost_share` are no rows, with quotes and without.
    """
    folder = laid_out.folder
    given = tuple(file for file in files if file.byte_size > 0)
    found = look_into([Partition(folder, None, given, "")], _for(settings, folder)).partitions[0].files
    if not found:
        raise LogsMissing(
            f"none of the {len(given)} files of {folder} that were looked into is of a format that is read"
        )
    names_by_file(found, settings)
    try:
        return _read(laid_out, found, settings, names, only)
    except LogsInvalid:
        if found[0].content.format is not Format.CSV or settings.csv_quote == Quote.NONE:
            raise
        with suppress(LogsInvalid):
            return _read(laid_out, found, without_quotes(settings), names, only)
        raise


def _read(
    laid_out: "_LaidOut", found: Sequence[LogFile], settings: Settings, wanted: Sequence[str], only: OnlyRows
) -> "_FilesFacts":
    folder, table, layout = laid_out.folder, laid_out.table, laid_out.layout
    reading = replace(_reading(folder, found, table), dialect=settings.text_dialect)
    contents = list(reading.contents)
    objects = LogObjects.of({f"s3://{split_url(folder)[0]}/{file.key}": file for file in found})
    with DuckDBEngine(objects, settings.engine_threads, MEMORY_MB) as engine:
        types = engine.open_logs(contents, reading)
        nested = engine.nested_columns()
        roots = {path.partition(".0")[0] for path in nested}  # a list of JSON is a text
        plain = [name for name, kind in types.items() if not is_nested(kind) and name not in roots]
        names = [*plain, *nested, *layout.folder_keys, *(table.shared if table else ())]
        names = [name for name in names if name in wanted] if wanted else names
        names += [only[0]] if only[0] and only[0] not in names else []
        types = engine.open_logs(contents, replace(reading, columns=names, below=folder))
        require_few_bad_lines(engine, settings)
        known = {name: types[name] for name in names if name in types}
        facts = column_facts(engine, known, settings.missing_values, only)
        return _FilesFacts(found, facts, money_facts(engine, known, *money_columns(facts)), settings)


@dataclass(frozen=True, slots=True)
class _FilesFacts:
    """The files of a format that is read, the facts of their columns, what their amounts say, and what read them."""

    files: Sequence[LogFile]
    columns: Sequence[ColumnFacts]
    money: MoneyFacts
    settings: Settings


@dataclass(frozen=True, slots=True)
class _LaidOut:
    """What lies below a URL: plain files, or those of a table's snapshot; `files` are by key."""

    folder: str
    layout: Layout
    files: Mapping[str, LogFile]
    table: TableColumns | None = None
    snapshot: Pin | None = None


def _laid_out(url: str) -> _LaidOut:
    """Return how logs lie below a URL.

    Raises:
        LogsInvalid: when it is a folder of a table, or above one.
    """
    prefix, store = split_url(url)[1], ObjectStore.of(url)
    listed = {
        each.key: LogFile(each.key, each.byte_size, each.etag, each.modified)
        for each in store.list(prefix)
        if _is_below(each.key, prefix)
    }
    folder = url if prefix in listed or url.endswith("/") else f"{url}/"
    if not listed and "/" in prefix and not url.endswith("/"):
        return _named(url)
    if (pin := pin_now(folder)) is None:
        require_no_table_above(folder)
        root = prefix if prefix in listed else split_url(folder)[1]
        require_no_table_below(folder, [key.removeprefix(root) for key in listed])
        return _LaidOut(folder, layout_of(folder, list(listed), root), listed)
    snapshot = all_of(pin)
    files = {file.key: file for file in stored_files(snapshot, snapshot.files).values()}
    layout = Layout(folder, (), (), "", (), len(files), {None: list(files)})
    return _LaidOut(folder, layout, files, snapshot.columns, pin)


def _named(url: str) -> _LaidOut:
    """Return how the files lie whose names begin with the end of a URL: each has its date in its name.

    Raises:
        LogsInvalid: when no path with dates names them, so that a run would read the other files of the folder too.
    """
    store, folder, prefix = ObjectStore.of(url), url[: url.rfind("/") + 1], split_url(url)[1]
    listed = {
        each.key: LogFile(each.key, each.byte_size, each.etag, each.modified)
        for each in store.list(prefix)
        if "/" not in each.key.removeprefix(prefix)
    }
    layout = layout_of(folder, list(listed), split_url(folder)[1])
    if listed and not layout.days:
        raise LogsInvalid(
            f"{len(listed)} files have names that begin with {url}, and no path with dates names one for each day or "
            "hour: move them to a folder of their own"
        )
    return _LaidOut(folder, layout, listed)


def _reading(folder: str, files: Sequence[LogFile], table: TableColumns | None) -> Reading:
    by_url = {f"s3://{split_url(folder)[0]}/{file.key}": file for file in files}
    return Reading(
        {url: file.content for url, file in by_url.items()},
        table=table,
        values={url: file.values for url, file in by_url.items() if file.values},
        deleted={url: file.deleted for url, file in by_url.items() if file.deleted},
    )


def _fullest_day(layout: Layout, listed: Mapping[str, LogFile]) -> date | None:
    """Return which of the last days has the most bytes: the very last may still be written."""
    days = list(layout.by_day) if not layout.days else list(layout.days[-RECENT_DAYS:])
    return max(days, key=lambda day: sum(listed[key].byte_size for key in layout.by_day[day]))


def _some(files: Sequence[LogFile]) -> tuple[LogFile, ...]:
    """Return files from all over a day, up to a number and a size."""
    step = max(len(files) // MAX_FILES, 1)
    chosen, size = list[LogFile](), 0
    for file in files[::step]:
        size += file.byte_size
        if chosen and size > MAX_BYTES:
            break
        chosen.append(file)
    return tuple(chosen)


def _for(settings: Settings, url: str) -> Settings:
    return replace(settings, logs_path=url)


def _is_below(key: str, prefix: str) -> bool:
    return key == prefix or key.startswith(prefix.rstrip("/") + "/" if prefix else "")
