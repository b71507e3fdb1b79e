"""Why is this bid what it is? The rows of the active run's table that match a request, with what they stand on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.model.link import rate_of, strength_of
from rtb_optimizer.core.sample.values import MISSING, canonical, segment_key
from rtb_optimizer.core.table.lookup import Row, back_off_keys, look_up
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.published import described, key_length, published_output, rows_named, rows_near
from rtb_optimizer.store import entities, validity
from rtb_optimizer.store.schema import Run


def explain(session: Session, entity_code: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Explain the bid multiplier of a request, `given` by feature as the logs or a macro would spell it.

    Raises:
        NotFound: when the entity has no active run, or a name is none of its features.
    """
    entity = entities.find(session, entity_code)
    if entity.active_run_id is None:
        raise NotFound(f"{entity_code} has no active run: every bid is its default")
    run = session.get_one(Run, entity.active_run_id)
    trusted = validity.validity_fields(validity.active_valid_until(session, [entity.entity_id]).get(entity.entity_id))
    return {"entity_code": entity_code, **explain_by(session, run, given), **trusted}


def explain_by(session: Session, run: Run, given: Mapping[str, str]) -> dict[str, Any]:
    """Explain what a request is bid by the table of one succeeded run, active or not.

    Raises:
        NotFound: when a name is none of its features, or it has not all of its outputs.
    """
    head = described(session, run)
    settings, features = head.settings, head.features
    unknown = sorted(set(given) - set(features))
    if unknown:
        raise NotFound(f"{', '.join(unknown)} is no feature of run {run.run_code}; it has: {', '.join(features)}")
    values = {name: _canonical(value, name, settings) for name, value in given.items()}
    request = {name: values.get(name, MISSING) for name in features}
    found = replace(head, rows=rows_near(published_output(session, run, "segments"), request))
    table = found.rows
    rows = [Row(name, row["factor"], row["multiplier"]) for name, row in table.items()]
    answer = look_up(rows, features, values, settings.multiplier_min, settings.multiplier_max)
    default = next(row for row in table.values() if row["is_default"])
    matched = [table[row.segment] for row in answer.rows]
    base = strength_of(default["expected"] / default["exposures"], found.scale.link)
    return {
        "run_id": run.run_id,
        "run_code": run.run_code,
        "data_start": run.data_start,
        "data_end": run.data_end,
        "inputs": _inputs(session, run),
        "link": found.scale.link.value,
        "key": answer.key,
        "multiplier": answer.multiplier,
        "unclipped_multiplier": answer.unclipped,
        "no_bid": any(row.get("no_bid", False) for row in matched),
        "expected_per_exposure": float(rate_of(np.array([base * answer.rate]), found.scale.link)[0]),
        "rows": [{name: row[name] for name in _SHOWN} for row in matched],
        "features": [_of_feature(name, value, features, table) for name, value in request.items()],
        "back_off": _back_off(session, run, list(request.values())),
    }


_SHOWN = ("segment", "exposures", "outcomes", "factor", "factor_low", "factor_high", "tier", "multiplier")


def _of_feature(
    name: str, value: str, features: Sequence[str], table: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what a feature's own value says: without a row, what the default says."""
    key = segment_key(value if feature == name else None for feature in features)
    row = table.get(key, {"factor": 1.0, "multiplier": 1.0})
    own = {"factor": row["factor"], "multiplier": row["multiplier"]}
    return {"feature": name, "value": value, "has_row": key in table, **own}


def _back_off(session: Session, run: Run, request: Sequence[str]) -> list[dict[str, Any]]:
    """Return the keys that the joint table is asked for, the longest first, up to the one that answers."""
    body = published_output(session, run, "joint_segments")
    keys = back_off_keys(request[: key_length(body)])
    table = rows_named(body, keys)
    path: list[dict[str, Any]] = []
    for key in keys:
        row = table.get(key)
        told = {"rate": row["rate"], "multiplier": row["multiplier"]} if row else {"rate": None, "multiplier": None}
        path.append({"joint_key": key, "has_row": row is not None, **told})
        if row:
            break
    return path


def _inputs(session: Session, run: Run) -> dict[str, Any]:
    """Return which objects of the logs the run read."""
    inputs = json.loads(published_output(session, run, "manifest"))["inputs"]
    keys = sorted(told["s3_key"] for told in inputs)
    return {
        "objects": len(inputs),
        "bytes": sum(told["byte_size"] for told in inputs),
        "first": keys[0] if keys else None,
        "last": keys[-1] if keys else None,
    }


def _canonical(value: str, name: str, settings: Settings) -> str:
    missing = frozenset(spelling.lower() for spelling in settings.missing_values)
    return canonical(value, missing, is_host=name in settings.host_features)
