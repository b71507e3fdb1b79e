"""What does each task of a run do? Gather, let the core decide, apply.

Only ids and counts are returned, and every step may run twice, even at the same time.
"""

import json
import logging
from datetime import datetime, timedelta

from sqlalchemy import select as sql_select

from rtb_optimizer import __version__, outputs, report
from rtb_optimizer.core.activation import failed_gates
from rtb_optimizer.core.crossing import with_interactions
from rtb_optimizer.core.macros import GapPolicy
from rtb_optimizer.core.macros import map_ad_macros as map_combo
from rtb_optimizer.core.model import fit
from rtb_optimizer.core.segments import Counts
from rtb_optimizer.core.segments import build_segments as build_table
from rtb_optimizer.core.values import segment_key
from rtb_optimizer.engines.counting import draw_sample, exact_counts, profile
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid
from rtb_optimizer.run_request import RunRequest
from rtb_optimizer.screening import choose_features
from rtb_optimizer.store import activation, active_copy, configs, connections, entities, failures, logs, runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, FeatureMacro
from rtb_optimizer.store.seeds import dialect, dialects
from rtb_optimizer.workspace import counting, open_workspace, partitions_to_read

log = logging.getLogger(__name__)


def create_run(request: RunRequest) -> int:
    """Freeze the configuration into a run; return its id, the same one when the step runs again.

    Raises:
        ConfigInvalid: with every violation; the run is recorded as failed with them.
        WindowInvalid: when the dates are no window: there is nothing that could be recorded.
        EntityInvalid: when the entity is paused or removed.
    """
    with connections.session() as session:
        entity = entities.find(session, request.entity_code)
        if entity.status != "active":
            raise EntityInvalid(f"{entity.entity_code} is {entity.status}: resume it before running it")
        try:
            resolved = configs.resolve_for(session, entity, request.overrides)
        except ConfigInvalid as violations:
            run = runs.create(session, entity, request.attempt, request.resolved_window({}), {}, request.triggered_by)
            failures.fail_run(session, run.run_id, f"create_run: ConfigInvalid: {violations}")
            session.commit()
            raise
        snapshot = {"values": resolved.values, "origins": resolved.origins, "code_version": __version__}
        window = request.resolved_window(resolved.values)
        run = runs.create(session, entity, request.attempt, window, snapshot, request.triggered_by)
        session.commit()
    log.info("run %s (%d), window [%s, %s)", run.run_code, run.run_id, window.start, window.end)
    return run.run_id


def missing_partitions(opt_run_id: int) -> list[str]:
    """Return the URLs of the window's partitions that are not complete yet."""
    workspace = open_workspace(opt_run_id)
    return logs.incomplete(logs.partitions(workspace.settings, workspace.window))


def freshness_deadline(opt_run_id: int) -> datetime:
    """Return until when a run waits for its logs."""
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
    return run.started_at + timedelta(minutes=run.config_snapshot["values"]["freshness_timeout_minutes"])


def require_partitions(opt_run_id: int) -> int:
    """Return how many partitions will be read; raise LogsMissing with the list when that is too few."""
    return len(partitions_to_read(open_workspace(opt_run_id)))


def select_features(opt_run_id: int) -> int:
    """Select the features of a run and record them; return how many."""
    workspace = open_workspace(opt_run_id)
    partitions = partitions_to_read(workspace)
    with counting(workspace, partitions) as (engine, table):
        found = profile(engine, table)
        log.info("%d rows, %g outcomes, %s", found.totals.rows, found.totals.outcome, dict(found.anomalies))
        chosen = choose_features(engine, table, found)
    workspace.hand_over(
        "selection", report.selection_document(chosen, found, partitions, workspace.partitions_expected)
    )
    with connections.session() as session:
        runs.record_features(session, opt_run_id, chosen.selection.chosen)
        session.commit()
    for feature in chosen.selection.chosen:
        log.info("feature %d %s: score %.5f", feature.order, feature.name, feature.signal_score)
    return len(chosen.selection.chosen)


