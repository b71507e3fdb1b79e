"""Takes the active policy off the pointer where its holdback proves it harmful."""

import logging
from collections.abc import Sequence

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.alerts import of_stood_down
from rtb_optimizer.core.realized.policy import Standing
from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.live.realized import live_policy
from rtb_optimizer.store import activation, alerts, entities, verification
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Run

log = logging.getLogger(__name__)


def stand_down_if_harmful(session: Session, entity_code: str) -> DecisionRecord | None:
    """Take the entity's active policy off the pointer where it is proven harmful; commit; return the decision.

    The same evidence never does it twice: a policy that stood down is judged by later days alone. A decision by hand
    for the policy overrides the finding, until such days prove it again.
    """
    entity = entities.find(session, entity_code)
    run = session.get(Run, entity.active_run_id) if entity.active_run_id is not None else None
    found = live_policy(session, entity)
    if run is None or found is None or found.verdict.standing is not Standing.HARMFUL:
        return None
    if not RunSnapshot.read(run.config_snapshot).values.get("auto_stand_down", True):
        log.warning("%s is harmful and auto_stand_down is off: %s", entity_code, "; ".join(found.verdict.reasons))
        return None
    session.rollback()
    decided = _stood_down(session, entity_code, found.policy, found.verdict.reasons)
    if decided is not None:
        run = session.get_one(Run, decided.opt_run_id)
        alerts.record(session, run.run_id, [of_stood_down(run.run_code, decided.reasons)])
    session.commit()
    return decided


class _NotVerified(Exception):
    def __init__(self, opt_run_id: int) -> None:
        super().__init__(opt_run_id)
        self.opt_run_id = opt_run_id


def _stood_down(session: Session, entity_code: str, policy: str, reasons: Sequence[str]) -> DecisionRecord | None:
    """Decide with runs verified before: where the decision needs another one, it is undone, and made again.

    S3 is asked while nothing is locked: a store that hangs would keep the entity locked.
    """
    verified = dict[int, frozenset[tuple[str, str, str]] | None]()
    store = ObjectStore.of(entities.find(session, entity_code).s3_base_path)

    def is_intact(opt_run_id: int) -> bool:
        if opt_run_id not in verified:
            raise _NotVerified(opt_run_id)
        return verification.recorded(session, opt_run_id) == verified[opt_run_id]

    while True:
        try:
            return activation.stand_down(session, entity_code, policy, reasons, is_intact)
        except _NotVerified as missing:
            session.rollback()
            verified[missing.opt_run_id] = _verified(session, store, missing.opt_run_id)
            session.rollback()


def _verified(session: Session, store: ObjectStore, opt_run_id: int) -> frozenset[tuple[str, str, str]] | None:
    """Return the outputs of a run that are all what was written, None where one is not."""
    outputs = verification.recorded(session, opt_run_id)
    try:
        verification.verify_outputs(session, store, opt_run_id)
    except RunIncomplete:
        return None
    return outputs
