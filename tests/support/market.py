"""A simulated market and a bidder that reads what the product publishes: tonight's bids make tomorrow's logs.

The bidder knows the documents alone: `active.json`, the `segments` output that it lists, and docs/outputs.md. A request
is won with a probability that follows the multiplier, so that outcomes and spend of a night are known without noise.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

SIZES = {"placement": 40, "device": 4, "country": 12, "ad_size": 6, "noise": 30}
SPREAD = {"placement": 0.7, "device": 0.5, "country": 0.4, "ad_size": 0.3, "noise": 0.0}


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a night: codes by feature, second of the day, true outcome rate, price of a won one."""

    day: date
    codes: Mapping[str, Codes]
    second: Codes
    rate: Floats
    price: Floats
    ids: NDArray[np.str_]

    def values(self, feature: str) -> NDArray[np.str_]:
        """Return the value of each request."""
        names = np.array([f"{feature}-{n:02d}" for n in range(SIZES[feature])])
        return names[self.codes[feature]]


@dataclass(frozen=True, slots=True)
class Market:
    """A world's requests: so many a night, won with `win_rate` at a multiplier of 1 and to its power `elasticity`.

    `drift` is the spread by which the volume of each value changes from night to night.
    """

    seed: int = 1
    requests: int = 300_000
    base_rate: float = 0.1
    win_rate: float = 0.1
    elasticity: float = 1.0
    drift: float = 0.02

    def night(self, day: date) -> Requests:
        """Return a night's requests, the same for everybody who asks."""
        rng = np.random.default_rng([self.seed, day.toordinal()])
        effects = np.random.default_rng(self.seed)
        rate = np.full(self.requests, self.base_rate)
        codes = dict[str, Codes]()
        for name, size in SIZES.items():
            weight = np.sort(effects.gamma(1.0, 1.0, size))[::-1] * np.exp(rng.normal(0, self.drift, size))
            codes[name] = rng.choice(size, self.requests, p=weight / weight.sum())
            factor = np.exp(effects.normal(0.0, SPREAD[name], size) - SPREAD[name] ** 2 / 2)
            rate *= factor[codes[name]]
        second = np.sort(rng.integers(0, 86_400, self.requests))
        price = rng.gamma(4.0, 0.0005, self.requests)
        before = f"{self.seed}-{day:%m%d}-"  # made once: the calendar is most of the work of an id
        ids = np.array([f"{before}{n:06d}" for n in range(self.requests)])
        return Requests(day, codes, second, np.minimum(rate, 0.6), price, ids)

    def won(self, multiplier: Floats) -> Floats:
        """Return the probability that each request is won at its multiplier; 0 is no bid."""
        return np.minimum(self.win_rate * multiplier**self.elasticity, 1.0)


@dataclass(frozen=True, slots=True)
class Table:
    """A published table as a bidder holds it: multipliers and no-bid flags by the values that rows give."""

    rows: Sequence[tuple[Mapping[str, str], float, bool]]
    default: float
    minimum: float
    maximum: float

    @classmethod
    def read(cls, segments: bytes, config: Mapping[str, Any]) -> "Table":
        """Read the `segments` output."""
        listed = pq.read_table(io.BytesIO(segments)).to_pylist()
        given = [{k[8:]: v for k, v in row.items() if k.startswith("feature_") and v is not None} for row in listed]
        rows = [(values, row["multiplier"], row["no_bid"]) for values, row in zip(given, listed, strict=True) if values]
        default = next(row["multiplier"] for row in listed if row["is_default"])
        return cls(rows, default, config["multiplier_min"], config["multiplier_max"])

    def bids(self, requests: Requests) -> Floats:
        """Return the multiplier of each request, 0 where the table does not bid."""
        product, bid_on = np.full(len(requests.rate), self.default), np.ones(len(requests.rate), dtype=bool)
        alone = {name: np.ones(size) for name, size in SIZES.items()}
        for values, multiplier, no_bid in self.rows:
            codes = {name: int(value.rsplit("-", 1)[1]) for name, value in values.items()}
            if len(codes) == 1 and not no_bid:
                (name, code), *_ = codes.items()
                alone[name][code] *= multiplier
                continue
            match = np.logical_and.reduce([requests.codes[name] == code for name, code in codes.items()])
            product[match] *= multiplier
            bid_on &= ~(match & no_bid)
        for name, by_code in alone.items():
            product *= by_code[requests.codes[name]]
        return np.clip(product, self.minimum, self.maximum) * bid_on


@dataclass(frozen=True, slots=True)
class Reading:
    """What a bidder read at an instant: the table, None before the first, the run it is of, and the holdback's rule.

    `challenger` is the table and the run of a challenger, and the rule of its share.
    """

    at: datetime
    table: Table | None = None
    run_code: str = ""
    holdback: Mapping[str, Any] = field(default_factory=dict)
    challenger: tuple[Table, str, Mapping[str, Any]] | None = None


def read_active(read: Callable[[str], bytes | None], active_key: str, at: datetime) -> Reading:
    """Read what `active.json` lists, as docs/outputs.md says; `read` returns the object of a key."""
    body = read(active_key)
    if body is None:
        return Reading(at)
    active = json.loads(body)
    challenger = None
    if beside := active.get("challenger"):
        challenger = (_table(read, beside["outputs"]), beside["run_code"], beside["rule"])
    return Reading(at, _table(read, active["outputs"]), active["run_code"], active.get("holdback") or {}, challenger)


