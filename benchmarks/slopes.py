"""How well the calibration slope predicts the next day, on publishers' aggregated logs.

PYTHONPATH=include .venv/bin/python benchmarks/slopes.py

For every third day: six days before it and the day itself are a window, whose slope is found as a run finds it; the
model of the whole window is then scored on the day after, with that slope, with the slope of the window's last day
alone, and with none. Gains are shares of the baseline deviance, the level removed.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from statistics import fmean

import numpy as np
from measured import default_settings
from real_logs import CASES, SUPPLY, viewable
from results import Measurement

from rtb_optimizer.core.model.calibration import calibration_slope
from rtb_optimizer.core.model.fit import FactorModel, fit, shrink_by_slope
from rtb_optimizer.core.model.link import Link, rate_of, rescaled_to_total
from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.selection.select import select
from rtb_optimizer.core.table.evaluation import deviance_gain, evaluate

DAYS_BEFORE, FIRST, STEP = 6, 6, 3
NONE, LAST_DAY, ALL_DAYS = "none", "last_day", "all_days"


def publishers() -> Iterator[Sample]:
    """Yield the logs of each publisher, sorted by day: viewable of measurable impressions."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    logs = pq.ParquetFile(CASES["viewable"].path).read().sort_by("date")
    for site in sorted(set(logs["site_id"].to_pylist())):
        own = logs.filter(pc.and_(pc.equal(logs["site_id"], site), pc.greater(logs["measurable_impressions"], 0)))
        outcome, exposure = viewable(own)
        day = np.unique(own["date"].to_numpy(), return_inverse=True)[1]
        features = {}
        for name in SUPPLY[:-1]:
            values, codes = np.unique(own[name].to_numpy().astype(str), return_inverse=True)
            features[name] = Feature(codes, values.tolist())
        yield Sample(exposure, outcome, exposure, day, features)


def of_publisher(sample: Sample) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Yield by window the slopes and the gains of the day after, each by where the slope comes from."""
    settings = default_settings()
    for last in range(FIRST, int(sample.fold.max()), STEP):
        window = sample.where((sample.fold >= last - DAYS_BEFORE) & (sample.fold <= last))
        holdout = window.fold == last
        selection = select(window.where(~holdout), list(SUPPLY[:-1]), [], settings.selection_rules, Link.LOGIT)
        evidence = evaluate(window, holdout, selection, Link.LOGIT, settings.table_rules)
        trained, seen = fit(window.where(~holdout), selection.priors, Link.LOGIT), window.where(holdout)
        alone = calibration_slope(np.log(trained.strengths(seen) / trained.base), seen, Link.LOGIT)
        slopes = {NONE: 1.0, LAST_DAY: alone, ALL_DAYS: evidence.slope}
        model, after = fit(window, selection.priors, Link.LOGIT), sample.where(sample.fold == last + 1)
        yield slopes, {of: _gain(shrink_by_slope(model, window, slope), after) for of, slope in slopes.items()}


def _gain(model: FactorModel, day: Sample) -> float:
    strengths = rescaled_to_total(model.strengths(day), day.exposure, float(day.outcome.sum()), model.link)
    return deviance_gain(day, rate_of(strengths, model.link), model.link)


def measurements() -> Iterator[Measurement]:
    """Yield the mean and the spread of the slopes, and the gains on the day after relative to no slope."""
    if not CASES["viewable"].path.exists():
        return
    windows = [list(of_publisher(sample)) for sample in publishers()]
    runs = sum(map(len, windows))
    for of in (LAST_DAY, ALL_DAYS):
        spread = fmean(float(np.std([slopes[of] for slopes, _ in own])) for own in windows)
        changes = [fmean(gains[of] for _, gains in own) / fmean(gains[NONE] for _, gains in own) for own in windows]
        yield Measurement(f"slope_{of}_mean", fmean(slopes[of] for own in windows for slopes, _ in own), "", runs=runs)
        yield Measurement(f"slope_{of}_spread", spread, "standard deviation between days, of a publisher", runs=runs)
        yield Measurement(f"slope_{of}_gain", 100 * fmean(changes), "% of the gain without a slope, mean", runs=runs)
        yield Measurement(
            f"slope_{of}_least_gain", 100 * min(changes), "% of the gain without a slope, worst", runs=runs
        )


def main() -> None:
    """Print all measurements as JSON."""
    print(json.dumps([asdict(measurement) for measurement in measurements()], indent=1))


if __name__ == "__main__":
    main()
