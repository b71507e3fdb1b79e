"""What a new entity's table knows after 1, 2, 4 and 7 days of few rows, cold and warm, of its own seven-day table.

PYTHONPATH=include .venv/bin/python benchmarks/warm_start.py --draws 10

Each of six entities in turn is new: the tables of the other five are what it starts from. A table that a run of the
default configuration would hold counts as none.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median

import numpy as np
from measured import default_settings
from real_logs import CASES
from results import Measurement
from warm_worlds import DAYS, SITES, Logs, publisher, thinned, world

from rtb_optimizer.core.decision.activation import failed_gates
from rtb_optimizer.core.model.fit import FactorModel, fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link, link_of, rate_of, rescaled_to_total
from rtb_optimizer.core.model.pooling import PooledFeature
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Floats, Mask, Sample
from rtb_optimizer.core.selection.interactions import detect
from rtb_optimizer.core.selection.select import Selection, select
from rtb_optimizer.core.table.evaluation import HoldoutEvaluation, deviance_gain, evaluate
from rtb_optimizer.core.table.pooled import pool_tables
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale
from rtb_optimizer.core.table.rows import codes_to_publish, restrict_to_rows

WINDOWS = (1, 2, 4, 7)
SHARES = (0.01, 0.1)
REACHED = 0.9
SETTINGS = default_settings()
Pooled = Mapping[str, PooledFeature]
Window = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Learnt:
    """A table, the sample it was made of, and its gain on rows that were not seen: 0 where it is held."""

    model: FactorModel
    sample: Sample
    gain: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The mean share of its own table's gain that one entity's table has, by share of the rows and days."""

    cold: Mapping[Window, float]
    warm: Mapping[Window, float]


def learnt(logs: Logs, kept: Mask, pooled: Pooled | None = None) -> Learnt:
    """Make a table of the kept rows as a run does, and judge it by those not seen."""
    whole, is_kept, held = logs.sampled(kept)
    sample, holdout, rules = whole.where(is_kept), held[is_kept], SETTINGS.table_rules
    outcomes = float(sample.outcome.sum())
    link = link_of("auto", outcomes, sample.exposure.sum(), is_money=logs.is_money)
    selection = _selected(sample, holdout, link, pooled or {})
    evidence = evaluate(sample, holdout, selection, link, rules)
    crossed = with_interactions(whole, [each.features for each in selection.interactions])
    window = crossed.where(is_kept)
    model = shrink_by_slope(fit(window, selection.priors, link, selection.pooled), window, evidence.slope)
    least = SETTINGS.min_segment_exposures
    codes = codes_to_publish(model, window, rules.segments, None)
    codes = {name: of[model.factors[name].exposure[of] >= least] for name, of in codes.items()}
    table, unseen = restrict_to_rows(model, codes), crossed.where(~is_kept)
    rates = rate_of(rescaled_to_total(table.strengths(unseen), unseen.exposure, unseen.outcome.sum(), link), link)
    return Learnt(table, window, deviance_gain(unseen, rates, link) if _is_published(outcomes, evidence) else 0.0)


def _selected(sample: Sample, holdout: Mask, link: Link, pooled: Pooled) -> Selection:
    training, rules = sample.where(~holdout), replace(SETTINGS.selection_rules, pooled=pooled)
    enough = sample.outcome.sum() >= SETTINGS.min_positives
    selection = select(training, list(sample.features), [], replace(rules, min_positives=0) if enough else rules, link)
    if not enough:
        return selection
    found = detect(training, selection.priors, SETTINGS.interaction_rules, link, selection.pooled)
    return replace(selection, interactions=found)


def _is_published(outcomes: float, evidence: HoldoutEvaluation) -> bool:
    """Whether the gates that need outcomes let a table through."""
    facts = {"outcomes": outcomes, "segments": 1, "partition_share": 1, "holdout_gain": evidence.gain}
    limits = {"outcomes": SETTINGS.min_positives, "segments": 1, "partition_share": 1, "holdout_gain": 0}
    if evidence.pooled_gain is not None:
        most = evidence.gain if evidence.gain_at_most is None else evidence.gain_at_most
        facts |= {"pooled_gain": evidence.pooled_gain, "holdout_gain_at_most": most}
    return not failed_gates(facts, limits)


