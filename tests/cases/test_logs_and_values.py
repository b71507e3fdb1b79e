"""Cases 1 to 21, 53, 59 and 61 of docs/edge-cases.md: logs that are late, changed or odd; values that are none."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update

from rtb_optimizer.core.config.window import Window, WindowRequest
from rtb_optimizer.core.sample.values import MISSING, SPELLING_VERSION, UNEXPANDED, canonical
from rtb_optimizer.core.table.lookup import Row, look_up
from rtb_optimizer.dag.sensors import WaitForLogs
from rtb_optimizer.demo.world import World
from rtb_optimizer.errors import LogsInvalid, LogsMissing, WindowInvalid
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps import in_process, wait_for_logs
from rtb_optimizer.steps.build_segments import build_segments
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Run
from seeded_logs import NIGHTS

BEFORE, LAST = NIGHTS[-2:]
WORLD = World(seed=7, rows_per_day=12_000, base_rate=0.1, adspaces=30)
FEATURES = "internal_adspace_id, device_type, ad_size"


@pytest.fixture
def put(store):
    """Put a table of logs under an s3:// URL, over what is there."""

    def write(url, table):
        body = io.BytesIO()
        pq.write_table(table, body)
        store.replace(split_url(url)[1], body.getvalue())

    return write


@pytest.fixture
def deliver(put, store, base_path):
    """Deliver logs, a table (or tables) a day, each day with its marker; return the logs_path."""

    def delivered(tables, name="odd"):
        logs_path = f"{base_path}/{name}/date={{date}}/"
        for day, files in tables.items():
            folder = logs_path.replace("{date}", str(day))
            for n, table in enumerate(files if isinstance(files, list) else [files]):
                put(f"{folder}part-{n}.parquet", table)
            store.put_once(f"{split_url(folder)[1]}_SUCCESS", b"\n")
        return logs_path

    return delivered


@pytest.fixture
def entity(add_entity):
    """Add an entity over the last two nights of logs at a path."""

    def add(logs_path, entity_code="odd", **config):
        defaults = {"logs_path": logs_path, "lookback_days": 2, "candidate_features": FEATURES}
        return add_entity(entity_code, **{key: str(value) for key, value in (defaults | config).items()})

    return add


@pytest.fixture
def report_of(session, store):
    """Read what a run has published: its report and the rows of its segment table by key."""

    def read(decided):
        session.rollback()
        keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
        table = pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()
        return json.loads(store.read(keys["report"])), {row["segment"]: row for row in table}

    return read


@pytest.fixture
def run(entity, request_run, report_of):
    """Add an entity over logs and run it; return what was decided, the report, and the rows of the segment table."""

    def go(logs_path, entity_code="odd", **config):
        entity(logs_path, entity_code, **config)
        decided = in_process.run(request_run(entity_code))
        return decided, *report_of(decided)

    return go


def nights(days=(BEFORE, LAST)):
    """The logs of the demonstration's world by day."""
    return {day: WORLD.day(day) for day in days}


def having(table, **columns):
    """The table with these columns instead of those of the same name, or beside the others."""
    for name, values in columns.items():
        there = name in table.column_names
        table = (
            table.set_column(table.column_names.index(name), name, values)
            if there
            else table.append_column(name, values)
        )
    return table


def changed(column, where, value):
    """The values of a column with one value at some rows."""
    values = column.to_pylist()
    for n in where:
        values[n] = value
    return pa.array(values)


def warned(report):
    """The messages of a report's warnings by code."""
    return {warning["code"]: warning["message"] for warning in report["warnings"]}


# ---- Partitions


@pytest.mark.case(1)
def test_a_missing_partition_fails_the_run_below_the_least_share(entity, deliver, request_run, session):
    logs_path = deliver(nights([LAST]))
    entity(logs_path, min_partition_share=0.9)

    with pytest.raises(LogsMissing):
        in_process.run(request_run("odd"))

    assert session.scalars(select(Run)).one().error_message == (
        f"wait_for_logs: LogsMissing: 1 of 2 partitions are not complete: {logs_path.replace('{date}', str(BEFORE))} "
        "(no file); deliver them, or lower min_partition_share"
    )
    assert entities.find(session, "odd").active_run_id is None


@pytest.mark.case(1)
def test_a_missing_partition_that_is_tolerated_is_warned_of_and_is_no_day_without_traffic(run, deliver):
    logs_path = deliver(nights([LAST]))
    decided, report, _ = run(logs_path, min_partition_share=0.5)

    assert decided.decision == "activated"
    assert warned(report)["missing_partitions"] == (
        "1 of 2 partitions are missing or empty, and are not counted as days without traffic: "
        f"{logs_path.replace('{date}', str(BEFORE))}"
    )
    assert set(report["coverage"]["rows_by_day"]) == {str(LAST)}


def without_marker(store, url, put):  # noqa: ARG001 - one of three
    store._client.delete_object(Bucket=store.bucket, Key=f"{split_url(url)[1]}_SUCCESS")


def without_files(store, url, put):  # noqa: ARG001 - one of three
    store._client.delete_object(Bucket=store.bucket, Key=f"{split_url(url)[1]}part-0.parquet")


def without_rows(store, url, put):  # noqa: ARG001 - one of three
    put(f"{url}part-0.parquet", WORLD.day(BEFORE).slice(0, 0))


