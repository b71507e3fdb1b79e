"""What a bidder sees that knows the pointer alone, and what must never be recorded twice. Both bypass the product."""

import hashlib
import io
import json
import re
from collections import Counter

import psycopg
import pyarrow.parquet as pq
from psycopg.rows import dict_row

KINDS = {"segments", "joint_segments", "features", "ad_macros", "report", "report_page", "capsule", "manifest"}
MOVES = ("activated", "rolled_back", "promoted")
CONTENT = re.compile(r"/[0-9a-f]{16}/")  # the folder of what a step hands over, by its hash


def read_active(url, client, entity_code="drugs_com"):
    """Read what an entity's pointer points at, all of it; returns the run's id, None before the first activation."""
    with psycopg.connect(url, row_factory=dict_row) as catalog:
        run = catalog.execute(
            "SELECT r.* FROM opt_entities e JOIN opt_runs r ON r.run_id = e.active_run_id WHERE e.entity_code = %s",
            [entity_code],
        ).fetchone()
        if run is None:
            return None
        rows = catalog.execute("SELECT * FROM opt_run_outputs WHERE run_id = %s", [run["run_id"]]).fetchall()
    outputs = {row["output_type"]: row for row in rows}
    assert run["status"] == "succeeded"
    assert set(outputs) == KINDS
    bodies = {}
    for kind, row in outputs.items():
        bodies[kind] = client.get_object(Bucket=row["s3_bucket"], Key=row["s3_key"])["Body"].read()
        assert len(bodies[kind]) == row["byte_size"], kind
        assert hashlib.sha256(bodies[kind]).hexdigest() == row["sha256"], kind
    manifest = json.loads(bodies["manifest"])
    assert manifest["run_code"] == run["run_code"]
    assert {kind: listed["sha256"] for kind, listed in manifest["outputs"].items()} == {
        kind: row["sha256"] for kind, row in outputs.items() if kind != "manifest"
    }
    assert pq.read_metadata(io.BytesIO(bodies["segments"])).num_rows == run["total_segments"]
    return run["run_id"]


def read_copy(client, bucket, key):
    """Read the copy of a pointer as a reader without a database does: it, too, names objects that are all there."""
    copy = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert set(copy["outputs"]) == KINDS
    for output in copy["outputs"].values():
        body = client.get_object(Bucket=output["s3_bucket"], Key=output["s3_key"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == output["sha256"]
    return copy["run_id"]


def facts_of(url, store, opt_run_id):
    """Return all that one run has recorded: its rows by table, its decisions, its objects' names."""
    with psycopg.connect(url) as catalog:
        code, base = catalog.execute(
            "SELECT run_code, s3_base_path FROM opt_runs JOIN opt_entities USING (entity_id) WHERE run_id = %s",
            [opt_run_id],
        ).fetchone()
        recorded = {
            table: catalog.execute(f"SELECT count(*) FROM {table} WHERE run_id = %s", [opt_run_id]).fetchone()[0]
            for table in ("opt_run_features", "opt_run_feature_macros", "opt_run_outputs")
        }
        recorded["decisions"] = [
            row[0] for row in catalog.execute("SELECT decision FROM opt_run_decisions WHERE run_id = %s", [opt_run_id])
        ]
    prefix = f"{base.removeprefix('s3://').split('/', 1)[1]}/runs/{code}/"
    names = (entry.key.removeprefix(prefix) for entry in store.list(prefix))
    recorded["objects"] = sorted(CONTENT.sub("/(content)/", name) for name in names)
    return recorded


def assert_nothing_is_lost_or_recorded_twice(url, store):
    """Each history is dense and adds up, each run is decided once, each object belongs to a run, none runs on."""
    with psycopg.connect(url, row_factory=dict_row) as catalog:
        runs = catalog.execute("SELECT * FROM opt_runs").fetchall()
        outputs = catalog.execute("SELECT * FROM opt_run_outputs").fetchall()
        decisions = catalog.execute("SELECT * FROM opt_run_decisions ORDER BY entity_id, decision_number").fetchall()
        entities = catalog.execute("SELECT * FROM opt_entities").fetchall()
    succeeded = {run["run_id"] for run in runs if run["status"] == "succeeded"}
    assert [run["run_code"] for run in runs if run["status"] == "running"] == []
    assert all((run["error_message"] is None) == (run["run_id"] in succeeded) for run in runs)
    finished = Counter(line["run_id"] for line in decisions if line["decision"] not in ("rolled_back", "stood_down"))
    assert finished == dict.fromkeys(succeeded, 1)
    for entity in entities:
        own = [line for line in decisions if line["entity_id"] == entity["entity_id"]]
        assert_the_history_adds_up(own, entity["active_run_id"])
        objects = _objects(store, entity)
        codes = {run["run_code"] for run in runs if run["entity_id"] == entity["entity_id"]}
        assert {code for code, _ in objects} <= codes, "an object that no run answers for"
        whole = {run["run_code"] for run in runs if run["run_id"] in succeeded}
        ids = {run["run_id"] for run in runs if run["entity_id"] == entity["entity_id"]}
        recorded = {tuple(row["s3_key"].rsplit("/", 2)[1:]) for row in outputs if row["run_id"] in ids & succeeded}
        assert {(code, name) for code, name in objects if code in whole and "/" not in name} == recorded


def assert_the_history_adds_up(lines, active_run_id):
    """Numbered without gaps, each line from where the one before it had moved the pointer to, which is where it is."""
    assert [line["decision_number"] for line in lines] == list(range(1, len(lines) + 1))
    stood_at = None
    for line in lines:
        assert line["from_run_id"] == stood_at
        stood_at = line["run_id"] if line["decision"] in MOVES else stood_at
        stood_at = line["to_run_id"] if line["decision"] == "stood_down" else stood_at
    assert active_run_id == stood_at


def _objects(store, entity):
    """Return (run code, name within the run) of every object of an entity's runs."""
    prefix = f"{entity['s3_base_path'].removeprefix('s3://').split('/', 1)[1]}/runs/"
    return [tuple(entry.key.removeprefix(prefix).split("/", 1)) for entry in store.list(prefix)]
