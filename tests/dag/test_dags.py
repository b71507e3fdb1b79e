"""Parsing by Airflow: the DAGs, the cost, and the isolation of an invalid entity."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest

from checkout import CHECKOUT
from rtb_optimizer.dag import callbacks
from rtb_optimizer.dag.notifier import AlertNotifier
from rtb_optimizer.store import dag_list

DAGS = CHECKOUT / "dags"
ENTITIES = "rtb_optimizer_entities.py"
FIELDS = [
    {"key": "max_features", "type": "integer", "minimum": 1.0, "maximum": 20.0, "choices": [], "default": "8"},
    {"key": "min_signal_score", "type": "float", "minimum": 0.0, "maximum": 1.0, "choices": [], "default": "0.0005"},
    {"key": "link", "type": "enum", "minimum": None, "maximum": None, "choices": ["log", "odds"], "default": "log"},
    {
        "key": "allow_older_window",
        "type": "boolean",
        "minimum": None,
        "maximum": None,
        "choices": [],
        "default": "false",
    },
]
TASKS = ["create_run", "wait_for_logs", "select_features", "build_segments", "map_ad_macros", "write_outputs"]
BESIDE = ("measure_live", "run_challenger")


def entry(code, **changed):
    return {
        "opt_code": "rtb_optimizer",
        "entity_code": code,
        "entity_name": code.title(),
        "object_type": "ssp",
        "version_code": "v3",
        "form": "1",
        "schedule": manifest_schedule(code),
        "timezone": "UTC",
    } | changed


def manifest_schedule(code):
    return f"{len(code)} 3 * * *"


def document(*entries):
    form = [field | {"title": field["key"], "section": "Selection", "description": "..."} for field in FIELDS]
    return {"format": dag_list.FORMAT, "forms": {"1": form}, "entities": list(entries)}


@pytest.fixture
def entities(tmp_path, monkeypatch):
    """Write the manifest that the next parse reads."""
    target = tmp_path / "entities.json"
    monkeypatch.setenv("RTB_MANIFEST", str(target))

    def write(*entries):
        target.write_text(json.dumps(document(*entries)))
        return target

    return write


def parse(folder=DAGS):
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(folder))
    assert bag.import_errors == {}
    return bag.dags


def serialized(dag):
    from airflow.serialization.serialized_objects import DagSerialization

    return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)


UPKEEP = {"rtb_optimizer_maintenance", "rtb_optimizer_audit"}


def test_there_is_one_dag_per_entity_and_those_of_maintenance(entities):
    entities(entry("drugs_com"), entry("healthline"))

    assert set(parse()) == {"rtb_optimizer__drugs_com", "rtb_optimizer__healthline", *UPKEEP}


def test_the_graph_is_the_one_of_the_design(entities):
    entities(entry("drugs_com"))
    dag = parse()["rtb_optimizer__drugs_com"]

    assert sorted(dag.task_ids) == sorted([*TASKS, *BESIDE, "activate_run"])
    downstream = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
    assert downstream["select_features"] == ["build_segments", "map_ad_macros", "measure_live"]
    assert downstream["measure_live"] == downstream["activate_run"] == ["run_challenger"]
    assert downstream["run_challenger"] == []
    assert downstream["build_segments"] == downstream["map_ad_macros"] == ["write_outputs"]
    assert downstream["write_outputs"] == ["activate_run"]
    assert all("wait_for_logs" in dag.get_task(t).get_flat_relative_ids(upstream=True) for t in TASKS[2:])


def test_no_task_runs_after_a_failure_which_would_turn_a_failed_run_into_a_success(entities):
    entities(entry("drugs_com"))

    for task in parse()["rtb_optimizer__drugs_com"].tasks:
        assert (task.trigger_rule, task.is_teardown) == ("all_success", False), task.task_id


def test_the_form_comes_from_the_dag_list_and_is_empty_so_that_the_entity_s_own_values_hold(entities):
    entities(entry("drugs_com"))
    params = parse()["rtb_optimizer__drugs_com"].params

    assert set(params) == {"data_start", "data_end", *(field["key"] for field in FIELDS)}
    assert all(params[name] is None for name in params)
    schema = params.get_param("max_features").schema
    assert (schema["type"], schema["minimum"], schema["maximum"]) == (["null", "integer"], 1.0, 20.0)
    assert params.get_param("max_features").description == (
        "... At least 1, at most 20. Empty: the entity's own setting (default 8)."
    )
    assert params.get_param("link").schema["enum"] == [None, "log", "odds"]


@pytest.mark.parametrize("value", [0, 21, "many", 1.5])
def test_the_form_refuses_what_the_declaration_refuses(entities, value):
    from airflow.sdk.exceptions import ParamValidationError

    entities(entry("drugs_com"))

    with pytest.raises(ParamValidationError):
        parse()["rtb_optimizer__drugs_com"].params.get_param("max_features").resolve(value)


def test_schedule_documentation_and_failure_callback_are_set(entities):
    entities(entry("drugs_com", schedule="5 1 * * *", timezone="Europe/Berlin"))
    dag = parse()["rtb_optimizer__drugs_com"]

    assert (dag.catchup, dag.timetable.expression, str(dag.timetable.timezone)) == (False, "5 1 * * *", "Europe/Berlin")
    assert dag.doc_md == ast.get_docstring(ast.parse((DAGS / ENTITIES).read_text()), clean=False)
    assert dag.on_failure_callback == callbacks.dag_failed
    for task_id in BESIDE:
        assert not dag.get_task(task_id).on_failure_callback, "what fails beside a run does not fail it"
    for task in (task for task in dag.tasks if task.task_id not in BESIDE):
        recorder, alerts = task.on_failure_callback
        assert recorder == callbacks.task_failed
        assert isinstance(alerts, AlertNotifier), "after it: what the alert reports is in the catalog by then"


def test_a_decided_run_is_measured_and_its_alerts_are_sent_after_its_task_has_succeeded(entities):
    entities(entry("drugs_com"))
    measures, alerts = parse()["rtb_optimizer__drugs_com"].get_task("activate_run").on_success_callback

    assert measures == callbacks.run_decided
    assert isinstance(alerts, AlertNotifier)


def test_each_thing_that_maintenance_looks_after_waits_for_no_other(entities):
    entities()
    dag = parse()["rtb_optimizer_maintenance"]

    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "sweep_runs": set(),
        "export_manifest": set(),
        "reconcile_active_copies": set(),
        "deliver_exports": set(),
        "send_alerts": set(),
        "measure_active_runs": set(),
    }


def test_every_task_of_maintenance_survives_a_restart_of_the_api_server_and_repeats_no_verdict(entities):
    from rtb_optimizer import errors

    entities()
    tasks = parse()["rtb_optimizer_maintenance"].tasks
    kinds = (errors.StoreFailed, errors.AlertsNotSent, OSError)

    assert {(task.retries, task.retry_delay.total_seconds()) for task in tasks} == {(2, 30)}
    for task in tasks:
        actions = [str(task.retry_policy.evaluate(kind("x"), 1, 2).action.value) for kind in kinds]
        assert actions == ["default", "fail", "default"]


def test_a_transient_error_is_retried_and_a_permanent_one_is_not(entities):
    from rtb_optimizer import errors

    entities(entry("drugs_com"))
    task = parse()["rtb_optimizer__drugs_com"].get_task("select_features")
    action = {
        kind.__name__: str(task.retry_policy.evaluate(kind("x"), 1, 2).action.value)
        for kind in (errors.StoreFailed, errors.EngineFull, errors.LogsInvalid, errors.LogsMissing, OSError)
    }

    assert task.retries == 2
    assert action == {
        "StoreFailed": "default",
        "EngineFull": "default",
        "LogsInvalid": "fail",
        "LogsMissing": "fail",
        "OSError": "default",
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"schedule": "every night"},
        {"timezone": "Mars/Olympus"},
        {"entity_code": "no spaces allowed!"},
        {"form": "unknown"},
        {"entity_name": None},
    ],
)
def test_one_broken_entity_takes_no_other_dag_down(entities, broken):
    entities(entry("drugs_com"), entry("broken") | broken, entry("healthline"))

    assert {"rtb_optimizer__drugs_com", "rtb_optimizer__healthline"} <= set(parse())


def test_an_entry_that_lacks_everything_takes_no_other_dag_down(entities):
    target = entities(entry("drugs_com"))
    target.write_text(json.dumps(document(entry("drugs_com"), {}, "no entry at all")))

    assert "rtb_optimizer__drugs_com" in parse()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', "null"])
def test_a_broken_dag_list_takes_nothing_down_while_the_last_good_one_is_beside_it(entities, text):
    target = entities(entry("drugs_com"))
    dag_list.replace(target, document(entry("drugs_com"), entry("healthline")))
    target.write_text(text)

    assert {"rtb_optimizer__drugs_com", "rtb_optimizer__healthline"} <= set(parse())


def test_the_outputs_of_active_runs_are_audited_and_old_ones_deleted_daily_one_without_the_other(entities):
    entities()
    dag = parse()["rtb_optimizer_audit"]

    assert (dag.timetable.expression, dag.catchup, dag.max_active_runs) == ("30 5 * * *", False, 1)
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "audit_active_outputs": set(),
        "apply_retention": set(),
    }


def test_without_any_dag_list_only_the_dags_of_maintenance_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("RTB_MANIFEST", str(tmp_path / "absent.json"))

    assert set(parse()) == UPKEEP


def test_a_second_parse_yields_the_same_bytes_else_every_parse_would_make_a_new_dag_version(entities):
    entities(*[entry(f"entity_{n}") for n in range(20)])
    first, second = parse(), parse()

    assert {name: serialized(dag) for name, dag in first.items()} == {
        name: serialized(dag) for name, dag in second.items()
    }


def test_configuration_values_stay_out_of_the_dag(entities):
    entities(entry("drugs_com"))
    text = serialized(parse()["rtb_optimizer__drugs_com"])

    assert "logs_path" not in text
    assert "s3://" not in text


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_copies_of_the_file_share_the_entities_between_them(entities, tmp_path, copies):
    files = [
        tmp_path / "dags" / name for name in (ENTITIES, *(f"rtb_optimizer_entities_{n}.py" for n in range(copies)))
    ]
    files[0].parent.mkdir()
    for file in files:
        shutil.copy(DAGS / ENTITIES, file)
    entities(*[entry(f"entity_{n}") for n in range(200)])
    dags = [set(parse(file)) for file in files]

    assert sum(len(of_file) for of_file in dags) == len(set().union(*dags)) == 200
    assert min(map(len, dags)) > 200 / len(files) / 2


def printed(script, **variables):
    """Run a script in a fresh process; return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "include"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


