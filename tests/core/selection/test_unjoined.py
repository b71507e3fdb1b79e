"""Outcomes in rows of their own: what an event row shows of features is that it lacks them."""

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.unjoined import unjoined_share

ROWS, EVENTS = 4_000, 300
NAMES = ("site", "device", "country")


def exposures(base=0.0, seed=3):
    draw = np.random.default_rng(seed)
    values = {name: draw.choice(["a", "b", "c"], ROWS) for name in NAMES}
    return (draw.random(ROWS) < base).astype(float), values


def with_event_rows(bare, base=0.0, rate=1.0):
    """Exposures, and event rows that lack the `bare` features."""
    outcome, values = exposures(base)
    events = (np.random.default_rng(7).random(EVENTS) < rate).astype(float)
    columns = {
        name: np.append(column, np.full(EVENTS, MISSING if name in bare else "a")) for name, column in values.items()
    }
    return sample_of(np.append(outcome, events), **columns)


@pytest.mark.parametrize("bare", [NAMES, ("site", "device")], ids=["all features", "most features"])
@pytest.mark.parametrize("base", [0.0, 0.01, 0.4], ids=["clicks alone there", "some joined", "a frequent outcome"])
def test_event_rows_are_found_whatever_they_still_have(bare, base):
    sample = with_event_rows(bare, base)

    assert unjoined_share(sample, NAMES) == pytest.approx(EVENTS / sample.outcome.sum())


@pytest.mark.parametrize(
    "sample",
    [
        with_event_rows(()),
        with_event_rows(NAMES, base=0.1, rate=0.3),
        sample_of(*exposures(0.1)[:1], **exposures(0.1)[1]),
        sample_of(np.zeros(10), site=["a"] * 10, device=["b"] * 10, country=["c"] * 10),
        sample_of(np.ones(10), site=[MISSING] * 10, device=[MISSING] * 10, country=[MISSING] * 10),
    ],
    ids=["rows with features", "bare rows that also fail", "ordinary logs", "no outcome", "nothing but outcomes"],
)
def test_rows_that_are_no_events_are_no_unjoined_outcomes(sample):
    assert unjoined_share(sample, NAMES) == 0.0


def test_a_feature_that_is_often_missing_is_not_expected():
    """A deal id that most exposures lack says nothing by its absence."""
    outcome, values = exposures(0.1)
    deal = np.where(np.random.default_rng(1).random(ROWS) < 0.8, MISSING, "deal")

    assert unjoined_share(sample_of(outcome, deal=deal), ["deal"]) == 0.0
    assert unjoined_share(sample_of(outcome, deal=deal, **values), ["deal", *NAMES]) == 0.0
