"""The API: the pointer with an entity tag, outputs as written, and the same permissions as the pages."""

import asyncio
import json
from datetime import date
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse
from jsonschema import Draft202012Validator
from sqlalchemy import event, select

from rtb_optimizer.core.decision.activation import Decision
from rtb_optimizer.store import active_copy, configs, connections, entities
from rtb_optimizer.store.objects import active_key, split_url
from rtb_optimizer.store.schema import Entity, RunDecision, RunOutput
from rtb_optimizer.web.api.answers import Decided
from rtb_optimizer.web.api.etags import without_body
from rtb_optimizer.web.app import app

API = "/rtb/api/v1"
DRUGS = f"{API}/entities/drugs_com"


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def program(sign_in):
    """A program: a token in its Authorization header, no cookie, no origin."""

    def client(name="admin"):
        found = sign_in(name)
        token = found.cookies.get("_token")
        found.cookies.clear()
        found.headers.pop("origin")
        found.headers.update({"authorization": f"Bearer {token}", "accept": "*/*"})
        return found

    return client


@pytest.fixture
def loader(program):
    """A bidder's loader, which only reads."""
    return program("viewer")


def test_before_the_first_activation_there_is_nothing_to_load_and_the_answer_says_what_that_means(loader, entity):
    assert entity
    answer = loader.get(f"{DRUGS}/active")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "drugs_com has no active run yet: every bid is its default", "violations": []}


def test_the_pointer_is_the_document_that_its_copy_holds_with_a_tag_of_its_content(
    loader, entity, finish, session, store
):
    finish(entity)
    active_copy.refresh(session, "drugs_com")
    answer = loader.get(f"{DRUGS}/active")
    assert answer.content == store.read(active_key(entity.s3_base_path))
    assert answer.headers["content-type"] == "application/json"
    again = loader.get(f"{DRUGS}/active", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_a_tag_is_known_however_it_is_sent(loader, entity, finish, known):
    finish(entity)
    tag = loader.get(f"{DRUGS}/active").headers["etag"]
    assert loader.get(f"{DRUGS}/active", headers={"if-none-match": known.format(tag)}).status_code == 304


@pytest.mark.parametrize("path", ["entities/drugs_com/active", "runs/1/outputs/segments", "runs/1/outputs/nothing"])
def test_a_head_has_the_headers_of_a_get_and_no_body(loader, ran, path):
    ran({})
    whole, head = loader.get(f"{API}/{path}"), loader.head(f"{API}/{path}")

    assert (head.status_code, dict(head.headers)) == (whole.status_code, dict(whole.headers))
    if whole.status_code == 200:
        assert head.content == b""
        assert int(head.headers["content-length"]) == len(whole.content)
        known = {"if-none-match": head.headers["etag"]}
        assert loader.head(f"{API}/{path}", headers=known).status_code == 304


@pytest.mark.parametrize(("method", "read"), [("HEAD", []), ("GET", [b"rows"])])
def test_what_is_asked_by_its_head_is_not_read(method, read):
    """A server drops the body of an answer to HEAD by itself, once the whole object has been read for it."""
    chunks = []

    def body():
        chunks.append(b"rows")
        yield chunks[-1]

    async def receive():
        await asyncio.Event().wait()

    async def send(_message):
        await asyncio.sleep(0)

    request = Request({"type": "http", "method": method, "headers": []})
    answer = without_body(request, StreamingResponse(body(), headers={"etag": '"a"'}))
    asyncio.run(answer(request.scope, receive, send))

    assert chunks == read
    assert (answer.status_code, answer.headers["etag"]) == (200, '"a"')


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (b"\xff", 400, "There was an error parsing the body"),
        (b"[" * 100_000, 400, "There was an error parsing the body"),
        (b"", 422, "body: Field required"),
        (b'"a"', 422, "body: Input should be a valid dictionary or object to extract fields from"),
        (b'{"run_id":NaN,"reason":"x"}', 422, "run_id: Input should be a valid integer"),
    ],
)
def test_a_body_that_is_no_document_is_refused_as_described(program, entity, body, code, detail):
    assert entity
    answer = program().post(f"{DRUGS}/activate", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["detail"]) == (code, detail)


