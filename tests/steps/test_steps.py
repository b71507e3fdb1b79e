"""A whole run, step by step, without Airflow: each step twice, since Airflow may run any of them twice."""

import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.errors import (
    ConfigInvalid,
    EntityInvalid,
    LogsInvalid,
    LogsMissing,
    MacroGap,
    RunIncomplete,
    RunNotRunning,
    WindowInvalid,
)
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.measure_live import measure_live
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import connections, entities, runs
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunFeature, RunFeatureMacro, RunOutput
from rtb_optimizer.web.api.runs import MEDIA_TYPES
from seeded_logs import BUSY_WORLD, NIGHTS, write_logs

pytestmark = pytest.mark.usefixtures("logs")
STEPS = (*(function for _, function in in_process.STEPS), activate_run)
BEESWAX_FOLDER = "s3://beeswax-data-us-east-1/bid_models/key"


@pytest.mark.parametrize("restated", [False, True])
def test_logs_that_change_once_they_are_counted_leave_the_capsule_no_checksum(
    add_entity, request_run, store, base_path, restated
):
    entity = add_entity()
    opt_run_id = create_run(request_run())
    before = STEPS.index(write_outputs)
    for step in STEPS[:before]:
        step(opt_run_id)
    keys = [each.key for each in store.list(f"{split_url(base_path)[1]}/logs/") if each.key.endswith(".parquet")]
    if restated:
        store.replace(keys[0], store.read(keys[1]))
    else:
        store.delete(keys)

    write_outputs(opt_run_id)

    with connections.session() as own:
        code = own.get_one(Run, opt_run_id).run_code
    capsule = json.loads(store.read(f"{run_prefix(entity.s3_base_path, code)}/capsule.json"))
    assert [each["s3_key"] for each in capsule["inputs"]] == sorted(keys)
    assert "checksum" not in capsule["inputs"][0]


def test_logs_become_an_active_run_and_every_step_may_run_twice(add_entity, request_run, session, store):
    entity = add_entity()
    opt_run_id = create_run(request_run())

    assert create_run(request_run()) == opt_run_id
    for step in STEPS:
        assert step(opt_run_id) == step(opt_run_id), step

    run = session.get_one(Run, opt_run_id)
    assert (run.status, session.get_one(Entity, entity.entity_id).active_run_id) == ("succeeded", opt_run_id)
    assert runs.features(session, opt_run_id)[0].feature_name == "internal_adspace_id"
    written = {o.output_type: o for o in runs.outputs(session, opt_run_id)}
    assert set(written) == {
        "segments",
        "joint_segments",
        "features",
        "ad_macros",
        "report",
        "report_page",
        "capsule",
        "manifest",
    }
    table = pq.read_table(io.BytesIO(store.read(written["segments"].s3_key)))
    assert table.num_rows == run.total_segments == written["segments"].row_count


@pytest.fixture
def run_all(add_entity):
    """Run every step of a request, as one attempt; returns the run's id."""

    def run(request):
        opt_run_id = create_run(request)
        for step in STEPS:
            step(opt_run_id)
        return opt_run_id

    add_entity()
    return run


def facts(session, store, opt_run_id):
    """All that one run has recorded: its rows, its decisions, its objects."""
    tables = (RunFeature, RunOutput, RunFeatureMacro, RunDecision)
    rows = [session.scalar(select(func.count()).where(table.run_id == opt_run_id)) for table in tables]
    run = session.get_one(Run, opt_run_id)
    prefix = run_prefix(session.get_one(Entity, run.entity_id).s3_base_path, run.run_code)
    return rows, sorted((entry.key, entry.etag) for entry in store.list(prefix))


def test_a_retried_step_records_no_fact_twice(ran, request_run, session, store):
    (opt_run_id,) = ran({})
    before = facts(session, store, opt_run_id)

    assert create_run(request_run()) == opt_run_id
    decided = activate_run(opt_run_id)

    assert decided.decision == "activated"
    assert facts(session, store, opt_run_id) == before


