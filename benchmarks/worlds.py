"""Two synthetic worlds of auctions with known truth, drawn from a seed.

In both, eleven of 22 candidate columns move the outcome, eight only follow one of those, three are noise. In the
second world about half of the signal is in interactions, one of them of three features. `p_true` is each row's hidden
probability, so that what a model could gain at most is known exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from columns import CANDIDATES, COARSE, CROWDING, DAMPED, INTERACTING, MULTIPLICATIVE, PLANTED, VALUES, Term
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = dict[str, NDArray[np.int64]]
DAYS = [date(2026, 6, 1) + timedelta(n) for n in range(8)]
OUTCOME_RATE = 0.003
PILOT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class World:
    """The hidden truth: log odds by term, what the values of one column imply for another, and each day's level."""

    seed: int
    effects: Mapping[Term, Floats]
    images: Codes
    chances: Mapping[str, Floats]
    levels: Floats
    intercept: float = 0.0

    @property
    def interactions(self) -> list[set[str]]:
        """The columns of each planted interaction."""
        return [{COARSE.get(name, name) for name in term} for term in self.effects if len(term) > 1]

    def log_odds(self, codes: Codes, *, terms: range = range(1, 4)) -> Floats:
        """Return what the terms of these lengths add to each row."""
        seen = codes | {coarse: self.images[coarse][codes[fine]] for coarse, fine in COARSE.items()}
        added = [effect[tuple(seen[n] for n in term)] for term, effect in self.effects.items() if len(term) in terms]
        return np.sum(added, axis=0)


def world(seed: int, *, interacting: bool) -> World:
    """Draw a world: the multiplicative one, or the one with half of its signal in interactions."""
    draw = np.random.default_rng([seed, interacting])
    scale, crossed = (DAMPED, INTERACTING) if interacting else (1.0, MULTIPLICATIVE)
    effects: dict[Term, Floats] = {(name,): _effect(draw, name, scale * sd) for name, sd in PLANTED.items()}
    for term, deviation in crossed.items():
        effects[term] = draw.normal(0, deviation, [VALUES[name] for name in term])
    chances = {name: _falling(VALUES[name], exponent) for name, exponent in CROWDING.items()}
    chances["device_type"] = np.array([0.46, 0.33, 0.1, 0.06, 0.03, 0.02])
    chances["os"] = draw.dirichlet(np.full(VALUES["os"], 0.25), VALUES["device_type"])
    chances["browser"] = draw.dirichlet(np.full(VALUES["browser"], 0.35), VALUES["os"])
    levels = draw.normal(0, 0.03, len(DAYS))
    unlevelled = World(seed, effects, _images(draw), chances, levels)
    return World(seed, effects, unlevelled.images, chances, levels, _intercept(unlevelled))


def draw_codes(planted: World, day: int, at: Floats, draw: np.random.Generator) -> Codes:
    """Draw the columns of rows at these times (shares of the day's traffic, n floats), as codes of their values."""
    n, images = len(at), planted.images
    codes = {name: _pick(draw, planted.chances[name], n) for name in CROWDING}
    adspace, city = codes["internal_adspace_id"], codes["city"]
    codes["hour"] = np.interp(at, hours(), np.arange(25)).astype(np.int64).clip(0, 23)
    codes["weekday"] = np.full(n, DAYS[day].weekday())
    codes["page_position"] = draw.integers(0, VALUES["page_position"], n)
    codes["domain"] = _mostly(draw, 0.9, images["domain"][adspace], codes["domain"])
    for name, share in {"ad_size": 0.75, "exchange": 0.7}.items():
        codes[name] = _mostly(draw, share, images[name][adspace], draw.integers(0, VALUES[name], n))
    own = images["device_type"][adspace]  # a third of the adspaces is mobile, a third desktop, mostly
    leaning = np.where(own < 2, own, -1)  # noqa: PLR2004 - mobile and desktop
    device = _pick(draw, planted.chances["device_type"], n)
    codes["device_type"] = device = np.where((leaning >= 0) & (draw.random(n) < 0.6), leaning, device)  # noqa: PLR2004
    codes["os"] = _pick_by_row(draw, planted.chances["os"], device)
    codes["browser"] = _pick_by_row(draw, planted.chances["browser"], codes["os"])
    codes["region"] = images["region"][city]
    codes["country"] = images["country"][codes["region"]]
    codes["language"] = _mostly(draw, 0.92, images["language"][codes["country"]], draw.integers(0, 40, n))
    codes["campaign"] = images["campaign"][codes["creative"]]
    codes["deal_id"] = _mostly(draw, 0.2, codes["deal_id"], np.zeros(n, np.int64))
    codes["app_bundle"] = np.where((device != 1) & (draw.random(n) < 0.6), codes["app_bundle"], 0)  # noqa: PLR2004
    return {name: codes[name] for name in CANDIDATES}