TASK_START = """
import json, runpy
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
dag_id = "rtb_optimizer__entity_4321"
with _airflow_parsing_context_manager(dag_id=dag_id, task_id="create_run"):
    found = runpy.run_path({file!r})
print(json.dumps(sorted(name for name in found if name.startswith("rtb_optimizer__"))))
"""


def test_a_task_start_among_five_thousand_entities_builds_its_own_dag_only(entities):
    """Its cost in CPU is measured by benchmarks/dag_parsing.py."""
    target = entities(*[entry(f"entity_{n}") for n in range(5000)])

    assert printed(TASK_START.format(file=str(DAGS / ENTITIES)), RTB_MANIFEST=str(target)) == [
        "rtb_optimizer__entity_4321"
    ]


WATCHED = """
import json, socket, sys
opened = []
def watch(event, arguments):
    if event == "socket.connect" and not isinstance(arguments[1], str):
        opened.append(str(arguments[1]))
sys.addaudithook(watch)
socket.socket().connect_ex(("127.0.0.1", 9))
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder={dags!r})
heavy = [name for name in ("pandas", "duckdb", "boto3", "psycopg", "rtb_optimizer.steps") if name in sys.modules]
print(json.dumps([len(bag.dags), opened, heavy]))
"""


def test_parsing_opens_no_connection_and_imports_nothing_heavy(entities):
    target = entities(entry("drugs_com"), entry("healthline"))

    count, opened, heavy = printed(WATCHED.format(dags=str(DAGS)), RTB_MANIFEST=str(target))

    assert count == 4
    assert opened == ["('127.0.0.1', 9)"], "the one that proves that connections are seen"
    assert heavy == []


def test_adding_a_file_to_dags_needs_a_line_here():
    """Every parse pays for every file: a new one is a decision."""
    files = sorted(str(path.relative_to(DAGS)) for path in DAGS.rglob("*.py"))

    assert files == ["rtb_optimizer_audit.py", "rtb_optimizer_entities.py", "rtb_optimizer_maintenance.py"]
