"""Logs that are tables of a lake: the rows of a snapshot count, and no other row of the folders."""

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

import iceberg_tables
from delta_tables import (
    by_country_of_other_names,
    by_day,
    clicks_by_day,
    compacted_after_a_delete,
    objects_in,
    objects_of,
    wins_by_day,
    with_date,
)
from kinds_of_logs import CONFIG, DAY, DAYS, LAST, parquet, put
from layouts_of_logs import plain, require_counts_of_plain_rows
from rtb_optimizer.errors import LogsInvalid, LogsMissing
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import entities, what_if
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import Entity, Run


@pytest.fixture
def run(add_entity, request_run):
    """Run an entity over put_objects, with something done once they were awaited; returns the decision."""

    def ran(then=lambda: None, **config):
        add_entity(**CONFIG | config)
        opt_run_id = create_run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))
        return in_process.finish(opt_run_id, lambda step, _: then() if step == "wait_for_logs" else None)

    return ran


@pytest.fixture
def published(session, store):
    """An output of a run: its table, or a document."""

    def of(decided, name):
        made = session.get_one(Run, decided.opt_run_id)
        prefix = run_prefix(session.get_one(Entity, made.entity_id).s3_base_path, made.run_code)
        body = store.read(f"{prefix}/{name}")
        return json.loads(body) if name.endswith("json") else pq.read_table(io.BytesIO(body)).to_pandas()

    return of


@pytest.mark.parametrize("write", [compacted_after_a_delete, by_country_of_other_names])
def test_a_delta_table_counts_the_rows_of_its_snapshot(put_objects, run, published, write):
    url = put_objects(objects_of(write))
    decided = run(logs_path=url)
    assert decided.decision == "activated", decided
    require_counts_of_plain_rows(published(decided, "segments.parquet"))
    assert published(decided, "report.json")["warnings"] == []
    recorded = published(decided, "manifest.json")["tables"]["logs"]
    assert (recorded["format"], recorded["url"]) == ("Delta", url)


def test_clicks_in_a_table_of_their_own_are_joined(put_objects, run, published):
    rows = {f"date={day}/a.parquet": parquet(table.drop_columns(["click"])) for day, table in plain().items()}
    decided = run(
        logs_path=put_objects(rows) + "date={date}/",
        completion_marker="",
        outcome_logs_path=put_objects(objects_of(clicks_by_day), "clicks"),
        outcome_logs_time_column="event_time",
    )
    require_counts_of_plain_rows(published(decided, "segments.parquet"))
    assert set(published(decided, "manifest.json")["tables"]) == {"outcome_logs"}


def test_wins_and_clicks_in_tables_of_their_own_are_of_one_snapshot_each(put_objects, run, published, tmp_path):
    rows = {f"date={day}/a.parquet": parquet(table.drop_columns(["click", "price"])) for day, table in plain().items()}
    wins_by_day(tmp_path)
    url = put_objects(objects_in(tmp_path), "wins")

    def restate():
        write_deltalake(tmp_path, DeltaTable(tmp_path).to_pyarrow_table().slice(0, 9), mode="append")
        put_objects(objects_in(tmp_path), "wins")

    decided = run(
        restate,
        logs_path=put_objects(rows) + "date={date}/",
        completion_marker="",
        outcome_logs_path=put_objects(objects_of(clicks_by_day), "clicks"),
        win_logs_path=url,
        exposure_column="won",
        win_logs_cost_column="price",
    )
    segments = published(decided, "segments.parquet")
    require_counts_of_plain_rows(segments)
    prices = pd.concat([table["price"].to_pandas() for table in plain().values()])
    assert segments.iloc[0]["cost"] == pytest.approx(prices.sum())
    tables = published(decided, "manifest.json")["tables"]
    assert {name: table["version"] for name, table in tables.items()} == {"outcome_logs": 2, "win_logs": 2}


