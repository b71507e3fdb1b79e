"""Measures how far replayed figures are from what simulated second-price markets would have sold.

PYTHONPATH=include .venv/bin/python benchmarks/second_price.py

Markets differ in how prices spread and how they go with the rates. A table was live when the logs were bought. Replayed
is another table against equal bids: with volume in proportion to the multiplier, of bids as if all had been 1 and
relative to those that bought each row, at unchanged spend; and by logged prices, at the budget that they cover.
"""

import json
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from results import Measurement

from rtb_optimizer.core.sample.sample import Bought, Sample
from rtb_optimizer.core.table.second_price import replayed

MARKETS, AUCTIONS, KINDS = 40, 1_000_000, 24
BOUNDS = (0.3, 3.0)
Floats = NDArray[np.float64]


def won_with(budget: float, price: Floats, rate: Floats, bids: Floats) -> float:
    """Return the outcomes that bids win with a budget, all auctions known."""
    needed = price / bids
    order = np.argsort(needed)
    return float(np.interp(budget, np.cumsum(price[order]), np.cumsum(rate[order])))


def errors(seed: int) -> dict[str, float]:
    """Return how far each replayed change is from the truth, NaN where nothing is replayed."""
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, KINDS, AUCTIONS)
    of_rates, common = draw.normal(0, 0.7, KINDS), draw.uniform(0, 0.8)
    rate = np.minimum(0.03 * np.exp(of_rates)[kind], 0.9)
    price = np.exp(common * of_rates[kind] + draw.normal(0, draw.uniform(0.3, 1.0), AUCTIONS))
    live, new = (np.clip(np.exp(0.7 * of_rates + draw.normal(0, 0.2, KINDS)), *BOUNDS)[kind] for _ in range(2))
    bid = 1.5 * live
    won = price <= bid
    clicked = (draw.random(AUCTIONS) < rate)[won].astype(float)
    none, spend, ones = np.zeros(int(won.sum()), dtype=int), price[won], np.ones(int(won.sum()))
    sample = Sample(
        ones, clicked, spend, none, {}, bought=Bought(live[won], live[won], 1.0), paid_share=spend / bid[won]
    )
    found = replayed(sample, {"all ones": ones, "this run": new[won]})
    assert found is not None  # noqa: S101 - prices are known
    flat = np.ones(AUCTIONS)

    def truth(budget: float) -> float:
        return won_with(budget, price, rate, new) / won_with(budget, price, rate, flat) - 1

    def assumed(volume: Floats) -> float:
        each = [float((clicked / volume * m).sum() / (spend / volume * m).sum()) for m in (ones, new[won])]
        return each[1] / each[0] - 1

    whole = float(spend.sum())
    change = float(str(found.policies[1]["change"])) if found.policies else np.nan
    return {
        "as_bid_at_1": assumed(ones) - truth(whole),
        "relative_to_bids": assumed(live[won]) - truth(whole),
        "by_prices": change - truth(found.budget_share * whole),
        "covered": found.budget_share,
    }


def main() -> None:
    """Print the measurements as JSON."""
    found = [errors(seed) for seed in range(MARKETS)]
    measured = []
    for name in ("as_bid_at_1", "relative_to_bids", "by_prices"):
        known = [abs(each[name]) for each in found if np.isfinite(each[name])]
        unit = f"points of the change of outcomes, mean error ({len(known)} of {MARKETS} markets)"
        measured.append(Measurement(f"replay_{name}", 100 * float(np.mean(known)), unit, runs=len(known)))
    share = 100 * float(np.mean([each["covered"] for each in found]))
    measured.append(Measurement("replay_covered_by_prices", share, "% of the logged spend, mean", runs=MARKETS))
    print(json.dumps([asdict(each) for each in measured], indent=1))


if __name__ == "__main__":
    main()
