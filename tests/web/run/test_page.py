"""The page of one run: active, held, failed, in progress, or with deleted outputs."""

import json
import re

import pytest
from sqlalchemy import delete

from kinds_of_logs import DAY, DAYS, LAST
from rtb_optimizer.outputs.report_page.formatting import UNKNOWN
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run, RunOutput
from rtb_optimizer.web.run.page import TABS
from seeded_logs import NIGHTS
from three_logs import CLICKS_APART, WINS_APART, delivered, three_logs
from three_logs import CONFIG as OF_AUCTIONS

READ = "What it read"


@pytest.fixture
def finished(ran):
    """Run an entity over the seeded nights; returns the run's id."""

    def run(**request):
        (run_id,) = ran(request)
        return run_id

    return run


@pytest.fixture
def delete_objects(session):
    """Delete a run's objects, as retention does, and the rows that list them if asked."""

    def gone(run_id, *, rows=False):
        run = session.get_one(Run, run_id)
        base = session.get_one(Entity, run.entity_id).s3_base_path
        store = ObjectStore.of(base)
        keys = [each.key for each in store.list(run_prefix(base, run.run_code))]
        for key in keys:
            store._client.delete_object(Bucket=store.bucket, Key=key)
        if rows:
            session.execute(delete(RunOutput).where(RunOutput.run_id == run_id))
            session.commit()
        return keys

    return gone


@pytest.fixture
def shown(browser, read):
    """The main part of a run's page, which must answer."""

    def main(run_id, tab="", **query):
        answer = browser.get(f"/rtb/runs/{run_id}", params={"tab": tab} | query)
        assert answer.status_code == 200, answer.text
        return read(answer).select_one("main")

    return main


def notice(main):
    return " ".join(main.select_one("section.notice").stripped_strings)


def cells(main, label):
    table = main.select_one(f'[aria-label="{label}"]')
    return [[" ".join(cell.stripped_strings) for cell in row.select("th, td")] for row in table.select("tbody tr")]


def test_a_run_that_took_over_says_so_first_and_then_why(finished, shown):
    run_id = finished()
    main = shown(run_id)

    assert notice(main).startswith("Active: bidders read this run first active run of the entity activated by")
    assert {row[1] for row in cells(main, "Gates")} == {"✓ passed"}
    assert cells(main, "Decisions on this run")[0][1:3] == ["activated", "manual:tester"]
    assert [name.text for name in main.select(".tabs a")] == [*TABS.values(), "Explain a bid"]


def test_every_part_of_a_finished_run_is_shown(finished, shown, session):
    run_id = finished()
    stored = {o.output_type: o for o in runs.outputs(session, run_id)}

    features = shown(run_id, "features")
    first = cells(features, "Features")[0]
    assert first[:2] == ["1", "internal_adspace_id anchor"]
    assert " to " in first[4]
    left_out = cells(features, "Rejected columns")
    assert any(" to " in row[4] for row in left_out)
    reasons = {row[0]: row[1:3] for row in left_out}
    assert reasons["user_id"] == ["denylisted", "denied by the configuration"]

    macros = shown(run_id, "macros")
    assert cells(macros, "Features by format")[0][:2] == ["internal_adspace_id", "macro"]
    assert "[ADX_PLACEMENT_ID]" in macros.text
    assert {row[2] for row in cells(macros, "adx: by number of values in the joint row")} == {"100%"}
    assert cells(macros, "xandr: most frequent misses")[0][0::2] == ["internal_adspace_id", "value map absent"]

    outputs = {row[0]: row for row in cells(shown(run_id, "outputs"), "Outputs")}
    assert len(outputs) == len(stored)
    assert outputs["segments"][1] == "stored"
    assert outputs["segments"][5] == stored["segments"].sha256

    lineage = shown(run_id, "lineage")
    read = cells(lineage, READ)
    assert [row[1:3] for row in read] == [["logs", "1"]] * len(NIGHTS)
    assert [row[0][-16:-1] for row in read] == [f"date={night}" for night in NIGHTS]
    assert f"rtb rebuild {run_id}" in lineage.text
    assert "activated by manual:tester" in " ".join(lineage.select_one("ol").stripped_strings)

    config = {row[0].split()[-1]: row for row in cells(shown(run_id, "config"), "Keys that differ")}
    assert config["outcome_column"][1:4] == ["click", "entity", UNKNOWN]
    assert shown(run_id, "no such part").select_one('[aria-current="page"]').text == "Decision"