def _table(read: Callable[[str], bytes | None], outputs: Mapping[str, Any]) -> Table:
    config = json.loads(read(outputs["report"]["s3_key"]) or b"{}")["config"]["values"]
    return Table.read(read(outputs["segments"]["s3_key"]) or b"", config)


def _where(
    part: NDArray[np.bool_],
    chosen: Callable[[NDArray[np.str_], Mapping[str, Any]], NDArray[np.bool_]],
    ids: NDArray[np.str_],
    rule: Mapping[str, Any],
) -> NDArray[np.bool_]:
    """Return which requests of a part a rule chooses: hashing the others, too, would take most of a night."""
    result = np.zeros(len(ids), dtype=bool)
    result[part] = chosen(ids[part], rule)
    return result


def held_back(ids: NDArray[np.str_], rule: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which requests the holdback's rule bids 1.0, as a bidder applies it to the id of each."""
    if not rule:
        return np.zeros(len(ids), dtype=bool)
    salt, below = rule["salt"], rule["below"]
    digests = (hashlib.md5(f"{salt}{each}".encode()).hexdigest() for each in ids.tolist())  # noqa: S324
    return np.fromiter((digest[:8] < below for digest in digests), bool, len(ids))


def is_challengers(ids: NDArray[np.str_], rule: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which requests are bid by the challenger's table, as a bidder applies its rule to the id of each."""
    salt, start = rule["salt"], rule["from"]
    digests = (hashlib.md5(f"{salt}{each}".encode()).hexdigest() for each in ids.tolist())  # noqa: S324
    return np.fromiter((digest[:8] >= start for digest in digests), bool, len(ids))


@dataclass(frozen=True, slots=True)
class Night:
    """What a night brought: expected spend and outcomes, those at a multiplier of 1, and the log of won requests.

    `lift` is that of outcomes per spend of the treated requests over those held back, and `held` which won ones were.
    """

    spend: float
    outcomes: float
    flat_spend: float
    flat_outcomes: float
    lift: float
    held: NDArray[np.bool_]
    log: pa.Table

    @property
    def of_flat(self) -> tuple[float, float]:
        """Spend and outcomes relative to a multiplier of 1."""
        return self.spend / self.flat_spend, self.outcomes / self.flat_outcomes


def play(market: Market, day: date, readings: Sequence[Reading], *, follows: bool = True) -> Night:
    """Play a night: each request is bid by the last reading before it, or 1.0 by a bidder that ignores the tables."""
    requests = market.night(day)
    multiplier, run = np.ones(len(requests.rate)), np.full(len(requests.rate), "", dtype=object)
    all_held = np.zeros(len(requests.rate), dtype=bool)
    midnight = datetime.combine(day, time(), UTC)
    instants = [midnight + timedelta(seconds=int(second)) for second in (0, 86_400)]
    for n, reading in enumerate(readings):
        until = readings[n + 1].at if n + 1 < len(readings) else instants[1]
        start, end = ((at - midnight).total_seconds() for at in (reading.at, until))
        part = (requests.second >= start) & (requests.second < end)
        if reading.table is not None and part.any():
            held, bids = _where(part, held_back, requests.ids, reading.holdback), reading.table.bids(requests)
            run[part & ~held] = reading.run_code
            if reading.challenger is not None:
                table, run_code, rule = reading.challenger
                other = _where(part, is_challengers, requests.ids, rule)
                bids = np.where(other, table.bids(requests), bids)
                run[part & other] = run_code
            multiplier = np.where(part, np.where(held, 1.0, bids), multiplier)
            all_held |= part & held
    if not follows:
        multiplier = np.ones(len(multiplier))
    return night_of(market, requests, multiplier, run, all_held, ~all_held)


def night_of(
    market: Market,
    requests: Requests,
    multiplier: Floats,
    run: NDArray[Any],
    control: NDArray[np.bool_],
    treated: NDArray[np.bool_],
) -> Night:
    """Return what a night brings whose requests are bid these multipliers, and its log."""
    won, flat = market.won(multiplier), market.won(np.ones(len(multiplier)))
    rng = np.random.default_rng([market.seed, requests.day.toordinal(), 1])
    is_won = rng.random(len(won)) < won
    clicked = rng.random(len(won)) < requests.rate
    midnight = np.datetime64(requests.day, "us")
    log = pa.table(
        {
            "auction_id": requests.ids[is_won],
            "event_time": pa.array(
                midnight + requests.second[is_won].astype("timedelta64[s]"), pa.timestamp("us", tz="UTC")
            ),
            **{name: requests.values(name)[is_won] for name in SIZES},
            "click": clicked[is_won].astype(np.int64),
            "price": requests.price[is_won],
            "multiplier": multiplier[is_won],
            "run": run[is_won].astype(str),
        }
    )
    return Night(
        float((won * requests.price).sum()),
        float((won * requests.rate).sum()),
        float((flat * requests.price).sum()),
        float((flat * requests.rate).sum()),
        _per_spend(requests, won * treated) / _per_spend(requests, won * control) - 1 if control.any() else 0.0,
        control[is_won],
        log,
    )


def _per_spend(requests: Requests, won: Floats) -> float:
    return float((won * requests.rate).sum() / (won * requests.price).sum())
