"""How much a table knows of small campaigns, against a logistic regression; and columns of noise in small worlds.

PYTHONPATH=include:.venv/bench .venv/bin/python benchmarks/small_campaigns.py --draws 20

The days before the held-out ones of each real campaign are thinned to a number of outcomes, all rows alike.
The regression is tuned on its last day, without pairs, which so few outcomes never support.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from statistics import fmean

import numpy as np
from deviance import BINOMIAL, Holdout, log_likelihood, metrics_of, recalibrated
from encoded import Rows, labelled, parted
from measured import default_settings
from numpy.typing import NDArray
from real_logs import CASES
from regressions import features
from results import Measurement
from small_worlds import NOISE, Plan, campaign, small_world

from rtb_optimizer.core.model.fit import fit, shrink_by_slope
from rtb_optimizer.core.model.link import link_of
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.sample import Floats, Sample
from rtb_optimizer.core.selection.interactions import detect
from rtb_optimizer.core.selection.select import Selection, select
from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.core.table.rows import codes_to_publish, restrict_to_rows

CAMPAIGNS = (1458, 3386)
RIDGES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)
LEAST = {1_000: 95.0, 500: 90.0, 250: None}
WORLDS = [
    (outcomes, rate, seed) for outcomes, rate in ((200, 0.003), (1_000, 0.003), (3_000, 0.02)) for seed in range(7)
]
Mask = NDArray[np.bool_]


def selected(sample: Sample) -> Selection:
    """Select as a run does, without the last fold of the sample."""
    settings = default_settings()
    link = link_of("auto", sample.outcome.sum(), sample.exposure.sum(), is_money=False)
    training = sample.where(sample.fold < sample.fold.max())
    found = select(training, list(sample.features), [], settings.selection_rules, link)
    return Selection(found.chosen, found.rejected, detect(training, found.priors, settings.interaction_rules, link))


def table_rates(whole: Sample, kept: Mask, unseen: Mask) -> Floats:
    """Return the rates of the unseen rows by the table of the kept ones."""
    sample, rules = whole.where(kept), default_settings().table_rules
    link = link_of("auto", sample.outcome.sum(), sample.exposure.sum(), is_money=False)
    selection = selected(sample)
    evidence = evaluate(sample, sample.fold == sample.fold.max(), selection, link, rules)
    crossed = with_interactions(whole, [each.features for each in selection.interactions])
    window = crossed.where(kept)
    model = shrink_by_slope(fit(window, selection.priors, link), window, evidence.slope)
    return restrict_to_rows(model, codes_to_publish(model, window, rules.segments, None)).rates(crossed.where(unseen))


def regression_rates(training: Rows, unseen: Rows) -> Floats:
    """Return the rates of the unseen rows by a regression, whose ridge the last day of the others chose."""
    earlier, last = parted(training)
    validation = Holdout(last.outcomes, last.exposure)
    tried = {ridge: recalibrated(validation, _fitted(earlier, last, ridge)) for ridge in RIDGES}
    return _fitted(training, unseen, max(tried, key=lambda ridge: log_likelihood(validation, tried[ridge])))


def _fitted(training: Rows, unseen: Rows, ridge: float) -> Floats:
    """Fit until it has converged, which weights of some hundreds take many steps for."""
    from sklearn.linear_model import LogisticRegression

    fit, known = labelled(training, BINOMIAL, training.rate), unseen.within(training)
    ours, theirs = (features(of, training, pairs=False) for of in (training, known))
    model = LogisticRegression(C=ridge, max_iter=3_000, tol=1e-6)
    model.fit(ours[fit.row], fit.label, sample_weight=fit.weight)
    return np.asarray(model.predict_proba(theirs)[:, 1], float)


def explained(whole: Sample, kept: Mask, unseen: Mask, rates: Floats) -> float:
    """Return which share of the unseen deviance rates explain, their level aside."""
    of = whole.where(unseen)
    rate = float(whole.outcome[kept].sum() / whole.exposure[kept].sum())
    clipped = np.clip(rates, 1e-9, 1 - 1e-9)
    return float(metrics_of(Holdout(of.outcome, of.exposure), clipped, rate)["explained_unlevelled"])


def thinned(advertiser: int, outcomes: int, seed: int) -> tuple[float, float]:
    """Return what table and regression explain after a draw of so many outcomes."""
    nights = campaign(advertiser, 1)
    whole, unseen = nights.sample, nights.sample.fold >= nights.unseen
    share = outcomes / int((whole.outcome[~unseen] > 0).sum())
    kept = ~unseen & (np.random.default_rng([seed, outcomes]).random(len(unseen)) < share)
    codes = {name: feature.codes.astype(np.int32) for name, feature in whole.features.items()}
    rows = Rows(codes, whole.outcome, whole.exposure, whole.fold.astype(np.int64))
    rates = table_rates(whole, kept, unseen), regression_rates(rows.of(kept), rows.of(unseen))
    ours, theirs = (explained(whole, kept, unseen, each) for each in rates)
    return ours, theirs


def measurements(draws: int) -> Iterator[Measurement]:
    """Yield the gains on small campaigns, and the noise that small worlds let in."""
    for advertiser in CAMPAIGNS if CASES["clicks"].path.exists() else ():
        for outcomes, least in LEAST.items():
            pairs = [thinned(advertiser, outcomes, seed) for seed in range(draws)]
            ours, theirs = (fmean(side) for side in zip(*pairs, strict=True))
            name = f"small_{advertiser}_{outcomes}"
            unit = "% of the regression's mean gain"
            yield Measurement(f"{name}_of_regression", 100 * ours / theirs, unit, at_least=least, runs=draws)
            worst = 100 * min(own for own, _ in pairs)
            yield Measurement(f"{name}_worst_draw", worst, "% of the deviance", at_least=0.0, runs=draws)
    chosen = [
        feature.name
        for outcomes, rate, seed in WORLDS
        for feature in selected(small_world(seed, Plan(outcomes, rate)).sample).chosen
    ]
    noise = sum(name in NOISE for name in chosen)
    unit = f"of {len(NOISE) * len(WORLDS)} columns of noise"
    yield Measurement("small_noise_picked", noise, unit, at_most=0, runs=len(WORLDS))


def main() -> None:
    """Print all measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    print(json.dumps([asdict(each) for each in measurements(parser.parse_args().draws)], indent=1))


if __name__ == "__main__":
    main()
