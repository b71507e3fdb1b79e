"""The edge cases of runs and bids (docs/edge-cases.md, 22 to 52): the status of the run, and what is reported.

FAIL: the run fails with the reason, and the active run stays active. HOLD: it succeeded and is not activated. WARN: it
is activated, and the report has the warning.
"""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from threading import Barrier

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.awsrequest import AWSResponse
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, LogsInvalid, MacroGap, RunIncomplete
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.steps.select_features import select_features
from rtb_optimizer.steps.write_outputs import write_outputs
from rtb_optimizer.store import (
    active_copy,
    configs,
    connections,
    dag_list,
    dag_list_export,
    entities,
    manual_activation,
    runs,
)
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.manual_activation import PointerChange
from rtb_optimizer.store.objects import ObjectStore, run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunFeature, RunOutput, Version
from seeded_logs import BUSY_WORLD, NIGHTS, WORLD

case, with_logs = pytest.mark.case, pytest.mark.usefixtures("logs")
BEFORE_ACTIVATION = tuple(function for _, function in in_process.STEPS)
SHORTER = {"data_start": "2026-03-06", "data_end": "2026-03-09"}


@pytest.fixture
def started(request_run):
    """Create a run and take it up to its activation; returns its id. Keyword arguments as of `request_run`."""
    number = count(1)

    def start(**options):
        options.setdefault("dag_run_id", f"manual__{next(number)}")
        opt_run_id = create_run(request_run(**options))
        for step in BEFORE_ACTIVATION:
            step(opt_run_id)
        return opt_run_id

    return start


@pytest.fixture
def read_output(session, store):
    """Return an output of a run, read as JSON, or as rows where it is a table."""

    def read(opt_run_id, name="report"):
        session.expire_all()
        keys = {output.output_type: output.s3_key for output in runs.outputs(session, opt_run_id)}
        body = store.read(keys[name])
        return pq.read_table(io.BytesIO(body)).to_pylist() if keys[name].endswith(".parquet") else json.loads(body)

    return read


def failed(session, what):
    """The message of the one failed run, which begins with the step it failed in."""
    session.expire_all()
    run = session.scalars(select(Run).where(Run.status == "failed")).one()
    assert run.error_message.startswith(what)
    assert runs.outputs(session, run.run_id) == []
    return run.error_message


def messages(report, code):
    """What the report warns of under a code, in words."""
    return [warning["message"] for warning in report["warnings"] if warning["code"] == code]


def at(day, *clock):
    """An instant of March 2026."""
    return datetime(2026, 3, day, *clock, tzinfo=UTC)


@pytest.fixture
def write_nights(store, base_path):
    """Write other nights than the seeded ones: what `changed` makes of each; returns the config that reads them."""

    def write(changed, world=WORLD):
        logs_path = f"{base_path}/other/date={{date}}/"
        for day in NIGHTS:
            body = io.BytesIO()
            pq.write_table(changed(day, world.day(day)), body)
            folder = split_url(logs_path.replace("{date}", str(day)))[1]
            store.replace(f"{folder}part-0.parquet", body.getvalue())
            store.replace(f"{folder}_SUCCESS", b"\n")
        return {"logs_path": logs_path}

    return write


def as_seeded(_, table):
    return table


def with_column(table, name, values):
    """The table with a column replaced or added."""
    table = table.drop_columns([name]) if name in table.column_names else table
    return table.append_column(name, pa.array(values))


def is_active(session, opt_run_id, entity_code="drugs_com"):
    session.expire_all()
    return entities.find(session, entity_code).active_run_id == opt_run_id


# ---- Macros


@case(22)
@with_logs
def test_a_format_that_must_not_fail_fails_the_run_by_feature_and_fix(add_entity, request_run, session):
    add_entity()
    overrides = {"macro_gap_policies": {"xandr": "fail"}, "anchor_features": ["carrier"]}

    with pytest.raises(MacroGap):
        in_process.run(request_run(overrides=overrides))

    assert "format 'xandr' has no macro for carrier: give it one by `rtb macros set carrier xandr TEMPLATE`" in failed(
        session, "map_ad_macros: MacroGap"
    )


@case(22)
@with_logs
def test_the_other_formats_are_written_and_the_matrix_shows_the_gap(add_entity, started, read_output, session):
    add_entity()
    overrides = {"macro_gap_policies": {"xandr": "skip_format"}, "anchor_features": ["internal_adspace_id", "carrier"]}
    opt_run_id = started(overrides=overrides)
    formats = read_output(opt_run_id)["ad_macros"]["formats"]

    assert (formats["xandr"]["combo"], formats["xandr"]["coverage"]["carrier"]) == (None, "gap")
    assert formats["adx"]["combo"].startswith("[ADX_PLACEMENT_ID]~*")
    assert "adx" in {row.macro_format for row in runs.ad_macros(session, opt_run_id)}
    assert formats["xandr"]["skipped"].startswith("no macro for carrier")


@case(22)
@with_logs
def test_what_a_format_cannot_address_is_reported_in_the_round_trip_and_holds_no_run(add_entity, started, read_output):
    add_entity()
    opt_run_id = started()
    report = read_output(opt_run_id)
    trips = report["round_trip"]

    assert {name for name, each in report["ad_macros"]["formats"].items() if each["combo"]} == set(trips)
    assert (trips["adx"]["hit_rate"], trips["adx"]["misses"]) == (1.0, [])
    assert sum(level["exposure_share"] for level in trips["adx"]["levels"]) == pytest.approx(1)
    assert len(trips["adx"]["levels"]) > 1, "values of few exposures back off, and that is no miss"
    causes = {(miss["feature"], miss["cause"]) for miss in trips["xandr"]["misses"]}
    assert ("internal_adspace_id", "value_map_absent") in causes
    assert trips["xandr"]["hit_rate"] < 0.5
    assert trips["xandr"]["addressable_hit_rate"] == 1.0
    assert report["gates"]["facts"]["macro_hit_rate"] == 1.0
    assert activate_run(opt_run_id).decision == "activated"