@pytest.mark.case(2)
@pytest.mark.parametrize(
    ("spoil", "lacks"),
    [(without_marker, "no _SUCCESS"), (without_files, "no file"), (without_rows, "no rows")],
)
def test_an_empty_or_unmarked_partition_is_as_good_as_missing(
    entity, deliver, put, store, request_run, report_of, spoil, lacks
):
    logs_path = deliver(nights())
    url = logs_path.replace("{date}", str(BEFORE))
    spoil(store, url, put)
    entity(logs_path)
    with pytest.raises(LogsMissing) as failed:
        in_process.run(request_run("odd"))

    decided = in_process.run(request_run("odd", dag_run_id="manual__2", overrides={"min_partition_share": 0.5}))
    report, _ = report_of(decided)

    assert str(failed.value) == (
        f"1 of 2 partitions are not complete: {url} ({lacks}); deliver them, or lower min_partition_share"
    )
    assert decided.decision == "activated"
    assert warned(report)["missing_partitions"].endswith(url)
    assert report["gates"]["facts"]["partition_share"] == 0.5


@pytest.fixture
def yesterday():
    """Yesterday by the clock of this machine, in UTC: the one day that can be complete and not mature."""
    return datetime.now(UTC).date() - timedelta(days=1)


@pytest.mark.case(3)
def test_a_scheduled_run_waits_until_its_window_is_mature(entity, deliver, yesterday):
    from airflow.sdk.exceptions import TaskDeferred

    entity(deliver({yesterday: WORLD.day(yesterday)}), lookback_days=1, maturity_lag_hours=100)
    start = datetime.combine(yesterday, datetime.min.time(), UTC)
    end = start + timedelta(days=1)
    window_request = WindowRequest(end, interval_start=start, interval_end=end)
    opt_run_id = create_run(RunRequest("odd", Attempt("odd", "scheduled__1"), window_request, "schedule", {}))
    mature = end + timedelta(hours=100)

    with pytest.raises(TaskDeferred) as deferred:
        WaitForLogs(task_id="wait_for_logs", opt_run_id=opt_run_id).execute({})

    assert wait_for_logs.awaited(opt_run_id, mature - timedelta(seconds=1)) == [
        f"its window to be 100 hours old at {mature:%F %R} UTC"
    ]
    assert wait_for_logs.awaited(opt_run_id, mature) == []
    assert deferred.value.trigger.deadline == (mature + timedelta(minutes=360)).isoformat()


@pytest.mark.case(2)
def test_a_run_whose_deadline_has_passed_when_it_looks_lists_what_is_missing_and_does_not_wait(
    entity, deliver, request_run, session
):
    """As after a night without workers: a wait that is over when it begins races with its own end in Airflow."""
    entity(deliver(nights([NIGHTS[-1]])), lookback_days=2)
    opt_run_id = create_run(request_run("odd"))
    then = datetime.now(UTC) - timedelta(days=1)
    session.execute(update(Run).where(Run.run_id == opt_run_id).values(started_at=then))
    session.commit()
    with pytest.raises(LogsMissing, match=r"1 of 2 partitions are not complete: .*date=2026-03-08"):
        WaitForLogs(task_id="wait_for_logs", opt_run_id=opt_run_id).execute({})


@pytest.mark.case(3)
def test_dates_that_are_not_mature_are_refused_and_no_dates_are_the_last_mature_days(
    entity, deliver, request_run, session
):
    entity(deliver(nights([NIGHTS[-3], BEFORE])), maturity_lag_hours=6)  # a run at 04:00 may not read yesterday

    with pytest.raises(WindowInvalid) as refused:
        create_run(request_run("odd", "manual__too_young", data_start="2026-03-09", data_end="2026-03-10"))
    assert str(refused.value) == (
        "data_end 2026-03-10 00:00 UTC is younger than maturity_lag_hours (6): events of that window may still arrive; "
        "run it after 2026-03-10 06:00 UTC, or lower maturity_lag_hours"
    )
    assert [run.status for run in session.scalars(select(Run))] == ["failed"]

    decided = in_process.run(request_run("odd"))
    made = session.get_one(Run, decided.opt_run_id)
    assert (made.data_start, made.data_end) == (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
    assert made.config_snapshot["values"]["maturity_lag_hours"] == 6


@pytest.mark.case(4)
def test_a_partition_that_was_rewritten_since_an_earlier_run_is_warned_of(
    entity, deliver, put, request_run, report_of, session
):
    logs_path = deliver(nights())
    url = logs_path.replace("{date}", str(BEFORE))
    entity(logs_path)
    first, second = (in_process.run(request_run("odd", dag_run_id=f"manual__{n}")) for n in (1, 2))
    put(f"{url}part-0.parquet", WORLD.day(BEFORE).slice(1))
    put(f"{url}part-1.parquet", WORLD.day(BEFORE).slice(0, 1))
    third = in_process.run(request_run("odd", dag_run_id="manual__3"))

    assert "inputs_changed" not in warned(report_of(first)[0]) | warned(report_of(second)[0])
    code = session.get_one(Run, second.opt_run_id).run_code
    assert third.decision == "activated"
    assert warned(report_of(third)[0])["inputs_changed"] == (
        f"inputs changed since run {code}: {url} (1 objects new, 1 objects replaced)"
    )


@pytest.mark.case(4)
def test_a_partition_that_is_rewritten_while_a_run_reads_it_fails_the_run(entity, deliver, put, request_run):
    logs_path = deliver(nights())
    url = logs_path.replace("{date}", str(LAST))
    entity(logs_path)
    opt_run_id = create_run(request_run("odd"))
    select_features(opt_run_id)
    put(f"{url}part-0.parquet", WORLD.day(LAST).slice(1))

    with pytest.raises(LogsInvalid) as failed:
        build_segments(opt_run_id)

    assert str(failed.value) == f"{url} has changed while the run was reading it: start a new run"


# ---- Outcomes


def with_outcomes(table, positives):
    """The table with so many outcomes, in its first rows."""
    return having(table, click=pa.array((np.arange(table.num_rows) < positives).astype(int)))


@pytest.mark.case(5)
def test_a_window_without_any_outcome_gives_bids_of_1_that_are_held(run, deliver):
    decided, report, table = run(deliver({day: with_outcomes(logs, 0) for day, logs in nights().items()}))

    assert decided.decision == "held"
    assert decided.reasons[0] == "0 outcomes in the window, 50 are needed"
    assert [row["multiplier"] for row in table.values()] == pytest.approx([1.0] * len(table))
    assert [feature["name"] for feature in report["features"]] == ["internal_adspace_id"]


@pytest.mark.case(6)
def test_with_few_outcomes_only_anchors_are_used_on_low_confidence_and_the_run_is_held(run, deliver):
    decided, report, table = run(deliver({day: with_outcomes(logs, 20) for day, logs in nights().items()}))

    assert decided.decision == "held"
    assert decided.reasons[0] == "40 outcomes in the window, 50 are needed"
    assert [feature["name"] for feature in report["features"]] == ["internal_adspace_id"]
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}
    assert reasons == {"device_type": "too_few_positives", "ad_size": "too_few_positives"}
    assert {row["tier"] for row in table.values() if not row["is_default"]} <= {"low", "medium"}


