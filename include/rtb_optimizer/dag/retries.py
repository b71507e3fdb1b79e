"""The retry policy: only transient errors are retried."""

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from rtb_optimizer.errors import RtbOptimizerError, TransientError

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(exception=TransientError, action=RetryAction.DEFAULT),
        RetryRule(exception=RtbOptimizerError, action=RetryAction.FAIL),
    ]
)
"""The first matching rule decides. Other errors of the product are permanent: a retry would fail again."""
