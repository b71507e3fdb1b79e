"""Opens, promotes and drops challengers by a user's decision, and commits."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rtb_optimizer.store import challengers, entities, verification
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Challenger


@dataclass(frozen=True, slots=True)
class ChallengerEnd:
    """A user's request to end a challenger: the one that it was decided on; None for the one that is open."""

    entity_code: str
    by: str
    reason: str
    expected: int | None = None


def open_challenger(
    session: Session, entity_code: str, share: float, overrides: Mapping[str, str], by: str
) -> Challenger:
    """Open a challenger and commit; see `challengers.challenge`."""
    challenger = challengers.challenge(session, entity_code, share, overrides, by)
    session.commit()
    return challenger


def promote(session: Session, end: ChallengerEnd) -> DecisionRecord:
    """Promote the challenger, after its live run's outputs were verified, and commit; see `challengers.promote`.

    Raises:
        RunIncomplete: when the outputs of its live run are not as written.
    """
    record = challengers.promote(session, end.entity_code, end.by, [end.reason], end.expected)
    store = ObjectStore.of(entities.find(session, end.entity_code).s3_base_path)
    verification.verify_outputs(session, store, record.opt_run_id)
    session.commit()
    return record


def drop(session: Session, end: ChallengerEnd) -> Challenger:
    """Drop the challenger and commit; see `challengers.drop`."""
    challenger = challengers.drop(session, end.entity_code, end.by, [end.reason], end.expected)
    session.commit()
    return challenger
