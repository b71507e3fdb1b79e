"""Makes one measurement in a process of its own: the floor, a whole run, or what a selection picked; prints JSON.

The clock starts when everything is imported: work is compared, not start-up.
"""

import argparse
import importlib
import json
import resource
import time
import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files as resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from auction_logs import write_logs
from columns import CANDIDATES, NOISE, PLANTED, REDUNDANT
from detectable import detectable
from oracle import oracle_share
from worlds import DAYS, World, world

from rtb_optimizer.core.config.key import ConfigKey, DataType
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.selection.select import Selection
from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.profile import Profile, profile
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.live.row_bids import NO_BIDS
from rtb_optimizer.outputs import files
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.build_tables import Recipe, build_tables
from rtb_optimizer.run.choose_features import Choice, choose_features
from rtb_optimizer.run.read_logs import LogsRead
from rtb_optimizer.run.sample_file import sample_bytes, sample_of
from rtb_optimizer.run.selection_document import selection_document
from rtb_optimizer.run.volume import VolumeFindings

if TYPE_CHECKING:
    from collections.abc import Callable

IMPORTED_LATER = ("duckdb", "pyarrow.fs", "pyarrow.parquet", "pyarrow.dataset", "fsspec.implementations.arrow")
Days = tuple[date, date]
COLUMNS = {"timestamp_column": "ts", "outcome_column": "click", "value_column": "revenue", "cost_column": "price"}


def default_settings(**columns: object) -> Settings:
    """Return what version v3 declares, with nothing set but what the columns of these logs mean."""
    seed = tomllib.loads((resources("rtb_optimizer.store") / "seeds" / "v3.toml").read_text())
    keys = [
        ConfigKey(
            *(k["key"], DataType(k["type"]), k.get("default"), k.get("min"), k.get("max")),
            choices=tuple(k.get("choices", ())),
        )
        for k in seed["keys"]
    ]
    logs = {"logs_path": "s3://bench/logs/date={date}/", "candidate_features": ",".join(CANDIDATES)}
    return settings_of(resolve(keys, logs | COLUMNS, columns).values)


def floor(days: list[Path]) -> dict[str, object]:
    """Decode every column and do next to nothing with it."""
    import duckdb

    database = duckdb.connect(config={"threads": default_settings().engine_threads})
    source = f"read_parquet({[str(day) for day in days]}, hive_partitioning = false)"
    described = database.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    touched = {"VARCHAR": "SUM(STRLEN({}))", "TIMESTAMP": "MAX({})"}
    sums = [touched.get(kind, "SUM({})").format(name) for name, kind, *_ in described]
    clock = Clock()
    database.sql(f"SELECT {', '.join(sums)} FROM {source}").fetchall()
    return {"cpu": clock.cpu(), "wall": clock.wall(), "rss": peak_memory()}


def run(days: list[Path]) -> dict[str, object]:
    """Do what the steps of a run do, on local files, and score the last day with the table's bytes."""
    training, holdout, settings = days[:-1], days[-1], default_settings()
    clock = Clock()
    log_profile, choice = select(training, settings)
    selected = clock.cpu()
    master, _ = tables(training, settings, log_profile, evaluation_of(log_profile, choice, settings))
    measured = {"cpu": clock.cpu(), "wall": clock.wall(), "rss": peak_memory(), "selection_cpu": selected}
    return measured | {"oracle": oracle_share(master, holdout, settings)}


def picks(rows: int, seed: int, *, interacting: bool) -> dict[str, object]:
    """Select on a fresh world; return how much of what was picked is planted, redundant or noise."""
    planted, settings = world(seed, interacting=interacting), default_settings()
    with TemporaryDirectory(prefix="rtb_optimizer_world_") as folder:
        log_profile, choice = select(write_logs(planted, rows, Path(folder))[:-1], settings)
    expected = detectable(planted, log_profile.totals.outcome, settings.selection_rules)
    missed = expected - {chosen.name for chosen in choice.selection.chosen}
    return picks_by_kind(choice.selection, planted) | {"detectable": len(expected), "detectable_missed": len(missed)}


