"""Whatever is gone, changed or of another version since a run is named."""

import io
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from rtb_optimizer.operations.rebuild import rebuild as rebuilding
from rtb_optimizer.operations.rebuild.findings import version_findings
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.outputs.documents.capsule import MadeBy
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.schema import Run
from seeded_logs import NIGHTS, night

pytestmark = pytest.mark.timeout(600)
DAY = f"date={NIGHTS[1]}"


@pytest.fixture
def made(logs, add_entity, request_run, session):  # noqa: ARG001 - there have to be logs
    """An entity whose second night moves from its first; returns the rows of both runs, the second first."""
    add_entity(max_movement="1.05", macro_formats="adx")
    first = in_process.run(request_run(data_start="2026-03-06", data_end="2026-03-09")).opt_run_id
    second = in_process.run(request_run(dag_run_id="manual__2")).opt_run_id
    return session.get_one(Run, second), session.get_one(Run, first)


def findings_of(run):
    done = rebuild(source_of(str(run.run_id)), RebuildOptions())
    return done, [f"{each.kind} {each.name}: {each.what}" for each in done.findings]


@contextmanager
def replaced(store, key, body):
    """Have other bytes, or None, stand at a key for a while."""
    was = store.seen(key).body
    for new in (body, was):
        if new is None:
            store.delete([key])
        else:
            store.replace(key, new)
        if new is body:
            yield


def same_size(body):
    """Other rows in as many bytes: a Parquet file ignores what stands before its first column."""
    return body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]


def test_inputs_that_are_gone_changed_or_new_are_named_and_keep_it_from_being_made(made, store, base_path, monkeypatch):
    run, before = made
    logs, runs = (f"{split_url(base_path)[1]}/{name}" for name in ("logs", f"drugs_com/runs/{before.run_code}"))
    key, body = f"{logs}/{DAY}/part-0.parquet", night(NIGHTS[1])
    small = io.BytesIO()
    pq.write_table(pa.table({"device_type": ["x"]}), small)
    gone, url = None, f"s3://rtb/{key}"
    cases = {  # what stands where instead, and what is then said
        "object deleted": (key, gone, f"input {url}: is gone"),
        "object changed": (key, small.getvalue(), f"input {url}: has changed: it had {len(body):,} bytes"),
        "same size, other bytes": (key, same_size(body), f"input {url}: has changed: as many bytes ({len(body):,})"),
        "new object": (f"{logs}/{DAY}/part-1.parquet", body, f"input s3://rtb/{logs}/{DAY}/part-1.parquet: is new"),
        "marker deleted": (f"{logs}/{DAY}/_SUCCESS", gone, "input the window: 1 of 4 partitions are not complete: "),
        "active run's table deleted": (f"{runs}/segments.parquet", gone, "earlier segments of run "),
        "active run's report changed": (f"{runs}/report.json", b"{}", "earlier report of run "),
    }
    for name, (where, what, said) in cases.items():
        with replaced(store, where, what):
            done, found = findings_of(run)
            assert [line for line in found if line.startswith(said)], (name, found)
            assert (done.identical, done.files) == (False, ()), name
    told = ObjectStore.checksum
    with monkeypatch.context() as rotten:
        rotten.setattr(
            ObjectStore, "checksum", lambda self, at, etag: "crc32:AAAA" if at == key else told(self, at, etag)
        )
        done, found = findings_of(run)
    assert found[0].startswith(f"input {url}: has changed under the same ETag: its checksum was crc32:")
    assert found[0].endswith("is crc32:AAAA")


def test_published_files_that_were_changed_are_named_beside_those_that_differ(made, store, base_path):
    run, _ = made
    folder = f"{split_url(base_path)[1]}/drugs_com/runs/{run.run_code}"
    with (
        replaced(store, f"{folder}/segments.parquet", b"other"),
        replaced(store, f"{folder}/features.json", None),
        replaced(store, f"{folder}/capsule.json", store.read(f"{folder}/capsule.json") + b" "),
        replaced(store, f"{folder}/manifest.json", b"{}"),
    ):
        done, found = findings_of(run)

    assert not done.identical
    assert [each.name for each in done.files if not each.is_same] == ["features", "manifest", "segments"]
    at = f"s3://rtb/{folder}"
    assert set(found) >= {
        f"output capsule: at {at}/capsule.json is not what was written",
        f"output features: is gone from {at}/features.json",
        f"output manifest: at {at}/manifest.json is not what was written",
        f"output segments: at {at}/segments.parquet is not what was written",
    }


