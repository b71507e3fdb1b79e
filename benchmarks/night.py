"""Measures a night of many small entities through the local scheduler: CPU seconds by part, time, connections, rows.

PYTHONPATH=include .venv/bin/python benchmarks/night.py --entities 24

Each entity has 10,000 rows over four days. The schedule makes a first run of each; then a run of each is triggered at
once, and the night ends when the last is decided. What the stack takes when nothing runs is measured between, and taken
off. Figures are of a run of one entity; a thousand are extrapolated from them, since nothing in a run depends on the
number of entities but the parsing of DAG files (dag_parsing.py).
"""

import argparse
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psutil
import psycopg
from results import Measurement

from rtb_optimizer.demo.world import World
from rtb_optimizer.local import state
from rtb_optimizer.local.airflow_api import AirflowApi
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.local.settings import CATALOG_DATABASE, METADATA_DATABASE, LocalSettings, settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.store import connections, dag_list_export, entities, migrate, seeds
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.objects import ObjectStore

DAYS, ROWS_A_DAY = 4, 2_500
IDLE_S, LOOK_S = 20.0, 0.25
NIGHT = 1_000
TABLES = ("opt_runs", "opt_run_features", "opt_run_feature_macros", "opt_run_outputs", "opt_run_decisions")
Parts = dict[str, float]


@dataclass
class Watch:
    """CPU seconds of the parts of a stack, and the most connections to its database, while a block runs."""

    before: Parts
    seconds: float = 0.0
    connections: int = 0
    used: Parts = field(default_factory=dict)


def cpu_of(settings: LocalSettings) -> Parts:
    """Return the CPU seconds so far of each service; `tasks` are what the scheduler has started."""
    parts: Parts = {}
    for child in state.read_children(settings.root):
        process = psutil.Process(child.pid)
        own = process.cpu_times()
        parts[child.name] = own.user + own.system
        ended = own.children_user + own.children_system
        parts[f"{child.name}'s processes"] = ended + sum(map(_whole, process.children(recursive=True)))
    tasks = parts.pop("airflow-scheduler's processes")
    whole = {name: parts[name] + parts.get(f"{name}'s processes", 0.0) for name in parts if "'s " not in name}
    return whole | {"tasks": tasks}


def _whole(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return sum((times.user, times.system, times.children_user, times.children_system))
    return 0.0


@contextmanager
def watched(settings: LocalSettings) -> Iterator[Watch]:
    """Watch the stack while the block runs."""
    watch, ended, started = Watch(cpu_of(settings)), Event(), time.monotonic()
    looking = Thread(target=_count_connections, args=(settings, watch, ended))
    looking.start()
    try:
        yield watch
    finally:
        ended.set()
        looking.join()
        watch.seconds = time.monotonic() - started
        watch.used = {name: after - watch.before.get(name, 0.0) for name, after in cpu_of(settings).items()}


def _count_connections(settings: LocalSettings, watch: Watch, ended: Event) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with psycopg.connect(settings.database_url(METADATA_DATABASE), autocommit=True) as server:
        while not ended.wait(LOOK_S):
            watch.connections = max(watch.connections, server.execute(query).fetchone()[0] - 1)


def add_entities(number: int) -> list[str]:
    """Migrate the catalog, write logs, add entities; return their codes."""
    migrate.upgrade(connections.catalog())
    codes = [f"small_{n:04}" for n in range(number)]
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: _write_logs(*each, days), enumerate(codes)))
    with connections.session() as session:
        seeds.seed(session)
        for n, code in enumerate(codes):
            config = {
                "logs_path": f"s3://rtb/logs/{code}/date={{date}}/",
                "lookback_days": str(DAYS),
                "outcome_column": "click",
                "value_column": "revenue",
                "cost_column": "price",
                "timestamp_column": "event_time",
                "row_id_columns": "auction_id",
                "candidate_features": "internal_adspace_id, site_domain, device_type, browser, ad_size, country",
            }
            entities.add(session, NewEntity(code, code, n, "ssp", f"s3://rtb/optimizer/{code}", config), "bench")
        session.commit()
        dag_list_export.export(session)
    return codes


def _write_logs(number: int, code: str, days: list[date]) -> None:
    import pyarrow.parquet as pq

    store, world = ObjectStore.of("s3://rtb/"), World(number + 1, ROWS_A_DAY, 0.1, 30)
    for day in days:
        body = io.BytesIO()
        pq.write_table(world.day(day), body)
        store.put_once(f"logs/{code}/date={day}/part-0.parquet", body.getvalue())
        store.put_once(f"logs/{code}/date={day}/_SUCCESS", b"\n")


def run_night(airflow: AirflowApi, codes: list[str]) -> list[str]:
    """Trigger a run of every entity, wait for all; return their states."""
    started = [(f"rtb_optimizer__{code}", airflow.trigger(f"rtb_optimizer__{code}")) for code in codes]
    return [airflow.wait(dag_id, dag_run, timeout_s=7200) for dag_id, dag_run in started]


