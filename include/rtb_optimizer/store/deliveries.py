"""Delivers exports of the active run to folders of other buckets or accounts, by a connection of each folder's own.

A folder holds the files of each run in `{run_code}/`, written once, and `{entity_code}.json`, which names the run that
is active and its files, written last. So a reader never finds half a table. Everything that is written is read back and
compared with the catalog. What is delivered is what the pointer says at that time: nothing before a run is active, the
run that is active then after a roll back, and no file where no run is active.

A delivery that fails changes no decision: it is recorded, and maintenance tries again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.deliveries import Destination, destinations
from rtb_optimizer.errors import DeliveryFailed
from rtb_optimizer.store import active_copy, configs, connections, entities
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.schema import Delivery, Entity, JsonObject

log = logging.getLogger(__name__)

MAX_ROUNDS = 20
MAX_PROBLEM = 2_000
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What bidders read now: the decision, its run, None where no run is active, and the run's outputs by type."""

    decision_number: int
    run_id: int | None
    run_code: str | None
    outputs: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery of `pointer` ended; `problem` says why it waits or has failed."""

    pointer: Pointer
    status: str
    files: int = 0
    byte_size: int = 0
    problem: str | None = None


def deliver(session: Session, entity_code: str, *, again: bool = False) -> list[Delivery]:
    """Deliver what is active to each configured folder, unless it is there; return the deliveries, by export.

    Ends the session's transaction: none is open while S3 is asked. With `again`, what was delivered is compared again.
    """
    entity = entities.find(session, entity_code)
    pointer, wanted = _pointer(session, entity), configured(session, entity)
    if pointer is None:
        return []
    done = {} if again else {_place(row): row for row in of_decision(session, entity, pointer.decision_number)}
    for each in wanted:
        row = done.get((each.export, each.to))
        if row is None or row.status != DELIVERED or row.connection != each.connection:
            _record(session, entity, each, _delivered(session, entity, pointer, each))
    places = {(each.export, each.to) for each in wanted}
    now = _pointer(session, entity) or pointer  # it may have moved on
    return [row for row in of_decision(session, entity, now.decision_number) if _place(row) in places]


def deliver_after(session: Session, entity_code: str) -> None:
    """Deliver after a decision that is committed. A failure is not raised: maintenance tries again."""
    try:
        for row in deliver(session, entity_code):
            if row.status == FAILED:
                log.warning(
                    "%s of %s is not delivered to %s: %s", row.export, entity_code, row.destination, row.problem
                )
    except Exception:
        log.warning("exports of %s could not be delivered: maintenance tries again", entity_code, exc_info=True)
        session.rollback()


def deliver_beside(entity_code: str) -> None:
    """Deliver in a session of its own, as `deliver_after`."""
    with connections.session() as session:
        deliver_after(session, entity_code)


def configured(session: Session, entity: Entity) -> list[Destination]:
    """Return where an entity's exports go, by its present configuration: a correction needs no new run."""
    return destinations(configs.json_value(session, entity, "export_deliveries"))


def of_decision(session: Session, entity: Entity, decision_number: int) -> Sequence[Delivery]:
    """Return the deliveries after a decision, by export."""
    own = select(Delivery).where(Delivery.entity_id == entity.entity_id, Delivery.decision_number == decision_number)
    query = own.order_by(Delivery.export, Delivery.destination).execution_options(populate_existing=True)
    return session.scalars(query).all()


def status(session: Session, entity: Entity) -> list[JsonObject]:
    """Return how each configured delivery of what is active stands, for pages and commands."""
    wanted = configured(session, entity)
    pointer = _pointer(session, entity) if wanted else None
    rows = {_place(row): row for row in of_decision(session, entity, pointer.decision_number)} if pointer else {}
    return [_fields(each, rows.get((each.export, each.to)), pointer) for each in wanted]


def _fields(each: Destination, row: Delivery | None, pointer: Pointer | None) -> JsonObject:
    nothing = "no run was active yet" if pointer is None else "it comes within five minutes"
    return {
        "export": each.export,
        "destination": each.to,
        "connection": each.connection,
        "run": pointer.run_code if pointer else None,
        "status": row.status if row else WAITING,
        "files": row.files if row else 0,
        "bytes": row.byte_size if row else 0,
        "tries": row.tries if row else 0,
        "delivered_at": row.delivered_at if row else None,
        "problem": row.problem if row else nothing,
    }


def _place(row: Delivery) -> tuple[str, str]:
    return row.export, row.destination


