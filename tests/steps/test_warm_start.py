"""A new publisher starts from what the others have in common: its first table stands on more than its own rows."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.outputs.documents.pooled import PooledDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.store import runs
from rtb_optimizer.store.schema import Entity, Run

DEVICES = {"phone": 2.2, "desktop": 0.6, "tablet": 1.0, "tv": 0.3}
COUNTRIES = {"de": 1.8, "fr": 1.2, "pl": 0.7, "us": 0.4, "br": 1.0}
SIBLINGS = ("alphacom", "betacom", "gammacom")
MANY, FEW = 8_000, 800
DAY = "2026-03-09"


def night_of(entity_code, rows, seed):
    """A night of an entity: devices and countries count as everywhere, placements are its own."""
    draw = np.random.default_rng(seed)
    device, country = (draw.choice(list(of), rows) for of in (DEVICES, COUNTRIES))
    placement = draw.integers(0, 8, rows)
    effect = np.exp(np.linspace(-0.5, 0.5, 8))[draw.permutation(8)]
    rate = 0.06 * np.array([DEVICES[d] * COUNTRIES[c] for d, c in zip(device, country, strict=True)])
    click = draw.random(rows) < np.clip(rate * effect[placement], 0, 0.9)
    body = io.BytesIO()
    columns = {
        "event_time": np.datetime64(f"{DAY}T00:00:00", "s") + draw.integers(0, 86_400, rows),
        "auction_id": [f"{entity_code}{n}" for n in range(rows)],
        "device": device,
        "country": country,
        "placement": [f"{entity_code}-{n}" for n in placement],
        "noise": draw.integers(0, 6, rows).astype(str),
        "click": click.astype(np.int64),
    }
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


@pytest.fixture
def publisher(add_entity, store, base_path, request_run):
    """Add a publisher with a night of logs; returns the request for its run."""

    def add(entity_code, rows, seed, **config):
        folder = f"{base_path.removeprefix('s3://rtb/')}/logs_{entity_code}/date={DAY}"
        store.put_once(f"{folder}/part-0.parquet", night_of(entity_code, rows, seed))
        store.put_once(f"{folder}/_SUCCESS", b"\n")
        own = {
            "logs_path": f"{base_path}/logs_{entity_code}/date={{date}}/",
            "lookback_days": "1",
            "value_column": "",
            "cost_column": "",
            "candidate_features": "placement, device, country, noise",
            "anchor_features": "",
        }
        add_entity(entity_code, **(own | config))
        return request_run(entity_code)

    return add


@pytest.fixture
def siblings(publisher, session):
    """Three publishers with active runs, each of which has too few siblings when it runs."""
    for seed, code in enumerate(SIBLINGS):
        decided = in_process.run(publisher(code, MANY, seed))
        assert decided.decision == "activated"
        assert "pooled" not in kinds(session, decided.opt_run_id)


def output(session, opt_run_id, name):
    return published_output(session, session.get_one(Run, opt_run_id), name)


def kinds(session, opt_run_id):
    return {row.output_type for row in runs.outputs(session, opt_run_id)}


@pytest.mark.usefixtures("siblings")
def test_a_new_publisher_of_few_outcomes_gets_a_table_and_every_factor_says_what_came_of_the_others(
    publisher, session, store
):
    decided = in_process.run(publisher("new", FEW, 9))
    report = Report.read_exactly(output(session, decided.opt_run_id, "report"))

    assert decided.decision == "activated", decided.reasons
    assert report.gates.facts["outcomes"] < report.gates.limits["outcomes"], "by its own it would have been held"
    assert report.gates.facts["pooled_gain"] > 0
    assert {each.name: each.siblings for each in report.features} == {"device": 3, "country": 3}
    rows = {
        row["segment"]: row
        for row in pq.read_table(io.BytesIO(output(session, decided.opt_run_id, "segments"))).to_pylist()
    }
    names = [each.name for each in report.features]
    key = "|".join("tv" if name == "device" else "*" for name in names)
    assert rows[key]["pooled_factor"] < 0.6
    assert rows[key]["prior"] > 10, "as strongly as the others agree"
    assert rows["|".join("*" for _ in names)]["pooled_factor"] is None

    pooled = PooledDocument.read_exactly(output(session, decided.opt_run_id, "pooled"))
    values = {name: set(each.factors) for of in pooled.by_link.values() for name, each in of.items()}
    assert values == {"device": set(DEVICES), "country": set(COUNTRIES)}, "placements are an entity's own"

    capsule = output(session, decided.opt_run_id, "capsule").decode()
    assert [code for code in SIBLINGS if code in capsule] == [], "nothing of the others is told but what they share"
    done = rebuild(source_of(str(decided.opt_run_id)), RebuildOptions())
    assert (done.identical, done.findings) == (True, ())
    bodies = [store.read(row.s3_key).decode("latin-1") for row in runs.outputs(session, decided.opt_run_id)]
    assert not [code for code in SIBLINGS for body in bodies if code in body], "no reader sees who the others are"


@pytest.mark.usefixtures("siblings")
def test_switched_off_or_for_another_outcome_a_run_knows_its_own_rows_alone(publisher, session):
    for n, config in enumerate([{"warm_start": "false"}, {"outcome_column": "bought"}]):
        created = session.get_one(Run, create_run(publisher(f"new{n}", FEW, 9, **config)))
        assert "siblings" not in created.config_snapshot


@pytest.mark.usefixtures("siblings")
@pytest.mark.parametrize(
    "fault",
    ["its bucket is gone", "its table is no Parquet", "its features are no JSON", "its table is another run's"],
)
def test_a_sibling_that_cannot_be_read_keeps_no_other_entity_from_its_run(publisher, session, store, caplog, fault):
    request = publisher("new", MANY, 9)
    opt_run_id = create_run(request)
    siblings = session.get_one(Run, opt_run_id).config_snapshot["siblings"]
    broken = siblings[0]
    if fault == "its bucket is gone":
        session.get_one(Entity, session.get_one(Run, broken).entity_id).s3_base_path = "s3://no-such-bucket/x"
        session.commit()
    else:
        name = "segments" if "table" in fault else "features"
        (row,) = [each for each in runs.outputs(session, broken) if each.output_type == name]
        others = runs.outputs(session, max(set(siblings) - {broken}))
        another = next(store.read(each.s3_key) for each in others if each.output_type == name)
        store.replace(row.s3_key, another if "another" in fault else b"neither")

    decided = in_process.finish(opt_run_id)

    assert decided.decision == "activated", decided.reasons
    assert f"what run {broken} knows is not pooled" in caplog.text
    assert PooledDocument.read_exactly(output(session, opt_run_id, "pooled")).rows == 0, "two are too few"
    report = Report.read(output(session, opt_run_id, "report"))
    (message,) = [each.message for each in report.warnings if each.code == "siblings_unread"]
    assert "their factors are not pooled: 1; the log of select_features" in message
    assert not [code for code in SIBLINGS if code in message], "the reader of one entity is told of no other"


@pytest.mark.usefixtures("siblings")
def test_what_was_read_of_the_others_stays_as_it_was_however_often_a_step_is_tried(
    publisher, session, store, request_run
):
    opt_run_id = create_run(publisher("new", FEW, 9))
    first = session.get_one(Run, opt_run_id)
    select_features(opt_run_id)
    read = first.config_snapshot["siblings"]
    in_process.run(request_run(SIBLINGS[0], "manual__2"))  # another run of a sibling is active now
    store.delete([row.s3_key for run_id in read for row in runs.outputs(session, run_id)])  # and retention was here

    decided = in_process.finish(opt_run_id)
    pooled = PooledDocument.read_exactly(output(session, decided.opt_run_id, "pooled"))

    assert decided.decision == "activated", decided.reasons
    assert pooled.rows == len(DEVICES) + len(COUNTRIES)
    again = rebuild(source_of(str(decided.opt_run_id)), RebuildOptions())
    assert "segments" in {each.name for each in again.files if each.is_same}, again.findings
    assert [each.name for each in again.files if not each.is_same] == [], "it is made again to the byte"