def test_a_step_of_an_ended_run_refuses_and_writes_nothing(ran, session, store):
    (opt_run_id,) = ran({})
    before = facts(session, store, opt_run_id)

    for step in (step for step in STEPS[1:-1] if step is not measure_live):  # that is about other runs
        with pytest.raises(RunNotRunning, match="is succeeded, not running"):
            step(opt_run_id)
    measure_live(opt_run_id)
    assert facts(session, store, opt_run_id) == before


def test_a_cleared_dag_run_gets_a_new_run_and_closes_the_old_one(add_entity, request_run, session):
    add_entity()
    first = create_run(request_run())
    second = create_run(request_run(clear_number=1))

    assert first != second
    assert session.get_one(Run, first).status == "failed"
    assert session.get_one(Run, first).error_message == "the dag run was cleared: a new run replaces this one"
    with pytest.raises(RunNotRunning):
        select_features(first)


def test_an_older_window_that_finishes_last_leaves_the_newer_run_active(ran, request_run, session):
    (newest,) = ran({})
    window = {"data_start": "2026-03-06", "data_end": "2026-03-09"}
    older = in_process.run(request_run(dag_run_id="backfill__1", **window)).opt_run_id

    assert session.get_one(Run, older).status == "succeeded"
    assert entities.find(session, "drugs_com").active_run_id == newest
    assert [(d.run_id, d.decision) for d in session.scalars(select(RunDecision).order_by(RunDecision.id))] == [
        (newest, "activated"),
        (older, "superseded"),
    ]


def test_an_older_window_is_activated_when_requested_by_name(ran, request_run, session):
    ran({})
    window = {"data_start": "2026-03-06", "data_end": "2026-03-09"}
    older = in_process.run(request_run(dag_run_id="manual__2", overrides={"allow_older_window": True}, **window))

    assert entities.find(session, "drugs_com").active_run_id == older.opt_run_id


def test_a_bad_configuration_is_recorded_as_a_failed_run_with_every_violation(add_entity, request_run, session):
    add_entity()

    with pytest.raises(ConfigInvalid):
        create_run(request_run(overrides={"max_features": 99, "max_featurs": 3}))

    run = session.scalars(select(Run)).one()
    assert run.status == "failed"
    assert run.error_message == (
        "create_run: ConfigInvalid: max_featurs (trigger): unknown config key; the nearest is max_features; "
        "max_features (trigger): 99 is above the maximum of 20"
    )


@pytest.mark.parametrize("form_only", [True, False], ids=["conf of a dag run", "command line"])
def test_a_queued_run_with_a_key_that_an_update_retired_is_a_failed_run_that_names_the_key(
    add_entity, request_run, session, form_only
):
    """A run with less than what it was asked for would be activated as if it had it."""
    add_entity()

    with pytest.raises(ConfigInvalid):
        create_run(replace(request_run(overrides={"max_spike": 4}), form_only=form_only))

    run = session.scalars(select(Run)).one()
    assert (run.status, run.error_message.partition(": rate_spike")[0]) == (
        *("failed", "create_run: ConfigInvalid: max_spike (trigger): no config key any more"),
    )


def test_a_form_that_was_sent_before_an_update_names_retired_keys_without_a_value(add_entity, request_run, session):
    add_entity()
    create_run(replace(request_run(overrides={"max_spike": None}), form_only=True))
    assert session.scalars(select(Run)).one().status == "running"


