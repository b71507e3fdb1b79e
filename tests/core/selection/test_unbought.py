"""Bids that were lost stand among the exposures: they have no cost, and no outcome where many are expected."""

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.unbought import tells_what_was_bought, unbought_rows

ROWS = 20_000
DRAW = np.random.default_rng(4)
LOST = DRAW.random(ROWS) < 0.6
CHANCE = DRAW.random(ROWS)
PRICE = 0.5 + DRAW.random(ROWS)
SOURCE = DRAW.integers(0, 3, ROWS)
IDS = np.arange(ROWS).astype(str)


def rows_of(outcome):
    outcome = np.asarray(outcome, dtype=float)
    ones = np.ones(len(outcome))
    return RowOutcomes(outcome, 1 - outcome, ones, ones)


def clicks(rate=0.02, of=~LOST):
    return of & (rate > CHANCE)


def test_rows_without_a_cost_and_without_an_outcome_were_not_bought():
    found = unbought_rows(np.where(LOST, 0.0, PRICE), rows_of(clicks()))

    assert found is not None
    assert (found.rows == LOST).all()
    assert found.share == pytest.approx(LOST.mean())
    assert found.expected == pytest.approx(0.02 * LOST.sum(), rel=0.2)


@pytest.mark.parametrize(
    ("spend", "outcome"),
    [
        (PRICE, clicks()),
        (np.where(LOST, 0.0, PRICE), clicks(of=np.ones(ROWS, dtype=bool))),
        (np.where(LOST, 0.0, PRICE), clicks(rate=0.0005)),
        (np.where(clicks(), PRICE, 0.0), clicks()),
        (np.zeros(ROWS), clicks()),
    ],
    ids=["all cost", "a cost that was not logged", "few outcomes", "paid by the click", "nothing cost"],
)
def test_rows_that_may_have_been_bought_are_not_suspected(spend, outcome):
    assert unbought_rows(spend, rows_of(outcome)) is None


@pytest.mark.parametrize(
    ("column", "tells"),
    [
        (np.where(LOST, "false", "true"), True),
        (np.where(LOST, np.where(SOURCE == 1, "outbid", "below floor"), MISSING), True),
        (np.where(LOST, MISSING, np.round(PRICE, 1).astype(str)), True),
        (SOURCE.astype(str), False),
        (np.where(CHANCE < 0.9, np.where(LOST, "no", "yes"), "yes"), False),
        (IDS, False),
        (np.full(ROWS, "one"), False),
    ],
    ids=["a flag", "reasons of the loss", "a price band", "no relation", "a tenth unknown", "ids", "one value"],
)
def test_a_column_that_tells_which_rows_were_bought_is_found(column, tells):
    rows = rows_of(clicks())
    found = unbought_rows(np.where(LOST, 0.0, PRICE), rows)

    assert tells_what_was_bought(feature(column.tolist()), found, rows) is tells


def test_a_source_that_logs_its_lost_bids_does_not_tell():
    lost = LOST & (SOURCE == 1)
    rows = rows_of(clicks(of=~lost))
    found = unbought_rows(np.where(lost, 0.0, PRICE), rows)

    assert found is not None
    assert not tells_what_was_bought(feature(SOURCE.tolist()), found, rows)
