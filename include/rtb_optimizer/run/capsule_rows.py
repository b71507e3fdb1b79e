"""Which rows of the catalog the steps of a run read, so that the run can be made again from these rows alone."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import settings_as_stored
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.realized.row_bids import BidRecord
from rtb_optimizer.live.realized import MOST_DAYS
from rtb_optimizer.run.changed_inputs import compared_earlier
from rtb_optimizer.store import challenger_runs, challengers, history, outcomes, policies, runs
from rtb_optimizer.store.row_copies import Row, copied
from rtb_optimizer.store.schema import (
    Challenger,
    Entity,
    EntityConfig,
    FeatureMacro,
    Optimizer,
    Run,
    RunDecision,
    RunOutcome,
    RunOutput,
    Version,
    VersionConfig,
)

READ_OF_OTHERS = ("segments", "features", "report", "manifest", "pooled")
"""The outputs of earlier runs that the steps of a run read."""


def rows_read(session: Session, run: Run, named: Collection[str]) -> dict[str, list[Row]]:
    """Return the rows of the catalog that the steps of a run read, by table, as they are now.

    Rows of other entities are not among them: what their tables have in common is an output of the run itself.
    A challenger's run is made from what the run beside it has read: what that one needs is among them.

    Args:
        session: On the catalog.
        run: The run.
        named: The codes of the runs that the logs name as what bid.
    """
    entity = session.get_one(Entity, run.entity_id)
    moves = _moves(session, entity)
    measured = copied(session, RunOutcome, RunOutcome.entity_id == entity.entity_id, _since(session, entity))
    main = challenger_runs.main_of(session, run)
    read = _runs_read(session, entity, run, named) | (_runs_read(session, entity, main, named) if main else set())
    known = read | {row["run_id"] for row in measured} | {move.run_id for move in moves}
    of_runs = copied(session, Run, Run.run_id.in_(known))
    versions = {entity.current_version_id, *(row["version_id"] for row in of_runs)}
    of_others = RunOutput.run_id.in_(read - {run.run_id}), RunOutput.output_type.in_(READ_OF_OTHERS)
    formats = settings_as_stored(RunSnapshot.read(run.config_snapshot).values).macro_formats
    return {
        "opt_master": copied(session, Optimizer, Optimizer.opt_id == entity.opt_id),
        "opt_versions": copied(session, Version, Version.version_id.in_(versions)),
        "opt_version_configs": copied(session, VersionConfig, VersionConfig.version_id.in_(versions)),
        "opt_entities": copied(session, Entity, Entity.entity_id == entity.entity_id),
        "opt_entity_configs": copied(session, EntityConfig, EntityConfig.entity_id == entity.entity_id),
        "opt_feature_macros": copied(session, FeatureMacro, FeatureMacro.macro_format.in_(formats)),
        "opt_runs": of_runs,
        "opt_run_outputs": copied(session, RunOutput, *of_others),
        "opt_run_outcomes": measured,
        "opt_run_decisions": copied(session, RunDecision, RunDecision.id.in_([move.id for move in moves])),
        "opt_challengers": copied(session, Challenger, Challenger.entity_id == entity.entity_id),
    }


def _runs_read(session: Session, entity: Entity, run: Run, named: Collection[str]) -> set[int]:
    """Return the ids of the runs whose outputs or rows the steps of a run read, its own among them."""
    snapshot, challenger = RunSnapshot.read(run.config_snapshot), challengers.open_one(session, entity)
    found = {
        *(run.run_id, entity.active_run_id, snapshot.active_run_id, snapshot.compared_run_id),
        *(i for each in BidRecord.read(snapshot.bids).periods for i in (each.run_id, each.challenger_run_id)),
        *(each.run_id for each in runs.by_code(session, entity.entity_id, named)),
        *(each.run_id for each in compared_earlier(session, run)),
        challenger.run_id if challenger else None,
        snapshot.challenge.beside_run_id if snapshot.challenge else None,
    }
    return {run_id for run_id in found if run_id is not None}


def _moves(session: Session, entity: Entity) -> Sequence[RunDecision]:
    """Return the move that made the active run active; all of them where a policy of the entity was ever harmful."""
    moves = history.moves_before(session, entity, None)
    return moves if any(move.harmful_policy for move in moves) else moves[-1:]


def _since(session: Session, entity: Entity) -> ColumnElement[bool]:
    """Return the test of the outcomes that count for the present policies: the days since another policy was live."""
    rows = outcomes.of_entity(session, entity, MOST_DAYS)
    since = min((row.log_day for row in rows), default=date.min)
    active = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    if active is not None and challengers.open_one(session, entity) is None:
        of, policy = policies.policies_of(session, list({row.run_id for row in rows})), policies.policy_of(active)
        others = [row.log_day for row in rows if row.arm != Arm.CHALLENGER and of[row.run_id] != policy]
        since = max([since, *others])
    return RunOutcome.log_day >= since
