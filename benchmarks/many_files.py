"""What many small files in S3 cost a run: time behind a store that answers late, and requests; large files, to pyarrow.

PYTHONPATH=include .venv/bin/python benchmarks/many_files.py --rows 1e7

The store is the local one, behind a proxy that counts requests and can delay each by 30 ms. A run is selection and
tables of world 1, in a process of its own; runs with and without the delay alternate.
"""

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from auction_logs import write_logs
from measured import Clock, default_settings, evaluation_of
from results import Measurement
from worlds import DAYS, world

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.local.environment import environment
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.run.build_tables import Recipe, build_tables
from rtb_optimizer.run.choose_features import choose_features
from rtb_optimizer.run.sample_file import sample_of
from rtb_optimizer.store import connections
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore

BUCKET, MANY, LARGE = "rtb", "many/", "large/"
FILES_A_DAY = 288  # one every five minutes, as Firehose writes
DELAY_S = 0.03
MOST_DELAYED, MOST_REQUESTS, MOST_OVER_PYARROW = 1.5, 3.0, 1.1
HEAD_END = b"\r\n\r\n"
VARIABLE = "AIRFLOW_CONN_RTB_S3"
Logs = tuple[DuckDBEngine, LogTable]


class Proxy:
    """Passes requests of S3 on, each after a delay, and counts them."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream, self.delay, self.requests = upstream, 0.0, 0
        self.port = 0
        started = threading.Event()
        threading.Thread(target=asyncio.run, args=(self._serve(started),), daemon=True).start()
        started.wait()

    async def _serve(self, started: threading.Event) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await server.serve_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store: asyncio.StreamWriter | None = None
        try:
            from_store, store = await asyncio.open_connection(*self.upstream, limit=1 << 24)
            while True:
                head = await reader.readuntil(HEAD_END)
                body = await reader.readexactly(_length(head))
                self.requests += 1
                await asyncio.sleep(self.delay)
                store.write(head + body)
                await _pass(from_store, writer, has_body=not head.startswith(b"HEAD"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            if store is not None:
                store.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, has_body: bool) -> None:
    head = await source.readuntil(HEAD_END)
    target.write(head)
    left = _length(head) if has_body else 0
    while left and (piece := await source.read(min(left, 1 << 20))):
        target.write(piece)
        await target.drain()
        left -= len(piece)
    while b"transfer-encoding: chunked" in head.lower():
        size = await source.readline()
        target.write(size + await source.readexactly(int(size, 16) + 2))
        if int(size, 16) == 0:
            break
    await target.drain()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


def upload(rows: int) -> None:
    """Write world 1 as many small files and as a large one a day; the day to hold out is not needed."""
    import pyarrow.parquet as pq

    client = connections.s3_client()

    def put(key: str, body: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=body)

    with TemporaryDirectory(prefix="rtb_optimizer_many_files_") as folder, ThreadPoolExecutor(4) as pool:
        for day in write_logs(world(1, interacting=False), rows, Path(folder))[:-1]:
            table, name = pq.read_table(day), day.parent.name
            for n in range(FILES_A_DAY):
                start, stop = (table.num_rows * k // FILES_A_DAY for k in (n, n + 1))
                body = io.BytesIO()
                pq.write_table(table.slice(start, stop - start), body)
                pool.submit(put, f"{MANY}{name}/part-{n:04d}.parquet", body.getvalue())
            pool.submit(put, f"{LARGE}{name}/part-0.parquet", day.read_bytes())
            day.unlink()


def run(prefix: str) -> dict[str, float]:
    """Do what the steps of a run do on the files below a prefix."""
    settings, clock = default_settings(), Clock()
    with ExitStack() as opened:
        engine, table = _open(opened, prefix, settings)
        arrivals(engine, table)
        log_profile = profile(engine, table)
        choice = choose_features(engine, table, log_profile)
    selection, sample = evaluation_of(log_profile, choice, settings)
    with ExitStack() as opened:
        engine, table = _open(opened, prefix, settings)
        build_tables(engine, table, sample_of(sample), Recipe.of(selection), log_profile.totals, None)
    return {"wall": clock.wall(), "cpu": clock.cpu()}


def _open(opened: ExitStack, prefix: str, settings: Settings) -> Logs:
    listed = _listed(prefix)
    limits = settings.engine_threads, settings.engine_memory_mb
    engine = opened.enter_context(DuckDBEngine(LogObjects.of(listed), *limits))
    days = {url.rpartition("/")[0] for url in listed}
    start = datetime.combine(DAYS[0], datetime.min.time(), UTC)
    types = engine.open_logs(list(listed))
    return engine, LogTable(settings, Window(start, start + timedelta(len(days))), types, {}, engine.dialect)


def _listed(prefix: str) -> dict[str, Any]:
    entries = sorted(ObjectStore(connections.s3_client(), BUCKET).list(prefix), key=lambda each: each.key)
    return {f"s3://{BUCKET}/{each.key}": each for each in entries}


def scan(prefix: str, *, by_pyarrow: bool) -> dict[str, float]:
    """Decode every column of the files below a prefix, once, read by us or by pyarrow's own reader of S3."""
    listed = _listed(prefix)
    source = _pyarrow_s3() if by_pyarrow else LogObjects.of(listed)
    clock = Clock()
    with DuckDBEngine(source, 2, default_settings().engine_memory_mb) as engine:
        types = engine.open_logs(list(listed))
        engine.query(f"SELECT {', '.join(f'MAX({engine.dialect.identifier(name)})' for name in types)} FROM logs")
    return {"wall": clock.wall(), "cpu": clock.cpu()}


