"""The supervisor's process, from its start to its end."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType

from filelock import FileLock, Timeout

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local import preflight, state
from rtb_optimizer.local.endings import end_leftovers
from rtb_optimizer.local.environment import write_env_file
from rtb_optimizer.local.files import private_folder
from rtb_optimizer.local.processes import identify, is_alive
from rtb_optimizer.local.settings import LocalSettings
from rtb_optimizer.local.startup import Startup
from rtb_optimizer.local.supervisor import Child, Supervisor

_TICK_SECONDS = 0.1


class _StopRequestedError(Exception):
    """Raised when a signal, or the end of the owner, requests the supervisor to stop."""


def supervise(settings: LocalSettings, services: Sequence[str], owner: int | None = None) -> None:
    """Run the stack until a signal arrives or the process `owner` ends.

    Raises:
        LocalStackError: when the stack cannot start or stay up, or is already supervised.
    """
    lock = FileLock(private_folder(settings.root) / "supervisor.lock")
    try:
        with lock.acquire(timeout=0):
            _Daemon(settings, services, owner).run()
    except Timeout as error:
        raise LocalStackError(f"the stack in {settings.root} is already running: `make down` stops it") from error


class _Daemon:
    def __init__(self, settings: LocalSettings, services: Sequence[str], owner: int | None) -> None:
        me = identify(os.getpid())
        ports = (settings.pg_port, settings.s3_port, settings.airflow_port)
        self._settings = settings
        self._state = state.StackState(me.pid, me.started, tuple(services), *ports)
        self._owner = identify(owner) if owner else None
        self._stop_requested = False
        self._began = time.monotonic()
        self._supervisor = Supervisor(settings.logs, self._note_children)

    def run(self) -> None:
        """Start, supervise and stop the stack; keep the state on disk up to date."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        self._note(phase=state.STARTING)
        try:
            self._start()
            while True:
                self._pause()
        except _StopRequestedError as request:
            print(request, flush=True)
            self._supervisor.stop()
            state.forget_state(self._settings.root)
        except (LocalStackError, OSError) as error:
            self._supervisor.stop()
            self._note(phase=state.FAILED, error=str(error))
            raise

    def _start(self) -> None:
        root = self._settings.root
        end_leftovers([child.identity for child in state.read_children(root)])
        preflight.check(self._settings, self._state.services)
        write_env_file(self._settings)
        Startup(self._settings, self._supervisor, self._pause, self._report).run(self._state.services)
        self._note(phase=state.READY)

    def _pause(self) -> None:
        time.sleep(_TICK_SECONDS)
        if self._stop_requested:
            raise _StopRequestedError("stopped on request")
        if self._owner and not is_alive(self._owner):
            raise _StopRequestedError(f"stopped: the process it was started for ended (pid {self._owner.pid})")
        self._supervisor.tend()

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True

    def _report(self, step: str) -> None:
        step = f"[{time.monotonic() - self._began:5.1f} s] {step}"
        print(step, flush=True)
        self._note(steps=(*self._state.steps, step))

    def _note(
        self, *, phase: str | None = None, steps: tuple[str, ...] | None = None, error: str | None = None
    ) -> None:
        now = self._state
        self._state = replace(now, phase=phase or now.phase, steps=steps or now.steps, error=error)
        state.write_state(self._settings.root, self._state)

    def _note_children(self, children: Sequence[Child]) -> None:
        states = [
            state.ChildState(each.service.name, each.identity.pid, each.identity.started, len(each.restarts))
            for each in children
        ]
        state.write_children(self._settings.root, states)
