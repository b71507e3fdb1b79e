"""Tables with known answers for the tests of exports: values that platforms find hard, and every depth."""

import numpy as np

from master_table import master_table, rows_of
from planted_samples import planted
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.export import Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable
from rtb_optimizer.run.build_tables import Fitted, predictions_of

TERMS = Terms("drugs_com-20260309-20260310-0a6cfea4d5", 0.8, "USD")


def table_of(*rows, features=("a", "b"), default=0.9):
    """A table of (values, multiplier) or (values, multiplier, exposures); a multiplier of None is no bid."""
    made = [
        KeyedRow(values, (exposures or [100.0])[0], 0.3 if bid is None else bid, no_bid=bid is None)
        for values, bid, *exposures in rows
    ]
    return KeyedTable(features, tuple(made), default)


def wide_table(rows, features=("adUnitCode", "size", "deviceType", "mediaType"), seed=5):
    """So many rows at random depths below shared prefixes."""
    draw = np.random.default_rng(seed)
    pools = [
        [f"Slot-{n}.x" for n in range(max(rows // 8, 2))],
        ["300x250", "160x600", "728x90", "320x50"],
        ["mobile", "desktop", "Tablet"],
        ["banner", "video"],
    ]
    rows_by_values = {}
    while len(rows_by_values) < rows:
        depth = int(draw.integers(1, len(features) + 1))
        values = tuple(str(draw.choice(pool)) for pool in pools[:depth])
        rows_by_values[values] = KeyedRow(values, float(draw.integers(1, 10_000)), float(draw.uniform(0.3, 3)))
    return KeyedTable(features, tuple(sorted(rows_by_values.values(), key=lambda r: (len(r.values), r.values))), 0.87)


def requests_of(table, count, seed=6):
    """Requests by the table's values, by values that it lacks, in other cases, and with values missing."""
    draw = np.random.default_rng(seed)
    full = [row for row in table.rows if len(row.values) == len(table.features)] or list(table.rows)
    pools = [sorted({row.values[n] for row in full if len(row.values) > n}) for n in range(len(table.features))]
    strange = ["Elsewhere", "1x1", "toaster", "audio"]
    made = []
    for _ in range(count):
        values = [str(draw.choice(pool)) if pool else "x" for pool in pools]
        change, place = draw.integers(0, 6), int(draw.integers(0, len(values)))
        if change == 0:
            values[place] = strange[place]
        elif change == 1:
            values[place] = MISSING
        elif change == 2:
            values = [value.upper() if n != 1 else value for n, value in enumerate(values)]
        made.append(tuple(values))
    return made


def predictions_of_planted(settings):
    """What a master table of the planted sites and devices predicts of each sampled row."""
    sample, rules = planted(rows=60_000), settings.segment_rules
    model = fit(sample, {"site": 4.0, "device": 8.0})
    totals = Counts(60_000, 60_000, float(sample.outcome.sum()), 0, 0)
    exact = {"site": {}, "device": {}}
    level = master_table(model, sample, exact, totals, rules)[0].multiplier
    fitted = Fitted(model, sample, rows_of(model, sample, exact, rules))
    return predictions_of(fitted, level, ["site", "device"], settings)
