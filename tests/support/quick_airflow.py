"""What lets Airflow's processes start sooner in tests: copied into the home of a stack, as a part of its settings.

Nothing here changes what a task, the scheduler or the API does.
"""

import importlib
import inspect
import os
import sys

# Twice what the product has: an idle scheduler then takes half of the processor time.
IDLE_SLEEP_S = "0.5"
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
    "pyarrow.fs",
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


def serve_tasks_of_this_version_only():
    """Build the API for tasks once, not once for each older version of Airflow whose tasks might call it."""
    if "api-server" in sys.argv:
        import cadwyn

        class NewestVersion(cadwyn.VersionBundle):
            def __init__(self, head, newest, *_):
                super().__init__(head, cadwyn.Version(newest.value))

        cadwyn.VersionBundle = NewestVersion
        cadwyn.VersionedAPIRouter.only_exists_in_older_versions = lambda _router, endpoint: endpoint


def sleep_longer_between_two_looks():
    """Let the scheduler look for work less often."""
    if "scheduler" in sys.argv:
        os.environ["AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"] = IDLE_SLEEP_S


def import_before_the_first_fork():
    """Import what tasks need in the scheduler: each of its tasks is a fork of it, and need not import it again."""
    if "scheduler" in sys.argv:
        imported = []
        os.register_at_fork(before=lambda: imported or imported.append(_imports_of_tasks()))


def _imports_of_tasks():
    # Airflow's AWS hook asks for the whole stack, which reads about every module there is; what it read is kept.
    return [importlib.import_module(name) for name in USED_BY_TASKS], inspect.stack()
