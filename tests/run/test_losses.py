"""What a run goes without is said: absent candidates, features of the active run, rows without a time."""

import pytest

from rtb_optimizer.core.selection.hidden_pairs import Unused
from rtb_optimizer.core.selection.rejection import Reason, Rejected
from rtb_optimizer.core.selection.select import Chosen, Selection
from rtb_optimizer.outputs.documents.selection import FeatureDocument, RejectedDocument, SelectionDocument
from rtb_optimizer.run.losses import BANDED, absent_columns, lost_features, unused_gains, unused_pairs
from v3_settings import v3_settings

COLUMNS = ["site", "device_type", "Country", "click"]


def absent(name, **config):
    settings = v3_settings(**{"candidate_features": f"site, {name}"} | config)
    return [w.message for w in absent_columns(settings, [Rejected(name, Reason.ABSENT)], COLUMNS)]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("device_typ", "; the nearest is device_type"),
        ("country", "; the nearest is Country"),
        ("sites", ""),  # site is a candidate already
        ("browser_version", ""),
    ],
)
def test_a_candidate_that_no_file_has_is_named_with_the_nearest_column(name, hint):
    fix = "correct candidate_features, or have the column logged again"
    assert absent(name) == [f"candidate {name!r} is in no file of the logs{hint}; {fix}"]


def test_candidates_that_were_left_out_for_another_reason_are_not_absent():
    assert list(absent_columns(v3_settings(), [Rejected("site", Reason.NO_GAIN)], COLUMNS)) == []


def test_an_allowed_column_that_is_no_candidate_is_named_with_the_one_that_was_meant():
    allowed = {"allowed_identifiers": "vender_key", "allowed_leaks": "vendor_key"}
    (warning,) = absent_columns(v3_settings(candidate_features="vendor_key", **allowed), [], COLUMNS)

    what = "'vender_key' of allowed_identifiers is neither a candidate nor an anchor"
    assert warning.message == f"{what}; the nearest is vendor_key; correct allowed_identifiers"


ACTIVE = [
    FeatureDocument(name="site", signal_score=0.03, z=12.0),
    FeatureDocument(name="device", signal_score=0.002, z=4.5),
    FeatureDocument(name="hour", signal_score=0.001),
    FeatureDocument(name="old"),
]


def selection(*rejected):
    return SelectionDocument.model_construct(chosen=(FeatureDocument(name="site"),), rejected=rejected)


def test_each_feature_of_the_active_run_that_is_not_selected_is_named_with_its_reason_and_scores():
    now = selection(
        RejectedDocument(name="device", reason="not_significant", signal_score=0.0004, z=1.2),
        RejectedDocument(name="hour", reason="constant"),
    )

    active = "a feature of the active run"
    fix = "look into the column, or name it in anchor_features to keep it"
    device = "(score 0.200%, 4.5 standard errors), is none of this one"
    why = "not_significant (score 0.040%, 1.2 standard errors)"
    assert [w.message for w in lost_features(now, ACTIVE)] == [
        f"device, {active} {device}: {why}; {fix}",
        f"hour, {active} (score 0.100%), is none of this one: constant; {fix}",
        f"old, {active}, is none of this one: it is no candidate any more; its rows are gone from the table",
    ]


def test_without_an_active_run_no_feature_is_lost():
    assert lost_features(selection(), []) == []


def unused(name, reason, score=0.02, z=5.0, banded=("floor", "site")):
    """The warnings of a selection that gains 4 % of the deviance, and left one column out."""
    chosen = (Chosen("site", 1, False, 0.04, 0.002, 0.04, 20.0, 8.0),)
    rejected = (Rejected(name, reason, score, score, score / z, z), Rejected("noise", Reason.NO_GAIN, -0.001))
    return unused_gains(Selection(chosen, rejected), banded)


def test_what_is_mostly_missing_and_would_add_to_the_table_is_said_with_what_lets_it_in():
    (warning,) = unused("deal", Reason.MOSTLY_MISSING)

    assert warning.code == "missing_left_out"
    assert warning.message == (
        "deal is left out, mostly missing, and would add 2.00% of the baseline deviance, 33% of the gain that the "
        "table then had; raise max_missing_share to let it in"
    )


def test_a_suspected_leak_is_not_advised_to_be_logged_in_bands():
    leaking = Rejected("floor", Reason.LEAK_SUSPECTED, 0.7, 0.7, 0.01, 70.0)
    in_bands = Rejected(BANDED.format("floor"), Reason.NEAR_UNIQUE, 0.7, 0.7, 0.01, 70.0)

    assert unused_gains(Selection((), (leaking, in_bands)), ["floor"]) == []


def test_numbers_that_would_add_in_bands_are_said():
    (warning,) = unused(BANDED.format("floor"), Reason.NEAR_UNIQUE)

    assert warning.code == "numbers_unbanded"
    assert warning.message.startswith("floor holds numbers that few rows share: in 16 bands of about equal exposure it")
    assert warning.message.endswith("if bidders know it before the auction, log its band as a column")


@pytest.mark.parametrize(
    ("name", "reason", "score", "z"),
    [
        ("deal", Reason.MOSTLY_MISSING, 0.002, 5.0),  # less than 5 % of the gain
        ("deal", Reason.MOSTLY_MISSING, 0.02, 2.9),  # may be chance
        ("deal", Reason.NEAR_UNIQUE, 0.02, 5.0),  # an id: what it gains is not of its numbers
        (BANDED.format("floor"), Reason.NEAR_UNIQUE, 0.002, 5.0),
        (BANDED.format("floor"), Reason.NEAR_UNIQUE, 0.02, 2.9),
    ],
)
def test_what_would_add_little_or_may_be_chance_is_not_warned_of(name, reason, score, z):
    assert unused(name, reason, score, z) == []


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (
            "max_features",
            "max_features leaves no room for the columns that it needs; raise max_features to let them in",
        ),
        (
            "max_interactions",
            "max_interactions is reached by interactions that gain more; raise max_interactions to let them in",
        ),
    ],
)
def test_a_pair_that_was_found_and_has_no_room_is_warned_of_with_the_limit(limit, why):
    (warning,) = unused_pairs([Unused(("hour", "zone"), limit, 0.0123, 8.04)])

    assert warning.code == "pair_unused"
    assert warning.message == (
        "hour and zone say together what neither says alone: their combinations would add 1.23% of the baseline "
        f"deviance (8.0 standard errors), and are left out: {why}"
    )
