"""Small worlds as samples, from 60 to 20,000 outcomes and rates from 0.3 to 40 %, and real campaigns of the same form.

Unlike the logs of worlds.py they need no engine: many can be drawn. Rare outcomes are drawn case-control, as the
optimizer samples them: all rows with an outcome, and 20 others for each with a weight.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from real_logs import CASES, HONEST, clicks
from replay import Auctions

from rtb_optimizer.core.sample.sample import Feature, Floats, Ints, Sample

if TYPE_CHECKING:
    import pyarrow as pa

VALUES = {"site": 400, "device": 5, "size": 12, "hour": 24, "geo": 60, "creative": 40}
NOISE = {"noise_user": 1_500, "noise_shard": 30, "noise_few": 4}
DEVIATIONS = {"site": 0.6, "device": 0.35, "size": 0.3, "hour": 0.15, "geo": 0.3, "creative": 0.4}
CROSSED, CROSSED_DEVIATION = ("device", "size"), 0.25
DAYS, UNSEEN_ROWS, OTHERS_PER_OUTCOME, RARE = 7, 60_000, 20, 0.04
Codes = dict[str, Ints]


@dataclass(frozen=True, slots=True)
class Plan:
    """A world: the expected outcomes of its seven days, their rate, and how strong effects and their drift by day are.

    `effects` and `drift` scale the standard deviations of the log odds; `quality` is the power of an auction's outcome
    rate that its price follows.
    """

    outcomes: int
    rate: float
    effects: float = 1.0
    drift: float = 0.0
    quality: float = 0.0


@dataclass(frozen=True, slots=True)
class Nights:
    """Rows of some days, sorted by day; those from `unseen` on are replayed, in the same order as `auctions`."""

    sample: Sample
    unseen: int
    auctions: Auctions


def small_world(seed: int, plan: Plan) -> Nights:
    """Draw a world of eight days; the last is replayed, with hidden chances as its outcomes."""
    draw = np.random.default_rng([seed, plan.outcomes, round(1e4 * plan.rate), round(100 * plan.effects)])
    planted = {name: plan.effects * draw.normal(0, sd, VALUES[name]) for name, sd in DEVIATIONS.items()}
    crossed = plan.effects * draw.normal(0, CROSSED_DEVIATION, [VALUES[name] for name in CROSSED])
    level = _level(_log_odds(planted, crossed, _codes(draw, UNSEEN_ROWS)), plan.rate)
    days = []
    for day in range(DAYS + 1):
        scale = plan.drift * plan.effects
        drifted = {name: of + scale * draw.normal(0, DEVIATIONS[name], len(of)) for name, of in planted.items()}
        codes = _codes(draw, UNSEEN_ROWS if day == DAYS else _rows_a_day(plan))
        chance = _sigmoid(_log_odds(drifted, crossed, codes) + level)
        days.append((codes, chance, np.ones(len(chance))) if day == DAYS else _logged(draw, plan, codes, chance))
    chance = days[DAYS][1]
    price = (chance / chance.mean()) ** plan.quality * np.exp(0.7 * draw.normal(size=UNSEEN_ROWS))
    outcome, weight = (np.concatenate([day[part] for day in days]) for part in (1, 2))
    fold = np.repeat(np.arange(DAYS + 1), [len(day[1]) for day in days])
    features = {
        name: Feature(np.concatenate([day[0][name] for day in days]), [f"{name}-{n}" for n in range(size)])
        for name, size in (VALUES | NOISE).items()
    }
    return Nights(Sample(weight, weight * outcome, weight, fold, features), DAYS, Auctions(price, chance))


def _rows_a_day(plan: Plan) -> int:
    outcomes = plan.outcomes / DAYS
    return round(OTHERS_PER_OUTCOME * outcomes if plan.rate < RARE else outcomes / plan.rate)


def _logged(draw: np.random.Generator, plan: Plan, codes: Codes, chance: Floats) -> tuple[Codes, Floats, Floats]:
    """Return a day's rows with outcomes and weights; of rare outcomes, those drawn from the rows by their chance."""
    if plan.rate >= RARE:
        return codes, (draw.random(len(chance)) < chance).astype(float), np.ones(len(chance))
    positive = draw.choice(len(chance), draw.poisson(plan.outcomes / DAYS), p=chance / chance.sum())
    each = plan.outcomes / DAYS * (1 / plan.rate - 1) / len(chance)
    both = {name: np.r_[of, of[positive]] for name, of in codes.items()}
    outcome = np.r_[np.zeros(len(chance)), np.ones(len(positive))]
    return both, outcome, np.where(outcome > 0, 1.0, each)


