"""PostgreSQL rejects invalid rows and names the violated constraint."""

import os
import re

import psycopg
import pytest

from rtb_optimizer.store.schema import Base

# The optimizer and the version are the seed's. Entity 1 is alpha with runs 11 (active), 12 (running), 13 (failed)
# 14 (succeeded) and 15 (a what-if run that succeeded), its open challenger 1 with runs 16 (live) and 17 (running), and
# the challenger 2 that was dropped with run 18; entity 2 is beta with run 21 (succeeded). Run 12 has one row in each
# table of a run's results.
ROWS = """
INSERT INTO opt_entities (entity_id, opt_id, entity_code, entity_name, object_id, object_type, current_version_id,
                          s3_base_path)
VALUES (1, 1, 'alpha', 'Alpha', 1, 'ssp', 1, 's3://rtb/alpha'), (2, 1, 'beta', 'Beta', 2, 'ssp', 1, 's3://rtb/beta');
INSERT INTO opt_runs (run_id, entity_id, version_id, run_code, status, triggered_by, data_start, data_end,
                      config_snapshot, airflow_dag_id, airflow_run_id, finished_at)
VALUES (11, 1, 1, 'alpha-11', 'succeeded', 'schedule', '2026-03-01', '2026-03-02', '{}', 'dag', 'r11', now()),
       (12, 1, 1, 'alpha-12', 'running', 'schedule', '2026-03-02', '2026-03-03', '{}', 'dag', 'r12', NULL),
       (13, 1, 1, 'alpha-13', 'failed', 'schedule', '2026-03-03', '2026-03-04', '{}', 'dag', 'r13', now()),
       (14, 1, 1, 'alpha-14', 'succeeded', 'schedule', '2026-03-04', '2026-03-05', '{}', 'dag', 'r14', now()),
       (21, 2, 1, 'beta-21', 'succeeded', 'schedule', '2026-03-01', '2026-03-02', '{}', 'dag', 'r21', now());
INSERT INTO opt_runs (run_id, entity_id, version_id, run_code, status, is_sandbox, triggered_by, data_start, data_end,
                      config_snapshot, airflow_dag_id, airflow_run_id, finished_at)
VALUES (15, 1, 1, 'alpha-15', 'succeeded', true, 'manual:ana', '2026-03-04', '2026-03-05', '{}', 'dag', 'r15', now());
UPDATE opt_entities SET active_run_id = 11 WHERE entity_id = 1;
INSERT INTO opt_challengers (challenger_id, entity_id, share, overrides, created_by, ended_by, ended_at, result)
VALUES (1, 1, 0.1, '{"max_features": "4"}', 'ana', NULL, NULL, NULL),
       (2, 1, 0.1, '{"max_features": "5"}', 'ana', 'ana', now(), 'dropped');
INSERT INTO opt_runs (run_id, entity_id, version_id, run_code, status, challenger_id, is_challenger, triggered_by,
                      data_start, data_end, config_snapshot, airflow_dag_id, airflow_run_id, finished_at)
VALUES (16, 1, 1, 'alpha-16', 'succeeded', 1, true, 'schedule', '2026-03-04', '2026-03-05', '{}', 'dag', 'r14', now()),
       (17, 1, 1, 'alpha-17', 'running', 1, true, 'schedule', '2026-03-05', '2026-03-06', '{}', 'dag', 'r17', NULL),
       (18, 1, 1, 'alpha-18', 'succeeded', 2, true, 'schedule', '2026-03-05', '2026-03-06', '{}', 'dag', 'r18', now());
UPDATE opt_challengers SET run_id = 16 WHERE challenger_id = 1;
INSERT INTO opt_entity_configs (id, entity_id, config_key, config_value, updated_by)
VALUES (1, 1, 'max_features', '4', 'tester');
INSERT INTO opt_run_features (id, run_id, feature_name, feature_order, is_anchor, signal_score)
VALUES (1, 12, 'device', 1, false, 0.1);
INSERT INTO opt_run_outputs (id, run_id, output_type, s3_bucket, s3_key, row_count, byte_size, sha256)
VALUES (1, 12, 'segments', 'rtb', 'k', 1, 1, repeat('a', 64));
INSERT INTO opt_run_feature_macros (id, run_id, macro_combo, macro_format) VALUES (1, 12, '[ADX_DEVICE]', 'adx');
INSERT INTO opt_run_decisions (id, entity_id, decision_number, run_id, decision, decided_by, reasons)
VALUES (1, 1, 1, 14, 'held', 'schedule', '[]');
INSERT INTO opt_entity_config_changes (id, entity_id, config_key, new_value, changed_by)
VALUES (1, 1, 'max_features', '4', 'tester');
INSERT INTO opt_run_alerts (id, run_id, kind, what, reason, fix) VALUES (1, 13, 'failed', 'w', 'r', 'f');
"""

