"""Tests on sampled requests that look-ups through a platform's macros find the same rows as the request's own values.

Each request's values are expanded as the platform does, read as a bidder does, and looked up in both tables. A hit
has the answer of the look-up by the request's own values; a row of less detail counts as a hit if that is the answer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from rtb_optimizer.core.macros.expansion import cause_of, expanded, read
from rtb_optimizer.core.macros.route import GAPS, Cause, Place, Route
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import NO_VALUES, split_key

MAX_ROWS = 10_000
TOP_MISSES = 10

Request = tuple[str, ...]
Values = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The tables' answer: the product of the master table's rows, and the multiplier of the joint table's row.

    `depth` is the number of values of the joint row, 0 for the default; `rows` the matching rows of the master table
    beside its default.
    """

    product: float
    joint: float
    depth: int
    rows: int

    def is_as(self, other: "Answer") -> bool:
        """Whether both tables bid the same."""
        return (self.product, self.joint) == (other.product, other.joint)


@dataclass(frozen=True)
class BidTables:
    """The tables as a bidder loads them: multipliers by segment key, the default's among them."""

    master: Mapping[str, float]
    joint: Mapping[str, float]

    @cached_property
    def _terms(self) -> Mapping[tuple[int, ...], Mapping[Values, float]]:
        terms: dict[tuple[int, ...], dict[Values, float]] = defaultdict(dict)
        for segment, multiplier in self.master.items():
            parts = [(n, part) for n, part in enumerate(split_key(segment)) if part is not None]
            terms[tuple(n for n, _ in parts)][tuple(part for _, part in parts)] = multiplier
        return terms

    @cached_property
    def _prefixes(self) -> Mapping[Values, float]:
        keys = ((split_key(key), multiplier) for key, multiplier in self.joint.items())
        return {tuple(part for part in parts if part is not None): multiplier for parts, multiplier in keys}

    @cached_property
    def _longest(self) -> int:
        return max(len(prefix) for prefix in self._prefixes)

    @cached_property
    def _answers(self) -> dict[Values, Answer]:
        return {}

    def answer(self, values: Values) -> Answer:
        """Return a bidder's answer; a value of None is unknown: no row has it. Each is looked up once."""
        answer = self._answers.get(values)
        if answer is None:
            answer = self._answers[values] = self._looked_up(values)
        return answer

    def _looked_up(self, values: Values) -> Answer:
        keys = ((rows, tuple(values[n] for n in places)) for places, rows in self._terms.items())
        matched = [rows[parts] for rows, parts in keys if parts in rows]
        depth = min(len(values), self._longest)
        while values[:depth] not in self._prefixes:
            depth -= 1
        return Answer(prod(matched), self._prefixes[values[:depth]], depth, len(matched) - 1)


@dataclass(frozen=True, slots=True)
class Level:
    """The hit rate of the requests of which the joint row gives so many values."""

    values: int
    exposure_share: float
    hit_rate: float


@dataclass(frozen=True, slots=True)
class Miss:
    """A value that is not read back, None for a feature as a whole, with its cause and share of the exposures."""

    feature: str
    value: str | None
    cause: str
    exposure_share: float


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How a format's look-ups end, as shares of the exposures: see `round_trip`."""

    hit_rate: float
    addressable_hit_rate: float
    answered_share: float
    levels: tuple[Level, ...]
    misses: tuple[Miss, ...]


def drawn_requests(sample: Sample, features: Sequence[str]) -> dict[Request, float]:
    """Return up to 10,000 rows of a sample, evenly spaced, as requests: exposures by the features' values."""
    size = len(sample.exposure)
    rows = np.linspace(0, size - 1, min(size, MAX_ROWS)).astype(np.int64)
    columns = [sample.features[name] for name in features]
    values = [[column.values[code] for code in column.codes[rows].tolist()] for column in columns]
    requests: dict[Request, float] = defaultdict(float)
    for *request, exposure in zip(*values, sample.exposure[rows].tolist(), strict=True):
        requests[tuple(request)] += exposure
    return dict(requests)