def build_segments(opt_run_id: int) -> int:
    """Build the master table from all rows of the window; return how many segments it has."""
    workspace = open_workspace(opt_run_id)
    selection = workspace.handed("selection")
    features = [feature["name"] for feature in selection["chosen"]]
    interactions = {segment_key(found["features"]): found["features"] for found in selection["interactions"]}
    terms = {name: [name] for name in features} | interactions
    priors = dict(
        zip(terms, (found["prior"] for part in ("chosen", "interactions") for found in selection[part]), strict=True)
    )
    totals = Counts(**selection["logs"]["totals"])
    with counting(workspace, partitions_to_read(workspace)) as (engine, table):
        drawn = draw_sample(engine, table, features, totals.rows, selection["logs"]["positive_rows"])
        sample = with_interactions(drawn.sample, interactions.values())
        model = fit(sample, priors)
        exact = {n: exact_counts(engine, table, parts, sample.features[n].values) for n, parts in terms.items()}
    segments = build_table(model, sample, exact, totals, workspace.settings.segment_rules, interactions)
    workspace.write("work/segments.parquet", outputs.segments_parquet(features, segments))
    workspace.hand_over("segments", outputs.segments_summary(segments))
    return len(segments)


def map_ad_macros(opt_run_id: int) -> int:
    """Map the selected features to a macro combo per format and record them; return how many formats have one.

    Raises:
        MacroGap: when a feature has no macro in a format whose policy is `fail`.
    """
    workspace = open_workspace(opt_run_id)
    policies = workspace.settings.macro_gap_policies
    with connections.session() as session:
        features = [feature.feature_name for feature in runs.features(session, opt_run_id)]
        rows = session.scalars(sql_select(FeatureMacro).where(FeatureMacro.opt_id == workspace.opt_id)).all()
        combos = [
            map_combo(
                features,
                {row.feature_name: row.macro_template for row in rows if row.macro_format == name},
                dialect(name),
                GapPolicy(policies[name]) if name in policies else None,
            )
            for name in workspace.settings.macro_formats
        ]
        runs.record_ad_macros(session, opt_run_id, combos)
        session.commit()
    workspace.hand_over("ad_macros", outputs.ad_macros_document(features, combos, dialects()))
    return sum(combo.combo is not None for combo in combos)


def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, then record them; return how many there are."""
    workspace = open_workspace(opt_run_id)
    selection, summary, macros = (workspace.handed(name) for name in ("selection", "segments", "ad_macros"))
    documents = {
        "features": (report.features_document(selection), len(selection["chosen"])),
        "ad_macros": (macros, len(macros["formats"])),
        "report": (report.report_document(workspace, selection, summary, macros), 1),
    }
    written = {
        "segments": (
            workspace.write("segments.parquet", workspace.read("work/segments.parquet")),
            summary["total"],
        )
    }
    for name, (document, rows) in documents.items():
        written[name] = (workspace.write(f"{name}.json", outputs.json_bytes(document)), rows)
    manifest = report.manifest_document(workspace, selection["inputs"], written)
    written["manifest"] = (workspace.write("manifest.json", outputs.json_bytes(manifest)), len(written))
    with connections.session() as session:
        runs.record_outputs(session, opt_run_id, written)
        session.commit()
    return len(written)


def activate_run(opt_run_id: int) -> activation.Decided:
    """End the run and decide whether it takes over; a run that was decided before keeps its decision.

    Raises:
        RunNotRunning: when the run has failed meanwhile.
        RunIncomplete: when an output is absent or not what was written.
    """
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
        entity = session.get_one(Entity, run.entity_id)
        store = ObjectStore.of(entity.s3_base_path)
        activation.verify_outputs(session, store, opt_run_id)
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        found = json.loads(store.read(f"{prefix}/report.json"))
        decided = activation.finish(
            session,
            opt_run_id,
            total_segments=found["segments"]["total"],
            gate_failures=failed_gates(found["gates"]["facts"], found["gates"]["limits"]),
            allow_older=run.config_snapshot["values"]["allow_older_window"],
        )
        session.commit()
        log.info("run %s: %s, %s", run.run_code, decided.decision, "; ".join(decided.reasons))
        active_copy.refresh(session, entity.entity_code)
    return decided
