"""Calls that open, promote and drop the challenger of an entity."""

import json
import logging

from fastapi import APIRouter, BackgroundTasks

from rtb_optimizer.store import deliveries, manual_activation, manual_challenge
from rtb_optimizer.store.manual_challenge import ChallengerEnd
from rtb_optimizer.store.schema import Challenger
from rtb_optimizer.web.access import EditableCode, User
from rtb_optimizer.web.api.answers import CONFLICT, ChallengeAnswer, ChallengeRequest, EndAnswer, EndRequest
from rtb_optimizer.web.forms import export_dag_list
from rtb_optimizer.web.sessions import CatalogSession

log = logging.getLogger(__name__)
router = APIRouter(responses=CONFLICT)


@router.post("/entities/{entity_code}/challenger")
def challenge(
    entity_code: EditableCode, user: User, session: CatalogSession, asked: ChallengeRequest
) -> ChallengeAnswer:
    """Try other values on a share of the requests, beside the active policy, from the next night on.

    409 where a challenger is open already, or no run is active that could be challenged.
    """
    values = {key: each if isinstance(each, str) else json.dumps(each) for key, each in asked.values.items()}
    opened = manual_challenge.open_challenger(session, entity_code, asked.share, values, user.get_name())
    log.info("%s challenged %s", user.get_name(), entity_code)
    return _answer(entity_code, opened)


@router.post("/entities/{entity_code}/challenger/promote")
def promote(
    entity_code: EditableCode, user: User, session: CatalogSession, end: EndRequest, then: BackgroundTasks
) -> EndAnswer:
    """Make the challenger's values the entity's own, and its live run the active one."""
    record = manual_challenge.promote(session, _end(entity_code, user, end))
    return _ended(session, entity_code, "promoted", record.opt_run_id, end, then)


@router.post("/entities/{entity_code}/challenger/drop")
def drop(
    entity_code: EditableCode, user: User, session: CatalogSession, end: EndRequest, then: BackgroundTasks
) -> EndAnswer:
    """End the challenger: all its requests are bid by the active run again."""
    dropped = manual_challenge.drop(session, _end(entity_code, user, end))
    return _ended(session, entity_code, "dropped", dropped.run_id, end, then)


def _end(entity_code: str, user: User, end: EndRequest) -> ChallengerEnd:
    return ChallengerEnd(entity_code, user.get_name(), end.reason.strip(), end.expected_challenger_id)


def _answer(entity_code: str, opened: Challenger) -> ChallengeAnswer:
    return ChallengeAnswer(
        entity_code=entity_code,
        challenger_id=opened.challenger_id,
        share=opened.share,
        values={key: str(value) for key, value in opened.overrides.items()},
    )


def _ended(
    session: CatalogSession, entity_code: str, result: str, run_id: int | None, end: EndRequest, then: BackgroundTasks
) -> EndAnswer:
    export_dag_list(session)
    then.add_task(deliveries.deliver_beside, entity_code)
    return EndAnswer(
        entity_code=entity_code,
        decision=result,  # type: ignore[arg-type] # one of both
        run_id=run_id,
        reasons=[end.reason.strip()],
        copy_written=manual_activation.refresh_copy(session, entity_code),
    )
