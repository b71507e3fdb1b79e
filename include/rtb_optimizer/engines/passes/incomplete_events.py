"""Warns of events that lack their kind or their amount."""

from collections.abc import Mapping

from rtb_optimizer.core.config.event_logs import EventLogs
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.events import EventsSql

MAX_SPELLINGS = 5
MAX_WITHOUT_AMOUNT = 0.01
"""Share of the events of a kind that may lack their amount without a warning."""


def incomplete_events(engine: Engine, sql: EventsSql) -> list[RunWarning]:
    """Return warnings about events that do not count for want of a kind, or count with an amount of 0.

    Args:
        engine: The engine, with the events joined.
        sql: The statements of their join.
    """
    logs, warnings = sql.logs, list[RunWarning]()
    if logs.kinds:
        strange = engine.query(sql.strange_kinds(), "kinds of events").to_pylist()
        warnings += _of_kinds({row["kind"]: int(row["n"]) for row in strange}, logs)
    if logs.amount_column:
        amounts = engine.query(sql.amounts(), "amounts of events").to_pylist()
        warnings += _of_amounts({row["kind"]: (int(row["events"]), int(row["known"])) for row in amounts}, logs)
    return warnings


def _of_kinds(strange: Mapping[str, int], logs: EventLogs) -> list[RunWarning]:
    """Return warnings about events without a kind, and of kinds that are spelt otherwise than one that counts."""
    warnings, spelt = [], {kind: n for kind, n in strange.items() if kind and kind not in logs.kinds}
    if spelt:
        respelt, listed = sum(spelt.values()), ", ".join(map(repr, list(spelt)[:MAX_SPELLINGS]))
        message = (
            f"{respelt} events have a kind that outcome_kinds spells otherwise ({listed}): they do not count; name "
            "these spellings there, too, or have one delivered"
        )
        warnings.append(RunWarning("kinds_respelt", message, respelt))
    if unnamed := strange.get("", 0):
        message = f"{unnamed} events have no kind in {logs.kind_column!r} (outcome_logs_kind_column): they do not count"
        warnings.append(RunWarning("events_without_kind", message, unnamed))
    return warnings


def _of_amounts(by_kind: Mapping[str, tuple[int, int]], logs: EventLogs) -> list[RunWarning]:
    """Return a warning where events lack an amount that others of their kind have, or where none has one.

    A kind that never has an amount, as a click beside a sale, lacks nothing.
    """
    none_has = not any(known for _, known in by_kind.values())
    of_kinds = {kind: of for kind, of in by_kind.items() if none_has or of[1] > 0}
    lacking = {kind: events - known for kind, (events, known) in of_kinds.items()}
    many = {kind: n for kind, n in lacking.items() if n > MAX_WITHOUT_AMOUNT * of_kinds[kind][0]}
    if not many:
        return []
    role, lost, events = logs.role, sum(many.values()), sum(of_kinds[kind][0] for kind in many)
    named = f" ({', '.join(f'{kind}: {n} of {of_kinds[kind][0]}' for kind, n in sorted(many.items()))})"
    message = (
        f"{lost} of {events} {role.event}s have no {role.of_row[1]} in {logs.amount_column!r} ({role.amount_of})"
        f"{named if logs.kinds else ''}: each counts with 0; have it delivered, or 0 written where that is right"
    )
    return [RunWarning(f"{role.event}s_without_{role.of_row[1]}", message, lost, lost / events)]
