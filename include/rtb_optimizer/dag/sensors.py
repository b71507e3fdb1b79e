"""Waits for the logs of a run without holding a worker: a deferred task, polled by the triggerer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

POLL_S = 30.0
SETTLE_S = 1.0
"""A trigger fires no earlier: Airflow may not have recorded yet that its task waits."""

log = logging.getLogger(__name__)


class WaitForLogs(BaseOperator):
    """Succeeds when the run's window is mature and every partition of it is complete.

    After `freshness_timeout_minutes` it continues with the complete partitions if they are `min_partition_share` of
    all, else it fails with the list of the others.
    """

    template_fields: Sequence[str] = ("opt_run_id",)

    def __init__(self, *, opt_run_id: Any, **kwargs: Any) -> None:  # noqa: ANN401 - an XComArg that becomes an int
        super().__init__(**kwargs)
        self.opt_run_id = opt_run_id

    def execute(self, context: Any) -> int:  # noqa: ANN401, ARG002 - Airflow's signature
        """Check, then continue with the complete partitions or release the worker until there is more."""
        from rtb_optimizer.steps import wait_for_logs

        wait_for_logs.look_into_logs(self.opt_run_id)
        now, deadline = datetime.now(UTC), wait_for_logs.freshness_deadline(self.opt_run_id)
        awaited = wait_for_logs.awaited(self.opt_run_id, now)
        if not awaited or now >= deadline:
            return wait_for_logs.require_partitions(self.opt_run_id)
        log.info("waiting until %s for %d conditions: %s", deadline, len(awaited), ", ".join(awaited))
        trigger = LogsComplete(self.opt_run_id, deadline.isoformat(), POLL_S)
        self.defer(trigger=trigger, method_name=self.resume.__name__)
        raise AssertionError("defer raises")

    def resume(self, context: Any, event: Any) -> int:  # noqa: ANN401, ARG002 - Airflow's signature
        """Check again: the logs that came may show that the window lies in one more folder."""
        return self.execute(context)


class LogsComplete(BaseTrigger):
    """Fires when the window is mature and its partitions are complete, at the deadline, or when the run has ended."""

    def __init__(self, opt_run_id: int, deadline: str, poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's base has no types
        self.opt_run_id, self.deadline, self.poll_s = opt_run_id, deadline, poll_s

    def serialize(self) -> tuple[str, dict[str, object]]:
        """Return the arguments that rebuild this trigger in another triggerer."""
        values: dict[str, object] = {"opt_run_id": self.opt_run_id, "deadline": self.deadline, "poll_s": self.poll_s}
        return f"{LogsComplete.__module__}.{LogsComplete.__qualname__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll; the task decides what the end of the wait means."""
        deadline = datetime.fromisoformat(self.deadline)
        await asyncio.sleep(min(self.poll_s, SETTLE_S))
        while datetime.now(deadline.tzinfo) < deadline and not await asyncio.to_thread(self._is_over):  # noqa: ASYNC110 - S3 has no event to wait for
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"opt_run_id": self.opt_run_id})  # type: ignore[no-untyped-call] # as above

    def _is_over(self) -> bool:
        from sqlalchemy.exc import OperationalError

        from rtb_optimizer.errors import LogsInvalid, RunNotRunning, StoreFailed
        from rtb_optimizer.steps import wait_for_logs

        try:
            return not wait_for_logs.awaited(self.opt_run_id, datetime.now(UTC))
        except (RunNotRunning, LogsInvalid):  # the task fails with the reason
            return True
        except (StoreFailed, OperationalError):  # temporarily unavailable: keep waiting
            log.warning("the state of the logs cannot be read now", exc_info=True)
            return False