@pytest.mark.case(7)
def test_outcomes_beyond_the_exposures_are_cut_and_reported_and_too_many_fail_the_run(run, deliver):
    logs = nights()
    some = having(logs[LAST], click=changed(logs[LAST]["click"], range(100), 17))
    many = having(logs[LAST], click=changed(logs[LAST]["click"], range(2000), 17))
    decided, report, _ = run(deliver(logs | {LAST: some}))
    plain = sum(int(np.asarray(table["click"])[100 * (day == LAST) :].sum()) for day, table in logs.items())

    assert decided.decision == "activated"
    assert report["totals"]["outcome"] == plain + 100
    assert warned(report)["outcome_above_exposure"] == (
        "100 rows with more outcomes than exposures: outcomes cut to the exposures; most of them on 2026-03-09"
    )
    with pytest.raises(LogsInvalid) as failed:
        run(deliver(logs | {LAST: many}, "worse"), "worse")
    assert str(failed.value) == (
        "8.3% of 24000 rows have more outcomes (outcome_column 'click') than exposures (1, one a row), more than the "
        "5.0% of max_lost_share; most of them on 2026-03-09; correct the columns or the logs, or raise "
        "max_lost_share"
    )


# ---- Repeats


@pytest.mark.case(8)
def test_rows_that_were_delivered_again_are_counted_once_where_that_is_configured(run, deliver):
    logs = nights()
    again = {day: pa.concat_tables([table, *[table.slice(5, 20)] * 25]) for day, table in logs.items()}
    logs_path = deliver(again)
    _, clean, clean_table = run(deliver(logs, "clean"), "clean")
    decided, report, table = run(logs_path, drop_duplicates="true")
    kept, kept_report, kept_table = run(logs_path, "kept")

    assert (decided.decision, kept.decision) == ("activated", "activated")
    assert table == clean_table
    assert report["totals"] == clean["totals"]
    assert report["coverage"]["duplicate_share"] == pytest.approx(1000 / 25_000)
    assert warned(report)["repeat_dropped"] == "1000 rows that repeat the id of another: not counted"
    assert kept_table != clean_table
    assert warned(kept_report)["duplicate"].startswith("1000 rows that repeat another: kept")


@pytest.mark.case(8)
@pytest.mark.parametrize("drop", ["true", "false"])
def test_too_many_rows_that_repeat_an_id_fail_the_run_with_the_id_repeated_most(run, deliver, base_path, drop):
    logs = nights()
    logs[LAST] = pa.concat_tables([logs[LAST], logs[LAST].slice(0, 1500), *[logs[LAST].slice(7, 1)] * 24])

    with pytest.raises(LogsInvalid) as failed:
        run(deliver(logs), drop_duplicates=drop)

    assert str(failed.value) == (
        "6.0% of 25524 rows repeat the id of another, more than the 5.0% of max_duplicate_share; the most repeated is "
        f"auction_id='0007-260309-000007', 26 times, as in {base_path}/odd/date=2026-03-09/part-0.parquet; deliver "
        "each row once, check row_id_columns, or raise max_duplicate_share"
    )