@case(22)
@with_logs
def test_a_value_map_makes_a_platform_s_ids_ours_and_one_that_lacks_values_holds_the_run(
    add_entity, started, read_output
):
    add_entity()
    adspaces = sorted({str(value) for day in NIGHTS for value in WORLD.day(day)["internal_adspace_id"].to_pylist()})
    maps = {"xandr": {"internal_adspace_id": {value: f"9{value}" for value in adspaces}, "country": {}, "deal_id": {}}}
    whole = started(overrides={"macro_value_maps": maps})
    two_ids = dict(list(maps["xandr"]["internal_adspace_id"].items())[:2])
    partly = started(
        overrides={"macro_value_maps": {"xandr": {"internal_adspace_id": two_ids, "country": {}, "deal_id": {}}}}
    )
    report = read_output(partly)

    mapped, misses = read_output(whole)["round_trip"]["xandr"], report["round_trip"]["xandr"]["misses"]
    assert "internal_adspace_id" not in {miss["feature"] for miss in mapped["misses"]}
    assert mapped["addressable_hit_rate"] == 1.0
    assert {miss["cause"] for miss in misses if miss["feature"] == "internal_adspace_id"} == {"not_in_value_map"}
    assert activate_run(whole).decision == "activated"
    decided = activate_run(partly)
    assert decided.decision == "held"
    assert "of the exposures find through a format's macros what their own values find, 90.0% are needed" in str(
        decided.reasons
    )
    assert "xandr: through the macros that it has" in messages(report, "macro_misses")[0]
    assert " of internal_adspace_id (not_in_value_map)" in messages(report, "macro_misses")[0]


@case(22)
@with_logs
def test_a_value_map_that_gives_two_values_one_id_is_refused(add_entity, request_run, session):
    add_entity()
    maps = {"xandr": {"internal_adspace_id": {"1002": "7", "1003": "7"}}}

    with pytest.raises(ConfigInvalid):
        in_process.run(request_run(overrides={"macro_value_maps": maps}))

    assert "macro_value_maps: internal_adspace_id in 'xandr' gives '7' to more than one of our values" in failed(
        session, "create_run: ConfigInvalid"
    )


# ---- Configuration, versions, entities


@case(24)
def test_every_violation_of_a_configuration_is_reported_when_saved_and_when_run(add_entity, request_run, session):
    wrong = {"max_features": "99", "min_z": "many", "max_featurs": "3", "outcome_column": ""}
    with pytest.raises(ConfigInvalid) as refused:
        add_entity(**wrong)
    assert {text.split(" ")[0] for text in refused.value.violations} == set(wrong)

    add_entity("healthline")
    with pytest.raises(ConfigInvalid):
        create_run(request_run("healthline", overrides=wrong))
    message = failed(session, "create_run: ConfigInvalid: ")
    assert "max_featurs (trigger): unknown config key" in message
    assert "max_features (trigger): '99' is above" in message or "99 is above the maximum of 20" in message
    assert "min_z (trigger): 'many' is not a finite number" in message
    assert "outcome_column (trigger): a value is required and none is set" in message


@case(26)
@with_logs
def test_a_version_that_is_switched_while_a_run_runs_is_the_next_run_s(add_entity, started, session):
    entity = add_entity()
    first = started(**SHORTER)
    old = session.get_one(Run, first).version_id
    new = Version(opt_id=entity.opt_id, version_code="v4", version_name="next", status="active")
    session.add(new)
    session.flush()
    session.execute(
        text(
            "INSERT INTO opt_version_configs (version_id, config_key, config_section, display_name, data_type, "
            "default_value, min_value, max_value, is_required, is_ui_visible, allowed_values, description) "
            "SELECT :new, config_key, config_section, display_name, data_type, default_value, min_value, max_value, "
            "is_required, is_ui_visible, allowed_values, description FROM opt_version_configs WHERE version_id = :old"
        ),
        {"new": new.version_id, "old": old},
    )
    session.get_one(Entity, entity.entity_id).current_version_id = new.version_id
    session.get_one(Version, old).status = "retired"
    session.commit()

    assert activate_run(first).decision == "activated"
    second = started()
    assert activate_run(second).decision == "activated"
    session.expire_all()
    assert [session.get_one(Run, n).version_id for n in (first, second)] == [old, new.version_id]


@case(27)
@with_logs
def test_a_run_of_an_entity_that_is_paused_meanwhile_finishes_and_is_held(add_entity, started, session):
    add_entity()
    opt_run_id = started()
    entities.set_status(session, "drugs_com", "paused", "ana")
    session.commit()

    decided = activate_run(opt_run_id)

    assert (decided.decision, decided.reasons) == ("held", ("the entity is paused",))
    assert session.get_one(Run, opt_run_id).status == "succeeded"
    assert is_active(session, None)


# ---- Which run is activated


@case(28)
@with_logs
def test_of_two_runs_that_activate_at_once_the_newer_one_wins(add_entity, started, session):
    add_entity()
    both = [started(**SHORTER), started()]
    together = Barrier(2)

    def activate(opt_run_id):
        together.wait(30)
        return activate_run(opt_run_id).decision

    with ThreadPoolExecutor(2) as pool:
        decisions = list(pool.map(activate, both))

    assert is_active(session, both[1])
    assert decisions[1] == "activated"
    history = session.scalars(select(RunDecision).order_by(RunDecision.decision_number)).all()
    assert [row.decision_number for row in history] == [1, 2]
    if history[0].run_id == both[1]:
        assert decisions[0] == "superseded"
        assert history[1].reasons[0].startswith(f"run {both[1]} has data up to 2026-03-10 00:00, this one up to")


