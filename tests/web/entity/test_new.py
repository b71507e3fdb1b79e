"""The page that adds an entity: what it finds in the logs is a form, and the form posted is an entity that runs."""

import threading

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from faulty_proxy import FaultyProxy
from rtb_optimizer.cli.app import app
from rtb_optimizer.operations.inspection import inspect
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import configs, entities
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity
from rtb_optimizer.web.entity import new
from s3_connection import VARIABLE, forget, s3_connected

PAGE = "/rtb/new-entity"
HOSTILE = '"><script>alert(1)</script>'

pytestmark = pytest.mark.usefixtures("logs")


@pytest.fixture
def url(base_path):
    return f"{base_path}/logs/"


@pytest.fixture
def form(browser, read, url):
    """What a browser would post of the page that has looked at the logs, with changes."""
    page = read(browser.get(PAGE, params={"logs": url}))
    fields = {field["name"]: value_of(field) for field in page.select("form.config [name]")}
    return lambda **changed: fields | {"object_id": "1334"} | changed


def value_of(field):
    return field.text.removeprefix("\n") if field.name == "textarea" else field.get("value", "")


def test_the_list_leads_who_may_change_all_entities_to_a_page_that_asks_for_the_logs(browser, sign_in, read):
    link = read(browser.get("/rtb/")).find("a", string="Add an entity…")
    page = read(browser.get(link["href"]))

    assert {field["name"] for field in page.select("form.new input")} == {"logs", "wins", "outcomes", "columns"}
    assert page.select("form.config") == []
    assert "Add an entity…" not in sign_in("viewer").get("/rtb/").text


def test_it_shows_what_inspect_finds_and_fills_in_the_configuration_that_fits(browser, read, url):
    found, page = inspect(url), read(browser.get(PAGE, params={"logs": url}))
    values = {field["name"]: value_of(field) for field in page.select('form.config [name^="set:"]')}

    assert values == {f"set:{key}": text for key, text in found.values.items()}
    assert [row.th.text for row in page.select("table tbody tr")] == [each.name for each in found.logs.facts]
    assert "2026-03-06 to 2026-03-09, 4 days" in page.text