def test_what_is_committed_while_a_run_reads_is_left_to_the_next(put_objects, run, published, tmp_path):
    by_day(tmp_path)
    url = put_objects(objects_in(tmp_path))

    def restate():
        write_deltalake(tmp_path, with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
        put_objects(objects_in(tmp_path))

    decided = run(restate, logs_path=url)
    require_counts_of_plain_rows(published(decided, "segments.parquet"))
    assert published(decided, "manifest.json")["tables"]["logs"]["version"] == 5


def test_a_what_if_run_reads_the_snapshot_that_the_active_run_read_whatever_was_committed_since(
    put_objects, run, published, session, tmp_path
):
    by_day(tmp_path)
    url = put_objects(objects_in(tmp_path))
    active = run(logs_path=url)
    write_deltalake(tmp_path, with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
    put_objects(objects_in(tmp_path))

    tried = what_if.create(session, entities.find(session, "drugs_com"), {}, Attempt(CLI_DAG_ID, "ana-1"), "ana")
    session.commit()
    decided = in_process.finish(tried.run_id)

    assert published(decided, "manifest.json")["tables"]["logs"]["version"] == 5
    assert published(decided, "segments.parquet").equals(published(active, "segments.parquet"))
    assert "inputs_changed" not in {each["code"] for each in published(decided, "report.json")["warnings"]}


@pytest.mark.parametrize("what", ["rows", "files"])
def test_a_day_that_a_later_snapshot_holds_with_other_rows_is_told_and_a_compacted_one_is_not(
    put_objects, run, request_run, published, session, tmp_path, what
):
    by_day(tmp_path)
    url = put_objects(objects_in(tmp_path))
    before = run(logs_path=url)
    if what == "rows":
        write_deltalake(tmp_path, with_date(plain()[LAST][:300], LAST), mode="append", partition_by=["date"])
    else:
        write_deltalake(tmp_path, with_date(plain()[LAST][:1], LAST), mode="append", partition_by=["date"])
        DeltaTable(tmp_path).delete(f"date = '{LAST}'")
        write_deltalake(tmp_path, with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
    put_objects(objects_in(tmp_path))

    window = {"data_start": str(DAYS[0]), "data_end": str(LAST + DAY)}
    again = in_process.run(request_run(dag_run_id="manual__again", **window))

    report = published(again, "report.json")
    messages = [each["message"] for each in report["warnings"] if each["code"] == "inputs_changed"]
    assert published(again, "manifest.json")["tables"]["logs"]["version"] > 5
    if what == "files":
        assert messages == []
        return
    (message,) = messages
    assert f"since run {session.get_one(Run, before.opt_run_id).run_code}: " in message
    assert f"#{LAST} (2,400 rows and " in message
    assert "2,700 and " in message
    assert f"#{DAYS[0]}" not in message


def test_a_file_that_is_vacuumed_while_a_run_reads_fails_it_by_name(put_objects, run, store, tmp_path):
    by_day(tmp_path)
    url = put_objects(objects_in(tmp_path))
    file = next(path for path in objects_in(tmp_path) if path.endswith(".parquet"))
    with pytest.raises(LogsInvalid, match=f"{file} of version 5 of the Delta table .* not in the store any more"):
        run(lambda: store.delete([f"{split_url(url)[1]}{file}"]), logs_path=url)


def test_a_day_that_is_not_committed_is_awaited(put_objects, run, tmp_path):
    by_day(tmp_path, days=DAYS[:-1])
    with pytest.raises(LogsMissing, match=f"1 of 3 partitions are not complete: .*#{LAST} .no file in version 3"):
        run(logs_path=put_objects(objects_in(tmp_path)))


@pytest.mark.parametrize(
    "write", [iceberg_tables.by_day, iceberg_tables.by_other_names, iceberg_tables.at_another_path]
)
def test_an_iceberg_table_counts_the_rows_of_its_snapshot(base_path, run, published, write):
    url = f"{base_path}/impressions/"
    with iceberg_tables.catalog(base_path) as catalog:
        snapshot = write(catalog, url).current_snapshot()
    decided = run(logs_path=url)
    assert decided.decision == "activated", decided
    require_counts_of_plain_rows(published(decided, "segments.parquet"))
    assert published(decided, "report.json")["warnings"] == []
    recorded = published(decided, "manifest.json")["tables"]["logs"]
    assert (recorded["format"], recorded["version"]) == ("Iceberg", snapshot.snapshot_id)
    assert recorded["metadata"].startswith(f"{url}metadata/")


def test_a_day_without_rows_is_missing_though_no_statistics_tell(put_objects, run, tmp_path):
    for day in DAYS[:-1]:
        milliseconds = plain()[day]["event_time"].cast("timestamp[ms]").cast("int64")
        write_deltalake(tmp_path, put(plain()[day], "event_time", milliseconds), mode="append")
    with pytest.raises(LogsMissing, match=f"1 of 3 partitions are not complete: .*#{LAST} .no rows"):
        run(logs_path=put_objects(objects_in(tmp_path)))
