"""The history, and which session waits for which, in every order in which two may decide about one entity.

In the style of PostgreSQL's isolation specs: two sessions with named steps, and permutations of them. A step with a
star must wait for the other session, until its next step lets it go on; that it waits is read from PostgreSQL.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import text

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.errors import EntityInvalid, NotFound, PointerMoved, RunNotRunning
from rtb_optimizer.store import (
    activation,
    challenger_runs,
    challengers,
    configs,
    connections,
    entities,
    failures,
    outcomes,
    policies,
    runs,
)
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import Run
from whole_run import assert_the_history_adds_up

DAY = date(2026, 3, 10)
POOL = 12  # connections that a process may have: two that are pooled, ten more under load
ROUNDS, LONG_ROUNDS = 5, 50
BY_HAND = {"promoted", "stood_down", "rolled_back"}  # which of these a round lets through is a matter of the race

A_FIRST = (
    "a.read b.read a.act a.commit b.act b.commit",
    "a.read b.read a.act b.act* a.commit b.commit",
    "b.read a.read a.act b.act* a.commit b.commit",
    "a.read a.act b.read b.act* a.commit b.commit",
    "a.read a.act a.commit b.read b.act b.commit",
)
B_FIRST = tuple(order.replace("a.", "x.").replace("b.", "a.").replace("x.", "b.") for order in A_FIRST)

# What session b does while session a finishes run `mine`; then the history, when a acts first and when b does.
# Before: `zero` was active, then `first`; `held` was held; `rival` is the live run of a challenger. `older` and `newer`
# have data up to a day before and after.
CASES = {
    "finishes a newer run": (
        lambda session, of: finish(session, of["newer"]),
        ["mine activated from first", "newer activated from mine"],
        ["newer activated from first", "mine superseded from newer"],
    ),
    "finishes an older run": (
        lambda session, of: finish(session, of["older"]),
        ["mine activated from first", "older superseded from mine"],
        ["older activated from first", "mine activated from older"],
    ),
    "finishes the same run": (
        lambda session, of: finish(session, of["mine"]),
        ["mine activated from first"],
        ["mine activated from first"],
    ),
    "rolls back": (
        lambda session, of: activation.roll_back(session, of["entity"], "ana", "bad"),
        ["mine activated from first", "first rolled_back from mine"],
        ["zero rolled_back from first", "mine activated from zero"],
    ),
    "activates by hand": (
        lambda session, of: activation.activate_manually(session, of["held"], "ana", "we know better"),
        ["mine activated from first", "held activated from mine"],
        ["held activated from first", "mine activated from held"],
    ),
    "takes the policy off the pointer": (
        lambda session, of: activation.stand_down(
            session, of["entity"], policies.policy_of(session.get_one(Run, of["first"])), ["a loss"], lambda _: True
        ),
        ["mine activated from first", "mine stood_down from mine"],
        ["first stood_down from first", "mine held from none"],
    ),
    "promotes the challenger": (
        lambda session, of: challengers.promote(session, of["entity"], "ana", ["better"]),
        ["mine activated from first", "rival promoted from mine"],
        ["rival promoted from first", "mine held from rival"],  # its configuration is the one before
    ),
    "drops the challenger": (
        lambda session, of: challengers.drop(session, of["entity"], "ana", ["worse"]),
        ["mine activated from first", "rival dropped from mine"],
        ["rival dropped from first", "mine activated from first"],
    ),
    "finishes the challenger's next run": (
        lambda session, of: challenger_runs.complete(session, of["next"], 1, ()),
        ["mine activated from first", "next challenging from mine"],
        ["next challenging from first", "mine activated from first"],
    ),
    "counts what was live": (
        lambda session, of: outcomes.record(session, of["entity"], of["first"], [live_day(of["first"])]),
        ["mine activated from first"],
        ["mine activated from first"],
    ),
    "pauses the entity": (
        lambda session, of: entities.set_status(session, of["entity"], "paused", "ana"),
        ["mine activated from first"],
        ["mine held from first"],
    ),
    "removes the entity": (
        lambda session, of: entities.set_status(session, of["entity"], "retired", "ana"),
        ["mine activated from first"],
        ["mine held from first"],
    ),
    "sweeps the run": (
        lambda session, of: failures.fail_run(session, of["mine"], "swept"),
        ["mine activated from first"],
        [],  # an orphan must not activate
    ),
}


def live_day(opt_run_id):
    return Outcome(opt_run_id, DAY, Arm.TREATED, 1, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, {"0": [1.0, 1.0, 0.0, 1.0]})


def challenged(session, make_run, entity):
    """Open a challenger with a live run; returns that and its next one."""
    number = challengers.challenge(session, entity.entity_code, 0.1, {"max_features": "4"}, "ana").challenger_id
    live, following = (make_run(entity, data_end=DAY, challenger_id=number).run_id for _ in range(2))
    challenger_runs.complete(session, live, 1, ())
    session.commit()
    return live, following


def finish(session, opt_run_id):
    return activation.complete_and_decide(session, opt_run_id, 1, (), allow_older=False)


class Actor:
    """A session in a thread of its own, which does one step at a time."""

    def __init__(self, act, of):
        self._does, self._of, self._thread = act, of, ThreadPoolExecutor(1)
        self._session = connections.Session(connections.catalog())
        self.pid = self._session.scalar(text("SELECT pg_backend_pid()"))

    def start(self, step):
        """Start a step; returns its future."""
        return self._thread.submit(getattr(self, f"_{step}"))

    def close(self):
        self._thread.shutdown()
        self._session.close()

    def _read(self):
        """What is read before the lock must not count."""
        runs.find(self._session, self._of["mine"])
        entities.find(self._session, self._of["entity"])

    def _act(self):
        try:
            self._does(self._session, self._of)
        except RunNotRunning:
            self._session.rollback()

    def _commit(self):
        self._session.commit()


@pytest.fixture
def arrange(add_entity, make_run, session):
    """An entity of its own with the runs that the cases name; returns their ids by name."""

    def make(code):
        entity = add_entity(code)
        of = {"entity": code}
        days = {"zero": -3, "first": -2, "held": -1, "older": -1, "mine": 0, "newer": 1}
        for name, days_on in days.items():
            of[name] = make_run(entity, data_end=DAY + timedelta(days=days_on)).run_id
        for name, gates in (("zero", ()), ("first", ()), ("held", ("a gate",))):
            activation.complete_and_decide(session, of[name], 1, gates, allow_older=False)
            session.commit()
        of |= zip(("rival", "next"), challenged(session, make_run, entity), strict=True)
        return of

    return make


@pytest.fixture
def server(catalog):
    """A connection that looks on."""
    with psycopg.connect(catalog, autocommit=True, row_factory=dict_row) as looking_on:
        yield looking_on


def play(server, order, actors):
    """Do the steps in order; a step with a star must wait for the other session, the others must not wait."""
    waiting = {}
    for word in order.split():
        name, step = word.rstrip("*").split(".")
        actor, other = actors[name], actors["ab".replace(name, "")]
        done = actor.start(step)
        if word.endswith("*"):
            while other.pid not in blockers(server, actor.pid):
                assert not done.done(), f"{word} did not wait in {order}"
            waiting[name] = done
        else:
            done.result(30)
            for let_go in waiting.values():
                let_go.result(30)
            waiting.clear()


def blockers(server, pid):
    return server.execute("SELECT pg_blocking_pids(%s) AS pids", [pid]).fetchone()["pids"]


def history(server, of):
    query = """
        SELECT d.* FROM opt_run_decisions d JOIN opt_entities USING (entity_id)
        WHERE entity_code = %s ORDER BY decision_number
    """
    return server.execute(query, [of["entity"]]).fetchall()


def active(server, of):
    cursor = server.execute("SELECT active_run_id FROM opt_entities WHERE entity_code = %s", [of["entity"]])
    return cursor.fetchone()["active_run_id"]


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_an_activation_while_another(case, arrange, server, taking_turns, subtests):
    act, a_first, b_first = CASES[case]
    expected = dict.fromkeys(A_FIRST, a_first) | dict.fromkeys(B_FIRST, b_first)
    for number, (order, decisions) in enumerate(taking_turns(expected.items())):
        of = arrange(f"entity_{number}")
        actors = {"a": Actor(lambda session, of: finish(session, of["mine"]), of), "b": Actor(act, of)}
        with subtests.test(f"{case}: {order}"):
            try:
                play(server, order, actors)
            finally:
                for actor in actors.values():
                    actor.close()
            names = {opt_run_id: name for name, opt_run_id in of.items()}
            lines = history(server, of)
            assert [
                f"{names[d['run_id']]} {d['decision']} from {names.get(d['from_run_id'], 'none')}" for d in lines[4:]
            ] == decisions
            assert_the_history_adds_up(lines, active(server, of))


def renew_challenger(session, make_run, entity):
    """Let a challenger with a live run be open; returns the number of decisions that it took."""
    session.expire_all()
    if challengers.open_one(session, entity) is not None or entity.active_run_id is None:
        return 0
    now = configs.resolve_for(session, entity).values["max_features"]  # that of the last one that was promoted
    values = {"max_features": "3" if now == 4 else "4"}
    number = challengers.challenge(session, entity.entity_code, 0.1, values, "ana").challenger_id
    challenger_runs.complete(session, make_run(entity, data_end=DAY, challenger_id=number).run_id, 1, ())
    session.commit()
    return 1


def not_yet_by_hand(lines):
    return BY_HAND - {line["decision"] for line in lines}


HANDS = {
    "finish": lambda own, _, run_id: finish(own, run_id),
    "roll back": lambda own, code, _: activation.roll_back(own, code, "ana", "bad"),
    "by hand": lambda own, _, run_id: activation.activate_manually(own, run_id, "ana", "we know better"),
    "promote": lambda own, code, _: challengers.promote(own, code, "ana", ["better"]),
    "stand down": lambda own, code, run_id: activation.stand_down(
        own, code, policies.policy_of(own.get_one(Run, run_id)), ["a loss"], lambda _: True
    ),
}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_of_thirty_two_at_once_each_is_decided_once_and_connections_stay_bounded(
    add_entity, make_run, server, session, at_once, long
):
    entity = session.merge(add_entity())
    of, peak = {"entity": entity.entity_code}, 0

    def act(what):
        kind, opt_run_id = what
        if kind == "count":
            ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return server.execute(ours).fetchone()["count"] - 1
        with connections.session() as own:
            try:
                decided = HANDS[kind](own, entity.entity_code, opt_run_id)
                own.commit()
            except (EntityInvalid, NotFound, PointerMoved):
                return 0
        return int(decided is not None)

    landed, before, turn, lines = 0, None, 0, []
    while turn < (LONG_ROUNDS if long else ROUNDS) or not_yet_by_hand(lines):
        assert turn < LONG_ROUNDS, f"{not_yet_by_hand(lines)} never landed"
        days = [turn * 100 + (n if n % 2 else -n) for n in range(26)]  # every second one is a backfill
        made = [("finish", make_run(entity, data_end=DAY + timedelta(days=day)).run_id) for day in days]
        hands = [("by hand", before), ("roll back", None), ("roll back", None)] if before else [made[0]] * 3
        if before:
            landed += renew_challenger(session, make_run, entity)
        hands += [("promote", None), ("stand down", made[0][1])]
        count, *results = at_once(act, [("count", None), *made, *hands])
        landed, peak, before, turn = landed + sum(results), max(peak, count), made[0][1], turn + 1
        lines = history(server, of)
        assert_the_history_adds_up(lines, active(server, of))
    ours = [line for line in lines if line["decided_by"] == "schedule" and line["decision"] != "challenging"]
    finished = [line["run_id"] for line in ours]
    assert len(set(finished)) == len(finished) == 26 * turn
    assert len(lines) == landed - 3  # the same run's retries get the decision, and add no line
    assert peak <= POOL
    assert connections.catalog().pool.checkedout() == 0
    print(f"\n{len(lines)} decisions of {32 * turn} threads, at most {peak} connections")  # noqa: T201 - figures


def test_the_starting_line_up_is_what_the_cases_say(arrange, server):
    of = arrange("entity")
    assert [line["decision"] for line in history(server, of)] == ["activated", "activated", "held", "challenging"]
    assert active(server, of) == of["first"]
