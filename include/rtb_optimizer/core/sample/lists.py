"""Splits the values of a list-valued column, as a user's segments, into the elements of the lists."""

from dataclasses import dataclass

import numpy as np

from rtb_optimizer.core.sample.sample import Feature, Ints

SEPARATORS = (",", ";", "|")
LIST_SHARE = 0.05
"""A column is a list where this share of its rows have more than one element."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of a column's values: of occurrence i, value `holders[i]` holds element `names[codes[i]]`.

    `lists` is how many values the column has; a value holds an element once at most.
    """

    holders: Ints
    codes: Ints
    names: tuple[str, ...]
    lists: int


def elements_of(feature: Feature) -> Elements | None:
    """Return the elements of a list-valued column, by its most frequent separator; None where it is none."""
    rows = np.bincount(feature.codes, minlength=len(feature.values))
    together = [sum(rows[n] for n, value in enumerate(feature.values) if each in value) for each in SEPARATORS]
    if max(together) < LIST_SHARE * rows.sum():
        return None
    separator = SEPARATORS[int(np.argmax(together))]
    place: dict[str, int] = {}
    holders, codes = list[int](), list[int]()
    for n, value in enumerate(feature.values):
        elements = dict.fromkeys(part.strip() for part in value.split(separator))
        holders += [n] * len(elements)
        codes += [place.setdefault(element, len(place)) for element in elements]
    return Elements(np.array(holders), np.array(codes), tuple(place), len(feature.values))
