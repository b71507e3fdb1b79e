"""A run, its segment table and an entity's history as pandas DataFrames, for notebooks.

Every function opens its own session on the catalog. A frame has the rows of a table that a run published, which
`max_segments` bounds, or one row a decision; nothing here grows with the logs.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, SupportsIndex

from sqlalchemy.orm import Session

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.sample.values import WILDCARD, split_key
from rtb_optimizer.core.table.bidding import Tier
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.outputs.published import PublishedRun, described, published_output
from rtb_optimizer.store import connections, entities, history, runs
from rtb_optimizer.store.schema import Entity, Run

if TYPE_CHECKING:
    import pandas as pd

_INSTANT = "datetime64[us, UTC]"

SEGMENT_DTYPES = {
    "segment": "str",
    "rows": "int64",
    "exposures": "float64",
    "outcomes": "float64",
    "value": "float64",
    "cost": "float64",
    "expected": "float64",
    "factor": "float64",
    "factor_low": "float64",
    "factor_high": "float64",
    "prior": "float64",
    "pooled_factor": "float64",
    "events": "float64",
    "tier": "category",
    "no_bid": "bool",
    "multiplier": "float64",
    "bought_at": "float64",
    "is_default": "bool",
}
"""Dtype by column of a segment table; `feature_<name>` columns, after `segment`, are categories."""

FEATURE_DTYPES = {
    "feature": "str",
    "selected": "bool",
    "order": "Int64",
    "is_anchor": "bool",
    "signal_score": "float64",
    "marginal_score": "float64",
    "reason": "str",
}
"""Dtype by column of a run's candidate features."""

FIGURE_DTYPES = {
    "rows": "Int64",
    "exposures": "float64",
    "outcomes": "float64",
    "spend": "float64",
    "outcome_rate": "float64",
    "partition_share": "float64",
    "holdout_gain": "float64",
    "predicted_change": "float64",
    "change_from_active": "float64",
    "worst_psi": "float64",
    "new_values": "float64",
    "level": "float64",
    "features": "Int64",
    "segments": "Int64",
    "warnings": "Int64",
}
"""Dtype by column of the figures that the catalog keeps of each run."""

HISTORY_DTYPES = {
    "decision_number": "int64",
    "decided_at": _INSTANT,
    "decision": "category",
    "run_id": "int64",
    "run_code": "str",
    "from_run_id": "Int64",
    "decided_by": "str",
    "reasons": "str",
    "is_sandbox": "bool",
    "is_challenger": "bool",
    "data_start": _INSTANT,
    "data_end": _INSTANT,
    "triggered_by": "str",
    **FIGURE_DTYPES,
}
"""Dtype by column of an entity's history."""

_CATEGORIES = {"tier": [tier.value for tier in Tier], "decision": [decision.value for decision in Decision]}


@dataclass(frozen=True, slots=True, eq=False)
class RunFrames:
    """A succeeded run: its facts, and what it published as DataFrames.

    Attributes:
        entity_code: The entity.
        run_id: `opt_runs.run_id`.
        run_code: The unique name of the run, which is also its folder in S3.
        status: `succeeded`: no other run has a table.
        is_active: Whether the entity's pointer is on it, at the time of reading.
        triggered_by: `schedule`, `manual:<user>` or `backfill:<user>`.
        data_start: The window's first instant, UTC.
        data_end: The instant after the window, UTC.
        config: The configuration that the run used, by config key.
        segments: As `read_segments` returns it.
        features: One row a candidate feature, the selected first, in order. `feature` (str), `selected` (bool),
            `order` (Int64, from 1, missing where rejected), `is_anchor` (bool), `signal_score` and `marginal_score`
            (float64, shares of the baseline deviance, NaN where never scored), `reason` (str, the code of a
            rejection, missing where selected).
        decisions: The rows of `read_history` that are about this run.
    """

    entity_code: str
    run_id: int
    run_code: str
    status: str
    is_active: bool
    triggered_by: str
    data_start: datetime
    data_end: datetime
    config: Mapping[str, Any] = field(repr=False)
    segments: "pd.DataFrame" = field(repr=False)
    features: "pd.DataFrame" = field(repr=False)
    decisions: "pd.DataFrame" = field(repr=False)


def read_run(entity_or_run: str | SupportsIndex) -> RunFrames:
    """Return a run with its configuration, segments, features and decisions.

    Args:
        entity_or_run: An entity code, for its active run; or a run id or run code. An integer is a run id. A string
            of digits is a run id unless an entity has that code.

    Raises:
        NotFound: when there is no such entity or run, the entity has no active run, the run did not succeed, or
            retention has deleted its outputs.
        TypeError: when the name is neither text nor an integer.
        ConnectionMissing: when the connection of the catalog or of S3 is not configured.
    """
    with connections.session() as session:
        entity, run = _run(session, entity_or_run)
        head = described(session, run)
        return RunFrames(
            entity_code=entity.entity_code,
            run_id=run.run_id,
            run_code=run.run_code,
            status=run.status,
            is_active=entity.active_run_id == run.run_id,
            triggered_by=run.triggered_by,
            data_start=run.data_start.astimezone(UTC),
            data_end=run.data_end.astimezone(UTC),
            config=dict(head.config),
            segments=_segments(published_output(session, run, "segments")),
            features=_features(head),
            decisions=_decisions(history.decisions_with_runs(session, entity, run.run_id)),
        )