@pytest.mark.case(8)
@pytest.mark.parametrize("days", [1, 2])
def test_rows_that_nothing_identifies_all_count_and_become_a_table_like_rows_with_an_id(run, deliver, days):
    logs = nights((BEFORE, LAST)[-days:])
    bare = {day: table.select(["click", *FEATURES.split(", ")]) for day, table in logs.items()}
    unidentified = {"row_id_columns": "", "timestamp_column": "", "cost_column": "", "value_column": ""}
    by_id, by_id_report, _ = run(deliver(logs, "by_id"), "by_id", lookback_days=days)
    decided, report, _ = run(deliver(bare, "bare"), "bare", lookback_days=days, **unidentified)
    identified, plain = (each["features"][0]["name"] for each in (by_id_report, report))

    assert (by_id.decision, decided.decision) == ("activated", "activated")
    assert plain == identified
    assert report["totals"]["rows"] == 12_000 * days
    assert "rows_not_identified" in warned(report)
    assert "duplicate" not in warned(report)


@pytest.mark.case(8)
@pytest.mark.parametrize("drop", ["true", "false"])
def test_rows_without_an_id_are_nobodys_repeats(run, deliver, drop):
    logs = nights()
    for day, table in logs.items():
        ids = changed(changed(table["auction_id"], range(1000), None), range(1000, 2000), "null")
        logs[day] = having(table, auction_id=ids)
    _, report, _ = run(deliver(logs), drop_duplicates=drop)

    assert report["totals"]["rows"] == 24_000
    assert not {"duplicate", "repeat_dropped"} & set(warned(report))


def redelivered():
    """Two nights with copies of 500 rows on the other day: a day later, on a device `again`, half of them clicked."""
    logs = nights()
    copies = logs[BEFORE].slice(0, 500)
    later = pa.array(
        [at + timedelta(days=1) for at in copies["event_time"].to_pylist()], copies.schema.field("event_time").type
    )
    click = pa.array((np.arange(500) % 2).astype(int))
    again = having(copies, event_time=later, click=click, device_type=pa.array(["again"] * 500))
    logs[LAST] = pa.concat_tables([logs[LAST], again])
    return logs


def with_twins(table):
    """The table with copies of its rows 1000 to 1299 that differ in the device alone."""
    rows = table.slice(1000, 300)
    return pa.concat_tables([table, having(rows, device_type=pa.array(["twin", "mobile", "ctv"] * 100))])


DEVICES = {"drop_duplicates": "true", "anchor_features": "internal_adspace_id, device_type"}


@pytest.mark.case(9)
def test_a_row_that_comes_again_at_another_time_counts_once_as_the_copy_that_knows_of_the_event(run, deliver):
    """Of two copies that know as much the earlier one counts: in the profile, the sample and the exact statistics."""
    logs = redelivered()
    first, copy = (logs[day].slice(*at)["click"].to_numpy() for day, at in ((BEFORE, (0, 500)), (LAST, (12_000, 500))))
    clicks = sum(int(table["click"].to_numpy().sum()) for table in nights().values())
    news = int((copy > first).sum())
    decided, report, table = run(deliver(logs), **DEVICES, allowed_leaks="device_type")  # `again` is one
    again = next(row for row in table.values() if row["feature_device_type"] == "again")

    assert decided.decision == "activated"
    assert (report["totals"]["rows"], report["totals"]["outcome"]) == (24_000, clicks + news)
    assert report["coverage"]["rows_by_day"] == {str(BEFORE): 12_000 - news, str(LAST): 12_000 + news}
    assert report["coverage"]["sampled_rows"] == table["*|*|*"]["rows"] == 24_000
    assert (again["rows"], again["outcomes"]) == (news, news)
    assert news > 200


@pytest.mark.case(9)
def test_which_copy_counts_does_not_follow_the_order_or_the_files_of_the_rows(run, deliver):
    logs = {day: with_twins(table) for day, table in redelivered().items()}
    shuffled = {}
    for day, table in logs.items():
        order = np.random.default_rng(day.day).permutation(table.num_rows)
        rows = table.take(pa.array(order))
        shuffled[day] = [rows.slice(6_000), rows.slice(0, 6_000)]
    _, report, table = run(deliver(logs), **DEVICES)
    _, other_report, other = run(deliver(shuffled, "shuffled"), "shuffled", **DEVICES, engine_threads=1)

    assert other == table
    assert other_report["features"] == report["features"]
    assert other_report["holdout"] == report["holdout"]


# ---- Time


@pytest.mark.case(10)
def test_rows_from_outside_of_their_days_are_reported_and_not_counted(run, deliver):
    logs = nights()
    ahead = datetime(2026, 3, 11, 2, tzinfo=UTC)
    times = changed(changed(logs[LAST]["event_time"], range(30), ahead), range(30, 40), None)
    logs[LAST] = having(logs[LAST], event_time=times.cast(logs[LAST].schema.field("event_time").type))
    decided, report, _ = run(deliver(logs))

    assert decided.decision == "activated"
    assert report["totals"]["rows"] == 24_000 - 40
    assert warned(report)["outside_window"] == (
        "30 rows have a time outside of the days of their partitions, 2026-03-08 to 2026-03-09 UTC, from 2026-03-11 "
        "02:00 to 2026-03-11 02:00: not counted; check the clocks of the servers, timestamp_column 'event_time', "
        "timezone and logs_timezone"
    )
    assert warned(report)["without_time"] == "10 rows have no time (timestamp_column 'event_time'): not counted"


