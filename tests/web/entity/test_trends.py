"""The page of an entity's last runs: which runs and days are plotted, of what, and in which order."""

import math
from datetime import date, timedelta

import pytest

from rtb_optimizer.core.realized.arms import Arm
from rtb_optimizer.store import activation, outcomes
from rtb_optimizer.store.outcomes import Outcome
from rtb_optimizer.store.schema import EntityConfig, Run, RunFeature
from rtb_optimizer.store.trends import RunPoint, live_points, run_points
from rtb_optimizer.web.entity import trends
from rtb_optimizer.web.entity.trend_charts import strongest, trend_charts

FIRST = date(2026, 3, 2)
CHARTS = [
    "Realized and predicted outcomes",
    "Rows of the logs",
    "Spend of the window",
    "Level",
    "Predicted gain",
    "Drift",
    "Signal scores of features",
]


@pytest.fixture
def nights(add_entity, make_run, session):
    """Add runs of drugs_com, a night each, activated but for the third; returns the entity and the runs' ids."""

    def add(number, values=None):
        entity, ids = add_entity(), []
        for n in range(number):
            run_id = make_run(entity, data_end=FIRST + timedelta(days=n)).run_id
            run = session.get_one(Run, run_id)
            run.config_snapshot = {"values": {"cost_column": "price"} | (values or {})}
            session.flush()
            activation.complete_and_decide(session, run_id, 3, ["held"] if n == 2 else [], allow_older=False)
            run.figures = {
                "rows": 5_000 + n,
                "spend": 900.0 + 40 * math.sin(n),
                "level": 1 + 0.02 * math.cos(n),
                "predicted_change": 0.12 + 0.01 * math.sin(n),
                "worst_psi": 0.02 * (n % 3) if n else None,
            }
            for order, (name, score) in enumerate({"site": 0.05, "country": 0.02 + n / 1e4}.items(), start=1):
                if name == "site" or n % 2:
                    feature = {"feature_name": name, "feature_order": order, "is_anchor": False, "signal_score": score}
                    session.add(RunFeature(run_id=run_id, **feature))
            ids.append(run_id)
        session.commit()
        return entity, ids

    return add


def live_days(run_id, days, arm=Arm.TREATED):
    """Return the outcomes of a run on some days: 400 outcomes worth 9 each, of 410 predicted."""
    parts = {f"{n:x}": [9_000.0, 25.0, 0.0, 9.0] for n in range(16)}
    return [
        Outcome(run_id, FIRST + timedelta(days=n), arm, 100, 144_000.0, 400.0, 3_600.0, 144.0, 410.0, 9.0, parts)
        for n in range(days)
    ]


def test_the_last_runs_stand_in_the_order_of_their_data_with_their_figures_and_scores(nights, session):
    entity, ids = nights(5)

    points = run_points(session, entity, 4)

    assert [point.run_id for point in points] == ids[1:]
    assert [point.was_active for point in points] == [True, False, True, True]
    assert points[0].figures["rows"] == 5_001
    assert points[0].scores == {"site": 0.05, "country": pytest.approx(0.0201)}
    assert points[1].scores == {"site": 0.05}


def test_what_if_runs_challengers_runs_and_runs_that_failed_are_no_nights(nights, make_run, session):
    entity, ids = nights(2)
    make_run(entity, status="succeeded", is_sandbox=True)
    make_run(entity, status="failed")

    assert [point.run_id for point in run_points(session, entity)] == ids


@pytest.mark.parametrize(("objective", "realized"), [("outcome", 400.0), ("value", 3_600.0)])
def test_the_days_that_were_live_are_of_treated_requests_in_what_the_tables_predict(
    nights, session, objective, realized
):
    entity, ids = nights(2, {"objective": objective})
    rows = [*live_days(ids[1], 3), *live_days(ids[1], 3, Arm.CONTROL), *live_days(ids[0], 1)]
    outcomes.record(session, entity.entity_code, ids[1], rows)

    points = live_points(session, entity, 2)

    assert [(point.day, point.realized, point.predicted) for point in points] == [
        (FIRST + timedelta(days=1), realized, 410.0),
        (FIRST + timedelta(days=2), realized, 410.0),
    ]
    assert live_points(session, entity)[0].realized == 2 * realized  # two tables were live on the first day


