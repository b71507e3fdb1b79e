"""Recognises candidates whose values identify people or devices: UUIDs, long hashes, addresses.

Hashed ids of inventory are honest features: a column whose name says so (domain, slot, creative) may hold UUIDs and
hashes. So is a category that was hashed, of few values with many rows each. Network and e-mail addresses are refused
under any name.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Feature, Ints, Sample
from rtb_optimizer.core.selection.denied_names import words
from rtb_optimizer.core.selection.rejection import MAX_DOMINANT, informative_values
from rtb_optimizer.errors import LogsInvalid

MOST_ROWS = 0.5
MAX_JUDGED = 5_000
"""Of a column with more values, so many are judged, evenly spaced."""
FEW_VALUES, MANY_ROWS, IN_LARGE_VALUES = 100, 200, 0.99
"""A column of so few hashes is a category if so large a share of its rows is of values with so many rows each: logs are
of more people than that, and of fewer rows by each. A publisher of 400 devices with 84 rows each was seen.
"""
BASE64_LENGTH = 22
"""Characters of an MD5 hash in base64, the shortest that is recognised."""
BASE64_CHANGES = 0.45
"""Neighbours of a random base64 text that differ in class (capital, small letter, digit): 0.65; words joined: 0.3."""
BASE64_SIGNS = 0.1


class Kind(StrEnum):
    """What a value that identifies is, as a message names it."""

    UUID = "UUIDs"
    HASH = "long hashes"
    IP_ADDRESS = "IP addresses"
    MAC_ADDRESS = "MAC addresses"
    EMAIL = "e-mail addresses"


ADDRESSES = frozenset({Kind.IP_ADDRESS, Kind.MAC_ADDRESS, Kind.EMAIL})

_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_PATTERNS = {
    Kind.UUID: re.compile(r"\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?", re.IGNORECASE),
    Kind.HASH: re.compile(r"(?:0x)?[0-9a-f]{32,}", re.IGNORECASE),
    Kind.IP_ADDRESS: re.compile(
        rf"(?:{_IPV4}(?::\d{{1,5}}|/32)?|\[?(?=(?:[^:]*:){{7}}|[^:]*(?::[^:]+)*::)(?:[0-9a-f]{{0,4}}:){{2,8}}"
        rf"(?:[0-9a-f]{{0,4}}|{_IPV4})(?:%\w+)?\]?(?:/128)?)",
        re.IGNORECASE,
    ),
    Kind.MAC_ADDRESS: re.compile(r"[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.IGNORECASE),
    Kind.EMAIL: re.compile(r"(?:mailto:)?[^@\s]+@[^@\s]+\.[^@\s.]{2,}", re.IGNORECASE),
}
_SIGN = re.compile(r"[.:@]|.{17}", re.DOTALL)
"""Every kind has one of these characters, or is as long as a MAC address with dashes: most values have neither."""
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{BASE64_LENGTH},}}={{0,2}}")

INVENTORY = re.compile(
    r"domain|site|slot|placement|publisher|creative|bundle|page|campaign|advertiser|inventory|adspace|exchange|"
    r"^(?:app|apps|appid|deal|deals|dealid|zone|zoneid|tag|tagid|unit|unitid|adunit|url|urlid|channel|seller|video|"
    r"content|order|item|format)$"
)
PERSONAL = re.compile(r"user|visitor|person|device|cookie|session|customer|consumer|household|subscriber|profile")


@dataclass(frozen=True, slots=True)
class Identifying:
    """What most values of a column are, and the share of the rows with a value that hold them."""

    kind: Kind
    share: float


def identifying(sample: Sample, names: Iterable[str], allowed: Collection[str] = ()) -> dict[str, Identifying]:
    """Return the columns of a sample that identify people or devices by their values.

    Args:
        sample: The rows.
        names: The columns to judge.
        allowed: Columns that a person vouches for; their UUIDs and hashes pass, addresses never do.
    """
    found = {}
    for name in names:
        of_column = identifying_values(sample.features[name])
        vouched = name in allowed or names_inventory(name)
        if of_column is not None and (of_column.kind in ADDRESSES or not vouched):
            found[name] = of_column
    return found


def identifying_values(feature: Feature) -> Identifying | None:
    """Return what most of a column's rows hold, missing and dominant values aside; None where they identify nobody."""
    rows = np.bincount(feature.codes, minlength=len(feature.values))
    codes = np.flatnonzero(informative_values(feature, rows))
    if len(codes) > MAX_JUDGED:
        codes = codes[np.linspace(0, len(codes) - 1, MAX_JUDGED).astype(np.int64)]
    judged, by_kind = int(rows[codes].sum()), dict.fromkeys(Kind, 0)
    for code in codes.tolist():
        kind = kind_of(feature.values[code])
        if kind is not None:
            by_kind[kind] += int(rows[code])
    total = sum(by_kind.values())
    if total <= MOST_ROWS * judged:
        return None
    kind = max(by_kind, key=lambda kind: by_kind[kind])
    return None if kind not in ADDRESSES and _is_category(feature, rows) else Identifying(kind, total / judged)


