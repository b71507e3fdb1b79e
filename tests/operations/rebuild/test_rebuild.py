"""A run is made again to the byte from what was recorded of it, in another process, or on another machine."""

import io
import json
import os
import zipfile
from itertools import chain

import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from closed_loop import Loop
from rtb_optimizer.cli.app import app
from rtb_optimizer.errors import NotFound, RunIncomplete
from rtb_optimizer.operations.rebuild.findings import Kind
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.run import made_by, report_document
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import challengers, configs, connections, entities, failures, what_if
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Base, EntityConfig, Run, RunOutput, VersionConfig
from seeded_logs import NIGHTS, WORLD

pytestmark = pytest.mark.timeout(600)
TABLES = {"segments", "joint_segments", "features", "ad_macros", "export_plain_table_csv", "export_plain_table_json"}

OLD = "min_interaction_z"
"""A key of an earlier release."""


@pytest.fixture
def made(logs, add_entity, request_run):  # noqa: ARG001 - there have to be logs
    """An entity whose second night moves from its first; returns the id of the second run."""
    add_entity(max_movement="1.05", exports="plain", engine_threads="1")
    in_process.run(request_run(data_start="2026-03-06", data_end="2026-03-09"))
    return in_process.run(request_run(dag_run_id="manual__2")).opt_run_id


@pytest.fixture
def cli():
    """Run a command in this process; returns its exit code and output."""

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)

    return run


def again(run, **options):
    return rebuild(source_of(str(run)), RebuildOptions(**options))


def same_files(done):
    return {each.name for each in done.files if each.is_same}


def everything(session, store, base_path):
    """All rows of the catalog by table, as they stand, and all objects of this test."""
    session.rollback()
    rows = {name: sorted(map(str, session.execute(select(table)))) for name, table in Base.metadata.tables.items()}
    return rows, sorted((each.key, each.etag, each.modified) for each in store.list(split_url(base_path)[1]))


def test_it_is_identical_and_writes_nothing_outside_of_its_scratch(made, session, store, base_path):
    before = everything(session, store, base_path)
    done = again(made)

    assert (done.identical, done.findings) == (True, ())
    assert same_files(done) == TABLES | {"report", "report_page", "manifest"}
    assert everything(session, store, base_path) == before


def test_rewritten_logs_are_named_and_their_rows_in_any_order_make_the_same_tables(made, cli, store, base_path):
    """ETags are of bytes: report and manifest name the objects that were read, which are others."""
    table, body = WORLD.day(NIGHTS[1]), io.BytesIO()
    pq.write_table(table.take(np.random.default_rng(1).permutation(len(table))), body, row_group_size=700)
    url = f"{base_path}/logs/date={NIGHTS[1]}/part-0.parquet"
    store.replace(split_url(url)[1], body.getvalue())

    refused, forced = cli("rebuild", made), cli("rebuild", made, "--anyway", "--threads", 2, "--json")
    done = json.loads(forced.stdout)

    assert (refused.exit_code, forced.exit_code, done["identical"]) == (1, 1, False)
    assert "not rebuilt; its inputs have changed" in refused.output
    assert f"input     {url}: has changed: it had " in refused.output
    same = {each["name"] for each in done["files"] if each["published"] == each["rebuilt"]}
    assert same >= TABLES
    assert "manifest" not in same


@pytest.mark.takes_turns
@pytest.mark.parametrize("config", [{}, {"run_column": "run"}], ids=["history", "run column"])
@pytest.mark.usefixtures("catalog")
def test_nights_of_a_closed_loop_are_identical_with_its_challenger_s(base_path, config):
    """What they read of other runs, of outcomes and of decisions is as it was in their night."""
    loop = Loop(base_path, config={"holdback_share": "0.1"} | config)
    for number in range(3):
        loop.play()
        loop.run()
        if number == 0:
            with connections.session() as session:
                challengers.challenge(session, loop.code, 0.2, {"max_features": "2"}, "ana")
                session.commit()
    with connections.session() as session:
        runs = session.execute(select(Run.run_id, Run.is_challenger).order_by(Run.run_id)).all()
    rebuilt = [again(run.run_id) for run in runs[3:]]

    assert [run.is_challenger for run in runs[3:]] == [False, True]
    assert [(done.identical, done.findings) for done in rebuilt] == [(True, ())] * 2


def test_a_what_if_run_is_made_again_as_it_was_compared(made, session):
    attempt = Attempt(CLI_DAG_ID, "ana-1")
    run = what_if.create(session, entities.find(session, "drugs_com"), {"dead_band": "0.1"}, attempt, "ana")
    session.commit()
    in_process.finish(run.run_id)
    done = again(run.run_id)

    assert (done.identical, done.findings) == (True, ())
    assert run.config_snapshot["what_if"]["compared_run_id"] == made


@pytest.fixture
def of_before(logs, add_entity, session):  # noqa: ARG001 - there have to be logs
    """An entity of the release before, whose version declares a key that this release has retired, set to 2.5."""
    entity = add_entity()
    fields = {"config_section": "Selection", "display_name": "Old", "data_type": "float", "default_value": "3"}
    session.add(VersionConfig(version_id=entity.current_version_id, config_key=OLD, **fields))
    session.add(EntityConfig(entity_id=entity.entity_id, config_key=OLD, config_value="2.5", updated_by="ana"))
    session.commit()
    return entity


