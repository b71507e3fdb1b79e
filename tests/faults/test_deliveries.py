"""A bidder's store that fails: nothing is delivered by halves, no decision is changed, and it is tried again."""

import json
import os

import pytest

from faulty_proxy import FaultyProxy
from nights import run_tasks
from rtb_optimizer.store import connections, deliveries, entities
from rtb_optimizer.store.objects import split_url
from s3_connection import forget

CONNECTION = "rtb_delivery_bidder"
QUICK = {"connect_timeout": 1, "read_timeout": 1, "retries": {"mode": "standard", "total_max_attempts": 2}}
POINTER, FILE = "/drugs_com.json", "/table.json"
# How the bidder's store answers which request, and whether a second try of the same client gets past it.
BAD = [
    (500, "PUT", FILE, 100, False),
    ("cut request", "PUT", FILE, 100, False),
    ("cut answer", "GET", FILE, 100, False),
    (503, "PUT", POINTER, 100, False),
    ("lost answer", "PUT", FILE, 1, True),
    (500, "GET", POINTER, 1, True),
]


@pytest.fixture
def bidder(stack, monkeypatch):
    """The bidder's store, behind a proxy; the product's own connection does not lead through it."""
    proxy = FaultyProxy((stack.host, stack.s3_port))
    ours = json.loads(os.environ["AIRFLOW_CONN_RTB_S3"])
    theirs = ours | {"extra": ours["extra"] | {"endpoint_url": proxy.url, "config_kwargs": QUICK}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(theirs))
    forget()
    yield proxy
    forget()
    proxy.close()


@pytest.fixture
def folder(base_path):
    return f"{base_path}_bidder/tables"


def test_a_store_that_fails_leaves_the_table_before_and_gets_the_new_one_once_it_answers(
    add_small, bidder, folder, request_run, session, store
):
    add_small(exports="plain", export_deliveries=json.dumps({"plain": {"to": folder, "connection": CONNECTION}}))
    before = run_tasks(request_run(dag_run_id="first"))
    key = f"{split_url(folder)[1]}{POINTER}"
    for number, (how, method, part, times, passes) in enumerate(BAD):
        name = f"{how} {method} {part}"
        with bidder.answering(how, method, part, times) as fault:
            active = run_tasks(request_run(dag_run_id=f"night {number}"))
        assert fault.hits, f"{name}: the fault has fired"
        assert entities.find(session, "drugs_com").active_run_id == active, f"{name}: the decision stands"
        session.rollback()
        there = json.loads(store.read(key))["run_id"]
        assert there == (active if passes else before), name
        (row,) = deliveries.status(session, entities.find(session, "drugs_com"))
        assert row["status"] == ("delivered" if passes else "failed"), name
        session.rollback()

        (again,) = deliveries.deliver(session, "drugs_com")
        document = json.loads(store.read(key))
        assert (again.status, document["run_id"]) == ("delivered", active), name
        for file in document["files"].values():
            assert store.stored(file["s3_key"]).sha256 == file["sha256"], name
        before = active
    assert connections.s3_client().meta.endpoint_url != bidder.url
