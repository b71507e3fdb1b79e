"""Exports Xandr look-up tables for a logistic regression: one table for each number of keys, with additive weights.

The shape is that of Xandr's logit service. A request is looked up in every table by its first value, its first two,
and so on; a table without its key gives `default_value`, 0. A row's weight is its difference to the row that answers
one value earlier, so that the sum is the longest prefix's: EV = scale / (1 + exp(-sum)) + offset, bounded by min and
max, is the base CPM times its multiplier. There is no weight for "no bid": such rows have the smallest multiplier.
Xandr clamps every expected value to 1 to 100 CPM, whatever the file says.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from math import log

from rtb_optimizer.core.platforms.bonsai import TEXTS
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.export import Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

MAX_KEYS = 5
NO_VALUE = -1
"""The key of a feature that a request lacks."""
HEADROOM = 2.0
"""Ratio of the scale to the largest bid: probabilities stay away from 1, where weights would grow."""
LOWEST_EV, HIGHEST_EV = 1.0, 100.0
"""The bounds, in CPM, that the service has on expected values of its own (Logistic regression models)."""
CLAMPED = (
    "Xandr clamps expected values to 1 to 100 CPM: choose an export_base_cpm that keeps the multipliers within, or 0 "
    "for multipliers, which a model of the type bid_modifier takes"
)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)


def lookup_tables(table: KeyedTable, terms: Terms) -> Export:
    """Return the table as `logit.json`; EV is a CPM, or where no base CPM is set the multiplier itself."""
    lost: dict[str, int] = {}
    for row in table.rows:
        if cause := _rejection(row):
            lost[cause] = lost.get(cause, 0) + 1
    addressable = table.keeping([row for row in table.rows if not _rejection(row)])
    bid_on = replace(addressable, rows=tuple(replace(row, no_bid=False) for row in addressable.rows))
    document = _document(bid_on, terms)
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    answered, clamped = _clamped(bid_on, terms.base_cpm)
    cut = {CLAMPED: clamped} if clamped else {}
    return Export({"logit.json": body}, answered, len(bid_on.rows), lost, normalise=_normalised, cut=cut)


def _clamped(table: KeyedTable, base_cpm: float) -> tuple[KeyedTable, int]:
    """Return the table that the service bids, and how many of its answers it clamps; multipliers are not clamped."""
    if not base_cpm:
        return table, 0
    low, high = LOWEST_EV / base_cpm, HIGHEST_EV / base_cpm
    rows = tuple(replace(row, multiplier=min(max(row.multiplier, low), high)) for row in table.rows)
    default = min(max(table.default, low), high)
    answers = [*zip(table.rows, rows, strict=True)]
    clamped = sum(ours.multiplier != theirs.multiplier for ours, theirs in answers) + (default != table.default)
    return replace(table, rows=rows, default=default), clamped


def _normalised(value: str) -> str:
    """Return a request's value as the service looks it up: its key of a missing value may be another's text."""
    return MISSING if value == str(NO_VALUE) else value


def _rejection(row: KeyedRow) -> str:
    if len(row.values) > MAX_KEYS:
        return f"more than {MAX_KEYS} keys"
    return f"a value is {NO_VALUE}, which stands for none" if str(NO_VALUE) in row.values else ""


def _document(table: KeyedTable, terms: Terms) -> dict[str, object]:
    base = terms.base_cpm or 1.0
    bids = [table.default, *(row.multiplier for row in table.rows)]
    scale = HEADROOM * max(bids)
    depths = sorted({len(row.values) for row in table.rows})
    return {
        "custom-model-logit": {
            "name": terms.run_code,
            "beta0": _log_odds(table.default / scale),
            "scale": scale * base,
            "offset": 0,
            "min": min(bids) * base,
            "max": max(bids) * base,
            "predictors": [_predictor(table, depth, scale) for depth in depths],
        }
    }


def _predictor(table: KeyedTable, depth: int, scale: float) -> dict[str, object]:
    """Return the look-up table of prefixes of a length."""
    return {
        "type": "lookup",
        "default_value": 0,
        "features": [{"type": "categorical_descriptor", "feature_keyword": f} for f in table.features[:depth]],
        "coefficients": [
            {"key": _key(table.features, row.values), "weight": _weight(table, row, scale)}
            for row in table.rows
            if len(row.values) == depth
        ],
    }


def _weight(table: KeyedTable, row: KeyedRow, scale: float) -> float:
    above = table.row_of(row.values[:-1])
    fallback = table.default if above is None else above.multiplier
    return _log_odds(row.multiplier / scale) - _log_odds(fallback / scale)


def _key(features: Sequence[str], values: Sequence[str]) -> list[str | int]:
    """Return ids as numbers, as in the service's own examples, and missing values as -1; digits of a text stay text."""
    pairs = zip(features, values, strict=False)
    return [
        NO_VALUE if v == MISSING else int(v) if name not in TEXTS and _INTEGER.fullmatch(v) else v for name, v in pairs
    ]


def _log_odds(share: float) -> float:
    return log(share / (1 - share))