RUN = """
INSERT INTO opt_runs (entity_id, version_id, run_code, triggered_by, data_start, data_end, config_snapshot,
                      airflow_dag_id, airflow_run_id)
VALUES ({entity}, {version}, '{code}', 'schedule', '2026-03-01', '{end}', '{{}}', 'dag', '{dag_run}')
"""
ENTITY = """
INSERT INTO opt_entities (opt_id, entity_code, entity_name, object_id, object_type, current_version_id, s3_base_path)
VALUES ({opt}, '{code}', 'Gamma', 3, 'ssp', {version}, '{path}')
"""
OUTPUT = """
INSERT INTO opt_run_outputs (run_id, output_type, s3_bucket, s3_key, row_count, byte_size, sha256)
VALUES ({run}, '{kind}', 'rtb', 'k', {rows}, {size}, {sha})
"""
FEATURE = """
INSERT INTO opt_run_features (run_id, feature_name, feature_order, is_anchor, signal_score)
VALUES ({run}, '{name}', {order}, false, 0.1)
"""
CONFIG_CHANGE = """
INSERT INTO opt_entity_config_changes (id, entity_id, config_key, new_value, changed_by)
VALUES ({id}, {entity}, 'max_features', '5', 'tester')
"""
ALERT = "INSERT INTO opt_run_alerts (id, run_id, kind, what, reason, fix) VALUES ({id}, {run}, '{kind}', 'w', 'r', 'f')"
DECISION = """
INSERT INTO opt_run_decisions (entity_id, decision_number, run_id, decision, from_run_id, decided_by, reasons)
VALUES ({entity}, {number}, {run}, '{decision}', {before}, 'tester', '[]')
"""
OUTCOME = """
INSERT INTO opt_run_outcomes (entity_id, run_id, log_day, arm, rows, exposures, outcomes, value, cost, predicted,
    predicted_error, buckets, measured_by)
VALUES ({entity}, {run}, '2026-03-01', '{arm}', {rows}, 9, 1, 0, 1, 1, 0, '{{}}', {by});
"""
CHALLENGER = """
INSERT INTO opt_challengers (entity_id, share, overrides, created_by, ended_by, ended_at, result)
VALUES ({entity}, {share}, '{overrides}', 'ana', {by}, {at}, {result});
"""
CONFIG_KEY = """
INSERT INTO opt_version_configs (version_id, config_key, config_section, display_name, data_type, min_value, max_value)
VALUES ({version}, '{key}', 'Logs', 'Key', '{kind}', {low}, {high})
"""
MACRO = """
INSERT INTO opt_feature_macros (opt_id, feature_name, macro_template, macro_format)
VALUES ({opt}, '{name}', '[ADX_X]', 'adx')
"""
VERSION = "INSERT INTO opt_versions (opt_id, version_code, version_name) VALUES ({opt}, '{code}', 'Next')"
OVERRIDE = """
INSERT INTO opt_entity_configs (entity_id, config_key, config_value, updated_by)
VALUES ({entity}, '{key}', '4', 'tester')
"""
DELIVERY = """
INSERT INTO opt_deliveries (entity_id, decision_number, run_id, export, destination, connection, status, tries, files,
                            byte_size, problem, tried_at, delivered_at)
VALUES ({entity}, {number}, {run}, '{export}', 's3://b/f', 'rtb_delivery_b', '{status}', 1, 1, 1, 'p', now(), NULL);
"""
COMBO = "INSERT INTO opt_run_feature_macros (run_id, macro_combo, macro_format) VALUES ({run}, 'x', '{format}')"


