"""Plays closed loops of the product and a simulated bidder, and measures how far spend and outcomes go astray.

PYTHONPATH=include:tests/support .venv/bin/python benchmarks/loop.py

Fourteen nights each, on a stack of its own: spend relative to a multiplier of 1 is asked to stay within 3 %, 5 % where
the bidder takes the square root of a multiplier. Outcomes are compared with the loop whose logs tell each row's bid.
The nights are printed on stderr.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from results import Measurement

os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"  # it logs on stdout, where the measurements go

from closed_loop import Loop
from market import Market
from rtb_optimizer.local.environment import environment
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.store import connections, migrate, seeds

NIGHTS = 14
LOOPS: Mapping[str, tuple[Mapping[str, Any], float]] = {
    "history": ({}, 3.0),
    "told": ({"config": {"multiplier_column": "multiplier"}}, 3.0),
    "holdback": ({"config": {"holdback_share": "0.1", "no_bid_below": "0.5"}}, 3.0),
    "ignored": ({"follows": False}, 3.0),
    "square_root": ({"market": Market(elasticity=0.5)}, 5.0),
}
SETTLES = {"square_root": 2}
"""The night from which spend is asked for, where that is not the first with a table: what has to be measured first."""


def main() -> None:
    """Play every loop; print the measurements as JSON."""
    with TemporaryDirectory(prefix="rtb_optimizer_loop_") as folder:
        settings = settings_on_free_ports(Path(folder))
        with running_stack(settings, ("postgres", "s3")) as live:
            _use(environment(live))
            played = {name: _played(name, arguments) for name, (arguments, _) in LOOPS.items()}
    print(json.dumps([asdict(each) for name, loop in played.items() for each in _measured(name, loop, played["told"])]))


def _use(variables: Mapping[str, str]) -> None:
    import os

    os.environ |= {name: variables[name] for name in ("AIRFLOW_CONN_RTB_CATALOG", "AIRFLOW_CONN_RTB_S3", "RTB_BUCKET")}
    migrate.upgrade(connections.catalog())
    with connections.session() as session:
        seeds.seed(session)
        session.commit()


def _played(name: str, arguments: Mapping[str, Any]) -> Loop:
    loop = Loop("s3://rtb/loops", name, **arguments)
    for _ in range(NIGHTS):
        loop.play()
        loop.run()
    for number, night in enumerate(loop.nights):
        spend, outcomes = night.of_flat
        print(f"{name:12} night {number:2}: spend {spend:.3f}, outcomes {outcomes:.3f}", file=sys.stderr)
    return loop


def _measured(name: str, loop: Loop, told: Loop) -> list[Measurement]:
    first = SETTLES.get(name, 1)
    astray = max(abs(night.of_flat[0] - 1) for night in loop.nights[first:])
    share = sum(night.outcomes for night in loop.nights) / sum(night.outcomes for night in told.nights)
    least = 97.0 if name in {"history", "told"} else None
    return [
        Measurement(f"loop_{name}_spend_astray", 100 * astray, "% of a night's spend, worst night", LOOPS[name][1]),
        Measurement(f"loop_{name}_outcomes", 100 * share, "% of the loop whose logs tell the bids", at_least=least),
    ]


if __name__ == "__main__":
    main()
