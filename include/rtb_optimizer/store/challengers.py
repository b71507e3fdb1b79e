"""Opens, promotes and drops challengers: overrides of an entity that are tried on a share of its requests.

At most one is open for an entity. Like the decisions about the active-run pointer, each of these locks the entity's
row, so that the history is in one order; a promotion ends the challenger, stores its overrides and moves the pointer to
its live run in one transaction.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.challenge import challenge_problems, share_problems
from rtb_optimizer.core.config.settings import settings_as_stored
from rtb_optimizer.core.decision.activation import Decision, Verdict
from rtb_optimizer.core.realized.arms import ChallengerRule
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, NotFound, PointerMoved
from rtb_optimizer.store import activation, configs, entities
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.schema import Challenger, Entity, Run


def open_one(session: Session, entity: Entity) -> Challenger | None:
    """Return the challenger of an entity that is open, None where there is none."""
    query = select(Challenger).where(Challenger.entity_id == entity.entity_id, Challenger.ended_at.is_(None))
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def find_open(session: Session, entity: Entity) -> Challenger:
    """Return the challenger of an entity that is open.

    Raises:
        NotFound: when there is none.
    """
    challenger = open_one(session, entity)
    if challenger is None:
        raise NotFound(
            f"{entity.entity_code} has no challenger: `rtb challenge {entity.entity_code} --share 0.1 --set KEY=VALUE` "
            "opens one"
        )
    return challenger


def ended(session: Session, entity: Entity, limit: int = 5) -> Sequence[Challenger]:
    """Return the challengers of an entity that were promoted or dropped, the latest first."""
    query = select(Challenger).where(Challenger.entity_id == entity.entity_id, Challenger.ended_at.is_not(None))
    return session.scalars(query.order_by(Challenger.challenger_id.desc()).limit(limit)).all()


def challenge(session: Session, entity_code: str, share: float, overrides: Mapping[str, str], by: str) -> Challenger:
    """Open a challenger, validated as if its overrides were saved. The caller commits.

    Raises:
        EntityInvalid: when the entity is not active, has no active run or a challenger already.
        ConfigInvalid: with every violation.
    """
    entity = entities.find(session, entity_code, lock=True)
    if entity.status != "active":
        raise EntityInvalid(f"{entity_code} is {entity.status}: resume it before challenging its policy")
    if entity.active_run_id is None:
        raise EntityInvalid(f"{entity_code} has no active run that could be challenged: `rtb run {entity_code}` first")
    known = open_one(session, entity)
    if known is not None:
        raise EntityInvalid(
            f"{entity_code} has a challenger already, {described(known)}: promote or drop it before opening another"
        )
    _require_comparable(session, entity, share, overrides)
    challenger = Challenger(entity_id=entity.entity_id, share=share, overrides=dict(overrides), created_by=by)
    session.add(challenger)
    session.flush()
    return challenger


def _require_comparable(session: Session, entity: Entity, share: float, overrides: Mapping[str, str]) -> None:
    if not overrides:
        raise ConfigInvalid(["a challenger needs at least one value that differs: KEY=VALUE"])
    if problems := challenge_problems(overrides):
        raise ConfigInvalid(problems)
    own, other = configs.resolve_for(session, entity).values, configs.resolve_unsaved(session, entity, overrides).values
    settings = settings_as_stored(own)
    problems = share_problems(share, settings.holdback_share)
    if not settings.run_column and not ChallengerRule.of(own, entity.entity_code, share).id_column:
        problems.append(
            "share: which id draws the arm of a request is not known; set holdback_id_column to one that bidders know "
            "before the auction and the logs hold, or run_column where the logs name the run that bid"
        )
    if not settings.run_column and not settings.bids_follow_tables:
        problems.append("bids_follow_tables: false: nobody reads the tables, and nothing would be compared")
    problems += [f"{key}: {text!r} is its value already" for key, text in overrides.items() if own[key] == other[key]]
    if problems:
        raise ConfigInvalid(problems)


def promote(
    session: Session, entity_code: str, by: str, reasons: Sequence[str], expected: int | None = None
) -> DecisionRecord:
    """Make the overrides of an entity's challenger its own, and its live run the active one.

    The caller runs `verify_outputs` after it, before the commit.

    Args:
        session: On the catalog.
        entity_code: The entity.
        by: Who decided.
        reasons: Why.
        expected: The challenger that was decided on; None for the one that is open.

    Raises:
        NotFound: when no challenger is open.
        EntityInvalid: when it has no live run yet, or the entity is not active.
        PointerMoved: when another challenger is open than expected, or another run of it is live by now.
        ConfigInvalid: when the entity's configuration was changed so that the overrides do not fit any more.
    """
    challenger = find_open(session, entities.find(session, entity_code))
    _require_expected(challenger, entity_code, expected)
    if challenger.run_id is None:
        raise EntityInvalid(
            f"the challenger of {entity_code} has no live run yet: wait for its first night, or save its values with "
            f"`rtb config set {entity_code} {assignments(challenger)}` after dropping it"
        )
    live = challenger.run_id
    run, entity = activation.locked(session, live)
    challenger = find_open(session, entity)
    if challenger.run_id != live:
        raise PointerMoved(f"another run of the challenger of {entity_code} is live by now: decide again")
    _require_expected(challenger, entity_code, expected)
    if entity.status != "active":
        raise EntityInvalid(f"{entity_code} is {entity.status}: resume it before promoting its challenger")
    configs.set_overrides(session, entity, {key: str(value) for key, value in challenger.overrides.items()}, by)
    run.is_challenger = False
    _end(challenger, Decision.PROMOTED, by, reasons)
    session.flush()
    return activation.record(session, entity, run, Verdict(Decision.PROMOTED, tuple(reasons)), by)


def drop(
    session: Session, entity_code: str, by: str, reasons: Sequence[str], expected: int | None = None
) -> Challenger:
    """End an entity's challenger: its requests are bid by the active run again. The caller commits.

    Raises:
        NotFound: when no challenger is open.
        PointerMoved: when another challenger is open than expected.
    """
    entity = entities.find(session, entity_code, lock=True)
    challenger = find_open(session, entity)
    _require_expected(challenger, entity_code, expected)
    _end(challenger, Decision.DROPPED, by, reasons)
    session.flush()
    if challenger.run_id is not None:
        run = session.get_one(Run, challenger.run_id)
        activation.record(session, entity, run, Verdict(Decision.DROPPED, tuple(reasons)), by)
    return challenger


def described(challenger: Challenger) -> str:
    """Return a challenger in a few words: its overrides and its share."""
    return f"{assignments(challenger)} on {challenger.share:.0%} of the requests"


def assignments(challenger: Challenger) -> str:
    """Return the overrides as they are typed."""
    return " ".join(f"{key}={value}" for key, value in sorted(challenger.overrides.items()))


def _require_expected(challenger: Challenger, entity_code: str, expected: int | None) -> None:
    if expected is not None and challenger.challenger_id != expected:
        raise PointerMoved(f"the challenger of {entity_code} is another one by now: reload and decide again")


def _end(challenger: Challenger, result: Decision, by: str, reasons: Sequence[str]) -> None:
    challenger.ended_at, challenger.ended_by = func.clock_timestamp(), by
    challenger.result, challenger.reasons = result.value, list(reasons)