def run(entity=1, version=1, code="new", end="2026-03-02", dag_run="new"):
    return RUN.format(entity=entity, version=version, code=code, end=end, dag_run=dag_run)


def entity(opt=1, code="gamma", version=1, path="s3://rtb/gamma"):
    return ENTITY.format(opt=opt, code=code, version=version, path=path)


def output(run=12, kind="report", rows=1, size=1, sha="repeat('a', 64)"):
    return OUTPUT.format(run=run, kind=kind, rows=rows, size=size, sha=sha)


def feature(run=12, name="browser", order=2):
    return FEATURE.format(run=run, name=name, order=order)


def decision(entity=1, number=2, run=11, decision="activated", before="NULL"):
    return DECISION.format(entity=entity, number=number, run=run, decision=decision, before=before)


def outcome(entity=1, run=12, arm="treated", rows=5, by=12):
    return OUTCOME.format(entity=entity, run=run, arm=arm, rows=rows, by=by)


def delivery(entity=1, number=1, run=14, export="plain", status="failed"):
    return DELIVERY.format(entity=entity, number=number, run=run, export=export, status=status)


def challenger(entity=2, share=0.1, overrides='{"a": "b"}', by="NULL", at="NULL", result="NULL"):
    return CHALLENGER.format(entity=entity, share=share, overrides=overrides, by=by, at=at, result=result)


def config_key(version=1, key="new_key", kind="integer", low=1, high=2):
    return CONFIG_KEY.format(version=version, key=key, kind=kind, low=low, high=high)


def without(table, constraint):
    """Drop a constraint that would be violated before the one under test."""
    return f"ALTER TABLE {table} DROP CONSTRAINT {constraint} CASCADE;"


PRIMARY_KEYS = {
    "opt_master": "INSERT INTO opt_master (opt_id, opt_code, opt_name) VALUES (1, 'new', 'New')",
    "opt_versions": "INSERT INTO opt_versions (version_id, opt_id, version_code, version_name) VALUES (1, 1, 'v', '')",
    "opt_version_configs": "UPDATE opt_version_configs SET config_id = 1 WHERE config_key = 'schedule'",
    "opt_feature_macros": "UPDATE opt_feature_macros SET id = 1 WHERE id = 2",
    "opt_entities": "UPDATE opt_entities SET entity_id = 1 WHERE entity_id = 2",
    "opt_entity_configs": "INSERT INTO opt_entity_configs VALUES (1, 1, 'max_segments', '4', 'tester')",
    "opt_entity_config_changes": CONFIG_CHANGE.format(id=1, entity=1),
    "opt_run_alerts": ALERT.format(id=1, run=14, kind="held"),
    "opt_runs": "UPDATE opt_runs SET run_id = 12 WHERE run_id = 13",
    "opt_run_outcomes": outcome() + outcome(arm="control") + "UPDATE opt_run_outcomes SET id = 7;",
    "opt_deliveries": delivery() + delivery(export="bonsai") + "UPDATE opt_deliveries SET id = 7;",
    "opt_run_features": "INSERT INTO opt_run_features VALUES (1, 12, 'browser', 2, false, 0.1)",
    "opt_run_outputs": "INSERT INTO opt_run_outputs VALUES (1, 12, 'report', 'rtb', 'k', 1, 1, repeat('a', 64))",
    "opt_run_feature_macros": "INSERT INTO opt_run_feature_macros VALUES (1, 12, 'x', 'openrtb')",
    "opt_challengers": "UPDATE opt_challengers SET challenger_id = 1 WHERE challenger_id = 2",
    "opt_run_decisions": "INSERT INTO opt_run_decisions VALUES (1, 1, 2, 11, 'held', NULL, 'tester', '[]')",
}
NO_RUN_KEY = without("opt_runs", "pk_opt_runs")

