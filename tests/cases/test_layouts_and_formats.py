"""The same rows, in the layouts, formats and types that teams have: each run counts what the plain rows hold."""

import io
import json

import pyarrow.parquet as pq
import pytest

from kinds_of_logs import CONFIG, DAY, DAYS, LAST, parquet
from layouts_of_logs import CLICKS_OF_OTHER_IDS, FEW, LAYOUTS, REFUSED, Layout, plain, require_counts_of_plain_rows
from rtb_optimizer.engines.duckdb import text_files
from rtb_optimizer.errors import LogsInvalid, LogsMissing
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run


@pytest.fixture
def run(add_entity, base_path, store, request_run):
    """Put the objects of a layout and run an entity over them; returns the decision."""

    def ran(layout):
        base = f"{base_path}/logs"
        for path, body in layout.objects().items():
            store.put_once(f"{split_url(base)[1]}/{path}", body)
        config = {key: value.replace("{base}", base) for key, value in layout.config.items()}
        add_entity(**CONFIG | {"logs_path": f"{base}/{layout.path}"} | config)
        return in_process.run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))

    return ran


@pytest.fixture
def published(session, store):
    """The published table of a run, and the warnings of its report, by code."""

    def of(decided):
        made = session.get_one(Run, decided.opt_run_id)
        prefix = run_prefix(session.get_one(Entity, made.entity_id).s3_base_path, made.run_code)
        report = json.loads(store.read(f"{prefix}/report.json"))
        warnings = {each["code"]: each["message"] for each in report["warnings"] if each["code"] != "macro_missing"}
        return pq.read_table(io.BytesIO(store.read(f"{prefix}/segments.parquet"))).to_pandas(), warnings

    return of


@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_count_the_same_however_they_are_delivered(run, published, name):
    layout = LAYOUTS[name]
    decided = run(layout)
    assert decided.decision == "activated", decided
    segments, warnings = published(decided)
    assert set(warnings) <= {"files_left_out", "events_repeated", "outcome_null"}
    assert ("outcome_null" in warnings) == ("an outcome as" in name)  # NULL where there was none
    assert ("files_left_out" in warnings) == (name == "files beside the logs")
    assert ("events_repeated" in warnings) == ("outcome_logs_path" in layout.config)  # these hold each click twice
    require_counts_of_plain_rows(segments, layout.features)


@pytest.mark.parametrize(("name", "searches"), [("nested JSON", len(DAYS)), ("CSV", 0)])
def test_what_files_of_json_lines_hold_is_found_once_a_run(run, published, monkeypatch, name, searches):
    found, find = [], text_files.json_columns
    monkeypatch.setattr(text_files, "json_columns", lambda *of: found.append(of) or find(*of))

    decided = run(LAYOUTS[name])

    assert decided.decision == "activated"
    assert len(found) == searches
    require_counts_of_plain_rows(published(decided)[0], LAYOUTS[name].features)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_fails_by_name_and_says_what_can(run, session, name):
    layout, words = REFUSED[name]
    with pytest.raises((LogsInvalid, LogsMissing)) as failed:
        run(layout)
    missing = [word for word in words if word not in str(failed.value)]
    assert not missing, str(failed.value)
    assert session.query(Entity).one().active_run_id is None


@pytest.mark.parametrize("code", FEW)
def test_a_few_unreadable_lines_and_values_are_told(run, published, code):
    layout, words = FEW[code]
    decided = run(layout)
    _, warnings = published(decided)
    assert decided.decision == "activated"
    assert words in warnings[code]


def test_a_join_that_finds_nothing_is_held_with_the_columns_that_differ(run, published):
    decided = run(CLICKS_OF_OTHER_IDS)
    assert decided.decision == "held"
    assert "100% of the events of the outcome logs found no row of their id, up to 90% may" in "; ".join(
        decided.reasons
    )
    _, warnings = published(decided)
    assert "'auction_id' and 'event_type' do not hold the same ids" in warnings["events_without_row"]


def test_a_day_that_is_still_written_is_not_looked_into_where_the_others_are_enough(run):
    written = {f"date={day}/{name}": body for day in DAYS[:2] for name, body in day_of(day).items()}
    config = {"min_partition_share": "0.6"}
    decided = run(Layout(lambda: written | {f"date={LAST}/b.csv": b"half a li"}, config=config))
    assert decided.decision == "activated"


def day_of(day):
    return {"a.parquet": parquet(plain()[day]), "_SUCCESS": b""}
