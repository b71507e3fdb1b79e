"""Deletes the objects of expired runs, never one that could still be read.

The objects in S3 are listed first: objects written later are not touched, and every listed run has its row. Then,
under the entity's lock, the catalog decides, and the output rows of the runs to delete are deleted: decisions about
the pointer take the same lock and verify the outputs under it, so that a run is either kept or cannot become active.
The objects are deleted last; after an interruption the next pass finds them in its listing.
"""

import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.decision.retention import (
    Deletable,
    Pointers,
    RetentionRules,
    deletable_objects,
    is_orphan_deletable,
)
from rtb_optimizer.errors import BucketAbsent, RetentionIncomplete
from rtb_optimizer.store import activation, challengers, configs, connections, entities, run_retention
from rtb_optimizer.store.objects import ListedObject, ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity

log = logging.getLogger(__name__)
Objects = list[ListedObject]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion in one folder: all of a `run`, its `work`, or an `orphan` without a run; sizes in bytes."""

    entity_code: str
    run_code: str
    what: str
    objects: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """The deletions, and the problems as sentences."""

    deleted: list[Deletion]
    problems: list[str]

    def require_complete(self) -> None:
        """Raise RetentionIncomplete with every problem, if there are any."""
        if self.problems:
            raise RetentionIncomplete(f"not all expired objects were deleted: {'; '.join(self.problems)}")


def apply_retention(entity_code: str = "", *, dry_run: bool = False, now: datetime | None = None) -> RetentionResult:
    """Delete expired objects, of every entity or of one; a failure does not stop the others.

    A dry run deletes neither rows nor objects, and returns the same list.

    Raises:
        NotFound: when no entity has that code.
    """
    now, result = now or datetime.now(UTC), RetentionResult([], [])
    with connections.session() as session:
        found = [entities.find(session, entity_code)] if entity_code else entities.all_entities(session)
        for code, status in [(entity.entity_code, entity.status) for entity in found]:
            try:
                _apply_to_entity(session, code, result.deleted, now=now, dry_run=dry_run)
            except Exception as problem:
                if isinstance(problem, BucketAbsent) and status == "retired":
                    log.info("nothing is left of the removed entity %s: %s", code, problem)
                else:
                    log.warning("retention of %s failed", code, exc_info=True)
                    result.problems.append(f"{code}: {' '.join(str(problem).split())}")
            session.rollback()
    return result


def _apply_to_entity(session: Session, code: str, deleted: list[Deletion], *, now: datetime, dry_run: bool) -> None:
    entity = entities.find(session, code)
    base, rules = entity.s3_base_path, _rules(session, entity)
    session.rollback()  # hold no lock while S3 is listed
    store = ObjectStore.of(base)
    folders = _objects_by_folder(store, f"{run_prefix(base, '')}/")
    goes = _decide(session, code, rules, now, dry_run=dry_run)
    for run_code, listed in sorted(folders.items()):
        if run_code in goes:
            what, objects = _run_objects(listed, f"{run_prefix(base, run_code)}/work/", goes[run_code])
        else:
            what, objects = "orphan", _orphan_objects(listed, run_code, code, rules, now)
        if objects:
            if not dry_run:
                store.delete([each.key for each in objects])
            deleted.append(Deletion(code, run_code, what, len(objects), sum(each.byte_size for each in objects)))
            log.info("%s%s", "would be deleted: " if dry_run else "deleted: ", deleted[-1])


def _run_objects(listed: Objects, work: str, goes: Deletable) -> tuple[str, Objects]:
    """Return the objects to delete of a run's folder; `work` is the prefix of its steps' working files."""
    if goes is Deletable.ALL:
        return "run", listed
    return "work", [each for each in listed if goes is Deletable.WORK and each.key.startswith(work)]


def _orphan_objects(listed: Objects, folder: str, code: str, rules: RetentionRules, now: datetime) -> Objects:
    """Return a folder without a run, if its name has the form of this entity's run codes and its objects are old."""
    is_run_code = re.fullmatch(rf"{code}-\d{{8}}-\d{{8}}-[0-9a-f]{{10}}", folder)
    return listed if is_run_code and is_orphan_deletable(max(each.modified for each in listed), rules, now) else []


def _decide(
    session: Session, code: str, rules: RetentionRules, now: datetime, *, dry_run: bool
) -> dict[str, Deletable]:
    """Return the part of each run to delete, after deleting its output rows under the entity's lock."""
    entity = entities.find(session, code, lock=not dry_run)
    runs = run_retention.past_runs(session, entity)
    challenger = challengers.open_one(session, entity)
    before = activation.active_before(session, entity)
    pointers = Pointers(entity.active_run_id, before, challenger.run_id if challenger else None)
    goes = deletable_objects(runs, pointers, rules, now)
    if not dry_run:
        expired = [run.run_code for run in runs if run.has_outputs and goes[run.run_code] is Deletable.ALL]
        run_retention.delete_output_rows(session, entity, expired)
        session.commit()
    return goes


def _objects_by_folder(store: ObjectStore, runs: str) -> dict[str, Objects]:
    """Return the objects below `{base}/runs/` by folder; no other entity has a base path there."""
    folders: dict[str, Objects] = defaultdict(list)
    for each in store.list(runs):
        name, slash, _ = each.key.removeprefix(runs).partition("/")
        if slash:
            folders[name].append(each)
    return folders


def _rules(session: Session, entity: Entity) -> RetentionRules:
    settings = settings_of(configs.resolve_for(session, entity).values)
    return RetentionRules(settings.keep_good_runs, settings.keep_days, settings.keep_work_days)
