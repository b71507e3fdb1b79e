"""Explaining a bid on a real run: what it says is what the table and the logs say."""

import pytest

from rtb_optimizer import pipeline
from rtb_optimizer.errors import NotFound
from rtb_optimizer.explain import explain


@pytest.fixture
def active(logs, add_entity, request_run):  # noqa: ARG001 - there have to be logs
    add_entity()
    return pipeline.run(request_run())


def test_a_known_value_is_explained_by_its_row_and_the_default(active, session):
    told = explain(session, "drugs_com", {"internal_adspace_id": "1000"})

    segments = [row["segment"] for row in told["rows"]]
    assert told["run_id"] == active.opt_run_id
    assert segments[0] == "|".join("*" for _ in told["features"])
    assert told["multiplier"] == pytest.approx(told["rows"][0]["multiplier"] * told["rows"][1]["multiplier"])
    assert told["rows"][1]["factor_low"] <= told["rows"][1]["factor"] <= told["rows"][1]["factor_high"]


@pytest.mark.usefixtures("active")
def test_values_are_spelled_as_in_the_logs(session):
    plain, spelled = (explain(session, "drugs_com", {"internal_adspace_id": v}) for v in ("1000", " 1000.0 "))

    assert plain == spelled


@pytest.mark.usefixtures("active")
def test_a_value_that_was_never_seen_is_the_entity_s_default(session):
    told = explain(session, "drugs_com", {"internal_adspace_id": "no such adspace"})

    assert [row["segment"] for row in told["rows"]] == ["|".join("*" for _ in told["features"])]
    assert told["expected_outcomes_per_exposure"] == pytest.approx(
        told["rows"][0]["outcomes"] / told["rows"][0]["exposures"], rel=0.25
    )


@pytest.mark.usefixtures("active")
def test_a_name_that_is_no_feature_is_refused_with_those_there_are(session):
    with pytest.raises(NotFound, match=r"carrier is no feature of run .*; it has: internal_adspace_id"):
        explain(session, "drugs_com", {"carrier": "x"})


def test_without_an_active_run_there_is_nothing_to_explain(add_entity, session):
    add_entity()

    with pytest.raises(NotFound, match="no active run"):
        explain(session, "drugs_com", {})
