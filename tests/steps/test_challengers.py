"""The run of a challenger beside the entity's own: what it reads, what it leaves, and what its failure does."""

import io
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import FeaturesDocument
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.steps import in_process, run_challenger
from rtb_optimizer.store import challenger_runs, challengers, connections
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity, Run, RunDecision

pytestmark = pytest.mark.usefixtures("logs")


@pytest.fixture
def nights(add_entity, request_run, session):
    """Run an entity of a configuration, challenge it with overrides, and run it again; returns the statements then."""

    def play(monkeypatch, overrides, **config):
        entity = add_entity(**config)
        in_process.run(request_run())
        challengers.challenge(session, entity.entity_code, 0.1, overrides, "ana")
        session.commit()
        statements, query = [], DuckDBEngine.query
        with monkeypatch.context() as patch:
            patch.setattr(DuckDBEngine, "query", lambda *of: statements.append(of[2]) or query(*of))
            in_process.run(request_run(dag_run_id="manual__2"))
        session.expire_all()
        return statements

    return play


def runs_of(session):
    rows = session.scalars(select(Run).order_by(Run.run_id)).all()
    return [run for run in rows if not run.is_challenger], [run for run in rows if run.is_challenger]


def selected(session, run):
    """The features that a run selected; those that it only lets fade are of the table that it moves from."""
    document = FeaturesDocument.read(published_output(session, run, "features"))
    return [each.name for each in document.features if not each.is_fading]


def test_it_selects_from_the_sample_of_the_entity_s_own_run_by_its_own_rules(nights, session, monkeypatch):
    statements = nights(monkeypatch, {"max_features": "2"})
    (_, main), (own,) = runs_of(session)

    assert statements.count("sample") == statements.count("profile") == 1
    assert len(selected(session, own)) == 2 < len(selected(session, main))
    assert selected(session, own) == selected(session, main)[:2]
    reports = [Report.read(published_output(session, run, "report")) for run in (main, own)]
    assert reports[0].totals == reports[1].totals
    assert reports[0].bids == reports[1].bids
    assert session.scalars(select(RunDecision.decision).where(RunDecision.run_id == own.run_id)).all() == [
        "challenging"
    ]


def test_it_selects_what_it_would_have_selected_by_a_reading_of_its_own(nights, session, monkeypatch):
    nights(monkeypatch, {"max_features": "3", "max_interactions": "0"}, candidate_features="browser, carrier, ad_size")
    (_, main), (shared,) = runs_of(session)
    with monkeypatch.context() as patch:
        patch.setattr(run_challenger, "select_from_reading", lambda *_: None)
        challengers.drop(session, "drugs_com", "ana", ["again, by itself"])
        overrides = {"max_features": "3", "max_interactions": "0"}
        challengers.challenge(session, "drugs_com", 0.1, overrides, "ana")
        session.commit()
        run_challenger.run_challenger(main.run_id)
    session.expire_all()
    _, (_, alone) = runs_of(session)

    features = [FeaturesDocument.read(published_output(session, run, "features")).features for run in (shared, alone)]
    assert features[0] == features[1]


def test_it_is_warned_of_days_as_the_entity_s_own_run_is(nights, session, monkeypatch, store, base_path):
    key = f"{split_url(base_path)[1]}/logs/date=2026-03-08/part-0.parquet"
    rows = pq.read_table(io.BytesIO(store.read(key)))
    untracked = pc.equal(rows["device_type"], "mobile")
    clicks = pc.if_else(untracked, pa.scalar(0, rows["click"].type), rows["click"])
    body = io.BytesIO()
    pq.write_table(rows.set_column(rows.schema.get_field_index("click"), "click", clicks), body)
    store.replace(key, body.getvalue())
    nights(monkeypatch, {"max_features": "2"}, lookback_days="4")
    (_, main), (own,) = runs_of(session)

    reports = [Report.read(published_output(session, run, "report")) for run in (main, own)]
    by_day = [[each.message for each in report.warnings if each.code == "rate_stops"] for report in reports]
    assert by_day[0][0].startswith("browser=chrome_mobile has 0 outcomes on 2026-03-08, where")
    assert by_day[0] == by_day[1]


def test_with_a_column_that_was_not_drawn_it_reads_the_logs_itself(nights, session, monkeypatch):
    values = {"candidate_features": "internal_adspace_id, device_type, browser"}
    statements = nights(monkeypatch, values, candidate_features="internal_adspace_id, device_type")
    _, (own,) = runs_of(session)

    assert statements.count("sample") == 2
    assert "browser" in own.config_snapshot["values"]["candidate_features"]
    assert own.status == "succeeded"


def test_its_failure_lands_in_its_own_run_and_the_next_night_tries_again(nights, session, monkeypatch, request_run):
    def fail(_):
        raise ValueError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(run_challenger, "build_segments", fail)
        nights(monkeypatch, {"max_features": "2"})
    (_, main), (own,) = runs_of(session)

    assert session.scalars(select(Entity.active_run_id)).one() == main.run_id
    assert (own.status, own.error_message) == ("failed", "run_challenger: ValueError: too large")
    in_process.run(request_run(dag_run_id="manual__3"))
    session.expire_all()
    assert [run.status for run in runs_of(session)[1]] == ["failed", "succeeded"]


def test_the_step_that_runs_twice_makes_one_run_with_one_decision(nights, session, monkeypatch):
    nights(monkeypatch, {"max_features": "2"})
    (_, main), (own,) = runs_of(session)

    assert run_challenger.run_challenger(main.run_id) == 1
    session.expire_all()
    assert len(runs_of(session)[1]) == 1
    assert len(session.scalars(select(RunDecision).where(RunDecision.run_id == own.run_id)).all()) == 1


def test_without_a_challenger_nothing_is_left_for_one(add_entity, request_run, session, store, base_path):
    add_entity()
    main = in_process.run(request_run()).opt_run_id

    assert run_challenger.run_challenger(main) == 0
    assert [each.key for each in store.list(base_path.split("/", 3)[3]) if "drawn" in each.key] == []
    with connections.session() as own:
        assert challenger_runs.due(own, own.get_one(Run, main)) is None
    assert session.get_one(Run, main).data_end.date() == date(2026, 3, 10)
