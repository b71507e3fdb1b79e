"""A column that was written after the outcome gives itself away: values that never stand without it."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from planted_samples import feature, planted
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.leaks import (
    MIN_EVENT_PAIRS,
    Sign,
    changes_between_exposure_and_event,
    suspected_from,
    suspicion,
)


def rows_of(outcome, log_weight=None):
    """Rows of the logs, one a row, of which none was left out."""
    outcome = np.asarray(outcome, dtype=float)
    ones = np.ones(len(outcome))
    return RowOutcomes(outcome, 1 - outcome, ones, ones if log_weight is None else np.asarray(log_weight, dtype=float))


def sign_of(column, outcome, log_weight=None):
    """What gives a column away, whose rows are in any order."""
    order = np.random.default_rng(2).permutation(len(outcome))
    column, outcome = np.asarray(column, dtype=str)[order], np.asarray(outcome, dtype=float)[order]
    weight = None if log_weight is None else np.asarray(log_weight, dtype=float)[order]
    found = suspicion(feature(column.tolist()), rows_of(outcome, weight))
    return found and found.sign


def half(n=20_000, rate=0.5):
    """Outcomes of n rows at a rate."""
    return np.arange(n) < rate * n


def values(n, size=20, seed=3):
    """Values that know nothing of the outcome."""
    return np.random.default_rng(seed).integers(0, size, n).astype(str)


RARE = np.arange(40_000) < 400
OUTCOMES = {"1 %": RARE, "20 %": half(rate=0.2), "50 %": half(), "80 %": half(rate=0.8)}
LEAKS = {
    "values that only come with the outcome": (
        lambda y: np.where(y & (values(len(y)) < "2"), "x", values(len(y))),
        Sign.VALUES,
    ),
    "a value that every outcome has": (lambda y: np.where(y, "done", "open"), Sign.VALUES),
    "a column that is filled with the outcome": (
        lambda y: np.where(y & (values(len(y), 3) != "0"), values(len(y), 90_000, seed=4), MISSING),
        Sign.PRESENCE,
    ),
    "an id of the outcome, and 0 without one": (
        lambda y: np.where(y, np.arange(len(y)).astype(str), "0"),
        Sign.PRESENCE,
    ),
    "a count that includes the outcome": (
        lambda y: (np.random.default_rng(5).poisson(0.8, len(y)) + y).astype(str),
        Sign.COUNT,
    ),
}


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize(("leak", "sign"), LEAKS.values(), ids=LEAKS)
def test_a_column_that_was_written_after_the_outcome_is_found_by_its_sign(leak, sign, outcome):
    assert sign_of(leak(outcome), outcome) is sign


@pytest.mark.parametrize("separator", [",", ";", "|", ", "])
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_an_element_of_lists_that_comes_with_the_outcome_is_found(outcome, separator):
    lists = np.char.add(np.char.add(values(len(outcome), 90), separator), values(len(outcome), 80, seed=8))
    leaked = np.where(
        outcome & (values(len(outcome), 3, seed=9) == "0"), np.char.add(lists, f"{separator}bought"), lists
    )

    assert sign_of(lists, outcome) is None
    assert sign_of(leaked, outcome) is Sign.ELEMENTS


@pytest.mark.parametrize(
    ("viewable", "exposures", "base"),
    [(33_006, 33_506, 0.53), (9_950, 10_000, 0.5), (970, 1_000, 0.2), (60, 60, 0.53), (990, 1_000, 0.8)],
)
def test_a_placement_near_1_is_honest_where_rows_without_the_outcome_speak_for_it(viewable, exposures, base):
    """Viewability: such a placement is 98.5 % viewable, with 500 counter-examples, at a base rate of 53 %."""
    others = 2 * exposures
    outcomes_elsewhere = round(base * (exposures + others) - viewable)
    outcome = np.r_[np.ones(viewable), np.zeros(exposures - viewable), np.arange(others) < max(outcomes_elsewhere, 0)]
    column = ["sticky"] * exposures + values(others).tolist()

    assert sign_of(column, outcome) is None


def test_a_placement_near_0_is_honest_and_so_is_a_code_of_0_without_outcomes():
    outcome = np.r_[np.zeros(5_000), half(15_000)]
    codes = np.r_[np.zeros(5_000, dtype=int), np.random.default_rng(6).integers(1, 6, 15_000)].astype(str)

    assert sign_of(codes, outcome) is None
    assert sign_of(np.where(codes == "0", "footer", codes), outcome) is None


def test_a_count_of_earlier_outcomes_is_honest():
    """Whoever clicked before clicks more: the count grows with the rate, and 0 has outcomes."""
    count = np.random.default_rng(7).poisson(1.0, 40_000)
    outcome = np.random.default_rng(8).random(40_000) < 0.05 * (1 + count)

    assert sign_of(count.astype(str), outcome) is None


def test_a_tenth_of_the_outcomes_is_allowed_and_more_is_not():
    outcome = half(40_000)
    for leaked, sign in ((1_980, None), (2_100, Sign.VALUES)):
        column = np.r_[["x"] * leaked, values(len(outcome) - leaked)]

        assert sign_of(column, outcome) is sign


def test_many_values_of_few_rows_are_pure_by_chance_and_prove_nothing():
    outcome = half(6_000, rate=0.3)

    assert sign_of(values(6_000, 3_000), outcome) is None
    assert sign_of(np.arange(6_000).astype(str), outcome) is None


def test_one_row_more_or_less_is_no_proof_where_a_row_weighs_many():
    """Logs that were thinned: each row without the outcome stands for 289, those with it for themselves."""
    outcome = np.arange(12_000) < 2_400
    weight = np.where(outcome, 1.0, 289.0)
    plain = values(12_000, 200)
    element = np.where(
        outcome & (values(12_000, 3, seed=9) == "0"), np.char.add(plain, ",bought"), np.char.add(plain, ",7")
    )
    element[-6:] = "3,bought"  # rows without the outcome that stand for more exposures than there are outcomes
    dominant = np.where(np.random.default_rng(4).random(12_000) < np.where(outcome, 0.6, 0.008), "sticky", plain)

    assert sign_of(element, outcome, weight) is Sign.ELEMENTS
    assert sign_of(dominant, outcome, weight) is None


def test_an_honest_placement_is_no_leak_where_the_logs_were_thinned():
    outcome = half(40_000, rate=0.5)
    draw = np.random.default_rng(4)
    dominant = np.where(draw.random(40_000) < np.where(outcome, 0.6, 0.012), "sticky", values(40_000))
    kept = outcome | (draw.random(40_000) < 0.05)

    assert sign_of(dominant[kept], outcome[kept], np.where(outcome, 1.0, 20.0)[kept]) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["site", "device", "noise", "random_id"])
def test_signal_and_noise_that_were_known_before_are_not_suspected(name, seed):
    sample = planted(seed)

    assert suspicion(sample.features[name], rows_of(sample.outcome > 0)) is None


@pytest.mark.parametrize("outcome", [np.zeros(200), np.ones(200), np.arange(200) < 10])
def test_where_hardly_a_row_or_every_row_has_an_outcome_nothing_is_suspected(outcome):
    assert sign_of(["a", "b"] * 100, outcome) is None


def test_the_evidence_names_a_value_the_rates_and_the_share_of_the_outcomes():
    outcome = half(20_000, rate=0.2)
    found = suspicion(feature(np.where(outcome, "done", "open").tolist()), rows_of(outcome))

    assert found.evidence == (
        "1 of the rows whose value is one such as 'done' have the outcome, 0.2 of all rows do, and they are 100% of "
        "the rows with the outcome"
    )


def test_the_evidence_shows_no_value_that_identifies_a_person():
    outcome = half(20_000, rate=0.2)
    column = np.where(outcome, "10.3.0.7", "none")
    found = suspicion(feature(column.tolist()), rows_of(outcome))

    assert "10.3.0.7" not in found.evidence
    assert "those of IP addresses" in found.evidence


def paired(of_exposure, of_event, alone=()):
    """Logs with a row for the exposure and one for its event, which share an id; exposures without one besides."""
    column = feature([*of_exposure, *of_event, *alone])
    outcome = np.r_[np.zeros(len(of_exposure)), np.ones(len(of_event)), np.zeros(len(alone))]
    ids = np.r_[np.arange(len(of_exposure)), np.arange(len(of_event)), 10_000 + np.arange(len(alone))]
    order = np.random.default_rng(1).permutation(len(ids))
    return replace(column, codes=column.codes[order]), outcome[order], ids[order].astype(np.uint64)


@pytest.mark.parametrize(
    ("changed", "pairs", "is_leak"),
    [
        (100, 100, True),
        (11, 100, True),
        (10, 100, False),  # a tenth may be noise: a user who turned a phone
        (0, 100, False),
        (MIN_EVENT_PAIRS, MIN_EVENT_PAIRS, True),
        (MIN_EVENT_PAIRS - 1, MIN_EVENT_PAIRS - 1, False),  # too few to prove anything
        (0, 0, False),
    ],
)
def test_a_column_that_is_another_in_the_row_of_the_event_is_found(changed, pairs, is_leak):
    of_event = ["after"] * changed + ["before"] * (pairs - changed)

    assert (
        changes_between_exposure_and_event(*paired(["before"] * pairs, of_event, ["before"] * 50)) is not None
    ) is is_leak


def test_a_column_that_only_differs_between_ids_does_not_change_with_the_event():
    values = [f"v{n % 7}" for n in range(200)]

    assert not changes_between_exposure_and_event(*paired(values, values, ["other"] * 50))


def test_rows_of_one_id_that_both_have_an_outcome_or_none_are_no_pair():
    column = feature(["a", "b"] * 100)
    ids = np.repeat(np.arange(100), 2).astype(np.uint64)

    for outcome in (np.zeros(200), np.ones(200)):
        assert not changes_between_exposure_and_event(column, outcome, ids)
    assert changes_between_exposure_and_event(column, np.tile([0.0, 1.0], 100), ids)


@pytest.mark.parametrize(
    ("link", "rate", "least"),
    [
        (Link.LOG, 0.003, 0.55),
        (Link.LOG, 0.6, 0.55),
        (Link.LOGIT, 0.0, 0.55),
        (Link.LOGIT, 0.2, 0.64),
        (Link.LOGIT, 0.5, 0.775),
        (Link.LOGIT, 0.8, 0.64),
    ],
)
def test_the_less_rare_an_outcome_the_more_may_an_honest_column_explain(link, rate, least):
    assert suspected_from(0.55, rate, link) == pytest.approx(least)
    assert suspected_from(1.0, rate, link) == 1.0
    assert suspected_from(inf, rate, link) == inf