def _codes(draw: np.random.Generator, rows: int) -> Codes:
    sizes = VALUES | NOISE
    exponents = {name: 0.9 if size > 20 else 0.5 for name, size in sizes.items()}  # noqa: PLR2004 - many values
    crowding = {name: 1 / np.arange(1, size + 1) ** exponents[name] for name, size in sizes.items()}
    return {name: draw.choice(len(of), rows, p=of / of.sum()) for name, of in crowding.items()}


def _log_odds(planted: dict[str, Floats], crossed: Floats, codes: Codes) -> Floats:
    alone = [of[codes[name]] for name, of in planted.items()]
    return np.sum(alone, axis=0) + crossed[tuple(codes[name] for name in CROSSED)]


def _level(log_odds: Floats, rate: float) -> float:
    """Return what has to be added to log odds for a mean chance of `rate`."""
    level = 0.0
    for _ in range(30):
        level += float(np.log(rate / _sigmoid(log_odds + level).mean()))
    return level


def _sigmoid(log_odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-log_odds))


def campaign(advertiser: int, seed: int) -> Nights:
    """Return a campaign's logs with the last two days to replay: their clicks, resampled, and noisy prices.

    Most clicked rows have no price: each takes that of an unclicked one of about the same floor and visibility.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    case = CASES["clicks"]
    logs = pq.ParquetFile(case.path).read()
    logs = logs.filter(pc.equal(logs["advertiser"], advertiser)).sort_by("ts")
    days = logs["ts"].to_numpy().astype("datetime64[D]")
    outcome, weight = clicks(logs)
    columns = {name: _column(logs, name) for name in HONEST if name != "advertiser"}
    fold, unseen = np.unique(days, return_inverse=True)[1], days >= np.datetime64(case.held_out)
    kind = np.char.add(
        columns["slotvisibility"], np.digitize(logs["slotprice"].to_numpy(), [1, 20, 60, 100]).astype(str)
    )
    draw = np.random.default_rng(seed)
    price = _priced(draw, logs["payprice"].to_numpy().astype(float)[unseen], kind[unseen])
    drawn = draw.poisson(1.0, len(price)).astype(float)
    features = {name: Feature.named(*np.unique(column, return_inverse=True)[::-1]) for name, column in columns.items()}
    auctions = Auctions(price, outcome[unseen] * drawn, weight=weight[unseen] * drawn)
    return Nights(Sample(weight, outcome, weight, fold, features), int(fold[unseen].min()), auctions)


def _priced(draw: np.random.Generator, paid: Floats, kind: NDArray[np.str_]) -> Floats:
    price, known = paid.copy(), ~np.isnan(paid)
    for one in np.unique(kind[~known]):
        alike = known & (kind == one)
        price[~known & (kind == one)] = draw.choice(
            paid[alike if alike.any() else known], (~known & (kind == one)).sum()
        )
    return price * np.exp(0.25 * draw.normal(size=len(price)))


def _column(logs: "pa.Table", name: str) -> NDArray[np.str_]:
    if name == "hour":
        return (logs["ts"].to_numpy().astype("datetime64[h]").astype(np.int64) % 24).astype(str)
    return np.array([str(value) for value in logs[name].to_pylist()])
