"""Records what a task costs by part: the settings module (`airflow_local_settings`) of the stack that night.py starts.

Each task of LocalExecutor is a process forked from the scheduler. A file of JSON per task in the folder RTB_TASK_PARTS
has its CPU seconds: up to its start by Airflow, of that the imports; of its work, of that the imports.
"""

import importlib._bootstrap as bootstrap
import json
import os
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(os.environ.get("RTB_TASK_PARTS", os.devnull))
inside = threading.local()


class Clock:
    """CPU seconds of this process, and those of its imports."""

    def __init__(self) -> None:
        self.imports = 0.0
        self.started: tuple[float, float] | None = None

    def now(self) -> tuple[float, float]:
        """Return the seconds so far, and those of imports."""
        return time.process_time(), self.imports


clock = Clock()
IMPORT = "_find_and_load"  # what an import statement calls for a module that is not loaded
find_and_load = getattr(bootstrap, IMPORT)


def timed(name: str, import_: object) -> object:
    """Import a module; the outermost import of the main thread is measured."""
    if getattr(inside, "an_import", False) or threading.current_thread() is not threading.main_thread():
        return find_and_load(name, import_)
    inside.an_import, before = True, time.process_time()
    try:
        return find_and_load(name, import_)
    finally:
        inside.an_import = False
        clock.imports += time.process_time() - before


class Listener:
    """Writes the parts of a task down when it has succeeded."""

    def on_task_instance_running(self, previous_state: object, task_instance: object) -> None:  # noqa: ARG002 - Airflow's
        """Remember what the start has cost."""
        clock.started = clock.now()

    def on_task_instance_success(self, previous_state: object, task_instance: object) -> None:  # noqa: ARG002 - Airflow's
        """Write the parts."""
        if clock.started is None:
            return
        start, start_imports = clock.started
        total, imports = clock.now()
        parts = {"task": task_instance.task_id, "start": start, "start_imports": start_imports}  # type: ignore[attr-defined]
        parts |= {"work": total - start, "work_imports": imports - start_imports}
        (FOLDER / f"{os.getpid()}.json").write_text(json.dumps(parts))


def listen() -> None:
    """Have this fork of the scheduler tell what its task costs."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    clock.imports = 0.0
    for hook in ("on_task_instance_running", "on_task_instance_success"):
        method = getattr(Listener, hook)
        if not hasattr(method, "airflow_impl"):
            setattr(Listener, hook, hookimpl(method))
    manager = get_listener_manager()
    if not any(isinstance(each, Listener) for each in manager.pm.get_plugins()):
        manager.add_listener(Listener())


if FOLDER.is_dir() and "scheduler" in sys.argv:
    setattr(bootstrap, IMPORT, timed)
    os.register_at_fork(after_in_child=listen)
