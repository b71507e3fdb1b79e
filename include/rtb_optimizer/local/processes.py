"""Describes, starts and identifies supervised processes."""

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from rtb_optimizer.local.files import open_log

# A start is counted in ticks of the kernel, of which a second has at least 100.
_SAME_START_SECONDS = 0.005
_GONE = -1.0


@dataclass(frozen=True)
class StopStep:
    """One step of an ending: a signal, and how long to wait before the next step."""

    signal: signal.Signals
    seconds: float
    whole_group: bool = False


@dataclass(frozen=True)
class Service:
    """One program to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    stop: tuple[StopStep, ...]
    user: str | None = None


@dataclass(frozen=True)
class Identity:
    """The identity of a process: pids are reused, pids with a start are not.

    The start is one that stays the same when the machine's clock is set.
    """

    pid: int
    started: float


def start(service: Service, log: Path) -> subprocess.Popen[bytes]:
    """Start a service as a direct child in its own process group, with its output appended to a log."""
    extra_groups: list[int] | None = [] if service.user else None
    with open_log(log) as output:
        return subprocess.Popen(
            service.command,
            cwd=service.folder,
            env=dict(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=service.user,
            group=_group_of(service.user),
            extra_groups=extra_groups,
        )


def identify(pid: int) -> Identity:
    """Return the identity of the process that has this pid now; one that is never alive if there is none."""
    try:
        return Identity(pid, _start_of(psutil.Process(pid)))
    except psutil.Error:
        return Identity(pid, _GONE)


def is_alive(identity: Identity) -> bool:
    """Whether this process is still running."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(_start_of(process) - identity.started) < _SAME_START_SECONDS
        return same and not is_zombie(process)
    except psutil.Error:
        return False


def _start_of(process: psutil.Process) -> float:
    """Return when a process started, in seconds since boot; since the epoch where the system keeps it so.

    Linux counts from boot, and psutil adds the time of boot, which moves when the clock is set.
    """
    if not psutil.LINUX:
        return float(process.create_time())
    while True:
        booted = psutil.boot_time()
        created = process.create_time()
        if psutil.boot_time() == booted:
            return float(created - booted)


def is_zombie(process: psutil.Process) -> bool:
    """Whether a process has ended and has not been reaped by its parent."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid
