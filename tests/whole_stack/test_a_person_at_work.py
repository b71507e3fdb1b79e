"""A yield analyst at work in the Airflow UI, from signing in to a roll-back: one story, in reading order.

Real Airflow, PostgreSQL and S3; Chromium does what a person would: it fills in, clicks, and looks.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

import chromium
from live_airflow import airflow_with_entity, seeded_catalog, until
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.schema import EntityConfigChange, Run, RunDecision
from rtb_optimizer.web.run.page import TABS

pytestmark = [pytest.mark.airflow, pytest.mark.long, pytest.mark.timeout(1800)]

ENTITY, NAME = "healthline", "Healthline"
DAG = f"rtb_optimizer__{ENTITY}"
LOGS = "s3://rtb/browser/logs/date={date}/"
LAST_NIGHT = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture(scope="module")
def live(running_chromium, shared_stack):
    """A whole stack with one night of logs."""
    assert running_chromium
    with shared_stack.used_by(Path(__file__).name) as (live, _), seeded_catalog(live, LOGS, [LAST_NIGHT]):
        yield live


@pytest.fixture(scope="module")
def airflow(live):
    """Airflow with an entity that its schedule has run once."""
    api = airflow_with_entity(live, f"s3://rtb/browser/{ENTITY}", ENTITY, logs_path=LOGS, schedule="0 0 * * *")
    first = until(lambda: api.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"], "the scheduled run")[0]
    assert api.wait(DAG, first["dag_run_id"]) == "success"
    return api


@pytest.fixture(scope="module")
def screen(running_chromium, airflow, taking_turns):
    """The tab of a person, with our pages in Airflow's frame."""
    assert airflow
    return chromium.Seen(chromium.new_page(running_chromium), "story", taking_turns=taking_turns)


@pytest.fixture(scope="module")
def ours(screen):
    """What of the tab is ours."""
    return screen.ours


def go_to_the_entity(screen):
    """From wherever one is, by the navigation of Airflow."""
    screen.page.get_by_role("link", name="RTB Optimizer").click()
    heading(screen.ours, "Entities").to_be_visible()
    screen.ours.get_by_role("link", name=NAME).click()
    heading(screen.ours, NAME).to_be_visible()


def heading(ours, name, level=1):
    return expect(ours.get_by_role("heading", name=name, level=level))


def row_of(region, name):
    return region.get_by_role("row", name=re.compile(f"^{name} "))


def counted(table):
    with connections.session() as session:
        return session.scalar(select(func.count()).select_from(table))


def active_run():
    with connections.session() as session:
        return session.get_one(Run, entities.find(session, ENTITY).active_run_id)


def test_signing_in_by_the_form_leads_to_the_entities_in_airflow_s_frame(live, screen, ours):
    chromium.sign_in(screen.page, live)

    screen.page.get_by_role("link", name="RTB Optimizer").click()

    heading(ours, "Entities").to_be_visible()
    expect(ours.get_by_role("row").filter(has_text=NAME)).to_contain_text("activated")
    screen.looks_well("entities")


def test_the_list_leads_to_the_entity_and_a_link_can_be_kept(screen, ours):
    ours.get_by_role("link", name=NAME).click()

    heading(ours, NAME).to_be_visible()
    expect(ours.get_by_role("region", name="Runs").get_by_role("row").nth(1)).to_contain_text("active")
    screen.looks_well("entity")
    expect(screen.page).to_have_url(re.compile(f"/entities/{ENTITY}$"))
    screen.page.reload()
    heading(ours, NAME).to_be_visible()


def test_a_value_beyond_its_limits_is_refused_at_its_field_and_nothing_is_stored(screen, ours):
    before = counted(EntityConfigChange)
    ours.get_by_role("link", name="Configuration").click()
    heading(ours, "Selection", level=2).to_be_visible()
    screen.looks_well("configuration")
    ours.get_by_label("Search the keys").fill("maximum features")
    ours.get_by_role("button", name="Show", exact=True).click()
    field = ours.get_by_label("Maximum features")

    field.fill("21")
    field.press("Enter")

    expect(ours.get_by_role("alert")).to_contain_text("Nothing was saved")
    expect(field).to_have_value("21")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("above the maximum of 20"))
    screen.looks_well("configuration-refused")
    assert counted(EntityConfigChange) == before