@case(29)
@case(30)
@with_logs
def test_a_backfill_of_older_windows_is_never_activated_in_whatever_order_it_finishes(add_entity, started, session):
    add_entity()
    newest = started()
    assert activate_run(newest).decision == "activated"
    windows = [("2026-03-06", "2026-03-08"), ("2026-03-06", "2026-03-09"), ("2026-03-07", "2026-03-09")]
    options = {"triggered_by": "backfill:ana", "overrides": {"min_holdout_gain": -1}}
    older = [
        started(dag_run_id=f"backfill__{n}", data_start=start, data_end=end, **options)
        for n, (start, end) in enumerate(windows)
    ]

    assert [activate_run(n).decision for n in reversed(older)] == ["superseded"] * 3
    assert is_active(session, newest)
    folders = {o.s3_key.rsplit("/", 1)[0] for n in older for o in runs.outputs(session, n)}
    assert len(folders) == len(windows)


# ---- Tries again, and half done


class FaultError(Exception):
    """What a test breaks a step with."""


@pytest.fixture
def breaks(monkeypatch):
    """Make the n-th call of a function fail, before it does anything or after; `fired` counts."""

    class Fault:
        fired = 0

        def at(self, owner, name, nth, *, after=False):
            real, calls = getattr(owner, name), count(1)

            def faulty(*args, **keywords):
                if next(calls) != nth:
                    return real(*args, **keywords)
                if after:
                    real(*args, **keywords)
                self.fired += 1
                raise FaultError(f"{name} broke")

            monkeypatch.setattr(owner, name, faulty)

    return Fault()


@case(32)
@pytest.mark.parametrize("after", [False, True], ids=["before its rows", "after its rows"])
@with_logs
def test_a_step_that_died_half_way_is_tried_again_and_no_fact_stands_twice(
    add_entity, request_run, session, breaks, after
):
    add_entity()
    opt_run_id = create_run(request_run())
    breaks.at(runs, "record_features", 1, after=after)

    with pytest.raises(FaultError):
        select_features(opt_run_id)
    chosen = select_features(opt_run_id)
    for step in BEFORE_ACTIVATION[2:]:
        step(opt_run_id)

    assert breaks.fired == 1
    rows = session.scalars(select(RunFeature.feature_order).where(RunFeature.run_id == opt_run_id)).all()
    assert sorted(rows) == list(range(1, chosen + 1))
    assert activate_run(opt_run_id).decision == "activated"


@case(33)
@with_logs
def test_a_write_that_fails_at_the_third_object_records_nothing_and_is_completed_by_the_next_try(
    add_entity, request_run, session, store, breaks, monkeypatch
):
    add_entity()
    before = in_process.run(request_run(dag_run_id="manual__0", **SHORTER)).opt_run_id
    opt_run_id = create_run(request_run())
    for step in BEFORE_ACTIVATION[:-1]:
        step(opt_run_id)
    with monkeypatch.context():
        breaks.at(ObjectStore, "put_once", 3)
        with pytest.raises(FaultError):
            write_outputs(opt_run_id)
    run = session.get_one(Run, opt_run_id)
    prefix = run_prefix(session.get_one(Entity, run.entity_id).s3_base_path, run.run_code)
    written = {entry.key.rsplit("/", 1)[1] for entry in store.list(f"{prefix}/") if "/work/" not in entry.key}

    assert breaks.fired == 1
    assert written == {"capsule.json", "segments.parquet"}
    assert session.scalars(select(RunOutput).where(RunOutput.run_id == opt_run_id)).all() == []
    assert is_active(session, before)
    assert write_outputs(opt_run_id) == 8
    assert activate_run(opt_run_id).decision == "activated"


@pytest.fixture
def s3_answers(catalog, monkeypatch):  # noqa: ARG001 - S3 is there
    """Let S3 answer writes with an error, the first so many times; returns how often it did."""
    requests_sent = []

    def answer(times, status, code):
        left = count(1)

        def before_send(request, **_):
            if request.method != "PUT" or next(left) > times:
                return None
            requests_sent.append(request.url)
            body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()
            return AWSResponse(request.url, status, {"content-type": "application/xml"}, Raw(body))

        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # the waits between tries
        handlers.append(before_send)
        connections.s3_client().meta.events.register("before-send.s3", before_send)
        return requests_sent

    handlers = []
    yield answer
    for handler in handlers:
        connections.s3_client().meta.events.unregister("before-send.s3", handler)


class Raw(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_):
        yield self.read()


@case(34)
@with_logs
def test_an_s3_that_is_busy_is_retried(add_entity, request_run, session, s3_answers):
    add_entity()
    requests_sent = s3_answers(2, 503, "SlowDown")

    decided = in_process.run(request_run())

    assert len(requests_sent) == 2
    assert is_active(session, decided.opt_run_id)


@case(34)
@pytest.mark.parametrize(("status", "code", "tries"), [(503, "SlowDown", 5), (400, "ExpiredToken", 1)])
@with_logs
def test_an_s3_that_stays_busy_or_refuses_fails_the_run_and_nothing_is_activated(
    add_entity, request_run, session, s3_answers, status, code, tries
):
    add_entity()
    before = in_process.run(request_run(dag_run_id="manual__0", **SHORTER)).opt_run_id
    requests_sent = s3_answers(1000, status, code)

    with pytest.raises(Exception, match=code):
        in_process.run(request_run())

    assert len(requests_sent) == tries
    assert code in failed(session, "select_features: ")
    assert is_active(session, before)