def test_wins_and_clicks_are_folders_of_their_own_in_what_it_read(add_entity, request_run, store, base_path, shown):
    for path, body in delivered(three_logs()).items():
        store.put_once(f"{split_url(base_path)[1]}/{path}", body)
    given = OF_AUCTIONS | WINS_APART | CLICKS_APART | {"logs_path": "{base}/auctions/{date}/"}
    add_entity(**{key: value.replace("{base}", base_path) for key, value in given.items()})
    decided = in_process.run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))

    read = [(row[0].removeprefix(f"{base_path}/"), row[1]) for row in cells(shown(decided.opt_run_id, "lineage"), READ)]
    of_clicks = [(f"clicks/{day}/", "outcome logs") for day in (*DAYS, LAST + DAY)]
    of_wins = [(f"wins/{day}/", "win logs") for day in (*DAYS, LAST + DAY)]
    assert read == [*((f"auctions/{day}/", "logs") for day in DAYS), *of_wins, *of_clicks]


def test_a_download_goes_through_the_signed_in_user(finished, shown):
    run_id = finished()
    link = shown(run_id, "outputs").select_one("tbody a[download]")

    assert link["href"] == f"/rtb/api/v1/runs/{run_id}/outputs/ad_macros"


def test_the_report_stands_in_a_frame_that_may_do_nothing(finished, shown, browser, session, store):
    run_id = finished()
    frame = shown(run_id, "report").select_one("iframe")
    answer = browser.get(frame["src"])
    key = {o.output_type: o.s3_key for o in runs.outputs(session, run_id)}["report_page"]
    policy = answer.headers["content-security-policy"].split("; ")

    assert frame["src"] == f"/rtb/runs/{run_id}/report"
    assert frame.has_attr("sandbox")
    assert not frame["sandbox"]
    assert answer.content == store.read(key)
    assert {"sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"} <= set(policy)
    assert not [part for part in policy if part.startswith("script-src")]


def test_a_held_run_says_which_gate_it_missed(finished, shown):
    run_id = finished(overrides={"min_positives": 1_000_000})
    main = shown(run_id)

    assert notice(main).startswith("Held: the active run stays active")
    assert "are needed" in notice(main)
    assert [row[0] for row in cells(main, "Gates") if row[1] == "✕ failed"] == ["outcomes in the window"]


def test_a_failed_run_shows_its_error_and_where_its_logs_are(add_entity, make_run, session, shown):
    run = make_run(add_entity(), status="failed", dag_run_id="manual__2026-03-10T04:00:00+00:00")
    session.get_one(Run, run.run_id).error_message = "column 'click' is absent\n<script>alert(1)</script>"
    session.commit()
    main = shown(run.run_id)

    assert main.select_one("pre").text == "column 'click' is absent\n<script>alert(1)</script>"
    assert main.select_one("a[data-airflow]")["href"] == (
        "/dags/rtb_optimizer__drugs_com/runs/manual__2026-03-10T04%3A00%3A00%2B00%3A00"
    )
    assert [name.text for name in main.select(".tabs a")] == ["Decision", "Features", "Configuration"]


def test_a_run_in_progress_says_since_when_and_what_it_has_so_far(logs, add_entity, request_run, shown):  # noqa: ARG001
    from rtb_optimizer.steps.create_run import create_run
    from rtb_optimizer.steps.select_features import select_features
    from rtb_optimizer.steps.wait_for_logs import require_partitions

    add_entity()
    run_id = create_run(request_run())
    assert re.search(r"It started \d+ s ago", notice(shown(run_id)))
    assert "Nothing is recorded yet" in notice(shown(run_id))

    require_partitions(run_id)
    select_features(run_id)

    assert "So far features are selected" in notice(shown(run_id))
    assert cells(shown(run_id, "features"), "Features")[0][1] == "internal_adspace_id anchor"


