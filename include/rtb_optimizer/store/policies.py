"""Tells policies apart: an entity under one version and one configuration, through all its nightly runs.

A run is live for one night; what can be proven is about the policy that it belongs to.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue, read_value
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import MOVES, Decision
from rtb_optimizer.store.schema import Entity, Run, RunDecision
from rtb_optimizer.store.seeds import config_keys

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
    """Return the policy of a run, as a hash of its version and of all configuration that its table depends on.

    A key at its default is as good as one that is not there: the release that adds a key begins no new policy, and the
    one that retires it neither. A default that is another now begins one: the runs before it have another value.
    Hashes of two releases may differ for one run. So they are compared with hashes of now alone, never with one that
    was recorded.
    """
    snapshot = RunSnapshot.read(run.config_snapshot)
    before = {**snapshot.defaults, **_defaults()}
    of_table = {
        key: value for key, value in snapshot.values.items() if key not in NOT_OF_THE_TABLE and value != before.get(key)
    }
    content = json.dumps([run.version_id, of_table], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


@cache
def _defaults() -> dict[str, ConfigValue]:
    """Return the defaults of this release by key."""
    return {key.key: None if key.default is None else read_value(key, key.default) for key in config_keys()}


def harmful(session: Session, entity: Entity) -> dict[str, RunDecision]:
    """Return the policies that were found harmful, each with the decision by which it stood down.

    A person who activates a run of such a policy afterwards outranks the finding. Which policy stood down is told by
    its run: the hash that a decision has recorded is that of the release of its day.
    """
    moves = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.decision.in_(MOVES))
    found = dict[str, RunDecision]()
    decisions = list(session.scalars(moves.order_by(RunDecision.decision_number)))
    if not any(decision.harmful_policy for decision in decisions):
        return found
    policies = policies_of(session, [decision.run_id for decision in decisions])
    for decision in decisions:
        policy = policies[decision.run_id]
        if decision.harmful_policy:
            found[policy] = decision
        elif decision.decision != Decision.STOOD_DOWN:
            found.pop(policy, None)
    return found


def last_stood_down(session: Session, entity: Entity, policy: str) -> RunDecision | None:
    """Return the decision by which a policy stood down last, None where it never did."""
    own = select(RunDecision).where(RunDecision.entity_id == entity.entity_id, RunDecision.harmful_policy.is_not(None))
    decisions = session.scalars(own.order_by(RunDecision.decision_number.desc())).all()
    policies = policies_of(session, [decision.run_id for decision in decisions])
    return next((decision for decision in decisions if policies[decision.run_id] == policy), None)


def policies_of(session: Session, run_ids: Sequence[int]) -> dict[int, str]:
    """Return the policy of each run."""
    return {run.run_id: policy_of(run) for run in session.scalars(select(Run).where(Run.run_id.in_(run_ids)))}
