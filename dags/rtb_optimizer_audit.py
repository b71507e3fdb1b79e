"""What is looked after once a day.

- **audit_active_outputs** reads back every output of every active run and holds it against its recorded sha256. It
  fails, with the name of each, when one is gone or changed: that is an alert. Stale runs are warnings in its log.
- **apply_retention** deletes the objects of runs that are past their time, never those of the active run.

What an alert means and what to do about it: docs/operations.md, "What is kept, and what is checked".
"""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, ExceptionRetryPolicy, RetryAction, RetryRule, task

from rtb_optimizer.errors import RtbOptimizerError

with DAG(
    "rtb_optimizer_audit",
    schedule=CronTriggerTimetable("30 5 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["rtb_optimizer", "maintenance"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        # What was found stays true: only a catalog that cannot be reached is tried again.
        "retry_policy": ExceptionRetryPolicy([RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL)]),
    },
):

    @task
    def audit_active_outputs() -> int:
        """Read back what bidders read; return how many entities have an active run."""
        from rtb_optimizer.operations import maintenance

        return maintenance.audit_active_outputs()

    @task
    def apply_retention() -> int:
        """Delete what is past its time; return how many objects."""
        from rtb_optimizer.operations import retention

        outcome = retention.apply_retention()
        outcome.require_complete()
        return sum(each.objects for each in outcome.deleted)

    audit_active_outputs()
    apply_retention()
