"""Which logs may begin within their window: those of an entity without an active run, and no others."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.table.segments import Counts
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.run.volume import Coverage, volume_findings
from v3_settings import v3_settings

START = datetime(2026, 3, 7, tzinfo=UTC)
DAYS = [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)]
COVERED = Coverage(Window(START, START + timedelta(days=3)), ZoneInfo("UTC"), ZoneInfo("UTC"))


@pytest.mark.parametrize(("is_first", "silent"), [(True, 0.0), (False, 14 / 24)])
def test_logs_begin_late_in_a_first_run_alone_though_the_active_one_counted_other_rows(is_first, silent):
    """A changed filter makes the active run's volume no measure; its logs did not begin today all the same."""
    hours = [hour for hour in range(72) if hour >= 14]
    minutes = {np.datetime64("2026-03-07T00:30", "m") + np.timedelta64(60 * hour, "m"): 100 for hour in hours}
    rows = {day: 100 * sum(hour // 24 == n for hour in hours) for n, day in enumerate(DAYS)}
    by_day = {day: Counts(count, count, count // 10, 0, 0) for day, count in rows.items()}
    profile = Profile(Counts(5_800, 5_800, 580, 0, 0), 580, by_day, {}, {}, rows_by_minute=minutes)
    found = volume_findings(profile, COVERED, v3_settings(), None, is_first=is_first)

    assert found.facts["silent_share"] == pytest.approx(silent)