REFUSED = [
    *[(f"pk_{table}", statement) for table, statement in PRIMARY_KEYS.items()],
    # Closed sets.
    ("ck_opt_master_status", "UPDATE opt_master SET status = 'draft'"),
    ("ck_opt_versions_status", "UPDATE opt_versions SET status = 'paused'"),
    ("ck_opt_entities_status", "UPDATE opt_entities SET status = 'deleted' WHERE entity_id = 1"),
    ("ck_opt_runs_status", "UPDATE opt_runs SET status = 'skipped' WHERE run_id = 13"),
    ("ck_opt_run_decisions_decision", decision(decision="ignored")),
    ("ck_opt_run_alerts_kind", ALERT.format(id=9, run=14, kind="drifted")),
    ("ck_opt_version_configs_data_type", config_key(kind="date")),
    # Values.
    ("ck_opt_version_configs_range", config_key(low=3, high=2)),
    ("ck_opt_entities_entity_code", entity(code="Drugs.com")),
    ("ck_opt_entities_entity_code", entity(code="")),
    ("ck_opt_entities_entity_code", entity(code="_a")),
    ("ck_opt_entities_entity_code", entity(code="a" * 64)),
    ("ck_opt_entities_s3_base_path", entity(path="/var/rtb")),
    ("ck_opt_entities_s3_base_path", entity(path="s3://rtb/a b")),
    ("ck_opt_entities_s3_base_path", entity(path="s3://rtb/a/../b")),
    *(
        ("ck_opt_entities_s3_base_path", entity(path=path))
        for path in ("s3://rtb/gamma/", "s3://rtb//gamma", "S3://rtb/gamma", "s3://rtb/./gamma", "s3://rtb/.")
    ),
    # One below the other, or the same: alpha has s3://rtb/alpha.
    *(
        ("ex_opt_entities_s3_base_path", entity(path=path))
        for path in ("s3://rtb/alpha", "s3://rtb/alpha/b", "s3://rtb/alpha/runs/b", "s3://rtb")
    ),
    (
        "ex_opt_entities_s3_base_path",
        "UPDATE opt_entities SET status = 'retired' WHERE entity_id = 1;" + entity(path="s3://rtb/alpha"),
    ),
    ("ex_opt_entities_s3_base_path", "UPDATE opt_entities SET s3_base_path = 's3://rtb/alpha/b' WHERE entity_id = 2"),
    ("ck_opt_runs_window", run(end="2026-03-01")),
    ("ck_opt_runs_window", run(end="2026-02-28")),
    ("ck_opt_runs_finished_at", "UPDATE opt_runs SET finished_at = now() WHERE run_id = 12"),
    ("ck_opt_runs_finished_at", "UPDATE opt_runs SET status = 'failed' WHERE run_id = 12"),
    ("ck_opt_runs_total_segments", "UPDATE opt_runs SET total_segments = -1 WHERE run_id = 14"),
    ("ck_opt_run_features_feature_order", feature(order=0)),
    ("ck_opt_run_outputs_row_count", output(rows=-1)),
    ("ck_opt_run_outputs_byte_size", output(size=0)),
    ("ck_opt_run_outputs_sha256", output(sha="repeat('A', 64)")),
    ("ck_opt_run_outputs_sha256", output(sha="repeat('a', 63)")),
    # One of each.
    ("uq_opt_master_opt_code", "INSERT INTO opt_master (opt_code, opt_name) VALUES ('rtb_optimizer', 'Again')"),
    ("uq_opt_versions_opt_id_version_code", VERSION.format(opt=1, code="v3")),
    ("uq_opt_version_configs_version_id_config_key", config_key(key="schedule")),
    ("uq_opt_entities_opt_id_entity_code", entity(code="alpha")),
    ("uq_opt_entity_configs_entity_id_config_key", OVERRIDE.format(entity=1, key="max_features")),
    ("uq_opt_runs_run_code", run(code="alpha-12")),
    ("uq_opt_run_features_run_id_feature_order", feature(order=1)),
    ("uq_opt_run_alerts_run_id_kind", ALERT.format(id=9, run=13, kind="failed")),
    ("uq_opt_run_features_run_id_feature_name", feature(name="device")),
    ("uq_opt_run_outputs_run_id_output_type", output(kind="segments")),
    ("uq_opt_run_feature_macros_run_id_macro_format", COMBO.format(run=12, format="adx")),
    ("uq_opt_feature_macros_opt_id_feature_name_macro_format", MACRO.format(opt=1, name="internal_adspace_id")),
    ("uq_opt_run_decisions_entity_id_decision_number", decision(number=1)),
    # What other tables refer to by more than the primary key: the key itself would refuse first.
    (
        "uq_opt_versions_opt_id_version_id",
        without("opt_versions", "pk_opt_versions")
        + "INSERT INTO opt_versions (version_id, opt_id, version_code, version_name) VALUES (1, 1, 'v9', 'x')",
    ),
    ("uq_opt_runs_entity_id_run_id", NO_RUN_KEY + "UPDATE opt_runs SET run_id = 12 WHERE run_id = 13"),
    (
        "uq_opt_runs_entity_id_run_id_status_is_sandbox_is_challenger",
        NO_RUN_KEY
        + without("opt_runs", "uq_opt_runs_entity_id_run_id")
        + "UPDATE opt_runs SET run_id = 14 WHERE run_id = 11",
    ),
    (
        "uq_opt_runs_entity_id_challenger_id_run_id_status",
        NO_RUN_KEY
        + without("opt_runs", "uq_opt_runs_entity_id_run_id")
        + without("opt_runs", "uq_opt_runs_entity_id_run_id_status_is_sandbox_is_challenger")
        + "UPDATE opt_runs SET run_id = 16, challenger_id = 1 WHERE run_id = 18",
    ),
    (
        "uq_opt_challengers_entity_id_challenger_id",
        without("opt_challengers", "pk_opt_challengers")
        + "UPDATE opt_challengers SET challenger_id = 1 WHERE challenger_id = 2",
    ),
    ("ck_opt_challengers_result", challenger(by="'a'", at="now()", result="'lost'")),
    ("ck_opt_challengers_share", challenger(share=0)),
    ("ck_opt_challengers_share", challenger(share=1)),
    ("ck_opt_challengers_overrides", challenger(overrides="{}")),
    ("ck_opt_challengers_overrides", challenger(overrides="[1]")),
    ("ck_opt_challengers_ended_at", challenger(result="'dropped'")),
    ("ck_opt_challengers_ended_by", challenger(at="now()", result="'dropped'")),
    ("ck_opt_runs_is_challenger", "UPDATE opt_runs SET is_challenger = true WHERE run_id = 14"),
    ("ck_opt_runs_is_challenger", "UPDATE opt_runs SET is_sandbox = true WHERE run_id = 17"),
    ("fk_opt_challengers_entity_id", challenger(entity=99)),
    ("fk_opt_challengers_run", "UPDATE opt_challengers SET run_id = 99 WHERE challenger_id = 1"),
    ("fk_opt_runs_entity_id_challenger_id", "UPDATE opt_runs SET challenger_id = 99 WHERE run_id = 17"),
    # Of what exists.
    ("fk_opt_versions_opt_id", VERSION.format(opt=99, code="v9")),
    ("fk_opt_version_configs_version_id", config_key(version=99)),
    ("fk_opt_feature_macros_opt_id", MACRO.format(opt=99, name="x")),
    ("fk_opt_entities_current_version", entity(version=99)),
    ("fk_opt_entities_opt_id", without("opt_entities", "fk_opt_entities_current_version") + entity(opt=99)),
    ("fk_opt_entity_configs_entity_id", OVERRIDE.format(entity=99, key="max_features")),
    ("fk_opt_entity_config_changes_entity_id", CONFIG_CHANGE.format(id=9, entity=99)),
    ("fk_opt_runs_entity_id", run(entity=99)),
    ("fk_opt_runs_version_id", run(version=99)),
    ("fk_opt_run_features_run_id", feature(run=99)),
    ("fk_opt_run_outputs_run_id", output(run=99)),
    ("fk_opt_run_feature_macros_run_id", COMBO.format(run=99, format="adx")),
    ("fk_opt_run_alerts_run_id", ALERT.format(id=9, run=99, kind="failed")),
    ("fk_opt_run_decisions_entity_id_run_id", decision(run=99)),
    ("fk_opt_run_decisions_entity_id_from_run_id", decision(before=99)),
    ("fk_opt_run_decisions_entity_id_to_run_id", "UPDATE opt_run_decisions SET to_run_id = 99"),
    ("ck_opt_run_outcomes_arm", outcome(arm="half")),
    ("ck_opt_deliveries_status", delivery(status="lost")),
    ("ck_opt_deliveries_delivered_at", delivery(status="delivered")),
    ("uq_opt_deliveries_entity_id_decision_number_export_destination", delivery() + delivery()),
    ("fk_opt_deliveries_entity_id_decision_number", delivery(number=99)),
    ("fk_opt_deliveries_entity_id_run_id", delivery(run=21)),
    ("ck_opt_run_outcomes_rows", outcome(rows=0)),
    ("uq_opt_run_outcomes_entity_id_log_day_run_id_arm", outcome() + outcome()),
    ("fk_opt_run_outcomes_entity_id_run_id", outcome(run=99)),
    ("fk_opt_run_outcomes_entity_id_measured_by", outcome(by=99)),
    (
        "fk_opt_run_decisions_entity_id",
        without("opt_run_decisions", "fk_opt_run_decisions_entity_id_run_id") + decision(entity=99),
    ),
    ("fk_opt_entities_active_run", "UPDATE opt_entities SET active_run_id = 99 WHERE entity_id = 1"),
]