@case(35)
@with_logs
def test_the_next_try_of_an_activation_that_died_after_its_commit_returns_the_same_decision(
    add_entity, started, session, store, base_path, breaks
):
    add_entity()
    opt_run_id = started()
    breaks.at(active_copy, "refresh", 1)

    with pytest.raises(FaultError):
        activate_run(opt_run_id)
    assert is_active(session, opt_run_id)
    decided = activate_run(opt_run_id)

    assert breaks.fired == 1
    assert (decided.decision, decided.reasons) == ("activated", ("first active run of the entity",))
    assert len(session.scalars(select(RunDecision)).all()) == 1
    copy = json.loads(store.read(f"{base_path.removeprefix('s3://rtb/')}/drugs_com/active.json"))
    assert copy["run_id"] == opt_run_id


# ---- Entities


def new_entity(code="new_com", path="s3://rtb/new"):
    config = {"logs_path": "s3://lake/logs/", "outcome_column": "click", "candidate_features": "site"}
    return NewEntity(code, "New", 7, "ssp", path, config)


@case(47)
@pytest.mark.parametrize(
    "path", ["", "rtb/new", "https://rtb/new", "s3://rtb/../other", "s3://rtb/a/..", "s3://rtb//x", "s3://RTB/x"]
)
def test_a_base_path_is_checked_before_it_is_stored(session, path):
    with pytest.raises(EntityInvalid) as refused:
        entities.add(session, new_entity(path=path), "ana")

    assert str(refused.value).startswith(f"s3_base_path {path!r}: write s3://bucket/path")


@case(47)
def test_trailing_slashes_do_not_make_another_folder(session):
    added = entities.add(session, new_entity(path="s3://rtb/new//"), "ana")

    assert added.s3_base_path == "s3://rtb/new"
    assert run_prefix(added.s3_base_path, "a-run") == "new/runs/a-run"


@case(49)
@pytest.mark.parametrize("code", ["drugs com", "Drugs", "drügs", "../drugs", "drugs-com", "a" * 64, "", "x';", "a\n"])
def test_a_code_that_makes_no_dag_id_is_refused_with_how_to_write_it(session, code):
    with pytest.raises(EntityInvalid) as refused:
        entities.add(session, new_entity(code), "ana")

    assert str(refused.value).startswith(f"entity code {code!r}: use at most 63 lower-case letters, digits and _")


@case(49)
def test_a_code_is_taken_once(session):
    entities.add(session, new_entity(), "ana")

    with pytest.raises(EntityInvalid, match="'new_com' already exists"):
        entities.add(session, new_entity(), "ana")


@case(49)
def test_a_removed_entity_has_no_dag_and_keeps_its_history_and_a_dead_catalog_keeps_the_dags(
    add_entity, make_run, session, monkeypatch
):
    make_run(add_entity())
    add_entity("healthline")
    entities.set_status(session, "drugs_com", "retired", "ana")
    session.commit()
    dag_list_export.export(session)
    monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", "postgresql://nobody:x@127.0.0.1:1/none")

    assert [entry["entity_code"] for entry in dag_list.load(dag_list.path())["entities"]] == ["healthline"]
    assert len(session.scalars(select(Run)).all()) == 1


# ---- Windows and tables


@case(50)
@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        ({"interval_start": at(9, 3, 17), "interval_end": at(10, 3, 17)}, 9, 10),
        (
            {"data_start": "2026-03-06", "data_end": "2026-03-08", "interval_start": at(1), "interval_end": at(2)},
            *(6, 8),
        ),
        ({}, 9, 10),
    ],
    ids=["the schedule's interval", "dates of the form", "neither"],
)
def test_a_run_s_window_is_its_interval_s_whole_days_unless_dates_are_set(
    add_entity, request_run, session, options, start, end
):
    """Never the logical date, and never the moment at which the run happens to start."""
    add_entity(lookback_days="1")
    run = session.get_one(Run, create_run(request_run(**options)))

    assert (run.data_start, run.data_end) == (at(start), at(end))


@case(48)
@with_logs
def test_a_first_run_must_beat_equal_bids_before_anybody_reads_it(
    add_entity, write_nights, started, read_output, session
):
    """The last day contradicts the days before it: what they taught is worth less there than nothing."""
    rng = np.random.default_rng(5)

    def reversed_last(day, table):
        good = (np.array(table["ad_size"]) == "300x250") == (day != NIGHTS[-1])
        return with_column(table, "click", (rng.random(len(table)) < np.where(good, 0.12, 0.03)).astype(int))

    add_entity("drugs_com", **write_nights(reversed_last), anchor_features="ad_size", candidate_features="ad_size")
    opt_run_id = started()
    decided = activate_run(opt_run_id)

    assert decided.decision == "held"
    assert any(reason.startswith("gain on the hold-out") for reason in decided.reasons)
    assert read_output(opt_run_id)["replay"]["policies"][0]["name"] == "all ones"
    assert is_active(session, None)


@case(51)
@with_logs
def test_a_table_of_the_default_row_alone_is_written_and_held(add_entity, started, read_output, session):
    add_entity(candidate_features="carrier", anchor_features="")
    opt_run_id = started()
    decided = activate_run(opt_run_id)

    assert [row["is_default"] for row in read_output(opt_run_id, "segments")] == [True]
    assert session.get_one(Run, opt_run_id).total_segments == 1
    assert (decided.decision, decided.reasons[0]) == ("held", "0 segments beside the default row, 1 are needed")


# ---- Money


