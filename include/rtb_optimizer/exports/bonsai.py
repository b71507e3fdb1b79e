"""Exports a Xandr Bonsai decision tree, each leaf under a name that identifies its segment.

A tree has the table's own order: every feature of a prefix is a level, and a request that matches no value gets the
leaf of the longest prefix above. So no row is expanded, and the last leaf is the table's default.
"""

import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count

from rtb_optimizer.core.platforms.bonsai import FEATURES, NUMBERS, TEXTS
from rtb_optimizer.core.platforms.column import WHOLE
from rtb_optimizer.core.sample.values import MISSING, segment_key
from rtb_optimizer.exports.columns import accepted_rows, format_multiplier, values_below
from rtb_optimizer.exports.export import Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

MAX_BYTES = 3_145_728
DEFAULT = "default"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
NAME_LENGTH = 7

NO_ROOM = "rows of least impact, beyond the size limit of a tree"


def bonsai_tree(table: KeyedTable, terms: Terms, max_bytes: int = MAX_BYTES) -> Export:
    """Return a table of Bonsai's features as `tree.txt`, and the segment of each leaf as `leaf_names.json`.

    The tree is the same for the same table; `max_bytes` limits its length in base64.
    """
    accepted, lost = accepted_rows(table, {name: FEATURES[name] for name in table.features})
    width = len(table.features)
    keys = {row.values: _key(row.values, width) for row in accepted.rows}
    names = dict(zip(keys, leaf_names(keys.values()), strict=True))
    ranked = list(accepted.by_impact())
    fitted = accepted.keeping(ranked[: _room(accepted, ranked, names, max_bytes)])
    lost[NO_ROOM] = len(ranked) - len(fitted.rows)
    leaves = {DEFAULT: _key((), width)} | {names[row.values]: keys[row.values] for row in fitted.rows}
    origin = {"run_code": terms.run_code, "features": table.features, "leaves": leaves}
    files = {
        "tree.txt": _text(fitted, names).encode(),
        "leaf_names.json": json.dumps(origin, indent=1, ensure_ascii=False).encode(),
    }
    priced = (replace(row, multiplier=float(format_multiplier(row.multiplier))) for row in fitted.rows)
    read_back = KeyedTable(table.features, tuple(priced), float(format_multiplier(table.default)))
    return Export(files, read_back, len(leaves), +lost)


def leaf_names(keys: Iterable[str]) -> list[str]:
    """Return a name for each key: seven characters, unique, the same every night.

    Names are hashes, so that a name depends on its key alone. Two keys of 100,000 collide in one night of sixteen; the
    later in order then takes another.
    """
    taken_names, names = {DEFAULT}, dict[str, str]()
    listed = list(keys)
    for key in sorted(listed):
        names[key] = next(name for attempt in count() if (name := _hash(key, attempt)) not in taken_names)
        taken_names.add(names[key])
    return [names[key] for key in listed]


def _hash(key: str, attempt: int) -> str:
    number = int.from_bytes(blake2b(key.encode(), digest_size=8, salt=attempt.to_bytes(8, "big")).digest(), "big")
    return "".join(DIGITS[number // len(DIGITS) ** place % len(DIGITS)] for place in range(NAME_LENGTH))


def _key(values: tuple[str, ...], features: int) -> str:
    return segment_key((*values, *[None] * (features - len(values))))


def _room(
    table: KeyedTable,
    ranked: Sequence[KeyedRow],
    names: Mapping[tuple[str, ...], str],
    max_bytes: int,
) -> int:
    """Return how many rows of largest impact fit into the tree."""

    def size(rows: int) -> int:
        return len(b64encode(_text(table.keeping(ranked[:rows]), names).encode()))

    if size(len(ranked)) <= max_bytes:
        return len(ranked)
    return max(bisect_right(range(len(ranked)), max_bytes, key=size) - 1, 0)


def _text(table: KeyedTable, names: Mapping[tuple[str, ...], str]) -> str:
    return "\n".join(_Tree(table, names).lines()) + "\n"


@dataclass
class _Tree:
    """A table as lines of Bonsai; `names` are the leaves', by the values of their row."""

    table: KeyedTable
    names: Mapping[tuple[str, ...], str]

    def __post_init__(self) -> None:
        self._rows = {row.values: row for row in self.table.rows}
        self._below = values_below(self.table)

    def lines(self, prefix: tuple[str, ...] = (), answer: KeyedRow | None = None, indent: int = 0) -> Iterator[str]:
        """Yield the lines under a prefix; `answer` is the row of other requests there."""
        answer = self._rows.get(prefix, answer)
        following = sorted(self._below.get(prefix, ()))
        if not following:
            yield from self._leaf(answer, indent)
            return
        column, tabs = self.table.features[len(prefix)], "\t" * indent
        switch = column in NUMBERS and MISSING not in following
        if switch:
            yield f"{tabs}switch {column}:"
        for place, value in enumerate(following):
            yield (
                f"{tabs}\tcase ({value}):"
                if switch
                else f"{tabs}{'elif' if place else 'if'} {_condition(column, value)}:"
            )
            yield from self.lines((*prefix, value), answer, indent + 1 + switch)
        yield f"{tabs}\tdefault:" if switch else f"{tabs}else:"
        yield from self._leaf(answer, indent + 1 + switch)

    def _leaf(self, answer: KeyedRow | None, indent: int) -> Iterator[str]:
        tabs = "\t" * indent
        yield f'{tabs}leaf_name: "{DEFAULT if answer is None else self.names[answer.values]}"'
        if answer is not None and answer.no_bid:
            yield f"{tabs}value: no_bid"
        else:
            yield f"{tabs}value: {format_multiplier(self.table.default if answer is None else answer.multiplier)}"


def _condition(column: str, value: str) -> str:
    if value == MISSING:
        return f"{column} absent"
    is_number = column not in TEXTS and re.fullmatch(WHOLE, value)
    return f"{column} = {value}" if is_number else f'{column} = "{value}"'