def published(of: Learnt) -> PublishedTable:
    """Return a table as its readers have it, with what it was made of."""
    model, rows = of.model, dict[frozenset[tuple[str, str]], PublishedRow]()
    for name in model.factors.keys() & of.sample.features.keys():
        factor, values = model.factors[name], of.sample.features[name].values
        for code in np.flatnonzero(factor.theta != 1).tolist():
            pattern = frozenset([(name, values[code])])
            counts = (float(column[code]) for column in (factor.exposure, factor.outcome, factor.expected))
            rows[pattern] = PublishedRow(values[code], pattern, *counts, prior=1.0, multiplier=1.0)
    return PublishedTable(tuple(model.factors), frozenset(), rows, 1.0, SETTINGS.segment_rules, Scale(model.link))


def left_out(entities: Sequence[Logs], draws: int, windows: Sequence[Window]) -> list[Curve]:
    """Return the curve of each entity, new in turn."""
    own = [learnt(logs, logs.recent(DAYS)) for logs in entities]
    tables = [published(each) for each in own]
    curves = []
    for place, logs in enumerate(entities):
        pooled = pool_tables([table for n, table in enumerate(tables) if n != place], tables[place].scale.link)
        curves.append(_curve(logs, own[place].gain, pooled, draws, windows))
    return curves


def _curve(logs: Logs, whole: float, pooled: Pooled, draws: int, windows: Sequence[Window]) -> Curve:
    cold, warm = dict[Window, float](), dict[Window, float]()
    for share, days in windows:
        kept = [thinned(logs, days, share, seed) for seed in range(draws if share < 1 else 1)]
        cold[share, days] = fmean(_gain(logs, each, {}) for each in kept) / whole
        warm[share, days] = fmean(_gain(logs, each, pooled) for each in kept) / whole
    return Curve(cold, warm)


def _gain(logs: Logs, kept: Mask, pooled: Pooled) -> float:
    """Return the gain of a table, 0 where the rows are too few for one to be made."""
    if not logs.outcome[kept].sum() > 0:
        return 0.0
    return learnt(logs, kept, pooled).gain


def times_as_early(curves: Sequence[Curve]) -> float:
    """Return by what factor more rows the cold table needs for most of the gain, as the median of the entities."""
    return median(_reached(curve.cold) / _reached(curve.warm) for curve in curves)


def _reached(curve: Mapping[Window, float]) -> float:
    rows = [share * days for (share, days), gain in sorted(curve.items(), key=lambda at: at[0][0] * at[0][1])]
    gains = [gain for _, gain in sorted(curve.items(), key=lambda at: at[0][0] * at[0][1])]
    return next((size for size, gain in zip(rows, gains, strict=True) if gain >= REACHED), rows[-1])


def of_curves(name: str, curves: Sequence[Curve], windows: Sequence[Window], draws: int) -> Iterator[Measurement]:
    """Yield the median of the entities at each window, the least difference, and how much earlier warm tables are."""
    for share, days in windows:
        cold, warm = (median(getattr(c, side)[share, days] for c in curves) for side in ("cold", "warm"))
        unit = f"% of the seven-day table's gain, cold {100 * cold:.0f}"
        yield Measurement(f"warm_{name}_{100 * share:g}pct_{days}d", 100 * warm, unit, runs=draws)
    differences: Floats = np.array([[c.warm[w] - c.cold[w] for w in windows] for c in curves])
    mean = 100 * float(differences.mean(axis=0).min())
    yield Measurement(f"warm_{name}_worst_window", mean, "points, mean of entities", at_least=-1.0, runs=draws)
    earlier = times_as_early(curves)
    yield Measurement(f"warm_{name}_times_as_early", earlier, f"x, to {REACHED:.0%}", at_least=2.0, runs=draws)


def measurements(draws: int, seeds: int) -> Iterator[Measurement]:
    """Yield what is measured on publishers and on worlds."""
    windows = [(share, days) for share in (*SHARES, 1.0) for days in WINDOWS]
    for case in ("viewable", "revenue") if CASES["viewable"].path.exists() else ():
        for own_ids in (True, False):
            logs = [publisher(site, CASES[case], own_ids=own_ids) for site in SITES]
            name = f"{case}_{'own_ids' if own_ids else 'shared'}"
            yield from of_curves(name, left_out(logs, draws, windows), windows, draws)
    for kind, shared in {"agree": 0.95, "differ": 0.5, "disagree": 0.0}.items():
        curves = [curve for seed in range(seeds) for curve in left_out(world(seed, shared), 1, windows)]
        yield from of_curves(f"{kind}", curves, windows, len(curves))


def main() -> None:
    """Print all measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps([asdict(each) for each in measurements(arguments.draws, arguments.seeds)], indent=1))


if __name__ == "__main__":
    main()