FOREIGN_VERSION = """
INSERT INTO opt_master (opt_id, opt_code, opt_name) VALUES (77, 'other', 'Other');
INSERT INTO opt_versions (version_id, opt_id, version_code, version_name) VALUES (77, 77, 'v1', 'x');
UPDATE opt_entities SET current_version_id = 77 WHERE entity_id = 1;
"""
POINTER, LIVE = "fk_opt_entities_active_run", "fk_opt_challengers_run"
POINT_AT = "UPDATE opt_challengers SET run_id = {} WHERE challenger_id = 1"
PROMISES = {
    "an entity points at the run of another": (
        POINTER,
        "UPDATE opt_entities SET active_run_id = 21 WHERE entity_id = 1",
    ),
    "an entity points at a running run": (POINTER, "UPDATE opt_entities SET active_run_id = 12 WHERE entity_id = 1"),
    "an entity points at a failed run": (POINTER, "UPDATE opt_entities SET active_run_id = 13 WHERE entity_id = 1"),
    "an entity points at a what-if run": (POINTER, "UPDATE opt_entities SET active_run_id = 15 WHERE entity_id = 1"),
    "an entity points at the run of a challenger": (
        POINTER,
        "UPDATE opt_entities SET active_run_id = 16 WHERE entity_id = 1",
    ),
    "an active run becomes that of a challenger": (
        POINTER,
        "UPDATE opt_runs SET challenger_id = 2, is_challenger = true WHERE run_id = 11",
    ),
    "a challenger points at the run of another entity": (LIVE, POINT_AT.format(21)),
    "a challenger points at a run of its entity that is not its own": (LIVE, POINT_AT.format(14)),
    "a challenger points at a what-if run": (LIVE, POINT_AT.format(15)),
    "a challenger points at the run of another challenger": (LIVE, POINT_AT.format(18)),
    "a challenger points at a running run": (LIVE, POINT_AT.format(17)),
    "the live run of a challenger fails": (LIVE, "UPDATE opt_runs SET status = 'failed' WHERE run_id = 16"),
    "the live run of a challenger is deleted": (LIVE, "DELETE FROM opt_runs WHERE run_id = 16"),
    "an entity has two open challengers": ("ix_opt_challengers_open", challenger(entity=1)),
    "an attempt has two runs": ("ix_opt_runs_attempt", run(dag_run="r12")),
    "an attempt has two runs of one challenger": (
        "ix_opt_runs_attempt",
        "UPDATE opt_runs SET airflow_run_id = 'r14' WHERE run_id = 17",
    ),
    "a run is made for the challenger of another entity": (
        "fk_opt_runs_entity_id_challenger_id",
        "UPDATE opt_runs SET challenger_id = 1 WHERE run_id = 21",
    ),
    "an active run becomes a what-if run": (POINTER, "UPDATE opt_runs SET is_sandbox = true WHERE run_id = 11"),
    "an active run becomes failed": (POINTER, "UPDATE opt_runs SET status = 'failed' WHERE run_id = 11"),
    "an active run becomes running again": (
        POINTER,
        "UPDATE opt_runs SET status = 'running', finished_at = NULL WHERE run_id = 11",
    ),
    "an active run is deleted": (POINTER, "DELETE FROM opt_runs WHERE run_id = 11"),
    "an active run moves to another entity": (POINTER, "UPDATE opt_runs SET entity_id = 2 WHERE run_id = 11"),
    "a decision refers to the run of another entity": ("fk_opt_run_decisions_entity_id_run_id", decision(run=21)),
    "a decision comes from the run of another entity": (
        "fk_opt_run_decisions_entity_id_from_run_id",
        decision(before=21),
    ),
    "a policy stands down to the run of another entity": (
        "fk_opt_run_decisions_entity_id_to_run_id",
        "UPDATE opt_run_decisions SET to_run_id = 21 WHERE entity_id = 1",
    ),
    "the outcomes of another entity's run are recorded": ("fk_opt_run_outcomes_entity_id_run_id", outcome(run=21)),
    "the run of another entity counts outcomes": ("fk_opt_run_outcomes_entity_id_measured_by", outcome(by=21)),
    "a run with a decision is deleted": (
        "fk_opt_run_decisions_entity_id_run_id",
        "DELETE FROM opt_runs WHERE run_id = 14",
    ),
    "an entity takes a version of another optimizer": ("fk_opt_entities_current_version", FOREIGN_VERSION),
}


