"""What does each task of a run do? Gather, let the core decide, apply.

Only ids and counts are returned, and every step may run twice, even at the same time.
"""

import json
import logging

from rtb_optimizer import __version__, exporting, report
from rtb_optimizer.active import compared_with, saw_the_last_day, table_before
from rtb_optimizer.ad_macros import ad_macros_document, combos_of, without_required_macro
from rtb_optimizer.catalog_warnings import catalog_warnings
from rtb_optimizer.core.decision.activation import failed_gates
from rtb_optimizer.core.sample.values import SPELLING_VERSION
from rtb_optimizer.core.table.evaluation import judge
from rtb_optimizer.core.table.segments import Counts
from rtb_optimizer.engines.passes.duplicates import without_repeats
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid
from rtb_optimizer.figures import figures_of
from rtb_optimizer.handover import sample_bytes, sample_of
from rtb_optimizer.macro_proof import proof_warnings, prove_macros
from rtb_optimizer.outputs import files
from rtb_optimizer.outputs.published import PublishedRun, table_rows
from rtb_optimizer.outputs.report_page.page import report_page
from rtb_optimizer.reading import read_logs
from rtb_optimizer.restated import restated
from rtb_optimizer.run_request import RunRequest
from rtb_optimizer.run_warnings import run_warnings
from rtb_optimizer.selection_record import features_document, selection_document
from rtb_optimizer.selection_warnings import selection_warnings
from rtb_optimizer.store import activation, active_copy, configs, connections, entities, failures, runs, verification
from rtb_optimizer.store.alerts import remember_decision
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity
from rtb_optimizer.tables import Recipe, build_tables
from rtb_optimizer.workspace import counting, open_workspace, partitions_as_read, partitions_to_read

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
        snapshot = {
            "values": resolved.values,
            "origins": resolved.origins,
            "defaults": configs.defaults(session, entity.current_version_id),
            "active_run_id": entity.active_run_id,
            "code_version": __version__,
            "spelling_version": SPELLING_VERSION,
        }
        window = request.resolved_window(resolved.values)
        run = runs.create(session, entity, request.attempt, window, snapshot, request.triggered_by)
        session.commit()
    log.info("run %s (%d), window [%s, %s)", run.run_code, run.run_id, window.start, window.end)
    return run.run_id


def require_partitions(opt_run_id: int) -> int:
    """Return how many partitions will be read; raise LogsMissing with the list when that is too few."""
    return len(partitions_to_read(open_workspace(opt_run_id)))


def select_features(opt_run_id: int) -> int:
    """Select the features of a run and record them; return how many."""
    workspace = open_workspace(opt_run_id)
    with connections.session() as session:
        gaps = without_required_macro(session, workspace.opt_id, workspace.settings)
        before = table_before(session, workspace.snapshot)
        no_contest = saw_the_last_day(session, workspace.snapshot, workspace.window.end)
    read = read_logs(workspace, gaps)
    choice, drawn, rules = read.choice, read.choice.drawn, workspace.settings.table_rules
    replayed = None if before is None or no_contest else before.multipliers
    evidence = judge(drawn.sample, drawn.holdout, choice.selection, choice.link, rules, replayed)
    chosen = choice.selection.chosen
    needed = dict.fromkeys([*(feature.name for feature in chosen), *(before.features if before else ())])
    kept = [name for name in needed if name in drawn.sample.features]  # the active run's too: bids are held against it
    workspace.write("work/sample.arrow", sample_bytes(drawn.sample, kept))
    warnings = selection_warnings(choice, workspace.settings)
    workspace.hand_over("selection", selection_document(read, evidence, workspace.partitions_expected, warnings))
    with connections.session() as session:
        runs.record_features(session, opt_run_id, chosen)
        session.commit()
    for feature in chosen:
        log.info("feature %d %s: score %.5f", feature.order, feature.name, feature.signal_score)
    return len(chosen)


