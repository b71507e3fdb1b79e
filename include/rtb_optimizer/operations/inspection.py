"""Inspects logs that no entity reads yet: layout, format, columns, likely roles, and the configuration that fits."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from rtb_optimizer.core.config.formats import Content
from rtb_optimizer.core.config.likely_roles import (
    ColumnFacts,
    LikelyRoles,
    counted_kinds,
    likely_event_roles,
    likely_roles,
)
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.config.rules import problems
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.core.config.stored_as import TableColumns
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.column_facts import column_facts
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.sql.columns import is_nested
from rtb_optimizer.errors import LogsMissing
from rtb_optimizer.logs.contents import look_into
from rtb_optimizer.logs.lake.location import require_no_table_above, require_no_table_below
from rtb_optimizer.logs.lake.snapshot import Pin
from rtb_optimizer.logs.lake.tables import all_of, pin_now
from rtb_optimizer.logs.layout import Layout, layout_of, slug
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.store import seeds
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore, split_url

MAX_FILES, MAX_BYTES = 24, 512 << 20
"""Files of a day that are looked into: as many as tell what the others are."""
MAX_WINDOW_DAYS = 7
MEMORY_MB = 1024


@dataclass(frozen=True, slots=True)
class InspectedLogs:
    """Logs below a URL: their layout, what files were looked into, their columns, and the snapshot of a table."""

    layout: Layout
    content: Content
    looked_into: int
    facts: Sequence[ColumnFacts]
    snapshot: Pin | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, and the configuration that fits as overrides by key.

    `lacks` are what a person has to add before an entity can be added.
    """

    logs: InspectedLogs
    roles: LikelyRoles
    outcomes: InspectedLogs | None
    event_roles: Mapping[str, str]
    values: Mapping[str, str]
    lacks: Sequence[str] = field(default_factory=tuple)

    @property
    def window(self) -> tuple[date, date] | None:
        """The last days that have logs, at most a week, as a half-open window; None where no dates are known."""
        days = self.logs.layout.days or self._days_of_rows
        if not days:
            return None
        last = days[-1]
        first = last
        while first - timedelta(days=1) in days and (last - first).days + 1 < MAX_WINDOW_DAYS:
            first -= timedelta(days=1)
        return first, last + timedelta(days=1)

    @property
    def _days_of_rows(self) -> Sequence[date]:
        """The days between the first and the last time of the rows."""
        name = self.roles.columns.get("timestamp_column")
        bounds = next((each.days for each in self.logs.facts if each.name == name), None)
        if bounds is None:
            return ()
        return [bounds[0] + timedelta(days=n) for n in range((bounds[1] - bounds[0]).days + 1)]

    def add_command(self, entity_code: str, s3_base_path: str) -> str:
        """Return the command that adds an entity for these logs."""
        named = [f"--name {shlex.quote(entity_code)}", "--object-id 1", f"--s3-base-path {shlex.quote(s3_base_path)}"]
        lines = [f"rtb entities add {entity_code} {' '.join(named)}"]
        lines += [f"    --set {shlex.quote(f'{key}={value}')}" for key, value in self.values.items()]
        return " \\\n".join(lines)


def inspect(url: str, outcomes_url: str = "") -> Inspection:
    """Inspect logs, and logs of their outcomes.

    Args:
        url: What lies below it is looked at: an s3:// URL of a folder or a file.
        outcomes_url: The same of events, such as clicks; empty where the logs hold the outcomes.

    Raises:
        LogsMissing: when there are no files.
        LogsInvalid: when they cannot be read.
    """
    settings = _defaults()
    logs, outcomes = _inspected(url, settings), _inspected(outcomes_url, settings) if outcomes_url else None
    roles = likely_roles(logs.facts, settings.denied_features)
    values = _values(logs, roles)
    events = likely_event_roles(outcomes.facts, roles.row_id_columns) if outcomes is not None else {}
    if outcomes is not None:
        values |= _outcome_values(roles, outcomes, events)
        values = {key: value for key, value in values.items() if value or key == "completion_marker"}
    return Inspection(logs, roles, outcomes, events, values, _lacks(values))


def entity_code_of(url: str) -> str:
    """Return a code for an entity that reads logs below a URL."""
    return slug(url)


def _defaults() -> Settings:
    given: dict[str, str] = {"logs_path": "s3://unknown/", "outcome_column": "unknown", "candidate_features": "unknown"}
    return settings_as_stored(resolve(seeds.config_keys(), given).values)


