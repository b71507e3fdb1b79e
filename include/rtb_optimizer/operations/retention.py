"""How are old objects deleted, and never one that could still be read?

First what there is on S3 is listed: whatever is written after that is left alone, and whatever run was listed has
its row. Then, under the entity's lock, the catalog decides and the output rows of what goes are deleted: decisions
about the pointer take the same lock and verify the outputs under it, so that a run is either kept or cannot become
active. The objects go last; where that breaks off, the next time finds them in the listing.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import settings_of
from rtb_optimizer.core.decision.retention import Deletable, RetentionRules, deletable_objects, is_orphan_deletable
from rtb_optimizer.errors import RetentionIncomplete
from rtb_optimizer.store import activation, configs, connections, entities, run_retention
from rtb_optimizer.store.objects import ListedObject, ObjectStore, run_prefix, split_url
from rtb_optimizer.store.schema import Entity

log = logging.getLogger(__name__)
Base = tuple[str, str]  # bucket and key of an entity's base path
Objects = list[ListedObject]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted of one folder: all of a `run`, its `work`, or an `orphan` that no run has; sizes in bytes."""

    entity_code: str
    run_code: str
    what: str
    objects: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was deleted, and in words what could not be."""

    deleted: list[Deleted]
    problems: list[str]

    def require_complete(self) -> None:
        """Raise RetentionIncomplete with every problem, if there are any."""
        if self.problems:
            raise RetentionIncomplete(f"not all that is past its time was deleted: {'; '.join(self.problems)}")


def apply_retention(entity_code: str = "", *, dry_run: bool = False, now: datetime | None = None) -> Outcome:
    """Delete what is past its time, of every entity or of one; one that fails does not stop the others.

    A dry run deletes neither rows nor objects, and returns the same list.

    Raises:
        NotFound: when there is no entity of that code.
    """
    now, outcome = now or datetime.now(UTC), Outcome([], [])
    with connections.session() as session:
        bases = {entity.entity_code: split_url(entity.s3_base_path) for entity in entities.all_entities(session)}
        for code in [entities.find(session, entity_code).entity_code] if entity_code else bases:
            others = [base for other, base in bases.items() if other != code]
            try:
                _of_entity(session, code, others, outcome.deleted, now=now, dry_run=dry_run)
            except Exception as problem:
                log.warning("retention of %s", code, exc_info=True)
                outcome.problems.append(f"{code}: {' '.join(str(problem).split())}")
            session.rollback()
    return outcome


def _of_entity(
    session: Session, code: str, others: Sequence[Base], deleted: list[Deleted], *, now: datetime, dry_run: bool
) -> None:
    entity = entities.find(session, code)
    base, rules = entity.s3_base_path, _rules(session, entity)
    session.rollback()  # listing takes time, in which no table must stay locked
    store = ObjectStore.of(base)
    folders = _listed(store, f"{run_prefix(base, '')}/", others)
    goes = _decided(session, code, rules, now, dry_run=dry_run)
    for run_code, listed in sorted(folders.items()):
        if run_code in goes:
            what, objects = _of_run(listed, f"{run_prefix(base, run_code)}/work/", goes[run_code])
        else:
            what, objects = "orphan", _of_nobody(listed, run_code, code, rules, now)
        if objects:
            if not dry_run:
                store.delete([each.key for each in objects])
            deleted.append(Deleted(code, run_code, what, len(objects), sum(each.byte_size for each in objects)))
            log.info("%s%s", "would be deleted: " if dry_run else "deleted: ", deleted[-1])


def _of_run(listed: Objects, work: str, goes: Deletable) -> tuple[str, Objects]:
    """Return what goes of a run's folder; `work` is the prefix of what its steps handed each other."""
    if goes is Deletable.ALL:
        return "run", listed
    return "work", [each for each in listed if goes is Deletable.WORK and each.key.startswith(work)]


def _of_nobody(listed: Objects, folder: str, code: str, rules: RetentionRules, now: datetime) -> Objects:
    """Return a whole folder that no run has, if it is named as this entity's runs are and nothing in it is young."""
    is_ours = re.fullmatch(rf"{code}-\d{{8}}-\d{{8}}-[0-9a-f]{{10}}", folder)
    return listed if is_ours and is_orphan_deletable(max(each.modified for each in listed), rules, now) else []


def _decided(
    session: Session, code: str, rules: RetentionRules, now: datetime, *, dry_run: bool
) -> dict[str, Deletable]:
    """Return what goes of each run, after the rows of what goes were deleted. Holds the entity's lock meanwhile."""
    entity = entities.find(session, code, lock=not dry_run)
    runs = run_retention.past_runs(session, entity)
    goes = deletable_objects(runs, entity.active_run_id, activation.active_before(session, entity), rules, now)
    if not dry_run:
        full = [run.run_code for run in runs if run.has_outputs and goes[run.run_code] is Deletable.ALL]
        run_retention.forget_outputs(session, entity, full)
        session.commit()
    return goes


def _listed(store: ObjectStore, runs: str, others: Sequence[Base]) -> dict[str, Objects]:
    """Return the objects below `{base}/runs/` by folder, but for folders that hold another entity's base path."""
    folders: dict[str, Objects] = defaultdict(list)
    for each in store.list(runs):
        name, slash, _ = each.key.removeprefix(runs).partition("/")
        if slash:
            folders[name].append(each)
    theirs = [f"{key}/" for bucket, key in others if bucket == store.bucket]
    return {name: objects for name, objects in folders.items() if not _holds(f"{runs}{name}/", theirs)}


def _holds(folder: str, bases: Sequence[str]) -> bool:
    return any(base.startswith(folder) for base in bases)


def _rules(session: Session, entity: Entity) -> RetentionRules:
    settings = settings_of(configs.resolve_for(session, entity).values)
    return RetentionRules(settings.keep_good_runs, settings.keep_days, settings.keep_work_days)
