"""What lets Airflow's processes start sooner in tests: copied into the home of a stack, as a part of its settings.

Nothing here changes what a task, the scheduler or the API does.
"""

import os
import sys

# Twice what the product has: an idle scheduler then takes half of the processor time.
IDLE_SLEEP_S = "0.5"


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


def leave_imports_to_the_tasks():
    """Let each task import what it needs, as under other executors: the slower of the two ways."""
    if "scheduler" in sys.argv:
        from rtb_optimizer.dag import preload

        preload.import_before_tasks = lambda: None
