"""The daily audit and retention.

- **audit_active_outputs** reads back every output of every active run and compares it with its recorded sha256. It
  fails, naming each output, when one is gone or changed: that is an alert. Stale runs are warnings in its log.
- **apply_retention** deletes the objects of expired runs, never those of the active run.

Alerts and their fixes: docs/operations.md, "Retention and audit".
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
        # Findings are permanent: only an unreachable catalog is retried.
        "retry_policy": ExceptionRetryPolicy([RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL)]),
    },
):

    @task
    def audit_active_outputs() -> int:
        """Read back the outputs of all active runs; return the number of active runs."""
        from rtb_optimizer.operations import maintenance

        return maintenance.audit_active_outputs()

    @task
    def apply_retention() -> int:
        """Delete expired objects; return their number."""
        from rtb_optimizer.operations import retention

        result = retention.apply_retention()
        result.require_complete()
        return sum(each.objects for each in result.deleted)

    audit_active_outputs()
    apply_retention()