def in_currencies(_, table):
    """The same money, every other row of it in euro at 1.25 dollars."""
    currency = np.where(np.arange(len(table)) % 2 == 0, "usd", "EUR")
    rate = np.where(currency == "EUR", 1.25, 1.0)
    for name in ("revenue", "price"):
        table = with_column(table, name, np.array(table[name]) / rate)
    return with_column(table, "currency", currency)


@case(41)
def test_money_of_another_currency_counts_by_its_rate(add_entity, write_nights, started, read_output):
    add_entity()
    currencies = {"currency_column": "currency", "currency_rates": {"USD": 1, "EUR": 1.25}}
    runs_of = [started(overrides=write_nights(as_seeded)), started(overrides=write_nights(in_currencies) | currencies)]
    plain, mixed = ({row["segment"]: row for row in read_output(n, "segments")} for n in runs_of)

    assert len(plain) > 5
    assert plain.keys() == mixed.keys()
    for segment, row in plain.items():
        assert mixed[segment]["cost"] == pytest.approx(row["cost"], rel=1e-3)
        assert mixed[segment]["value"] == pytest.approx(row["value"], rel=1e-3)


@case(41)
def test_the_rate_is_that_of_the_row_s_day(add_entity, write_nights, started, read_output):
    add_entity()
    by_day = {str(day): 1.0 + n for n, day in enumerate(NIGHTS)}

    def one_cent(_, table):
        return with_column(with_column(table, "price", [0.01] * len(table)), "currency", ["EUR"] * len(table))

    currencies = {"currency_column": "currency", "currency_rates": {"EUR": by_day}}
    totals = read_output(started(overrides=write_nights(one_cent) | currencies))["totals"]

    assert totals["cost"] == pytest.approx(sum(0.01 * WORLD.rows_per_day * rate for rate in by_day.values()))


@case(41)
@pytest.mark.parametrize(
    ("rates", "complaint"),
    [
        ({"USD": 1}, "currency_rates has no rate for 2500 rows in 'EUR' on 2026-03-06, 2500 rows in 'EUR' on "),
        (
            {"USD": 1, "EUR": {"2026-03-06": 1.25, "2026-03-07": 1.25, "2026-03-08": 1.25}},
            "currency_rates has no rate for 2500 rows in 'EUR' on 2026-03-09 (currency): add one; amounts of ",
        ),
    ],
    ids=["none at all", "none of one day"],
)
def test_an_amount_without_a_rate_fails_the_run_by_currency_and_day(
    add_entity, write_nights, request_run, session, rates, complaint
):
    add_entity()
    currencies = {"currency_column": "currency", "currency_rates": rates}

    with pytest.raises(LogsInvalid):
        in_process.run(request_run(overrides=write_nights(in_currencies) | currencies))

    assert complaint in failed(session, "select_features: LogsInvalid: ")


@case(42)
def test_a_price_above_the_bid_is_no_price_but_its_outcome_counts(add_entity, write_nights, started, read_output):
    def overpaid(_, table):
        price = np.array(table["price"])
        bid = np.where(np.arange(len(price)) % 10 == 0, price / 2, price * 2)
        return with_column(table, "bid", bid)

    add_entity()
    plain = read_output(started(overrides=write_nights(overpaid)))["totals"]
    report = read_output(started(overrides={**write_nights(overpaid), "bid_column": "bid"}))

    assert report["totals"]["outcome"] == plain["outcome"]
    assert report["totals"]["cost"] == pytest.approx(0.9 * plain["cost"], rel=0.02)
    (message,) = messages(report, "cost_above_bid")
    assert message.startswith("2000 rows that cost more than was bid: their cost is left out, their outcomes count")


@case(42)
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("price", "cost per thousand is 1000 times the active run's, a factor of up to 100 is allowed: micros for "),
        ("revenue", "value per thousand is 1000 times the active run's, a factor of up to 100 is allowed: micros for "),
    ],
)
def test_prices_of_another_magnitude_hold_the_run(add_entity, write_nights, started, session, column, words):
    add_entity()
    before = started(overrides=write_nights(as_seeded))
    assert activate_run(before).decision == "activated"

    def in_thousandths(_, table):
        return with_column(table, column, np.array(table[column]) * 1000)

    decided = activate_run(started(overrides=write_nights(in_thousandths)))

    assert decided.decision == "held"
    assert any(reason.startswith(words) for reason in decided.reasons), decided.reasons
    assert is_active(session, before)


@case(39)
def test_a_table_that_would_move_spend_too_far_from_the_active_one_is_held(
    add_entity, write_nights, started, read_output, session
):
    """The size that is bid up most had a tenth of the traffic; now an outage of the others leaves it almost alone."""
    rng = np.random.default_rng(3)

    def traffic(share):
        def night(_, table):
            best = rng.random(len(table)) < share
            click = rng.random(len(table)) < np.where(best, 0.3, 0.05)
            return with_column(
                with_column(table, "ad_size", np.where(best, "big", "small")), "click", click.astype(int)
            )

        return night

    features = {"anchor_features": "ad_size", "candidate_features": "ad_size", "cost_column": ""}
    add_entity(**features | {"max_volume_factor": "10"})  # the outcomes grow with it, which is held as well
    before = started(overrides=write_nights(traffic(0.1)))
    assert activate_run(before).decision == "activated"
    overrides = write_nights(traffic(0.95))
    held = started(overrides=overrides)
    decided = activate_run(held)

    assert decided.decision == "held"
    # The best size is bid 5 times the other, as its rate is, and not 3 times at most: leaving that costs more spend.
    assert decided.reasons[0].startswith("predicted spend changes by -7")
    assert "up to 50% is allowed: look at the report's changes" in decided.reasons[0]
    assert read_output(held)["gates"]["facts"]["spend_change"] < -0.5
    assert is_active(session, before)
    assert activate_run(started(overrides=overrides | {"max_predicted_change": 2})).decision == "activated"