def test_the_page_has_a_chart_of_each_kind_and_no_more(browser, read, nights, session):
    entity, ids = nights(6)
    outcomes.record(session, entity.entity_code, ids[-1], live_days(ids[-1], 4))
    session.commit()

    page = read(browser.get("/rtb/entities/drugs_com/trends"))

    assert [figure.find(string=True) for figure in page.select("figure figcaption")] == CHARTS
    titles = [figure.svg.title.text for figure in page.select("figure")]
    assert titles == [CHARTS[0], *(f"{title} by run" for title in CHARTS[1:])]
    assert "never active" in page.select("figure")[1].text
    assert "site" in page.select("figure")[-1].text


def test_charts_are_drawn_again_only_when_what_they_show_has_changed(browser, read, nights, session, monkeypatch):
    _, ids = nights(4)
    drawn = []
    monkeypatch.setattr(trends, "trend_charts", lambda *points: drawn.append(points) or trend_charts(*points))

    def charts():
        return [str(figure) for figure in read(browser.get("/rtb/entities/drugs_com/trends")).select("figure")]

    first = charts()
    assert charts() == first != []
    assert len(drawn) == 1
    run = session.get_one(Run, ids[0])
    run.figures = {**run.figures, "rows": 9_000}
    session.commit()
    changed = charts()
    assert [now == before for now, before in zip(changed, first, strict=True)] == [False, *[True] * 5]
    assert len(drawn) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_a_plot_needs_two_runs(browser, read, nights, number):
    nights(number)

    page = read(browser.get("/rtb/entities/drugs_com/trends"))

    assert not page.select("figure")
    assert "needs two runs" in page.text


def test_figures_that_runs_of_earlier_releases_lack_leave_out_their_point_and_then_their_chart(nights, session):
    entity, ids = nights(4)
    for run_id in ids[:3]:
        run = session.get_one(Run, run_id)
        run.figures = {name: value for name, value in run.figures.items() if name not in ("spend", "level")}
    session.commit()

    titles = [chart.title for chart in trend_charts(run_points(session, entity), [])]

    assert titles == [title for title in CHARTS[1:] if title not in ("Spend of the window", "Level")]


def test_the_strongest_features_are_those_of_the_largest_mean_score_absent_ones_counting_as_none():
    scores = [{"often": 0.02, "once": 0.03}, {"often": 0.02}, {"often": 0.02} | {f"x{n}": 0.001 for n in range(9)}]
    runs = [RunPoint(n, None, {}, True, "outcome", of) for n, of in enumerate(scores)]

    assert strongest(runs) == ["often", "once", *(f"x{n}" for n in range(6))]


def test_past_runs_are_plotted_whatever_the_configuration_is_now(browser, read, nights, session):
    entity, ids = nights(2, {"objective": "value"})
    outcomes.record(session, entity.entity_code, ids[-1], live_days(ids[-1], 4))
    row = {"config_key": "max_features", "config_value": "a dozen", "updated_by": "by hand"}
    session.add(EntityConfig(entity_id=entity.entity_id, **row))
    session.commit()

    page = read(browser.get("/rtb/entities/drugs_com/trends"))
    assert page.select_one("figcaption").find(string=True) == "Realized and predicted value"


def test_a_hostile_name_of_a_feature_is_text(nights, session, browser):
    entity, ids = nights(2)
    for run_id in ids:
        name = "<script>alert(1)</script>"
        feature = {"feature_name": name, "feature_order": 9, "is_anchor": False, "signal_score": 0.3}
        session.add(RunFeature(run_id=run_id, **feature))
    session.commit()

    assert "<script>alert" not in browser.get(f"/rtb/entities/{entity.entity_code}/trends").text
