"""Compares an entity's active.json with the catalog, and says what to do about a difference; nothing is repaired."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.store import active_copy
from rtb_optimizer.store.objects import ObjectStore, active_key
from rtb_optimizer.store.schema import Entity

REPAIRED_WITHIN = timedelta(minutes=10)
"""A copy that lags behind a decision for less time is not a problem: maintenance repairs it every five minutes."""
RECONCILE = "`rtb reconcile` writes it"


def copy_problem(session: Session, entity: Entity, now: datetime) -> str | None:
    """Return what is wrong with an entity's active.json as a sentence, None when it is as the catalog says.

    Ends the session's transaction: none is open while S3 is asked.
    """
    base = entity.s3_base_path
    expected = active_copy.content(session, entity)
    session.rollback()
    body = ObjectStore.of(base).seen(active_key(base)).body
    if body == expected:
        return None
    problem = difference(json.loads(expected) if expected else None, body, now)
    return f"{base}/active.json {problem}" if problem else None


def difference(expected: Mapping[str, Any] | None, body: bytes | None, now: datetime) -> str | None:
    """Return how a copy differs from what the catalog expects, None where it is about to be written.

    Args:
        expected: The content by the catalog, None before the first activation.
        body: The object, None where there is none.
        now: The time of the comparison.
    """
    if expected is None:
        return (
            "is there, and this catalog has activated no run: another catalog, or an entity that was deleted from this "
            "one, has the base path; give one of them another path"
        )
    is_fresh = now - datetime.fromisoformat(expected["activated_at"]) < REPAIRED_WITHIN
    if body is None:
        return None if is_fresh else f"is missing: readers without a database find no table; {RECONCILE}"
    return _other(expected, _object(body), is_fresh=is_fresh)


def _other(expected: Mapping[str, Any], found: Mapping[str, Any], *, is_fresh: bool) -> str | None:
    number, current = found.get("decision_number"), expected["decision_number"]
    if not isinstance(number, int):
        return f"cannot be read: {RECONCILE}; find out who else writes there"
    if found.get("entity_code") != expected["entity_code"]:
        return f"is of entity {found.get('entity_code')!r}: it, or another catalog, has the same base path; move one"
    if number > current:
        return (
            f"is of decision {number}, and this catalog knows {current}: another catalog writes to this path, or this "
            f"one was restored from an earlier backup, and then {RECONCILE}"
        )
    if number < current:
        lag = f"is of decision {number} and run {found.get('run_id')}, the catalog's are {current} and "
        return None if is_fresh else f"{lag}{expected['run_id']}: {RECONCILE}; check rtb_optimizer_maintenance"
    return f"differs from the catalog at the same decision {number}: {RECONCILE}; find out who else writes there"


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