@pytest.mark.case(10)
def test_a_minute_that_holds_much_of_its_hour_is_warned_of(run, deliver):
    logs = nights()
    burst = changed(logs[LAST]["event_time"], range(600), datetime(2026, 3, 9, 0, 1, 30, tzinfo=UTC))
    logs[LAST] = having(logs[LAST], event_time=burst.cast(logs[LAST].schema.field("event_time").type))
    decided, report, _ = run(deliver(logs))
    _, calm, _ = run(deliver(nights(), "calm"), "calm")

    assert decided.decision == "activated"
    assert report["totals"]["rows"] == 24_000
    assert warned(report)["minute_burst"].startswith("the minute 2026-03-09 00:01 UTC has 5")
    assert "where up to 20% are usual" in warned(report)["minute_burst"]
    assert "minute_burst" not in warned(calm)


@pytest.mark.case(10)
def test_logs_whose_times_are_whole_hours_have_no_burst(run, deliver):
    logs = {day: having(table, event_time=hours(table, day)) for day, table in nights().items()}
    _, report, _ = run(deliver(logs))

    assert "minute_burst" not in warned(report)


def hours(table, day):
    """Each row's time cut to the hour."""
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    return pa.array([midnight + timedelta(hours=int(h)) for h in table["hour"].to_pylist()], pa.timestamp("us", "UTC"))