def read_segments(entity_or_run: str | SupportsIndex) -> "pd.DataFrame":
    """Return the segment table of a run, in the order of the file: the default row first.

    Columns and dtypes: `segment` (str, the key), one `feature_<name>` for each feature (category of str, NaN for any
    value), `rows` (int64), `exposures` and `outcomes` (float64, sums of weights), `value` and `cost` (float64, in
    the currency of the logs), `expected`, `factor`, `factor_low`, `factor_high`, `prior`, `pooled_factor`, `events`,
    `multiplier` and `bought_at` (float64), `tier` (ordered category: low, medium, high), `no_bid` and `is_default`
    (bool). A column that the run's release did not write is NaN, `no_bid` False.

    Args:
        entity_or_run: As `read_run` takes it.

    Raises:
        NotFound: as `read_run` does.
        ConnectionMissing: as `read_run` does.
    """
    with connections.session() as session:
        _, run = _run(session, entity_or_run)
        return _segments(published_output(session, run, "segments"))


def read_history(entity_code: str) -> "pd.DataFrame":
    """Return every decision on an entity's runs, the oldest first, with the figures of the run that it is about.

    Columns and dtypes: `decision_number` (int64, from 1), `decided_at` (datetime64[us, UTC]), `decision` (category:
    activated, held, superseded, rolled_back, stood_down, challenging, promoted, dropped), `run_id` (int64), `run_code`
    (str), `from_run_id` (Int64, the run that was active before), `decided_by` (str), `reasons` (str, joined by "; "),
    `is_sandbox` (bool, a what-if run), `is_challenger` (bool, a challenger's run that was not promoted), `data_start`
    and `data_end` (datetime64[us, UTC]), `triggered_by` (str), then of the run `rows`, `features`, `segments` and
    `warnings` (Int64), `exposures` and `outcomes` (float64, sums of weights), `spend` (float64, in the currency of the
    logs), `level` (float64, the default row's multiplier), and as float64 fractions `outcome_rate`, `partition_share`,
    `holdout_gain`, `predicted_change`, `change_from_active`, `worst_psi` and `new_values`; missing where a run has no
    figure.
    An entity without decisions has no rows, with the same dtypes.

    Raises:
        NotFound: when there is no such entity, with those there are.
        TypeError: when the code is no text.
        ConnectionMissing: when the connection of the catalog is not configured.
    """
    if not isinstance(entity_code, str):
        raise TypeError(f"{entity_code!r} cannot be read: give an entity code")
    with connections.session() as session:
        return _decisions(history.decisions_with_runs(session, entities.find(session, entity_code)))


def _run(session: Session, name: str | SupportsIndex) -> tuple[Entity, Run]:
    """Return the succeeded run that a name means, with its entity."""
    if isinstance(name, str) and (entity := _entity(session, name)):
        if entity.active_run_id is None:
            raise NotFound(f"{name} has no active run: name one of `rtb runs list --entity {name}`")
        return entity, session.get_one(Run, entity.active_run_id)
    if not isinstance(name, str | SupportsIndex):
        raise TypeError(f"{name!r} cannot be read: give an entity code, a run id or a run code")
    run = runs.find(session, name if isinstance(name, str) else str(operator.index(name)))
    entity = session.get_one(Entity, run.entity_id)
    if run.status != "succeeded":
        raise NotFound(
            f"run {run.run_code} is {run.status}, it has no table: "
            f"name a succeeded one of `rtb runs list --entity {entity.entity_code}`"
        )
    return entity, run


def _entity(session: Session, name: str) -> Entity | None:
    """Return the entity of that code; None for a name of a run: its id, or its code, which has hyphens."""
    if "-" in name:
        return None
    try:
        return entities.find(session, name)
    except NotFound:
        if name.isdecimal():
            return None
        raise


def _segments(body: bytes) -> "pd.DataFrame":
    import pandas as pd

    frame = parquet_table(body).to_pandas(use_threads=False)
    parts = [name for name in frame.columns if name.startswith("feature_")]
    for n, name in enumerate(parts):
        for row in frame.index[frame[name] == WILDCARD]:  # an earlier release's sign for any value, or that value
            if split_key(frame["segment"][row])[n] is None:
                frame.loc[row, name] = None
        values = sorted(set(frame[name].dropna()))
        frame[name] = pd.Categorical(frame[name], categories=pd.Index(values, dtype="str"))
    if "no_bid" not in frame:
        frame["no_bid"] = False
    ordered = frame.reindex(columns=["segment", *parts, *(name for name in SEGMENT_DTYPES if name != "segment")])
    return _typed(ordered, SEGMENT_DTYPES)


def _features(run: PublishedRun) -> "pd.DataFrame":
    selected = [{**dict(each), "feature": each.name, "selected": True} for each in run.selection.features]
    rejected = [{**dict(each), "feature": each.name, "selected": False} for each in run.selection.rejected]
    return _frame([*selected, *rejected], FEATURE_DTYPES)


def _decisions(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    flat = ({**row, **(row["figures"] or {}), "reasons": "; ".join(row["reasons"])} for row in rows)
    return _frame(flat, HISTORY_DTYPES)


def _frame(rows: Iterable[Mapping[str, Any]], dtypes: Mapping[str, str]) -> "pd.DataFrame":
    """Return rows as a frame of these columns, whatever other keys they have; what a row lacks is missing."""
    import pandas as pd

    listed = list(rows)
    columns = {name: pd.Series([row.get(name) for row in listed], dtype="object") for name in dtypes}
    return _typed(pd.DataFrame(columns), dtypes)


def _typed(frame: "pd.DataFrame", dtypes: Mapping[str, str]) -> "pd.DataFrame":
    import pandas as pd

    exact: dict[str, Any] = dict(dtypes)
    for name, categories in _CATEGORIES.items():
        if name in exact:
            exact[name] = pd.CategoricalDtype(pd.Index(categories, dtype="str"), ordered=name == "tier")
    return frame.astype(exact)
