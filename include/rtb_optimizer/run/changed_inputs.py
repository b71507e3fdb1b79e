"""Warnings about what changed around a run: its inputs since an earlier run, its entity since it began.

None of them stops a run: it goes by its snapshot, and doing a run again is allowed.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.errors import ConfigInvalid, NotFound, StoreFailed
from rtb_optimizer.outputs.documents.lake import SnapshotDocument
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.outputs.documents.manifest import Manifest
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.run.volume import counted_alike, same_clock
from rtb_optimizer.run.what_if import NOT_ONLY, what_if_warnings
from rtb_optimizer.store import configs
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity, Run, Version

EARLIER_RUNS = 10
"""At most so many earlier runs are compared: each costs the reading of a manifest."""

IDENTICAL_RUNS = 3
"""At most so many earlier runs of the same window are compared: each costs the reading of a manifest."""

Inputs = Sequence[InputDocument]


def restated(
    session: Session, opt_run_id: int, partitions: Sequence[str], inputs: Inputs, events: Inputs = ()
) -> list[RunWarning]:
    """Return a warning for each run whose inputs were not those of now.

    Each partition is compared with the last earlier run that read it; a what-if run is compared with the active run.

    Args:
        session: The catalog.
        opt_run_id: The run.
        partitions: The URLs of the partitions it has read.
        inputs: Key and etag of the objects of the logs it has read.
        events: Those of logs of events: compared for a what-if run alone, since late events are read by a later run.
    """
    run, left, warnings = session.get_one(Run, opt_run_id), set(partitions), []
    if run.is_sandbox:
        return _restated_since_compared(session, run, [*inputs, *events])
    for earlier in _overlapping(session, run):
        before = inputs_of(session, earlier)
        known = {url: objects for url in sorted(left) if (objects := _below(url, before))}
        changed = [_describe(url, then, now) for url, then in known.items() if then != (now := _below(url, inputs))]
        if changed:
            message = f"inputs changed since run {earlier.run_code}: {'; '.join(changed)}"
            warnings.append(RunWarning("inputs_changed", message))
        left -= known.keys()
        if not left:
            break
    return warnings


def restated_in_table(session: Session, opt_run_id: int, selection: SelectionDocument) -> list[RunWarning]:
    """Return a warning for each run that counted other rows on a day, from another snapshot of the same table.

    The files of a table are not compared: compaction rewrites them with the same rows. A what-if run reads the
    snapshot of the run that it is compared with.
    """
    run, pin = session.get_one(Run, opt_run_id), selection.tables.logs
    left, warnings = dict(selection.logs.by_day), []
    if pin is None or run.is_sandbox:
        return []
    values = RunSnapshot.read(run.config_snapshot).values
    for earlier in _overlapping(session, run):
        if not any(date.fromisoformat(day) <= earlier.data_end.date() for day in left):
            continue
        before = _counted_of(session, earlier, pin, values)
        changed = [
            f"{pin.url}#{day} ({before[day].rows:,} rows and {before[day].outcome:,.10g} outcomes then, "
            f"{now.rows:,} and {now.outcome:,.10g} now)"
            for day, now in left.items()
            if day in before and before[day] != now
        ]
        if changed:
            message = f"inputs changed since run {earlier.run_code}: {'; '.join(changed)}"
            warnings.append(RunWarning("inputs_changed", message))
        left = {day: now for day, now in left.items() if day not in before}
    return warnings


def _counted_of(
    session: Session, earlier: Run, pin: SnapshotDocument, values: Mapping[str, ConfigValue]
) -> Mapping[str, Counts]:
    """Return the sums of the days that an earlier run counted in the same table, where it counted as `values` do."""
    try:
        then = Manifest.read(published_output(session, earlier, "manifest")).tables.logs
        if then is None or then.url != pin.url:
            return {}
        of_earlier = RunSnapshot.read(earlier.config_snapshot).values
        if not (counted_alike(values, of_earlier) and same_clock(values, of_earlier)):
            return {}
        logs = Report.read(published_output(session, earlier, "report")).logs
    except (NotFound, StoreFailed):
        return {}
    return logs.by_day if logs else {}


def _restated_since_compared(session: Session, run: Run, inputs: Inputs) -> list[RunWarning]:
    compared = session.get_one(Run, RunSnapshot.read(run.config_snapshot).compared_run_id)
    then, now = _etags(_all_inputs_of(session, compared)), _etags(inputs)
    if then == now:
        return []
    message = f"inputs changed since run {compared.run_code}: {NOT_ONLY}: {_describe('the window', then, now)}"
    return [RunWarning("inputs_changed", message)]


def _overlapping(session: Session, run: Run) -> Sequence[Run]:
    earlier = _earlier(run).where(Run.data_start < run.data_end, Run.data_end > run.data_start)
    return session.scalars(earlier.order_by(Run.run_id.desc()).limit(EARLIER_RUNS)).all()


def compared_earlier(session: Session, run: Run) -> list[Run]:
    """Return the earlier runs whose inputs and configuration a run's are compared with."""
    return [*_overlapping(session, run), *_of_same_window(session, run)]


