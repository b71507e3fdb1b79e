"""Says what a task of a run read and wrote: datasets with rows and bytes, the gates it was judged by, and by whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.core.config.logs_path import fixed_part
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.activation import MOVES
from rtb_optimizer.errors import NotFound, ObjectAbsent
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.outputs.report_page.gates import GateRow, gate_rows
from rtb_optimizer.run.handover import handed_over_by
from rtb_optimizer.store import connections, history, runs
from rtb_optimizer.store.objects import active_key, split_url
from rtb_optimizer.store.schema import Entity, Run

ON_LOGS = ("select_features", "build_segments")
"""The tasks that count the logs."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What was read or written, named as OpenLineage names stores: `s3://bucket` and a path, a database and a table.

    `version` tells states of one dataset apart, `logical` is the name that it has in every night; None where unknown or
    the same.
    """

    namespace: str
    name: str
    rows: int | None = None
    byte_size: int | None = None
    files: int | None = None
    version: str | None = None
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a task read and wrote, the facts of its run (id, code, release, who), and its gates once it was judged."""

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    gates: tuple[GateRow, ...] = ()


def lineage_of(task_id: str, dag_id: str, dag_run_id: str) -> Lineage:
    """Return what a task of a dag run read and wrote; of a run that was not created, nothing."""
    with connections.session() as session:
        try:
            run = runs.of_dag_run(session, dag_id, dag_run_id)
        except NotFound:
            return Lineage()
        entity, facts = session.get_one(Entity, run.entity_id), _facts(run)
        if task_id == "activate_run":
            return _decided(session, run, entity, facts)
        logs = _logs(run) if task_id in (*ON_LOGS, "measure_live", "write_outputs") else ()
        written = WRITTEN[task_id](session, run, entity) if task_id in WRITTEN else ()
        return Lineage(logs, tuple(written), facts)


def _facts(run: Run) -> dict[str, object]:
    snapshot = RunSnapshot.read(run.config_snapshot)
    return {
        "opt_run_id": run.run_id,
        "run_code": run.run_code,
        "release": snapshot.code_version,
        "triggered_by": run.triggered_by,
        "data_start": run.data_start.isoformat(),
        "data_end": run.data_end.isoformat(),
        "active_run_id": snapshot.active_run_id,
    }


def _logs(run: Run) -> tuple[Dataset, ...]:
    """Return the logs that were read, and those of events: each path is one dataset, through all its days."""
    try:
        selection = handed_over_by(run.run_id, "select_features")[1].document("selection", SelectionDocument)
    except ObjectAbsent:
        return ()
    settings = settings_as_stored(RunSnapshot.read(run.config_snapshot).values)
    rows = int(selection.logs.totals.rows)
    found = [_log(settings.logs_path, selection.inputs, run, settings, rows)]
    inputs = ((getattr(settings, role.path_key), selection.inputs_of(role)) for role in reversed(ROLES))
    found += [_log(path, read, run, settings, None) for path, read in inputs if read and path]
    return tuple(found)


def _log(path: str, inputs: tuple[InputDocument, ...], run: Run, settings: Settings, rows: int | None) -> Dataset:
    bucket, prefix = split_url(fixed_part(path))
    window = f"{run.data_start:%Y-%m-%dT%H:%MZ}/{run.data_end:%Y-%m-%dT%H:%MZ}"
    size = sum(each.byte_size for each in inputs)
    logical = path if path == settings.logs_path else None
    return Dataset(f"s3://{bucket}", prefix.rpartition("/")[0] or "/", rows, size, len(inputs), window, logical)


def _created(_session: Session, _run: Run, _entity: Entity) -> list[Dataset]:
    return [_table("opt_runs", 1)]


def _features(session: Session, run: Run, _entity: Entity) -> list[Dataset]:
    return [_table("opt_run_features", len(runs.features(session, run.run_id)))]


def _macros(session: Session, run: Run, _entity: Entity) -> list[Dataset]:
    return [_table("opt_run_feature_macros", len(runs.ad_macros(session, run.run_id)))]


def _live(_session: Session, _run: Run, _entity: Entity) -> list[Dataset]:
    return [_table("opt_run_outcomes", None)]


def _published(session: Session, run: Run, entity: Entity) -> list[Dataset]:
    outputs = _outputs(session, run, entity)
    return [*outputs, _table("opt_run_outputs", len(outputs))]


def _outputs(session: Session, run: Run, entity: Entity) -> list[Dataset]:
    return [
        Dataset(
            namespace=f"s3://{each.s3_bucket}",
            name=each.s3_key,
            rows=each.row_count,
            byte_size=each.byte_size,
            files=1,
            version=each.sha256,
            logical=f"{entity.entity_code}/{each.output_type}",
        )
        for each in runs.outputs(session, run.run_id)
    ]


WRITTEN: Mapping[str, Callable[[Session, Run, Entity], list[Dataset]]] = {
    "create_run": _created,
    "select_features": _features,
    "map_ad_macros": _macros,
    "measure_live": _live,
    "write_outputs": _published,
}


def _decided(session: Session, run: Run, entity: Entity, facts: dict[str, object]) -> Lineage:
    """Return what a decision was taken on, its gates, and what it has moved."""
    decision = history.first_on(session, run)
    judged = tuple(each for each in _outputs(session, run, entity) if (each.logical or "").endswith("/segments"))
    if decision is None:
        return Lineage(judged, (), facts)
    facts |= {"decision": decision.decision, "decided_by": decision.decided_by, "reasons": list(decision.reasons)}
    moved = [_table("opt_run_decisions", 1)]
    if decision.decision in MOVES:
        bucket, _ = split_url(entity.s3_base_path)
        active = Dataset(f"s3://{bucket}", active_key(entity.s3_base_path), version=run.run_code)
        moved += [_table("opt_entities", 1), active]
    gates = gate_rows(Report.read(published_output(session, run, "report")).gates)
    return Lineage(judged, tuple(moved), facts, tuple(each for each in gates if each.passed is not None))


def _table(name: str, rows: int | None) -> Dataset:
    url = connections.catalog_url()
    return Dataset(f"postgres://{url.host}:{url.port or 5432}", f"{url.database}.public.{name}", rows)
