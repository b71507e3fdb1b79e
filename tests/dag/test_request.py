"""The conf of a dag run sets what the trigger form shows, and nothing else."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rtb_optimizer.dag.request import request_of
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store.schema import Run

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


def context(conf, run_type="manual"):
    """A task's context: Airflow adds the keys of a dag run's conf to the params of the form, known or not."""
    dag_run = SimpleNamespace(
        run_type=run_type, run_after=NOW, dag_id="d", run_id="manual__1", clear_number=0, triggering_user_name="ann"
    )
    return {"dag_run": dag_run, "params": {"data_start": None, "data_end": None, "max_features": None} | conf}


def test_the_keys_of_the_form_and_the_window_are_taken(add_entity, session):
    add_entity()
    dates = {"data_start": "2026-03-08", "data_end": "2026-03-10"}

    run_id = create_run(request_of("drugs_com", context(dates | {"max_features": 3, "multiplier_max": 2.0})))

    run = session.get_one(Run, run_id)
    assert (run.data_start.day, run.data_end.day) == (8, 10)
    assert (run.config_snapshot["values"]["max_features"], run.config_snapshot["values"]["multiplier_max"]) == (3, 2.0)


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        (
            {"min_z": 1},
            "min_z (trigger): not on the trigger form, which has max_features, ",
        ),
        ({"max_feature": 3}, "max_feature (trigger): unknown config key; the nearest is max_features"),
        ({"outcome_column": "click"}, "outcome_column (trigger): not on the trigger form, which has "),
        ({"dead_band": 1}, "dead_band (trigger): not on the trigger form"),
        ({"denied_features": []}, "denied_features (trigger): not on the trigger form"),
        ({"date_start": "2026-03-08"}, "date_start (trigger): unknown config key"),
    ],
)
def test_any_other_key_is_refused_by_name_and_recorded(add_entity, session, conf, complaint):
    add_entity()

    with pytest.raises(ConfigInvalid) as refused:
        create_run(request_of("drugs_com", context(conf)))

    assert complaint in str(refused.value)
    assert complaint in session.query(Run).one().error_message


def test_the_command_line_may_set_any_key(add_entity, request_run):
    add_entity()

    assert create_run(request_run(overrides={"min_z": 1}))
