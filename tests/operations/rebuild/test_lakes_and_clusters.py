"""A run over a table of a lake, or counted on a cluster, is made again to the byte; what differs is named."""

import pytest
from deltalake import DeltaTable, write_deltalake

import iceberg_tables
from delta_tables import by_day, clicks_by_day, compacted_after_a_delete, objects_in, objects_of, with_date
from kinds_of_logs import CONFIG, DAY, DAYS, LAST, parquet
from layouts_of_logs import plain
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.logs.lake.delta import read_delta
from rtb_optimizer.logs.lake.iceberg import read_iceberg
from rtb_optimizer.operations.rebuild.findings import Kind
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import split_url
from sail_server import sail_on_s3

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def key(base_path):
    """Returns the key of an object of the table of impressions."""
    return f"{split_url(base_path)[1]}/impressions/".__add__


@pytest.fixture
def delta(put_objects, tmp_path):
    """A Delta table of six versions; its writer's folder."""
    by_day(tmp_path)
    put_objects(objects_in(tmp_path))
    return tmp_path


@pytest.fixture
def iceberg(base_path):
    """An Iceberg table."""
    with iceberg_tables.catalog(base_path) as held:
        yield iceberg_tables.by_day(held, f"{base_path}/impressions/")


@pytest.fixture
def made(add_entity, request_run, base_path):
    """Run an entity over the table; returns the id of the run."""

    def ran(**config):
        add_entity(**CONFIG | {"logs_path": f"{base_path}/impressions/"} | config)
        decided = in_process.run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))
        assert decided.decision == "activated", decided
        return decided.opt_run_id

    return ran


def again(run, **options):
    """What a process that has read nothing of the table before finds."""
    read_delta.cache_clear()
    read_iceberg.cache_clear()
    done = rebuild(source_of(str(run)), RebuildOptions(**options))
    return done, [f"{each.kind} {each.name}: {each.what}" for each in done.findings]


@pytest.fixture(scope="module")
def on_s3(stack):
    """A cluster that reads the store of the tests, as the connection that a run finds."""
    assert stack
    with sail_on_s3() as cluster:
        yield cluster


def folders(put_objects, without=()):
    objects = {f"date={day}/a.parquet": parquet(rows.drop_columns(list(without))) for day, rows in plain().items()}
    return {"logs_path": put_objects(objects) + "date={date}/"}