def test_a_pointer_that_moved_has_another_tag(loader, entity, finish):
    finish(entity, date(2026, 3, 9))
    before = loader.get(f"{DRUGS}/active").headers["etag"]
    second = finish(entity, date(2026, 3, 10))
    answer = loader.get(f"{DRUGS}/active", headers={"if-none-match": before})
    assert answer.status_code == 200
    assert (answer.json()["run_id"], answer.json()["decision_number"]) == (second.run_id, 2)


def test_a_pointer_that_moves_while_it_is_read_is_told_as_before_or_as_after_and_never_mixed(loader, entity, finish):
    first = finish(entity, date(2026, 3, 9))
    moved = []

    def move(_connection, _cursor, statement, *_rest):
        if "FROM opt_entities" in statement and not moved:
            moved.append(None)
            moved[0] = finish(entity, date(2026, 3, 10)).run_id

    event.listen(connections.catalog(), "after_cursor_execute", move)
    told = loader.get(f"{DRUGS}/active").json()
    event.remove(connections.catalog(), "after_cursor_execute", move)
    assert moved[0]
    assert (told["run_id"], told["decision_number"]) == (first.run_id, 1)
    assert loader.get(f"{DRUGS}/active").json()["run_id"] == moved[0]


def test_an_output_is_downloaded_as_it_was_written_under_its_own_name(loader, ran, session, tmp_path):
    (run_id,) = ran({})
    listed = session.scalars(select(RunOutput).where(RunOutput.run_id == run_id)).all()
    assert len(listed) > 5
    for row in listed:
        answer = loader.get(f"{API}/runs/{run_id}/outputs/{row.output_type}")
        assert (answer.status_code, len(answer.content)) == (200, row.byte_size)
        assert answer.headers["etag"] == f'"{row.sha256}"'
        assert row.s3_key.endswith(
            answer.headers["content-disposition"].partition("-")[2].rpartition("-")[2].strip('"')
        )
        assert answer.headers["content-disposition"].startswith('attachment; filename="drugs_com-')
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        known = loader.get(answer.request.url, headers={"if-none-match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
    (tmp_path / "table").write_bytes(loader.get(f"{API}/runs/{run_id}/outputs/segments").content)
    assert pq.read_table(tmp_path / "table").num_rows > 1
    explained = loader.get(f"{DRUGS}/explain", params={"internal_adspace_id": "1002"}).json()
    assert explained["run_id"] == run_id
    assert loader.get(f"{DRUGS}/explain", params={"no_feature": "x"}).status_code == 404
    twice = loader.get(f"{DRUGS}/explain?internal_adspace_id=1002&internal_adspace_id=1003")
    assert (twice.status_code, twice.json()["detail"]) == (422, "internal_adspace_id: give one value")
    assert loader.get(f"{DRUGS}/diff").status_code == 404


def test_a_csv_output_is_downloaded_for_a_spreadsheet_without_formulas(loader, entity, finish, session, store):
    run = finish(entity)
    key = f"{split_url(entity.s3_base_path)[1]}/table.csv"
    stored = store.put_once(key, b"segment,multiplier\n=1+1,2.0\n")
    session.add(
        RunOutput(
            run_id=run.run_id,
            output_type="export_plain_table_csv",
            s3_bucket=stored.bucket,
            s3_key=key,
            row_count=1,
            byte_size=stored.byte_size,
            sha256=stored.sha256,
        )
    )
    session.commit()
    path = f"{API}/runs/{run.run_id}/outputs/export_plain_table_csv"
    assert loader.get(path).content == b"segment,multiplier\n=1+1,2.0\n"
    safe = loader.get(path, params={"spreadsheet": "true"})
    assert safe.content == b"\xef\xbb\xbfsegment,multiplier\r\n'=1+1,2.0\r\n"
    assert "etag" not in safe.headers
    as_written = {"if-none-match": loader.get(path).headers["etag"]}
    assert loader.get(path, headers=as_written).status_code == 304
    again = loader.get(path, params={"spreadsheet": "true"}, headers=as_written)
    assert (again.status_code, again.content) == (200, safe.content), "the tag is of the file as it was written"


@pytest.mark.parametrize(
    "name", ["nothing", "..%2F..%2Factive.json", "segments.json", "%2e%2e", "segments%00", "s3:%2F%2Frtb%2Factive.json"]
)
def test_nothing_but_what_the_run_lists_can_be_downloaded(loader, entity, finish, session, name):
    run = finish(entity)
    active_copy.refresh(session, "drugs_com")
    answer = loader.get(f"{API}/runs/{run.run_id}/outputs/{name}")
    assert answer.status_code == 404
    assert run.run_code not in answer.text or "it has: ad_macros, features" in answer.text


def test_an_output_that_is_gone_or_not_what_was_written_is_told_as_such(loader, entity, finish, session, store):
    run = finish(entity)
    rows = {row.output_type: row for row in session.scalars(select(RunOutput))}
    store.replace(rows["segments"].s3_key, b"shorter")
    rows["report"].s3_key += "-gone"
    session.commit()
    changed = loader.get(f"{API}/runs/{run.run_id}/outputs/segments")
    assert changed.status_code == 409
    assert "is not what was written" in changed.json()["detail"]
    gone = loader.get(f"{API}/runs/{run.run_id}/outputs/report")
    assert gone.status_code == 404
    assert "is gone" in gone.json()["detail"]


def test_a_download_keeps_no_connection_to_the_catalog(loader, entity, finish, monkeypatch):
    from rtb_optimizer.store.objects import ObjectStore

    run, held = finish(entity), []
    opened = ObjectStore.stream

    def look(store, key):
        held.append(connections.catalog().pool.checkedout())
        return opened(store, key)

    before = connections.catalog().pool.checkedout()
    monkeypatch.setattr(ObjectStore, "stream", look)
    assert loader.get(f"{API}/runs/{run.run_id}/outputs/segments").status_code == 200
    assert held == [before]


def test_while_s3_is_away_a_download_says_so(loader, entity, finish, unreachable_s3):
    run = finish(entity)
    asked = unreachable_s3()
    answer = loader.get(f"{API}/runs/{run.run_id}/outputs/segments")
    assert (answer.status_code, asked) == (503, ["get_object"])
    assert "127.0.0.1" not in answer.text


def test_runs_and_decisions_are_listed_and_filtered(loader, entity, finish, make_run):
    runs = [finish(entity, date(2026, 3, day), predicted_change=0.1).run_id for day in (9, 10, 11)]
    failed = make_run(entity, status="failed").run_id
    assert [run["run_id"] for run in loader.get(f"{DRUGS}/runs").json()] == [failed, *reversed(runs)]
    assert [run["run_id"] for run in loader.get(f"{DRUGS}/runs?status=failed").json()] == [failed]
    assert [run["run_id"] for run in loader.get(f"{DRUGS}/runs?limit=1&offset=2").json()] == [runs[1]]
    assert loader.get(f"{DRUGS}/runs").json()[1]["figures"] == {"predicted_change": 0.1}
    details = loader.get(f"{API}/runs/{runs[2]}").json()
    assert (details["is_active"], len(details["outputs"]), details["config_snapshot"]) == (True, 5, {"values": {}})
    assert [made["run_id"] for made in loader.get(f"{DRUGS}/decisions?limit=2").json()] == [runs[2], runs[1]]
    [listed] = loader.get(f"{API}/entities").json()
    assert (listed["entity_code"], listed["active_run_id"]) == ("drugs_com", runs[2])


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/entities/drugs_com/runs?limit=0",
            "/entities/drugs_com/runs?limit=1001",
            "/entities/drugs_com/runs?offset=-1",
        ),
        *("/entities/drugs_com/runs?status=nonsense", "/runs/0", "/runs/x", f"/runs/{2**63}"),
        "/entities/drugs_com/diff?limit=0",
    ],
)
def test_what_cannot_be_asked_is_refused_with_every_violation(loader, entity, path):
    assert entity
    answer = loader.get(f"{API}{path}")
    assert answer.status_code == 422
    assert answer.json().keys() == {"detail", "violations"}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (
            "/entities/drugs_com/runs?limt=5",
            "limt: no parameter of this call: the parameters are limit, offset, status; the nearest is limit",
        ),
        ("/entities/drugs_com/runs?limit=5&limit=6", "limit: give one value"),
        ("/entities?entity_code=drugs_com", "entity_code: no parameter of this call: there are no parameters"),
        ("/entities/drugs_com/explain?country=DE&country=US", "country: give one value"),
    ],
)
def test_a_parameter_that_would_be_ignored_is_refused_by_name(loader, entity, path, detail):
    assert entity
    answer = loader.get(f"{API}{path}")
    assert answer.status_code == 422
    assert answer.json() == {"detail": detail, "violations": [detail]}


