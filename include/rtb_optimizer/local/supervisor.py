"""Keeps services running as direct children: one that exits is restarted, within a limit."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.endings import has_exited, stop_all
from rtb_optimizer.local.files import last_line, private_folder
from rtb_optimizer.local.processes import Identity, Service, identify, start

MAX_RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0
_LOG_LIMIT_BYTES = 20 * 1024**2


@dataclass
class Child:
    """A running service and the times of its restarts."""

    service: Service
    process: subprocess.Popen[bytes]
    identity: Identity
    restarts: list[float] = field(default_factory=list)


class Supervisor:
    """Starts services in waves, restarts the ones that exit, stops the waves in reverse order."""

    def __init__(self, logs: Path, on_change: Callable[[Sequence[Child]], None] = lambda _: None) -> None:
        self._logs = private_folder(logs)
        self._on_change = on_change
        self._waves: list[list[Child]] = []

    @property
    def children(self) -> list[Child]:
        """Every supervised service."""
        return [child for wave in self._waves for child in wave]

    def log_of(self, name: str) -> Path:
        """Return the log file of a service."""
        return self._logs / f"{name}.log"

    def start(self, services: Iterable[Service]) -> None:
        """Start services that do not depend on each other, and supervise them."""
        wave: list[Child] = []
        self._waves.append(wave)
        for service in services:
            _rotate(self.log_of(service.name))
            wave.append(self._launch(service))
        self._on_change(self.children)

    def tend(self) -> None:
        """Restart the services that have exited since the last call.

        Raises:
            LocalStackError: when a service exceeds the limit of restarts.
        """
        for wave in self._waves:
            for position, child in enumerate(wave):
                if has_exited(child.process):
                    wave[position] = self._restart(child)
                    self._on_change(self.children)

    def stop(self) -> None:
        """Stop everything, the last wave first."""
        while self._waves:
            stop_all([(child.service, child.process) for child in self._waves.pop()])
            self._on_change(self.children)

    def _launch(self, service: Service) -> Child:
        process = start(service, self.log_of(service.name))
        return Child(service, process, identify(process.pid))

    def _restart(self, child: Child) -> Child:
        name, code = child.service.name, child.process.returncode
        now = time.monotonic()
        recent = [moment for moment in child.restarts if now - moment < RESTART_WINDOW_SECONDS]
        log = self.log_of(name)
        if len(recent) >= MAX_RESTARTS:
            raise LocalStackError(restart_limit_message(name, code, last_line(log), log))
        restarted = self._launch(child.service)
        restarted.restarts = [*recent, now]
        print(f"{name} {describe_exit(code)}: started again", flush=True)
        return restarted


def restart_limit_message(name: str, code: int, last: str, log: Path) -> str:
    """Return the message for a service that cannot be kept running, with its last line and its log."""
    last_output = f" with “{last}”" if last else ""
    return f"{name} {describe_exit(code)} after {MAX_RESTARTS} restarts in a minute{last_output}: read {log}"


def describe_exit(code: int) -> str:
    """Describe an exit code."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _rotate(log: Path) -> None:
    """Keep one old log beside the new one once it has grown large."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".old.log"))
