"""Nights in a row are made again to the byte, each from what its own night knew."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.operations.rebuild.rebuild import RebuildOptions, rebuild
from rtb_optimizer.operations.rebuild.source import source_of
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.runs import CLI_DAG_ID, Attempt
from rtb_optimizer.store.schema import RunDecision
from seeded_logs import write_logs

FIRST = date(2026, 2, 1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nights_of_the_demonstration_s_world_are_identical(add_entity, store, base_path, session, long):
    """With the larger numbers, fifty nights; each moves from the one before, and is made again when all have run."""
    nights = [FIRST + timedelta(days=n) for n in range(50 if long else 3)]
    write_logs(store, f"{base_path}/logs/date={{date}}/", nights)
    add_entity(lookback_days="1", max_movement="1.2")
    for day in nights:
        end = day + timedelta(days=1)
        window = WindowRequest(datetime.combine(end, time(4), UTC), f"{day}", f"{end}")
        in_process.run(RunRequest("drugs_com", Attempt(CLI_DAG_ID, f"{day}"), window, "manual:tester", {}))
    decided = session.scalars(select(RunDecision).order_by(RunDecision.run_id)).all()
    rebuilt = [rebuild(source_of(str(each.run_id)), RebuildOptions()) for each in decided]

    assert len(decided) == len(nights)
    assert len({each.from_run_id for each in decided}) > len(nights) / 2  # the pointer moved
    assert [done.findings for done in rebuilt if not done.identical] == []
