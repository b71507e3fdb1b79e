"""A replay by logged bids and prices: exact where the log holds the auctions; elsewhere none, and the reason."""

from dataclasses import replace

import numpy as np
import pytest

from rtb_optimizer.core.sample.sample import Bought, Sample
from rtb_optimizer.core.table.second_price import MIN_OUTCOMES, replayed

AUCTIONS = 400_000
ONES, TABLE = "all ones", "this run"


def market(seed=1, spread=0.7):
    """Requests of three kinds: rates and prices differ, and the dearest are not the best."""
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, 3, AUCTIONS)
    rate = np.array([0.01, 0.03, 0.08])[kind]
    price = np.array([1.0, 0.7, 1.2])[kind] * np.exp(draw.normal(0, spread, AUCTIONS))
    clicked = draw.random(AUCTIONS) < rate
    return kind, rate, price, clicked


def logged(price, clicked, bid, multiplier=None):
    """The log of the auctions that bids won: a sample with what each cost, of its bid."""
    won = price <= bid
    count = int(won.sum())
    bought = None if multiplier is None else Bought(multiplier[won], multiplier[won], 1.0)
    sample = Sample(
        np.ones(count),
        clicked[won].astype(float),
        price[won],
        np.zeros(count, dtype=int),
        {},
        bought=bought,
        paid_share=price[won] / np.broadcast_to(bid, price.shape)[won],
    )
    return sample, won


def changes(found):
    return {policy["name"]: policy["change"] for policy in found.policies}


def true_change(rate, price, multiplier, budget):
    """How many more outcomes a policy wins than equal bids with a budget, all auctions known."""

    def outcomes(of):
        needed = price / of
        order = np.argsort(needed)
        return np.interp(budget, np.cumsum(price[order]), np.cumsum(rate[order]))

    return outcomes(multiplier) / outcomes(np.ones(len(price))) - 1


@pytest.mark.parametrize("by_table", [False, True], ids=["bought at one bid", "bought at the bids of a table"])
def test_what_is_replayed_is_what_the_market_would_have_sold(by_table):
    kind, rate, price, clicked = market()
    before = np.array([0.8, 1.0, 1.5])[kind] if by_table else np.ones(AUCTIONS)
    sample, won = logged(price, clicked, 2.0 * before, before)
    multiplier = np.array([0.5, 1.2, 1.6])[kind]
    found = replayed(sample, {ONES: np.ones(int(won.sum())), TABLE: multiplier[won]})
    truth = true_change(rate, price, multiplier, found.budget_share * float(price[won].sum()))

    assert found.abstains == ""
    assert truth > 0.1
    assert changes(found)[TABLE] == pytest.approx(truth, abs=0.02)


def test_volume_that_is_assumed_is_further_off_than_logged_prices():
    """A bid of twice as much does not buy twice as much where prices lie close together."""
    kind, rate, price, clicked = market(spread=0.25)
    sample, won = logged(price, clicked, np.full(AUCTIONS, 1.5))
    multiplier = np.array([0.5, 1.2, 1.6])[kind]
    found = replayed(sample, {ONES: np.ones(int(won.sum())), TABLE: multiplier[won]})
    truth = true_change(rate, price, multiplier, found.budget_share * float(price[won].sum()))
    per_spend = [(sample.outcome * m).sum() / (sample.spend * m).sum() for m in (1.0, multiplier[won])]
    assumed = per_spend[1] / per_spend[0] - 1

    assert abs(changes(found)[TABLE] - truth) < abs(assumed - truth) / 4


def test_only_the_ratios_of_multipliers_count():
    kind, _, price, clicked = market()
    sample, won = logged(price, clicked, np.full(AUCTIONS, 2.0))
    multiplier = np.array([0.5, 1.2, 1.6])[kind][won]
    once, tenfold = (replayed(sample, {ONES: np.ones(len(multiplier)), TABLE: of * multiplier}) for of in (1, 10))

    assert once.budget_share == pytest.approx(tenfold.budget_share)
    assert changes(once) == pytest.approx(changes(tenfold))


def test_bids_that_exceed_the_logged_ones_by_far_leave_too_little_to_compare():
    _, _, price, clicked = market()
    sample, won = logged(price, clicked, np.full(AUCTIONS, 2.0))
    far = np.where(np.arange(int(won.sum())) % 1_000 == 0, 1_000.0, 1.0)
    found = replayed(sample, {ONES: np.ones(len(far)), TABLE: far})

    assert found.policies == ()
    assert "the logs do not hold" in found.abstains
    assert found.budget_share < 0.01


@pytest.mark.parametrize(
    ("paid", "abstains"),
    [
        (lambda paid, clicked: np.where(clicked, np.nan, paid), "the price of 100% of the outcomes is not known"),
        (lambda paid, _: np.where(np.arange(len(paid)) % 5 == 0, np.nan, paid), "the price of 20% of the outcomes"),
        (lambda paid, _: np.ones(len(paid)), "no second price"),
    ],
    ids=["no price where there is an outcome", "prices that lack here and there", "every row paid its bid"],
)
def test_without_second_prices_nothing_is_replayed_and_why_is_said(paid, abstains):
    _, _, price, clicked = market()
    sample, won = logged(price, clicked, np.full(AUCTIONS, 2.0))
    sample = replace(sample, paid_share=paid(sample.paid_share, clicked[won]))
    found = replayed(sample, {ONES: np.ones(len(sample.spend))})

    assert found.policies == ()
    assert abstains in found.abstains


def test_few_outcomes_are_not_compared():
    _, _, price, clicked = market()
    sample, _ = logged(price, clicked, np.full(AUCTIONS, 2.0))
    few = sample.at(np.arange(500))

    assert few.outcome.sum() < MIN_OUTCOMES
    assert "too few outcomes" in replayed(few, {ONES: np.ones(500)}).abstains


def test_without_logged_bids_there_is_no_replay():
    _, _, price, clicked = market()
    sample, _ = logged(price, clicked, np.full(AUCTIONS, 2.0))

    assert replayed(replace(sample, paid_share=None), {ONES: np.ones(len(sample.spend))}) is None


def test_rows_keep_what_they_paid_when_some_are_taken():
    sample, _ = logged(np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool), np.full(3, 4.0))

    assert sample.at(np.array([2, 0])).paid_share.tolist() == [0.75, 0.25]
    assert sample.where(np.array([False, True, True])).paid_share.tolist() == [0.5, 0.75]
