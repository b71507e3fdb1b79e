"""Compares the optimizer with its peers: rankings, predictions, selections and bids.

Each is a measurement as bench.py records them. The learners, which need a search, run only with --peers.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rankers import ranked
from real_logs import CASES
from results import Measurement

HERE = Path(__file__).parent
RANKED = {"mutual_info": 10.0, "mrmr": 15.0, "lightgbm": 100.0}
"""How many times our CPU seconds each ranking takes at least, the target."""
LEAST_SHARE = {"viewable": 99.0, "revenue": 99.0, "clicks": 95.0}
"""The share of the best peer's holdout gain on real logs that is the target, in percent."""
LEARNERS = ("lightgbm", "lightgbm_encoded", "regression")
TOP = 11


def answered(script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the process prints
    """Run one of the scripts next to this one in a fresh process, without its warnings, and return its JSON."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    return json.loads(finished.stdout)


def rankings(size: str, world: Path, runs: int) -> Iterator[Measurement]:
    """Yield what ranking the same encoded sample costs each, in turns, and what the segment model makes of each."""
    with TemporaryDirectory(prefix="rtb_optimizer_ranking_") as folder:
        saved = Path(folder) / "sample.npz"
        rows = answered("ours.py", "sample", world, "--into", saved)["rows"]
        yield Measurement(f"ranking_sample_rows_{size}", rows, "rows")
        turns: dict[str, list[Any]] = {"ours": [], **{name: [] for name in RANKED}}
        for _ in range(runs):
            for name, results in turns.items():
                results.append(answered("ours.py", "rank", saved) if name == "ours" else ranked(name, saved))
    yield Measurement(f"ranking_cpu_{size}", median(turn["cpu"] for turn in turns["ours"]), "CPU s", runs=runs)
    for name, at_least in RANKED.items():
        times = [theirs["cpu"] / ours["cpu"] for ours, theirs in zip(turns["ours"], turns[name], strict=True)]
        yield Measurement(f"ranking_{name}_over_ours_{size}", median(times), "x", at_least=at_least, runs=runs)
    for name in RANKED:
        order = ",".join(turns[name][-1]["order"][:TOP])
        share = 100 * answered("ours.py", "same_model", world, "--order", order)["share"]
        yield Measurement(f"world1_oracle_{name}_top_{TOP}_{size}", share, "%, same segment model")


def real_logs(*, peers: bool) -> Iterator[Measurement]:
    """Yield the scores on a later week or two later days of real logs; the shares of the best peer only with `peers`.

    Gains are in nats over a constant at the training rate. The files may be absent: then there is nothing to yield.
    """
    for name in (name for name, case in CASES.items() if case.path.exists()):
        ours = answered("ours.py", "real", name)
        yield Measurement(f"{name}_gain_real", ours["gain"], "nats")
        yield Measurement(f"{name}_table_rows_real", ours["rows"], "rows", at_most=50_000)
        worst = 100 * ours["calibration"]["worst"]
        yield Measurement(f"{name}_worst_decile_real", worst, "% error after recalibration", at_most=15.0)
        if (by_chance := ours["calibration"]["worst_by_chance"]) is not None:
            yield Measurement(f"{name}_worst_decile_by_chance_real", 100 * by_chance, "% error if all rates are right")
        yield Measurement(f"{name}_level_real", ours["level"], "predicted / observed")
        for loss in ours["joint"]:
            share = 100 * loss["gain"] / ours["joint_master"]
            yield Measurement(f"{name}_joint_{loss['keys']}_keys_real", share, "% of the master table's gain")
        if peers:
            yield from _shares(name, ours)


def of_script(name: str) -> Iterator[Measurement]:
    """Yield what one of the scripts next to this one measures."""
    yield from (Measurement(**each) for each in answered(name))


def _shares(name: str, ours: dict[str, Any]) -> Iterator[Measurement]:
    scores = answered("real_logs.py", "--case", name)[name]
    for learner in LEARNERS:
        yield Measurement(f"{name}_gain_{learner}_real", scores[learner]["gain"], "nats")
    for level, gain in {"": "gain", "_unlevelled": "gain_unlevelled"}.items():
        share = 100 * ours[gain] / max(scores[learner][gain] for learner in LEARNERS)
        least = None if level else LEAST_SHARE[name]
        yield Measurement(f"{name}_of_best_peer{level}_real", share, "%", at_least=least)


def worlds(size: str, name: str, world: Path, ours: float) -> Iterator[Measurement]:
    """Yield what the learners reach of the oracle on the same sample, and by how much the table is ahead (points)."""
    shares = {
        learner: 100 * answered("ours.py", "learner", world, "--learner", learner)["share"] for learner in LEARNERS
    }
    for learner, share in shares.items():
        yield Measurement(f"{name}_oracle_{learner}_{size}", share, "%")
    yield Measurement(f"{name}_ahead_of_peers_{size}", ours - max(shares.values()), "points", at_least=5.0)


def bids(size: str, world: Path, *, peers: bool) -> Iterator[Measurement]:
    """Yield what budgets buy under the table's multipliers, and under bids that follow LightGBM, over flat bids."""
    learner = ("--learner", "lightgbm_encoded") if peers else ()
    for bought in answered("ours.py", "bids", world, *learner):
        if bought["policy"] != "flat":
            name = f"outcomes_{bought['policy']}_at_{bought['share']:.4g}_{size}"
            yield Measurement(name, bought["over_flat"], "x flat bids")
