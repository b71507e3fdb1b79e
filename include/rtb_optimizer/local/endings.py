"""Ends a process together with everything it started, and nothing else."""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

import psutil

from rtb_optimizer.local.processes import Identity, Service, is_alive, is_zombie


def has_exited(child: subprocess.Popen[bytes]) -> bool:
    """Whether a child has exited; if so, end the rest of its session, then reap it.

    The order matters: the pid of an unreaped child, and so its session id, cannot be reused.
    """
    if child.returncode is not None:
        return True
    if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return False
    kill_session(child.pid)
    child.wait()
    return True


def stop_all(children: Sequence[tuple[Service, subprocess.Popen[bytes]]]) -> None:
    """End these children together, each by its own steps; the last step is SIGKILL to its session."""
    endings = [_ending(service, child) for service, child in children]
    while endings:
        endings = [each for each in endings if next(each, "ended") != "ended"]
        time.sleep(0.05)


def _ending(service: Service, child: subprocess.Popen[bytes]) -> Iterator[str]:
    for step in service.stop:
        if step.whole_group:
            signal_group(child.pid, step.signal)
        else:
            child.send_signal(step.signal)
        deadline = time.monotonic() + step.seconds
        while time.monotonic() < deadline:
            if has_exited(child):
                return
            yield "waiting"
    kill_session(child.pid)
    while not has_exited(child):
        yield "waiting"


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal a process group that may have ended already."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def session_of(leader: int) -> list[psutil.Process]:
    """Return the processes of a session.

    An Airflow task creates its own process group, so the group of its scheduler does not contain it.
    """
    members = []
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if os.getsid(pid) == leader:
                members.append(psutil.Process(pid))
    return members


def kill_session(leader: int) -> None:
    """Kill every process of a session, including those forked in the meantime."""
    for _ in range(5):
        running = [each for each in session_of(leader) if not is_zombie(each)]
        if not running:
            return
        for process in running:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.02)


def end_leftovers(leaders: Collection[Identity], patience: float = 5.0) -> int:
    """End the sessions that a killed supervisor left behind, and no others.

    Returns:
        The number of sessions ended.
    """
    alive = [leader for leader in leaders if is_alive(leader)]
    members = [member for leader in alive for member in session_of(leader.pid)]
    for leader in alive:
        signal_group(leader.pid, signal.SIGTERM)
    for process in psutil.wait_procs(members, timeout=patience)[1]:
        # psutil does not signal a pid that has been reused by another process.
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(members, timeout=patience)
    return len(alive)