SOURCES = {
    "folders": folders,
    "a Delta table with deleted rows": lambda put_objects: {
        "logs_path": put_objects(objects_of(compacted_after_a_delete))
    },
    "clicks in a Delta table": lambda put_objects: {
        **folders(put_objects, without=["click"]),
        "outcome_logs_path": put_objects(objects_of(clicks_by_day), "clicks"),
        "outcome_logs_time_column": "event_time",
    },
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_run_on_a_cluster_is_identical(on_s3, put_objects, made, source):
    assert on_s3
    config = SOURCES[source](put_objects)
    run = made(engine="spark", completion_marker="", **config)
    done, found = again(run)

    assert (done.identical, found) == (True, [])
    assert source_of(str(run)).capsule.made_by.engine == "spark"


def test_another_version_of_the_cluster_is_named(on_s3, put_objects, made, monkeypatch):
    assert on_s3
    with monkeypatch.context() as earlier:
        earlier.setattr(SparkEngine, "described", "spark 4.1.0")
        run = made(engine="spark", completion_marker="", **folders(put_objects))
    done, found = again(run)

    assert [each.name for each in done.files if not each.is_same] == ["manifest"]
    assert "version engine: was spark 4.1.0, is spark 4.2.0" in found
    assert {each.kind for each in done.findings} == {Kind.VERSION, Kind.CATALOG}, "the manifest's hash is recorded"


@pytest.mark.usefixtures("iceberg")
def test_a_run_on_a_cluster_over_an_iceberg_table_is_identical(on_s3, made):
    assert on_s3
    done, found = again(made(engine="spark"))
    assert (done.identical, found) == (True, [])


def test_a_run_over_a_delta_table_is_identical_after_later_commits(put_objects, delta, made):
    run = made()
    write_deltalake(delta, with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
    put_objects(objects_in(delta))
    DeltaTable(delta).optimize.compact()
    put_objects(objects_in(delta))
    done, found = again(run)

    assert source_of(str(run)).capsule.tables.logs.version == 5
    assert (done.identical, found) == (True, [])


def test_a_run_over_an_iceberg_table_is_identical_after_later_commits(iceberg, made):
    run = made()
    iceberg.append(plain()[LAST])
    iceberg.delete("device == 'tv'")
    done, found = again(run)

    assert (done.identical, found) == (True, [])


def require_refused(run, *said):
    done, found = again(run)
    assert (done.identical, done.files) == (False, ())
    assert len(found) >= len(said)
    for each in said:
        assert [line for line in found if each in line], (each, found)
    return found


def test_of_a_delta_table_that_was_vacuumed_the_files_are_named(store, delta, made, key):
    run = made()
    files = [path for path in objects_in(delta) if path.endswith(".parquet")][:2]
    store.delete([key(file) for file in files])

    require_refused(run, *(f"input s3://rtb/{key(file)}: is gone" for file in files))


def test_of_a_delta_table_whose_log_was_cleaned_up_the_version_is_named(store, delta, made, put_objects, key):
    run = made()
    write_deltalake(delta, with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
    DeltaTable(delta).create_checkpoint()
    put_objects(objects_in(delta))
    store.delete([key(f"_delta_log/{number:020}.json") for number in range(6)])

    require_refused(run, f"input s3://rtb/{key('')}: version 5 of the Delta table s3://rtb/{key('')} cannot be read: ")


@pytest.mark.parametrize("versions", [1, 9], ids=["fewer versions", "more versions"])
def test_a_delta_table_that_was_replaced_is_named(store, made, put_objects, key, tmp_path, versions):
    by_day(tmp_path / "one")
    put_objects(objects_in(tmp_path / "one"))
    run = made()
    store.delete([each.key for each in store.list(key(""))])
    for _ in range(versions):
        write_deltalake(tmp_path / "two", with_date(plain()[LAST], LAST), mode="append", partition_by=["date"])
    put_objects(objects_in(tmp_path / "two"))

    said = (
        f"input s3://rtb/{key('')}: version 5 of the Delta table" if versions == 1 else f"input s3://rtb/{key('date=')}"
    )
    require_refused(run, said)


def test_a_delta_table_that_is_there_no_more_is_named(store, delta, made, key):
    assert delta
    run = made()
    store.delete([each.key for each in store.list(key(""))])

    require_refused(run, f"input s3://rtb/{key('')}: version 5 of the Delta table")


def test_a_changed_file_of_a_delta_table_is_named(store, delta, made, key):
    run = made()
    file = next(path for path in objects_in(delta) if path.endswith(".parquet"))
    body = store.read(key(file))
    store.replace(key(file), body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])

    require_refused(run, f"input s3://rtb/{key(file)}: has changed: as many bytes ({len(body):,}), and others")


def test_of_an_iceberg_table_whose_snapshot_expired_what_is_gone_is_named(store, iceberg, made, key):
    """Expiring deletes the metadata and the list of manifests of a snapshot, and the data files of it alone."""
    run = made()
    pinned = source_of(str(run)).capsule.tables.logs
    snapshot = iceberg.metadata.snapshot_by_id(pinned.version)
    metadata, manifests = (split_url(url)[1] for url in (pinned.metadata, snapshot.manifest_list))
    iceberg.append(plain()[LAST])
    for gone in (manifests, metadata):
        store.delete([gone])
        found = require_refused(run, f"input s3://rtb/{key('')}: ")
        assert f"snapshot {pinned.version}" in found[0]
        assert gone in found[0]


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_file_of_an_iceberg_table_that_is_gone_or_changed_is_named(store, iceberg, made, what):
    run = made()
    file = split_url(next(iter(iceberg.scan().plan_files())).file.file_path)[1]
    body = store.read(file)
    if what == "gone":
        store.delete([file])
    else:
        store.replace(file, body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])

    said = "is gone" if what == "gone" else f"has changed: as many bytes ({len(body):,}), and others"
    require_refused(run, f"input s3://rtb/{file}: {said}")


def test_an_iceberg_table_that_was_replaced_is_named(store, base_path, made, key):
    with iceberg_tables.catalog(base_path) as held:
        iceberg_tables.by_day(held, f"{base_path}/impressions/")
    run = made()
    pinned = source_of(str(run)).capsule.tables.logs
    store.delete([each.key for each in store.list(key(""))])
    with iceberg_tables.catalog(base_path) as held:
        iceberg_tables.by_day(held, f"{base_path}/impressions/")

    found = require_refused(run, f"input s3://rtb/{key('')}: ")
    assert f"snapshot {pinned.version}" in found[0]


@pytest.mark.usefixtures("delta")
def test_what_cannot_be_read_any_more_fails_by_name_when_it_is_made_anyway(store, made, key):
    run = made()
    store.delete([each.key for each in store.list(key(""))])
    done, found = again(run, anyway=True)

    assert not done.identical
    assert [line for line in found if line.startswith("failed wait_for_logs: ") and "version 5" in line], found
