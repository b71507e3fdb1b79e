"""What the comparison of two arms gets wrong, and how soon it finds what was planted.

PYTHONPATH=include:.venv/bench .venv/bin/python benchmarks/live_evidence.py --entities 1000

Every look of every entity is judged, as a run judges it each night. Worlds are `measured`, as dispersed as the more
dispersed of two real campaigns; `heavy`; `value`, where each outcome has a value of its own; and `sampled`, where the
spend of an arm is estimated from a sample.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from statistics import median

import numpy as np
from live_worlds import Dispersion, World, draw, first_night, measured_dispersions, nights_of_known_truth
from real_logs import CASES
from results import Measurement

from rtb_optimizer.core.realized.evidence import Nights, evidence_of
from rtb_optimizer.core.realized.lift import intervals
from rtb_optimizer.core.realized.policy import ERROR, Against
from rtb_optimizer.core.sample.sample import Floats

KINDS = {
    "measured": Dispersion(bunching=1.6, returning=1.05, night=0.16, ratio=0.13),
    "heavy": Dispersion(bunching=4.0, returning=2.0, night=0.4, ratio=0.2),
    "value": Dispersion(bunching=1.6, returning=1.05, night=0.16, ratio=0.13, value=2.0),
    "sampled": Dispersion(bunching=1.6, returning=1.05, night=0.16, ratio=0.13, sampled=True),
}
SIZES = (20, 400, 10_000, 100_000)
HOLDBACKS, CHALLENGERS = (0.95, 0.9, 0.5), (0.1, 0.5)
NIGHTS, MORE_NIGHTS = 30, 60
PLANTED_SIZES = (400, 2_000, 20_000)
EFFECTS = (0.05, 0.1, 0.2)
CAMPAIGNS = (1458, 3386)


def looks(nights: Nights, alpha: float) -> tuple[Floats, Floats]:
    """Return the bounds of each policy's lift after every night (n x nights each)."""
    bounds = []
    for night in range(1, nights.result.shape[1] + 1):
        so_far = Nights(nights.result[:, :night], nights.spend[:, :night], nights.outcomes[:, :night])
        bounds.append(intervals(evidence_of(so_far), alpha))
    low, high = (np.stack(side, axis=1) for side in zip(*bounds, strict=True))
    return low, high


def wrongly(against: Against, world: World, entities: int, seed: int) -> int:
    """Return how many policies without any lift were ever stood down, or challengers ever promoted or dropped."""
    low, high = looks(draw(world, entities, NIGHTS, seed), against.alpha)
    wrong = high < 0
    if against is Against.ACTIVE:
        wrong |= low > 0
    return int(wrong.any(axis=1).sum())


def missed(world: World, entities: int, seed: int) -> int:
    """Return in how many worlds the interval of 95 % ever excluded the truth."""
    low, high = looks(draw(world, entities, NIGHTS, seed), ERROR)
    return int(((low > world.lift) | (high < world.lift)).any(axis=1).sum())


def without_lift(entities: int) -> Iterator[Measurement]:
    """Yield what is decided although there is nothing to decide, the worst share of the arms."""
    most = ERROR * entities
    for kind, dispersion in KINDS.items():
        for seed, size in enumerate(SIZES):
            name = f"arms_aa_{kind}_{size}"
            worst = max(wrongly(Against.HOLDBACK, World(size, s, dispersion), entities, seed) for s in HOLDBACKS)
            unit = f"of {entities} policies in {NIGHTS} nights, worst of holdbacks of 5, 10, 50 %"
            yield Measurement(f"{name}_stood_down", worst, unit, at_most=most, runs=entities)
            worst = max(wrongly(Against.ACTIVE, World(size, s, dispersion), entities, seed) for s in CHALLENGERS)
            unit = f"of {entities} challengers in {NIGHTS} nights, promoted or dropped, worst of shares of 10, 50 %"
            yield Measurement(f"{name}_challengers", worst, unit, at_most=most, runs=entities)


def coverage(entities: int) -> Iterator[Measurement]:
    """Yield in how many worlds the interval was ever wrong, in the worst size and share."""
    for kind, dispersion in KINDS.items():
        for lift in (-0.1, 0.0, 0.1):
            worlds = [World(size, share, dispersion, lift) for size in SIZES[1:] for share in (0.95, 0.5)]
            worst = max(missed(world, entities, seed) for seed, world in enumerate(worlds))
            unit = f"of {entities} worlds, at any of {NIGHTS} looks, worst of sizes and shares"
            name = f"arms_interval_missed_{kind}_{100 * lift:+.0f}"
            yield Measurement(name, worst, unit, at_most=ERROR * entities, runs=entities)


def planted(against: Against, share: float, sign: int, entities: int) -> Iterator[Measurement]:
    """Yield when a planted lift is found, and the outcomes lost until then, against a test that knows the truth."""
    for size in PLANTED_SIZES:
        for effect in EFFECTS:
            world = World(size, share, KINDS["measured"], sign * effect)
            nights = draw(world, entities, MORE_NIGHTS, size)
            low, high = looks(nights, against.alpha)
            ours = first_night(high < 0 if sign < 0 else low > 0)
            truth = nights_of_known_truth(world, nights, ERROR)
            a_night = size * effect * (share if sign < 0 else 1 - share)
            lost, least = (a_night * float(np.minimum(of, MORE_NIGHTS).mean()) for of in (ours, truth))
            name = f"arms_{'harm' if sign < 0 else 'gain'}_{100 * effect:.0f}_{size}"
            by_thirty, by_sixty = (100 * float((ours <= night).mean()) for night in (NIGHTS, MORE_NIGHTS))
            known = f"(a test that knows the truth: {median(np.minimum(truth, MORE_NIGHTS + 1)):g})"
            found = median(np.minimum(ours, MORE_NIGHTS + 1))
            yield Measurement(f"{name}_nights", found, f"nights, median, 61 for never {known}", runs=entities)
            yield Measurement(f"{name}_by_60", by_sixty, f"% by night 60 (by night 30: {by_thirty:.0f})", runs=entities)
            unit = f"outcomes until then, mean (a test that knows the truth: {least:.0f}; in 60 nights: "
            yield Measurement(f"{name}_lost", lost, f"{unit}{60 * a_night:.0f})", runs=entities)


def measurements(entities: int) -> Iterator[Measurement]:
    """Yield what real campaigns show, the errors, and how soon what was planted is found."""
    for advertiser in CAMPAIGNS if CASES["clicks"].path.exists() else ():
        for what, value in measured_dispersions(advertiser).items():
            yield Measurement(f"arms_{advertiser}_{what}", value, "of a week's clicks")
    yield from without_lift(entities)
    yield from coverage(entities)
    yield from planted(Against.HOLDBACK, 0.95, -1, entities // 4)
    yield from planted(Against.ACTIVE, 0.5, 1, entities // 4)


def main() -> None:
    """Print all measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=1_000, help="of each world; a quarter of them with a lift")
    print(json.dumps([asdict(each) for each in measurements(parser.parse_args().entities)], indent=1))


if __name__ == "__main__":
    main()