def sizes(settings: LocalSettings) -> Parts:
    """Return the rows of the catalog's tables of runs, and the bytes of both databases."""
    with psycopg.connect(settings.database_url(CATALOG_DATABASE)) as catalog:
        rows = {name: catalog.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
        of = "SELECT pg_database_size(%s)"
        size = {name: catalog.execute(of, [name]).fetchone()[0] for name in (CATALOG_DATABASE, METADATA_DATABASE)}
    return {**rows, **size}


def prepare(settings: LocalSettings, parts: Path) -> None:
    """Have the stack's tasks record their parts in a folder."""
    parts.mkdir()
    os.environ["RTB_TASK_PARTS"] = str(parts)
    config = settings.airflow_home / "config"
    config.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("task_parts.py"), config / "airflow_local_settings.py")


def measure(number: int) -> Iterator[Measurement]:
    """Run a night on a stack of its own, and yield the measurements."""
    with TemporaryDirectory(prefix="rtb_optimizer_night_") as folder:
        settings = settings_on_free_ports(Path(folder) / "stack")
        prepare(settings, parts := Path(folder) / "parts")
        with running_stack(settings) as live:
            os.environ |= process_environment(live) | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL"}
            codes = add_entities(number)
            airflow = AirflowApi.sign_in(live)
            airflow.wait_for_dags([f"rtb_optimizer__{code}" for code in codes], timeout_s=600)
            wait_for_decisions(live, number)
            with watched(live) as idle:
                time.sleep(IDLE_S)
            for file in parts.iterdir():
                file.unlink()
            small = sizes(live)
            with watched(live) as night:
                states = run_night(airflow, codes)
            if set(states) != {"success"}:
                raise RuntimeError(f"runs of the night ended {states}: see the logs of their tasks")
            growth = {name: after - small[name] for name, after in sizes(live).items()}
            told = [json.loads(file.read_text()) for file in parts.iterdir()]
        yield from of_night(number, night, idle, growth)
        yield from of_tasks(number, told, night)


def wait_for_decisions(settings: LocalSettings, number: int) -> None:
    """Wait until that many runs of the schedule are over."""
    query = "SELECT count(*) FROM dag_run WHERE state = 'success' AND dag_id LIKE 'rtb_optimizer\\_\\_%'"
    with psycopg.connect(settings.database_url(METADATA_DATABASE), autocommit=True) as server:
        while server.execute(query).fetchone()[0] < number:
            time.sleep(1)


def of_night(runs: int, night: Watch, idle: Watch, growth: Parts) -> Iterator[Measurement]:
    """Yield what a run costs by process, beside what the stack takes without one."""
    cores = os.cpu_count() or 1
    net = {name: used - idle.used[name] * night.seconds / idle.seconds for name, used in night.used.items()}
    for name, used in sorted(net.items()):
        yield Measurement(f"night_{name.replace('-', '_')}_cpu", used / runs, "CPU s a run", runs=runs)
    yield Measurement("night_cpu", sum(net.values()) / runs, "CPU s a run", runs=runs)
    yield Measurement("night_idle_cpu", sum(idle.used.values()) / idle.seconds, "cores")
    yield Measurement("night_seconds", night.seconds, f"s for {runs} entities", runs=runs)
    hours = sum(night.used.values()) / runs * NIGHT / 3600
    yield Measurement("night_thousand_cpu", hours, f"CPU h, from {runs} entities", runs=runs)
    yield Measurement("night_thousand", night.seconds / runs * NIGHT / 3600, f"h on {cores} cores, from {runs}")
    yield Measurement("night_connections", night.connections, "connections at most")
    for name in TABLES:
        yield Measurement(f"night_{name}", growth[name] / runs, "rows a run", runs=runs)
    for name in (CATALOG_DATABASE, METADATA_DATABASE):
        yield Measurement(f"night_{name}_size", growth[name] / runs / 1e3, "kB a run", runs=runs)


def of_tasks(runs: int, told: list[Mapping[str, float]], night: Watch) -> Iterator[Measurement]:
    """Yield the parts of a run's tasks: what starts them, imports, work; and the work of each task."""
    for part in ("start", "start_imports", "work", "work_imports"):
        total = sum(each[part] for each in told)
        yield Measurement(f"night_tasks_{part}_cpu", total / runs, "CPU s a run", runs=runs)
    rest = night.used["tasks"] - sum(each["start"] + each["work"] for each in told)
    yield Measurement("night_tasks_supervision_cpu", rest / runs, "CPU s a run", runs=runs)
    for task in sorted({str(each["task"]) for each in told}):
        of = [each for each in told if each["task"] == task]
        for part in ("work", "work_imports"):
            yield Measurement(f"night_{task}_{part}_cpu", mean(each[part] for each in of), "CPU s a task", runs=len(of))


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=12)
    options = parser.parse_args()
    measurements = [asdict(each) for each in measure(options.entities)]
    sys.stdout.write(json.dumps(measurements) + "\n")


if __name__ == "__main__":
    main()