@pytest.mark.parametrize("rows", [False, True])
def test_a_run_whose_outputs_were_deleted_shows_what_the_catalog_knows(finished, delete_objects, shown, browser, rows):
    run_id = finished()
    assert delete_objects(run_id, rows=rows)
    says = "The catalog lists no output" if rows else "is gone: its object was deleted"
    pages = {tab: shown(run_id, tab) for tab in TABS}

    assert notice(pages["overview"]).startswith("Active: bidders read this run")
    assert says in pages["overview"].text
    assert cells(pages["features"], "Features")[0][1] == "internal_adspace_id anchor"
    assert "[ADX_PLACEMENT_ID]" in pages["macros"].text
    assert all(says in pages[tab].text for tab in ("segments", "macros", "report", "features"))
    assert pages["report"].select("iframe") == []
    assert browser.get(f"/rtb/runs/{run_id}/report").status_code == 404
    if not rows:
        assert {row[1] for row in cells(pages["outputs"], "Outputs")} == {"gone"}
        assert pages["outputs"].select("a[download]") == []


def test_an_output_that_is_not_what_was_written_is_not_shown(finished, session, store, shown):
    run_id = finished()
    row = {o.output_type: o for o in runs.outputs(session, run_id)}["report"]
    store.replace(row.s3_key, b'{"verdict": {"decision": "activate", "reasons": ["forged"]}}')
    main = shown(run_id)

    assert "is not what the run wrote" in main.text
    assert "forged" not in main.text
    assert {r[0]: r[1] for r in cells(shown(run_id, "outputs"), "Outputs")}["report"] == "not as written"


@pytest.mark.parametrize(
    "report",
    [
        {},
        [],
        {"verdict": {"decision": "hold"}, "features": "none", "rejected": [1, {"reason": ["x"]}], "warnings": {}},
        {"kpis": [{"name": None}, {}], "gates": {"facts": []}, "interactions": [{}], "features": [{"name": 5}]},
    ],
)
def test_a_report_of_another_release_is_shown_as_far_as_it_goes(add_output, shown, report):
    run_id = add_output("report", json.dumps(report).encode())

    for tab in ("overview", "features"):
        assert shown(run_id, tab).select("h2")


@pytest.mark.parametrize("run_id", ["4711", "0", "-1", "x", "9" * 18, "9" * 40, "%00", "1.5", "²"])
@pytest.mark.parametrize("part", ["", "/report"])
def test_a_run_that_is_not_there_is_not_found(browser, add_entity, run_id, part):
    add_entity()
    assert browser.get(f"/rtb/runs/{run_id}{part}").status_code == 404


def test_a_run_of_an_entity_that_a_reader_may_not_see_is_not_shown(sign_in, add_entity, make_run, monkeypatch):
    run = make_run(add_entity())
    viewer = sign_in("viewer")
    assert viewer.get(f"/rtb/runs/{run.run_id}").status_code == 200

    from rtb_optimizer.web import access

    monkeypatch.setattr(access, "may", lambda _user, _method, entity_code=None: entity_code is None)
    for path in (f"runs/{run.run_id}", f"runs/{run.run_id}/report", "entities/drugs_com/compare"):
        assert viewer.get(f"/rtb/{path}").status_code == 403
    assert viewer.get("/rtb/entities/drugs_com/explain").status_code == 403


def test_a_store_that_does_not_answer_leaves_what_the_catalog_knows(finished, shown, monkeypatch):
    from rtb_optimizer.store import connections

    run_id = finished()
    asked = []

    def unreachable():
        import botocore.exceptions

        asked.append(1)
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="http://nowhere")

    class Down:
        get_object = get_paginator = staticmethod(lambda *_, **__: unreachable())

    monkeypatch.setattr(connections, "s3_client", Down)

    assert notice(shown(run_id)).startswith("Active")
    assert "cannot be read" in shown(run_id).text
    assert "The object store does not answer" in shown(run_id, "outputs").text
    assert len(asked) >= 3


def test_the_configuration_of_a_run_lists_a_key_that_was_retired_since(add_entity, make_run, session, shown):
    run_id = make_run(add_entity(), status="succeeded").run_id
    session.get_one(Run, run_id).config_snapshot = {"values": {"max_spike": 5.0}, "origins": {"max_spike": "entity"}}
    session.commit()

    text = " ".join(shown(run_id, "config").text.split())

    assert "not declared by the version" in text
    assert "max_spike" in text