def test_a_paused_entity_starts_no_run_and_a_running_one_finishes_without_activating(add_entity, request_run, session):
    add_entity()
    opt_run_id = create_run(request_run())
    for step in STEPS[:-1]:
        step(opt_run_id)
    with connections.session() as other:
        entities.set_status(other, "drugs_com", "paused", "ana")
        other.commit()

    decided = activate_run(opt_run_id)

    assert (decided.decision, decided.reasons) == ("held", ("the entity is paused",))
    assert entities.find(session, "drugs_com").active_run_id is None
    with pytest.raises(EntityInvalid, match="resume it"):
        create_run(request_run(dag_run_id="manual__2"))


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"data_start": "2026-03-09"}, "give both data_start and data_end"),
        ({"data_start": "2026-03-09", "data_end": "2026-03-09"}, "data_start"),
        ({"data_start": "2026-03-09", "data_end": "2030-01-01"}, "data_end 2030-01-01"),
        ({"data_start": "2020-01-01", "data_end": "2026-03-09"}, "more than the"),
        ({"data_start": "tomorrow", "data_end": "2026-03-09"}, "'tomorrow' is not a date"),
    ],
)
def test_a_window_that_is_refused_is_a_failed_run_with_the_reason(add_entity, request_run, session, window, reason):
    add_entity()
    for _ in range(2):  # a retry finds its row
        with pytest.raises(WindowInvalid):
            create_run(request_run(**window))
    [run] = session.scalars(select(Run)).all()
    assert run.status == "failed"
    assert run.error_message.startswith("create_run: WindowInvalid: ")
    assert reason in run.error_message


def test_a_run_of_a_paused_entity_is_a_failed_run_with_the_reason(add_entity, request_run, session):
    add_entity()
    entities.set_status(session, "drugs_com", "paused", "ana")
    session.commit()
    with pytest.raises(EntityInvalid, match="resume it"):
        create_run(request_run())
    [run] = session.scalars(select(Run)).all()
    assert (run.status, run.error_message) == (
        "failed",
        "create_run: EntityInvalid: drugs_com is paused: resume it before running it",
    )


def test_a_missing_partition_fails_the_run_with_its_name(add_entity, request_run):
    add_entity()
    request = request_run(data_start="2026-03-05", data_end="2026-03-08")

    with pytest.raises(LogsMissing, match=r"1 of 3 partitions are not complete: s3://.*date=2026-03-05/"):
        in_process.run(request)


def test_a_failed_run_leaves_the_active_one_alone_and_says_what_and_where(ran, request_run, session):
    (active,) = ran({})

    with pytest.raises(LogsInvalid):
        in_process.run(request_run(dag_run_id="manual__2", overrides={"outcome_column": "clicks"}))

    failed = session.scalars(select(Run).where(Run.airflow_run_id == "manual__2")).one()
    assert failed.status == "failed"
    assert failed.error_message.startswith(
        "select_features: LogsInvalid: the logs have no column 'clicks' (outcome_column); they have: ad_size, "
    )
    assert entities.find(session, "drugs_com").active_run_id == active


def test_a_gap_without_a_policy_fails_and_one_with_a_policy_is_in_the_report(run_all, request_run, session, store):
    policies = {"macro_formats": ["xandr"], "macro_gap_policies": {"xandr": "fail"}}
    with pytest.raises(MacroGap, match="format 'xandr' has no macro for"):
        in_process.run(request_run(dag_run_id="manual__1", overrides=policies | {"anchor_features": ["carrier"]}))

    policies["macro_gap_policies"] = {"xandr": "skip_format"}
    skipped = run_all(request_run(dag_run_id="manual__2", overrides=policies | {"anchor_features": ["carrier"]}))
    key = {o.output_type: o.s3_key for o in runs.outputs(session, skipped)}["ad_macros"]
    xandr = json.loads(store.read(key))["formats"]["xandr"]

    assert runs.ad_macros(session, skipped) == []
    assert (xandr["combo"], xandr["coverage"]["carrier"]) == (None, "gap")


def test_the_manifest_lists_what_was_read_and_written(ran, session, store):
    (opt_run_id,) = ran({})
    rows = {o.output_type: o for o in runs.outputs(session, opt_run_id)}
    manifest = json.loads(store.read(rows["manifest"].s3_key))

    assert (manifest["triggered_by"], manifest["active_run_id"]) == ("manual:tester", None)
    assert len(manifest["inputs"]) == len(NIGHTS)
    assert set(manifest["outputs"]) == {
        "segments",
        "joint_segments",
        "features",
        "ad_macros",
        "report",
        "report_page",
        "capsule",
    }
    for name, listed in manifest["outputs"].items():
        assert listed["sha256"] == rows[name].sha256 == hashlib.sha256(store.read(listed["s3_key"])).hexdigest()


