"""Log objects: few requests, whatever the number of statements, and an object that has changed is noticed."""

import gzip
import io
import json
import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faulty_proxy import FaultyProxy
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.files import stored
from rtb_optimizer.engines.files.fetches import Fetches
from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore, split_url
from s3_connection import s3_connected

FILES, GROUPS, ROWS = 20, 3, 3_000
HOUR = timedelta(hours=1)
STATEMENTS = ["SELECT COUNT(*) AS n FROM logs", 'SELECT SUM("a") AS a, MAX("s") AS s FROM logs', "SELECT * FROM logs"]
CHANGED = "has changed while the run was reading it: start a new run"


def part(n, rows=ROWS):
    """One of many files, of several row groups."""
    body = io.BytesIO()
    numbers = range(n * rows, (n + 1) * rows)
    columns = {"a": numbers, "b": [x % 7 for x in numbers], "s": [f"site{x * 2654435761 % 997}" for x in numbers]}
    pq.write_table(pa.table(columns), body, row_group_size=math.ceil(rows / GROUPS))
    return body.getvalue()


def large(seed):
    """A file of several MB: of small ones, DuckDB has all bytes when it opens them."""
    body = io.BytesIO()
    numbers = np.random.default_rng(seed).integers(0, 2**60, 500_000)
    pq.write_table(pa.table({"a": numbers, "s": ["site"] * len(numbers)}), body, row_group_size=100_000)
    return body.getvalue()


@pytest.fixture
def proxy(stack):
    made = FaultyProxy((stack.host, stack.s3_port))
    quick = {"read_timeout": 5, "retries": {"mode": "standard", "total_max_attempts": 2}}
    with s3_connected(extra={"endpoint_url": made.url, "config_kwargs": quick}):
        yield made
    made.close()


@pytest.fixture
def put(folder):
    """Put objects into the folder of this test; returns their listing, in order."""

    def put_all(objects):
        store = ObjectStore.of(folder)
        for name, body in objects.items():
            store.replace(split_url(f"{folder}/{name}")[1], body)
        # DuckDB keeps the footers of files that nobody has written in the last seconds.
        listed = [replace(each, modified=each.modified - HOUR) for each in store.list(split_url(folder)[1])]
        return sorted(listed, key=lambda each: each.key)

    return put_all


@pytest.fixture
def logs(proxy, put):
    """The listing of many small files; the proxy has seen no request for them."""
    listed = put({f"part-{n:04d}.parquet": part(n) for n in range(FILES)})
    proxy.seen.clear()
    return listed


@pytest.fixture
def passing(monkeypatch):
    """No file is small enough to be held whole, as if each had many MB, and there is memory for a few."""
    for name, limit in {"LARGEST_KEPT": 0, "SMALL": 0, "END": 16 << 10}.items():
        monkeypatch.setattr(stored, name, limit)
    monkeypatch.setattr(stored, "Fetches", lambda read, _memory, threads: Fetches(read, 100_000, threads))


def by_url(listed):
    return {f"s3://rtb/{each.key}": each for each in listed}


def opened(listed, memory_mb=256):
    engine = DuckDBEngine(LogObjects.of(by_url(listed)), 2, memory_mb)
    engine.open_logs([f"s3://rtb/{each.key}" for each in listed])
    return engine


def requests(proxy):
    """How often each object was requested, by method."""
    return Counter(seen.method for seen in proxy.seen), Counter(seen.path for seen in proxy.seen)


def del_range(headers):
    del headers["Range"]


def read_all(engine):
    groups = engine.row_groups(["a", "s"])
    return sum(batch.column("a").to_numpy().sum() for place in groups.bounds for batch in groups.read(place))


def test_a_small_file_is_requested_once_whatever_the_number_of_statements(proxy, logs):
    with opened(logs) as engine:
        results = [engine.query(sql).num_rows for sql in STATEMENTS * 3]
        total = read_all(engine)

    methods, paths = requests(proxy)
    assert results == [1, 1, FILES * ROWS] * 3
    assert total == sum(range(FILES * ROWS))
    assert methods == {"GET": FILES}
    assert set(paths.values()) == {1}


@pytest.mark.usefixtures("passing")
def test_a_file_that_is_not_held_costs_two_requests_and_one_more_a_row_group_read(proxy, logs):
    with opened(logs) as engine:
        opening, _ = requests(proxy)
        engine.query(STATEMENTS[1])
        first, _ = requests(proxy)
        for _ in range(3):
            engine.query(STATEMENTS[1])
        read_all(engine)

    methods, _ = requests(proxy)
    assert opening["GET"] <= 2 * FILES
    assert first["GET"] <= FILES * (2 + GROUPS)
    assert methods["GET"] <= FILES * (2 + 5 * GROUPS)
    assert set(methods) == {"GET"}


