"""What the lift says of a policy, in a standing and in words."""

from dataclasses import replace
from math import inf, nan

import pytest

from rtb_optimizer.core.realized.lift import Lift
from rtb_optimizer.core.realized.policy import Against, Standing, verdict_on

LIFT = Lift(
    estimate=-0.12,
    low=-0.18,
    high=-0.06,
    alpha=0.1,
    nights=9,
    treated=9_000.0,
    control=500.0,
    dispersion=1.5,
    support=300.0,
    precision=900.0,
)
UNKNOWN = replace(LIFT, low=-1.0, high=inf, support=1.0, treated=12.0, control=1.0, nights=2)


def lift(low, high, **changed):
    return replace(LIFT, low=low, high=high, estimate=(low + high) / 2, **changed)


@pytest.mark.parametrize(
    ("low", "high", "against", "standing"),
    [
        (-0.18, -0.06, Against.HOLDBACK, Standing.HARMFUL),
        (-0.18, 0.01, Against.HOLDBACK, Standing.WATCHING),
        (0.02, 0.3, Against.HOLDBACK, Standing.BETTER),
        (-0.18, -0.06, Against.ACTIVE, Standing.WORSE),
        (-0.01, 0.3, Against.ACTIVE, Standing.WATCHING),
        (0.02, 0.3, Against.ACTIVE, Standing.BETTER),
        (0.02, inf, Against.ACTIVE, Standing.BETTER),
        (-1.0, inf, Against.ACTIVE, Standing.WATCHING),
    ],
)
def test_the_interval_decides(low, high, against, standing):
    assert verdict_on(lift(low, high, alpha=0.05), against).standing is standing


@pytest.mark.parametrize(
    ("harm_limit", "standing"), [(0.0, Standing.HARMFUL), (0.05, Standing.HARMFUL), (0.1, Standing.WATCHING)]
)
def test_harm_within_the_limit_is_tolerated(harm_limit, standing):
    verdict = verdict_on(LIFT, Against.HOLDBACK, harm_limit=harm_limit)
    assert verdict.standing is standing
    tolerated = [reason for reason in verdict.reasons if "harm_limit" in reason]
    assert bool(tolerated) == (standing is Standing.WATCHING)


def test_too_little_support_is_watched_whatever_the_estimate():
    verdict = verdict_on(UNKNOWN, Against.HOLDBACK)
    assert verdict.standing is Standing.WATCHING
    assert verdict.reasons == (
        "12 outcomes in the treated arm and 1 in the holdback over 2 nights are too few for an interval",
    )


def test_an_interval_that_errs_more_than_5_percent_is_refused():
    with pytest.raises(ValueError, match="an interval of 90% does not decide, 95% is needed"):
        verdict_on(LIFT, Against.ACTIVE)


def test_each_side_of_a_holdbacks_interval_and_both_of_a_challengers_err_with_5_percent():
    assert (Against.HOLDBACK.alpha / 2, Against.ACTIVE.alpha) == (0.05, 0.05)


@pytest.mark.parametrize(
    ("of", "against", "reasons"),
    [
        (
            LIFT,
            Against.HOLDBACK,
            ["results per spend 12.0% below the holdback's over 9 nights, 90% interval -18.0% to -6.0%"],
        ),
        (
            replace(LIFT, estimate=0.2, low=0.05, high=0.4, alpha=0.05, nights=1),
            Against.ACTIVE,
            ["results per spend 20.0% above the active policy's over 1 night, 95% interval +5.0% to +40.0%"],
        ),
        (
            replace(LIFT, estimate=nan, low=0.5, high=inf),
            Against.HOLDBACK,
            ["no results in the holdback over 9 nights, 90% interval +50.0% or more"],
        ),
        (replace(LIFT, nights=0), Against.HOLDBACK, ["no night yet on which both arms spent"]),
        (
            replace(LIFT, estimate=0.02, low=-0.2, high=0.25, precision=100.0),
            Against.HOLDBACK,
            [
                "results per spend 2.0% above the holdback's over 9 nights, 90% interval -20.0% to +25.0%",
                "a difference of 10% will be known by about night 65",
            ],
        ),
        (
            replace(LIFT, estimate=-0.05, low=-0.3, high=0.25, precision=100.0),
            Against.HOLDBACK,
            [
                "results per spend 5.0% below the holdback's over 9 nights, 90% interval -30.0% to +25.0%",
                "a difference of 10% will be known by about night 65, the present one by about night 311",
            ],
        ),
        (
            replace(LIFT, estimate=0.01, low=-0.2, high=0.25, precision=5_000.0),
            Against.HOLDBACK,
            [
                "results per spend 1.0% above the holdback's over 9 nights, 90% interval -20.0% to +25.0%",
                "a difference of 10% would probably have shown by now",
            ],
        ),
        (
            replace(LIFT, estimate=0.01, low=-0.9, high=9.0, precision=2.0),
            Against.HOLDBACK,
            [
                "results per spend 1.0% above the holdback's over 9 nights, 90% interval -90.0% to +900.0%",
                "a difference of 10% is out of sight with so few outcomes",
            ],
        ),
    ],
)
def test_reasons_are_the_figures_in_words(of, against, reasons):
    assert list(verdict_on(of, against).reasons) == reasons


def test_a_watched_policy_is_known_by_a_night_which_is_later_for_smaller_differences():
    watched = replace(LIFT, estimate=-0.05, low=-0.3, high=0.25, precision=100.0)
    tenth, fifth = (verdict_on(watched, Against.HOLDBACK, notable=notable).known_by for notable in (0.1, 0.2))
    assert watched.nights < fifth < tenth
    assert verdict_on(LIFT, Against.HOLDBACK).known_by is None