def test_active_json_says_what_the_catalog_says(ran, session, store):
    (opt_run_id,) = ran({})
    folder = entities.find(session, "drugs_com").s3_base_path.removeprefix("s3://rtb/")
    copy = json.loads(store.read(f"{folder}/active.json"))

    assert copy["run_id"] == opt_run_id
    assert {name: o["sha256"] for name, o in copy["outputs"].items()} == {
        o.output_type: o.sha256 for o in runs.outputs(session, opt_run_id)
    }


def test_the_planted_signal_is_found_and_noise_is_not(add_entity, request_run, session, store, base_path):
    """Adspace, device and size carry signal in the seeded world; the carrier and the user id carry none."""
    logs_path = f"{base_path}/busy/date={{date}}/"
    write_logs(store, logs_path, NIGHTS, BUSY_WORLD)
    add_entity("busy", logs_path=logs_path, denied_features="")

    decided = in_process.run(request_run("busy"))

    chosen = [feature.feature_name for feature in runs.features(session, decided.opt_run_id)]
    keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
    reasons = {r["name"]: r["reason"] for r in json.loads(store.read(keys["features"]))["rejected"]}
    table = pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()
    assert chosen[0] == "internal_adspace_id"
    assert {"device_type", "ad_size"} <= set(chosen)
    assert {"carrier", "user_id"}.isdisjoint(chosen)
    assert reasons["user_id"] == "near_unique"
    assert table[0]["is_default"]
    assert all(0.2 <= row["multiplier"] <= 15.0 for row in table)
    assert all(row["factor_low"] <= row["factor"] <= row["factor_high"] for row in table)


def test_an_interaction_gets_rows_with_the_exact_counts_of_its_cells(
    add_entity, request_run, session, store, base_path
):
    """Device and size interact and have no effect alone: mobile banners are good, and so are desktop skyscrapers."""
    rng = np.random.default_rng(11)
    logs_path = f"{base_path}/pairs/date={{date}}/"
    rows = 0
    for day in NIGHTS:
        device, size = rng.choice(["mobile", "desktop"], 20_000), rng.choice(["300x250", "160x600"], 20_000)
        good = (device == "mobile") == (size == "300x250")
        click = (rng.random(20_000) < np.where(good, 0.08, 0.02)).astype(int)
        rows += int(((device == "mobile") & (size == "300x250")).sum())
        body = io.BytesIO()
        pq.write_table(pa.table({"device": device, "size": size, "click": click}), body)
        folder = split_url(logs_path.replace("{date}", str(day)))[1]
        store.put_once(f"{folder}part-0.parquet", body.getvalue())
        store.put_once(f"{folder}_SUCCESS", b"\n")
    columns = {"value_column": "", "cost_column": "", "timestamp_column": "", "row_id_columns": ""}
    features = {"anchor_features": "device, size", "candidate_features": "device, size"}
    add_entity("pairs", logs_path=logs_path, **columns, **features)

    decided = in_process.run(request_run("pairs"))

    keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
    interactions = json.loads(store.read(keys["features"]))["interactions"]
    table = {row["segment"]: row for row in pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()}
    assert [interaction["features"] for interaction in interactions] == [["device", "size"]]
    assert decided.decision == "activated"
    cell = table["mobile|300x250"]
    assert (cell["rows"], cell["exposures"]) == (rows, rows)
    assert cell["factor"] == pytest.approx(1.6, rel=0.1)
    assert table["mobile|160x600"]["factor"] == pytest.approx(0.4, rel=0.1)


def test_logs_without_any_signal_give_a_default_only_table_that_is_held(add_entity, request_run, session, store):
    add_entity(candidate_features="carrier", anchor_features="")

    decided = in_process.run(request_run())

    keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
    table = pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()
    assert [row["is_default"] for row in table] == [True]
    assert table[0]["multiplier"] == pytest.approx(1.0)
    assert decided.decision == "held"
    assert decided.reasons[0] == "0 segments beside the default row, 1 are needed"
    assert runs.features(session, decided.opt_run_id) == []


