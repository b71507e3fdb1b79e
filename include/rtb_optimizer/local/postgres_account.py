"""As whom does PostgreSQL run? It refuses to run as root, and containers and CI often are root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.binaries import pg_bin_dir

# In a user namespace of its own the server sees itself as nobody, while its files stay root's.
_NAMESPACE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
_USERS = ("postgres", "nobody")


class _Switch(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """How PostgreSQL's programs are started: behind a launcher, as another user, or just so."""

    launcher: tuple[str, ...] = ()
    user: str | None = None

    def switch(self) -> _Switch:
        """Give the arguments of `subprocess` that change the user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}


def choose_account() -> Account:
    """Choose for this process, trying things out where it is root.

    Raises:
        LocalStackError: when root has no way to run PostgreSQL.
    """
    if os.geteuid() != 0:
        return Account()
    program = str(pg_bin_dir() / "postgres")
    return choose_for_root(lambda account: _can_run(account, program))


def choose_for_root(works: Callable[[Account], bool], users: Sequence[str] = _USERS) -> Account:
    """Take the first way out of root that works: a user namespace, then a user without rights.

    Raises:
        LocalStackError: when none works.
    """
    known = {entry.pw_name for entry in pwd.getpwall()}
    choices = [Account(launcher=_NAMESPACE), *(Account(user=user) for user in users if user in known)]
    for account in choices:
        if works(account):
            return account
    raise LocalStackError(
        "PostgreSQL refuses to run as root, `unshare -U` is not allowed here and its programs are out of reach of "
        f"the users {' and '.join(users)}: run this as an ordinary user"
    )


def own_folder(path: Path, account: Account) -> Path:
    """Hand a path to the user that PostgreSQL runs as, and let that user walk to it.

    Raises:
        LocalStackError: when a folder above the stack's own keeps that user out.
    """
    if account.user is None:
        return path
    shutil.chown(path, account.user, pwd.getpwnam(account.user).pw_gid)
    if path.is_dir():
        # Only the stack's own folder is opened for walking through; what stands in it stays 0600 or 0700.
        path.parent.chmod(0o711)
        reachable = subprocess.run(
            ["test", "-w", str(path)], check=False, cwd="/", env={"PATH": "/usr/bin:/bin"}, **account.switch()
        )
        if reachable.returncode != 0:
            raise LocalStackError(
                f"user {account.user} cannot reach {path}: set RTB_LOCAL_DIR to a folder open to it, such as "
                "/var/lib/rtb, or run this as an ordinary user"
            )
    return path


def _can_run(account: Account, program: str) -> bool:
    command = [*account.launcher, program, "--version"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, cwd="/", timeout=10, **account.switch())
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
