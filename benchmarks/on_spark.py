"""What each statement of a run takes on DuckDB, on Sail, and on real Spark with one worker and with two: seconds.

PYTHONPATH=include:tests/support .venv/bin/python benchmarks/on_spark.py --rows 1e6

World 1 on local files; engines take turns. Sail and each worker of Spark have as many threads as stand beside them.
Spark is measured where `make test-long` has installed its server, and Java is here.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from auction_logs import write_logs
from columns import CANDIDATES
from measured import default_settings
from results import Measurement
from worlds import DAYS, world

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.grouping import grouping
from rtb_optimizer.engines.sql.table import LogTable
from sail_server import sail_server
from spark_cluster import missing, spark_cluster

FEATURES = CANDIDATES[:12]
PAIRS = [tuple(sorted(pair)) for pair in pairwise(FEATURES[:9])]
Statement = Callable[[Engine, LogTable], object]
STATEMENTS: Mapping[str, Statement] = {
    "arrivals": arrivals,
    "profile": profile,
    "sample": lambda engine, table: engine.query(table.sample(CANDIDATES, 1.0, 0.06)),
    "exact": lambda engine, table: engine.query(grouping(table, [*((name,) for name in FEATURES), *PAIRS])[0]),
    "exact_by_term": lambda engine, table: [
        engine.query(grouping(table, [each])[0]) for each in [*((name,) for name in FEATURES), *PAIRS]
    ],
}


def measure(rows: int, runs: int) -> Iterator[Measurement]:
    """Write the logs and yield the seconds of each statement on each engine; nothing where the client is missing."""
    from pyarrow.fs import LocalFileSystem

    if not (find_spec("pyspark") and find_spec("pysail")):
        print("on_spark.py: no client or no Sail is here: make setup-dev installs them", file=sys.stderr)
        return
    with TemporaryDirectory(prefix="rtb_optimizer_bench_spark_") as root, ExitStack() as stack:
        files = write_logs(world(1, interacting=False), rows, Path(root) / "logs")
        urls, local = [f"local://{file}" for file in files], LocalFileSystem()
        engines: dict[str, Engine] = {"duckdb": stack.enter_context(DuckDBEngine(local, 2, 1024))}
        cluster = stack.enter_context(sail_server())
        engines["sail"] = stack.enter_context(SparkEngine(cluster, local))
        for workers in () if missing() else (1, 2):
            folder = Path(root) / f"spark-{workers}"
            folder.mkdir()
            of_spark = stack.enter_context(spark_cluster(folder, workers)).cluster
            engines[f"spark_{workers}"] = stack.enter_context(SparkEngine(of_spark, local))
        tables = {name: _opened(engine, urls) for name, engine in engines.items()}
        for what, statement in STATEMENTS.items():
            for name, seconds in _in_turns(statement, engines, tables, runs).items():
                yield Measurement(f"{name}_{what}_{rows / 1e6:g}M", seconds, "s", runs=runs)


def _opened(engine: Engine, urls: list[str]) -> LogTable:
    start = datetime.combine(DAYS[0], datetime.min.time(), UTC)
    window = Window(start, start + timedelta(len(DAYS)))
    return LogTable(default_settings(), window, engine.open_logs(urls), {}, engine.dialect)


def _in_turns(
    statement: Statement, engines: Mapping[str, Engine], tables: Mapping[str, LogTable], runs: int
) -> dict[str, float]:
    """Return the median seconds by engine, after a turn that is not counted: a JVM compiles what it runs first."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(runs + 1):
        for name, engine in engines.items():
            start = time.monotonic()
            statement(engine, tables[name])
            if turn:
                seconds[name].append(time.monotonic() - start)
    return {name: median(each) for name, each in seconds.items()}


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps([asdict(each) for each in measure(given.rows, given.runs)]))


if __name__ == "__main__":
    main()