@case(40)
def test_one_huge_order_is_cut_and_the_share_that_was_cut_is_reported(add_entity, write_nights, started, read_output):
    def one_order(day, table):
        revenue = np.array(table["revenue"])
        if day == NIGHTS[0]:
            revenue = np.where(revenue == revenue.max(), 50_000.0, revenue)
        return with_column(table, "revenue", revenue)

    add_entity()
    overrides = {"objective": "value"}
    usual = read_output(started(overrides=write_nights(as_seeded) | overrides))
    opt_run_id = started(overrides=write_nights(one_order) | overrides)
    report, before = read_output(opt_run_id), {row["segment"]: row for row in read_output(opt_run_id, "segments")}

    assert messages(usual, "value_cut") == []
    assert 0 < usual["coverage"]["value_cut_share"] < 0.05
    share = report["coverage"]["value_cut_share"]
    assert share > 0.9
    (message,) = messages(report, "value_cut")
    assert message.startswith(f"{share:.1%} of the money in revenue was cut: it is above the 0.999 quantile")
    assert all(0.2 <= row["multiplier"] <= 15 for row in before.values())


@case(43)
def test_a_row_that_stands_for_ten_is_counted_ten_times_and_believed_once(
    add_entity, write_nights, started, read_output
):
    """The same rows, with a weight of ten and without: ten times the sums, and the very same evidence and bids."""
    add_entity()
    logs = write_nights(lambda _, table: with_column(table, "w", np.full(len(table), 10.0)))
    tables, reports = [], []
    for overrides in (logs, logs | {"weight_column": "w"}):
        opt_run_id = started(overrides=overrides)
        tables.append({row["segment"]: row for row in read_output(opt_run_id, "segments")})
        reports.append(read_output(opt_run_id))
    once, weighted = tables

    assert reports[1]["totals"]["outcome"] == 10 * reports[0]["totals"]["outcome"]
    assert [feature["name"] for feature in reports[1]["features"]] == [f["name"] for f in reports[0]["features"]]
    assert reports[1]["gates"]["facts"] == pytest.approx(reports[0]["gates"]["facts"])
    assert len(once) > 5
    assert once.keys() == weighted.keys()
    for segment, row in weighted.items():
        for name in ("exposures", "outcomes", "cost", "expected"):
            assert row[name] == pytest.approx(10 * once[segment][name], rel=1e-4), (segment, name)
        for name in ("factor", "factor_low", "factor_high", "events", "multiplier"):
            assert row[name] == pytest.approx(once[segment][name], rel=1e-4), (segment, name)
        assert row["tier"] == once[segment]["tier"]


@case(43)
def test_sampled_logs_beside_whole_ones_are_evidence_of_their_mean_weight(
    add_entity, write_nights, started, read_output
):
    """Every tenth row of two nights stands for ten: their outcomes are as many, and a tenth of the evidence."""

    def sampled(day, table):
        if day in NIGHTS[2:]:
            return with_column(table, "w", np.ones(len(table)))
        return with_column(table, "w", np.full(len(table), 10.0)).take(pa.array(range(0, len(table), 10)))

    add_entity(weight_column="w")
    opt_run_id = started(overrides=write_nights(sampled))
    report, features = read_output(opt_run_id), read_output(opt_run_id, "features")

    assert report["totals"]["exposure"] == 4 * WORLD.rows_per_day
    assert features["stands_for"] == pytest.approx(5.5, rel=0.1)
    assert report["gates"]["facts"]["outcomes"] == pytest.approx(report["totals"]["outcome"] / features["stands_for"])


# ---- Traffic that is not what it seems


@case(44)
def test_flagged_traffic_is_left_out_by_the_row_filter(add_entity, write_nights, started, read_output):
    def flagged(_, table):
        bot = np.arange(len(table)) % 5 == 0
        table = with_column(table, "click", np.where(bot, 1, np.array(table["click"])))
        return with_column(table, "is_ivt", bot)

    add_entity()
    logs = write_nights(flagged)
    everything = read_output(started(overrides=logs))["totals"]
    human = read_output(started(overrides=logs | {"row_filter": {"is_ivt": ["false"]}}))["totals"]
    no_bots = read_output(started(overrides=logs | {"row_filter": {"is_ivt": {"not": ["true"]}}}))["totals"]

    assert no_bots == human
    assert human["rows"] == 0.8 * everything["rows"]
    assert human["outcome"] / human["exposure"] < 0.1 < everything["outcome"] / everything["exposure"]


@case(44)
def test_a_placement_whose_rate_has_jumped_is_warned_of_by_name(add_entity, write_nights, started, read_output):
    def with_bots(day, table):
        """On the last night, every row of one placement is a click of a bot."""
        hit = (np.array(table["internal_adspace_id"]) == 1003) & (day == NIGHTS[-1])
        return with_column(table, "click", np.where(hit, 1, np.array(table["click"])))

    add_entity()
    before = started(**SHORTER, overrides=write_nights(with_bots))
    assert activate_run(before).decision == "activated"
    window = {"data_start": "2026-03-09", "data_end": "2026-03-10"}
    report = read_output(started(**window, overrides=write_nights(with_bots)))

    assert messages(read_output(before), "rate_spike") == []
    (message,) = messages(report, "rate_spike")
    assert message.startswith("internal_adspace_id=1003 has ")
    assert "times in the active run: bots? leave such rows out with row_filter" in message