def _is_category(feature: Feature, rows: Ints) -> bool:
    """Whether there are few hashes, with many rows each; those of one character, as zeros, stand for no id."""
    if np.count_nonzero(rows) > FEW_VALUES + MAX_DOMINANT:
        return False
    of_hashes = [
        n
        for n, value in zip(rows.tolist(), feature.values, strict=True)
        if n and kind_of(value) is not None and len(set(value.removeprefix("0x")) - set("-{}")) > 1
    ]
    large = sum(n for n in of_hashes if n >= MANY_ROWS)
    return len(of_hashes) <= FEW_VALUES and large > 0 and large >= IN_LARGE_VALUES * sum(of_hashes)


def kind_of(value: str) -> Kind | None:
    """Return what a value identifies by, or None."""
    if not _SIGN.search(value):
        return None
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(value):
            return kind
    return Kind.HASH if _is_base64(value) else None


def _is_base64(value: str) -> bool:
    """Whether a text is a hash in base64: long, and as mixed as random characters are."""
    text = value.rstrip("=")
    if not _BASE64.fullmatch(value) or sum(not c.isalnum() for c in text) > BASE64_SIGNS * len(text):
        return False
    classes = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in text if c.isalnum()]
    changes = sum(a != b for a, b in pairwise(classes))
    return len(set(classes)) > 2 and changes >= BASE64_CHANGES * (len(classes) - 1)  # noqa: PLR2004 - all three


def names_inventory(name: str) -> bool:
    """Whether a column's name says that it identifies inventory and no person."""
    parts = words(name)
    return any(INVENTORY.search(part) for part in parts) and not any(PERSONAL.search(part) for part in parts)


def require_no_addresses(found: Mapping[str, Identifying], anchors: Sequence[str]) -> None:
    """Raise LogsInvalid for an anchor of addresses: they would be published as they are."""
    for name in anchors:
        if name in found and found[name].kind in ADDRESSES:
            raise LogsInvalid(
                f"anchor {name!r} holds {found[name].kind}, which would be published; remove it from anchor_features, "
                "or log a region or a network instead"
            )


def identifier_warnings(found: Mapping[str, Identifying], anchors: Sequence[str]) -> Iterator[RunWarning]:
    """Yield a warning for each column that identifies people or devices; none shows a value."""
    for name, of_column in sorted(found.items()):
        what = f"holds {of_column.kind} in {of_column.share:.0%} of the rows with a value"
        if name in anchors:
            message = (
                f"anchor {name!r} {what}: its rows may be about one person or device each; remove it from "
                "anchor_features, or name it in allowed_identifiers if it is an id of inventory"
            )
            yield RunWarning("anchor_identifier", message, share=of_column.share)
            continue
        fix = (
            "log a region or a network instead"
            if of_column.kind in ADDRESSES
            else "name it in allowed_identifiers if it is an id of inventory"
        )
        message = (
            f"candidate {name!r} {what}: it identifies people or devices and is no feature; remove it from "
            f"candidate_features, or {fix}"
        )
        yield RunWarning("identifier", message, share=of_column.share)
