"""Compares two runs of an entity: what changed, and whether by the data, the model, the configuration or the level."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.table.changes import SAME, Change, Kind, changes, mean_change, rank_correlation
from rtb_optimizer.core.table.published_table import PublishedTable, read_table
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.documents.changes import (
    ChangeDocument,
    ChangesDocument,
    Comparison,
    FeatureChanges,
    InteractionChanges,
    NamedRun,
    NumberChange,
    ValueChange,
)
from rtb_optimizer.outputs.published import PublishedRun, published
from rtb_optimizer.store import activation, entities, runs
from rtb_optimizer.store.schema import Entity, Run

LARGEST = 20


def compare(session: Session, entity_code: str, before: str = "", after: str = "", limit: int = LARGEST) -> Comparison:
    """Compare two runs, named by id or code; by default the active one with the one that was active before it.

    Raises:
        NotFound: when a run is not the entity's or did not succeed, or there is none to compare with.
    """
    was, now = pair(session, entity_code, before, after)
    difference = changes_between(published(session, was), published(session, now), limit)
    return Comparison(entity_code=entity_code, before=_named(was), after=_named(now), **dict(difference))


def pair(session: Session, entity_code: str, before: str = "", after: str = "") -> tuple[Run, Run]:
    """Return the two runs that are meant, the earlier first.

    Raises:
        NotFound: as `compare` does.
    """
    entity = entities.find(session, entity_code)
    now, was = _later(session, entity, after), _earlier(session, entity, before)
    return was, now


def changes_between(before: PublishedRun, after: PublishedRun, limit: int = LARGEST) -> ChangesDocument:
    """Return what changed from one run to another: counts of rows, and the `limit` changes that move the most.

    `before` and `after` of a row are total multipliers, the default row's in them; its four causes add up to the
    change of their log. `moved` and `largest` are about rows that changed themselves: that all others follow the
    default row is stated once, by `default_multiplier`.
    """
    difference, changed = compared(before, after)
    return difference.model_copy(update={"largest": tuple(map(change_document, changed[:limit]))})


def compared(before: PublishedRun, after: PublishedRun) -> tuple[ChangesDocument, list[Change]]:
    """Return what changed from one run to another but the rows, and every row that changed itself, the largest first.

    The default row is not among them.
    """
    old, new = table_of(before), table_of(after)
    all_changes = changes(old, new)
    count = {kind: sum(change.kind is kind for change in all_changes) for kind in Kind}
    difference = ChangesDocument(
        against=before.run_code,
        config=_different(before.config, after.config),
        features=_features(before, after),
        interactions=_interactions(before, after),
        default_multiplier=NumberChange(before=old.base_multiplier, after=new.base_multiplier),
        rows=NumberChange(before=len(before.rows), after=len(after.rows)),
        appeared=count[Kind.APPEARED],
        vanished=count[Kind.VANISHED],
        moved=count[Kind.MOVED],
        stayed=count[Kind.STAYED],
        mean_log_change=mean_change(all_changes),
        rank_correlation=rank_correlation(old, new),
    )
    return difference, [change for change in all_changes if abs(change.own) > SAME]


def table_of(run: PublishedRun) -> PublishedTable:
    """Return a run's table with what its multipliers were made by."""
    rules = run.settings.segment_rules
    return read_table(run.rows.values(), run.features, run.priors, rules, run.scale, run.insignificant)


def _different(before: Mapping[str, ConfigValue], after: Mapping[str, ConfigValue]) -> dict[str, ValueChange]:
    """Return the keys with another value; one that a run's version did not have is None there."""
    pairs = {key: (before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())}
    return {key: ValueChange(before=was, after=now) for key, (was, now) in pairs.items() if was != now}


def _features(before: PublishedRun, after: PublishedRun) -> FeatureChanges:
    """Return which features came and went, and whether those that stayed changed places."""
    old, new = before.features, after.features
    return FeatureChanges(
        before=tuple(old),
        after=tuple(new),
        added=_missing_from(old, new),
        removed=_missing_from(new, old),
        reordered=[name for name in old if name in new] != [name for name in new if name in old],
    )


def _missing_from(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in others if name not in some)


def _interactions(before: PublishedRun, after: PublishedRun) -> InteractionChanges:
    """Return which interactions came and went; the order of the features of an interaction carries no meaning."""
    old, new = ({frozenset(each) for each in run.interactions} for run in (before, after))
    return InteractionChanges(
        added=tuple(tuple(each) for each in after.interactions if frozenset(each) not in old),
        removed=tuple(tuple(each) for each in before.interactions if frozenset(each) not in new),
    )


def change_document(change: Change) -> ChangeDocument:
    """Return a row of the comparison: its multipliers before and after, and the causes of the change of their log."""
    return ChangeDocument(
        segment=change.segment,
        given=change.given,
        kind=change.kind.value,
        before=change.before,
        after=change.after,
        data=change.data,
        model=change.model,
        config=change.config,
        normaliser=change.normaliser,
        exposures=change.weight,
    )


def _named(run: Run) -> NamedRun:
    return NamedRun(run_id=run.run_id, run_code=run.run_code, data_start=run.data_start, data_end=run.data_end)


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
        raise NotFound(f"run {run.run_code} is not a run of {entity.entity_code}: {_there_are(session, entity)}")
    if run.status != "succeeded":
        raise NotFound(f"run {run.run_code} is {run.status}, it has no table: {_there_are(session, entity)}")
    return run


def _there_are(session: Session, entity: Entity) -> str:
    listed = [f"{run.run_id} ({run.run_code})" for run in runs.succeeded(session, entity)]
    if len(listed) > 1:
        return f"name two of {', '.join(listed)}"
    return f"the only succeeded run is {listed[0]}" if listed else "no run has succeeded yet"
