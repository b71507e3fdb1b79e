"""What do the demonstration's logs look like? A seeded world with planted effects, noise and redundant columns.

Signal: adspace, device, ad size, country, hour, deal. Redundant: the site domain follows the adspace, the browser the
device. Noise: the carrier and the user id. Nothing in the optimizer knows of this file.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

DEVICES = ("mobile", "desktop", "tablet", "ctv")
SIZES = ("300x250", "728x90", "320x50", "160x600", "970x250", "336x280")
BROWSERS = (("chrome_mobile", "safari_mobile"), ("chrome", "firefox", "edge"), ("safari_mobile",), ("tv_app",))
COUNTRIES = ("US", "GB", "DE", "FR", "CA", "AU", "NL", "ES", "IT", "SE", "PL", "JP", "BR", "MX", "IN")


@dataclass(frozen=True, slots=True)
class World:
    """One entity's traffic: its seed, size, base outcome rate and how many adspaces it sells."""

    seed: int
    rows_per_day: int
    base_rate: float
    adspaces: int

    def day(self, day: date) -> "pa.Table":
        """Return one day's log, one row an impression, the same for the same seed and day."""
        import pyarrow as pa

        effects = np.random.default_rng(self.seed)
        rng = np.random.default_rng([self.seed, day.toordinal()])
        n = self.rows_per_day
        adspace = np.minimum(rng.zipf(1.3, n) - 1, self.adspaces - 1)
        device = rng.choice(len(DEVICES), n, p=[0.55, 0.3, 0.1, 0.05])
        size = rng.choice(len(SIZES), n)
        country = rng.choice(len(COUNTRIES), n, p=_falling(len(COUNTRIES)))
        second = rng.integers(0, 86_400, n)
        deal = rng.choice(6, n, p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05])
        rate = self.base_rate * (
            _factors(effects, self.adspaces, 0.6)[adspace]
            * _factors(effects, len(DEVICES), 0.45)[device]
            * _factors(effects, len(SIZES), 0.35)[size]
            * _factors(effects, len(COUNTRIES), 0.3)[country]
            * _factors(effects, 24, 0.15)[second // 3600]
            * _factors(effects, 6, 0.3)[deal]
        )
        click = rng.random(n) < np.minimum(rate, 0.5)
        price = rng.gamma(4.0, 0.0005, n) * (rate / self.base_rate) ** 0.3
        midnight = datetime.combine(day, time(), UTC)
        return pa.table(
            {
                "auction_id": [f"{self.seed:04d}-{day:%y%m%d}-{i:06d}" for i in range(n)],
                "event_time": pa.array(
                    np.datetime64(midnight.replace(tzinfo=None), "us") + second.astype("timedelta64[s]"),
                    pa.timestamp("us", tz="UTC"),
                ),
                "internal_adspace_id": (1000 + adspace).astype(np.int64),
                "site_domain": [f"site{a % 40}.example" for a in adspace],
                "device_type": _named(DEVICES, device),
                "browser": [
                    BROWSERS[d][r % len(BROWSERS[d])] for d, r in zip(device, rng.integers(0, 6, n), strict=True)
                ],
                "ad_size": _named(SIZES, size),
                "country": _named(COUNTRIES, country),
                "hour": (second // 3600).astype(np.int64),
                "deal_id": ["" if d == 0 else f"deal-{d}" for d in deal],
                "carrier": [f"carrier-{c}" for c in rng.integers(0, 300, n)],
                "user_id": [f"u{u:07d}" for u in rng.integers(0, 5_000_000, n)],
                "click": click.astype(np.int64),
                "price": price,
                "revenue": np.where(click, rng.gamma(3.0, 0.4, n), 0.0),
            }
        )


def _factors(rng: np.random.Generator, size: int, spread: float) -> NDArray[np.float64]:
    factors: NDArray[np.float64] = np.exp(rng.normal(0.0, spread, size) - spread**2 / 2)
    return factors


def _falling(size: int) -> NDArray[np.float64]:
    weights = 1.0 / np.arange(1, size + 1)
    return np.asarray(weights / weights.sum())


def _named(names: tuple[str, ...], codes: NDArray[np.int64]) -> list[str]:
    return [names[code] for code in codes]
