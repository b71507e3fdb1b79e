"""Which runs' objects may go? Never the active one's, nor what a roll back could want, nor what is young.

What a run hands from step to step holds sampled rows of the logs: it goes first, of every run that has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Goes(StrEnum):
    """What of a run's objects may be deleted."""

    NOTHING = "nothing"
    WORK = "work"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How many runs are kept whole beside the active one, and for how many days the others and their work are."""

    keep_good_runs: int
    keep_days: int
    keep_work_days: int


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as far as retention cares; a running one has no `finished_at`.

    `last_active` is the number of the decision that last made it the active run, None for one that never was;
    `began_beside` is the run that was active when it began, which it compares with until it ends.
    """

    opt_run_id: int
    run_code: str
    status: str
    finished_at: datetime | None
    has_outputs: bool
    last_active: int | None = None
    began_beside: int | None = None


def what_goes(
    runs: Sequence[PastRun], active: int | None, before: int | None, rules: RetentionRules, now: datetime
) -> dict[str, Goes]:
    """Return what may be deleted of each run of an entity, by run code.

    Args:
        runs: All runs of the entity.
        active: The active run's id.
        before: The id of the run that a roll back without a name goes to.
        rules: How much is kept.
        now: What ages are told by, a run's from its end.
    """
    kept = {active, before, *_good(runs, active, rules.keep_good_runs)}
    kept |= {run.began_beside for run in runs if run.status == "running"}
    return {run.run_code: _goes(run, rules, now, kept=run.opt_run_id in kept) for run in runs}


def orphan_may_go(newest: datetime, rules: RetentionRules, now: datetime) -> bool:
    """Whether a folder that no run has may be deleted, by the time of its newest object."""
    return now - newest > timedelta(days=rules.keep_days)


def _good(runs: Sequence[PastRun], active: int | None, count: int) -> list[int]:
    """Return the runs kept whole beside the active one: those active last, then, where they are few, the newest.

    Runs that were held for weeks must not crowd out those that bidders have read: these are what one rolls back to.
    """
    whole = [run for run in runs if run.status == "succeeded" and run.has_outputs and run.opt_run_id != active]
    whole.sort(key=lambda run: (run.last_active or 0, run.opt_run_id), reverse=True)
    return [run.opt_run_id for run in whole[:count]]


def _goes(run: PastRun, rules: RetentionRules, now: datetime, *, kept: bool) -> Goes:
    if run.finished_at is None:
        return Goes.NOTHING
    age = now - run.finished_at
    emptied = run.status == "succeeded" and not run.has_outputs  # what is left of it, where a deletion broke off
    if not kept and (emptied or age > timedelta(days=rules.keep_days)):
        return Goes.ALL
    return Goes.WORK if age > timedelta(days=rules.keep_work_days) else Goes.NOTHING
