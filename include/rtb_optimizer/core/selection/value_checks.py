"""Warns of features with unreadable or rounded values, and of anchors that carry no information; none stops a run."""

import re
from collections.abc import Iterator, Sequence
from math import gcd, inf, log2

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MAX_VALUE_BYTES, OTHER, UNEXPANDED
from rtb_optimizer.core.selection.rejection import screen
from rtb_optimizer.core.selection.spellings import spelling_warnings

UNREADABLE = {
    UNEXPANDED: ("unexpanded_macro", "an unexpanded macro", "have the ad server expand it before the row is logged"),
    OTHER: (
        "value_too_long",
        f"a value of more than {MAX_VALUE_BYTES} bytes, or {OTHER!r} itself",
        "log an id instead",
    ),
}
MAX_UNREADABLE_SHARE = 0.01
"""Of the exposures; some bot or test page is in any log."""
EXACT_BELOW = 2**53
"""Whole numbers that a float of 64 bits holds exactly."""
DIGITS_OF_INTEGERS = 20
_SCIENTIFIC = re.compile(r"-?\d(?:\.\d+[eE]\+?|[eE]\+)\d{2,3}")
"""How engines, languages and spreadsheets write large floats; a hash of digits around an e has no sign or point."""
EXACT_BELOW_OF_SINGLE, FEWEST_ROUNDED, SURE_BITS = 2**24, 8, 20
"""Whole numbers that a float of 32 bits holds exactly, and how many distinct larger ones, all rounded to what such a
float holds, are no chance: each bit that has to be zero halves it, so that one of a million remains."""
ANCHOR_WORDS = {
    "constant": "has a single value: it carries no information",
    "near_unique": "has a distinct value in most rows: no factor can be estimated",
    "mostly_missing": "has no value in most rows",
}


def value_warnings(sample: Sample, anchors: Sequence[str], max_missing_share: float) -> tuple[RunWarning, ...]:
    """Return the warnings about the features of a sample, the anchors in configured order."""
    anchor_warnings = _uninformative_anchors(sample, anchors, max_missing_share)
    return (*_unreadable(sample), *_rounded(sample), *spelling_warnings(sample), *anchor_warnings)


def _unreadable(sample: Sample) -> Iterator[RunWarning]:
    exposure = float(sample.exposure.sum())
    for name, feature in sorted(sample.features.items()):
        for value, (code, what, fix) in UNREADABLE.items():
            rows = feature.codes == feature.values.index(value) if value in feature.values else None
            share = 0.0 if rows is None else float((sample.exposure * rows).sum()) / exposure
            if share > MAX_UNREADABLE_SHARE:
                message = f"{share:.1%} of the exposures hold {what} in {name!r}, which is never a segment; {fix}"
                yield RunWarning(code, message, share=share)


def _rounded(sample: Sample) -> Iterator[RunWarning]:
    """Warn of ids that were floats in some file: no bidder sends what they have become, and several may be one."""
    exposure = float(sample.exposure.sum())
    for name, feature in sorted(sample.features.items()):
        rounded = [n for n, value in enumerate(feature.values) if _is_rounded(value)] or _singles(feature.values)
        if not rounded:
            continue
        share = float(sample.exposure[np.isin(feature.codes, rounded)].sum()) / exposure
        if share > MAX_UNREADABLE_SHARE:
            message = (
                f"{share:.1%} of the exposures hold a number in {name!r} whose last digits are lost, such as "
                f"{feature.values[rounded[0]]}: it was written as a float, in one file at least, as columns with nulls "
                "often are; bidders send other values, so that its rows are never found, and several ids may have "
                "become one; write ids as integers or texts in all files"
            )
            yield RunWarning("ids_rounded", message, share=share)


def _is_rounded(value: str) -> bool:
    return bool(_SCIENTIFIC.fullmatch(value)) and EXACT_BELOW <= abs(float(value)) < inf


def _singles(values: Sequence[str]) -> list[int]:
    """Return the places of numbers that were floats of 32 bits: all that are too large for one have lost bits.

    Numbers that are multiples of something else too, as of a day's seconds, are round by themselves.
    """
    large = {n: int(text) for n, text in enumerate(values) if text.isdecimal() and len(text) < DIGITS_OF_INTEGERS}
    large = {n: number for n, number in large.items() if number > EXACT_BELOW_OF_SINGLE}
    lost = [number.bit_length() - EXACT_BELOW_OF_SINGLE.bit_length() + 1 for number in large.values()]
    if len(large) < FEWEST_ROUNDED or sum(lost) < SURE_BITS:
        return []
    if any(number % (1 << bits) for number, bits in zip(large.values(), lost, strict=True)):
        return []
    first, *others = large.values()
    unit = gcd(*(number - first for number in others))
    return [*large] if log2(unit).is_integer() else []


def _uninformative_anchors(sample: Sample, anchors: Sequence[str], max_missing_share: float) -> Iterator[RunWarning]:
    for name in anchors:
        reason = screen(sample.features[name], len(sample.exposure), max_missing_share)
        if reason is not None:
            message = f"anchor {name!r} {ANCHOR_WORDS[reason]}; remove it from anchor_features, or fix the column"
            yield RunWarning(f"anchor_{reason}", message)
