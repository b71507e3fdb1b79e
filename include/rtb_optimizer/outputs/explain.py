"""Explains a bid: the rows of the active run's table that match a request, and what they are based on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.model.link import rate_of, strength_of
from rtb_optimizer.core.sample.values import MISSING, canonical, segment_key
from rtb_optimizer.core.table.lookup import Row, back_off_keys, look_up
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.documents.explanation import (
    BackOffStep,
    Explanation,
    FeatureEffect,
    InputSummary,
    MatchedRow,
)
from rtb_optimizer.outputs.documents.manifest import Manifest
from rtb_optimizer.outputs.published import described, key_length, published_output, rows_named, rows_near
from rtb_optimizer.store import entities, validity
from rtb_optimizer.store.schema import Run


def explain(session: Session, entity_code: str, request: Mapping[str, str]) -> Explanation:
    """Explain the bid multiplier of a request, by feature, with values as in the logs or in an expanded macro.

    Raises:
        NotFound: when the entity has no active run, or a name is not one of its features.
    """
    entity = entities.find(session, entity_code)
    if entity.active_run_id is None:
        raise NotFound(f"{entity_code} has no active run: every bid is its default")
    run = session.get_one(Run, entity.active_run_id)
    valid_until = validity.active_valid_until(session, [entity.entity_id]).get(entity.entity_id)
    active = {"entity_code": entity_code, **validity.validity_fields(valid_until)}
    return explain_by(session, run, request).model_copy(update=active)


def explain_by(session: Session, run: Run, request: Mapping[str, str]) -> Explanation:
    """Explain the bid of a request by the table of one succeeded run, active or not.

    Raises:
        NotFound: when a name is not one of its features, or one of its outputs is missing.
    """
    head = described(session, run)
    settings, features = head.settings, head.features
    unknown = sorted(set(request) - set(features))
    if unknown:
        raise NotFound(f"{', '.join(unknown)} is no feature of run {run.run_code}; it has: {', '.join(features)}")
    values = {name: _canonical(value, name, settings) for name, value in request.items()}
    all_values = {name: values.get(name, MISSING) for name in features}
    published = replace(head, rows=rows_near(published_output(session, run, "segments"), all_values))
    table, link = published.rows, published.scale.link
    rows = [Row(name, row["factor"], row["multiplier"]) for name, row in table.items()]
    answer = look_up(rows, features, values, settings.multiplier_min, settings.multiplier_max)
    default = next(row for row in table.values() if row["is_default"])
    matched = [table[row.segment] for row in answer.rows]
    base = strength_of(default["expected"] / default["exposures"], link)
    return Explanation(
        run_id=run.run_id,
        run_code=run.run_code,
        data_start=run.data_start,
        data_end=run.data_end,
        inputs=_inputs(session, run),
        link=link.value,
        key=answer.key,
        multiplier=answer.multiplier,
        unclipped_multiplier=answer.unclipped,
        no_bid=any(row.get("no_bid", False) for row in matched),
        expected_per_exposure=float(rate_of(np.array([base * answer.rate]), link)[0]),
        rows=tuple(MatchedRow(**{name: row[name] for name in MatchedRow.model_fields}) for row in matched),
        features=tuple(_effect(name, value, features, table) for name, value in all_values.items()),
        back_off=tuple(_back_off(session, run, list(all_values.values()))),
    )


def _effect(name: str, value: str, features: Sequence[str], table: Mapping[str, Mapping[str, float]]) -> FeatureEffect:
    """Return the effect of a feature's own row; without one, a factor and multiplier of 1."""
    key = segment_key(value if feature == name else None for feature in features)
    row = table.get(key, {"factor": 1.0, "multiplier": 1.0})
    return FeatureEffect(
        feature=name, value=value, has_row=key in table, factor=row["factor"], multiplier=row["multiplier"]
    )


def _back_off(session: Session, run: Run, values: Sequence[str]) -> list[BackOffStep]:
    """Return the keys looked up in the joint table, the longest first, up to the first that has a row."""
    body = published_output(session, run, "joint_segments")
    keys = back_off_keys(values[: key_length(body)])
    table = rows_named(body, keys)
    path: list[BackOffStep] = []
    for key in keys:
        row = table.get(key)
        rate, multiplier = (row["rate"], row["multiplier"]) if row else (None, None)
        path.append(BackOffStep(joint_key=key, has_row=row is not None, rate=rate, multiplier=multiplier))
        if row:
            break
    return path


def _inputs(session: Session, run: Run) -> InputSummary:
    """Summarise the log objects that the run read."""
    inputs = Manifest.read(published_output(session, run, "manifest")).inputs
    keys = sorted(each.s3_key for each in inputs)
    return InputSummary(
        objects=len(inputs),
        bytes=sum(each.byte_size for each in inputs),
        first=keys[0] if keys else None,
        last=keys[-1] if keys else None,
    )


def _canonical(value: str, name: str, settings: Settings) -> str:
    missing = frozenset(text.lower() for text in settings.missing_values)
    return canonical(value, missing, is_host=name in settings.host_features)
