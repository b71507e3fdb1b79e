"""Chooses the user that PostgreSQL runs as: it refuses to run as root, which containers and CI often are."""

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

# In its own user namespace the server runs as nobody, while its files belong to root.
_NAMESPACE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
_USERS = ("postgres", "nobody")


class _Switch(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """How PostgreSQL's programs are started: by a launcher, as another user, or directly."""

    launcher: tuple[str, ...] = ()
    user: str | None = None

    def switch(self) -> _Switch:
        """Return the arguments of `subprocess` that change the user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}


def choose_account() -> Account:
    """Choose the account for this process; as root, try the alternatives.

    Raises:
        LocalStackError: when root cannot run PostgreSQL.
    """
    if os.geteuid() != 0:
        return Account()
    program = str(pg_bin_dir() / "postgres")
    return choose_for_root(lambda account: _can_run(account, program))


def choose_for_root(works: Callable[[Account], bool], users: Sequence[str] = _USERS) -> Account:
    """Return the first alternative to root that works: a user namespace, then an unprivileged user.

    Raises:
        LocalStackError: when none works.
    """
    existing = {entry.pw_name for entry in pwd.getpwall()}
    choices = [Account(launcher=_NAMESPACE), *(Account(user=user) for user in users if user in existing)]
    for account in choices:
        if works(account):
            return account
    raise LocalStackError(
        "PostgreSQL refuses to run as root, `unshare -U` is not allowed here and its programs are not accessible to "
        f"the users {' and '.join(users)}: run this as an ordinary user"
    )


def own_folder(path: Path, account: Account) -> Path:
    """Make the user that PostgreSQL runs as the owner of a path, and grant it access to the folder above.

    Raises:
        LocalStackError: when a folder above the stack's own denies that user access.
    """
    if account.user is None:
        return path
    shutil.chown(path, account.user, pwd.getpwnam(account.user).pw_gid)
    if path.is_dir():
        # Only the stack's own folder becomes searchable; its contents keep mode 0600 or 0700.
        path.parent.chmod(0o711)
        reachable = subprocess.run(
            ["test", "-w", str(path)], check=False, cwd="/", env={"PATH": "/usr/bin:/bin"}, **account.switch()
        )
        if reachable.returncode != 0:
            raise LocalStackError(
                f"user {account.user} cannot reach {path}: set RTB_LOCAL_DIR to a folder that it can access, such as "
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