@pytest.fixture(scope="module")
def crowded(stack, template_database):
    """A connection to a seeded catalog with the rows above."""
    name = f"crowded_{os.urandom(6).hex()}"
    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY file_copy")
        with psycopg.connect(stack.database_url(name), autocommit=True) as connection:
            connection.execute(ROWS)
            for table in Base.metadata.tables.values():  # the ids above were set by hand
                key = next(iter(table.primary_key)).name
                connection.execute(f"ALTER TABLE {table.name} ALTER COLUMN {key} RESTART WITH 1000")
            yield connection
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def refused_by(connection, statement):
    with pytest.raises(psycopg.IntegrityError) as caught, connection.transaction(force_rollback=True):
        connection.execute(statement)
    return caught.value.diag.constraint_name


def test_every_constraint_has_a_name_and_a_case_that_it_refuses():
    named = {str(constraint.name) for table in Base.metadata.tables.values() for constraint in table.constraints}
    assert named == {constraint for constraint, _ in REFUSED}


@pytest.mark.parametrize(
    ("constraint", "statement"), REFUSED, ids=[f"{n}_{name}" for n, (name, _) in enumerate(REFUSED)]
)
def test_postgresql_refuses_by_the_name_of_the_rule(crowded, constraint, statement):
    assert refused_by(crowded, statement) == constraint


