"""The page that compares two runs: rows that appeared, vanished and moved, and the causes."""

import pytest

from rtb_optimizer.outputs.compare import compare
from rtb_optimizer.web import compare_page

THREE_NIGHTS = {"data_start": "2026-03-06", "data_end": "2026-03-09"}


@pytest.fixture
def two_runs(ran):
    """Run three nights, then all four under another bound; returns both ids."""
    return ran(THREE_NIGHTS, {"overrides": {"multiplier_max": 1.2}})


@pytest.fixture
def shown(browser, read):
    """The main part of the page, which must answer."""

    def main(entity_code="drugs_com", **query):
        answer = browser.get(f"/rtb/entities/{entity_code}/compare", params=query)
        assert answer.status_code == 200, answer.text
        return read(answer).select_one("main")

    return main


def rows_of(main, label):
    table = main.select_one(f'[aria-label="{label}"]')
    return [[" ".join(cell.stripped_strings) for cell in row.select("th, td")] for row in table.select("tbody tr")]


def test_the_active_run_is_compared_with_the_one_before_it(two_runs, shown, session, monkeypatch):
    monkeypatch.setattr(compare_page, "PAGE_SIZE", 10)
    comparison = compare(session, "drugs_com", limit=10_000)
    main = shown()

    chosen = [select.select_one("option[selected]")["value"] for select in main.select("form select")]
    assert chosen == [str(run_id) for run_id in two_runs]
    assert rows_of(main, "Changed configuration") == [["multiplier_max", "15.0", "1.2"]]
    assert f"{comparison.appeared} appeared, {comparison.vanished} vanished" in main.text
    assert f"{len(comparison.largest)} rows, page 1 of {-(-len(comparison.largest) // 10)}" in main.text

    pages = [rows_of(shown(page=n), "Changed segments") for n in range(1, -(-len(comparison.largest) // 10) + 1)]
    listed = [row for page in pages for row in page]
    assert [row[0].split()[-1] for row in listed] == [list(row.given.values())[-1] for row in comparison.largest]
    assert [row[1] for row in listed] == [str(row.kind) for row in comparison.largest]


def test_two_runs_are_compared_once_and_then_answered_from_memory(two_runs, shown, monkeypatch):
    assert two_runs
    first = str(shown())
    monkeypatch.setattr(compare_page, "published", None)

    assert str(shown()) == first
    assert shown(kind="appeared").select(".pages")


def test_one_kind_of_change_is_listed_alone_and_runs_are_swapped_when_asked(two_runs, shown, session):
    first, second = two_runs
    comparison = compare(session, "drugs_com", str(second), str(first), limit=10_000)
    main = shown(before=second, after=first, kind="moved")

    assert {row[1] for row in rows_of(main, "Changed segments")} == {"moved"}
    assert f"{comparison.moved} rows" in main.select_one(".pages").text
    assert rows_of(main, "Changed configuration") == [["multiplier_max", "1.2", "15.0"]]


def test_a_run_beside_itself_has_not_changed(two_runs, shown):
    main = shown(before=two_runs[0], after=two_runs[0])
    assert "0 rows, page 1 of 1" in main.text
    assert "Unchanged, in the same order: internal_adspace_id" in main.text


def test_without_two_runs_the_page_says_so(add_entity, shown):
    add_entity()
    main = shown()
    assert "drugs_com has no active run: no run has succeeded yet" in main.text
    assert main.select("form") == []


def test_a_run_that_cannot_be_compared_is_not_found(add_entity, make_run, browser):
    entity, other = add_entity(), add_entity("other_com")
    failed, stranger = make_run(entity, status="failed"), make_run(other, status="succeeded")
    for asked in (failed.run_id, stranger.run_id, 4711, "9" * 18, "no_such_code"):
        assert browser.get("/rtb/entities/drugs_com/compare", params={"before": asked}).status_code == 404, asked
        assert browser.get("/rtb/entities/drugs_com/compare", params={"after": asked}).status_code == 404, asked
    assert browser.get("/rtb/entities/drugs_com/compare", params={"after": "\x00"}).status_code == 422
    assert browser.get("/rtb/entities/no_such/compare").status_code == 404


def test_runs_whose_outputs_are_gone_leave_the_choice_of_others(two_runs, shown, session, store):
    from rtb_optimizer.store import runs

    key = {o.output_type: o.s3_key for o in runs.outputs(session, two_runs[0])}["segments"]
    store._client.delete_object(Bucket=store.bucket, Key=key)
    main = shown()

    assert "is gone" in main.select_one(".notice").text
    assert len(main.select("form select")) == 2
