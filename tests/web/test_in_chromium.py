"""The pages in each state that they can be in, with axe finding nothing serious.

The app stands alone here, as wide as the window; `tests/whole_stack` shows it in Airflow's frame, with runs that went
well.
"""

import io
import socket
from contextlib import closing
from datetime import date, timedelta
from threading import Thread

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from playwright.sync_api import expect
from sqlalchemy import select

import chromium
from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import activation, challenger_runs, challengers, manual_activation, outcomes
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Run, RunOutput

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MANY = 50_000
LONG_ERROR = "\n".join(
    f"select_features (try {n}): LogsInvalid: s3://rtb/a-very-long-folder/date=2026-03-0{n}/" + "part-" * 40
    for n in (1, 2, 3)
)


@pytest.fixture
def charts_drawn_once():
    """Not here: what is looked at is what a person sees."""


@pytest.fixture
def served(mounted):
    """The address of the app, served as an api-server serves it."""
    listening = socket.create_server(("127.0.0.1", 0))
    with closing(listening):
        server = uvicorn.Server(uvicorn.Config(mounted, log_level="warning", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def seen(running_chromium, served, sign_in, taking_turns):
    """The tab of a signed-in admin; `open_at` opens a page."""
    page = chromium.new_page(running_chromium, base_url=served)
    page.context.add_cookies([{"name": "_token", "value": sign_in().cookies["_token"], "url": served}])
    yield chromium.Seen(page, "states", framed=False, taking_turns=taking_turns)
    page.context.close()


@pytest.fixture
def look_at(seen):
    """Open a page, see the heading that it must have, and look at it."""

    def look(path, heading, name):
        seen.page.goto(f"/rtb{path}")
        expect(seen.page.get_by_role("heading", name=heading).first).to_be_visible()
        seen.looks_well(name)
        return seen.page

    return look


def test_a_list_without_entities_says_so(look_at):
    expect(look_at("/", "Entities", "entities-0").locator("main")).to_contain_text("There is no entity yet")


@pytest.mark.usefixtures("logs")
def test_an_entity_is_added_for_logs_that_were_looked_at(look_at, base_path):
    page = look_at("/new-entity", "Add an entity", "new-0")
    page.get_by_label("Logs: auctions, impressions or requests").fill("s3://rtb/nothing_here/")
    page.get_by_role("button", name="Look at the logs").click()
    expect(page.get_by_role("alert")).to_contain_text("there are no files below")

    look_at(f"/new-entity?logs={base_path}/logs/", "The entity", "new-1")
    page.get_by_label("Code").fill("my_ssp")
    page.get_by_label("Object id").fill("one")
    page.get_by_role("button", name="Add the entity").click()
    expect(page.get_by_role("alert")).to_contain_text("'one' is no whole number")
    page.get_by_label("Object id").fill("1334")
    page.get_by_role("button", name="Add the entity").click()
    expect(page.get_by_text("Added: its DAG appears")).to_be_visible()


def test_an_entity_that_never_ran_is_listed_as_such(add_entity, look_at):
    add_entity()

    expect(look_at("/", "Entities", "entities-1").locator("main")).to_contain_text("never")
    for page, heading in (
        ("", "Runs"),
        ("/config", "Selection"),
        ("/history", "Decisions on runs"),
        ("/explain", "Explain a bid"),
        ("/compare", "What changed"),
    ):
        look_at(f"/entities/drugs_com{page}", heading, f"never-ran{page.replace('/', '-')}")


@pytest.mark.usefixtures("thousand")
def test_a_thousand_entities_are_paged(look_at):
    page = look_at("/?page=3", "Entities", "entities-1000")

    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("1,000 entities, page 3 of 20")


def test_every_outcome_of_a_run_has_its_place_on_the_pages(add_entity, make_run, finish, session, look_at):
    entity = add_entity()
    first = finish(entity, date(2026, 3, 8), predicted_change=0.031)
    finish(entity, date(2026, 3, 9), predicted_change=0.032, change_from_active=0.001)
    superseded = finish(entity, date(2026, 3, 7), predicted_change=0.02, change_from_active=-0.01)
    held = finish(entity, date(2026, 3, 10), ["the hold-out gain -0.2% is below min_holdout_gain 0%"])
    manual_activation.roll_back(session, PointerChange("drugs_com", "tester", "fill rate fell", first.run_id))
    failed = session.get_one(Run, make_run(entity, "failed").run_id)
    failed.error_message, failed.finished_at = LONG_ERROR, failed.started_at
    session.commit()
    running = make_run(entity)

    page = look_at("/entities/drugs_com", "Runs", "every-way")
    for told in ("running", "failed", "held", "superseded", "active"):
        expect(page.get_by_role("region", name="Runs").get_by_text(told, exact=True).first).to_be_visible()
    page = look_at("/entities/drugs_com/history", "Decisions on runs", "every-way-history")
    expect(page.get_by_text("rolled back", exact=True)).to_be_visible()
    look_at(f"/runs/{failed.run_id}", "Failed", "run-failed")
    look_at(f"/runs/{running.run_id}", "In progress", "run-in-progress")
    look_at(f"/runs/{running.run_id}?tab=features", "Features in their order", "run-in-progress-features")
    look_at(f"/runs/{held.run_id}", "Held", "run-held")
    look_at(f"/runs/{superseded.run_id}", "Superseded", "run-superseded")


@pytest.fixture
def grown(logs, add_entity, request_run, session, base_path, store):  # noqa: ARG001 - there have to be logs
    """Two real runs, each with a table that was made to have 50,000 rows; returns their ids."""
    add_entity()
    ids = [in_process.run(request_run(dag_run_id=f"manual__{n}")).opt_run_id for n in (1, 2)]
    for seed, run_id in enumerate(ids):
        output = session.scalars(
            select(RunOutput).where(RunOutput.run_id == run_id, RunOutput.output_type == "segments")
        ).one()
        body = many_rows(store.read(output.s3_key), seed)
        stored = store.replace(output.s3_key, body)
        output.sha256, output.byte_size, output.row_count = stored.sha256, stored.byte_size, MANY
        session.get_one(Run, run_id).total_segments = MANY
    session.commit()
    return ids


def many_rows(body, seed):
    """A published table, grown by rows of other values of one feature."""
    table, rng = pq.read_table(io.BytesIO(body)), np.random.default_rng(seed)
    columns = [name for name in table.column_names if name.startswith("feature_")]
    pattern = next(row for row in table.to_pylist() if [row[name] is None for name in columns].count(False) == 1)
    own = next(name for name in columns if pattern[name] is not None)
    more = MANY - table.num_rows
    values = [f"site-{n}.example" for n in range(more)]
    changed = {name: [value] * more for name, value in pattern.items()} | {
        "segment": [segment_key([None if name != own else value for name in columns]) for value in values],
        own: values,
        "multiplier": np.round(rng.uniform(0.3, 3, more), 3).tolist(),
        "exposures": rng.integers(10, 1_000, more).astype(float).tolist(),
    }
    out = io.BytesIO()
    pq.write_table(pa.concat_tables([table, pa.table(changed, schema=table.schema)]), out)
    return out.getvalue()


def test_a_table_of_50_000_segments_is_paged(grown, look_at):
    first, second = grown

    page = look_at(f"/runs/{second}?tab=segments&search=site-4&sort=highest", "Segments", "many-segments")
    expect(page.get_by_role("navigation", name="Pages").last).to_contain_text("page 1 of")
    look_at(f"/runs/{second}?tab=features", "Features in their order", "many-features")
    page = look_at(f"/entities/drugs_com/compare?before={first}&after={second}", "What changed", "many-compared")
    expect(page.locator("main")).to_contain_text(f"{MANY:,}")
    look_at("/entities/drugs_com/rollback", "What would change", "many-roll-back")
    look_at("/entities/drugs_com/explain?feature_internal_adspace_id=site-7.example", "Explanation", "many-explained")


def test_a_refusal_is_a_page(look_at, seen):
    look_at("/entities/nobody", "Not found", "refused")
    seen.page.context.clear_cookies()
    look_at("/", "Please sign in", "signed-out")


def test_a_page_that_scrolled_sideways_or_was_unreadable_would_be_found(add_entity, look_at, seen):
    """The eyes of these tests are open."""
    add_entity()
    look_at("/", "Entities", "eyes")
    seen.page.locator("h1").evaluate("e => { e.style.color = '#eee'; e.style.background = '#fff'; }")
    assert [line.split()[0] for line in chromium.graves(seen.document)] == ["color-contrast"]
    seen.turn("wide", "dark")
    assert [line.split()[0] for line in chromium.graves(seen.document)] == ["color-contrast"]
    seen.page.locator("h1").evaluate("e => { e.style = 'width: 2000px' }")
    with pytest.raises(AssertionError, match="scrolls sideways"):
        seen.looks_well("eyes")


def test_a_challenger_is_shown_and_dropped_with_a_reason(add_entity, make_run, session, look_at):
    entity = add_entity()
    active = make_run(entity, data_end=date(2026, 3, 2)).run_id
    activation.complete_and_decide(session, active, 3, [], allow_older=False)
    session.commit()
    values = {"max_features": "4", "candidate_features": "internal_adspace_id, device_type, browser"}
    number = challengers.challenge(session, entity.entity_code, 0.2, values, "ana").challenger_id
    live = make_run(entity, data_end=date(2026, 3, 2), challenger_id=number).run_id
    look_at("/entities/drugs_com/live", "Challenger", "challenger-before-its-first-night")
    challenger_runs.complete(session, live, 3, [])
    outcomes.record(session, entity.entity_code, live, [*challenged_days(active, live)])
    session.commit()

    page = look_at("/entities/drugs_com", "Runs", "challenged")
    expect(page.get_by_role("region", name="Runs").get_by_text("challenger", exact=True)).to_be_visible()
    page = look_at("/entities/drugs_com/live", "Challenger", "challenged-live")
    expect(page.get_by_text("challenger is")).to_be_visible()
    look_at("/entities/drugs_com/challenger", "Promote or drop", "challenger-end")
    page.get_by_role("button", name="Drop: end it").click()
    expect(page.get_by_role("heading", name="Confirm")).to_be_visible()  # a reason is required
    page.get_by_label("Reason").fill("no gain")
    page.get_by_role("button", name="Drop: end it").click()
    expect(page.get_by_role("status")).to_contain_text("Dropped")
    look_at("/entities/drugs_com/history", "Decisions on runs", "challenged-history")


def test_trends_are_charts_of_the_last_runs(add_entity, make_run, session, look_at):
    entity = add_entity()
    look_at("/entities/drugs_com/trends", "The last runs", "trends-0")
    for n in range(6):
        run_id = make_run(entity, data_end=date(2026, 3, 2) + timedelta(days=n)).run_id
        session.get_one(Run, run_id).figures = {
            "rows": 4_900_000 + 40_000 * n,
            "spend": 900 + n,
            "level": 0.97 + n / 200,
        }
        activation.complete_and_decide(session, run_id, 3, ["held"] if n == 3 else [], allow_older=False)
    outcomes.record(session, entity.entity_code, run_id, [*challenged_days(run_id, run_id)][::2])
    session.commit()

    page = look_at("/entities/drugs_com/trends", "The last 6 runs", "trends")
    expect(page.get_by_role("img", name="Rows of the logs by run")).to_be_visible()


def challenged_days(active, live):
    """Days on which the challenger's requests brought a little more per cost than those of the active run."""
    for day in range(6):
        for run_id, arm, of, lift in ((active, Arm.TREATED, 0.8, 1.0), (live, Arm.CHALLENGER, 0.2, 1.04)):
            parts = {f"{n:x}": [9_000.0 * of, 200 * of * lift + n % 3, 0.0, 9.0 * of] for n in range(16)}
            total = sum(sums[1] for sums in parts.values())
            yield Outcome(
                *(run_id, date(2026, 3, 2) + timedelta(days=day), arm, 100),
                *(144_000.0 * of, total, 0.0, 144.0 * of, total * 1.02, 9.0, parts),
            )


def test_a_challenger_is_confirmed_and_a_share_that_is_no_number_refused(add_entity, finish, seen):
    finish(add_entity(), date(2026, 3, 2))
    page = seen.page
    page.goto("/rtb/entities/drugs_com/config")
    page.locator("summary").filter(has_text="Selection").click()
    page.get_by_label("Maximum features").fill("4")
    section = page.get_by_role("region", name="Selection")
    section.get_by_role("button", name="Challenge with these changes").click()
    expect(page.get_by_role("heading", name="Challenge the policy")).to_be_visible()
    seen.looks_well("challenge")
    page.get_by_label("Share of the requests").fill("0.95x")
    page.get_by_role("button", name="Open the challenger").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a number")
    seen.looks_well("challenge-refused")
