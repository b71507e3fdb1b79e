"""Sorts Spark's errors into the product's: what failed, why, and in which file."""

import re
from collections.abc import Sequence

from rtb_optimizer.errors import (
    ConnectionMissing,
    EngineFull,
    EngineLost,
    LogsInvalid,
    RtbOptimizerError,
    StoreFailed,
)

MAX_CAUSE = 600
REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")
STORE = (
    *(
        "AccessDenied",
        "Access Denied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "NoSuchBucket",
        "SdkClientException",
    ),
    *("No FileSystem for scheme", "ClassNotFoundException: Class org.apache.hadoop.fs.s3a", "AmazonS3Exception"),
    *("Generic S3 error", "status code: 403", "AWSBadRequestException"),
)
FULL = ("No space left", "OutOfMemoryError", "Resources exhausted", "maxResultSize", "SparkOutOfMemoryError")
LOST = (
    *(
        "UNAVAILABLE",
        "ExecutorLostFailure",
        "executor lost",
        "Executor heartbeat timed out",
        "SparkContext was shut down",
    ),
    *("SparkContext was stopped", "Connection refused", "Connection reset", "INVALID_HANDLE", "OPERATION_CANCELED"),
    *(
        "DEADLINE_EXCEEDED",
        "RETRIES_EXCEEDED",
        "MetadataFetchFailed",
        "FetchFailed",
        "Failed to connect",
        "Socket closed",
    ),
)


KINDS: Sequence[tuple[Sequence[str], type[RtbOptimizerError], str]] = (
    (REFUSED, ConnectionMissing, "correct token and user of connection 'rtb_engine'"),
    (STORE, StoreFailed, "the cluster reads S3 with its own rights and packages: grant and install them there"),
    (FULL, EngineFull, "give the executors of the cluster more memory or disk"),
    (LOST, EngineLost, "see the cluster's log, and retry"),
)
"""Marks in the text of an error, the error that they are, and the fix; the first that fits counts."""


def classify_spark_error(what: str, problem: Exception, urls: Sequence[str]) -> RtbOptimizerError:
    """Return the error to raise.

    Args:
        what: What failed, as the beginning of the message.
        problem: Spark's error, or the connection's.
        urls: The files that were read.
    """
    text = str(problem)
    cause = _cause(text)
    for marks, kind, fix in KINDS:
        if any(mark in text for mark in marks):
            return kind(f"{what}: {cause}; {fix}")
    if "nanos" in text.lower():
        cause += "; write times in microseconds, or set engine = duckdb"
    named = next((url for url in urls if _path(url) in text), "")
    if named and named not in cause:
        return LogsInvalid(f"{what}: {cause}; in {named}")
    if named or not urls:
        return LogsInvalid(f"{what}: {cause}")
    return LogsInvalid(f"{what}: {cause}; in {urls[0] if len(urls) == 1 else f'one of {urls[0]} ... {urls[-1]}'}")


def _path(url: str) -> str:
    """Return a URL without its scheme, which the cluster may call otherwise."""
    return url.partition("://")[2]


def _cause(text: str) -> str:
    """Return the first line of an error, and the cause where that stands below, without frames and unprintables."""
    details = re.search(r'details = "(.*?)"\n', text, re.DOTALL)  # of gRPC's own error
    lines = [line.strip() for line in (details[1] if details else text).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    line = " ".join([*lines[:1], *causes[-1:]]) or "no cause was given"
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return plain if len(plain) <= MAX_CAUSE else f"{plain[:MAX_CAUSE]}..."
