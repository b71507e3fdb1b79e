"""Measures a run's speed, memory and quality on two synthetic worlds, against a plain scan of the logs.

make bench, or: make bench ARGS="--rows 1e7 --runs 3 --seeds 20 --peers"

Every measurement has a fresh process; floor and run alternate. Results of other sizes on the same machine remain.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import against_peers
from results import Measurement, machine, record

HERE = Path(__file__).parent
WORLDS = {"world1": [], "world2": ["--interacting"]}
WORLD_SEED = 1
PICKS_FROM_SEED = 101
SCRIPTS = {
    "budget": "equal_budget.py",
    "slope": "slopes.py",
    "small": "small_campaigns.py",
    "leaks": "leaks.py",
    "loop": "loop.py",
    "prices": "second_price.py",
    "arms": "live_evidence.py",
    "files": "many_files.py",
    "night": "night.py",
    "warm": "warm_start.py",
    "spark": "on_spark.py",
}
PARTS = ("world", "picks", "real", *SCRIPTS)

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How large, how often, on how many seeds, and whether peers are tuned."""

    rows: int
    runs: int
    seeds: int
    peers: bool

    @property
    def size(self) -> str:
        """The rows as an id shows them."""
        millions = self.rows / 1e6
        return f"{millions:g}M"


def measured(what: str, *options: object) -> Any:  # noqa: ANN401 - whatever the process prints
    """Measure one thing in a fresh process."""
    command = [sys.executable, str(HERE / "measured.py"), what, *map(str, options)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603 - our own script


def rounds(folder: Path, runs: int) -> tuple[list[Run], list[Run]]:
    """Measure floor and run in turns on a world's logs."""
    turns = [(measured("floor", "--folder", folder), measured("run", "--folder", folder)) for _ in range(runs)]
    return [floor for floor, _ in turns], [run for _, run in turns]


def speed(options: Options, floors: list[Run], runs: list[Run]) -> Iterator[Measurement]:
    """Yield what a run costs; ratios are of a round, so that a slow minute hurts both sides."""
    size, times, targets = options.size, options.runs, {"10M": 5.0, "50M": 3.0}
    pairs = list(zip(floors, runs, strict=True))
    whole = median(run["cpu"] / floor["cpu"] for floor, run in pairs)
    selection = median(run["selection_cpu"] / floor["cpu"] for floor, run in pairs)
    yield Measurement(f"scan_cpu_{size}", median(f["cpu"] for f in floors), "CPU s", runs=times)
    yield Measurement(f"selection_cpu_{size}", median(r["selection_cpu"] for r in runs), "CPU s", runs=times)
    yield Measurement(f"run_cpu_{size}", median(r["cpu"] for r in runs), "CPU s", runs=times)
    yield Measurement(f"run_wall_{size}", median(r["wall"] for r in runs), "s", runs=times)
    yield Measurement(f"selection_over_scan_{size}", selection, "x", at_most=1.5, runs=times)
    yield Measurement(f"run_over_scan_{size}", whole, "x", at_most=targets.get(size), runs=times)
    yield Measurement(f"run_peak_memory_{size}", median(r["rss"] for r in runs), "GiB", at_most=2.0, runs=times)


def quality(options: Options, name: str, runs: list[Run]) -> Iterator[Measurement]:
    """Yield the master table's quality on the holdout day; repeated runs give the same, so the last is reported."""
    least = {"world1": 88.0, "world2": 72.0}[name] if options.rows >= 10_000_000 else None  # noqa: PLR2004 - 10M
    oracle = runs[-1]["oracle"]
    yield Measurement(f"{name}_oracle_{options.size}", 100 * oracle["share"], "%", at_least=least)
    most = 10_000 if name == "world1" else None
    yield Measurement(f"{name}_table_rows_{options.size}", oracle["rows"], "rows", at_most=most)
    yield Measurement(f"{name}_level_{options.size}", oracle["level"], "predicted / true rate")


def picked(options: Options, name: str, kind: list[str]) -> Iterator[Measurement]:
    """Yield what selection picked over several seeds of a world."""
    seeds = range(PICKS_FROM_SEED, PICKS_FROM_SEED + options.seeds)
    picks = [measured("picks", "--rows", options.rows, "--seed", seed, *kind) for seed in seeds]
    if not picks:
        return
    for what in ("noise", "redundant", "false_interactions"):
        total = sum(pick[what] for pick in picks)
        yield Measurement(f"{name}_{what}_picked_{options.size}", total, "in all seeds", at_most=0, runs=len(picks))
    expected = sum(pick["detectable"] for pick in picks)
    share = 100 * (1 - sum(pick["detectable_missed"] for pick in picks) / max(expected, 1))
    unit = f"% of {expected} detectable ones"
    yield Measurement(f"{name}_detectable_picked_{options.size}", share, unit, at_least=95.0, runs=len(picks))
    planted_interactions = 1 if name == "world1" else 5
    for what, of in {"planted": 11, "interactions": planted_interactions}.items():
        median_picked = median(pick[what] for pick in picks)
        yield Measurement(f"{name}_{what}_picked_{options.size}", median_picked, f"of {of}, median", runs=len(picks))


def of_world(options: Options, name: str, kind: list[str]) -> Iterator[Measurement]:
    """Write a world's logs and yield all that is measured on them."""
    with TemporaryDirectory(prefix="rtb_optimizer_bench_") as created:
        folder = Path(created)
        measured("world", "--folder", folder, "--rows", options.rows, "--seed", WORLD_SEED, *kind)
        floors, runs = rounds(folder, options.runs if name == "world1" else 1)
        if name == "world1":
            yield from speed(options, floors, runs)
        yield from quality(options, name, runs)
        if name == "world1":
            yield from against_peers.rankings(options.size, folder, options.runs)
            yield from against_peers.bids(options.size, folder, peers=options.peers)
        if options.peers:
            yield from against_peers.worlds(options.size, name, folder, 100 * runs[-1]["oracle"]["share"])


def main() -> None:
    """Measure, record, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="rounds of floor and run")
    parser.add_argument("--seeds", type=int, default=2, help="fresh worlds to select on, of each kind")
    parser.add_argument("--peers", action="store_true", help="tune the peers too, which takes many minutes")
    parser.add_argument("--world", choices=WORLDS, action="append", help="one or both; default: both")
    parser.add_argument("--only", choices=PARTS, action="append", help="one or more parts; default: all")
    arguments = parser.parse_args()
    options = Options(arguments.rows, arguments.runs, arguments.seeds, arguments.peers)
    parts, markdown = arguments.only or PARTS, ""
    for name in arguments.world or WORLDS:
        print(f"{name}: {options.size} rows, {options.runs} rounds, {options.seeds} seeds", file=sys.stderr)
        if "world" in parts:
            markdown = record(machine(), of_world(options, name, WORLDS[name]))
        if "picks" in parts:
            markdown = record(machine(), picked(options, name, WORLDS[name]))
    if "real" in parts:
        markdown = record(machine(), against_peers.real_logs(peers=options.peers))
    for name, script in SCRIPTS.items():
        if name in parts:
            markdown = record(machine(), against_peers.of_script(script))
    print(markdown)


if __name__ == "__main__":
    main()
