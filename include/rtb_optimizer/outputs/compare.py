"""What changed between two runs of an entity, and was it the data, the model, the configuration or the level?"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.core.table.changes import SAME, Change, Kind, changes, mean_change, rank_correlation
from rtb_optimizer.core.table.published_table import PublishedTable, read_table
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.published import PublishedRun, published
from rtb_optimizer.store import activation, entities, runs
from rtb_optimizer.store.schema import Entity, Run

LARGEST = 20
CAUSES = ("data", "model", "config", "normaliser")


def compare(
    session: Session, entity_code: str, before: str = "", after: str = "", limit: int = LARGEST
) -> dict[str, Any]:
    """Compare two runs, named by id or code; by default the active one with the one that was active before it.

    Raises:
        NotFound: when a run is not the entity's or did not succeed, or there is none to compare with.
    """
    was, now = pair(session, entity_code, before, after)
    told = changes_between(published(session, was), published(session, now), limit)
    return {"entity_code": entity_code, "before": _named(was), "after": _named(now), **told}


def pair(session: Session, entity_code: str, before: str = "", after: str = "") -> tuple[Run, Run]:
    """Return the two runs that are meant, the earlier first.

    Raises:
        NotFound: as `compare` does.
    """
    entity = entities.find(session, entity_code)
    now, was = _later(session, entity, after), _earlier(session, entity, before)
    return was, now


def changes_between(before: PublishedRun, after: PublishedRun, limit: int = LARGEST) -> dict[str, Any]:
    """Return what changed from one run to another: counts of rows, and the `limit` changes that move the most.

    `before` and `after` of a row are total multipliers, the default row's in them; its four causes add up to the
    change of their log. `moved` and `largest` are about rows that changed themselves: that all others follow the
    default row is told once, by `default_multiplier`.
    """
    told, changed = compared(before, after)
    return told | {"largest": [change_row(change) for change in changed[:limit]]}


def compared(before: PublishedRun, after: PublishedRun) -> tuple[dict[str, Any], list[Change]]:
    """Return what changed from one run to another but the rows, and every row that changed itself, the largest first.

    The default row is none of them.
    """
    old, new = table_of(before), table_of(after)
    found = changes(old, new)
    count = {kind: sum(change.kind is kind for change in found) for kind in Kind}
    told = {
        "against": before.run_code,
        "config": _different(before.config, after.config),
        "features": _features(before, after),
        "interactions": _interactions(before, after),
        "default_multiplier": {"before": old.base_multiplier, "after": new.base_multiplier},
        "rows": {"before": len(before.rows), "after": len(after.rows)},
        "appeared": count[Kind.APPEARED],
        "vanished": count[Kind.VANISHED],
        "moved": count[Kind.MOVED],
        "stayed": count[Kind.STAYED],
        "mean_log_change": mean_change(found),
        "rank_correlation": rank_correlation(old, new),
    }
    return told, [change for change in found if abs(change.own) > SAME]


def table_of(run: PublishedRun) -> PublishedTable:
    """Return a run's table with what its multipliers were made by."""
    return read_table(run.rows.values(), run.features, run.priors, run.settings.segment_rules, run.scale)


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the keys with another value; one that a run's version did not have is None there."""
    keys = sorted(before.keys() | after.keys())
    both = {key: {"before": before.get(key), "after": after.get(key)} for key in keys}
    return {key: values for key, values in both.items() if values["before"] != values["after"]}


def _features(before: PublishedRun, after: PublishedRun) -> dict[str, Any]:
    """Return which features came and went, and whether those that stayed changed places."""
    old, new = before.features, after.features
    return {
        "before": old,
        "after": new,
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "reordered": [name for name in old if name in new] != [name for name in new if name in old],
    }


def _interactions(before: PublishedRun, after: PublishedRun) -> dict[str, list[list[str]]]:
    """Return which interactions came and went; the order of an interaction's features says nothing."""
    old, new = ({frozenset(found) for found in run.interactions} for run in (before, after))
    return {
        "added": [found for found in after.interactions if frozenset(found) not in old],
        "removed": [found for found in before.interactions if frozenset(found) not in new],
    }


def change_row(change: Change) -> dict[str, Any]:
    """Return a row of the comparison: its multipliers before and after, and the causes of the change of their log."""
    facts = asdict(change)
    order = ("segment", "given", "kind", "before", "after", *CAUSES)
    return {name: facts[name] for name in order} | {"exposures": change.weight}


def _named(run: Run) -> dict[str, Any]:
    return {"run_id": run.run_id, "run_code": run.run_code, "data_start": run.data_start, "data_end": run.data_end}


def _earlier(session: Session, entity: Entity, name: str) -> Run:
    if name:
        return _own(session, entity, name)
    before = activation.moved_from(session, entity)
    if before is None:
        raise NotFound(f"{entity.entity_code} had no active run before: {_there_are(session, entity)}")
    return session.get_one(Run, before)


def _later(session: Session, entity: Entity, name: str) -> Run:
    if name:
        return _own(session, entity, name)
    if entity.active_run_id is None:
        raise NotFound(f"{entity.entity_code} has no active run: {_there_are(session, entity)}")
    return session.get_one(Run, entity.active_run_id)


def _own(session: Session, entity: Entity, name: str) -> Run:
    run = runs.find(session, name)
    if run.entity_id != entity.entity_id:
        raise NotFound(f"run {run.run_code} is none of {entity.entity_code}: {_there_are(session, entity)}")
    if run.status != "succeeded":
        raise NotFound(f"run {run.run_code} is {run.status}, it has no table: {_there_are(session, entity)}")
    return run


def _there_are(session: Session, entity: Entity) -> str:
    found = [f"{run.run_id} ({run.run_code})" for run in runs.succeeded(session, entity)]
    if len(found) > 1:
        return f"name two of {', '.join(found)}"
    return f"the only succeeded run is {found[0]}" if found else "no run has succeeded yet"
