"""Do a platform's macros find the rows that a request's own values find? The look-up, proved on sampled requests.

Each request's values are expanded as the platform does, read as a bidder does, and looked up in both tables. A hit
has the answer of the look-up by the request's own values; that this is a row of less detail is no miss.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from rtb_optimizer.core.macros.expansion import cause_of, expanded, read
from rtb_optimizer.core.macros.route import GAPS, Cause, Place, Route
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import NO_VALUES, split_key

MOST_ROWS = 10_000
TOP_MISSES = 10

Request = tuple[str, ...]
Values = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tables say: of the master table the product of its rows, of the joint table a row's multiplier.

    `depth` is how many values that row gives, 0 for the default; `rows` how many of the master table match beside it.
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
    """The tables as a bidder holds them: multipliers by segment key, the default's among them."""

    master: Mapping[str, float]
    joint: Mapping[str, float]

    @cached_property
    def _terms(self) -> Mapping[tuple[int, ...], Mapping[Values, float]]:
        terms: dict[tuple[int, ...], dict[Values, float]] = defaultdict(dict)
        for segment, multiplier in self.master.items():
            given = [(n, part) for n, part in enumerate(split_key(segment)) if part is not None]
            terms[tuple(n for n, _ in given)][tuple(part for _, part in given)] = multiplier
        return terms

    @cached_property
    def _prefixes(self) -> Mapping[Values, float]:
        keys = ((split_key(key), multiplier) for key, multiplier in self.joint.items())
        return {tuple(part for part in parts if part is not None): multiplier for parts, multiplier in keys}

    @cached_property
    def _longest(self) -> int:
        return max(len(prefix) for prefix in self._prefixes)

    def answer(self, values: Values) -> Answer:
        """Return what a bidder answers; a value of None is one that it does not know: no row gives that."""
        given = ((rows, tuple(values[n] for n in places)) for places, rows in self._terms.items())
        found = [rows[parts] for rows, parts in given if parts in rows]
        depth = min(len(values), self._longest)
        while values[:depth] not in self._prefixes:
            depth -= 1
        return Answer(prod(found), self._prefixes[values[:depth]], depth, len(found) - 1)


def drawn_requests(sample: Sample, features: Sequence[str]) -> dict[Request, float]:
    """Return up to 10,000 rows of a sample, evenly drawn, as requests: exposures by the features' values."""
    size = len(sample.exposure)
    rows = np.linspace(0, size - 1, min(size, MOST_ROWS)).astype(np.int64)
    columns = [sample.features[name] for name in features]
    found: dict[Request, float] = defaultdict(float)
    for row in rows:
        found[tuple(column.values[int(column.codes[row])] for column in columns)] += float(sample.exposure[row])
    return dict(found)


def round_trip(requests: Mapping[Request, float], route: Route, tables: BidTables) -> dict[str, Any]:
    """Return how a format's look-ups end: shares of the exposures of `requests`.

    `hit_rate`: both tables answer as they do to the request's own values. `addressable_hit_rate`: as they do to those
    that the format has macros for, so that it is 1 unless a macro is read wrongly. `answered_share`: at least one row
    beside the defaults matches. `levels`: the hit rate by how many values the joint row gives that the request's own
    values find. `misses`: the ten that weigh most, with their cause.
    """
    trips = {request: _trip(request, route, tables) for request in requests}
    total = sum(requests.values()) or 1.0

    def share(which: Sequence[Request], of: float = total) -> float:
        return sum(requests[request] for request in which) / of

    levels = sorted({trip.own.depth for trip in trips.values()})
    by_level = {level: [r for r, trip in trips.items() if trip.own.depth == level] for level in levels}
    misses: dict[tuple[str, str, str], float] = defaultdict(float)
    for request, trip in trips.items():
        if trip.blame is not None:
            misses[trip.blame] += requests[request] / total
    return {
        "hit_rate": share([r for r, trip in trips.items() if trip.is_hit]),
        "addressable_hit_rate": share([r for r, trip in trips.items() if trip.is_addressable_hit]),
        "answered_share": share([r for r, trip in trips.items() if trip.through.rows or trip.through.depth]),
        "levels": [
            {
                "values": level,
                "exposure_share": share(which),
                "hit_rate": share([r for r in which if trips[r].is_hit], sum(requests[r] for r in which) or 1.0),
            }
            for level, which in by_level.items()
        ],
        "misses": [
            {"feature": feature, "value": value or None, "cause": cause, "exposure_share": missed}
            for (feature, value, cause), missed in sorted(misses.items(), key=lambda m: (-m[1], m[0]))[:TOP_MISSES]
        ],
    }


@dataclass(frozen=True, slots=True)
class Trip:
    """One request: what its own values find, what is found through the macros, and the first cause of a miss."""

    own: Answer
    through: Answer
    is_hit: bool
    is_addressable_hit: bool
    blame: tuple[str, str, str] | None


def _trip(request: Request, route: Route, tables: BidTables) -> Trip:
    got = read(expanded(request, route), route)
    values: Values = (None,) * len(request) if got is None else tuple(got)
    causes = [cause_of(value, place, route) for value, place in zip(request, route.places, strict=True)]
    told = tuple(None if cause in GAPS else value for value, cause in zip(request, causes, strict=True))
    own, through = tables.answer(request), tables.answer(values)
    is_hit, is_addressable_hit = through.is_as(own), through.is_as(tables.answer(told))
    if is_hit:
        return Trip(own, through, is_hit, is_addressable_hit, blame=None)
    looked_for = [cause is not None and (cause in GAPS) == is_addressable_hit for cause in causes]
    suspects = [n for n in range(len(request)) if looked_for[n]]
    closed = [n for n in suspects if not tables.answer((*request[:n], None, *request[n + 1 :])).is_as(own)]
    for n in (*closed, *suspects):
        return Trip(own, through, is_hit, is_addressable_hit, _blame(route.places[n], request[n], causes[n]))
    return Trip(own, through, is_hit, is_addressable_hit, _unexplained(request, told, got, route))


def _blame(place: Place, value: str, cause: Cause | None) -> tuple[str, str, str]:
    """Return what is counted: of what a format does not tell at all, the feature; else the value too."""
    return (place.feature, "" if cause in GAPS else value, str(cause))


def _unexplained(
    request: Request, told: Values, got: Sequence[str | None] | None, route: Route
) -> tuple[str, str, str]:
    """Blame what no value explains by itself: the length of all of them, or a reading that should not be."""
    if got is None:
        return ("", route.separator.join(request), Cause.TRUNCATED)
    n = next(n for n, value in enumerate(got) if value != told[n] and told[n] not in NO_VALUES)
    return _blame(route.places[n], request[n], Cause.READ_OTHERWISE)