def test_a_program_activates_and_rolls_back_with_a_reason(program, entity, finish, session):
    first, second = finish(entity, date(2026, 3, 9)), finish(entity, date(2026, 3, 10))
    asked = {"run_id": first.run_id, "reason": "fill rate fell", "expected_active_run_id": second.run_id}
    answer = program().post(f"{DRUGS}/activate", json=asked)
    assert answer.json() == {
        "entity_code": "drugs_com",
        "decision": "activated",
        "run_id": first.run_id,
        "from_run_id": second.run_id,
        "reasons": ["fill rate fell"],
        "copy_written": True,
    }
    stale = program().post(f"{DRUGS}/rollback", json={"reason": "back", "expected_active_run_id": second.run_id})
    assert stale.status_code == 409
    assert f"is run {first.run_id}, not run {second.run_id}" in stale.json()["detail"]
    back = program().post(f"{DRUGS}/rollback", json={"reason": "back"})
    assert (back.json()["decision"], back.json()["run_id"]) == ("rolled_back", second.run_id)
    made = session.scalars(select(RunDecision).order_by(RunDecision.id)).all()
    assert [(each.decision, each.decided_by) for each in made[2:]] == [("activated", "admin"), ("rolled_back", "admin")]


def test_expecting_that_no_run_is_active_is_not_the_same_as_expecting_nothing(program, entity, finish):
    first, _ = finish(entity, date(2026, 3, 9)), finish(entity, date(2026, 3, 10))
    asked = {"run_id": first.run_id, "reason": "first of all"}
    refused = program().post(f"{DRUGS}/activate", json=asked | {"expected_active_run_id": None})
    assert refused.status_code == 409
    assert program().post(f"{DRUGS}/activate", json=asked).status_code == 200


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("activate", {"reason": "x"}),
        ("activate", {"run_id": 1}),
        ("activate", {"run_id": 1, "reason": " \n"}),
        ("activate", {"run_id": 1, "reason": "x" * 1001}),
        ("activate", {"run_id": 2**63, "reason": "x"}),
        *(("activate", {"run_id": wrong, "reason": "x"}) for wrong in (True, "1", 1.5, 0, -1, None, [1])),
        *(("rollback", {"run_id": wrong, "reason": "x"}) for wrong in (True, "1", 1.5, 0)),
        ("rollback", {"reason": "x", "expected_active_run_id": True}),
        ("rollback", {"reason": True}),
        ("activate", {"run_id": 1, "reason": "x", "expected_active_run": 1}),
        ("activate", {"run_id": 1, "reason": "a\0b"}),
        ("activate", {"run_id": 1, "reason": "\ud800"}),
        ("rollback", {}),
    ],
)
def test_a_decision_that_is_not_spelled_out_moves_nothing(program, entity, finish, session, call, body):
    finish(entity, date(2026, 3, 9), gates=["held"])
    second = finish(entity, date(2026, 3, 10))
    answer = program().post(f"{DRUGS}/{call}", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert session.scalar(select(Entity.active_run_id)) == second.run_id


def test_configuration_is_changed_as_a_whole_or_not_at_all(program, entity, session, tmp_path):
    before = configs.overrides(session, entity.entity_id)
    refused = program().patch(f"{DRUGS}/config", json={"min_z": 2.5, "max_features": 21, "objective": "value", "no": 1})
    assert refused.status_code == 422
    assert sorted(violation.split()[0] for violation in refused.json()["violations"]) == ["max_features", "no"]
    assert configs.overrides(session, entity.entity_id) == before
    given = {"min_z": 2.5, "row_filter": {"site": ["a"]}, "denied_features": ["x", "y"], "allow_older_window": True}
    rows = program().patch(f"{DRUGS}/config", json=given | {"lookback_days": None, "schedule": "0 5 * * *"}).json()
    told = {row["key"]: row for row in rows}
    assert {key: told[key]["value"] for key in given} == given
    assert (told["lookback_days"]["origin"], told["min_z"]["updated_by"]) == ("default", "admin")
    assert program().get(f"{DRUGS}/config").json() == rows
    assert "0 5 * * *" in (tmp_path / "entities.json").read_text()
    changed = program().get(f"{DRUGS}/config/changes?limit=6").json()
    assert {line["key"]: (line["old_value"], line["new_value"], line["changed_by"]) for line in changed} == {
        "min_z": (None, "2.5", "admin"),
        "row_filter": (None, '{"site": ["a"]}', "admin"),
        "denied_features": (None, '["x", "y"]', "admin"),
        "allow_older_window": (None, "true", "admin"),
        "lookback_days": ("4", None, "admin"),
        "schedule": (None, "0 5 * * *", "admin"),
    }


def test_keys_that_go_only_together_are_set_back_together(program, entity, session):
    configs.set_overrides(session, session.get_one(Entity, entity.entity_id), {"objective": "value"}, "ana")
    session.commit()
    assert program().patch(f"{DRUGS}/config", json={"value_column": None}).status_code == 422
    assert program().patch(f"{DRUGS}/config", json={"value_column": None, "objective": None}).status_code == 200


def test_an_entity_is_paused_and_resumed(program, entity, session):
    assert entity
    for status in ("paused", "active"):
        assert program().put(f"{DRUGS}/status", json={"status": status}).json() == {"status": status}
        session.rollback()
        assert entities.find(session, "drugs_com").status == status
    assert program().put(f"{DRUGS}/status", json={"status": "retired"}).status_code == 422


def test_a_viewer_s_token_changes_nothing(loader, entity, finish, session):
    first, second = finish(entity, date(2026, 3, 9)), finish(entity, date(2026, 3, 10))
    asked = {"run_id": first.run_id, "reason": "x"}
    for method, call, body in (
        ("POST", "activate", asked),
        ("POST", "rollback", asked),
        ("PATCH", "config", {"min_z": 2}),
        ("PUT", "status", {"status": "paused"}),
        ("POST", "challenger", {"share": 0.1, "values": {"max_features": 4}}),
        ("POST", "challenger/promote", {"reason": "x"}),
        ("POST", "challenger/drop", {"reason": "x"}),
    ):
        answer = loader.request(method, f"{DRUGS}/{call}", json=body)
        assert (answer.status_code, answer.json()["detail"]) == (403, "you may not change drugs_com")
    assert session.scalar(select(Entity.active_run_id)) == second.run_id
    assert "min_z" not in configs.overrides(session, entity.entity_id)


def test_who_may_not_see_an_entity_gets_none_of_it(program, entity, add_entity, finish, only_sees):
    run = finish(entity)
    add_entity("other_com")
    only_sees("other_com")
    reader = program()
    for call in ("active", "runs", "decisions", "config", "config/changes", "diff", "explain"):
        assert reader.get(f"{DRUGS}/{call}").status_code == 403
    for path in (f"/runs/{run.run_id}", f"/runs/{run.run_id}/outputs/segments"):
        answer = reader.get(f"{API}{path}")
        assert answer.status_code == 404
        assert answer.json() == reader.get(f"{API}/runs/99").json() | {"detail": answer.json()["detail"]}
        assert "drugs" not in answer.text
    assert [row["entity_code"] for row in reader.get(f"{API}/entities").json()] == ["other_com"]
    assert reader.get(f"{API}/entities/other_com/runs").json() == []


def test_the_description_is_complete_and_its_references_lead_somewhere(loader):
    described = loader.get("/rtb/api/openapi.json").json()
    routes = {(m.lower(), r.path) for r in app.routes for m in r.methods - {"HEAD"} if r.path.startswith("/api/v1")}
    told = {(method, path): call for path, calls in described["paths"].items() for method, call in calls.items()}
    assert told.keys() == routes
    assert described["servers"] == [{"url": "/rtb"}]
    assert len({call["operationId"] for call in told.values()}) == len(told)
    for (method, path), call in told.items():
        assert call["summary"], path
        assert call["description"], path
        assert {"200", "401", "403", "404", "422"} <= call["responses"].keys()
        moving = ("activate", "rollback", "status", "{output_type}", "/challenger", "promote", "drop")
        assert ("409" in call["responses"]) == path.endswith(moving)
        assert {part[1:-1] for part in path.split("/") if part.startswith("{")} == {
            each["name"] for each in call.get("parameters", []) if each["in"] == "path"
        }
        assert "requestBody" in call if method != "get" else "requestBody" not in call
    for name in references(described):
        assert name in described["components"]["schemas"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


def references(document):
    if isinstance(document, dict):
        if "$ref" in document:
            yield document["$ref"].removeprefix("#/components/schemas/")
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_what_is_answered_is_what_is_described(loader, entity, finish, make_run):
    """FastAPI checks lists and models itself; the pointer is sent as it is stored, so this checks it."""
    from rtb_optimizer.web.api.answers import ActiveAnswer

    finish(entity)
    make_run(entity)
    ActiveAnswer.model_validate(loader.get(f"{DRUGS}/active").json())


BODIES = [
    *(None, True, 1, "x", [], {}, {"run_id": True, "reason": "x"}, {"run_id": 1, "reason": "why"}),
    *({"reason": "why"}, {"reason": "why", "expected_active_run_id": None}, {"status": "paused"}, {"status": 1}),
    *({"status": "active", "by": "me"}, {"min_z": 2.5}, {"min_z": True}, {"min_z": [1]}, {"row_filter": {"a": None}}),
]
PATH_VALUES = {
    "entity_code": ["drugs_com", "nobody", "%00", "a%2Fb", "\u00e9"],
    "run_id": ["1", "2", "0", "-1", "true", "1.5", str(2**63), "x"],
    "output_type": ["manifest", "segments", "..%2Factive.json", "\u202e"],
}
QUERY_VALUES = [None, "1", "0", "-1", "true", "1e3", "", "x", str(2**70), "a\0b", "failed", "\u00e9"]


def drawn_calls(described):
    """Calls of every documented operation, with good and bad values in every place that it documents."""
    draw = np.random.default_rng(7)
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            for _ in range(6 if method == "get" else 14):
                values = {name: str(draw.choice(of)) for name, of in PATH_VALUES.items()}
                values |= {"entity_code": "drugs_com"} if draw.random() < 0.7 else {}
                named = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
                queried = {name: QUERY_VALUES[draw.integers(len(QUERY_VALUES))] for name in named}
                query = {name: value for name, value in queried.items() if value is not None}
                body = {} if method == "get" else {"json": BODIES[draw.integers(len(BODIES))]}
                yield operation, method, path.format(**values), query, body


def test_every_answer_to_good_and_bad_calls_is_one_that_is_described(program, ran):
    """The calls are drawn from the description itself; an answer has a status and a schema that it names."""
    assert ran({}) == [1]
    caller = program()
    described = caller.get("/rtb/api/openapi.json").json()
    seen = set()
    for operation, method, path, query, body in drawn_calls(described):
        answer = caller.request(method, f"/rtb{path}", params=query, **body)
        call = f"{method} {answer.request.url} {body}: {answer.status_code} {answer.text[:300]}"
        seen.add(answer.status_code)
        told = operation["responses"].get(str(answer.status_code))
        assert told is not None, call
        schema = told.get("content", {}).get("application/json", {}).get("schema")
        if schema and answer.headers["content-type"].startswith("application/json"):
            document = {**schema, "components": described["components"]}
            assert list(Draft202012Validator(document).iter_errors(answer.json())) == [], call
    assert {200, 404, 422} <= seen <= {200, 404, 409, 422}


def test_every_decision_that_there_is_can_be_answered():
    assert set(get_args(Decided)) == set(Decision)