def test_a_good_value_is_stored_and_the_history_says_by_whom(screen, ours):
    ours.get_by_label("Maximum features").fill("2")
    ours.get_by_role("button", name="Save Selection").click()

    expect(ours.get_by_role("status")).to_contain_text("Saved: the next run uses it.")
    expect(ours.locator(".field").filter(has=ours.get_by_label("Maximum features"))).to_contain_text("set by admin")
    ours.get_by_role("link", name="History", exact=True).click()
    changes = ours.get_by_role("region", name="Changes of configuration and status")
    expect(changes.get_by_role("row").nth(1)).to_contain_text("admin")
    expect(changes.get_by_role("row").nth(1)).to_contain_text("max_features")
    expect(changes.get_by_role("row").nth(1).get_by_role("cell").last).to_have_text("2")
    screen.looks_well("history")


def test_the_trigger_form_refuses_a_value_beyond_its_limits_by_name_and_leaves_no_run(screen, ours, airflow):
    before = counted(Run), len(airflow.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"])
    ours.get_by_role("link", name="Its DAG in Airflow").click()
    expect(screen.page).to_have_url(re.compile(f"/dags/{DAG}$"))
    form = open_trigger_form(screen.page)
    form.get_by_role("button", name="Selection").click()
    limited = form.locator("input[name=element_max_features]")
    expect(form).to_contain_text("At least 1, at most 20.")

    limited.fill("99")
    limited.blur()
    expect(limited).to_have_value("20")  # the form itself takes none beyond
    write_configuration(screen.page, form, '{"max_features": 99}')
    with screen.page.expect_response(lambda answer: answer.url.endswith("/dagRuns")) as refused:
        form.get_by_test_id("trigger-dag-submit").click()

    assert refused.value.status == 400
    expect(form).to_contain_text("Invalid input for param max_features: 99 is greater than the maximum of 20")
    assert (counted(Run), len(airflow.call("GET", f"/dags/{DAG}/dagRuns")["dag_runs"])) == before


def open_trigger_form(page):
    page.get_by_role("button", name="Trigger").first.click()
    return page.get_by_role("dialog")


def write_configuration(page, form, text):
    """Write into the editor of the form, as a program would rather than a person."""
    form.get_by_role("button", name="Advanced Options").click()
    lines = form.locator(".monaco-editor .view-lines").first
    expect(lines).to_contain_text("max_features")
    lines.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)
    expect(lines).to_contain_text("99")


def test_a_run_triggered_by_the_form_takes_the_new_configuration_and_becomes_active(screen, airflow):
    before = active_run()
    screen.page.reload()
    form = open_trigger_form(screen.page)
    form.get_by_role("button", name="Selection").click()
    form.locator("input[name=element_min_positives]").fill("40")
    form.locator("input[name=element_min_positives]").blur()
    with screen.page.expect_response(lambda answer: answer.url.endswith("/dagRuns")) as triggered:
        form.get_by_test_id("trigger-dag-submit").click()

    assert triggered.value.ok, triggered.value.text()
    dag_run = triggered.value.json()["dag_run_id"]
    left = screen.page.url
    screen.page.goto("about:blank")  # Airflow's page of a run that is running draws all the time, and slows it down
    assert airflow.wait(DAG, dag_run) == "success"
    screen.page.goto(left)
    run = active_run()
    assert (run.airflow_run_id, run.triggered_by) == (dag_run, "manual:admin")
    assert run.run_id > before.run_id
    values, origins = run.config_snapshot["values"], run.config_snapshot["origins"]
    assert (values["max_features"], origins["max_features"]) == (2, "entity")
    assert (values["min_positives"], origins["min_positives"]) == (40, "trigger")


