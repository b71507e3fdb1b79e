"""How much of what a table's own predictions win at equal budget its multipliers win, under several rules of bids.

PYTHONPATH=include .venv/bin/python benchmarks/equal_budget.py

Replays second-price auctions of a later day (replay.py) in small worlds and real campaigns. `kept` is the share of the
extra outcomes over flat bids that bids in proportion to the table's predictions win. The worst night is the least that
a rule wins over flat bids, of all nights whose table passes the gate on its hold-out.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean

import numpy as np
from measured import default_settings
from real_logs import CASES
from replay import FLAT, SHARES, replayed
from results import Measurement
from small_worlds import Nights, Plan, campaign, small_world

from rtb_optimizer.core.model.fit import fit, shrink_by_slope
from rtb_optimizer.core.model.link import link_of
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Floats
from rtb_optimizer.core.selection.interactions import detect
from rtb_optimizer.core.selection.select import Selection, select
from rtb_optimizer.core.table.bidding import spend_neutral_level
from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.core.table.rows import codes_to_publish, multiplier_product, restrict_to_rows, table_rows

RULES: Mapping[str, Mapping[str, float]] = {
    "default": {},
    "half": {"confidence": 0.5},
    "cautious": {"confidence": 0.8},
    "narrow": {"minimum": 0.3, "maximum": 3.0},
    "narrow_cautious": {"confidence": 0.8, "minimum": 0.3, "maximum": 3.0},
}
"""What each rule changes of the default; the last is what the default was before."""
SIZES = ((200, 0.003), (1_000, 0.003), (5_000, 0.003), (20_000, 0.003), (500, 0.02), (2_000, 0.1), (20_000, 0.4))
FEW = ((60, 0.003), (200, 0.003), (500, 0.003), (200, 0.1), (300, 0.4))
DRIFTING = ((150, 0.003), (400, 0.003), (1_500, 0.003), (400, 0.02), (300, 0.1), (1_000, 0.3))
CAMPAIGNS = (1458, 3386)
ANCHORS = ((), ("site", "noise_few"), ("site", "noise_user"))
PREDICTED = "predicted"
KEPT, LEAST_KEPT = "% of the predictions' extra outcomes", 90.0
Policies = dict[str, Floats]


def policies(nights: Nights, anchors: Sequence[str] = ()) -> tuple[Policies, bool]:
    """Return the bids by rule for the unseen rows, those in proportion to predictions too, and whether a run would go.

    Selection, hold-out, fit and rows are those of a run; the days before the unseen ones are its window.
    """
    settings = default_settings()
    sample = nights.sample.where(nights.sample.fold < nights.unseen)
    link = link_of("auto", sample.outcome.sum(), sample.exposure.sum(), is_money=False)
    holdout = sample.fold == nights.unseen - 1
    training, candidates = sample.where(~holdout), [name for name in sample.features if name not in anchors]
    found = select(training, candidates, anchors, settings.selection_rules, link)
    selection = Selection(
        found.chosen, found.rejected, detect(training, found.priors, settings.interaction_rules, link)
    )
    rules = settings.table_rules
    evidence = evaluate(sample, holdout, selection, link, rules)
    crossed = with_interactions(nights.sample, [each.features for each in selection.interactions])
    window, unseen = (crossed.where((crossed.fold < nights.unseen) == side) for side in (True, False))
    model = shrink_by_slope(fit(window, selection.priors, link), window, evidence.slope)
    codes = codes_to_publish(model, window, rules.segments, None)
    insignificant = [each.name for each in selection.chosen if each.z < settings.min_z]
    rates = restrict_to_rows(model, codes).rates(unseen)
    bids: Policies = {FLAT: np.ones(len(rates)), PREDICTED: rates / rates.mean()}
    for name, changed in RULES.items():
        of = replace(rules.segments.bids, **changed)
        rows = table_rows(model, window, codes, of, insignificant=insignificant)
        level = spend_neutral_level(multiplier_product(rows, window), window.spend, of)
        bids[name] = np.clip(level * multiplier_product(rows, unseen), of.minimum, of.maximum)
    return bids, evidence.gain > settings.min_holdout_gain


def over_flat(nights: Nights, bids: Policies) -> dict[tuple[str, float], float]:
    """Return what each policy wins with each share of the cost as budget, relative to flat bids."""
    return {(bought.policy, bought.share): bought.over_flat for bought in replayed(nights.auctions, bids)}


def kept(nights: Iterator[dict[tuple[str, float], float]]) -> dict[tuple[str, float], float]:
    """Return by rule and budget the share of the predictions' extra outcomes, of all nights together."""
    extra: dict[tuple[str, float], float] = defaultdict(float)
    for night in nights:
        for of, won in night.items():
            extra[of] += won - 1
    return {(rule, share): extra[rule, share] / extra[PREDICTED, share] for rule in RULES for share in SHARES}