def _effect(draw: np.random.Generator, name: str, deviation: float) -> Floats:
    effect = draw.normal(0, deviation, VALUES[name])
    if name == "hour":  # a day's curve is smooth
        return deviation * np.sqrt(2) * np.sin((np.arange(24) - draw.uniform(0, 24)) / 24 * 2 * np.pi)
    if name in {"page_position", "device_type"}:  # few values: the draw's own spread would vary too much by seed
        return deviation * (effect - effect.mean()) / effect.std()
    return effect


def _images(draw: np.random.Generator) -> Codes:
    """Draw which value of one column goes with a value of another."""
    c = VALUES
    domains = draw.permutation(c["domain"])[: c["internal_adspace_id"]]
    domains[1::4] = domains[::4]  # a quarter of the adspaces shares its domain with another
    return {
        "domain": domains,
        "ad_size": draw.integers(0, c["ad_size"], 5_000) * (draw.random(5_000) < 0.7),  # noqa: PLR2004
        "exchange": draw.integers(0, c["exchange"], c["internal_adspace_id"]),
        "device_type": draw.integers(0, 3, c["internal_adspace_id"]),
        "region": draw.choice(c["region"], c["city"], p=_falling(c["region"], 0.9)),
        "country": draw.choice(c["country"], c["region"], p=_falling(c["country"], 1.1)),
        "language": draw.integers(0, c["language"], c["country"]),
        "campaign": draw.integers(0, c["campaign"], c["creative"]),
        "user_cluster": draw.integers(0, c["user_cluster"], c["user_segment"]),
        "creative_cluster": draw.integers(0, c["creative_cluster"], c["creative"]),
        "daypart": np.arange(c["hour"]) // 6,
        "size_class": np.arange(c["ad_size"]) % c["size_class"],
    }


def _intercept(planted: World) -> float:
    """Return the level of the log odds that makes the outcome as rare as it should be."""
    pilot = []
    for day, level in enumerate(planted.levels):
        draw = np.random.default_rng([planted.seed, day, 1])
        pilot.append(level + planted.log_odds(draw_codes(planted, day, np.sort(draw.random(PILOT_ROWS)), draw)))
    odds, level = np.concatenate(pilot), 0.0
    for _ in range(30):
        level += np.log(OUTCOME_RATE / sigmoid(odds + level).mean())
    return float(level)


def _falling(values: int, exponent: float) -> Floats:
    weights = 1.0 / np.arange(1, values + 1) ** exponent
    return weights / weights.sum()


def hours() -> Floats:
    """Return the share of the day's traffic before each hour (25 floats)."""
    traffic = 1 + 0.6 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
    return np.concatenate([[0.0], np.cumsum(traffic) / traffic.sum()])


def _pick(draw: np.random.Generator, chances: Floats, n: int) -> NDArray[np.int64]:
    return np.searchsorted(np.cumsum(chances), draw.random(n)).clip(0, len(chances) - 1)


def _pick_by_row(draw: np.random.Generator, chances: Floats, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pick by row `at[i]` of the table of chances: one search in all its rows, laid end to end."""
    rows, values = chances.shape
    ladder = (np.cumsum(chances, axis=1).clip(0, 1) + np.arange(rows)[:, None]).ravel()
    return (np.searchsorted(ladder, at + draw.random(len(at))) - at * values).clip(0, values - 1)


def _mostly(
    draw: np.random.Generator, share: float, usual: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    return np.where(draw.random(len(usual)) < share, usual, other)


def sigmoid(log_odds: Floats) -> Floats:
    """Return probabilities."""
    return 1 / (1 + np.exp(-log_odds))
