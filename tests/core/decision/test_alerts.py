"""What raises an alert: a run that failed or is held, its warnings, an active run not to be trusted."""

from datetime import UTC, datetime

import pytest

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.core.decision.alerts import (
    FIX,
    MAX_REASON,
    TITLES,
    Kind,
    kind_problems,
    of_active,
    of_decision,
    of_failure,
)
from rtb_optimizer.core.decision.warning import RunWarning

UNTIL = datetime(2026, 3, 12, 4, 30, tzinfo=UTC)
SPIKE = RunWarning("rate_spike", "site=a has 10 times the entity's rate")
GROWN = RunWarning("values_grown", "carrier has 900 values, 20 in the active run")
GAP = RunWarning("macro_missing", "xandr has no macro for carrier")
LEAK = RunWarning("leak_suspected", "state is suspected to leak the outcome")
MILD = RunWarning("config_changed", "max_features from 8 to 9")


def summarised(alerts):
    return [f"{alert.kind}: {alert.reason}" for alert in alerts]


@pytest.mark.parametrize(
    ("decision", "reasons", "warnings", "alerts"),
    [
        (Decision.ACTIVATED, ["newer"], [], []),
        (Decision.ACTIVATED, ["newer"], [MILD], []),
        (Decision.ACTIVATED, ["newer"], [SPIKE], [f"drift: {SPIKE.message}"]),
        (Decision.ACTIVATED, ["newer"], [SPIKE, MILD, GROWN], [f"drift: {SPIKE.message}; {GROWN.message}"]),
        (Decision.ACTIVATED, ["newer"], [GAP], [f"missing_macro: {GAP.message}"]),
        (
            Decision.ACTIVATED,
            ["newer"],
            [SPIKE, GAP],
            [f"missing_macro: {GAP.message}", f"drift: {SPIKE.message}"],
        ),
        (Decision.HELD, ["too few", "no gain"], [], ["held: too few; no gain"]),
        (Decision.HELD, ["too few"], [SPIKE], ["held: too few", f"drift: {SPIKE.message}"]),
        (Decision.HELD, ["too few"], [GAP], ["held: too few"]),  # nobody reads its macros
        (Decision.ACTIVATED, ["newer"], [SPIKE, LEAK], [f"leak: {LEAK.message}", f"drift: {SPIKE.message}"]),
        (Decision.HELD, ["a leak"], [LEAK], ["held: a leak", f"leak: {LEAK.message}"]),
        (Decision.SUPERSEDED, ["older"], [SPIKE, GAP, LEAK], []),
    ],
)
def test_a_decided_run_raises_what_its_decision_and_its_warnings_say(decision, reasons, warnings, alerts):
    assert summarised(of_decision("code", decision, reasons, warnings)) == alerts


@pytest.mark.parametrize(
    "code",
    ["rate_stops", "price_apart", "price_stops", "last_day_other_values", "values_replaced", "exposures_unbought"],
)
def test_what_makes_a_table_follow_an_error_of_the_logs_is_an_alert(code):
    [alert] = of_decision("code", Decision.ACTIVATED, ["newer"], [RunWarning(code, "it is so")])

    assert (alert.kind, alert.reason) == ("drift", "it is so")


@pytest.mark.parametrize(
    ("stale_since", "problems", "alerts"),
    [
        (None, [], []),
        (UNTIL, [], ["stale: it was valid until 2026-03-12 04:30 UTC"]),
        (None, ["segments: gone"], ["broken: segments: gone"]),
        (UNTIL, ["a", "b"], ["stale: it was valid until 2026-03-12 04:30 UTC", "broken: a; b"]),
        (None, ["a", "b", "c", "d", "e"], ["broken: a; b; c; and 2 more"]),
    ],
)
def test_an_active_run_raises_that_it_is_stale_or_broken(stale_since, problems, alerts):
    assert summarised(of_active("code", stale_since, problems)) == alerts


def test_a_failure_says_what_happened_why_and_what_to_do():
    alert = of_failure("drugs_com-1", "build_segments (try 3): LogsInvalid: no column click")

    assert (alert.what, alert.reason) == (
        "run drugs_com-1 failed",
        "build_segments (try 3): LogsInvalid: no column click",
    )
    assert "clear the whole dag run" in alert.fix


def test_a_long_reason_is_cut_and_says_so():
    assert of_failure("code", "x" * 4000).reason == f"{'x' * MAX_REASON}..."


def test_every_kind_says_what_happened_and_how_to_fix_it():
    assert set(TITLES) == set(FIX) == set(Kind)
    assert [text for text in TITLES.values() if text.format("code") == text] == []


def test_an_unknown_kind_is_reported_with_the_known_ones():
    assert kind_problems(list(Kind)) == kind_problems([]) == []
    assert kind_problems(["failed", "drifted"]) == [
        (
            "alert_on: 'drifted' is not one of failed, held, stale, broken, missing_macro, drift, leak, stood_down, "
            "not_live, challenger"
        )
    ]