def _earlier(run: Run) -> Select[Run]:
    """Return the query of an entity's earlier runs that have succeeded, what-if and challengers' runs left out."""
    of_entity = select(Run).where(Run.entity_id == run.entity_id, Run.run_id < run.run_id)
    return of_entity.where(Run.status == "succeeded", Run.is_sandbox.is_(False), Run.challenger_id.is_(None))


def inputs_of(session: Session, run: Run) -> Inputs:
    """Return what a run has read of its logs, and nothing where retention has deleted its manifest."""
    manifest = _manifest(session, run)
    return manifest.inputs if manifest is not None else ()


def _all_inputs_of(session: Session, run: Run) -> Inputs:
    """Return what a run has read of its logs and of those of events."""
    manifest = _manifest(session, run)
    return all_inputs(manifest) if manifest is not None else ()


def all_inputs(document: Manifest | SelectionDocument) -> Inputs:
    """Return the objects of the logs and of those of events that a document names."""
    return [*document.inputs, *event_inputs(document)]


def event_inputs(document: Manifest | SelectionDocument) -> Inputs:
    """Return the objects of logs of events that a document names."""
    return [each for role in ROLES for each in getattr(document, role.inputs)]


def _manifest(session: Session, run: Run) -> Manifest | None:
    try:
        return Manifest.read(published_output(session, run, "manifest"))
    except (NotFound, StoreFailed):
        return None


def _below(url: str, inputs: Inputs) -> dict[str, str]:
    prefix = split_url(url)[1]
    return {each.s3_key: each.etag for each in inputs if each.s3_key.startswith(prefix)}


def _describe(url: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    replaced = [key for key in sorted(then.keys() & now.keys()) if then[key] != now[key]]
    counts = (
        (len(now.keys() - then.keys()), "new"),
        (len(replaced), "replaced"),
        (len(then.keys() - now.keys()), "gone"),
    )
    return f"{url} ({', '.join(f'{n} objects {what}' for n, what in counts if n)})"


def catalog_warnings(session: Session, opt_run_id: int, inputs: Inputs) -> list[RunWarning]:
    """Return the warnings of a run that has read `inputs`, objects of all logs by `s3_key` and `etag`."""
    run = session.get_one(Run, opt_run_id)
    return [*what_if_warnings(session, run), *_identical(session, run, inputs), *_moved_on(session, run)]


def _of_same_window(session: Session, run: Run) -> Sequence[Run]:
    same = _earlier(run).where(
        Run.version_id == run.version_id, Run.data_start == run.data_start, Run.data_end == run.data_end
    )
    return session.scalars(same.order_by(Run.run_id.desc()).limit(IDENTICAL_RUNS)).all()


def _identical(session: Session, run: Run, inputs: Inputs) -> list[RunWarning]:
    own = _etags(inputs)
    for earlier in _of_same_window(session, run):
        alike = all(earlier.config_snapshot.get(k) == run.config_snapshot.get(k) for k in ("values", "code_version"))
        if alike and _etags(_all_inputs_of(session, earlier)) == own:
            same_as = (
                f"identical to run {earlier.run_code} (id {earlier.run_id}): the same window, version, configuration"
            )
            return [
                RunWarning("identical_run", f"{same_as} and logs; only the active run that it moved from may differ")
            ]
    return []


def _moved_on(session: Session, run: Run) -> list[RunWarning]:
    """Warn of what was changed for the entity since the run began; keys that its trigger had set are left out."""
    session.expire_all()
    entity = session.get_one(Entity, run.entity_id)
    warnings, snapshot = [], RunSnapshot.read(run.config_snapshot)
    if entity.current_version_id != run.version_id:
        now = session.get_one(Version, entity.current_version_id).version_code
        warnings.append(RunWarning("version_changed", f"the entity moved to version {now}: from its next run on"))
    try:
        values = configs.resolve_for(session, entity).values
    except ConfigInvalid as problem:
        return [*warnings, RunWarning("config_changed", f"the configuration was made invalid meanwhile: {problem}")]
    changed = [
        f"{key} from {value!r} to {values[key]!r}"
        for key, value in sorted(snapshot.values.items())
        if snapshot.origins.get(key) != "trigger" and key in values and values[key] != value
    ]
    if changed:
        text = f"changed while the run ran, and used from the next one on: {', '.join(changed)}"
        warnings.append(RunWarning("config_changed", text))
    return warnings


def _etags(inputs: Inputs) -> dict[str, str]:
    return {each.s3_key: each.etag for each in inputs}
