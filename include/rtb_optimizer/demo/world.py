"""Generates the demonstration's logs: a seeded world with planted effects, noise and redundant columns.

Signal: adspace, device, ad size, country, hour, deal. Redundant: the site domain follows the adspace, the browser the
device. Noise: the carrier and the user id. The optimizer does not use this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Codes = NDArray[np.int64]

DEVICES = ("mobile", "desktop", "tablet", "ctv")
SIZES = ("300x250", "728x90", "320x50", "160x600", "970x250", "336x280")
BROWSERS = (("chrome_mobile", "safari_mobile"), ("chrome", "firefox", "edge"), ("safari_mobile",), ("tv_app",))
COUNTRIES = ("US", "GB", "DE", "FR", "CA", "AU", "NL", "ES", "IT", "SE", "PL", "JP", "BR", "MX", "IN")


@dataclass(frozen=True, slots=True)
class World:
    """One entity's traffic: its seed, size, base outcome rate and number of adspaces."""

    seed: int
    rows_per_day: int
    base_rate: float
    adspaces: int

    def day(self, day: date) -> "pa.Table":
        """Return one day's log, one row per impression, deterministic by seed and day."""
        import pyarrow as pa

        rng = np.random.default_rng([self.seed, day.toordinal()])
        n = self.rows_per_day
        codes = {
            "adspace": np.minimum(rng.zipf(1.3, n) - 1, self.adspaces - 1),
            "device": rng.choice(len(DEVICES), n, p=[0.55, 0.3, 0.1, 0.05]),
            "size": rng.choice(len(SIZES), n),
            "country": rng.choice(len(COUNTRIES), n, p=_decreasing_weights(len(COUNTRIES))),
            "second": rng.integers(0, 86_400, n),
            "deal": rng.choice(6, n, p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05]),
        }
        rate = self._rate(codes)
        click = rng.random(n) < np.minimum(rate, 0.5)
        price = rng.gamma(4.0, 0.0005, n) * (rate / self.base_rate) ** 0.3
        money = {"click": click.astype(np.int64), "price": price, "revenue": np.where(click, rng.gamma(3.0, 0.4, n), 0)}
        return pa.table(self._identity(day, codes["second"]) | _features(codes, rng) | money)

    def _rate(self, codes: Mapping[str, Codes]) -> NDArray[np.float64]:
        effects = np.random.default_rng(self.seed)
        return self.base_rate * (
            _factors(effects, self.adspaces, 0.6)[codes["adspace"]]
            * _factors(effects, len(DEVICES), 0.45)[codes["device"]]
            * _factors(effects, len(SIZES), 0.35)[codes["size"]]
            * _factors(effects, len(COUNTRIES), 0.3)[codes["country"]]
            * _factors(effects, 24, 0.15)[codes["second"] // 3600]
            * _factors(effects, 6, 0.3)[codes["deal"]]
        )

    def _identity(self, day: date, second: Codes) -> dict[str, object]:
        import pyarrow as pa

        midnight = np.datetime64(datetime.combine(day, time()), "us")
        return {
            "auction_id": [f"{self.seed:04d}-{day:%y%m%d}-{n:06d}" for n in range(len(second))],
            "event_time": pa.array(midnight + second.astype("timedelta64[s]"), pa.timestamp("us", tz="UTC")),
        }


def _features(codes: Mapping[str, Codes], rng: np.random.Generator) -> dict[str, object]:
    n = len(codes["adspace"])
    browser = rng.integers(0, 6, n)
    return {
        "internal_adspace_id": 1000 + codes["adspace"],
        "site_domain": [f"site{adspace % 40}.example" for adspace in codes["adspace"]],
        "device_type": [DEVICES[code] for code in codes["device"]],
        "browser": [BROWSERS[d][b % len(BROWSERS[d])] for d, b in zip(codes["device"], browser, strict=True)],
        "ad_size": [SIZES[code] for code in codes["size"]],
        "country": [COUNTRIES[code] for code in codes["country"]],
        "hour": codes["second"] // 3600,
        "deal_id": ["" if code == 0 else f"deal-{code}" for code in codes["deal"]],
        "carrier": [f"carrier-{code}" for code in rng.integers(0, 300, n)],
        "user_id": [f"u{code:07d}" for code in rng.integers(0, 5_000_000, n)],
    }


def _factors(rng: np.random.Generator, size: int, spread: float) -> NDArray[np.float64]:
    factors: NDArray[np.float64] = np.exp(rng.normal(0.0, spread, size) - spread**2 / 2)
    return factors


def _decreasing_weights(size: int) -> NDArray[np.float64]:
    weights = 1.0 / np.arange(1, size + 1)
    return np.asarray(weights / weights.sum())
