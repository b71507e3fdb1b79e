"""Reads and writes the state of a running stack: `supervisor.json` and `children.json` in its folder."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rtb_optimizer.local.files import private_folder, write_private
from rtb_optimizer.local.processes import Identity, is_alive

STARTING, READY, FAILED = "starting", "ready", "failed"


@dataclass(frozen=True)
class StackState:
    """The supervisor's state; valid only while its process is alive."""

    pid: int
    started: float
    services: tuple[str, ...]
    pg_port: int
    s3_port: int
    airflow_port: int
    phase: str = STARTING
    steps: tuple[str, ...] = ()
    error: str | None = None

    @property
    def identity(self) -> Identity:
        """The supervisor's process."""
        return Identity(self.pid, self.started)


@dataclass(frozen=True)
class ChildState:
    """A supervised process, and how often it was restarted in the last minute."""

    name: str
    pid: int
    started: float
    restarts: int = 0

    @property
    def identity(self) -> Identity:
        """The child's process."""
        return Identity(self.pid, self.started)


def write_state(root: Path, state: StackState) -> None:
    """Write the supervisor's state, which the commands up, down and status read."""
    write_private(private_folder(root) / "supervisor.json", json.dumps(asdict(state)))


def read_state(root: Path) -> StackState | None:
    """Read the last supervisor's state; None if there is none."""
    try:
        stored = json.loads((root / "supervisor.json").read_text())
        lists = {name: tuple(stored[name]) for name in ("services", "steps")}
        return StackState(**{**stored, **lists})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_alive(root: Path) -> StackState | None:
    """Read the state of the running supervisor."""
    state = read_state(root)
    return state if state and is_alive(state.identity) else None


def forget_state(root: Path) -> None:
    """Remove the state of a supervisor that has shut down normally."""
    (root / "supervisor.json").unlink(missing_ok=True)


def write_children(root: Path, children: Sequence[ChildState]) -> None:
    """Record the supervised processes, so that they can be found if the supervisor is killed."""
    write_private(private_folder(root) / "children.json", json.dumps([asdict(child) for child in children]))


def read_children(root: Path) -> list[ChildState]:
    """Read the processes of the last supervisor, dead or alive."""
    try:
        return [ChildState(**each) for each in json.loads((root / "children.json").read_text())]
    except (OSError, ValueError, TypeError):
        return []