@pytest.mark.usefixtures("of_before")
def test_a_run_with_a_key_that_was_retired_since_is_identical_and_the_key_is_named(request_run, session, cli):
    run = in_process.run(request_run()).opt_run_id
    said = cli("seed").output
    done = again(run)
    found = {f"{each.kind} {each.name}: {each.what}" for each in done.findings}

    assert f"drugs_com: {OLD} was 2.5; it is no config key any more: " in said
    assert session.get_one(Run, run).config_snapshot["values"][OLD] == 2.5
    assert done.identical
    assert found == {f"since opt_entity_configs: {OLD} is gone", f"since opt_version_configs: 1 {OLD} is gone"}


@pytest.mark.usefixtures("of_before")
def test_a_run_that_began_before_a_key_was_retired_ends_after_it(request_run, cli, session):
    run = create_run(request_run())
    assert cli("seed").exit_code == 0
    in_process.finish(run)
    assert session.get_one(Run, run).status == "succeeded"


@pytest.mark.usefixtures("of_before")
def test_a_what_if_run_that_is_cleared_after_a_key_was_retired_is_made_without_it(request_run, cli, session):
    in_process.run(request_run())
    attempt = Attempt("rtb_optimizer__drugs_com", "what_if__1")
    entity = entities.find(session, "drugs_com")
    what_if.create(session, entity, {OLD: "2", "max_features": "4"}, attempt, "ana")
    session.commit()
    assert cli("seed").exit_code == 0
    again = create_run(request_run(dag_run_id="what_if__1", clear_number=1))
    in_process.finish(again)

    assert (session.get_one(Run, again).status, session.get_one(Run, again).is_sandbox) == ("succeeded", True)


def test_a_run_of_an_earlier_release_says_what_differs(logs, add_entity, request_run, monkeypatch):  # noqa: ARG001
    add_entity()
    with monkeypatch.context() as earlier:
        for module in (configs, made_by, report_document):
            earlier.setattr(module, "__version__", "0.0.9")
        earlier.setattr(made_by, "code_sha256", lambda _: "0" * 64)
        run = in_process.run(request_run()).opt_run_id
    done = again(run)

    assert not done.identical
    assert {each.name for each in done.files} - same_files(done) == {"manifest"}  # it names the release
    versions = {each.name: each.what for each in done.findings if each.kind is Kind.VERSION}
    assert versions.keys() == {"release", "code"}
    assert versions["release"] == "was 0.0.9, is 0.1.0"


# ---- Elsewhere


@pytest.fixture
def elsewhere(stack, template_database, monkeypatch):
    """Use a catalog without any entity, as on another machine; returns a call that goes there."""
    name = f"elsewhere_{os.urandom(6).hex()}"

    def go():
        monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", stack.database_url(name))
        connections.catalog().dispose()
        connections.catalog.cache_clear()

    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY wal_log")
        yield go
        connections.catalog().dispose()
        connections.catalog.cache_clear()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_it_is_exported_as_one_file_and_made_again_on_another_machine(
    made, cli, tmp_path, elsewhere, store, base_path, session
):
    file, prefix = tmp_path / "run.zip", split_url(base_path)[1]
    code = session.get_one(Run, made).run_code
    assert cli("runs", "export", made, file).exit_code == 0
    elsewhere()
    for each in list(store.list(f"{prefix}/logs/")):
        store.put_once(each.key.replace("/logs/date=", "/copied/"), store.read(each.key))
    store.delete([each.key for folder in ("logs", "drugs_com") for each in store.list(f"{prefix}/{folder}/")])

    nights = [("--at", f"{base_path}/logs/date={night}/={base_path}/copied/{night}/") for night in NIGHTS]
    done = cli("rebuild", file, *chain(*nights), "--to", f"{base_path}/kept")

    assert done.exit_code == 0, done.output
    assert f"run {code}: identical; 9 of 9 files have the same bytes" in done.output
    assert any(each.key.endswith("/segments.parquet") for each in store.list(f"{prefix}/kept/rebuilds/"))
    with connections.session() as there:
        assert there.scalar(select(func.count()).select_from(Run)) == 0


@pytest.mark.parametrize("moved", ["s3://a/logs/", "s3://a/=", "=s3://b/", "logs/=s3://b/", "s3://a/=/b"])
def test_where_the_logs_are_now_is_two_urls(cli, moved):
    done = cli("rebuild", 1, "--at", moved)

    assert done.exit_code == 2
    assert "is not OLD=NEW with two s3:// URLs" in done.output


def test_a_file_that_is_no_exported_run_is_refused(tmp_path):
    with pytest.raises(NotFound, match=r"there is no file .*: `rtb runs export RUN"):
        source_of(str(tmp_path / "none.zip"))
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("readme", "hello")
    with pytest.raises(RunIncomplete, match="is no run that `rtb runs export` has written"):
        source_of(str(other))


# ---- Nothing to make again


def test_a_run_without_a_capsule_says_why(made, session, request_run):
    session.execute(RunOutput.__table__.delete().where(RunOutput.run_id == made, RunOutput.output_type == "capsule"))
    session.commit()
    with pytest.raises(NotFound, match="made it, which recorded no capsule; a new run of drugs_com has one"):
        again(made)
    session.execute(RunOutput.__table__.delete().where(RunOutput.run_id == made))
    session.commit()
    with pytest.raises(NotFound, match="retention has deleted its outputs and its capsule"):
        again(made)
    failed = create_run(request_run(dag_run_id="manual__3"))
    failures.fail_run(session, failed, "build_segments: killed")
    session.commit()
    with pytest.raises(NotFound, match="it is failed, and only runs that succeeded leave a capsule"):
        again(failed)
