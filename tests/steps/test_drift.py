"""A run says how the values of features have shifted since the active run's window."""

import io
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Run
from seeded_logs import NIGHTS, WORLD


@pytest.mark.usefixtures("logs")
def test_a_value_that_half_of_a_night_has_for_the_first_time_is_seen_in_report_and_figures(
    add_entity, request_run, session, store, base_path
):
    add_entity(lookback_days="2")
    first = in_process.run(request_run(data_start="2026-03-06", data_end="2026-03-08"))
    for day in NIGHTS[2:]:
        table = WORLD.day(day)
        devices = [value if n % 2 else "toaster" for n, value in enumerate(table["device_type"].to_pylist())]
        place, body = table.schema.get_field_index("device_type"), io.BytesIO()
        pq.write_table(table.set_column(place, "device_type", pa.array(devices)), body)
        store.replace(split_url(f"{base_path}/logs/date={day}/part-0.parquet")[1], body.getvalue())
    second = in_process.run(request_run(dag_run_id="manual__2"))

    run, before = (session.get_one(Run, each.opt_run_id) for each in (second, first))
    report = Report.read_exactly(published_output(session, run, "report"))
    shifted = {each.feature: each for each in report.drift}
    assert shifted["device_type"].new_share == pytest.approx(0.5, abs=0.03)
    assert shifted["device_type"].psi > 1
    assert shifted["browser"].psi < 0.1
    assert (run.figures["worst_psi"], run.figures["new_values"]) == (
        shifted["device_type"].psi,
        shifted["device_type"].new_share,
    )
    assert "user_id" not in {each.feature for each in report.distributions}  # denied: nobody's values are written down
    assert before.figures["worst_psi"] is None
    assert "toaster" in published_output(session, run, "report").decode()
    assert "How values have shifted since the active run" in published_output(session, run, "report_page").decode()


@pytest.mark.usefixtures("logs")
def test_a_feature_whose_values_are_respelt_over_night_is_named_and_an_honest_night_is_not(
    add_entity, request_run, session, store, base_path
):
    """A table of the new spelling is found by no request that still has the old one."""
    add_entity(lookback_days="1", anchor_features="browser", min_holdout_gain="-1")
    nights = [{"data_start": f"{start:%F}", "data_end": f"{end:%F}"} for start, end in pairwise(NIGHTS)]
    respelt = NIGHTS[2]
    table = WORLD.day(respelt)
    browsers = pa.array([value.upper() for value in table["browser"].to_pylist()])
    place, body = table.schema.get_field_index("browser"), io.BytesIO()
    pq.write_table(table.set_column(place, "browser", browsers), body)
    store.replace(split_url(f"{base_path}/logs/date={respelt}/part-0.parquet")[1], body.getvalue())

    runs = [in_process.run(request_run(dag_run_id=f"manual__{n}", **night)) for n, night in enumerate(nights)]

    by_night = [
        [each.message for each in report.warnings if each.code == "values_replaced"]
        for run in runs
        for report in [Report.read_exactly(published_output(session, session.get_one(Run, run.opt_run_id), "report"))]
    ]
    assert by_night[:2] == [[], []]
    [message] = by_night[2]
    assert message.startswith("browser has other values than in the active run's window: browser=SAFARI_MOBILE has 38%")