def picks_by_kind(selection: Selection, planted: World) -> dict[str, object]:
    """Count what was picked by what it is; an interaction is false where its columns share no planted one."""
    names = {chosen.name for chosen in selection.chosen}
    terms = [set(interaction.features) for interaction in selection.interactions]
    true = [term for term in terms if any(term <= truth for truth in planted.interactions)]
    counts = {"planted": len(names & set(PLANTED)), "redundant": len(names & set(REDUNDANT))}
    return counts | {
        "noise": len(names & set(NOISE)),
        "interactions": len(true),
        "false_interactions": len(terms) - len(true),
    }


def select(days: list[Path], settings: Settings, window: Days | None = None) -> tuple[Profile, Choice]:
    """Profile the logs and select; the default window is that of the worlds."""
    with opened(settings) as engine:
        table = logs(engine, days, settings, window)
        arrivals(engine, table)
        log_profile = profile(engine, table)
        return log_profile, choose_features(engine, table, log_profile)


def evaluation_of(log_profile: Profile, choice: Choice, settings: Settings) -> tuple[SelectionDocument, bytes]:
    """Evaluate the selection on the holdout; return its document and sample: the rest of `select_features`."""
    drawn = choice.drawn
    evidence = evaluate(drawn.sample, drawn.holdout, choice.selection, choice.link, settings.table_rules)
    document = selection_document(LogsRead([], log_profile, VolumeFindings(), NO_BIDS, choice, []), evidence, [])
    return document, sample_bytes(drawn.sample, [chosen.name for chosen in choice.selection.chosen])


def tables(
    days: list[Path],
    settings: Settings,
    log_profile: Profile,
    evaluation: tuple[SelectionDocument, bytes],
    window: Days | None = None,
) -> tuple[bytes, bytes]:
    """Count and build both tables: the step `build_segments` without its catalog."""
    selection, sample = evaluation[0], sample_of(evaluation[1])
    recipe = Recipe.of(selection)
    with opened(settings) as engine:
        built = build_tables(engine, logs(engine, days, settings, window), sample, recipe, log_profile.totals, None)
    master = files.segments_parquet(recipe.features, built.segments)
    return master, files.joint_parquet(built.joint)


def opened(settings: Settings) -> DuckDBEngine:
    """Return an engine that reads local files as the floor does."""
    return DuckDBEngine(None, settings.engine_threads, settings.engine_memory_mb)


def logs(engine: DuckDBEngine, days: list[Path], settings: Settings, window: Days | None = None) -> LogTable:
    """Open the files of these days."""
    start, end = window or (DAYS[0], DAYS[0] + timedelta(len(days)))
    midnights = (datetime.combine(day, datetime.min.time(), UTC) for day in (start, end))
    types = engine.open_logs([str(day) for day in days])
    return LogTable(settings, Window(*midnights), types, {}, engine.dialect)


class Clock:
    """Seconds of processor and of wall since it was made; children count."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu_seconds(), time.monotonic()

    def cpu(self) -> float:
        """Return the seconds of all threads and children, user and system."""
        return _cpu_seconds() - self._cpu

    def wall(self) -> float:
        """Return the seconds that passed."""
        return time.monotonic() - self._wall


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_memory() -> float:
    """Return this process's largest resident size so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure one thing and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("world", "floor", "run", "picks"))
    parser.add_argument("--folder", type=Path, help="where the world's logs are")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interacting", action="store_true")
    arguments = parser.parse_args()
    for name in IMPORTED_LATER:
        importlib.import_module(name)
    days = sorted(arguments.folder.glob("date=*/*.parquet")) if arguments.folder else []
    measures: dict[str, Callable[[], object]] = {
        "world": lambda: len(
            write_logs(world(arguments.seed, interacting=arguments.interacting), arguments.rows, arguments.folder)
        ),
        "floor": lambda: floor(days[:-1]),
        "run": lambda: run(days),
        "picks": lambda: picks(arguments.rows, arguments.seed, interacting=arguments.interacting),
    }
    print(json.dumps(measures[arguments.what]()))


if __name__ == "__main__":
    main()
