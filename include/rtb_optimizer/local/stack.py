"""Starts, joins and stops the stack from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from filelock import FileLock, Timeout

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local import state
from rtb_optimizer.local.endings import end_leftovers
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.local.files import last_line, open_log, private_folder
from rtb_optimizer.local.processes import Identity, identify, is_alive
from rtb_optimizer.local.settings import LocalSettings
from rtb_optimizer.local.startup import SERVICES

_START_SECONDS = 600.0
_STOP_SECONDS = 90.0


@contextmanager
def running_stack(
    settings: LocalSettings,
    services: Sequence[str] = SERVICES,
    on_step: Callable[[str], None] = lambda _: None,
) -> Iterator[LocalSettings]:
    """Have the stack up for the length of a `with` block.

    A stack that is up already is used as it is and left running; one started here is stopped at the end, also
    when this process is killed.

    Args:
        settings: Which stack.
        services: Which of postgres, s3 and airflow are needed.
        on_step: Is called with a line for every step of the start.

    Yields:
        The settings of the stack that runs.
    """
    live, started = start(settings, services, owner=os.getpid(), on_step=on_step)
    try:
        yield live
    finally:
        if started:
            stop(live)
            started.wait()


def start(
    settings: LocalSettings,
    services: Sequence[str] = SERVICES,
    *,
    owner: int | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[LocalSettings, subprocess.Popen[bytes] | None]:
    """Start the stack in the background unless it runs, and return when it is ready.

    Returns:
        The settings of the stack that runs, and its supervisor if this call started it.

    Raises:
        LocalStackError: with the cause and the log to read.
    """
    lock = FileLock(private_folder(settings.root) / "start.lock")
    try:
        with lock.acquire(timeout=_START_SECONDS):
            running = state.read_alive(settings.root)
            if running:
                return _join(settings, running, services, on_step), None
            return settings, _launch(settings, services, owner, on_step)
    except Timeout as error:
        raise LocalStackError(f"another start in {settings.root} does not end: `make down`, then try again") from error


def stop(settings: LocalSettings) -> bool:
    """Stop the stack and wait for its end; what a killed supervisor left behind is ended too.

    Returns:
        Whether anything ran.

    Raises:
        LocalStackError: when the supervisor does not end.
    """
    running = state.read_alive(settings.root)
    if running:
        _end_supervisor(running.identity, settings)
    leftovers = [] if state.read_alive(settings.root) else state.read_children(settings.root)
    return bool(end_leftovers([child.identity for child in leftovers])) or running is not None


def _end_supervisor(supervisor: Identity, settings: LocalSettings) -> None:
    with suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while is_alive(supervisor):
        if time.monotonic() > deadline:
            log = settings.logs / "supervisor.log"
            raise LocalStackError(f"the supervisor (pid {supervisor.pid}) does not end: read {log}, then kill it")
        time.sleep(0.05)


def _join(
    settings: LocalSettings, running: state.StackState, services: Sequence[str], on_step: Callable[[str], None]
) -> LocalSettings:
    missing = [service for service in services if service not in running.services]
    if missing:
        raise LocalStackError(
            f"the stack in {settings.root} runs without {' and '.join(missing)}: `make down`, then try again"
        )
    if running.phase != state.READY:
        _follow(settings, running.identity, on_step)
    return replace(settings, pg_port=running.pg_port, s3_port=running.s3_port, airflow_port=running.airflow_port)


def _launch(
    settings: LocalSettings, services: Sequence[str], owner: int | None, on_step: Callable[[str], None]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rtb_optimizer.local", "supervise", "--services", ",".join(services)]
    if owner:
        command += ["--owner", str(owner)]
    with open_log(private_folder(settings.logs) / "supervisor.log") as log:
        process = subprocess.Popen(
            command,
            env=process_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    try:
        _follow(settings, identify(process.pid), on_step)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process


def _follow(settings: LocalSettings, supervisor: Identity, on_step: Callable[[str], None]) -> None:
    """Report each step of a start until the stack is ready.

    Raises:
        LocalStackError: when the supervisor fails or ends.
    """
    reported = 0
    while True:
        alive = is_alive(supervisor)
        now = state.read_state(settings.root)
        if now and now.pid == supervisor.pid:
            for step in now.steps[reported:]:
                on_step(step)
            reported = len(now.steps)
            if now.phase == state.READY and alive:
                return
            if now.phase == state.FAILED:
                raise LocalStackError(now.error or "the stack failed")
        if not alive:
            log = settings.logs / "supervisor.log"
            raise LocalStackError(f"the supervisor ended during the start saying “{last_line(log)}”: read {log}")
        time.sleep(0.05)