def test_the_run_s_page_begins_with_the_decision_and_shows_each_part(screen, ours):
    go_to_the_entity(screen)
    ours.get_by_role("link", name=f"Run {active_run().run_id}").first.click()

    heading(ours, "Active: bidders read this run", level=2).to_be_visible()
    for part, title in TABS.items():
        tab = ours.get_by_role("navigation", name="Parts of this run").get_by_role("link", name=title, exact=True)
        with screen.page.expect_event("framenavigated", lambda frame, part=part: f"tab={part}" in frame.url):
            tab.click()
        expect(tab).to_have_attribute("aria-current", "page")
        screen.looks_well(f"run-{part}")


def test_a_segment_is_found_and_explained(screen, ours):
    ours.get_by_role("link", name="Segments", exact=True).click()
    ours.get_by_role("region", name="Segments").get_by_role("rowheader").nth(1).get_by_role("link").click()

    expect(ours.get_by_role("region", name="Back-off path")).to_be_visible()
    screen.looks_well("segment")
    ours.get_by_role("link", name="Explain a bid").click()
    heading(ours, "Explain a bid").to_be_visible()
    ours.get_by_role("combobox", name="internal_adspace_id").fill("1000")
    ours.get_by_role("button", name="Explain").click()
    expect(ours.get_by_role("region", name="Effect of each feature")).to_contain_text("1000")
    screen.looks_well("explain")


def test_the_run_is_compared_with_the_one_before(screen, ours):
    go_to_the_entity(screen)
    ours.get_by_role("link", name="Compare two runs").click()

    heading(ours, "What changed").to_be_visible()
    changed = ours.get_by_role("region", name="Changed configuration")
    expect(row_of(changed, "max_features").get_by_role("cell")).to_have_text(["12", "2"])
    expect(ours.locator("main")).to_contain_text("Removed: feature")
    expect(ours.get_by_role("region", name="Changed segments").get_by_role("row").nth(1)).to_be_visible()
    screen.looks_well("compare")


def test_a_roll_back_shows_the_difference_first_and_asks_for_a_reason(screen, ours):
    left, decisions = active_run(), counted(RunDecision)
    go_to_the_entity(screen)
    ours.get_by_role("link", name="Roll back…").click()
    heading(ours, "What would change", level=2).to_be_visible()
    changed = ours.get_by_role("region", name="Changes of the configuration")
    expect(row_of(changed, "max_features").get_by_role("cell")).to_have_text(["2", "12"])
    confirm = ours.get_by_role("button", name="Roll back to run")
    screen.looks_well("roll-back")

    confirm.click()
    expect(ours.get_by_label("Reason")).to_be_focused()  # it must be filled in
    assert (active_run().run_id, counted(RunDecision)) == (left.run_id, decisions)
    ours.get_by_label("Reason").fill("fill rate fell")
    confirm.click()

    expect(ours.get_by_role("status")).to_contain_text("Rolled back: bidders read the earlier run from now on.")
    assert active_run().run_id < left.run_id
    ours.get_by_role("link", name="History", exact=True).click()
    newest = ours.get_by_role("region", name="Decisions on runs").get_by_role("row").nth(1)
    for text in ("rolled back", "admin", "fill rate fell", f"Run {left.run_id}"):
        expect(newest).to_contain_text(text)
    screen.looks_well("history-rolled-back")


def test_the_pages_stand_as_tabs_of_the_entity_s_dag_and_of_a_dag_run(live, screen, ours):
    screen.page.goto(f"{live.airflow_url}/dags/{DAG}")
    screen.page.get_by_role("link", name="RTB entity").click()
    heading(ours, NAME).to_be_visible()
    screen.looks_well("tab-of-the-dag")

    screen.page.goto(f"{live.airflow_url}/dags/{DAG}/runs/{active_run().airflow_run_id}")
    screen.page.get_by_role("link", name="RTB run").click()
    heading(ours, active_run().run_code).to_be_visible()
    screen.looks_well("tab-of-the-dag-run")