@pytest.mark.usefixtures("passing")
def test_many_files_are_counted_as_the_same_rows_in_one_file(logs, put):
    tables = [pq.read_table(io.BytesIO(part(n))) for n in range(FILES)]
    whole = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), whole)
    [one] = [each for each in put({"whole": whole.getvalue()}) if each.key.endswith("whole")]
    sql = "SELECT b, s, COUNT(*) AS n, SUM(a)::BIGINT AS a FROM logs GROUP BY ALL ORDER BY ALL"
    with opened(logs) as many, opened([one]) as single:
        assert many.query(sql) == single.query(sql)
        assert read_all(many) == read_all(single)


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize("read", [lambda engine: engine.query(STATEMENTS[1]), read_all])
@pytest.mark.parametrize("how", ["replaced", "shortened", "deleted"])
def test_an_object_that_changes_while_it_is_read_is_named(put, folder, read, how):
    [log] = put({"part-0.parquet": large(0)})
    with opened([log]) as engine:
        if how == "deleted":
            ObjectStore.of(folder).delete([log.key])
        else:
            put({"part-0.parquet": large(1) if how == "replaced" else b"x"})
        with pytest.raises(LogsInvalid) as refused:
            read(engine)

    assert str(refused.value) == f"s3://rtb/{log.key} {CHANGED}"


def test_an_object_that_has_changed_since_its_listing_is_not_opened(logs, put):
    put({logs[0].key.rpartition("/")[2]: part(99)})

    with pytest.raises(LogsInvalid, match=CHANGED):
        opened(logs)


@pytest.mark.parametrize(
    "name", ["a b.parquet", "a?b=c#d&e%41.parquet", "s*a[r]t?.parquet", "größe/日.parquet", "a+b=1.pq"]
)
def test_an_object_of_any_name_is_read(proxy, put, folder, name):
    with opened(put({name: part(0)})) as engine:
        assert engine.query(STATEMENTS[0]).to_pylist() == [{"n": ROWS}]

    assert unquote(proxy.seen[-1].path) == f"/{folder.removeprefix('s3://')}/{name}"


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_text_is_read_in_blocks_each_of_them_once(proxy, put, monkeypatch, format_, packed):
    monkeypatch.setattr(stored, "BLOCK", 64 << 10)
    rows = [{"a": n, "s": f"site {n * 2654435761 % 1_000_003}"} for n in range(20_000)]
    lines = [f"{row['a']},{row['s']}" if format_ == "csv" else json.dumps(row) for row in rows]
    body = "\n".join(["a,s", *lines] if format_ == "csv" else lines).encode()
    listed = put({f"part-0.{format_}": gzip.compress(body, mtime=0) if packed else body})
    proxy.seen.clear()
    reader = "read_csv" if format_ == "csv" else "read_json"
    source = f"{reader}('s3://rtb/{listed[0].key}', compression = '{'gzip' if packed else 'none'}')"
    with DuckDBEngine(LogObjects.of(by_url(listed)), 2, 256) as engine:
        for _ in range(2):
            result = engine.query(f"SELECT COUNT(*) AS n, SUM(a)::BIGINT AS a, COUNT(DISTINCT s) AS s FROM {source}")

    assert result.to_pylist() == [{"n": 20_000, "a": sum(range(20_000)), "s": len({row["s"] for row in rows})}]
    methods, _ = requests(proxy)
    assert methods["GET"] <= math.ceil(listed[0].byte_size / (64 << 10)) + 1
    assert set(methods) == {"GET"}


@pytest.mark.parametrize(
    ("how", "cause"), [("cut answer", "Connection broken"), (503, "SlowDown"), (500, "InternalError")]
)
def test_an_answer_that_breaks_off_is_requested_again_and_what_lasts_is_named(proxy, logs, how, cause):
    with proxy.answering(how, "GET", "part-0007", times=1) as fault, opened(logs) as engine:
        assert read_all(engine) == sum(range(FILES * ROWS))
    assert len(fault.hits) == 1

    with proxy.answering(how, "GET", "part-0007"), pytest.raises(StoreFailed, match=rf"part-0007.*read.*{cause}"):
        opened(logs)


def test_a_store_that_gives_other_bytes_than_were_requested_is_refused(logs):
    objects = LogObjects.of(by_url(logs))
    objects._client.meta.events.register("before-sign.s3.GetObject", lambda request, **_: del_range(request.headers))

    with pytest.raises(StoreFailed, match=r"bytes came where 10 were requested; the store has to support .* Range"):
        objects.read(f"rtb/{logs[0].key}", 0, 10)
