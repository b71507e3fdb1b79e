"""The planted columns that a selection should pick: those whose gain exceeds its sampling error."""

import numpy as np
from columns import PLANTED
from worlds import PILOT_ROWS, World, draw_codes

from rtb_optimizer.core.selection.select import SelectionRules

SURELY = 1.645
"""Standard errors above the limit at which 95 % of all samples pass it."""


def detectable(planted: World, outcomes: float, rules: SelectionRules) -> set[str]:
    """Return the planted columns that a selection from logs with so many outcomes finds in 95 of 100 worlds.

    A value with k outcomes shows its log factor, drawn with variance s^2, with the variance 1/k of a count; shrunk
    toward 0 it is worth a = s^4 / (s^2 + 1/k), and the gain of all values k a / 2 each, with the standard error
    sqrt(k a): to be found, z = sqrt(sum of k a) / 2 must be well above `min_z`. Columns are taken alone, at the same
    rate for all of their values.
    """
    draw = np.random.default_rng([planted.seed, 2])
    codes = draw_codes(planted, 0, np.sort(draw.random(PILOT_ROWS)), draw)
    names = set()
    for name in PLANTED:
        effect = planted.effects[name,]
        share = np.bincount(codes[name], minlength=len(effect)) / PILOT_ROWS
        seen = share > 0
        k, shift = outcomes * share[seen], effect[seen]
        variance = float(np.average((shift - np.average(shift, weights=k)) ** 2, weights=k))
        worth = float((k * variance**2 / (variance + 1 / k)).sum())
        if np.sqrt(worth) / 2 >= rules.min_z_of(outcomes) + SURELY:
            names.add(name)
    return names