def _pointer(session: Session, entity: Entity) -> Pointer | None:
    content = active_copy.content(session, entity)
    if content is None:
        return None
    document = json.loads(content)
    named = document["decision_number"], document["run_id"], document["run_code"]
    return Pointer(*named, document["outputs"], document)


def _delivered(session: Session, entity: Entity, pointer: Pointer, to: Destination) -> Outcome:
    try:
        return _copied(session, entity, pointer, to)
    except Exception as problem:
        log.info("%s is not delivered to %s", to.export, to.to, exc_info=True)
        session.rollback()
        return Outcome(pointer, FAILED, problem=" ".join(str(problem).split())[:MAX_PROBLEM] or type(problem).__name__)


def _copied(session: Session, entity: Entity, pointer: Pointer, to: Destination) -> Outcome:
    """Copy what is active, the document that names it last, until it is still active once it is there."""
    base, code, folder = entity.s3_base_path, entity.entity_code, split_url(to.to)[1]
    session.rollback()
    if f"{to.to}/".startswith(f"{base}/"):
        raise DeliveryFailed(f"{to.to} is within the entity's own s3_base_path: deliver to another folder")
    ours, theirs, name = ObjectStore.of(base), ObjectStore.of(to.to, to.connection), f"{folder}/{code}.json"
    for _ in range(MAX_ROUNDS):
        sources = _files(pointer, to.export)
        if pointer.run_id is not None and not sources:
            problem = f"run {pointer.run_code} has no such export: it comes with the next run"
            return Outcome(pointer, WAITING, problem=problem)
        files = {file: _file(ours, theirs, source, f"{folder}/{pointer.run_code}/{file}") for file, source in sources}
        seen = theirs.seen(name)  # before the catalog: what is read there afterwards is no older
        was, pointer = pointer, _pointer(session, entity) or pointer
        session.rollback()
        if was.decision_number != pointer.decision_number:
            continue
        body = _document(pointer, to.export, files)
        is_there = seen.body == body or theirs.replace(name, body, seen) is not None
        if is_there and theirs.read(name) == body:
            return Outcome(pointer, DELIVERED, len(files), sum(file["byte_size"] for file in files.values()))
    raise DeliveryFailed(f"{to.to}/{code}.json is being replaced by other processes: it is tried again")


def _files(pointer: Pointer, export: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the files of an export, each with its output."""
    folder = f"/exports/{export}/"
    found = [(str(of["s3_key"]).partition(folder)[2], of) for of in pointer.outputs.values() if folder in of["s3_key"]]
    return sorted(found, key=lambda file: file[0])


def _file(ours: ObjectStore, theirs: ObjectStore, source: Mapping[str, Any], key: str) -> JsonObject:
    """Copy a file, read it back, and return what the document says of it."""
    expected = source["byte_size"], source["sha256"]
    there = theirs.stored(key)
    if there is None:
        theirs.put_once(key, ours.read(source["s3_key"]))
        there = theirs.stored(key)
    if there is None or (there.byte_size, there.sha256) != expected:
        raise DeliveryFailed(
            f"s3://{theirs.bucket}/{key} is not what was delivered: its sha256 is "
            f"{there.sha256 if there else 'unknown'}, {source['sha256']} is expected; delete it and try again"
        )
    return {"s3_bucket": theirs.bucket, "s3_key": key, "byte_size": there.byte_size, "sha256": there.sha256}


def _document(pointer: Pointer, export: str, files: Mapping[str, JsonObject]) -> bytes:
    named = ("entity_code", "run_id", "run_code", "decision_number", "activated_at")
    of_run = ("data_start", "data_end", "valid_until", "holdback")
    facts = {name: pointer.document[name] for name in named} | {
        name: pointer.document[name] for name in of_run if name in pointer.document
    }
    return json.dumps({**facts, "export": export, "files": files}, indent=2, sort_keys=True).encode()


def _record(session: Session, entity: Entity, to: Destination, outcome: Outcome) -> None:
    pointer = outcome.pointer
    given = {
        "run_id": pointer.run_id,
        "connection": to.connection,
        "status": outcome.status,
        "files": outcome.files,
        "byte_size": outcome.byte_size,
        "problem": outcome.problem,
        "tried_at": func.clock_timestamp(),
        "delivered_at": func.clock_timestamp() if outcome.status == DELIVERED else None,
    }
    key = {"entity_id": entity.entity_id, "decision_number": pointer.decision_number, "export": to.export}
    row = insert(Delivery).values(**key, destination=to.to, tries=1, **given)
    again = {**given, "tries": Delivery.tries + 1}
    session.execute(row.on_conflict_do_update(index_elements=[*key, "destination"], set_=again))
    session.commit()
