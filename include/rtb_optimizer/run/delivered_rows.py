"""Warns of rows that are not what they were delivered as: totals, running totals, unlike files, second deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.selection.redelivered import Drawing, redelivered
from rtb_optimizer.core.selection.running_totals import running_totals
from rtb_optimizer.core.selection.totals import totals_among_rows
from rtb_optimizer.core.selection.unlike_files import Unlike, unlike_files
from rtb_optimizer.engines.passes.origin import urls_by_hash
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.run.choose_features import Choice

MAX_LISTED = 3


@dataclass(frozen=True, slots=True)
class DeliveryFindings:
    """Warnings about the rows that were delivered, and the facts that a run is held by, as far as there are any."""

    warnings: Sequence[RunWarning] = ()
    facts: Mapping[str, float] = field(default_factory=dict)


def delivery_findings(engine: Engine, table: LogTable, window: Profile, choice: Choice) -> DeliveryFindings:
    """Return what is wrong with the rows that were delivered.

    Lost outcomes hold no run: files of the same traffic lack them for all values alike, which moves no multiplier.

    Args:
        engine: The engine that has the logs open.
        table: The logs.
        window: The window as a whole.
        choice: The selection, with the whole sample.
    """
    settings = table.settings
    unlike, again, running = _unlike(choice, settings), _again(choice, settings), _running(choice, settings)
    facts = {f"{each.kind}_share": each.share for each in unlike if each.kind == "inverted"}
    facts |= {"redelivered_share": again} if again else {}
    facts |= {"rising_share": running.share} if running and running.share is not None else {}
    urls = urls_by_hash(engine, table) if unlike else {}
    of_files = [_of_files(each, urls, settings) for each in unlike]
    of_rows = [*_totals(choice, window, settings), *([running] if running else []), *_redelivered(again, settings)]
    return DeliveryFindings([*of_rows, *of_files], facts)


def _totals(choice: Choice, window: Profile, settings: Settings) -> list[RunWarning]:
    """Return a warning of rows that are the sum of the others, where rows are sums: one exposure is no total.

    It holds no run: rates of values are as they were, and multipliers of a table moved by 5 % at most,
    most of them by less than 2 %.
    """
    if not settings.exposure_column:
        return []
    drawn, has_cost = choice.whole, bool(settings.cost_column)
    found = totals_among_rows(drawn.sample, drawn.bid_marks.day, window.by_day, has_cost=has_cost)
    if found is None:
        return []
    message = (
        f"the {found.rows} rows with {found.feature}={found.value} hold the sum of all other rows of their days: "
        "totals of a report, which count all traffic once more; volumes are twice what they were, what features say is "
        "blurred, and half of the spend counts as bid by the default row; leave totals out of the export"
    )
    return [RunWarning("totals_among_rows", message, found.rows)]


def _unlike(choice: Choice, settings: Settings) -> list[Unlike]:
    """Return the files whose outcomes are inverted or lost; rows of events have the outcomes of all others."""
    drawn = choice.whole
    if drawn.origin is None or choice.unjoined > 0:
        return []
    ids = {*settings.row_id_columns}
    columns = {name: feature for name, feature in drawn.sample.features.items() if name not in ids}
    return unlike_files(drawn.rows, drawn.origin.file, columns, drawn.origin.minute.astype("datetime64[h]"))


def _again(choice: Choice, settings: Settings) -> float:
    """Return the share of the rows that repeat another under another id, where a row is one event with an id and time.

    Those without an id that repeat another at the same time are counted as duplicates.
    """
    drawn, s = choice.whole, settings
    time = drawn.origin.time if drawn.origin is not None else None
    if time is None or not s.row_id_columns or s.exposure_column or s.weight_column:
        return 0.0
    known, rows = np.flatnonzero(drawn.has_id), drawn.rows
    shares = drawn.shares.positives, drawn.shares.others
    drawing = Drawing(time[known], drawn.row_hash[known], (rows.with_outcome > 0)[known], *shares)
    features = {
        n: replace(f, codes=f.codes[known]) for n, f in drawn.sample.features.items() if n not in s.row_id_columns
    }
    return redelivered(drawing, features, (drawn.sample.spend / rows.weight)[known] if s.cost_column else None)


def _running(choice: Choice, settings: Settings) -> RunWarning | None:
    """Return a warning of counts that run on from row to row, where rows are counts; `share` is that of the rises."""
    drawn, s = choice.whole, settings
    if drawn.origin is None or not s.exposure_column or s.weight_column:
        return None
    rows = drawn.rows
    counts = [rows.with_outcome + rows.without, *([] if s.objective == "value" else [rows.with_outcome])]
    found = running_totals(counts, drawn.sample.features, drawn.origin.minute)
    if found is None:
        return None
    columns = s.exposure_column if s.objective == "value" else f"{s.exposure_column} and {s.outcome_column}"
    message = (
        f"{columns} next to never fall from row to row of the same values: {found.falls} of {found.changes} changes "
        f"are falls, where {found.expected:.0f} would be: running totals, as of a counter since midnight? each row "
        "counts what the rows before it counted; deliver what each row's own hour or day has"
    )
    return RunWarning("counts_run_on", message, share=1 - found.falls / found.changes)


def _redelivered(share: float, settings: Settings) -> list[RunWarning]:
    if not share:
        return []
    ids = ", ".join(settings.row_id_columns)
    message = (
        f"{share:.1%} of the rows are another's in all but {ids} (row_id_columns): the same "
        f"{settings.timestamp_column}, values, cost and outcome, where next to no rows of one time differ in little: "
        "delivered twice, as by a retry or a second consumer that gives ids anew? volumes and spend are counted twice; "
        "deliver each row once, or name in row_id_columns what a retry keeps"
    )
    return [RunWarning("rows_redelivered", message, share=share)]


WORDS = {
    "inverted": "an outcome where the others have none, and none where they have one; {:.0%} of the outcomes of the "
    "window stand in them, where {:.2g} of the rows of the others have one: is 0 an outcome there? the table bids for "
    "what nobody clicks; have them delivered again, with 1 for an outcome",
    "lost": "no outcome, {:.0%} of those that the window should have, where {:.2g} of the rows of the others have one, "
    "of the same values and hours: were they lost, or not joined? have them delivered again, or leave them out",
}


def _of_files(unlike: Unlike, files: Mapping[str, str], settings: Settings) -> RunWarning:
    urls = sorted(files.get(name, name) for name in unlike.files)
    more = f" and {len(urls) - MAX_LISTED} more" if len(urls) > MAX_LISTED else ""
    verb = "has" if len(urls) == 1 else "have"
    column = settings.value_column if settings.objective == "value" else settings.outcome_column
    words = WORDS[unlike.kind].format(unlike.share, unlike.rate)
    message = f"{', '.join(urls[:MAX_LISTED])}{more} {verb} in {column or 'the outcome'} {words}"
    return RunWarning(f"outcomes_{unlike.kind}", message, share=unlike.share)