def _inspected(url: str, settings: Settings) -> InspectedLogs:
    laid_out = _laid_out(url)
    layout, listed, folder = laid_out.layout, laid_out.files, laid_out.folder
    if not layout.files:
        raise LogsMissing(f"there are no files below {url}: give the URL of the folder with the logs")
    files = _some([listed[key] for key in _fullest_day(layout, listed) if listed[key].byte_size > 0])
    found = look_into([Partition(folder, None, files, "")], _for(settings, folder)).partitions[0].files
    if not found:
        raise LogsMissing(
            f"none of the {len(files)} files of {folder} that were looked into is of a format that is read"
        )
    reading, table = _reading(folder, found, laid_out.table), laid_out.table
    contents = list(reading.contents)
    objects = LogObjects.of({f"s3://{split_url(folder)[0]}/{file.key}": file for file in found})
    with DuckDBEngine(objects, settings.engine_threads, MEMORY_MB) as engine:
        types = engine.open_logs(contents, reading)
        nested = engine.nested_columns()
        roots = {path.partition(".0")[0] for path in nested}  # a list of JSON is a text
        plain = [name for name, kind in types.items() if not is_nested(kind) and name not in roots]
        names = [*plain, *nested, *layout.folder_keys, *(table.shared if table else ())]
        types = engine.open_logs(contents, replace(reading, columns=names, below=folder))
        facts = column_facts(engine, {name: types[name] for name in names if name in types}, settings.missing_values)
    return InspectedLogs(layout, found[0].content, len(found), facts, laid_out.snapshot)


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
    if (pin := pin_now(folder)) is None:
        require_no_table_above(folder)
        root = prefix if prefix in listed else split_url(folder)[1]
        require_no_table_below(folder, [key.removeprefix(root) for key in listed])
        return _LaidOut(folder, layout_of(folder, list(listed), root), listed)
    snapshot = all_of(pin)
    keys = {split_url(file.url)[1]: file for file in snapshot.files}
    files = {
        key: replace(listed[key], values=file.values, deleted=file.deleted)
        for key, file in keys.items()
        if key in listed
    }
    return _LaidOut(
        folder, Layout(folder, (), (), "", (), len(files), {None: list(files)}), files, snapshot.columns, pin
    )


def _reading(folder: str, files: Sequence[LogFile], table: TableColumns | None) -> Reading:
    by_url = {f"s3://{split_url(folder)[0]}/{file.key}": file for file in files}
    return Reading(
        {url: file.content for url, file in by_url.items()},
        table=table,
        values={url: file.values for url, file in by_url.items() if file.values},
        deleted={url: file.deleted for url, file in by_url.items() if file.deleted},
    )


def _fullest_day(layout: Layout, listed: Mapping[str, LogFile]) -> Sequence[str]:
    """Return the keys of the last days' fullest one: the last may still be written."""
    days = list(layout.by_day) if not layout.days else list(layout.days[-MAX_WINDOW_DAYS:])
    return max((layout.by_day[day] for day in days), key=lambda keys: sum(listed[key].byte_size for key in keys))


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


def _values(logs: InspectedLogs, roles: LikelyRoles) -> dict[str, str]:
    layout = logs.layout
    values = {"logs_path": layout.logs_path, "completion_marker": layout.marker, **roles.columns}
    values |= {
        "row_id_columns": ",".join(roles.row_id_columns),
        "anchor_features": ",".join(roles.anchor_features),
        "candidate_features": ",".join(roles.candidate_features),
    }
    if layout.marker == "_SUCCESS":  # the default
        del values["completion_marker"]
    return {key: value for key, value in values.items() if value or key == "completion_marker"}


def _outcome_values(roles: LikelyRoles, outcomes: InspectedLogs, found: Mapping[str, str]) -> dict[str, str]:
    """Return the overrides that join events; what is called as in the rows is not named."""
    values = {"outcome_logs_path": outcomes.layout.logs_path, **found, "outcome_column": "outcome", "value_column": ""}
    if [found.get("outcome_logs_id_columns")] == list(roles.row_id_columns):
        del values["outcome_logs_id_columns"]
    if found.get("outcome_logs_time_column") == roles.columns.get("timestamp_column"):
        values.pop("outcome_logs_time_column", None)
    if kind := found.get("outcome_logs_kind_column"):
        examples = next(each.examples for each in outcomes.facts if each.name == kind)
        values["outcome_kinds"] = json.dumps(counted_kinds(examples))
    if "outcome_logs_value_column" in found:
        values["value_column"] = "worth"
    return values


def _lacks(values: Mapping[str, str]) -> tuple[str, ...]:
    needed = {
        "outcome_column": "no column looks like an outcome; set outcome_column, or give --outcomes with clicks",
        "candidate_features": "no column looks like a feature; set candidate_features",
    }
    lacks = [words for key, words in needed.items() if not values.get(key)]
    if lacks:
        return tuple(lacks)
    given: dict[str, str] = dict(values)
    settings = settings_as_stored(resolve(seeds.config_keys(), given).values)
    return tuple(problems(settings))