def test_the_form_as_it_stands_is_an_entity_whose_run_becomes_active(browser, read, form, session, request_run, url):
    fields = form(entity_code="my_ssp", entity_name="My SSP")
    answer = browser.post(PAGE, data=fields, follow_redirects=False)
    entity = entities.find(session, "my_ssp")

    assert answer.status_code == 303
    assert "Added: its DAG appears" in read(browser.get(answer.headers["location"])).text
    assert (entity.entity_name, entity.object_id, entity.object_type) == ("My SSP", 1334, "ssp")
    assert configs.overrides(session, entity.entity_id) == dict(inspect(url).values)
    ended = in_process.run(request_run("my_ssp", data_start="2026-03-06", data_end="2026-03-10"))
    session.expire_all()
    assert entity.active_run_id == ended.opt_run_id


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"object_id": "12a"}, "'12a' is no whole number"),
        ({"object_id": ""}, "'' is no whole number"),
        ({"object_id": "9" * 40}, "is no whole number"),
        ({"entity_code": "My SSP"}, "use at most 63 lower-case letters"),
        ({"entity_code": HOSTILE}, "use at most 63 lower-case letters"),
        ({"entity_code": "drugs_com"}, "entity 'drugs_com' already exists"),
        ({"s3_base_path": "s3://b/../c"}, "write s3://bucket/path"),
        ({"set:outcome_column": ""}, "outcome_column"),
        ({"set:candidate_features": ""}, "candidate_features"),
        ({"set:logs_path": "s3://lake/{ds}/"}, "logs_path"),
        ({"set:no_such_key": "1"}, "no_such_key"),
        ({"set:min_z": "many"}, "min_z"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name_and_what_was_typed_stays(
    browser, read, form, add_entity, session, changed, why
):
    add_entity()
    answer = browser.post(PAGE, data=form(entity_name="As typed") | changed)
    page = read(answer)

    assert answer.status_code == 422
    assert why in page.select_one('[role="alert"]').text
    assert page.select_one("#field-entity_name")["value"] == "As typed"
    assert HOSTILE not in answer.text
    assert session.scalars(select(Entity.entity_code)).all() == ["drugs_com"]


@pytest.mark.parametrize(
    ("logs", "why"),
    [
        ("lake/logs", "'lake/logs' is not an s3://bucket/path URL"),
        ("s3://", "'s3://' is not an s3://bucket/path URL"),
        (HOSTILE, "is not an s3://bucket/path URL"),
        ("s3://rtb/nothing_here/", "there are no files below s3://rtb/nothing_here/"),
        ("s3://no-such-bucket/logs/", "create the bucket, or correct the path: S3 has no bucket of that name"),
    ],
)
def test_a_url_without_logs_is_refused_and_stays_in_its_field(browser, read, logs, why):
    answer = browser.get(PAGE, params={"logs": logs})
    page = read(answer)

    assert answer.status_code == 422
    assert why in page.select_one('[role="alert"]').text
    assert page.select_one('[name="logs"]')["value"] == logs
    assert page.select("form.config") == []


TYPED = {"wins": "s3://rtb/typed/wins/", "outcomes": "s3://rtb/typed/clicks/", "columns": "id, time"}
GRANT_LIST = "grant s3:ListBucket there to the key of connection rtb_s3"
GRANT_READ = "grant s3:GetObject there to the key of connection rtb_s3"
START = "start the store, or correct endpoint_url and region_name in the extra of connection rtb_s3"
LATER = "the store is overloaded or out of order: try again in a moment"


@pytest.fixture
def proxy(stack):
    """The store behind a proxy that fails on command; the connection gives up after one try of two seconds."""
    made = FaultyProxy((stack.host, stack.s3_port))
    limits = {"read_timeout": 2, "connect_timeout": 2, "retries": {"mode": "standard", "total_max_attempts": 1}}
    with s3_connected(extra={"endpoint_url": made.url, "config_kwargs": limits}):
        yield made
    made.close()


@pytest.mark.parametrize(
    ("how", "part", "what", "fix"),
    [
        (403, "list-type", "cannot be listed", GRANT_LIST),
        (403, ".parquet", "cannot be read", GRANT_READ),
        (503, "list-type", "cannot be listed", LATER),
        (500, ".parquet", "cannot be read", LATER),
        ("slow", "list-type", "cannot be listed", START),
    ],
)
def test_a_fault_of_the_store_leaves_the_form_as_it_was_typed_and_says_what_inspect_says(
    browser, read, url, proxy, how, part, what, fix
):
    with proxy.answering(how, part=part) as fault:
        answer = browser.get(PAGE, params={"logs": url} | TYPED)
        told = CliRunner().invoke(app, ["logs", "inspect", url]).exception

    page = read(answer)
    said = page.select_one('[role="alert"] li').text
    assert fault.hits
    assert answer.status_code == 503
    assert {field["name"]: field["value"] for field in page.select("form.new input")} == {"logs": url} | TYPED
    for part_of_it in ("the S3 of connection 'rtb_s3' cannot be used: s3://", split_url(url)[0], what, fix):
        assert part_of_it in said
    assert proxy.url not in answer.text
    assert said == fault_of_store(told, with_address=False)


def test_a_store_that_is_away_and_a_connection_that_is_missing_leave_it_too(browser, read, url, proxy, monkeypatch):
    with proxy.away():
        away = browser.get(PAGE, params={"logs": url} | TYPED)
    forget()
    with monkeypatch.context() as unset:
        unset.delenv(VARIABLE)
        missing = browser.get(PAGE, params={"logs": url} | TYPED)

    for answer, said in ((away, START), (missing, "no Airflow connection 'rtb_s3': set AIRFLOW_CONN_RTB_S3")):
        assert answer.status_code == 503
        assert said in read(answer).select_one('[role="alert"]').text
        assert {field["value"] for field in read(answer).select("form.new input")} == {url, *TYPED.values()}
    assert proxy.url not in away.text


def test_files_that_are_no_logs_are_refused_by_name(browser, read, store, base_path):
    store.put_once(f"{split_url(base_path)[1]}/other/date=2026-03-06/part.parquet", b"no Parquet at all")
    answer = browser.get(PAGE, params={"logs": f"{base_path}/other/"})

    assert answer.status_code == 422
    assert "date=2026-03-06" in read(answer).select_one('[role="alert"]').text


def test_files_without_a_header_are_refused_until_their_columns_are_named(browser, read, store, base_path):
    body = "".join(f"2026-03-06 0{n % 9}:00:00,a{n},{n % 2},{'DE' * (n % 3)}\n" for n in range(90))
    store.put_once(f"{split_url(base_path)[1]}/bare/date=2026-03-06/part.csv", body.encode())
    refused = browser.get(PAGE, params={"logs": f"{base_path}/bare/"})
    named = read(browser.get(PAGE, params={"logs": f"{base_path}/bare/", "columns": "ts, auction_id, click, country"}))

    assert refused.status_code == 422
    assert "is a row and names no columns (2026-03-06" in read(refused).select_one('[role="alert"]').text
    assert value_of(named.select_one('[name="columns"]')) == "ts, auction_id, click, country"
    assert value_of(named.select_one('[name="set:csv_columns"]')) == "ts,auction_id,click,country"
    assert value_of(named.select_one('[name="set:outcome_column"]')) == "click"


def test_logs_without_an_outcome_say_what_is_missing_and_leave_its_field_empty(browser, read, store, base_path):
    body = "ts,auction_id,country\n" + "".join(f"2026-03-06 0{n % 9}:00:00,a{n},{'DE' * (n % 2)}\n" for n in range(90))
    store.put_once(f"{split_url(base_path)[1]}/bids/date=2026-03-06/part.csv", body.encode())
    page = read(browser.get(PAGE, params={"logs": f"{base_path}/bids/"}))

    assert "no column looks like an outcome" in page.select_one(".notice.warm").text
    assert value_of(page.select_one('[name="set:outcome_column"]')) == ""


@pytest.mark.parametrize(
    ("unit", "bid_column", "said"),
    [
        (1, "bid_price", "bid_column is bid_price: named like a bid; price is at most it in 100.0% of 90 rows"),
        (1000, None, "bid_column: bid_price? price is 0.0007 times it on the mean: one may be per impression"),
    ],
)
def test_what_was_bid_is_filled_in_with_its_evidence_or_told_as_what_the_logs_leave_open(
    browser, read, store, base_path, unit, bid_column, said
):
    lines = [f"2026-03-06 0{n % 9}:00:00,a{n},{n % 2},{2 * unit + n % 7 * unit / 9:.3f}" for n in range(90)]
    rows = [f"{line},{float(line.rsplit(',', 1)[1]) * 0.7 / unit:.4f}" for line in lines]
    body = "\n".join(["ts,auction_id,click,bid_price,price", *rows])
    store.put_once(f"{split_url(base_path)[1]}/priced/date=2026-03-06/part.csv", body.encode())
    page = read(browser.get(PAGE, params={"logs": f"{base_path}/priced/"}))
    field = page.select_one('[name="set:bid_column"]')

    assert said in page.select_one("main").get_text()
    assert (field and value_of(field)) == bid_column


def test_a_viewer_sees_no_logs(sign_in, url):
    assert sign_in("viewer").get(PAGE, params={"logs": url}).status_code == 403


def test_logs_are_looked_at_one_after_the_other_and_nobody_waits_for_long(browser, read, url, monkeypatch):
    monkeypatch.setattr(new, "PATIENCE", 0.1)
    monkeypatch.setattr(new, "_at_once", threading.Semaphore(0))

    answer = browser.get(PAGE, params={"logs": url})

    page = read(answer)
    assert answer.status_code == 503
    assert "other logs are being looked at" in page.select_one('[role="alert"]').text
    assert page.select_one('[name="logs"]')["value"] == url


def test_it_can_be_looked_at_again_after_logs_that_cannot_be_read(browser, url):
    for _ in range(2):
        assert browser.get(PAGE, params={"logs": "s3://rtb/nothing_here/"}).status_code == 422
    assert browser.get(PAGE, params={"logs": url}).status_code == 200