def build_segments(opt_run_id: int) -> int:
    """Build the master table from all rows of the window, and the joint table; return how many segments it has."""
    workspace = open_workspace(opt_run_id)
    selection = workspace.handed("selection")
    recipe, totals = Recipe.of(selection), Counts(**selection["logs"]["totals"])
    sample = sample_of(workspace.read("work/sample.arrow"))
    with connections.session() as session:
        before = table_before(session, workspace.snapshot)
    with counting(workspace, partitions_as_read(workspace, selection)) as (engine, raw):
        table = without_repeats(engine, raw)
        built = build_tables(engine, table, sample, recipe, totals, before)
    workspace.write("work/segments.parquet", files.segments_parquet(recipe.features, built.segments))
    workspace.write("work/joint_segments.parquet", files.joint_parquet(built.joint, sample.unit, sample.stands_for))
    exporting.hand_over(workspace, built.told)
    workspace.hand_over("segments", built.summary)
    return len(built.segments)


def map_ad_macros(opt_run_id: int) -> int:
    """Map the selected features to a macro combo per format and record them; return how many formats have one.

    Raises:
        MacroGap: when a feature has no macro in a format whose policy is `fail`.
    """
    workspace = open_workspace(opt_run_id)
    with connections.session() as session:
        features = [feature.feature_name for feature in runs.features(session, opt_run_id)]
        combos = combos_of(session, workspace.opt_id, workspace.settings, features)
        runs.record_ad_macros(session, opt_run_id, combos)
        session.commit()
    workspace.hand_over("ad_macros", ad_macros_document(features, combos, workspace.settings))
    return sum(combo.combo is not None for combo in combos)


def write_outputs(opt_run_id: int) -> int:
    """Write the outputs, the manifest last, then record them; return how many there are."""
    workspace = open_workspace(opt_run_id)
    parts = {name: workspace.handed(name) for name in ("selection", "segments", "ad_macros", "exports")}
    selection, summary, macros, exports = parts.values()
    told, proof = features_document(selection), prove_macros(workspace, macros)
    written = {
        name: (workspace.write(f"{name}.parquet", workspace.read(f"work/{name}.parquet")), rows)
        for name, rows in {"segments": summary["total"], "joint_segments": summary["joint_rows"]}.items()
    }
    written["features"] = (workspace.write("features.json", files.json_bytes(told)), len(selection["chosen"]))
    written["ad_macros"] = (workspace.write("ad_macros.json", files.json_bytes(macros)), len(macros["formats"]))
    own = PublishedRun(
        workspace.run_code, workspace.snapshot["values"], told, table_rows(workspace.read("work/segments.parquet"))
    )
    with connections.session() as session:
        active = compared_with(session, workspace.snapshot, own)
        changed = restated(session, opt_run_id, selection["logs"]["partitions"], selection["inputs"])
        changed += catalog_warnings(session, opt_run_id, selection["inputs"])
    changed += proof_warnings(proof, workspace.settings.min_macro_hit_rate)
    warnings = [*run_warnings(parts, workspace.settings, active.report), *exporting.export_warnings(exports), *changed]
    document = report.report_document(workspace, parts | {"round_trip": proof}, written, active, warnings)
    for warning in document["warnings"]:
        log.warning("%s: %s", warning["code"], warning["message"])
    written["report"] = (workspace.write("report.json", files.json_bytes(document)), 1)
    written["report_page"] = (workspace.write("report.html", report_page(document)), 1)
    written |= exporting.publish(workspace, exports)
    manifest = report.manifest_document(workspace, selection["inputs"], written)
    written["manifest"] = (workspace.write("manifest.json", files.json_bytes(manifest)), len(written))
    with connections.session() as session:
        runs.record_outputs(session, opt_run_id, written, figures_of(document))
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
        verification.verify_outputs(session, store, opt_run_id)
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        found = json.loads(store.read(f"{prefix}/report.json"))
        decided = activation.finish(
            session,
            opt_run_id,
            total_segments=found["segments"]["total"],
            gate_failures=failed_gates(found["gates"]["facts"], found["gates"]["limits"]),
            allow_older=run.config_snapshot["values"]["allow_older_window"],
        )
        remember_decision(session, run, decided, found["warnings"])
        session.commit()
        log.info("run %s: %s, %s", run.run_code, decided.decision, "; ".join(decided.reasons))
        active_copy.refresh(session, entity.entity_code)
    return decided
