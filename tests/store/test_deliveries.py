"""What is delivered is what is active: copied, read back, the same; after a roll back the run before."""

import json
import os
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.core.config.deliveries import delivery_problems
from rtb_optimizer.operations.deliveries import deliver_exports
from rtb_optimizer.store import activation, configs, connections, deliveries, entities, runs
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Delivery, RunAlert

DAY = date(2026, 3, 10)
CONNECTION = "rtb_delivery_bidder"


@pytest.fixture
def folder(base_path):
    return f"{base_path}_bidder/tables"


@pytest.fixture
def entity(add_entity, folder, monkeypatch):
    """An entity whose plain export is delivered."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", os.environ["AIRFLOW_CONN_RTB_S3"])
    to = json.dumps({"plain": {"to": folder, "connection": CONNECTION}})
    return add_entity(exports="plain", export_deliveries=to)


@pytest.fixture
def make(entity, make_run, store):
    """Make a run with an export, and activate it unless it is to be held; returns the run."""

    def new(days=0, *, held=False, with_export=True):
        run = make_run(entity, data_end=DAY + timedelta(days=days))
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        names = ["segments.parquet", *(["exports/plain/table.csv", "exports/plain/table.json"] if with_export else [])]
        written = {
            name.replace("exports/", "export_").replace("/", "_").replace(".", "_"): (
                store.put_once(f"{prefix}/{name}", f"{name} of {run.run_code}".encode()),
                1,
            )
            for name in names
        }
        with connections.session() as own:
            runs.record_outputs(own, run.run_id, written)
            activation.complete_and_decide(own, run.run_id, 1, ["too little"] if held else [], allow_older=False)
            own.commit()
        return run

    return new


@pytest.fixture
def read(store, folder):
    """Read a file of the bidder's folder; None where there is none."""

    def of(name):
        stored = store.stored(f"{split_url(folder)[1]}/{name}")
        return store.read(stored.key) if stored else None

    return of


def delivered(session, entity):
    return [(row.status, row.run_id, row.files) for row in deliveries.deliver(session, entity.entity_code)]


def test_the_active_run_s_export_is_there_for_a_reader_who_knows_the_folder_alone(entity, make, session, read, store):
    run = make()

    assert delivered(session, entity) == [("delivered", run.run_id, 2)]
    document = json.loads(read("drugs_com.json"))
    assert (document["run_id"], document["run_code"], document["export"]) == (run.run_id, run.run_code, "plain")
    assert document["valid_until"] > document["data_end"]
    assert document["files"].keys() == {"table.csv", "table.json"}
    for name, file in document["files"].items():
        assert store.stored(file["s3_key"]).sha256 == file["sha256"]
        assert read(f"{run.run_code}/{name}") == f"exports/plain/{name} of {run.run_code}".encode()
    assert read(f"{run.run_code}/segments.parquet") is None, "the export alone"


def test_nothing_is_delivered_before_a_run_is_active(entity, make, session, read):
    make(held=True)

    assert delivered(session, entity) == []
    assert read("drugs_com.json") is None
    assert [row["status"] for row in deliveries.status(session, entity)] == ["waiting"]


def test_a_roll_back_delivers_the_run_that_is_active_then_and_a_policy_that_stands_down_none(
    entity, make, session, read
):
    first, second = make(), make(days=1)
    assert delivered(session, entity) == [("delivered", second.run_id, 2)]

    activation.roll_back(session, "drugs_com", "ana", "worse", to=None)
    session.commit()
    assert delivered(session, entity) == [("delivered", first.run_id, 2)]
    assert json.loads(read("drugs_com.json"))["run_code"] == first.run_code
    assert read(f"{second.run_code}/table.csv") is not None, "files are written once and stay"

    found = entities.find(session, "drugs_com", lock=True)
    last = activation.locked(session, first.run_id)[0]
    verdict = activation.Verdict(activation.Decision.STOOD_DOWN, ("harm",))
    activation.record(session, found, last, verdict, "auto", activation.StoodDown("policy", None))
    session.commit()
    assert delivered(session, entity) == [("delivered", None, 0)]
    document = json.loads(read("drugs_com.json"))
    assert (document["run_id"], document["files"]) == (None, {})