@case(54)
@pytest.mark.parametrize("is_answered", [True, False])
def test_an_unusual_day_holds_until_a_person_activates_a_run_of_it_and_no_longer(
    session, add_entity, write_nights, started, read_output, is_answered
):
    """Else one holiday in a window of weeks would hold every night until it has left the window."""

    def with_a_quiet_day(day, table):
        return table.slice(0, len(table) // 5) if day == NIGHTS[1] else table

    add_entity()
    logs = write_nights(with_a_quiet_day)
    first = started(**SHORTER, overrides=logs)
    decided = activate_run(first)
    if is_answered:
        manual_activation.activate(session, PointerChange("drugs_com", "lena", "it was a holiday", first))
    after = started(overrides=logs)

    assert decided.decision == "held"
    assert "a day has 0.2 times the volume of the other days" in decided.reasons[0]
    assert activate_run(after).decision == ("activated" if is_answered else "held")
    assert messages(read_output(after), "day_volume") != []


@case(45)
def test_a_value_that_is_only_good_in_good_company_is_warned_of(add_entity, write_nights, started, read_output):
    """Mobile has the higher rate alone, since it is mostly good exchange; within either exchange it has the lower."""
    rng = np.random.default_rng(9)

    def night(_, table):
        good = rng.random(len(table)) < 0.5
        mobile = rng.random(len(table)) < np.where(good, 0.8, 0.2)
        rate = np.where(good, 0.3, 0.05) * np.where(mobile, 0.7, 1.0)
        table = with_column(table, "device_type", np.where(mobile, "mobile", "desktop"))
        table = with_column(table, "exchange", np.where(good, "good", "bad"))
        return with_column(table, "click", (rng.random(len(table)) < rate).astype(int))

    add_entity(anchor_features="device_type", candidate_features="device_type, exchange")
    opt_run_id = started(overrides=write_nights(night))
    texts = messages(read_output(opt_run_id), "reversal")
    factors = {row["segment"]: row["factor"] for row in read_output(opt_run_id, "segments")}

    assert any(
        text.startswith("device_type=") and "confounded by exchange (Simpson's paradox); the table fits both" in text
        for text in texts
    ), texts
    assert factors["mobile|*"] < 1 < factors["desktop|*"]


@case(46)
def test_an_export_above_its_limit_is_cut_by_value_and_reported(
    add_entity, write_nights, started, read_output, session
):
    """1,200 ad units, every other one good: as many rules, of which Prebid takes a thousand."""
    rng = np.random.default_rng(12)

    def many_units(_, table):
        unit = rng.integers(0, 1_200, len(table))
        table = with_column(table, "internal_adspace_id", unit.astype(str))
        return with_column(table, "click", (rng.random(len(table)) < np.where(unit % 2, 0.6, 0.05)).astype(int))

    add_entity(candidate_features="internal_adspace_id")
    exports = {"exports": "prebid_floors", "export_base_cpm": 0.8, "joint_min_exposures": 5}
    opt_run_id = started(overrides=write_nights(many_units, BUSY_WORLD) | exports)
    (group,) = read_output(opt_run_id, "export_prebid_floors")["modelGroups"]
    (export,) = read_output(opt_run_id)["exports"]
    (text,) = messages(read_output(opt_run_id), "export_rows_lost")
    written = {row.output_type: row.row_count for row in runs.outputs(session, opt_run_id)}

    assert len(group["values"]) == written["export_prebid_floors"] == export["rows"] == 1_000
    assert export["rows_asked"] > 1_100
    assert export["lost"] == [{"cause": "more than 1,000 rules", "rows": export["rows_asked"] - 1_000}]
    assert text.endswith("more than 1,000 rules; rules with more * and the default floor answer in their place")
    assert 0.8 < export["answered_share"] < 0.95
    assert activate_run(opt_run_id).decision == "activated"


@case(52)
def test_no_row_is_published_about_fewer_exposures_than_allowed(add_entity, write_nights, started, read_output):
    def rare_but_good(_, table):
        rare = np.arange(len(table)) % 1000 == 0  # five rows a night, each with a click
        table = with_column(table, "ad_size", np.where(rare, "rare", np.array(table["ad_size"])))
        return with_column(table, "click", np.where(rare, 1, np.array(table["click"])))

    add_entity(anchor_features="ad_size", candidate_features="ad_size")
    logs = write_nights(rare_but_good)
    exposures_of = {}
    for least in (20, 21):
        opt_run_id = started(overrides=logs | {"min_segment_exposures": least})
        exposures_of[least] = {row["segment"]: row["exposures"] for row in read_output(opt_run_id, "segments")}
        joint = {row["segment"] for row in read_output(opt_run_id, "joint_segments")}
        assert ("rare" in joint) == (least == 20)

    assert exposures_of[20]["rare"] == 20
    assert "rare" not in exposures_of[21]
    assert len(exposures_of[21]) > 3
    assert min(exposures_of[21].values()) >= 21


@case(52)
@with_logs
def test_only_sums_are_published(add_entity, started, session):
    """What is a row of the logs stays below work/, which no output names and which is swept."""
    add_entity()
    opt_run_id = started()

    assert {o.output_type for o in runs.outputs(session, opt_run_id)} == {
        *("segments", "joint_segments", "features", "ad_macros", "report", "report_page", "capsule", "manifest"),
    }
    assert not [o.s3_key for o in runs.outputs(session, opt_run_id) if "/work/" in o.s3_key]


# ---- The macro table


@case(23)
@with_logs
def test_a_macro_that_was_broken_by_hand_fails_the_run_by_feature_and_pattern(add_entity, request_run, session):
    add_entity()
    session.execute(
        text("UPDATE opt_feature_macros SET macro_template = 'ADX_PLACEMENT' WHERE macro_template = :old"),
        {"old": "[ADX_PLACEMENT_ID]"},
    )
    session.commit()

    with pytest.raises(ConfigInvalid):
        in_process.run(request_run())

    assert "macro of internal_adspace_id: 'ADX_PLACEMENT' is no adx macro: it must match" in failed(
        session, "map_ad_macros: ConfigInvalid: "
    )


@case(23)
@with_logs
def test_a_macro_that_changes_later_changes_no_run_that_was(add_entity, started, read_output, session):
    add_entity()
    opt_run_id = started()
    before = [(row.macro_format, row.macro_combo) for row in runs.ad_macros(session, opt_run_id)]
    session.execute(
        text("UPDATE opt_feature_macros SET macro_template = '[ADX_NEW]' WHERE macro_template = '[ADX_PLACEMENT_ID]'")
    )
    session.commit()

    assert activate_run(opt_run_id).decision == "activated"
    session.expire_all()
    assert [(row.macro_format, row.macro_combo) for row in runs.ad_macros(session, opt_run_id)] == before
    assert read_output(opt_run_id, "ad_macros")["formats"]["adx"]["combo"].startswith("[ADX_PLACEMENT_ID]")
    assert read_output(started(), "ad_macros")["formats"]["adx"]["combo"].startswith("[ADX_NEW]")


@case(23)
@with_logs
def test_a_macro_that_is_nearly_a_known_one_is_warned_of(add_entity, started, read_output, session):
    add_entity()
    template_of(session, "internal_adspace_id", "[ADX_PLACEMNT_ID]")

    assert messages(read_output(started()), "macro_near_miss")[0] == (
        "adx is not known to have the macro '[ADX_PLACEMNT_ID]' of internal_adspace_id: was '[ADX_PLACEMENT_ID]' "
        "meant? correct it: `rtb macros set internal_adspace_id adx '[ADX_PLACEMENT_ID]'`"
    )


@case(23)
@with_logs
def test_one_macro_for_two_features_fails_the_run(add_entity, request_run, session):
    add_entity()
    template_of(session, "internal_adspace_id", "[ADX_COUNTRY]")
    with pytest.raises(ConfigInvalid):
        in_process.run(request_run(overrides={"anchor_features": ["internal_adspace_id", "country"]}))

    assert "'[ADX_COUNTRY]' is the adx macro of internal_adspace_id, country: one macro cannot address" in failed(
        session, "map_ad_macros: ConfigInvalid: "
    )


def template_of(session, feature, template):
    """Write another macro of a feature of `adx` by hand."""
    row = {"feature": feature, "template": template}
    update = "UPDATE opt_feature_macros SET macro_template = :template"
    session.execute(text(f"{update} WHERE macro_format = 'adx' AND feature_name = :feature"), row)
    session.commit()


@case(23)
def test_a_feature_has_one_macro_a_format(session):
    with pytest.raises(IntegrityError, match="uq_opt_feature_macros_opt_id_feature_name_macro_format"):
        session.execute(
            text(
                "INSERT INTO opt_feature_macros (opt_id, feature_name, macro_template, macro_format) "
                "SELECT opt_id, feature_name, '[OTHER]', macro_format FROM opt_feature_macros LIMIT 1"
            )
        )


# ---- What the catalog knows


@case(25)
@with_logs
def test_a_run_goes_by_its_snapshot_and_reports_what_was_changed_while_it_ran(
    add_entity, request_run, read_output, session
):
    entity = add_entity()
    opt_run_id = create_run(request_run(overrides={"max_segments": 300}))
    select_features(opt_run_id)
    changed = {"multiplier_max": "1.01", "outcome_column": "a_column_that_is_not_there", "max_segments": "2"}
    configs.set_overrides(session, entity, changed, "ana")
    session.commit()
    for step in BEFORE_ACTIVATION[2:]:
        step(opt_run_id)

    (message,) = messages(read_output(opt_run_id), "config_changed")
    assert message == (
        "changed while the run ran, and used from the next one on: multiplier_max from 15.0 to 1.01, "
        "outcome_column from 'click' to 'a_column_that_is_not_there'"
    )
    assert max(row["multiplier"] for row in read_output(opt_run_id, "segments")) > 1.01
    assert activate_run(opt_run_id).decision == "activated"


@case(31)
@with_logs
def test_the_same_run_again_is_allowed_and_reported(add_entity, started, read_output, session):
    add_entity()
    first = started()
    assert activate_run(first).decision == "activated"
    again, otherwise = started(), started(overrides={"max_features": 5})
    code = session.get_one(Run, first).run_code

    assert messages(read_output(first), "identical_run") == []
    assert messages(read_output(otherwise), "identical_run") == []
    (message,) = messages(read_output(again), "identical_run")
    assert message.startswith(f"identical to run {code} (id {first}): the same window, version, configuration and logs")
    assert len({session.get_one(Run, n).run_code for n in (first, again, otherwise)}) == 3
    assert activate_run(again).decision == "activated"


@case(31)
def test_a_run_on_logs_that_were_rewritten_is_another_run(add_entity, write_nights, started, read_output):
    add_entity()
    logs = write_nights(as_seeded)
    assert activate_run(started(overrides=logs)).decision == "activated"
    write_nights(in_currencies)

    assert messages(read_output(started(overrides=logs)), "identical_run") == []


@case(36)
@with_logs
def test_an_output_that_is_gone_before_the_activation_leaves_what_was_active(add_entity, started, session, store):
    add_entity()
    before = started(**SHORTER)
    assert activate_run(before).decision == "activated"
    opt_run_id = started()
    key = {o.output_type: o.s3_key for o in runs.outputs(session, opt_run_id)}["segments"]
    store._client.delete_object(Bucket=store.bucket, Key=key)

    with pytest.raises(RunIncomplete, match=f"segments is gone from s3://rtb/{key}"):
        activate_run(opt_run_id)

    assert is_active(session, before)
