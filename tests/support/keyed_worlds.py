"""Seeded tables of prefixes and the traffic they came from: skewed, with values that no file format likes."""

import random
from collections import Counter

from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

HOSTILE = (
    *('say "no"', '"', "a|b", "|", "*", "**", "back\\slash", "\\", "tab\there", "line\nbreak", "\r", "\u2028", "", " "),
    *("512.0", "007", "-1", "1e3", "no_bid", "default", "else:", "#", "a, b", "(1 .. 3)", "São Paulo", "日本", "🦊"),
    *(MISSING, UNEXPANDED, OTHER, "NULL", "null", "value", "Ⅻ", "é", "e\u0301"),
)


def world(seed, alphabets, requests=4_000, rows=400):
    """Return a table over the alphabets' features, and the exposures of each combination of values in the traffic."""
    dice = random.Random(seed)  # noqa: S311
    seen = Counter()
    for _ in range(requests):
        values = tuple(alphabet[int(len(alphabet) * dice.random() ** 2.5)] for alphabet in alphabets.values())
        seen[values] += dice.choice((1.0, 1.0, 2.0, 10.0))
    combinations = sorted(seen)
    picked = {dice.choice(combinations)[: dice.randint(1, len(alphabets))] for _ in range(rows)}
    table = KeyedTable(
        tuple(alphabets),
        tuple(
            KeyedRow(
                values,
                exposures=sum(n for other, n in seen.items() if other[: len(values)] == values),
                multiplier=dice.choice((0.3, 1.0, 3.0, 0.123456789, dice.uniform(0.3, 3.0))),
                no_bid=dice.random() < 0.05,
            )
            for values in sorted(picked)
        ),
        default=0.97,
    )
    return table, seen


def traffic_requests(seed, alphabets, seen, requests=10_000):
    """Return requests: most as they came in the traffic, some of values that never met, some of values never seen."""
    dice = random.Random(seed)  # noqa: S311
    combinations, weights = list(seen), list(seen.values())
    came = dice.choices(combinations, weights, k=requests * 7 // 10)
    mixed = [tuple(dice.choice(alphabet) for alphabet in alphabets.values()) for _ in range(requests * 2 // 10)]
    odd = (*HOSTILE, "never seen")
    new = [tuple(dice.choice((*odd, values[0])) for values in alphabets.values()) for _ in range(requests // 10)]
    return came + mixed + new


def bid(table, values):
    """Return what a table bids on a request, to six digits as files have it; None for no bid."""
    row = table.row_of(values)
    if row is None:
        return float(f"{table.default:.6g}")
    return None if row.no_bid else float(f"{row.multiplier:.6g}")
