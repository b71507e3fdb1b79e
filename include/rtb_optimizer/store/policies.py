"""Tells policies apart: an entity under one version and one configuration, through all its nightly runs.

A run is live for one night; what can be proven is about the policy that it belongs to.
"""

import hashlib
import json
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import MOVES, Decision
from rtb_optimizer.store.schema import Entity, Run, RunDecision

NOT_OF_THE_TABLE = frozenset(
    {
        *("alert_on", "alert_connection", "engine_threads", "engine_memory_mb", "keep_good_runs", "keep_days"),
        *("keep_work_days", "schedule", "freshness_timeout_minutes", "completion_marker", "min_partition_share"),
        *("allow_older_window", "valid_hours", "holdback_share", "auto_stand_down"),
        *("min_live_lift", "min_holdout_gain", "max_predicted_change"),
        *("min_export_answered", "max_export_error", "export_deliveries"),
    }
)
"""Keys that change nothing in a table: who is told, how long runs are kept, when they start."""
DIGITS = 12


def policy_of(run: Run) -> str:
    """Return the policy of a run, as a hash of its version and of all configuration that its table depends on."""
    values = RunSnapshot.read(run.config_snapshot).values
    of_table = {key: value for key, value in values.items() if key not in NOT_OF_THE_TABLE}
    content = json.dumps([run.version_id, of_table], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


def harmful(session: Session, entity: Entity) -> dict[str, RunDecision]:
    """Return the policies that were found harmful, each with the decision by which it stood down.

    A person who activates a run of such a policy afterwards outranks the finding.
    """
    moves = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.decision.in_(MOVES))
    found = dict[str, RunDecision]()
    decisions = list(session.scalars(moves.order_by(RunDecision.decision_number)))
    if not any(decision.harmful_policy for decision in decisions):
        return found
    policies = policies_of(session, [decision.run_id for decision in decisions])
    for decision in decisions:
        if decision.harmful_policy:
            found[decision.harmful_policy] = decision
        elif decision.decision != Decision.STOOD_DOWN:
            found.pop(policies[decision.run_id], None)
    return found


def last_stood_down(session: Session, entity: Entity, policy: str) -> RunDecision | None:
    """Return the decision by which a policy stood down last, None where it never did."""
    own = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.harmful_policy == policy)
    return session.scalars(own.order_by(RunDecision.decision_number.desc()).limit(1)).one_or_none()


def policies_of(session: Session, run_ids: Sequence[int]) -> dict[int, str]:
    """Return the policy of each run."""
    return {run.run_id: policy_of(run) for run in session.scalars(select(Run).where(Run.run_id.in_(run_ids)))}
