"""Logs of several entities: six publishers that are real, and worlds whose entities agree, differ or disagree."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from real_logs import CASES, SUPPLY, Case

from rtb_optimizer.core.sample.objective import effective_events
from rtb_optimizer.core.sample.sample import Feature, Floats, Mask, Sample, split_rows

SITES = (342, 344, 345, 346, 349, 351)
OWN_IDS = ("ad_unit_id",)
DAYS = 7
CAP_QUANTILE = 0.995
ENTITIES = 6
SIZES = {"placement": 60, "device": 5, "country": 60, "size": 12, "browser": 8, "shard": 40}
DEVIATIONS = {"placement": 0.4, "device": 0.4, "country": 0.35, "size": 0.3, "browser": 0.25, "shard": 0.0}
ROWS_A_DAY, UNSEEN_ROWS, RATE = 40_000, 60_000, 0.02
Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Logs:
    """An entity's rows (n each): amounts, exposures, days, the hash that folds are drawn by, those not seen yet."""

    outcome: Floats
    exposure: Floats
    day: Days
    row_hash: NDArray[np.uint64]
    features: dict[str, Feature]
    is_money: bool

    @property
    def unseen(self) -> Mask:
        """The rows that tables are judged by: those after the seven days."""
        return np.asarray(self.day >= self.day.min() + DAYS)

    def recent(self, days: int) -> Mask:
        """The rows of the last of the seven days."""
        return np.asarray(~self.unseen & (self.day >= self.day.min() + (DAYS - days)))

    def sampled(self, kept: Mask) -> tuple[Sample, Mask, Mask]:
        """Return kept and unseen rows sorted by fold, which of them are kept, and which of those are held out."""
        split, outcome, unit = split_rows(self.day[kept], self.row_hash[kept]), self.outcome, 1.0
        if self.is_money:
            ones = np.ones(int(kept.sum()))
            events, unit = effective_events(outcome[kept], self.exposure[kept], ones, CAP_QUANTILE)
            outcome = outcome / unit
            outcome[kept] = events
        fold, held = np.full(len(outcome), DAYS + 1, np.int32), np.zeros(len(outcome), dtype=bool)
        fold[kept], held[kept] = split.fold, split.holdout
        sample = Sample(self.exposure, outcome, self.exposure, fold, self.features, unit)
        order = np.flatnonzero(kept | self.unseen)
        order = order[np.argsort(fold[order], kind="stable")]
        return sample.at(order), kept[order], held[order]


def publisher(site: int, case: Case, *, own_ids: bool) -> Logs:
    """Return the logs of a publisher, seven days and the days after them, with its own ids among the columns or not."""
    import pyarrow.parquet as pq

    logs = pq.ParquetFile(case.path).read()
    outcome, exposure = case.amounts(logs)
    day = logs["date"].to_numpy().astype("datetime64[D]")
    first = np.datetime64(case.held_out - timedelta(days=DAYS))
    keep = (logs["site_id"].to_numpy() == site) & (exposure > 0) & (day >= first)
    names = [name for name in SUPPLY if name != "site_id" and (own_ids or name not in OWN_IDS)]
    texts = {name: logs[name].to_numpy()[keep].astype(str) for name in names}
    features = {name: Feature.named(*np.unique(of, return_inverse=True)[::-1]) for name, of in texts.items()}
    row_hash = _hashes(np.random.default_rng(site), int(keep.sum()))
    return Logs(outcome[keep], exposure[keep], day[keep], row_hash, features, case is CASES["revenue"])


def world(seed: int, shared: float) -> list[Logs]:
    """Draw six entities: `shared` is the share of the variance of effects that they have in common.

    Placements are an entity's own. The last day has the chances of its rows as outcomes.
    """
    draw = np.random.default_rng([seed, round(100 * shared)])
    common = {name: draw.normal(0, sd, SIZES[name]) for name, sd in DEVIATIONS.items()}
    return [_entity(draw, n, common, shared) for n in range(ENTITIES)]


def thinned(logs: Logs, days: int, share: float, seed: int) -> Mask:
    """Return a share of the rows of the last days, all rows alike."""
    draw = np.random.default_rng([seed, days, round(1000 * share)])
    return logs.recent(days) & (draw.random(len(logs.outcome)) < share)


def _entity(draw: np.random.Generator, number: int, common: dict[str, Floats], shared: float) -> Logs:
    mix = {name: draw.dirichlet(np.full(size, 0.7)) for name, size in SIZES.items()}
    effects = {
        name: np.sqrt(shared) * of + np.sqrt(1 - shared) * draw.normal(0, DEVIATIONS[name], len(of))
        for name, of in common.items()
    }
    effects["placement"] = draw.normal(0, DEVIATIONS["placement"], SIZES["placement"])
    rows = [ROWS_A_DAY] * DAYS + [UNSEEN_ROWS]
    day = np.datetime64("2026-03-01") + np.repeat(np.arange(DAYS + 1), rows)
    codes = {name: draw.choice(SIZES[name], len(day), p=of) for name, of in mix.items()}
    log_rate = np.sum([effects[name][codes[name]] for name in SIZES], axis=0)
    chance = np.minimum(np.exp(log_rate) * RATE / np.exp(log_rate).mean(), 0.9)
    unseen = day == day[-1]
    outcome = np.where(unseen, chance, draw.random(len(day)) < chance)
    own = {"placement": f"{number}-"}
    features = {
        name: Feature(of, [f"{own.get(name, '')}{name}{n}" for n in range(SIZES[name])]) for name, of in codes.items()
    }
    return Logs(outcome, np.ones(len(day)), day, _hashes(draw, len(day)), features, is_money=False)


def _hashes(draw: np.random.Generator, size: int) -> NDArray[np.uint64]:
    return draw.integers(0, 2**63, size, dtype=np.uint64)
