"""Opens a session of a cluster, with the settings that make it count as every engine does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtb_optimizer.engines.spark.failures import classify_spark_error
from rtb_optimizer.errors import ConnectionMissing

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",  # a macro that was not expanded, ${ID}, is a value of the logs
}
TRIES, LONGEST_WAIT_MS = 8, 15_000
"""A server that does not answer is given up after a minute, by default ten: the task is retried then."""
INSTALL = "pip install -r requirements-spark.txt"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, as Spark Connect spells it (`sc://host:15002/;...`, credentials in it), and how it reads S3.

    `s3_scheme` is what stands for `s3` in the URLs of files: `s3a` with Hadoop's own client, `s3` on EMR.
    """

    url: str
    s3_scheme: str = "s3a"

    def __repr__(self) -> str:
        return f"Cluster({self.named})"

    @property
    def named(self) -> str:
        """The cluster without credentials."""
        return self.url.partition("/;")[0]


def open_session(cluster: Cluster) -> "SparkSession":
    """Return a session of its own.

    Raises:
        ConnectionMissing: when the client is not installed.
        EngineLost: when the cluster does not answer.
    """
    try:
        from pyspark.errors import PySparkException

        with _a_main_module_with_a_file():
            from pyspark.sql.connect.session import SparkSession
    except ImportError as problem:
        raise ConnectionMissing(f"engine = spark needs the client of Spark Connect: {INSTALL} ({problem})") from None
    import grpc
    from pyspark.sql.connect.client.retries import DefaultPolicy

    try:
        session = SparkSession.builder.remote(cluster.url).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=TRIES, max_backoff=LONGEST_WAIT_MS)])
        for key, value in SETTINGS.items():
            session.conf.set(key, value)
    except (PySparkException, grpc.RpcError) as problem:
        raise classify_spark_error(f"no session on {cluster.named}", problem, ()) from problem
    return session


@contextmanager
def _a_main_module_with_a_file() -> Iterator[None]:
    """Let pyspark be imported by any process: where the main module has no file it runs its doctests, and exits."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = sys.executable
    try:
        yield
    finally:
        del main.__file__
