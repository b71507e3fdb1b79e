"""The same rows, in the layouts and types that teams have, and in tables of a lake: a cluster counts the plain rows."""

import io
import json

import pyarrow.parquet as pq
import pytest

import iceberg_tables
from delta_tables import by_country_of_other_names, clicks_by_day, compacted_after_a_delete, objects_of
from kinds_of_logs import CONFIG, DAY, DAYS, LAST, parquet
from layouts_of_logs import LAYOUTS, REFUSED, plain, require_counts_of_plain_rows
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import run_prefix
from rtb_optimizer.store.schema import Entity, Run
from sail_server import sail_on_s3

READ = (
    *("a name in two spellings, one of them configured", "a column that is a key of the folders", "nested Parquet"),
    "keys of folders, records in another case and names of files beyond ASCII",
    "a column that is wider in some files",
    *("columns in another case", "files without an ending", "hours of Firehose", "times of an access log", "decimals"),
)
ICEBERG = (iceberg_tables.by_day, iceberg_tables.by_other_names)


@pytest.fixture(scope="module", autouse=True)
def on_s3(stack):
    assert stack
    with sail_on_s3() as cluster:
        yield cluster


@pytest.fixture
def counted(add_entity, request_run, session, store):
    """Run an entity on the cluster; returns the segments, and the codes of the report's warnings."""

    def ran(**config):
        add_entity(**CONFIG | {"engine": "spark"} | config)
        decided = in_process.run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))
        assert decided.decision == "activated", decided
        made = session.get_one(Run, decided.opt_run_id)
        prefix = run_prefix(session.get_one(Entity, made.entity_id).s3_base_path, made.run_code)
        codes = [each["code"] for each in json.loads(store.read(f"{prefix}/report.json"))["warnings"]]
        return pq.read_table(io.BytesIO(store.read(f"{prefix}/segments.parquet"))).to_pandas(), codes

    return ran


@pytest.mark.parametrize("name", READ)
def test_rows_count_the_same_however_they_are_delivered(put_objects, counted, name):
    layout = LAYOUTS[name]
    segments, warnings = counted(logs_path=put_objects(layout.objects()) + layout.path, **layout.config)

    require_counts_of_plain_rows(segments, layout.features)
    assert set(warnings) <= {"macro_missing"}


@pytest.mark.parametrize("write", [compacted_after_a_delete, by_country_of_other_names])
def test_a_delta_table_counts_the_rows_of_its_snapshot(put_objects, counted, write):
    segments, warnings = counted(logs_path=put_objects(objects_of(write)))

    require_counts_of_plain_rows(segments)
    assert warnings == []


@pytest.mark.parametrize("write", ICEBERG)
def test_an_iceberg_table_counts_the_rows_of_its_snapshot(counted, base_path, write):
    with iceberg_tables.catalog(base_path) as held:
        write(held, f"{base_path}/impressions/")
    segments, warnings = counted(logs_path=f"{base_path}/impressions/")

    require_counts_of_plain_rows(segments)
    assert warnings == []


def test_clicks_in_a_table_of_their_own_are_joined(put_objects, counted):
    rows = {f"date={day}/a.parquet": parquet(table.drop_columns(["click"])) for day, table in plain().items()}
    segments, _ = counted(
        logs_path=put_objects(rows) + "date={date}/",
        completion_marker="",
        outcome_logs_path=put_objects(objects_of(clicks_by_day), "clicks"),
        outcome_logs_time_column="event_time",
    )

    require_counts_of_plain_rows(segments)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (LAYOUTS["CSV"], "engine = spark reads Parquet, and .* is text"),
        (LAYOUTS["JSON lines"], "engine = spark reads Parquet, and .* is text"),
        (LAYOUTS["a text column of JSON"], "no paths into texts, and 'ext.d.0.t' is one"),
        (REFUSED["a record that has no such field"][0], "no column 'device.geo.region'"),
        (REFUSED["two spellings of a name, and a third that is configured"][0], "which differ in case alone"),
    ],
    ids=["CSV", "JSON lines", "JSON in a text", "no such field", "two spellings"],
)
def test_what_a_cluster_cannot_read_as_duckdb_does_fails_by_name(put_objects, counted, layout, said):
    with pytest.raises(LogsInvalid, match=said):
        counted(logs_path=put_objects(layout.objects()) + layout.path, **layout.config)