def test_it_is_delivered_once_until_it_is_asked_for_again_and_compared_each_time(entity, make, session, store, folder):
    run = make()
    deliveries.deliver(session, "drugs_com")
    assert [row.tries for row in deliveries.deliver(session, "drugs_com")] == [1]
    assert [(row.status, row.tries) for row in deliveries.deliver(session, "drugs_com", again=True)] == [
        ("delivered", 2)
    ]

    key = f"{split_url(folder)[1]}/{run.run_code}/table.csv"
    store.replace(key, b"another table")
    (row,) = deliveries.deliver(session, "drugs_com", again=True)
    assert (row.status, row.delivered_at) == ("failed", None)
    assert f"s3://rtb/{key} is not what was delivered" in row.problem

    store.delete([key])
    assert delivered(session, entity) == [("delivered", run.run_id, 2)]


def test_what_fails_is_recorded_alerted_once_and_tried_again_by_maintenance(entity, make, session, monkeypatch):
    run = make()
    monkeypatch.delenv(f"AIRFLOW_CONN_{CONNECTION.upper()}")
    connections.s3_client.cache_clear()
    connections._s3_hook.cache_clear()

    assert [deliver_exports(), deliver_exports()] == [0, 0]
    (row,) = session.scalars(select(Delivery)).all()
    assert (row.status, row.tries, row.run_id) == ("failed", 2, run.run_id)
    assert CONNECTION in row.problem
    (alert,) = session.scalars(select(RunAlert)).all()
    assert "rtb deliveries" in alert.fix

    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", os.environ["AIRFLOW_CONN_RTB_S3"])
    assert deliver_exports() == 1
    assert delivered(session, entity) == [("delivered", run.run_id, 2)]


def test_a_run_without_the_export_waits_and_a_corrected_folder_needs_no_new_run(entity, make, session, base_path):
    make(with_export=False)
    assert delivered(session, entity) == [("waiting", 1, 0)] or delivered(session, entity)[0][0] == "waiting"

    run = make(days=1)
    other = json.dumps({"plain": {"to": f"{base_path}_elsewhere/x", "connection": CONNECTION}})
    configs.set_overrides(session, entities.find(session, "drugs_com"), {"export_deliveries": other}, "ana")
    session.commit()
    assert delivered(session, entity) == [("delivered", run.run_id, 2)]
    assert [row["destination"] for row in deliveries.status(session, entity)] == [f"{base_path}_elsewhere/x"]


def test_the_entity_s_own_folder_is_no_place_to_deliver_to(entity, make, session):
    inside = json.dumps({"plain": {"to": f"{entity.s3_base_path}/x", "connection": CONNECTION}})
    configs.set_overrides(session, entity, {"export_deliveries": inside}, "ana")
    session.commit()
    make()

    (row,) = deliveries.deliver(session, "drugs_com")
    assert (row.status, "s3_base_path" in row.problem) == ("failed", True)


PLAIN = {"to": "s3://bidder/tables", "connection": CONNECTION}


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        ({"plain": PLAIN}, None),
        ({"plain": "s3://bidder/tables"}, "needs a folder and a connection"),
        ({"plain": {"to": "s3://bidder/tables"}}, "needs a folder and a connection"),
        ({"bonsai": PLAIN}, "'bonsai' is not in exports"),
        ({"plain": PLAIN | {"to": "s3://bidder"}}, "is not an s3://bucket/folder URL"),
        ({"plain": PLAIN | {"connection": "aws_default"}}, "does not begin with rtb_delivery_"),
        ({"plain": PLAIN, "beeswax": PLAIN}, "give each its own"),
        ({"beeswax": PLAIN | {"to": "s3://bidder/other"}}, "its manifest names the files in"),
        ({"beeswax": PLAIN | {"to": "s3://beeswax/models/"}}, None),
    ],
)
def test_a_delivery_that_cannot_be_meant_is_refused_when_it_is_saved(configured, words):
    found = delivery_problems(configured, ["plain", "beeswax"], "s3://beeswax/models")

    assert (words is None and found == []) or any(words in problem for problem in found)
