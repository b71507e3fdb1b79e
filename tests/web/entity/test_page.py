"""The pages of one entity and their actions, for none, one and many runs."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from rtb_optimizer.operations.deliveries import deliver_exports
from rtb_optimizer.outputs.report_page.formatting import UNKNOWN
from rtb_optimizer.store import configs, entities, failures
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Entity

HOSTILE = '<img src=x onerror="alert(1)">'
MANY = """
INSERT INTO opt_runs (entity_id, version_id, run_code, status, triggered_by, data_start, data_end, config_snapshot,
                      airflow_dag_id, airflow_run_id, finished_at)
SELECT entity_id, current_version_id, entity_code || '-' || n, CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END,
       'schedule', date '2025-01-01' + n, date '2025-01-02' + n, '{}', entity_code, n::text, now()
FROM opt_entities, generate_series(1, 120) n ORDER BY n
"""


@pytest.fixture
def entity(add_entity):
    return add_entity()


def rows_of(page, label):
    """The cells of a table, a list of texts for each row."""
    table = page.select_one(f'[aria-label="{label}"]')
    return [[" ".join(cell.stripped_strings) for cell in row.select("th, td")] for row in table.select("tbody tr")]


def test_an_entity_that_never_ran_says_so_on_each_page(browser, read, entity):
    assert entity
    page = read(browser.get("/rtb/entities/drugs_com"))
    assert "There is no run yet" in page.text
    assert "every bid is the default" in page.text
    assert page.select("tbody") == []
    history = read(browser.get("/rtb/entities/drugs_com/history"))
    assert "No decision has been made" in history.text
    assert len(rows_of(history, "Changes of configuration and status")) == len(configs_set_at_first())


def configs_set_at_first():
    return (
        *("logs_path", "lookback_days", "outcome_column", "value_column", "cost_column", "timestamp_column"),
        *("row_id_columns", "candidate_features", "anchor_features"),
    )


def test_a_run_shows_its_window_its_decision_its_trigger_and_what_it_predicts(browser, read, entity, finish):
    finish(entity, predicted_change=0.125, change_from_active=-0.01)
    [cells] = rows_of(read(browser.get("/rtb/entities/drugs_com")), "Runs")
    assert cells[1:4] == ["succeeded", "active", "2026-03-09 00:00 UTC to 2026-03-10 00:00 UTC"]
    assert cells[6:10] == ["schedule", "3", "+12.5%", "\N{MINUS SIGN}1%"]
    assert cells[10] == ""  # what is active need not be activated


def test_a_failed_run_and_one_in_progress_are_told_as_such(browser, read, entity, make_run, session):
    make_run(entity, dag_run_id="fails")
    failures.fail(session, Attempt("rtb_optimizer__drugs_com", "fails"), f"select_features: {HOSTILE} " + "x" * 900)
    session.commit()
    make_run(entity)
    page = read(browser.get("/rtb/entities/drugs_com"))
    running, failed = rows_of(page, "Runs")
    assert running[1] == "running"
    assert running[5] == "running"
    assert failed[1] == "failed"
    assert failed[7].startswith("select_features: <img")
    assert len(failed[7]) <= 200
    assert running[7:10] == [UNKNOWN] * 3
    assert page.select("tbody img") == []
    assert page.select('a[href*="activate"]') == []


def test_many_runs_are_paged_and_filtered(browser, read, entity, session):
    assert entity
    session.execute(text(MANY))
    session.commit()
    first = read(browser.get("/rtb/entities/drugs_com"))
    assert len(rows_of(first, "Runs")) == 50
    assert "120 runs, page 1 of 3" in first.select_one(".pages").text
    assert len(rows_of(read(browser.get("/rtb/entities/drugs_com?page=3")), "Runs")) == 20
    failed = read(browser.get("/rtb/entities/drugs_com", params={"status": "failed"}))
    assert {cells[1] for cells in rows_of(failed, "Runs")} == {"failed"}
    assert "12 runs, page 1 of 1" in failed.select_one(".pages").text
    assert "No run matches" in read(browser.get("/rtb/entities/drugs_com?status=running")).text
    assert "No run matches" in read(browser.get("/rtb/entities/drugs_com?page=9")).text
    assert len(rows_of(read(browser.get("/rtb/entities/drugs_com?status=nonsense")), "Runs")) == 50


def test_following_the_links_of_the_pages_shows_each_run_once(browser, read, entity, session):
    assert entity
    session.execute(text(MANY))
    session.commit()
    address, seen = "/rtb/entities/drugs_com?status=succeeded", []
    while address:
        page = read(browser.get(address))
        seen += [cells[0] for cells in rows_of(page, "Runs")]
        following = page.select_one("a[rel=next]")
        address = following and following["href"]
    assert len(seen) == len(set(seen)) == 108


def test_the_history_tells_every_decision_with_who_and_why_the_newest_first(browser, read, entity, finish):
    first = finish(entity, date(2026, 3, 9))
    second = finish(entity, date(2026, 3, 10))
    finish(entity, date(2026, 3, 11), gates=[HOSTILE])
    finish(entity, date(2026, 3, 8))
    page = read(browser.get("/rtb/entities/drugs_com/history"))
    rows = rows_of(page, "Decisions on runs")
    assert [(cells[0], cells[2]) for cells in rows] == [
        ("4", "superseded"),
        ("3", "held"),
        ("2", "activated"),
        ("1", "activated"),
    ]
    assert rows[2][3:] == [
        f"Run {second.run_id}",
        f"Run {first.run_id}",
        "schedule",
        f"newer data than run {first.run_id}",
    ]
    assert rows[1][6] == HOSTILE
    assert page.select("tbody img") == []


def test_a_long_history_is_paged_each_table_by_itself(browser, read, entity, finish, session):
    for days in range(52):
        finish(entity, date(2026, 3, 10) + timedelta(days=days))
        configs.set_overrides(
            session, session.get_one(Entity, entity.entity_id), {"min_z": str(1 + days / 100)}, HOSTILE
        )
    session.commit()
    page = read(browser.get("/rtb/entities/drugs_com/history?decisions=2"))
    assert [cells[0] for cells in rows_of(page, "Decisions on runs")] == ["2", "1"]
    assert rows_of(page, "Changes of configuration and status")[0][1:] == [HOSTILE, "min_z", "1.5", "1.51"]
    following = page.select_one('nav[aria-label="Pages of changes"] a[rel=next]')["href"]
    assert following == "/rtb/entities/drugs_com/history?decisions=2&changes=2"


def test_what_names_the_entity_is_text_and_never_markup(browser, read, entity, session):
    session.get_one(Entity, entity.entity_id).entity_name = HOSTILE
    session.commit()
    for path in ("", "/history", "/config"):
        page = read(browser.get(f"/rtb/entities/drugs_com{path}"))
        assert page.select_one("h1").text.startswith(HOSTILE)
        assert page.select("img") == []


@pytest.mark.parametrize("path", ["", "/history", "/config", "/activate?run=1", "/rollback"])
@pytest.mark.parametrize("code", ["other", "drugs%00com", "%F0%9F%98%80", "a" * 5000])
def test_an_entity_that_there_is_not_is_not_found_and_breaks_nothing(browser, entity, path, code):
    assert entity
    assert browser.get(f"/rtb/entities/{code}{path}").status_code in (404, 422)


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=99999999999999999999"])
def test_a_page_that_cannot_be_is_refused(browser, entity, query):
    assert entity
    assert browser.get(f"/rtb/entities/drugs_com?{query}").status_code == 422


def test_an_entity_is_paused_and_resumed_and_airflow_is_told(browser, read, entity, tmp_path, session):
    def press(button):
        page = read(browser.get("/rtb/entities/drugs_com"))
        form = next(form for form in page.select("form") if form.button.text == button)
        return read(browser.post(form["action"], data={form.button["name"]: form.button["value"]}))

    assert "Paused: there are no scheduled runs" in press("Pause").select_one("[role=status]").text
    assert entities.find(session, "drugs_com").status == "paused"
    assert '"entities": []' in (tmp_path / "entities.json").read_text()
    resumed = press("Resume")
    assert "Resumed" in resumed.select_one("[role=status]").text
    assert "drugs_com" in (tmp_path / "entities.json").read_text()
    assert resumed.select_one("a[data-airflow]")["href"] == "/dags/rtb_optimizer__drugs_com"
    history = rows_of(read(browser.get("/rtb/entities/drugs_com/history")), "Changes of configuration and status")
    assert [row[1:] for row in history[:2]] == [
        ["admin", "status", "paused", "active"],
        ["admin", "status", "active", "paused"],
    ]
    assert entity


def test_where_the_manifest_cannot_be_written_a_pause_counts_and_says_that_airflow_follows(
    browser, read, entity, monkeypatch, tmp_path, session
):
    assert entity
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RTB_MANIFEST", str(tmp_path / "file" / "entities.json"))
    page = read(browser.post("/rtb/entities/drugs_com/status", data={"status": "paused"}))
    assert "Airflow's schedule is updated within 5 minutes" in page.select_one("[role=status]").text
    assert entities.find(session, "drugs_com").status == "paused"


@pytest.mark.parametrize("status", ["retired", "", "nonsense"])
def test_another_status_is_not_set_here(browser, entity, session, status):
    assert entity
    assert browser.post("/rtb/entities/drugs_com/status", data={"status": status}).status_code == 422
    assert entities.find(session, "drugs_com").status == "active"


def test_a_viewer_reads_all_and_finds_nothing_to_press(sign_in, read, entity, finish):
    finish(entity, date(2026, 3, 9))
    finish(entity, date(2026, 3, 10))
    viewer = sign_in("viewer")
    for path in ("", "/history", "/config"):
        page = read(viewer.get(f"/rtb/entities/drugs_com{path}"))
        assert page.select_one("h1").text.startswith("Drugs_Com")
        for search in page.select("form[role=search]"):
            search.extract()
        assert page.select("form, button, main a[href*=rollback], main a[href*=activate]") == []
    assert viewer.get("/rtb/entities/drugs_com/rollback").status_code == 403


def test_what_an_address_says_has_happened_is_never_shown_as_it_stands_there(browser, entity):
    assert entity
    answer = browser.get("/rtb/entities/drugs_com?notice=call+this+number")
    assert answer.status_code == 200
    assert "call" not in answer.text


def test_each_delivery_shows_how_it_stands_and_why_it_failed(browser, read, add_entity, finish):
    to = '{"plain": {"to": "s3://bidder/tables", "connection": "rtb_delivery_of_nobody"}}'
    entity = add_entity(exports="plain", export_deliveries=to)
    finish(entity)

    [card] = [each for each in read(browser.get("/rtb/entities/drugs_com")).select(".card") if "Delivery" in each.text]
    assert "Delivery of plain waiting s3://bidder/tables" in " ".join(card.stripped_strings)

    deliver_exports()  # by a connection that there is not
    [card] = [each for each in read(browser.get("/rtb/entities/drugs_com")).select(".card") if "Delivery" in each.text]
    assert "failed" in card.text
    assert "rtb_delivery_of_nobody" in card.text
    (answered,) = browser.get("/rtb/api/v1/entities/drugs_com/deliveries").json()
    assert (answered["export"], answered["status"], answered["tries"]) == ("plain", "failed", 1)
    assert "rtb_delivery_of_nobody" in answered["problem"]
    assert "tried 1 times" in card.text
