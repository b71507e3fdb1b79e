"""Auctions, wins and clicks in logs of their own: a run is that of the three joined as one file, whatever is late."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from kinds_of_logs import DAY, DAYS, LAST
from rtb_optimizer.errors import LogsInvalid, LogsMissing
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.run.lineage import lineage_of
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.wait_for_logs import awaited, require_partitions
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run
from three_logs import CLICKS_APART, CONFIG, WINS_APART, by_day, csv, delivered, parquet, three_logs

WINDOW = {"data_start": str(DAYS[0]), "data_end": str(LAST + DAY)}
APART = CONFIG | WINS_APART | CLICKS_APART
DAY_AFTER = LAST + DAY
SAME_BYTES = ("segments.parquet", "joint_segments.parquet", "features.json")


@pytest.fixture
def put(store, base_path):
    """Put objects below the logs of this test; returns their URL."""

    def objects(by_path):
        for path, body in by_path.items():
            store.put_once(f"{split_url(base_path)[1]}/{path}", body)
        return base_path

    return objects


@pytest.fixture
def entity(add_entity, base_path):
    """Add an entity that reads what lies in a folder."""

    def add(config, folder="auctions/{date}/", code="drugs_com"):
        values = {key: value.replace("{base}", base_path) for key, value in config.items()}
        return add_entity(code, **{"logs_path": f"{base_path}/{folder}"} | values)

    return add


@pytest.fixture
def published(session, store):
    """The bytes of an object of a run."""

    def of(run_id, name):
        made = session.get_one(Run, run_id)
        prefix = run_prefix(session.get_one(Entity, made.entity_id).s3_base_path, made.run_code)
        return store.read(f"{prefix}/{name}")

    return of


@pytest.fixture
def run(put, entity, request_run):
    """Deliver logs and run an entity over them; returns the decision."""

    def ran(objects, config=APART, **window):
        put(objects)
        entity(config)
        return in_process.run(request_run(**WINDOW | window))

    return ran


def warnings_of(published, decided):
    report = json.loads(published(decided.opt_run_id, "report.json"))
    return {each["code"]: each["message"] for each in report["warnings"]}


@pytest.mark.parametrize(
    ("write", "start", "config"),
    [
        (csv, DAYS[0], {}),
        (parquet, DAYS[1], {}),
        (parquet, DAYS[0], {"full_sample_rows": "0", "negatives_per_positive": "2"}),
        (csv, DAYS[0], {"drop_duplicates": "true", "row_filter": '{"device": ["mobile", "desktop"]}'}),
        (csv, DAYS[0], {"attribution_hours": "2.5", "min_positives": "10", "max_lost_share": "0.2"}),
    ],
    ids=["text", "two days", "a sample", "a filter", "little time"],
)
def test_the_table_is_that_of_the_three_joined_as_one_file(
    run, entity, put, request_run, published, write, start, config
):
    logs, hours = three_logs(), float(config.get("attribution_hours", 24))
    ending = ".csv.gz" if write is csv else ".parquet"
    decided = run(delivered(logs, write, ending), APART | config, data_start=str(start))
    plain = logs.joined(hours)
    put(by_day(plain, "event_time", "joined/{day}/all.parquet", parquet))
    entity(CONFIG | config, "joined/{date}/", code="joined")
    as_one = in_process.run(request_run("joined", **WINDOW | {"data_start": str(start)}))

    assert (decided.decision, as_one.decision) == ("activated", "activated"), decided
    table = pq.read_table(io.BytesIO(published(decided.opt_run_id, "segments.parquet"))).to_pandas()
    plain = plain[plain["event_time"] >= pd.Timestamp(start)]
    if "row_filter" in config:
        plain = plain[plain["device"].isin(["mobile", "desktop"])]
    default = table.iloc[0]
    assert (default["exposures"], default["outcomes"]) == (plain["won"].sum(), (plain["clicked"] * plain["won"]).sum())
    assert len(table) > 8
    for name in SAME_BYTES:
        assert published(decided.opt_run_id, name) == published(as_one.opt_run_id, name), name


@pytest.mark.case(63)
def test_a_day_of_events_that_came_twice_or_is_half_of_what_it_was_is_told_by_log_and_day(
    run, request_run, published, store, base_path
):
    logs = three_logs()
    once = logs.clicks.drop_duplicates("auction")
    day = DAYS[1]
    of_day = once[once["clicked_at"].dt.date == day]
    twice = {f"clicks/{day}/delivered_again.csv.gz": csv(of_day.sample(frac=1, random_state=1))}
    first = run(delivered(replace(logs, clicks=once)) | twice)
    plain, now = json.loads(published(first.opt_run_id, "report.json"))["logs"], warnings_of(published, first)

    assert (
        f"most events of 1 days of the outcome logs came again ({day}: {len(of_day)} repeats of"
        in now["events_repeated"]
    )
    assert not {"wins_repeated", "event_day_volume", "event_day_restated"} & now.keys()
    assert [each["day"] for each in plain["known_events"]] == [str(each) for each in DAYS]

    folder = f"{split_url(base_path)[1]}/clicks/{day}"
    store.delete([f"{folder}/delivered_again.csv.gz"])
    store.replace(f"{folder}/click_log.csv.gz", csv(of_day.head(len(of_day) // 2)))
    again = in_process.run(request_run(dag_run_id="manual__again", **WINDOW))
    now = warnings_of(published, again)

    half = len(of_day) // 2
    assert f"events of {day} are {half / len(of_day):.3g} times those that an earlier run" in now["event_day_restated"]
    assert f"read of that day ({half} and {len(of_day)})" in now["event_day_restated"]
    assert "events_repeated" not in now


def test_what_became_of_the_wins_is_in_the_report_and_rows_that_were_lost_are_no_fault(run, published):
    logs = three_logs()
    decided = run(delivered(logs))
    report = json.loads(published(decided.opt_run_id, "report.json"))
    facts = logs.facts()
    assert sum(day["counted"] for day in report["logs"]["wins"]) == facts["won"]
    assert sum(day["counted"] for day in report["logs"]["events"]) == facts["clicked"]
    assert report["logs"]["anomalies"]["zero_exposure"] == len(logs.auctions) - facts["won"]
    told = warnings_of(published, decided)
    assert "zero_exposure" not in told
    assert told["outcome_above_exposure"].startswith(
        f"{facts['alone']} rows with an outcome and without a win within attribution_hours: their outcomes do not count"
    )
    assert told["wins_without_id"] == "3 wins have no id of a row: they do not count"
    page = published(decided.opt_run_id, "report.html").decode()
    assert "Wins of the win logs" in page
    assert "Events of the outcome logs" in page


def test_too_many_outcomes_without_a_win_fail_with_the_logs_to_look_at(run):
    logs = three_logs()
    few = replace(logs, wins=logs.wins.sample(frac=0.5, random_state=1))
    with pytest.raises(LogsInvalid) as refused:
        run(delivered(few))
    assert "than exposures (the wins of win_logs_path within attribution_hours, 24)" in str(refused.value)


def test_wins_of_other_auctions_hold_the_run_with_the_two_columns(run, published):
    logs = three_logs(won=0.95)
    strange = np.random.default_rng(2).random(len(logs.wins)) < 0.92
    ids = logs.wins["auction_id"].where(~strange, "x" + logs.wins["auction_id"].astype(str))
    decided = run(
        delivered(replace(logs, wins=logs.wins.assign(auction_id=ids))),
        APART | {"max_lost_share": "0.9", "min_positives": "10"},
    )
    assert decided.decision == "held"
    reasons = "; ".join(decided.reasons)
    assert "of the wins of the win logs found no row of their id, up to 90% may" in reasons
    assert "correct row_id_columns, win_logs_id_columns, or the logs" in reasons
    told = warnings_of(published, decided)["wins_without_row"]
    assert "'auction_id' and 'auction_id' do not hold the same ids" in told


def test_days_of_wins_are_awaited_up_to_the_maturity_lag_and_read_beyond_it_where_they_are_there(
    put, entity, request_run, published, base_path
):
    objects = delivered(three_logs())
    later, after = f"wins/{LAST}/win_log.csv.gz", f"wins/{DAY_AFTER}/win_log.csv.gz"
    assert {later, after} <= objects.keys()
    put({path: body for path, body in objects.items() if path not in (later, after)})
    entity(APART)
    run_id = create_run(request_run(**WINDOW))
    assert awaited(run_id, pd.Timestamp("2026-03-12", tz="UTC").to_pydatetime()) == [
        f"{base_path}/wins/{LAST}/ (no file)"
    ]
    with pytest.raises(LogsMissing, match=r"1 partitions of win_logs_path are not complete: .*/wins/2026-03-09/"):
        require_partitions(run_id)
    put({later: objects[later]})
    assert awaited(run_id, pd.Timestamp("2026-03-12", tz="UTC").to_pydatetime()) == []
    decided = in_process.finish(run_id)
    read = [each["s3_key"] for each in json.loads(published(decided.opt_run_id, "manifest.json"))["win_inputs"]]
    assert [key.split("/")[-2] for key in read] == [str(day) for day in DAYS]

    put({after: objects[after]})
    decided = in_process.run(request_run(dag_run_id="manual__2", **WINDOW))
    read = [each["s3_key"] for each in json.loads(published(decided.opt_run_id, "manifest.json"))["win_inputs"]]
    assert [key.split("/")[-2] for key in read] == [str(day) for day in (*DAYS, DAY_AFTER)]


def test_wins_that_change_while_a_run_reads_them_fail_it_by_name(put, entity, request_run, store, base_path):
    logs = three_logs()
    put(delivered(logs))
    entity(APART)
    run_id = create_run(request_run(**WINDOW))
    require_partitions(run_id)
    select_features(run_id)
    key = f"{split_url(base_path)[1]}/wins/{LAST}/win_log.csv.gz"
    store.replace(key, csv(logs.wins.head(10)))
    with pytest.raises(LogsInvalid, match=f"{key} has changed while the run was reading it: start a new run"):
        build_segments(run_id)


def test_a_run_is_made_again_and_names_the_wins_that_changed(run, store, base_path, published):
    logs = three_logs()
    decided = run(delivered(logs))
    capsule = json.loads(published(decided.opt_run_id, "capsule.json"))
    assert len(capsule["win_inputs"]) == 4
    assert {each["s3_bucket"] for each in capsule["win_inputs"]} == {split_url(base_path)[0]}

    done = rebuild(source_of(str(decided.opt_run_id)), RebuildOptions())
    assert (done.identical, done.findings) == (True, ())

    place = f"{base_path}/wins/{LAST}/"
    store.put_once(split_url(f"{place}late.csv.gz")[1], csv(logs.wins.head(10)))
    new = rebuild(source_of(str(decided.opt_run_id)), RebuildOptions())
    assert [(each.name, each.what) for each in new.findings] == [(f"{place}late.csv.gz", "is new")]
    store.replace(split_url(f"{place}win_log.csv.gz")[1], csv(logs.wins.head(10)))
    changed = rebuild(source_of(str(decided.opt_run_id)), RebuildOptions())
    [finding] = changed.findings
    assert finding.name == f"{place}win_log.csv.gz"
    assert finding.what.startswith("has changed: it had ")


def test_lineage_has_the_wins_as_a_dataset_of_their_own(run, request_run, base_path):
    run(delivered(three_logs()))
    attempt = request_run().attempt
    read = lineage_of("select_features", attempt.dag_id, attempt.dag_run_id).inputs
    prefix = split_url(base_path)[1]
    assert [each.name for each in read] == [f"{prefix}/{folder}" for folder in ("auctions", "clicks", "wins")]


def test_the_same_auctions_with_other_wins_are_no_identical_run(run, request_run, published, put):
    logs = three_logs()
    run(delivered(logs))
    again = in_process.run(request_run(dag_run_id="manual__2", **WINDOW))
    assert "identical_run" in warnings_of(published, again)
    put({f"wins/{LAST}/late.csv.gz": csv(logs.wins.head(10))})
    late = in_process.run(request_run(dag_run_id="manual__3", **WINDOW))
    assert "identical_run" not in warnings_of(published, late)
