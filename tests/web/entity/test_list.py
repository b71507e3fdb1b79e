"""The page of all entities, for none, one and a thousand of them."""

from datetime import date

import pytest
from sqlalchemy import text

from rtb_optimizer.outputs.report_page.formatting import UNKNOWN
from rtb_optimizer.store import activation, connections, entities
from rtb_optimizer.store.schema import Run


def rows_of(page):
    """The table's cells, a list of texts for each row."""
    return [[" ".join(cell.stripped_strings) for cell in row.select("th, td")] for row in page.select("tbody tr")]


@pytest.fixture
def finished(session, make_run):
    """A run of an entity that has succeeded, been decided on, and left its figures."""

    def finish(entity, data_end=date(2026, 3, 10), gates=(), **figures):
        run = session.get_one(Run, make_run(entity, data_end=data_end).run_id)
        run.figures = figures
        activation.complete_and_decide(
            session, run.run_id, total_segments=3, gate_failures=list(gates), allow_older=False
        )
        session.commit()
        return run

    return finish


def test_without_entities_the_page_says_how_to_add_one(browser, read):
    page = read(browser.get("/rtb/"))
    assert page.find("a", string="Add an entity…") is not None
    assert page.select("tbody") == []


def test_an_entity_shows_its_pointer_its_last_run_and_what_it_predicts(browser, read, add_entity, finished):
    entity = add_entity()
    finished(entity, date(2026, 3, 9), predicted_change=0.10)
    finished(entity, date(2026, 3, 10), predicted_change=0.12, change_from_active=0.018)
    finished(entity, date(2026, 3, 11), gates=["too few outcomes"], predicted_change=-0.3)
    [cells] = rows_of(read(browser.get("/rtb/")))
    assert cells[0] == "Drugs_Com drugs_com · ssp 1334"
    assert cells[1] == "active"
    assert cells[2].startswith("2026-03-10 00:00 UTC")
    assert cells[3] == "+1.80%"
    assert cells[5:7] == ["succeeded", "held"]
    page = read(browser.get("/rtb/"))
    assert len(page.select_one("polyline")["points"].split()) == 3


def test_a_what_if_run_is_no_last_run_and_no_point_of_the_chart(browser, read, add_entity, finished, make_run, session):
    entity = add_entity()
    for day, change in ((9, 0.10), (10, 0.12)):
        finished(entity, date(2026, 3, day), predicted_change=change)
    before = rows_of(read(browser.get("/rtb/")))
    tried = session.get_one(Run, make_run(entity, is_sandbox=True).run_id)
    tried.figures = {"predicted_change": 0.9}
    activation.complete_and_decide(session, tried.run_id, total_segments=3, gate_failures=[], allow_older=False)
    session.commit()

    page = read(browser.get("/rtb/"))
    assert rows_of(page) == before
    assert len(page.select_one("polyline")["points"].split()) == 2


def test_an_active_run_that_is_past_its_time_stands_out(browser, read, add_entity, finished, session):
    finished(add_entity(), predicted_change=0.1)
    assert read(browser.get("/rtb/")).select(".tag.stale") == []
    session.execute(text("UPDATE opt_run_decisions SET decided_at = '2026-03-11'"))
    session.commit()
    for address in ("/rtb/", "/rtb/entities/drugs_com"):
        [tag] = read(browser.get(address)).select(".tag.stale")
        assert "2026-03-14 00:00 UTC" in tag["title"]


def test_an_entity_that_never_ran_says_so(browser, read, add_entity):
    add_entity()
    [cells] = rows_of(read(browser.get("/rtb/")))
    assert cells[2:5] == ["none: every bid is the default", UNKNOWN, "never"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"search": "beta"}, ["beta_com"]),
        ({"search": "BETA"}, ["beta_com"]),
        ({"search": "%"}, []),
        ({"search": "_"}, ["alpha_com", "beta_com", "gamma_com"]),
        ({"status": "paused"}, ["gamma_com"]),
        ({"status": "no such status"}, ["alpha_com", "beta_com", "gamma_com"]),
        ({"sort": "entity_code", "descending": "true"}, ["gamma_com", "beta_com", "alpha_com"]),
        ({"sort": "status"}, ["alpha_com", "beta_com", "gamma_com"]),
        ({"sort": "; DROP TABLE opt_runs"}, ["alpha_com", "beta_com", "gamma_com"]),
        ({"last_status": "failed"}, ["beta_com"]),
        ({"page": "2"}, []),
    ],
)
def test_the_list_is_searched_filtered_and_sorted(browser, read, add_entity, make_run, session, asked, found):
    for code in ("beta_com", "alpha_com", "gamma_com"):
        add_entity(code)
    make_run(entities.find(session, "beta_com"), status="failed")
    entities.set_status(session, "gamma_com", "paused", "ana")
    session.commit()
    rows = rows_of(read(browser.get("/rtb/", params=asked)))
    assert [row[0].split()[1] for row in rows] == found


def test_names_from_the_catalog_are_text_and_never_markup(browser, add_entity, session):
    entity = session.merge(add_entity())
    entity.entity_name = "<script>alert(1)</script>"
    session.commit()
    body = browser.get("/rtb/").text
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_a_thousand_entities_are_paged_and_the_database_answers_at_once(browser, read, thousand):
    assert thousand is None
    page = read(browser.get("/rtb/", params={"sort": "last_started", "descending": "true", "page": "3"}))
    assert len(rows_of(page)) == 50
    assert "1,000 entities, page 3 of 20" in page.select_one(".pages").text


def test_of_a_thousand_entities_a_page_costs_a_bounded_number_of_statements(browser, thousand):
    assert thousand is None
    from sqlalchemy import event

    statements = []
    listen = (connections.catalog(), "before_cursor_execute", lambda *told: statements.append(told[2]))
    event.listen(*listen)
    assert browser.get("/rtb/").status_code == 200
    event.remove(*listen)
    assert 0 < len(statements) <= 5


def test_a_catalog_that_is_away_is_told_as_such(browser, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", "postgresql://nobody:secret@127.0.0.1:9/nothing")
    connections.catalog.cache_clear()
    answer = browser.get("/rtb/")
    assert answer.status_code == 503
    assert "the catalog cannot be reached" in answer.text
    assert "secret" not in answer.text
