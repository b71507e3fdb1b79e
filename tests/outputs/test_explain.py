"""The explanation of a bid on a real run agrees with the table and the logs."""

import pytest

from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.explain import explain
from seeded_logs import NIGHTS


@pytest.fixture
def active(ran):
    (run_id,) = ran({})
    return run_id


@pytest.fixture
def active_of_two(ran):
    (run_id,) = ran({}, anchor_features="internal_adspace_id, device_type")
    return run_id


def default_key(explanation):
    return "|".join("*" for _ in explanation.features)


def test_a_known_value_is_explained_by_its_row_and_the_default(active, session):
    explanation = explain(session, "drugs_com", {"internal_adspace_id": "1000"})

    segments = [row.segment for row in explanation.rows]
    assert explanation.run_id == active
    assert segments[0] == default_key(explanation)
    assert explanation.multiplier == pytest.approx(explanation.rows[0].multiplier * explanation.rows[1].multiplier)
    assert explanation.rows[1].factor_low <= explanation.rows[1].factor <= explanation.rows[1].factor_high


@pytest.mark.usefixtures("active")
def test_values_are_canonicalised_as_in_the_logs(session):
    plain, untrimmed = (explain(session, "drugs_com", {"internal_adspace_id": v}) for v in ("1000", " 1000.0 "))

    assert plain == untrimmed


@pytest.mark.usefixtures("active")
def test_a_value_that_was_never_seen_is_the_entity_s_default(session):
    explanation = explain(session, "drugs_com", {"internal_adspace_id": "no such adspace"})

    assert [row.segment for row in explanation.rows] == [default_key(explanation)]
    assert explanation.expected_per_exposure == pytest.approx(
        explanation.rows[0].outcomes / explanation.rows[0].exposures, rel=0.25
    )


@pytest.mark.usefixtures("active")
def test_a_name_that_is_no_feature_is_refused_with_those_there_are(session):
    with pytest.raises(NotFound, match=r"carrier is no feature of run .*; it has: internal_adspace_id"):
        explain(session, "drugs_com", {"carrier": "x"})


def test_without_an_active_run_there_is_nothing_to_explain(add_entity, session):
    add_entity()

    with pytest.raises(NotFound, match="no active run"):
        explain(session, "drugs_com", {})


@pytest.mark.usefixtures("active_of_two")
def test_each_feature_is_explained_with_its_own_row_or_without_one(session):
    explanation = explain(session, "drugs_com", {"internal_adspace_id": "1000", "device_type": "no such device"})
    by_name = {feature.feature: feature for feature in explanation.features}

    assert by_name["internal_adspace_id"].has_row
    assert by_name["internal_adspace_id"].factor == explanation.rows[1].factor
    assert not by_name["device_type"].has_row
    assert (by_name["device_type"].value, by_name["device_type"].factor) == ("no such device", 1.0)


@pytest.mark.usefixtures("active_of_two")
def test_the_joint_table_is_asked_for_shorter_keys_until_one_has_a_row(session):
    path = explain(session, "drugs_com", {"internal_adspace_id": "1000", "device_type": "no such device"}).back_off

    assert [step.has_row for step in path] == [False] * (len(path) - 1) + [True]
    assert path[-1].joint_key.startswith("1000|*")
    assert path[0].joint_key.startswith("1000|no such device")
    assert explain(session, "drugs_com", {}).back_off[-1].joint_key.replace("*", "").strip("|") == ""


@pytest.mark.usefixtures("active")
def test_the_logs_that_a_bid_stands_on_are_named(session):
    inputs = explain(session, "drugs_com", {}).inputs

    assert inputs.objects == len(NIGHTS)
    assert inputs.first.endswith("date=2026-03-06/part-0.parquet")
    assert inputs.last.endswith("date=2026-03-09/part-0.parquet")
    assert inputs.bytes > 0
