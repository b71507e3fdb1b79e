"""What the logs of a run were, as select_features hands it over: sums by day, anomalies, objects that were read."""

from collections.abc import Mapping

from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.outputs.documents.document import Document, Number


class EventsDocument(Document):
    """The events of a kind on a day (UTC): how many, repeats of them, with a row, and counted for one.

    `day` is null for events without a time, `kind` is empty where all events are of one.
    """

    day: str | None = None
    kind: str = ""
    events: int = 0
    repeats: int = 0
    found: int = 0
    counted: int = 0


class LogsDocument(Document):
    """What the logs of the window were: sums, anomalies, partitions by URL.

    `by_day` has the sums of each day with rows, `rows_by_hour` the rows of a mean day by hour of the entity's clock,
    `known_days` the sums of the last whole days of this run and those before it, `events` how the events were joined of
    outcome logs, `wins` of the wins of win logs; `known_events` and `known_wins` have how many there were on the last
    whole days (UTC) of this run and those before it.
    """

    totals: Counts
    design_effect: Number
    positive_rows: int
    rows_by_day: Mapping[str, Number]
    by_day: Mapping[str, Counts] = {}
    rows_by_hour: tuple[float, ...] = ()
    known_days: Mapping[str, Counts] = {}
    events: tuple[EventsDocument, ...] = ()
    wins: tuple[EventsDocument, ...] = ()
    known_events: tuple[EventsDocument, ...] = ()
    known_wins: tuple[EventsDocument, ...] = ()
    anomalies: Mapping[str, int]
    worst_days: Mapping[str, str]
    partitions: tuple[str, ...]
    partitions_expected: int
    missing: tuple[str, ...]


class FoundInFileDocument(Document):
    """What a file of JSON lines holds: the number of its columns, the lines that are no rows, the first from 1."""

    url: str
    etag: str
    columns: int
    bad_lines: int
    first_bad: int


class FoundColumnsDocument(Document):
    """What files of JSON lines hold; `columns` are the distinct lists of values, each by the names that lead to it."""

    columns: tuple[tuple[tuple[str, ...], ...], ...]
    files: tuple[FoundInFileDocument, ...]


class InputDocument(Document):
    """An object of the logs that was read."""

    s3_key: str
    byte_size: int
    etag: str
