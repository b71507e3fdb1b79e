"""Which failures of a task are worth another try."""

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from rtb_optimizer.errors import MayPass, RtbOptimizerError

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(exception=MayPass, action=RetryAction.DEFAULT),
        RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL),
    ]
)
"""The first rule that matches decides. What our other errors say stays true however often it is tried."""
