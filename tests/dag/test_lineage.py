"""A whole run as OpenLineage has it: the events that the provider writes of the tasks of an entity's DAG."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import dag_list_export, entities, runs
from rtb_optimizer.store.schema import Run
from seeded_logs import NIGHTS

DAG_ID, DAG_RUN = "rtb_optimizer__drugs_com", "manual__1"
AT = datetime(2026, 3, 10, 4, tzinfo=UTC)


@pytest.fixture
def events(logs, add_entity, request_run, session, tmp_path, monkeypatch):  # noqa: ARG001 - there have to be logs
    """Run an entity and tell each task as the provider's listener does; returns the completed events by task."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.providers.openlineage.extractors.manager import ExtractorManager
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
    from airflow.utils.state import TaskInstanceState

    from checkout import CHECKOUT

    written = tmp_path / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(written), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    add_entity()
    dag_list_export.export(session)
    dag = DagBag(dag_folder=str(CHECKOUT / "dags" / "rtb_optimizer_entities.py")).dags[DAG_ID]
    run = create_run(request_run())
    for _, step in (*in_process.STEPS, ("activate_run", activate_run)):
        step(run)
    adapter, manager = OpenLineageAdapter(), ExtractorManager()
    for number, task in enumerate(dag.topological_sort()):
        instance = SimpleNamespace(dag_id=DAG_ID, run_id=DAG_RUN, task_id=task.task_id)
        dag_run = SimpleNamespace(run_id=DAG_RUN)
        found = manager.extract_metadata(dag_run, task, TaskInstanceState.SUCCESS, instance)
        adapter.complete_task(
            run_id=f"01890000-0000-7000-8000-{number:012d}",
            job_name=f"{DAG_ID}.{task.task_id}",
            end_time=AT.isoformat(),
            task=found,
            owners=["rtb_optimizer"],
            tags=[],
            job_description=None,
            job_description_type=None,
            nominal_start_time=None,
            nominal_end_time=None,
            run_facets={},
        )
    lines = (json.loads(line) for line in written.read_text().splitlines())
    return {line["job"]["name"].rpartition(".")[2]: line for line in lines}, session.get_one(Run, run)


def named(datasets):
    return {f"{each['namespace']}/{each['name']}": each for each in datasets}


def test_the_events_of_a_run_tell_logs_objects_rows_gates_and_who_decided(events, session, base_path, catalog):
    told, run = events
    assert told.keys() == {
        *("create_run", "wait_for_logs", "select_features", "measure_live", "build_segments", "map_ad_macros"),
        *("write_outputs", "activate_run", "run_challenger"),
    }
    logs = named(told["select_features"]["inputs"])[f"{base_path}/logs"]
    counted = logs["inputFacets"]["inputStatistics"]
    assert (counted["rowCount"], counted["fileCount"]) == (20_000, len(NIGHTS))
    assert logs["facets"]["version"]["datasetVersion"] == "2026-03-06T00:00Z/2026-03-10T00:00Z"
    assert told["build_segments"]["inputs"] == told["select_features"]["inputs"]

    table = f"postgres://{catalog.rpartition('@')[2].rpartition('/')[0]}/{catalog.rpartition('/')[2]}.public."
    written = named(told["write_outputs"]["outputs"])
    outputs = runs.outputs(session, run.run_id)
    for output in outputs:
        of = written[f"s3://{output.s3_bucket}/{output.s3_key}"]
        assert of["outputFacets"]["outputStatistics"]["rowCount"] == output.row_count
        assert of["outputFacets"]["outputStatistics"]["size"] == output.byte_size
        assert of["facets"]["version"]["datasetVersion"] == output.sha256
        assert of["facets"]["symlinks"]["identifiers"][0]["name"] == f"drugs_com/{output.output_type}"
    assert written.keys() - {f"s3://{each.s3_bucket}/{each.s3_key}" for each in outputs} == {f"{table}opt_run_outputs"}
    assert named(told["create_run"]["outputs"]).keys() == {f"{table}opt_runs"}
    features = named(told["select_features"]["outputs"])[f"{table}opt_run_features"]
    assert features["outputFacets"]["outputStatistics"]["rowCount"] == len(runs.features(session, run.run_id))

    decided = told["activate_run"]
    (segments,) = decided["inputs"]
    assert segments["name"].endswith(f"{run.run_code}/segments.parquet")
    gates = {each["assertion"]: each for each in segments["inputFacets"]["dataQualityAssertions"]["assertions"]}
    assert {each["success"] for each in gates.values()} == {True}
    assert gates["outcomes in the window"]["expected"] == "≥ 50"
    assert named(decided["outputs"]).keys() == {
        *(f"{table}opt_entities", f"{table}opt_run_decisions", f"{base_path}/drugs_com/active.json")
    }
    facts = decided["run"]["facets"]["rtb_optimizer_run"]
    assert (facts["run_code"], facts["release"]) == (run.run_code, "0.1.0")
    assert (facts["decision"], facts["decided_by"]) == ("activated", "manual:tester")


def test_a_task_of_a_run_that_was_not_created_tells_nothing(catalog):
    from rtb_optimizer.run.lineage import Lineage, lineage_of

    assert catalog
    assert lineage_of("create_run", DAG_ID, "manual__none") == Lineage()
    assert entities