def test_the_report_has_all_that_an_analyst_needs_and_compares_with_the_run_before(
    add_entity, request_run, session, store, base_path
):
    logs_path = f"{base_path}/busy/date={{date}}/"
    write_logs(store, logs_path, NIGHTS, BUSY_WORLD)
    add_entity("busy", logs_path=logs_path)
    first = in_process.run(request_run("busy", data_start="2026-03-06", data_end="2026-03-09"))
    second = in_process.run(request_run("busy", dag_run_id="manual__2"))
    keys = {o.output_type: o.s3_key for o in runs.outputs(session, second.opt_run_id)}
    report = json.loads(store.read(keys["report"]))

    assert report["verdict"] == {"decision": "activate", "reasons": ["all gates are passed"]}
    assert set(report["coverage"]["rows_by_day"]) == {str(day) for day in NIGHTS}
    assert all(kpi["previous"] is not None for kpi in report["kpis"] if kpi["name"] == "outcome rate")
    assert sum(feature["rows"] for feature in report["features"]) + 1 <= report["segments"]["total"]
    assert report["features"][-1]["cumulative_score"] > report["features"][0]["signal_score"] > 0
    assert {rejected["name"] for rejected in report["rejected"]} >= {"carrier", "user_id"}
    assert sum(part["exposure_share"] for part in report["segments"]["coverage"]) == pytest.approx(1)
    assert report["changes"]["against"] == session.get_one(Run, first.opt_run_id).run_code
    assert [policy["name"] for policy in report["replay"]["policies"]] == ["all ones", "active run", "this run"]
    assert [loss["keys"] for loss in report["joint"]["losses"]] == list(range(1, len(report["joint"]["losses"]) + 1))
    assert report["holdout"]["gain"] > 0
    assert {output["output_type"] for output in report["outputs"]} == {
        *("segments", "joint_segments", "features", "ad_macros"),
    }
    assert report["config"]["changed_from_active"] == []
    page = store.read(keys["report_page"]).decode()
    assert all(f'id="{part}"' in page for part in ("verdict", "features", "replay", "changes", "outputs"))


def test_no_row_moves_further_in_one_run_than_it_may(add_entity, request_run, session, store, base_path):
    logs_path = f"{base_path}/busy/date={{date}}/"
    write_logs(store, logs_path, NIGHTS, BUSY_WORLD)
    add_entity("busy", logs_path=logs_path)
    multipliers = []
    # One night of flat bids first; then a table of the logs, held; then the same, activated.
    for n, overrides in enumerate(({"multiplier_max": 1, "multiplier_min": 1}, {}, {"max_movement": 1000})):
        decided = in_process.run(request_run("busy", dag_run_id=f"manual__{n}", overrides=overrides))
        keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
        rows = pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()
        multipliers.append({row["segment"]: row["multiplier"] for row in rows if not row["is_default"]})
    flat, held, free = multipliers

    assert set(flat.values()) == {1.0}
    assert max(held.values()) == pytest.approx(1.25)
    assert min(held.values()) == pytest.approx(1 / 1.25)
    assert max(free.values()) > 1.5
    assert min(free.values()) < 0.6


def test_a_candidate_that_a_required_format_cannot_address_is_left_out_and_the_run_goes_on(
    add_entity, request_run, session, store
):
    add_entity()
    policies = {"macro_formats": ["xandr"], "macro_gap_policies": {"xandr": "fail"}}
    decided = in_process.run(request_run(overrides=policies))
    keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
    reasons = {r["name"]: r["reason"] for r in json.loads(store.read(keys["features"]))["rejected"]}

    assert reasons["carrier"] == reasons["browser"] == reasons["device_type"] == "no_macro"
    assert [row.macro_format for row in runs.ad_macros(session, decided.opt_run_id)] == ["xandr"]


