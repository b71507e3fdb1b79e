"""A challenger bids on its share, is told apart in the logs, and is promoted or dropped by the results of both."""

import json

import pytest
from sqlalchemy import select

from closed_loop import Loop
from market import Market
from rtb_optimizer.live.challengers import live_challenger
from rtb_optimizer.live.summary import realized
from rtb_optimizer.store import challengers, configs, connections, entities, outcomes
from rtb_optimizer.store.schema import Challenger, Run, RunAlert, RunOutcome

pytestmark = [pytest.mark.usefixtures("catalog"), pytest.mark.timeout(1800)]
ONE_FEATURE = {"max_features": "1", "max_interactions": "0"}


def challenge(loop, share=0.2, **overrides):
    with connections.session() as session:
        challengers.challenge(session, loop.code, share, overrides, "ana")
        session.commit()


def rows(kind, *where):
    with connections.session() as session:
        return session.scalars(select(kind).where(*where).order_by(*kind.__table__.primary_key)).all()


def night(loop):
    loop.play()
    return loop.run()


def active(loop):
    return json.loads(loop.store.read(loop.active_key))


def within(share):
    return pytest.approx(1.0, abs=share)


def spends(loop, first=1):
    return [round(night.of_flat[0], 4) for night in loop.nights[first:]]


def test_two_runs_a_night_from_one_reading_bid_on_their_shares_and_are_counted_apart(base_path, monkeypatch):
    loop = Loop(base_path, config={"holdback_share": "0.1"})
    night(loop)
    challenge(loop, max_features="2")
    statements = statements_of(monkeypatch)
    for _ in range(3):
        night(loop)

    own, other = ([run for run in rows(Run) if run.is_challenger is of] for of in (False, True))
    assert [run.data_end for run in other] == [run.data_end for run in own[1:]]
    assert [run.status for run in (*own, *other)] == ["succeeded"] * 7
    assert statements.count("sample") == statements.count("profile") == 3  # one reading a night for both
    read = active(loop)
    assert (read["run_id"], read["challenger"]["run_id"]) == (own[-1].run_id, other[-1].run_id)
    assert read["challenger"]["outputs"].keys() == read["outputs"].keys()
    assert_the_arms_are_those_of_the_market(loop, own, other)
    assert spends(loop) == [within(0.03)] * 3


def statements_of(monkeypatch):
    """The names of the statements that the logs are counted by, as they come."""
    from rtb_optimizer.engines.duckdb.engine import DuckDBEngine

    counted, query = [], DuckDBEngine.query
    monkeypatch.setattr(
        DuckDBEngine, "query", lambda self, sql, name, *more: counted.append(name) or query(self, sql, name, *more)
    )
    return counted


def assert_the_arms_are_those_of_the_market(loop, own, other):
    """What was counted of the last night by arm is what the bidder logged as the run that it bid by."""
    logged = loop.nights[-1].log["run"].to_pylist()
    counted = {(row.run_id, row.arm): row.rows for row in rows(RunOutcome, RunOutcome.log_day == loop.nights_of[-1])}
    for arm, made in (("treated", own[:-1]), ("challenger", other[:-1])):
        for run in made[-2:]:
            assert counted[run.run_id, arm] == logged.count(run.run_code)
    control = sum(n for (_, arm), n in counted.items() if arm == "control")
    assert control == int(loop.nights[-1].held.sum())


@pytest.mark.takes_turns(0)
def test_a_better_configuration_is_promoted_and_becomes_the_entity_s_own(base_path):
    loop = Loop(base_path, config=ONE_FEATURE)
    night(loop)
    challenge(loop, share=0.4, max_features="12", max_interactions="8")
    for _ in range(14):
        night(loop)
        if not rows(Challenger, Challenger.ended_at.is_(None)):
            break

    (challenger,) = rows(Challenger)
    assert (challenger.result, challenger.ended_by) == ("promoted", "auto")
    assert "above the active policy's" in challenger.reasons[0]
    assert active(loop)["run_id"] == challenger.run_id
    assert "challenger" not in active(loop)
    assert "challenger" in {alert.kind for alert in rows(RunAlert)}
    assert_the_overrides_are_the_entity_s_own(loop, challenger)
    before = len(loop.nights)
    assert night(loop).decision == "activated"
    night(loop)
    assert spends(loop) == [within(0.03)] * len(spends(loop))
    assert loop.nights[-1].of_flat[1] > 1.05 * loop.nights[before - 2].of_flat[1]


def assert_the_overrides_are_the_entity_s_own(loop, challenger):
    with connections.session() as session:
        entity = entities.find(session, loop.code)
        assert configs.overrides(session, entity.entity_id)["max_features"] == "12"
        change = configs.changes(session, entity.entity_id)[0]
        assert (change.changed_by, change.new_value) == ("auto", challenger.overrides[change.config_key])


@pytest.mark.takes_turns(1)
def test_an_equal_configuration_is_neither_promoted_nor_dropped(base_path):
    loop = Loop(base_path, market=Market(requests=150_000))
    night(loop)
    challenge(loop, share=0.3, max_segments="4000")
    for _ in range(14):
        night(loop)

    assert [each.result for each in rows(Challenger)] == [None]
    assert spends(loop) == [within(0.03)] * len(spends(loop))
    with connections.session() as session:
        found = live_challenger(session, entities.find(session, loop.code))
        assert found.lift.nights >= 11
        assert found.lift.low < 0 < found.lift.high


@pytest.mark.takes_turns(2)
def test_bids_are_as_well_known_from_run_codes_as_from_the_history(base_path):
    by_history = Loop(base_path, "found")
    by_code = Loop(base_path, "named", config={"run_column": "run"}, keeps_time=False)
    for loop in (by_history, by_code):
        night(loop)
        challenge(loop, share=0.3, **ONE_FEATURE)
        for _ in range(4):
            night(loop)
        assert spends(loop) == [within(0.03)] * 4
        report = json.loads(loop.output("report"))
        assert report["bids"]["unknown_share"] == 0
        assert report["bids"]["following"] == "live"

    with connections.session() as session:
        counted = {
            loop.code: [(row.log_day, row.rows) for row in outcomes_of(session, loop) if row.arm == "challenger"]
            for loop in (by_history, by_code)
        }
    assert len(counted["named"]) == len(counted["found"])


def outcomes_of(session, loop):
    return outcomes.of_entity(session, entities.find(session, loop.code), 400)


def test_the_holdback_s_evidence_is_that_of_the_active_policy_alone(base_path):
    loop = Loop(base_path, config={"holdback_share": "0.1"})
    night(loop)
    challenge(loop, share=0.3, **ONE_FEATURE)
    for _ in range(2):
        night(loop)

    with connections.session() as session:
        found = realized(session, entities.find(session, loop.code))
    assert {day.arm for day in found.days} == {"treated", "control"}
    assert len({day.day for day in found.days}) == 2  # an open challenger does not begin a new policy
