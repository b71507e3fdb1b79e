"""A run says how the values of features have shifted since the active run's window."""

import io

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