def of_worlds(quality: float, seeds: Sequence[int] = (1, 2)) -> Iterator[dict[tuple[str, float], float]]:
    """Yield the replays of worlds of all sizes."""
    for outcomes, rate in SIZES:
        for seed in seeds:
            nights = small_world(seed, Plan(outcomes, rate, quality=quality))
            yield over_flat(nights, policies(nights)[0])


def of_campaign(advertiser: int, seeds: int = 20) -> Iterator[dict[tuple[str, float], float]]:
    """Yield the replays of a campaign's last two days, resampled."""
    bids = policies(campaign(advertiser, 0))[0]
    for seed in range(seeds):
        yield over_flat(campaign(advertiser, seed), bids)


def of_nights_with_few_outcomes(seeds: int = 8) -> Iterator[dict[tuple[str, float], float]]:
    """Yield the replays of small worlds of no, weak and usual effects, with anchors that say nothing or little.

    A night that its own hold-out does not confirm is held: it bids as before, here flat.
    """
    for anchors in ANCHORS:
        for effects in (0.0, 0.3, 0.7):
            for outcomes, rate in FEW:
                for seed in range(100, 100 + seeds):
                    nights = small_world(seed, Plan(outcomes, rate, effects))
                    bids, passes = policies(nights, anchors)
                    won = over_flat(nights, bids)
                    yield won if passes else dict.fromkeys(won, 1.0)


def of_nights_that_drift(seeds: int = 6) -> Iterator[dict[tuple[str, float], float]]:
    """Yield the replays of worlds whose effects change from day to day by up to as much as they differ."""
    for drift in (0.3, 0.6, 1.0):
        for outcomes, rate in DRIFTING:
            for seed in range(200, 200 + seeds):
                nights = small_world(seed, Plan(outcomes, rate, 0.7, drift))
                bids, passes = policies(nights)
                won = over_flat(nights, bids)
                yield won if passes else dict.fromkeys(won, 1.0)


def measurements(*, few_seeds: int = 4) -> Iterator[Measurement]:
    """Yield what each rule keeps, and its worst and mean night with few outcomes."""
    replays = {"worlds": of_worlds(0.0), "worlds_of_quality_prices": of_worlds(0.4)}
    if CASES["clicks"].path.exists():
        replays |= {f"campaign_{number}": of_campaign(number) for number in CAMPAIGNS}
    for name, of in replays.items():
        parts = kept(of)
        for share in SHARES:
            part = 100 * parts["default", share]
            yield Measurement(f"kept_default_at_{share:.4g}_{name}", part, KEPT, at_least=LEAST_KEPT)
        for rule in (rule for rule in RULES if rule != "default"):
            mean = 100 * fmean(parts[rule, share] for share in SHARES)
            yield Measurement(f"kept_{rule}_{name}", mean, f"{KEPT}, mean of budgets")
    few = {"few_outcomes": of_nights_with_few_outcomes(few_seeds), "drift": of_nights_that_drift(few_seeds)}
    for kind, of_kind in few.items():
        nights = list(of_kind)
        for rule in ("default", "narrow_cautious", PREDICTED):
            won = [night[rule, share] for night in nights for share in SHARES]
            yield Measurement(f"worst_night_{rule}_{kind}", min(won), "x flat bids", runs=len(nights))
            yield Measurement(f"mean_night_{rule}_{kind}", fmean(won), "x flat bids", runs=len(nights))


def main() -> None:
    """Print all measurements as JSON."""
    print(json.dumps([asdict(measurement) for measurement in measurements()], indent=1))


if __name__ == "__main__":
    main()
