"""A run is activated when it may be and is newer in data; otherwise the decision has the reasons."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED, RunAge, decide, failed_gates

DAY = datetime(2026, 3, 10, tzinfo=UTC)
ACTIVE = RunAge(5, DAY)
OLDER = DAY - timedelta(days=1)
NEWER = DAY + timedelta(days=1)
EXPORT_LIMITS = {"answered_share": 0.1, "error_share": 0.5}
BEHIND = "run 5 has data up to 2026-03-10 00:00, this one up to"


@pytest.mark.parametrize(
    ("candidate", "active", "status", "gates", "allow_older", "verdict"),
    [
        (RunAge(6, DAY), None, "active", [], False, "activated: first active run of the entity"),
        (RunAge(6, NEWER), ACTIVE, "active", [], False, "activated: newer data than run 5"),
        (RunAge(4, NEWER), ACTIVE, "active", [], False, "activated: newer data than run 5"),
        (RunAge(6, DAY), ACTIVE, "active", [], False, "activated: data as new as, and a later run than, run 5"),
        (RunAge(4, DAY), ACTIVE, "active", [], False, f"superseded: {BEHIND} 2026-03-10 00:00"),
        (RunAge(9, OLDER), ACTIVE, "active", [], False, f"superseded: {BEHIND} 2026-03-09 00:00"),
        (RunAge(9, OLDER), ACTIVE, "active", [], True, "activated: older than run 5, allowed by allow_older_window"),
        (RunAge(6, NEWER), ACTIVE, "active", [], True, "activated: newer data than run 5"),
        (RunAge(6, NEWER), ACTIVE, "paused", [], False, "held: the entity is paused"),
        (RunAge(6, NEWER), None, "retired", [], True, "held: the entity is retired"),
        (RunAge(6, NEWER), ACTIVE, "active", ["too little"], False, "held: too little"),
        (RunAge(6, DAY), None, "active", ["too little"], False, "held: too little"),
        (RunAge(9, OLDER), ACTIVE, "active", ["too little"], True, "held: too little"),
    ],
)
def test_a_decision_follows_status_then_gates_then_age(candidate, active, status, gates, allow_older, verdict):
    decided = decide(candidate, active, status, gates, allow_older=allow_older)

    assert f"{decided.decision}: {'; '.join(decided.reasons)}" == verdict


@pytest.mark.parametrize(
    ("active", "status", "gates", "allow_older"),
    [
        (None, "active", [], False),
        (ACTIVE, "active", [], True),
        (ACTIVE, "paused", [], False),
        (ACTIVE, "active", ["too little"], True),
    ],
)
def test_a_what_if_run_is_held_whatever_else_would_be_decided(active, status, gates, allow_older):
    decided = decide(RunAge(6, NEWER), active, status, gates, allow_older=allow_older, is_sandbox=True)

    assert (decided.decision, decided.reasons) == ("held", (NEVER_ACTIVATED, *gates))


def test_all_gates_that_fail_are_reasons():
    assert decide(RunAge(6, NEWER), ACTIVE, "active", ["a", "b"]).reasons == ("a", "b")


def test_of_two_runs_exactly_one_is_newer_and_none_is_newer_than_itself():
    ages = [RunAge(n, end) for n in (4, 5, 6) for end in (OLDER, DAY, NEWER)]

    for one in ages:
        for other in ages:
            assert one.is_newer_than(other) + other.is_newer_than(one) == (one != other)


PASSING = {"outcomes": 50.0, "segments": 1.0, "partition_share": 1.0, "holdout_gain": 0.01}
LIMITS = {"outcomes": 50.0, "segments": 1.0, "partition_share": 1.0, "holdout_gain": 0.0}


def test_facts_that_reach_their_limits_fail_no_gate():
    assert failed_gates(PASSING, LIMITS) == []


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("outcomes", 49, "49 outcomes in the window, 50 are needed"),
        ("segments", 0, "0 segments beside the default row, 1 are needed"),
        ("partition_share", 0.75, "75% of the window's partitions are present, 100% are needed"),
        ("holdout_gain", 0.0, "gain on the hold-out +0.00% of the baseline deviance, more than +0.00% is needed"),
        ("holdout_gain", -0.012, "gain on the hold-out -1.20% of the baseline deviance, more than +0.00% is needed"),
        ("holdout_gain", math.nan, "gain on the hold-out +nan% of the baseline deviance, more than +0.00% is needed"),
    ],
)
def test_a_gate_that_fails_says_in_words_what_there_is_and_what_is_needed(fact, value, words):
    assert failed_gates(PASSING | {fact: value}, LIMITS) == [words]


@pytest.mark.parametrize(
    ("fact", "value", "limit", "passes"),
    [
        ("cost_factor", 100.0, 100.0, True),
        ("cost_factor", 0.01, 100.0, True),
        ("cost_factor", 101.0, 100.0, False),
        ("value_factor", 0.0099, 100.0, False),
        ("cost_factor", math.nan, 100.0, False),
        ("spend_change", -0.5, 0.5, True),
        ("spend_change", 0.51, 0.5, False),
        ("outcomes_change", -0.51, 0.5, False),
        ("outcomes_change", math.nan, 0.5, False),
    ],
)
def test_what_is_compared_with_the_active_run_may_move_so_far_either_way(fact, value, limit, passes):
    assert (failed_gates(PASSING | {fact: value}, LIMITS | {fact: limit}) == []) == passes


@pytest.mark.parametrize(("rate", "passes"), [(0.9, True), (1.0, True), (0.899, False), (math.nan, False)])
def test_macros_that_are_read_wrongly_too_often_hold_a_run_and_no_macros_hold_none(rate, passes):
    limits = LIMITS | {"macro_hit_rate": 0.9}

    assert (failed_gates(PASSING | {"macro_hit_rate": rate}, limits) == []) == passes
    assert failed_gates(PASSING, limits) == failed_gates(PASSING, LIMITS) == []


def test_a_run_that_its_macros_hold_names_what_to_fix():
    failures = failed_gates(PASSING | {"macro_hit_rate": 0.4321}, LIMITS | {"macro_hit_rate": 0.9})

    assert len(failures) == 1
    assert failures[0].startswith(
        "43.2% of the exposures find through a format's macros what their own values find, 90.0%"
    )
    assert failures[0].endswith(
        "fix macro_value_maps, the macros (`rtb macros list`) or the logs, or lower min_macro_hit_rate"
    )


@pytest.mark.parametrize(
    ("fact", "passes", "named"),
    [
        ({"beeswax_answered_share": 0.1}, True, ()),
        (
            {"beeswax_answered_share": 0.0},
            False,
            ("export beeswax answer 0.0%", "10.0% are needed", "export_value_maps"),
        ),
        ({"bonsai_answered_share": math.nan}, False, ("export bonsai",)),
        ({"bonsai_error_share": 0.5}, True, ()),
        ({"bonsai_error_share": 8.03}, False, ("export bonsai differ", "803%", "max_export_error")),
    ],
)
def test_an_export_that_hardly_answers_or_is_far_from_the_table_holds_the_run(fact, passes, named):
    limits = {f"{name}_{of}": limit for name in ("beeswax", "bonsai") for of, limit in EXPORT_LIMITS.items()}
    failures = failed_gates(PASSING | fact, LIMITS | limits)

    assert (failures == []) == passes
    assert all(part in failure for failure in failures for part in named)


@pytest.mark.parametrize(("share", "passes"), [(0.0, True), (0.1, True), (0.11, False), (math.nan, False)])
def test_a_suspected_leak_that_would_carry_much_of_the_gain_holds_the_run(share, passes):
    failures = failed_gates(PASSING | {"suspected_share": share}, LIMITS | {"suspected_share": 0.1})

    assert (failures == []) == passes
    assert all(answer in failure for failure in failures for answer in ("allowed_leaks", "denied_features"))


def test_every_gate_that_fails_is_reported():
    nothing = dict.fromkeys(PASSING, 0.0)

    assert [words.split()[1] for words in failed_gates(nothing, LIMITS)] == ["outcomes", "segments", "of", "on"]


@pytest.mark.parametrize(
    ("facts", "is_let_through"),
    [
        ({"outcomes": 8, "holdout_gain": 0.0, "pooled_gain": 0.01}, True),
        ({"outcomes": 8, "holdout_gain": -0.4, "pooled_gain": 0.01}, True),
        ({"outcomes": 8, "holdout_gain": 0.2, "pooled_gain": 0.0}, False),
        ({"outcomes": 8, "holdout_gain": 0.2}, False),
        ({"outcomes": 800, "holdout_gain": -0.01, "holdout_gain_at_most": 0.02, "pooled_gain": 0.01}, True),
        ({"outcomes": 800, "holdout_gain": -0.03, "holdout_gain_at_most": -0.01, "pooled_gain": 0.01}, False),
        ({"outcomes": 800, "holdout_gain": -0.01, "holdout_gain_at_most": 0.02, "pooled_gain": -0.01}, False),
    ],
)
def test_what_other_entities_know_stands_in_for_outcomes_that_are_too_few_to_tell(facts, is_let_through):
    assert (failed_gates(PASSING | facts, LIMITS) == []) == is_let_through
    assert failed_gates(PASSING | facts | {"segments": 0}, LIMITS) != [], "all other gates hold"