def _pyarrow_s3() -> Any:  # noqa: ANN401 - pyarrow has no types
    from pyarrow.fs import S3FileSystem

    form = json.loads(os.environ[VARIABLE])
    host = form["extra"]["endpoint_url"].removeprefix("http://")
    keys = {"access_key": form["login"], "secret_key": form["password"]}
    return S3FileSystem(**keys, region="us-east-1", endpoint_override=host, scheme="http")


def measure(rows: int, runs: int) -> Iterator[Measurement]:
    """Start a store, write the logs, and yield what their reading costs."""
    with TemporaryDirectory(prefix="rtb_optimizer_bench_store_") as root, ExitStack() as stack:
        live = stack.enter_context(running_stack(settings_on_free_ports(Path(root)), ("s3",)))
        os.environ[VARIABLE] = environment(live)[VARIABLE]
        upload(rows)
        proxy = Proxy((live.host, live.s3_port))
        form = json.loads(os.environ[VARIABLE])
        form["extra"]["endpoint_url"] = f"http://127.0.0.1:{proxy.port}"
        yield from _of_runs(f"{rows / 1e6:g}M", json.dumps(form), proxy, runs)
        yield from _of_scans(f"{rows / 1e6:g}M", os.environ[VARIABLE], runs)


def _of_runs(size: str, connection: str, proxy: Proxy, runs: int) -> Iterator[Measurement]:
    files, times = FILES_A_DAY * (len(DAYS) - 1), list[tuple[float, float]]()
    for _ in range(runs):
        plain, proxy.requests = _alone(connection, "run", MANY)["wall"], 0
        proxy.delay = DELAY_S
        delayed = _alone(connection, "run", MANY)["wall"]
        proxy.delay = 0.0
        times.append((plain, delayed))
    each = proxy.requests / files
    yield Measurement(f"files_{files}_run_wall_{size}", median(plain for plain, _ in times), "s", runs=runs)
    ratio = median(delayed / plain for plain, delayed in times)
    yield Measurement(f"files_{files}_delayed_30_ms_{size}", ratio, "x", at_most=MOST_DELAYED, runs=runs)
    unit = "requests a file, two engines"
    yield Measurement(f"files_{files}_requests_{size}", each, unit, at_most=2 * MOST_REQUESTS)


def _of_scans(size: str, connection: str, runs: int) -> Iterator[Measurement]:
    turns = [(_alone(connection, "scan", LARGE), _alone(connection, "scan-by-pyarrow", LARGE)) for _ in range(runs)]
    for what in ("wall", "cpu"):
        ratio = median(ours[what] / theirs[what] for ours, theirs in turns)
        name = f"files_large_{what}_over_pyarrow_{size}"
        yield Measurement(name, ratio, "x", at_most=MOST_OVER_PYARROW if what == "wall" else None, runs=runs)


def _alone(connection: str, *words: str) -> dict[str, float]:
    """Measure in a process of its own, which reads through that connection."""
    command = [sys.executable, __file__, *words]
    surroundings = os.environ | {VARIABLE: connection, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(command, env=surroundings, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own script
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main(words: Sequence[str] | None = None) -> None:
    """Measure all, or one thing for a process that does; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="all", choices=("all", "run", "scan", "scan-by-pyarrow"))
    parser.add_argument("prefix", nargs="?", default=MANY)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=10_000_000)
    parser.add_argument("--runs", type=int, default=3, help="rounds, each with and without")
    given = parser.parse_args(words)
    parts: dict[str, Callable[[], object]] = {
        "all": lambda: [asdict(each) for each in measure(given.rows, given.runs)],
        "run": lambda: run(given.prefix),
        "scan": lambda: scan(given.prefix, by_pyarrow=False),
        "scan-by-pyarrow": lambda: scan(given.prefix, by_pyarrow=True),
    }
    print(json.dumps(parts[given.what]()))


if __name__ == "__main__":
    main()