@pytest.mark.parametrize(("constraint", "statement"), PROMISES.values(), ids=PROMISES)
def test_the_database_never_lets_it_happen_that(crowded, constraint, statement):
    assert refused_by(crowded, statement) == constraint


@pytest.mark.parametrize(
    "statement",
    [
        run(),
        entity(),
        entity(code="0" * 63, path="s3://a-bucket.eu"),
        entity(path="s3://rtb/alpha0"),
        entity(path="s3://rtb/alpha.b"),
        entity(path="s3://rtb/alph"),
        entity(path="s3://rtb/gamma/.hidden"),
        entity(path="s3://rtb-2/alpha"),
        output(rows=0),
        feature(),
        decision(before=14),
        config_key(low=2, high=2),
        config_key(low="NULL", high=2),
        COMBO.format(run=12, format="openrtb"),
        "UPDATE opt_entities SET active_run_id = 14 WHERE entity_id = 1",
        challenger(),
        challenger(entity=1, by="'ana'", at="now()", result="'promoted'"),
        "UPDATE opt_runs SET is_challenger = false WHERE run_id = 16",
        "UPDATE opt_entities SET active_run_id = NULL WHERE entity_id = 1",
        "UPDATE opt_runs SET status = 'failed', finished_at = now() WHERE run_id = 12",
    ],
)
def test_what_is_lawful_is_accepted(crowded, statement):
    with crowded.transaction(force_rollback=True):
        assert crowded.execute(statement).rowcount == 1


def test_every_name_says_its_kind_and_its_table(crowded):
    names = crowded.execute(
        "SELECT conname, conrelid::regclass::text FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x') "
        "AND conrelid <> 'alembic_version'::regclass"
    ).fetchall()
    assert names
    assert [name for name, table in names if not re.match(rf"(ck|fk|pk|uq|ex)_{table}(_|$)", name)] == []
