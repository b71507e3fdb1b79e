"""Decides which objects of past runs may be deleted.

Never those of the active run, of a challenger's live run, of the runs that these moved from, of roll-back targets, or
of young runs. The work documents that steps pass to each other hold sampled rows of the logs: they are deleted first,
of every run that has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Deletable(StrEnum):
    """The objects of a run that may be deleted."""

    NOTHING = "nothing"
    WORK = "work"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The number of runs kept in full beside the active one; the days that other runs and work objects are kept."""

    keep_good_runs: int
    keep_days: int
    keep_work_days: int


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as retention needs it; a running one has no `finished_at`.

    `last_active` is the number of the decision that last made it the active run, None for one that never was;
    `began_beside` is the run that was active when it began, which its bids move from; a what-if run (`is_sandbox`)
    moves from what the active run moved from, and is compared with the active run, `compared_with`. A challenger's run
    (`is_challenger`) is no roll-back target.
    """

    opt_run_id: int
    run_code: str
    status: str
    finished_at: datetime | None
    has_outputs: bool
    last_active: int | None = None
    began_beside: int | None = None
    is_sandbox: bool = False
    compared_with: int | None = None
    is_challenger: bool = False


@dataclass(frozen=True, slots=True)
class Pointers:
    """The runs that an entity points at by id, None where there is none.

    The active run, that which a roll back without a name goes to, and the live run of its challenger.
    """

    active: int | None
    before: int | None = None
    challenger: int | None = None


def deletable_objects(
    runs: Sequence[PastRun], pointers: Pointers, rules: RetentionRules, now: datetime
) -> dict[str, Deletable]:
    """Return what may be deleted of each run of an entity, by run code.

    Args:
        runs: All runs of the entity.
        pointers: The runs that bidders read, and the next one.
        rules: The limits.
        now: The instant that ages are relative to, a run's from its end.
    """
    live = {pointers.active, pointers.challenger}
    kept = {*live, pointers.before, *_kept_in_full(runs, pointers.active, rules.keep_good_runs)}
    kept |= {run.began_beside for run in runs if run.status == "running" or run.opt_run_id in live}
    kept |= {run.compared_with for run in runs if run.status == "running"}
    return {run.run_code: _deletable(run, rules, now, kept=run.opt_run_id in kept) for run in runs}


def is_orphan_deletable(newest: datetime, rules: RetentionRules, now: datetime) -> bool:
    """Whether a folder that belongs to no run may be deleted, by the time of its newest object."""
    return now - newest > timedelta(days=rules.keep_days)


def _kept_in_full(runs: Sequence[PastRun], active: int | None, count: int) -> list[int]:
    """Return the runs kept in full beside the active one: those active last, then, where they are few, the newest.

    Runs that were held for weeks must not displace those that bidders have read: these are roll-back targets. A
    what-if run or a challenger's run is no roll-back target, and takes no place.
    """
    own = [run for run in runs if not run.is_sandbox and not run.is_challenger]
    good = [run for run in own if run.status == "succeeded" and run.has_outputs]
    candidates = [run for run in good if run.opt_run_id != active]
    candidates.sort(key=lambda run: (run.last_active or 0, run.opt_run_id), reverse=True)
    return [run.opt_run_id for run in candidates[:count]]


def _deletable(run: PastRun, rules: RetentionRules, now: datetime, *, kept: bool) -> Deletable:
    if run.finished_at is None:
        return Deletable.NOTHING
    age = now - run.finished_at
    emptied = run.status == "succeeded" and not run.has_outputs  # the rest of an interrupted deletion
    if not kept and (emptied or age > timedelta(days=rules.keep_days)):
        return Deletable.ALL
    return Deletable.WORK if age > timedelta(days=rules.keep_work_days) else Deletable.NOTHING
