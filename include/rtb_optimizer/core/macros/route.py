"""Describes how each feature's value is carried from a platform's macro to the bidder, for every reader of a combo.

A route is a format's entry in `ad_macros.json`: a reader of that file can split an expanded combo, and the round-trip
test before activation reads it the same way.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from rtb_optimizer.core.macros.combo import Coverage, MacroCombo
from rtb_optimizer.core.macros.dialect import Derived, Dialect


class Cause(StrEnum):
    """Why a bidder does not read a value that a request has."""

    NO_MACRO = "no_macro"
    VALUE_MAP_ABSENT = "value_map_absent"
    DERIVED_ELSEWHERE = "derived_elsewhere"
    MISSING_UNDOCUMENTED = "missing_undocumented"
    OTHER_CLOCK = "other_clock"
    NOT_IN_VALUE_MAP = "not_in_value_map"
    NOT_DERIVABLE = "not_derivable"
    READS_AS_MISSING = "reads_as_missing"
    DELIMITER = "delimiter_in_value"
    TRUNCATED = "truncated"
    CASE_FOLDED = "case_folded"
    READ_OTHERWISE = "read_otherwise"


GAPS = frozenset(
    {
        *(Cause.NO_MACRO, Cause.VALUE_MAP_ABSENT, Cause.DERIVED_ELSEWHERE, Cause.MISSING_UNDOCUMENTED),
        Cause.OTHER_CLOCK,
    },
)
"""Causes for which no macro carries the value, by the format's policy or for lack of documentation."""


@dataclass(frozen=True)
class Place:
    """One feature's place in a combo.

    Args:
        feature: Its name.
        coverage: How the format addresses it.
        macro: Its text in the combo.
        encodings: How often its value is percent-encoded, and is to be decoded.
        characters: The longest value that is carried; a value of that length may be cut, and is not read.
        derived: The source that the value is computed from, where it is.
        is_host: Whether values are hosts: read in lower case, without a trailing dot.
        ids: Our value -> the platform's, where its ids differ.
        gap: Why no value is read here at all.
        missing: What an absent value expands to here, where it differs from the route's; None: as the route's.
    """

    feature: str
    coverage: Coverage
    macro: str
    encodings: int = 0
    characters: int | None = None
    derived: Derived | None = None
    is_host: bool = False
    ids: Mapping[str, str] | None = None
    gap: Cause | None = None
    missing: tuple[str, ...] | None = None

    @cached_property
    def ours(self) -> Mapping[str, str]:
        """Our value of each of the platform's ids."""
        return {theirs: our for our, theirs in (self.ids or {}).items()}


@dataclass(frozen=True, slots=True)
class Route:
    """The places of a combo in the order of the features, and their common rules: see `Dialect`."""

    separator: str
    missing: tuple[str, ...]
    places: tuple[Place, ...]
    plus_for_space: bool = False
    folds_values: bool = False
    combo_limit: int | None = None


def route_of(
    combo: MacroCombo,
    dialect: Dialect,
    maps: Mapping[str, Mapping[str, str]],
    hosts: Collection[str],
    local_hours: Collection[str] = (),
) -> Route:
    """Return the route of a combo.

    Args:
        combo: The combo of a format.
        dialect: The dialect of that format.
        maps: The configuration's value maps for the format, by feature; they take precedence over the dialect's own.
        hosts: The features whose values are hosts.
        local_hours: The features that are hours by another clock than UTC: none is computed from an instant.
    """
    seeded = {feature: dialect.value_maps.get(combo.parts[feature]) for feature in combo.coverage}
    written = (
        _place(feature, combo, dialect, maps.get(feature, ids), is_host=feature in hosts)
        for feature, ids in seeded.items()
    )
    places = tuple(
        replace(place, derived=None, gap=Cause.OTHER_CLOCK) if place.derived and place.feature in local_hours else place
        for place in written
    )
    return Route(
        dialect.separator, dialect.missing, places, dialect.plus_for_space, dialect.folds_values, dialect.combo_limit
    )


def _place(feature: str, combo: MacroCombo, dialect: Dialect, ids: Mapping[str, str] | None, *, is_host: bool) -> Place:
    how, macro = combo.coverage[feature], combo.parts[feature]
    if how in (Coverage.WILDCARD, Coverage.GAP):
        return Place(feature, how, macro, gap=Cause.NO_MACRO)
    derived, gap = dialect.derivation_by(macro), None
    if how is Coverage.DERIVED:
        derived = dialect.derived[feature].of
        gap = Cause.DERIVED_ELSEWHERE if derived is Derived.ELSEWHERE else None
    elif macro in dialect.own_values and ids is None:
        gap = Cause.VALUE_MAP_ABSENT
    return Place(
        feature,
        how,
        macro,
        encodings=dialect.encodings_of(macro),
        characters=dialect.limit_of(macro),
        derived=derived,
        is_host=is_host,
        ids=dict(ids) if ids and derived is None else None,  # an empty map: the ids are the same
        gap=gap,
        missing=dialect.missing_by.get(macro),
    )
