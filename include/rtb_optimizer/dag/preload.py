"""Imports what tasks need in the process that forks them, so that no task imports it again.

Tasks of LocalExecutor are forks of the scheduler. Imports are about half of the processor time of a small run
(benchmarks/night.py). Workers of other executors import for themselves.
"""

import importlib
import inspect
import os
import sys
from contextlib import suppress
from functools import cache

from airflow.sdk.configuration import conf

USED_BY_TASKS = (
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.standard.operators.python",
    "duckdb",
    "jinja2.ext",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "matplotlib.style",
    "pandas",
    "pyarrow.acero",
    "pyarrow.parquet",
    "rtb_optimizer.dag.callbacks",
    "rtb_optimizer.dag.entities",
    "rtb_optimizer.dag.notifier",
    "rtb_optimizer.dag.params",
    "rtb_optimizer.dag.request",
    "rtb_optimizer.dag.retries",
    "rtb_optimizer.dag.sensors",
    "rtb_optimizer.operations.maintenance",
    "rtb_optimizer.operations.retention",
    "rtb_optimizer.steps.in_process",
)


@cache
def import_before_tasks() -> None:
    """Have the modules imported before the first fork, where this process is a scheduler that forks tasks."""
    if "scheduler" in sys.argv and "LocalExecutor" in conf.get("core", "executor"):
        os.register_at_fork(before=_import_all)


@cache
def _import_all() -> None:
    for name in USED_BY_TASKS:
        with suppress(ImportError):  # the task that needs it reports the error
            importlib.import_module(name)
    with suppress(ImportError):
        from rtb_optimizer.steps import in_process

        in_process.build_once()
    # Airflow's AWS hook asks for the stack of calls, for which inspect reads every module there is, once.
    inspect.stack()