def round_trip(requests: Mapping[Request, float], route: Route, tables: BidTables) -> RoundTrip:
    """Return the results of a format's look-ups, as shares of the exposures of `requests`.

    `hit_rate`: both tables answer as they do to the request's own values. `addressable_hit_rate`: as they do to those
    that the format has macros for, so that it is 1 unless a macro is read wrongly. `answered_share`: at least one row
    beside the defaults matches. `levels`: the hit rate by the number of values of the joint row that the request's own
    values find. `misses`: the ten with the most exposures, with their cause.
    """
    trips = {request: _trip(request, route, tables, number) for number, request in enumerate(requests)}
    total = sum(requests.values()) or 1.0

    def share(which: Sequence[Request], of: float = total) -> float:
        return sum(requests[request] for request in which) / of

    levels = sorted({trip.own.depth for trip in trips.values()})
    by_level = {level: [r for r, trip in trips.items() if trip.own.depth == level] for level in levels}
    misses: dict[tuple[str, str, str], float] = defaultdict(float)
    for request, trip in trips.items():
        if trip.miss is not None:
            misses[trip.miss] += requests[request] / total
    return RoundTrip(
        hit_rate=share([r for r, trip in trips.items() if trip.is_hit]),
        addressable_hit_rate=share([r for r, trip in trips.items() if trip.is_addressable_hit]),
        answered_share=share([r for r, trip in trips.items() if trip.through.rows or trip.through.depth]),
        levels=tuple(
            Level(
                level,
                share(which),
                share([r for r in which if trips[r].is_hit], sum(requests[r] for r in which) or 1.0),
            )
            for level, which in by_level.items()
        ),
        misses=tuple(
            Miss(feature, value or None, cause, missed)
            for (feature, value, cause), missed in sorted(misses.items(), key=lambda m: (-m[1], m[0]))[:TOP_MISSES]
        ),
    )


@dataclass(frozen=True, slots=True)
class Trip:
    """One request: the answer to its own values, the answer through the macros, and the first cause of a miss."""

    own: Answer
    through: Answer
    is_hit: bool
    is_addressable_hit: bool
    miss: tuple[str, str, str] | None


def _trip(request: Request, route: Route, tables: BidTables, form: int) -> Trip:
    decoded = read(expanded(request, route, form), route)
    values: Values = (None,) * len(request) if decoded is None else tuple(decoded)
    causes = [cause_of(value, place, route) for value, place in zip(request, route.places, strict=True)]
    addressable = tuple(None if cause in GAPS else value for value, cause in zip(request, causes, strict=True))
    own, through = tables.answer(request), tables.answer(values)
    is_hit, is_addressable_hit = through.is_as(own), through.is_as(tables.answer(addressable))
    if is_hit:
        return Trip(own, through, is_hit, is_addressable_hit, miss=None)
    relevant = [cause is not None and (cause in GAPS) == is_addressable_hit for cause in causes]
    suspects = [n for n in range(len(request)) if relevant[n]]
    decisive = [n for n in suspects if not tables.answer((*request[:n], None, *request[n + 1 :])).is_as(own)]
    for n in (*decisive, *suspects):
        return Trip(own, through, is_hit, is_addressable_hit, _miss_key(route.places[n], request[n], causes[n]))
    return Trip(own, through, is_hit, is_addressable_hit, _unexplained_miss(request, addressable, decoded, route))


def _miss_key(place: Place, value: str, cause: Cause | None) -> tuple[str, str, str]:
    """Return the key by which a miss is counted: the feature where a format never carries it; else the value too."""
    return (place.feature, "" if cause in GAPS else value, str(cause))


def _unexplained_miss(
    request: Request, addressable: Values, decoded: Sequence[str | None] | None, route: Route
) -> tuple[str, str, str]:
    """Return a miss that no single value explains: the combo's length, or a value read as another."""
    if decoded is None:
        return ("", route.separator.join(request), Cause.TRUNCATED)
    n = next(n for n, value in enumerate(decoded) if value != addressable[n] and addressable[n] not in NO_VALUES)
    return _miss_key(route.places[n], request[n], Cause.READ_OTHERWISE)
