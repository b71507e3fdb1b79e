"""Trying values from the configuration's form: a what-if run that Airflow carries out, and nothing saved."""

import runpy

import pytest
from sqlalchemy import func, select

from checkout import CHECKOUT
from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import configs, connections, dag_list_export, entities
from rtb_optimizer.store.schema import Entity, EntityConfigChange, Run

CONFIG = "/rtb/entities/drugs_com/config"
TRY = "/rtb/entities/drugs_com/what-if"
DAG = "rtb_optimizer__drugs_com"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def airflow_database(auth_manager):
    """Airflow's own database with all of its tables; emptied at the end, since other files use it, too."""
    import airflow.models
    from airflow.models.base import Base
    from airflow.utils.db import synchronize_log_template
    from airflow.utils.session import create_session

    assert auth_manager
    airflow.models.import_all_models()
    with create_session() as metadata:
        Base.metadata.create_all(metadata.connection(), checkfirst=True)
        synchronize_log_template(session=metadata)
    yield create_session
    with create_session() as metadata:
        for table in reversed(Base.metadata.sorted_tables):
            metadata.execute(table.delete())


@pytest.fixture
def dag(airflow_database, active):
    """The entity's DAG in Airflow's database, as the dag processor writes it."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    assert active
    with connections.session() as catalog:
        dag_list_export.export(catalog)
    parsed = LazyDeserializedDAG.from_dag(runpy.run_path(str(CHECKOUT / "dags" / "rtb_optimizer_entities.py"))[DAG])
    with airflow_database() as metadata:
        metadata.add(DagBundleModel(name="dags"))
        metadata.flush()
        SerializedDAG.bulk_write_to_db("dags", None, [parsed], session=metadata)
        SerializedDagModel.write_dag(parsed, bundle_name="dags", session=metadata)


@pytest.fixture
def active(ran):
    """An entity with an active run; returns its id."""
    (opt_run_id,) = ran({})
    return opt_run_id


@pytest.fixture
def dag_runs(airflow_database):
    """The dag runs that Airflow was asked for."""
    from airflow.models import DagRun

    def told():
        with airflow_database() as metadata:
            return metadata.scalars(select(DagRun)).all()

    return told


@pytest.fixture
def what_if_runs(session):
    def told():
        session.rollback()
        return session.scalars(select(Run).where(Run.is_sandbox).order_by(Run.run_id)).all()

    return told


@pytest.fixture
def filled_in(browser, read):
    """Return what a browser sends of the section of a key, with other values."""

    def form(**values):
        field = read(browser.get(CONFIG)).select_one(f"#key-{next(iter(values))}")
        names = {each["name"]: each.get("value", "") for each in field.find_parent("form").select("input[name]")}
        return names | {f"value:{key}": value for key, value in values.items()}

    return form


def test_the_form_has_a_button_that_tries_beside_each_that_saves(browser, sign_in, read, active):
    assert active
    page = read(browser.get(CONFIG))
    tries = page.find_all("button", string="Try without saving")
    saves = [button for button in page.select("button.primary") if button.text.startswith("Save")]
    assert {button["formaction"] for button in tries} == {TRY}
    assert [button.find_parent("form") for button in tries] == [button.find_parent("form") for button in saves]
    assert "Try without saving" not in sign_in("viewer").get(CONFIG).text


@pytest.mark.usefixtures("dag")
def test_trying_starts_a_dag_run_without_conf_that_finds_the_run_with_the_values(
    browser, read, filled_in, dag_runs, what_if_runs, session, request_run, active
):
    overrides = configs.overrides(session, entities.find(session, "drugs_com").entity_id)
    changes = session.scalar(select(func.count()).select_from(EntityConfigChange))
    answer = browser.post(TRY, data=filled_in(max_features="2"), follow_redirects=False)
    [run], [dag_run] = what_if_runs(), dag_runs()

    assert (answer.status_code, answer.headers["location"]) == (303, f"/rtb/runs/{run.run_id}")
    assert (run.status, run.triggered_by, run.config_snapshot["values"]["max_features"]) == (
        "running",
        "manual:admin",
        2,
    )
    assert (dag_run.dag_id, dag_run.run_id) == (run.airflow_dag_id, run.airflow_run_id)
    assert (dag_run.run_type, dag_run.triggering_user_name, dag_run.state) == ("manual", "admin", "queued")
    assert dag_run.conf == {}
    page = read(browser.get(answer.headers["location"]))
    assert "What if: this run is never activated" in page.text
    assert "max_features=2" in [code.text for code in page.select("section code")]

    assert create_run(request_run(dag_run_id=dag_run.run_id)) == run.run_id
    assert in_process.finish(run.run_id).decision == "held"
    session.rollback()
    assert session.scalar(select(Entity.active_run_id)) == active
    assert configs.overrides(session, entities.find(session, "drugs_com").entity_id) == overrides
    assert session.scalar(select(func.count()).select_from(EntityConfigChange)) == changes


@pytest.mark.usefixtures("dag")
def test_when_it_is_done_its_page_the_comparison_and_the_form_lead_to_each_other(
    browser, read, filled_in, what_if_runs, active
):
    browser.post(TRY, data=filled_in(max_features="2"), follow_redirects=False)
    [run] = what_if_runs()
    in_process.finish(run.run_id)

    page = read(browser.get(f"/rtb/runs/{run.run_id}"))
    compare = page.find("a", string="What these values change")["href"]
    assert compare == f"/rtb/entities/drugs_com/compare?before={active}&after={run.run_id}"
    assert NEVER_ACTIVATED in page.text
    difference = read(browser.get(compare))
    cards = {card.dt.text: card.dd.text for card in difference.select(".card")}
    assert {"Predicted spend", "Predicted outcomes"} <= cards.keys()
    note = difference.select_one('section[aria-label="What if"]')
    assert f"Run {run.run_id} tries max_features=2 on the window of run {active}" in note.text
    assert "By its gates it would be activated" in note.text
    assert note.find("a", string="Save or change these values")["href"] == f"{CONFIG}?tried={run.run_id}"
    assert "(what if)" in difference.select_one('select[name="after"] option[selected]').text

    form = read(browser.get(f"{CONFIG}?tried={run.run_id}"))
    assert form.select_one("#key-max_features")["value"] == "2"
    assert f"what-if run {run.run_id}" in form.select_one(".notice").text
    fields = {
        each["name"]: each.get("value", "")
        for each in form.select_one("#key-max_features").find_parent("form").select("input[name]")
    }
    assert "Saved" in read(browser.post(CONFIG, data=fields)).select_one("[role=status]").text


@pytest.mark.usefixtures("dag")
def test_the_lists_mark_it_and_offer_no_activation(browser, read, filled_in, what_if_runs, active):
    browser.post(TRY, data=filled_in(max_features="2"), follow_redirects=False)
    [run] = what_if_runs()
    in_process.finish(run.run_id)
    first = read(browser.get("/rtb/entities/drugs_com")).select_one("tbody tr")

    assert first.th.text == f"Run {run.run_id}"
    assert [tag.text for tag in first.select(".tag")] == ["succeeded", "what if"]
    assert "Activate" not in first.text
    answer = browser.get("/rtb/entities/drugs_com/activate", params={"run": run.run_id})
    assert (answer.status_code, NEVER_ACTIVATED in answer.text) == (409, True)
    listed = browser.get("/rtb/api/v1/entities/drugs_com/runs", headers={"accept": "application/json"}).json()
    assert [(each["run_id"], each["is_sandbox"]) for each in listed] == [(run.run_id, True), (active, False)]


# ---- Refused


@pytest.mark.usefixtures("dag")
@pytest.mark.parametrize(
    ("values", "key", "said"),
    [
        ({"max_features": "21"}, "max_features", "above the maximum of 20"),
        ({"anchor_features": "user_id"}, "anchor_features", "user_id is also in denied_features"),
        ({"schedule": HOSTILE}, "schedule", "is not a cron expression"),
    ],
)
def test_an_invalid_value_is_told_at_its_field_as_when_it_is_saved_and_no_run_starts(
    browser, read, filled_in, dag_runs, what_if_runs, values, key, said
):
    answers = [browser.post(address, data=filled_in(**values)) for address in (TRY, CONFIG)]
    assert [answer.status_code for answer in answers] == [422, 422]
    why = [[each.text for each in read(answer).select(f'[id^="key-{key}-why"]')] for answer in answers]
    assert why[0] == why[1]
    assert said in why[0][0]
    assert read(answers[0]).select("script:not([src])") == []
    assert (dag_runs(), what_if_runs()) == ([], [])


@pytest.mark.usefixtures("dag")
def test_a_form_without_a_change_has_nothing_to_try(browser, read, filled_in, dag_runs):
    field = read(browser.get(CONFIG)).select_one("#key-max_features")
    page = read(browser.post(TRY, data=filled_in(max_features=field["value"])))
    assert "there is nothing to try" in page.select_one("[role=status]").text
    assert dag_runs() == []


@pytest.mark.usefixtures("airflow_database")
def test_without_an_active_run_it_says_what_to_do(browser, read, add_entity, filled_in, what_if_runs):
    add_entity()
    answer = browser.post(TRY, data=filled_in(max_features="2"))
    assert answer.status_code == 409
    assert "drugs_com has no active run" in answer.text
    assert "rtb run drugs_com" in answer.text
    assert read(answer).select_one('[name="value:max_features"]')["value"] == "2"
    assert what_if_runs() == []


@pytest.mark.usefixtures("active", "airflow_database")
def test_without_a_dag_in_airflow_no_run_is_left(browser, read, filled_in, what_if_runs):
    answer = browser.post(TRY, data=filled_in(max_features="2"))
    assert (answer.status_code, f"Airflow has no DAG {DAG} yet" in answer.text) == (409, True)
    assert read(answer).select_one('[name="value:max_features"]')["value"] == "2"
    assert what_if_runs() == []


@pytest.mark.usefixtures("dag")
def test_a_paused_dag_would_let_it_wait_and_is_refused(browser, read, filled_in, what_if_runs, airflow_database):
    from airflow.models.dag import DagModel

    with airflow_database() as metadata:
        metadata.get(DagModel, DAG).is_paused = True
    answer = browser.post(TRY, data=filled_in(max_features="2"))
    assert (answer.status_code, "is paused in Airflow" in answer.text) == (409, True)
    assert read(answer).select_one('[name="value:max_features"]')["value"] == "2"
    assert what_if_runs() == []


@pytest.mark.usefixtures("dag")
def test_a_run_that_airflow_does_not_start_ends_as_failed_and_the_command_is_told(
    browser, read, filled_in, what_if_runs, dag_runs, monkeypatch
):
    from rtb_optimizer.web import dag_runs as starting

    def away(*_ids, **_named):
        raise OSError("password=secret")

    monkeypatch.setattr(starting, "trigger_dag", away)
    answer = browser.post(TRY, data=filled_in(max_features="2"))
    assert answer.status_code == 409
    assert "rtb what-if drugs_com --set max_features=2" in answer.text
    assert read(answer).select_one('[name="value:max_features"]')["value"] == "2"
    assert "secret" not in answer.text
    [run] = what_if_runs()
    assert (run.status, run.error_message) == (
        "failed",
        f"Airflow did not start {DAG}: see the log of the api-server",
    )
    assert dag_runs() == []


@pytest.mark.usefixtures("dag")
def test_who_may_not_trigger_the_dag_may_not_try_and_sees_no_button(
    browser, filled_in, what_if_runs, auth_manager, monkeypatch
):
    data = filled_in(max_features="2")

    def allowed(*, method, **_asked):
        return method != "POST"

    monkeypatch.setattr(auth_manager, "is_authorized_dag", allowed)
    answer = browser.post(TRY, data=data)
    assert (answer.status_code, "you may not trigger runs of drugs_com" in answer.text) == (403, True)
    assert "Try without saving" not in browser.get(CONFIG).text
    assert what_if_runs() == []


def test_a_run_of_another_entity_or_an_ordinary_one_fills_in_nothing(browser, read, active, add_entity, make_run):
    for run_id in (active, make_run(add_entity("other_com"), is_sandbox=True).run_id, 10**9):
        page = read(browser.get(CONFIG, params={"tried": run_id}))
        assert page.select_one("#key-max_features")["value"] == "12"
        assert page.select(".notice") == []