def test_rows_of_the_catalog_that_were_changed_are_named(made, session):
    """Those of the run itself are no more what made it; of those around it, it goes by what was recorded."""
    run, before = made
    changes = {
        f"UPDATE opt_runs SET config_snapshot = jsonb_set(config_snapshot, '{{values,max_features}}', '3') "
        f"WHERE run_id = {run.run_id}": "catalog opt_runs: 2 config_snapshot values: max_features was ",
        f"UPDATE opt_runs SET data_end = data_end + interval '1 day' WHERE run_id = {run.run_id}": (
            "catalog opt_runs: 2: data_end was '2026-03-10T00:00:00+00:00', is "
        ),
        "UPDATE opt_run_features SET signal_score = signal_score + 1 WHERE run_id = 2 AND feature_order = 1": (
            "catalog opt_run_features: internal_adspace_id: signal_score was "
        ),
        "UPDATE opt_run_feature_macros SET macro_combo = '[X]' WHERE run_id = 2": (
            "catalog opt_run_feature_macros: adx: macro_combo was "
        ),
        "UPDATE opt_run_outputs SET row_count = row_count + 1 WHERE run_id = 2 AND output_type = 'segments'": (
            "catalog opt_run_outputs: segments: row_count was "
        ),
        "UPDATE opt_run_decisions SET decision = 'held' WHERE run_id = 2": (
            "catalog opt_run_decisions: 2: decision was 'activated', is 'held'"
        ),
        "UPDATE opt_entity_configs SET config_value = '1.2' WHERE config_key = 'max_movement'": (
            "since opt_entity_configs: max_movement: config_value was '1.05', is '1.2'"
        ),
        "UPDATE opt_feature_macros SET macro_template = '[Y]' WHERE macro_template = '[ADX_BROWSER]'": (
            "since opt_feature_macros: adx browser: macro_template was "
        ),
        "UPDATE opt_version_configs SET default_value = '5' WHERE config_key = 'max_features'": (
            "since opt_version_configs: 1 max_features: default_value was "
        ),
        "UPDATE opt_entities SET status = 'paused'": "since opt_entities: drugs_com: status was 'active', is 'paused'",
        f"UPDATE opt_runs SET triggered_by = 'ben' WHERE run_id = {before.run_id}": (
            "since opt_runs: 1: triggered_by was 'manual:tester', is 'ben'"
        ),
    }
    for statement in changes:
        session.execute(text(statement))
    session.commit()
    done, found = findings_of(run)

    assert (done.identical, len(found)) == (False, len(changes))
    assert [said for said in changes.values() if not any(line.startswith(said) for line in found)] == []
    assert all(each.is_same for each in done.files)  # they are made of what was recorded


def test_what_changed_around_a_run_alone_leaves_it_identical(made, session, monkeypatch):
    run, _ = made
    session.execute(text("UPDATE opt_entity_configs SET config_value = '1.2' WHERE config_key = 'max_movement'"))
    session.commit()
    was = rebuilding.made_by
    monkeypatch.setattr(rebuilding, "made_by", lambda *of: was(*of).model_copy(update={"python": "3.99"}))
    done, found = findings_of(run)

    assert done.identical
    assert [line.partition(":")[0] for line in found] == ["version python", "since opt_entity_configs"]


THEN = MadeBy(
    release="0.1.0",
    code_sha256="a" * 64,
    lock_sha256="c" * 64,
    python="3.11.7",
    machine="Linux x86_64",
    packages={"numpy": "2.4.0", "pyarrow": "23.0.0"},
    engine="duckdb",
    engine_version="2.0.0",
    hash_sample="123",
    seed=7,
    threads=2,
)
OTHERS = {
    "release": ({"release": "0.2.0"}, "was 0.1.0, is 0.2.0"),
    "code": ({"code_sha256": "b" * 64}, "was aaaaaaaaaaaa, is bbbbbbbbbbbb"),
    "requirements.txt": ({"lock_sha256": None}, "was cccccccccccc, is absent"),
    "python": ({"python": "3.12.1"}, "was 3.11.7, is 3.12.1"),
    "machine": ({"machine": "Linux aarch64"}, "was Linux x86_64, is Linux aarch64"),
    "numpy": ({"packages": {"numpy": "2.5.0", "pyarrow": "23.0.0"}}, "was 2.4.0, is 2.5.0"),
    "pyarrow": ({"packages": {"numpy": "2.4.0"}}, "was 23.0.0, is absent"),
    "engine": ({"engine": "spark"}, "was duckdb, is spark"),
    "engine version": ({"engine_version": "2.0.1"}, "was 2.0.0, is 2.0.1"),
    "the engine's hash": ({"hash_sample": "456"}, "was 123, is 456"),
    "seed": ({"seed": 8}, "was 7, is 8"),
    "threads": ({"threads": 4}, "was 2, is 4"),
}


@pytest.mark.parametrize(("name", "changed", "said"), [(name, *each) for name, each in OTHERS.items()], ids=OTHERS)
def test_another_version_is_named(name, changed, said):
    found = version_findings(THEN, THEN.model_copy(update=changed))

    assert [(each.name, each.what) for each in found] == [(name, said)]
