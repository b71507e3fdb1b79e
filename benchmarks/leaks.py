"""How many honest columns are suspected to leak the outcome, and how many leaks of each kind are found.

PYTHONPATH=include .venv/bin/python benchmarks/leaks.py --worlds 100
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from leaking_worlds import LEAKS, LeakingWorld, leaking_world
from measured import default_settings
from results import Measurement

from rtb_optimizer.core.model.link import baseline_deviance, link_of
from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.selection.leaks import suspected_from, suspicion
from rtb_optimizer.core.selection.scoring import cross_fitted_gain

FOLDS = 5


def is_suspected(feature: Feature, world: LeakingWorld) -> bool:
    """Whether a run would suspect a column: by its values, or by what it explains alone."""
    others = [other for other in world.honest.values() if other is not feature]
    if suspicion(feature, world.rows, others) is not None:
        return True
    weight, outcome = world.rows.log_weight, world.rows.with_outcome
    fold = np.arange(len(outcome)) * FOLDS // len(outcome)
    sample = Sample(weight, weight * outcome, weight, fold, {})
    k, n = float(sample.outcome.sum()), float(sample.exposure.sum())
    link = link_of("auto", k, n, is_money=False)
    gain = cross_fitted_gain(feature, sample, sample.exposure * k / n, link)
    return gain.nats > suspected_from(default_settings().leak_score, k / n, link) * baseline_deviance(k, n, link)


def measurements(worlds: int) -> Iterator[Measurement]:
    """Yield the honest columns that are suspected, and the shares of the leaks that are found."""
    for name, weighted in (("plain", False), ("weighted", True)):
        honest, found, columns = 0, Counter[str](), 0
        for seed in range(worlds):
            world = leaking_world(seed, weighted=weighted)
            columns += len(world.honest)
            honest += sum(is_suspected(feature, world) for feature in world.honest.values())
            found.update(kind for kind, feature in world.leaks.items() if is_suspected(feature, world))
        unit = f"of {columns} honest columns"
        yield Measurement(f"leaks_{name}_honest_suspected", honest, unit, at_most=0, runs=worlds)
        for kind in LEAKS:
            share = 100 * found[kind] / worlds
            yield Measurement(f"leaks_{name}_{kind.replace(' ', '_')}", share, "% found", at_least=95.0, runs=worlds)


def main() -> None:
    """Print all measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=100, help="of each of two kinds")
    print(json.dumps([asdict(each) for each in measurements(parser.parse_args().worlds)], indent=1))


if __name__ == "__main__":
    main()
