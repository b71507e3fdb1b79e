"""Validates a schedule: a cron expression of five fields, or one of Airflow's presets, that comes due at all.

croniter, by which Airflow reads schedules, also takes a sixth field (seconds) and random ones (`R`): a run each second,
or at another time at each parse.
"""

import re
from datetime import UTC, datetime

from croniter import CroniterError, croniter

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
FIELDS = 5
_RANDOM = re.compile(r"(?<![A-Z])R(?![A-Z])", re.IGNORECASE)  # not that of MAR or THUR
ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def schedule_problem(schedule: str) -> str | None:
    """Return what is wrong with a schedule, or None; an empty one stands for the default."""
    if not schedule or schedule in PRESETS:
        return None
    if not croniter.is_valid(schedule):
        return f"schedule: {schedule!r} is not a cron expression"
    if len(schedule.split()) != FIELDS:
        presets = ", ".join(PRESETS)
        return f"schedule: {schedule!r} needs {FIELDS} fields, as 17 3 * * *, or to be one of {presets}"
    if _RANDOM.search(schedule):
        return f"schedule: {schedule!r} is random: it would come due at another time whenever it is read"
    return None if _comes_due(schedule) else f"schedule: {schedule!r} never comes due"


def _comes_due(schedule: str) -> bool:
    try:
        croniter(schedule, ANY_DAY).get_next()
    except CroniterError:
        return False
    return True