def test_exports_are_published_recorded_and_in_the_report(run_all, request_run, session, store):
    opt_run_id = run_all(request_run(overrides={"exports": "plain"}))
    rows = {o.output_type: o for o in runs.outputs(session, opt_run_id)}
    manifest = json.loads(store.read(rows["manifest"].s3_key))["outputs"]
    report = json.loads(store.read(rows["report"].s3_key))
    table = json.loads(store.read(rows["export_plain_table_json"].s3_key))

    assert {"export_plain_table_csv", "export_plain_table_json"} <= set(rows) & set(manifest)
    assert rows["export_plain_table_json"].s3_key.endswith("/exports/plain/table.json")
    assert rows["export_plain_table_json"].row_count == len(table["rows"]) + 1 > 5
    assert table["run_code"] == session.get_one(Run, opt_run_id).run_code
    (export,) = report["exports"]
    assert (export["platform"], export["rows"], export["lost"]) == ("plain", len(table["rows"]), [])
    assert 0.9 < export["answered_share"] <= 1
    assert 0 <= export["mean_error"] <= export["largest_error"] < 15  # the largest multiplier
    assert "plain" in store.read(rows["report_page"].s3_key).decode()


def test_a_run_publishes_every_export_at_once(run_all, request_run, session, store):
    overrides = {"exports": ",".join(Platform), "export_base_cpm": "0.8", "export_beeswax_folder": BEESWAX_FOLDER}
    opt_run_id = run_all(request_run(overrides=overrides))
    rows = {o.output_type: o for o in runs.outputs(session, opt_run_id)}
    exports = json.loads(store.read(rows["report"].s3_key))["exports"]
    manifest = json.loads(store.read(rows["export_beeswax_manifest_json"].s3_key))
    run_code = session.get_one(Run, opt_run_id).run_code

    assert [export["platform"] for export in exports] == list(Platform)
    assert {file["output_type"] for export in exports for file in export["files"]} <= set(rows)
    assert manifest["model_predictions"] == [f"{BEESWAX_FOLDER}/{run_code}/predictions-001.csv"]
    assert b"leaf_name" in store.read(rows["export_bonsai_tree_txt"].s3_key)
    assert {row.s3_key.rsplit(".", 1)[1] for row in rows.values()} == set(MEDIA_TYPES), "each is served as what it is"


def test_an_export_whose_values_no_request_holds_holds_the_run_and_says_which(ran, session, store):
    """A browser is no country: its rows would be accepted, and never match."""
    fields = dict.fromkeys(("internal_adspace_id", "ad_size", "device_type"), "") | {"browser": "geo_country"}
    (opt_run_id,) = ran({"overrides": {"exports": "beeswax", "export_fields": json.dumps({"beeswax": fields})}})
    report = json.loads(store.read({o.output_type: o for o in runs.outputs(session, opt_run_id)}["report"].s3_key))
    decision = session.scalars(select(RunDecision)).one()
    warned = {warning["code"]: warning["message"] for warning in report["warnings"]}

    assert decision.decision == "held"
    assert decision.reasons[0].startswith(
        "the rows of the export beeswax answer 0.0% of the exposures, 10.0% are needed"
    )
    assert report["exports"][0]["answered_share"] == 0
    assert "are never those of geo_country, as 'safari_mobile'" in warned["export_values_outside"]
    assert "Beeswax has no shorter keys: the line item's default bid answers" in warned["export_values_outside"]


def test_an_export_that_is_not_what_was_written_stops_the_activation(add_entity, request_run, session, store):
    add_entity()
    opt_run_id = create_run(request_run(overrides={"exports": "plain"}))
    for step in STEPS[:-1]:
        step(opt_run_id)
    row = {o.output_type: o for o in runs.outputs(session, opt_run_id)}["export_plain_table_csv"]
    store.delete([row.s3_key])

    with pytest.raises(RunIncomplete, match="export_plain_table_csv is gone"):
        activate_run(opt_run_id)
