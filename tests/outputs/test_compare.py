"""Comparing two real runs: the changes are those of their tables, and the causes are those that were set up."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from as_json import as_json
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.table.causes import Columns, rule_multiplier
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.compare import changes_between, compare, table_of
from rtb_optimizer.outputs.documents.selection import FeatureDocument, FeaturesDocument, InteractionDocument
from rtb_optimizer.outputs.published import PublishedRun, published
from rtb_optimizer.store import activation
from rtb_optimizer.store.schema import Run
from v3_settings import REQUIRED, declared_keys


@pytest.fixture
def two_runs(ran):
    """Run three nights, then four, with what is overridden for the second; returns both ids."""

    def run(window=None, **overrides):
        return ran(window or {"data_start": "2026-03-06", "data_end": "2026-03-09"}, {"overrides": overrides})

    return run


def moved_by(comparison):
    """Return the causes that moved any row."""
    return {cause for row in comparison["largest"] for cause in CAUSES if abs(row[cause]) > 1e-9}


def test_the_active_run_is_compared_with_the_one_before_it(two_runs, session):
    first, second = two_runs()
    comparison = as_json(compare(session, "drugs_com", limit=1_000))
    old, new = (published(session, session.get_one(Run, n)) for n in (first, second))

    assert (comparison["before"]["run_id"], comparison["after"]["run_id"], comparison["against"]) == (
        first,
        second,
        old.run_code,
    )
    assert comparison["rows"] == {"before": len(old.rows), "after": len(new.rows)}
    assert comparison["rows"]["after"] - comparison["rows"]["before"] == comparison["appeared"] - comparison["vanished"]
    assert comparison["appeared"] + comparison["moved"] + comparison["stayed"] + 1 == len(new.rows)
    assert {row["segment"] for row in comparison["largest"]} <= old.rows.keys() | new.rows.keys()
    for row in comparison["largest"]:
        assert sum(row[cause] for cause in CAUSES) == pytest.approx(log(row["after"] / row["before"]), abs=1e-9)
    assert comparison["mean_log_change"] > 0
    assert 0 < comparison["rank_correlation"] <= 1


def test_other_logs_under_the_same_configuration_are_never_attributed_to_configuration(two_runs, session):
    first, second = two_runs()
    comparison = as_json(compare(session, "drugs_com", str(first), str(second), limit=1_000))

    assert comparison["config"] == {}
    assert {"data", "normaliser"} <= moved_by(comparison) <= {"data", "model", "normaliser"}


def test_the_same_logs_under_other_bounds_are_attributed_to_configuration_alone(two_runs, session):
    two_runs(window={"data_end": None}, multiplier_max=1.1)
    comparison = as_json(compare(session, "drugs_com", limit=1_000))

    assert comparison["config"] == {"multiplier_max": {"before": 15.0, "after": 1.1}}
    assert moved_by(comparison) == {"config", "normaliser"}
    assert (comparison["appeared"], comparison["vanished"]) == (0, 0)
    assert comparison["features"]["before"] == comparison["features"]["after"]
    assert max(
        row["after"] / comparison["default_multiplier"]["after"] for row in comparison["largest"]
    ) == pytest.approx(1.1)


def test_what_a_multiplier_is_worked_out_again_to_be_is_what_was_published(two_runs, session):
    run = published(session, session.get_one(Run, two_runs()[0]))
    table = table_of(run)
    columns = Columns.of(list(table.rows.values()))

    again = rule_multiplier(columns, columns.expected, columns, table.rules, table.scale)
    np.testing.assert_allclose(again, columns.multiplier, rtol=1e-9)
    assert again.std() > 0.05


def test_after_a_roll_back_the_run_that_was_left_is_the_one_before(add_entity, make_run, session):
    entity = add_entity()
    first, second = make_run(entity), make_run(entity)
    for run in (first, second):
        activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
    assert activation.moved_from(session, entity) == first.run_id

    activation.roll_back(session, "drugs_com", "ana", "fill rate fell")

    assert activation.moved_from(session, entity) == second.run_id


def test_runs_that_cannot_be_compared_are_refused_with_those_there_are(add_entity, make_run, session):
    entity, other = add_entity(), add_entity("other_com")
    with pytest.raises(NotFound, match="drugs_com has no active run: no run has succeeded yet"):
        as_json(compare(session, "drugs_com"))
    failed, stranger = make_run(entity, status="failed"), make_run(other, status="succeeded")
    run = make_run(entity)
    activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
    with pytest.raises(
        NotFound, match=rf"no active run before: the only succeeded run is {run.run_id} \({run.run_code}"
    ):
        as_json(compare(session, "drugs_com"))
    held = make_run(entity, status="succeeded")
    there_are = rf"name two of {held.run_id} \({held.run_code}\), {run.run_id} \({run.run_code}\)"
    for name, problem in (
        ("", "no active run before"),
        (stranger.run_code, "is not a run of drugs_com"),
        (str(failed.run_id), "is failed, it has no table"),
    ):
        with pytest.raises(NotFound, match=f"{problem}: {there_are}"):
            as_json(compare(session, "drugs_com", name))


CAUSES = ("data", "model", "config", "normaliser")
ROW = {"exposures": 10_000.0, "outcomes": 400.0, "expected": 200.0, "multiplier": 1.8, "is_default": False}


def published_run(features, interactions, segments, **config):
    """Build a run as it was published before tables had their priors."""
    everything = "|".join("*" for _ in features)
    rows = {name: {**ROW, "segment": name, "is_default": name == everything} for name in (everything, *segments)}
    return PublishedRun(
        run_code="drugs_com-1",
        config=resolve(declared_keys(), REQUIRED, config).values,
        selection=FeaturesDocument(
            features=[FeatureDocument(name=name, prior=4.0) for name in features],
            interactions=[InteractionDocument(features=names, prior=8.0) for names in interactions],
        ),
        rows=rows,
    )


def test_features_and_interactions_that_came_went_or_changed_places_are_named():
    before = published_run(["a", "b", "c"], [["a", "b"], ["a", "c"]], ["1|2|*"])
    after = published_run(["b", "a", "d"], [["b", "a"], ["b", "d"]], ["2|1|*"], min_z=2.5)
    comparison = as_json(changes_between(before, after))

    assert comparison["features"] == {
        "before": ["a", "b", "c"],
        "after": ["b", "a", "d"],
        "added": ["d"],
        "removed": ["c"],
        "reordered": True,
    }
    assert comparison["interactions"] == {"added": [["b", "d"]], "removed": [["a", "c"]]}
    assert comparison["config"] == {"min_z": {"before": 2.25, "after": 2.5}}
    assert (comparison["stayed"], comparison["largest"]) == (1, [])


def test_a_feature_that_is_only_added_reorders_nothing():
    before, after = published_run(["a", "b"], [], []), published_run(["a", "x", "b"], [], [])

    assert not as_json(changes_between(before, after))["features"]["reordered"]


def test_a_key_that_a_run_s_version_did_not_have_had_no_value():
    after = published_run(["a"], [], [])
    before = replace(after, config={key: value for key, value in after.config.items() if key != "row_filter"})

    assert as_json(changes_between(before, after))["config"] == {"row_filter": {"before": None, "after": {}}}


def test_that_all_rows_follow_the_default_row_is_reported_once():
    before = published_run(["a"], [], ["1", "2"])
    rows = {**before.rows, "*": {**before.rows["*"], "multiplier": 0.9}}
    comparison = as_json(changes_between(before, replace(before, rows=rows)))

    assert comparison["default_multiplier"] == {"before": 1.8, "after": 0.9}
    assert comparison["mean_log_change"] == pytest.approx(log(2))
    assert (comparison["moved"], comparison["stayed"], comparison["largest"]) == (0, 2, [])


def test_the_largest_changes_come_first_and_no_more_than_the_limit():
    before = published_run(["a"], [], ["1", "2", "3"])
    rows = {**before.rows, "2": {**before.rows["2"], "multiplier": 1.9}, "3": {**before.rows["3"], "multiplier": 1.2}}
    comparison = as_json(changes_between(before, replace(before, rows=rows), limit=1))

    assert (comparison["moved"], comparison["stayed"], [row["segment"] for row in comparison["largest"]]) == (
        2,
        1,
        ["3"],
    )