@pytest.mark.case(11)
@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_is_counted_from_midnight_to_midnight(add_entity, deliver, report_of, day, length):
    """A row a minute from noon to noon around the day, in the folders of their days in Berlin."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    times = [noon + timedelta(minutes=n) for n in range(-36 * 60, 36 * 60)]
    rows = pa.table(
        {"at": pa.array(times, pa.timestamp("us", "UTC")), "site": ["a", "b"] * 36 * 60, "click": [0, 1] * 36 * 60}
    )
    no_columns = dict.fromkeys(("value_column", "cost_column", "row_id_columns", "anchor_features"), "")
    features = {"candidate_features": "site", "allowed_leaks": "site", "timestamp_column": "at"}
    logs_path = deliver({day: rows})
    add_entity("odd", logs_path=logs_path, timezone="Europe/Berlin", max_lost_share="1", **no_columns, **features)
    window_request = WindowRequest(noon + timedelta(days=5), str(day), str(day + timedelta(days=1)))
    decided = in_process.run(RunRequest("odd", Attempt("cli", "1"), window_request, "manual:tester", {}))
    report, _ = report_of(decided)

    assert datetime.fromisoformat(report["data_end"]) - datetime.fromisoformat(report["data_start"]) == timedelta(
        hours=length
    )
    assert report["coverage"]["rows_by_day"] == {str(day): length * 60}
    assert warned(report)["outside_window"].startswith(f"{(72 - length) * 60} rows have a time outside of the days")


@pytest.mark.case(12)
@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        ("2026-03-09", "2026-03-09", "data_start 2026-03-09 00:00 must be before data_end 2026-03-09 00:00"),
        ("2026-03-09", "2026-03-08", "data_start 2026-03-09 00:00 must be before data_end 2026-03-08 00:00"),
        ("2026-03-09", None, "give both data_start and data_end, or neither"),
        ("2026-03-09T10:00", "2026-03-10", "'2026-03-09T10:00' is not a date: write YYYY-MM-DD"),
        ("2026-03-09", "2026-03-11", "data_end 2026-03-11 00:00 UTC is in the future: its logs cannot be complete"),
        (
            "2025-03-10",
            "2026-03-10",
            (
                "window [2025-03-10 00:00, 2026-03-10 00:00) UTC has 365 days, more than the 92 of max_window_days: "
                "choose a shorter one, or raise max_window_days"
            ),
        ),
    ],
)
def test_what_is_no_window_is_refused_and_recorded_as_a_failed_run_with_the_reason(
    add_entity, request_run, session, start, end, complaint
):
    add_entity()

    with pytest.raises(WindowInvalid) as refused:
        create_run(request_run(data_start=start, data_end=end))

    assert str(refused.value) == complaint
    [run] = session.scalars(select(Run))
    assert (run.status, run.error_message.startswith(f"create_run: WindowInvalid: {complaint}")) == ("failed", True)


@pytest.mark.case(12)
def test_instants_without_a_zone_make_no_window():
    with pytest.raises(WindowInvalid, match="needs instants with a time zone"):
        Window(datetime(2026, 3, 9), datetime(2026, 3, 10))  # noqa: DTZ001 - that they are naive is the point


# ---- Columns


@pytest.mark.case(13)
def test_a_constant_candidate_is_left_out_and_a_constant_anchor_is_kept_and_warned_of(run, deliver):
    ones = {
        day: having(t, seller=pa.array(["s"] * t.num_rows), buyer=pa.array([7] * t.num_rows))
        for day, t in nights().items()
    }
    features = {"candidate_features": f"{FEATURES}, seller", "anchor_features": "buyer, internal_adspace_id"}
    decided, report, table = run(deliver(ones), **features)
    buyer, *_ = report["features"]

    assert decided.decision == "activated"
    assert {rejected["name"]: rejected["reason"] for rejected in report["rejected"]} == {"seller": "constant"}
    assert (buyer["name"], buyer["is_anchor"], buyer["rows"]) == ("buyer", True, 0)
    assert buyer["signal_score"] == pytest.approx(0, abs=1e-9)
    assert warned(report)["anchor_constant"] == (
        "anchor 'buyer' has a single value: it carries no information; remove it from anchor_features, or fix the "
        "column"
    )
    assert len(table) > 1


@pytest.mark.case(14)
def test_a_column_of_ids_is_left_out_whether_it_is_denied_or_not(run, deliver):
    renamed = {day: having(table, visitor=table["user_id"]) for day, table in nights().items()}
    _, report, _ = run(deliver(renamed), candidate_features=f"{FEATURES}, user_id, visitor")
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}

    assert (reasons["user_id"], reasons["visitor"]) == ("denylisted", "near_unique")


@pytest.mark.case(53)
def test_a_column_that_leaks_the_outcome_holds_the_run_until_somebody_answers(entity, deliver, request_run, report_of):
    states = {day: leaking(table) for day, table in nights().items()}
    entity(deliver(states), candidate_features=f"{FEATURES}, state, creative")
    held = in_process.run(request_run("odd", dag_run_id="manual__1"))
    report, _ = report_of(held)
    answers = {"denied": {"denied_features": "state"}, "allowed": {"allowed_leaks": "state"}}
    settled = {
        answer: in_process.run(request_run("odd", dag_run_id=f"manual__{answer}", overrides=override))
        for answer, override in answers.items()
    }
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}
    first = report["warnings"][0]

    assert (held.decision, reasons["state"]) == ("held", "leak_suspected")
    assert "creative" not in {name for name, reason in reasons.items() if reason == "leak_suspected"}
    assert any("suspected to leak the outcome" in reason for reason in held.reasons)
    assert first["code"] == "leak_suspected"
    assert first["message"].startswith(
        "state is suspected to leak the outcome: 1 of the rows whose value is one such as"
    )
    assert first["message"].endswith("add it to allowed_leaks; else to denied_features")
    assert {answer: each.decision for answer, each in settled.items()} == dict.fromkeys(answers, "activated")
    assert "state" in [feature["name"] for feature in report_of(settled["allowed"])[0]["features"]]


@pytest.mark.case(59)
def test_a_column_that_says_much_and_is_left_out_for_its_values_is_warned_of(entity, deliver, request_run, report_of):
    entity(
        deliver({day: hardly_shared(t) for day, t in nights().items()}), candidate_features=f"{FEATURES}, floor, deal"
    )
    run = in_process.run(request_run("odd", dag_run_id="manual__1"))
    report, _ = report_of(run)
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}
    said = {warning["code"]: warning["message"] for warning in report["warnings"]}

    assert run.decision == "activated"
    assert (reasons["floor"], reasons["deal"]) == ("near_unique", "mostly_missing")
    assert said["numbers_unbanded"].startswith("floor holds numbers that few rows share: in 16 bands")
    assert said["missing_left_out"].startswith("deal is left out, mostly missing, and would add")


def together(table, with_click=0.75, without=0.5, seed=4):
    """Return logs with two columns, each a fair coin, that differ more often with the click than without."""
    click = np.asarray(table["click"])
    draw = np.random.default_rng(seed)
    hand = draw.random(len(click)) < 0.5
    differs = draw.random(len(click)) < np.where(click > 0, with_click, without)
    sides = {"hand": np.where(hand, "left", "right"), "side": np.where(hand ^ differs, "left", "right")}
    return having(table, **{name: pa.array(column.tolist()) for name, column in sides.items()})


PAIR = ("hand", "side")


@pytest.mark.case(61)
def test_columns_that_say_something_only_together_are_features_and_their_combinations_are_rows(run, deliver):
    decided, report, table = run(
        deliver({day: together(t) for day, t in nights().items()}), candidate_features=f"{FEATURES}, hand, side"
    )
    features = [feature["name"] for feature in report["features"]]
    factors = {key: row["factor"] for key, row in table.items() if key.endswith(("|left|left", "|left|right"))}

    assert decided.decision == "activated"
    assert features[-2:] == [*PAIR]
    assert [*PAIR] in [interaction["features"] for interaction in report["interactions"]]
    assert sorted(round(factor, 1) for factor in factors.values()) == [0.5, 1.5]
    assert not {*PAIR} & {rejected["name"] for rejected in report["rejected"]}


@pytest.mark.case(61)
def test_columns_that_say_something_only_together_are_warned_of_where_there_is_no_room(run, deliver):
    logs_path = deliver({day: together(t) for day, t in nights().items()})
    decided, report, _ = run(logs_path, candidate_features=f"{FEATURES}, hand, side", max_features=4)

    assert decided.decision == "activated"
    assert not {*PAIR} & {feature["name"] for feature in report["features"]}
    assert warned(report)["pair_unused"].startswith("hand and side say together what neither says alone")
    assert warned(report)["pair_unused"].endswith("raise max_features to let them in")


@pytest.mark.case(61)
def test_columns_that_leak_the_outcome_only_together_hold_the_run(run, deliver):
    leaks = {day: together(t, 0.9, 0.0005) for day, t in nights().items()}
    decided, report, _ = run(deliver(leaks), candidate_features=f"{FEATURES}, hand, side")
    reasons = {rejected["name"]: rejected["reason"] for rejected in report["rejected"]}

    assert decided.decision == "held"
    assert reasons["hand|side"] == "leak_suspected"
    assert not {*PAIR} & {feature["name"] for feature in report["features"]}
    assert warned(report)["leak_suspected"].startswith("hand|side is suspected to leak the outcome")


def hardly_shared(table):
    """Return logs with a price of its own in each row, and a deal in few rows; both go with the click."""
    click = np.asarray(table["click"])
    draw = np.random.default_rng(3)
    floor = draw.gamma(2, 1, len(click)) + click
    deal = np.where(draw.random(len(click)) < np.where(click > 0, 0.2, 0.005), "deal-1", None)
    return having(table, floor=pa.array(floor.tolist()), deal=pa.array(deal.tolist(), pa.string()))


def leaking(table):
    """Return logs with a state that is written after the click, and a creative that knows nothing of it."""
    click = np.asarray(table["click"])
    draw = np.random.default_rng(3)
    state = np.where((click > 0) & (draw.random(len(click)) < 0.5), "landed", "shown")
    creative = draw.integers(0, 9, len(click)).astype(str)
    return having(table, state=pa.array(state.tolist()), creative=pa.array(creative.tolist()))


@pytest.mark.case(15)
def test_a_feature_whose_values_multiply_against_the_active_run_is_warned_of(
    entity, deliver, put, request_run, report_of
):
    logs_path = deliver(nights())
    entity(logs_path)
    in_process.run(request_run("odd", dag_run_id="manual__1"))
    for day, table in nights().items():
        ids = [
            f"{n}-{row % 40}" if row % 10 == 0 else str(n)
            for row, n in enumerate(table["internal_adspace_id"].to_pylist())
        ]
        put(f"{logs_path.replace('{date}', str(day))}part-0.parquet", having(table, internal_adspace_id=pa.array(ids)))
    decided = in_process.run(request_run("odd", dag_run_id="manual__2"))
    warning = warned(report_of(decided)[0])["values_grown"]

    assert decided.decision == "activated"
    assert warning.startswith("internal_adspace_id has 1")
    assert "values, 30 in the active run: more than 3 times as many" in warning


@pytest.mark.case(16)
def test_a_renamed_anchor_fails_the_run_with_the_columns_there_are(run, deliver, session):
    renamed = {day: table.rename_columns({"internal_adspace_id": "placement"}) for day, table in nights().items()}

    with pytest.raises(LogsInvalid):
        run(deliver(renamed))

    assert session.scalars(select(Run)).one().error_message == (
        "select_features: LogsInvalid: the logs have no column 'internal_adspace_id' (anchor_features); they have: "
        "ad_size, auction_id, browser, carrier, click, country, deal_id, device_type, event_time, hour, placement, "
        "price, revenue, site_domain, user_id"
    )


@pytest.mark.case(16)
def test_a_renamed_candidate_is_left_out_with_the_reason(run, deliver):
    renamed = {day: table.rename_columns({"ad_size": "size"}) for day, table in nights().items()}
    decided, report, _ = run(deliver(renamed))

    assert decided.decision == "activated"
    assert {"name": "ad_size", "reason": "absent"}.items() <= report["rejected"][0].items()


@pytest.mark.case(16)
@pytest.mark.parametrize("kind", [pa.float64(), pa.string()])
def test_a_column_of_whole_numbers_has_the_same_values_when_its_type_changes(run, deliver, kind):
    logs = nights()
    _, _, plain = run(deliver(logs, "plain"), "plain")
    floats = logs[BEFORE]["internal_adspace_id"].cast(pa.float64())  # as pandas writes whole numbers with gaps
    column = floats if kind == pa.float64() else pa.array([str(value) for value in floats.to_pylist()])
    _, _, mixed = run(deliver({BEFORE: having(logs[BEFORE], internal_adspace_id=column), LAST: logs[LAST]}))

    assert mixed == plain
    assert not any(".0" in key for key in mixed)


# ---- Values


def with_sites(values, name="site"):
    """Two nights whose column `name` repeats these values, and clicks that follow them, so that each may get a row."""
    logs = {}
    for day, table in nights().items():
        code = np.arange(table.num_rows) % len(values)
        click = np.random.default_rng(day.day).random(table.num_rows) < 0.05 + 0.4 * code / len(values)
        site = [values[n] for n in code]
        kind = pa.binary() if any(isinstance(value, bytes) for value in values) else pa.string()
        logs[day] = having(table, **{name: pa.array(site, kind)}, click=pa.array(click.astype(int)))
    return logs


SITES = {"candidate_features": "site", "anchor_features": "site"}


@pytest.mark.case(17)
def test_all_missing_markers_are_one_missing_value_and_0_is_a_value_unless_declared(run, deliver):
    nothing = [None, "", "  ", "null", "NULL", "---", "NaN", "undefined"]
    logs_path = deliver(with_sites([*nothing, "-1", "0", "news", "mail"]))
    _, _, table = run(logs_path, **SITES)
    _, _, declared = run(
        logs_path, "declared", **SITES, missing_values='["", "null", "none", "nan", "---", "undefined", "-1", "0"]'
    )

    assert set(table) - {"*"} <= {MISSING, "-1", "0", "news", "mail"}
    assert table[MISSING]["rows"] == 24_000 / 12 * len(nothing)
    assert table["0"]["rows"] == 24_000 / 12
    assert declared[MISSING]["rows"] == 24_000 / 12 * (len(nothing) + 2)
    assert "0" not in declared


@pytest.mark.case(18)
def test_an_unexpanded_macro_is_never_a_segment_and_more_than_one_in_a_hundred_is_warned_of(run, deliver):
    values = ["a", "b", "c", "d", *["e"] * 5, "${SITE}"]
    decided, report, table = run(deliver(with_sites(values)), **SITES)
    rare = with_sites(["a", "b", "c", "d"] * 50 + ["[SITE]"])
    _, few, few_table = run(deliver(rare, "rare"), "rare", **SITES)

    assert decided.decision == "activated"
    assert warned(report)["unexpanded_macro"] == (
        "10.0% of the exposures hold an unexpanded macro in 'site', which is never a segment; have the ad server "
        "expand it before the row is logged"
    )
    assert not {UNEXPANDED, "${SITE}", "[SITE]"} & {*table, *few_table}
    assert "unexpanded_macro" not in warned(few)


HOSTILE = ["a|b", "a\nb", 'say "no"', "it's", "\\", "*", "späße", "\U0001f600", "x" * 10_000, "%7C", "a~b"]


@pytest.mark.case(19)
def test_a_value_of_any_characters_is_found_by_its_key_and_one_too_long_is_no_segment(run, deliver):
    decided, report, table = run(deliver(with_sites([*HOSTILE, "plain"])), **SITES, dead_band=0)
    rows = [Row(key, row["factor"], row["multiplier"]) for key, row in table.items()]

    assert decided.decision == "activated"
    for value in HOSTILE:
        answer = look_up(rows, ["site"], {"site": canonical(value, frozenset())}, 0.3, 3)
        own = [table[row.segment] for row in answer.rows if not table[row.segment]["is_default"]]
        assert [row["rows"] for row in own] == ([] if len(value) > 256 else [2000]), value
    assert warned(report)["value_too_long"] == (
        "8.3% of the exposures hold a value of more than 256 bytes, or '__other__' itself in 'site', which is never a "
        "segment; log an id instead"
    )


@pytest.mark.case(19)
@pytest.mark.parametrize(("plain", "decision"), [(1, "held"), (19, "activated")])
def test_a_value_that_holds_a_combo_s_separator_is_missed_by_name_and_holds_a_run_when_there_are_many(
    run, deliver, plain, decision
):
    values = ["a~b", *(f"v{n}" for n in range(plain))]
    config = {"candidate_features": "ad_size", "anchor_features": "ad_size"}
    decided, report, _ = run(deliver(with_sites(values, "ad_size")), **config, macro_formats="adx", dead_band=0)
    trip = report["round_trip"]["adx"]

    assert decided.decision == decision
    assert [(miss["value"], miss["cause"]) for miss in trip["misses"]] == [("a~b", "delimiter_in_value")]
    assert trip["hit_rate"] == trip["addressable_hit_rate"] == pytest.approx(plain / (plain + 1), abs=0.02)
    assert ("macro_misses" in warned(report)) == (decision == "held")


@pytest.mark.case(19)
def test_bytes_that_are_no_text_become_text_that_is(run, deliver):
    decided, _, table = run(deliver(with_sites([b"caf\xe9", b"plain", b"other"])), **SITES)

    assert decided.decision == "activated"
    assert table["caf\N{REPLACEMENT CHARACTER}"]["rows"] == 8000


@pytest.mark.case(20)
def test_hosts_are_canonicalised_where_the_configuration_says_hosts_and_the_rules_version_is_kept(
    run, deliver, session
):
    logs_path = deliver(with_sites(["WWW.Drugs.com.", "www.drugs.com", "other.example", "third.example"]))
    decided, _, hosts = run(logs_path, "hosts", **SITES, host_features="site")
    _, _, plain = run(logs_path, "plain", **SITES)

    assert {key for key in hosts if "rugs" in key} == {"www.drugs.com"}
    assert {key for key in plain if "rugs" in key} == {"WWW.Drugs.com.", "www.drugs.com"}
    assert session.get_one(Run, decided.opt_run_id).config_snapshot["spelling_version"] == SPELLING_VERSION


@pytest.mark.case(20)
def test_the_rules_of_canonicalisation_are_those_of_their_version():
    """When this fails, values are canonicalised differently than before: raise SPELLING_VERSION with the new values."""
    raw = [None, " A.b ", "512.0", "-0.0", "Cafe\u0301", "a\tb", "${X}", "x" * 257, "NULL", "007", "1.2.0"]

    assert SPELLING_VERSION == 1
    assert [canonical(value, frozenset({"null"})) for value in raw] == [
        *("__missing__", "A.b", "512", "0", "Caf\u00e9", "a b", "__unexpanded__", "__other__", "__missing__", "007"),
        "1.2.0",
    ]
    assert canonical(" WWW.Drugs.COM. ", frozenset(), is_host=True) == "www.drugs.com"


@pytest.mark.case(21)
def test_raw_forms_that_become_one_value_add_up_before_any_rate_is_taken(run, deliver):
    """The rows of a rare raw form and of a common one count together: neither replaces the other."""
    values = ["News.example", *["news.example"] * 3, *["other.example"] * 4]
    logs = with_sites(values)
    _, _, table = run(deliver(logs), **SITES, host_features="site", dead_band=0)
    site = np.concatenate([np.array([str(v).lower() for v in t["site"].to_pylist()]) for t in logs.values()])
    click = np.concatenate([t["click"].to_numpy() for t in logs.values()])

    for name in ("news.example", "other.example"):
        assert table[name]["rows"] == (site == name).sum() == 12_000
        assert table[name]["outcomes"] == click[site == name].sum()
    assert table["*"]["rows"] == 24_000
    alike = {
        day: having(table, site=pa.array([v.lower() for v in table["site"].to_pylist()])) for day, table in logs.items()
    }
    assert table == run(deliver(alike, "alike"), "alike", **SITES, dead_band=0)[2]
