"""Creates, runs and checks the embedded PostgreSQL."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.binaries import pg_bin_dir
from rtb_optimizer.local.files import last_line, open_log, private_folder, write_private
from rtb_optimizer.local.postgres_account import Account, choose_account, own_folder
from rtb_optimizer.local.processes import Service, StopStep
from rtb_optimizer.local.settings import CATALOG_DATABASE, METADATA_DATABASE, LocalSettings

# Never SIGKILL first; fast shutdown ends sessions, immediate shutdown leaves the rest to recovery.
_STOP = (StopStep(signal.SIGINT, 15), StopStep(signal.SIGQUIT, 5))
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


def data_folder(settings: LocalSettings) -> Path:
    """Return the folder of the database cluster."""
    return settings.root / "postgres" / "data"


def service(settings: LocalSettings) -> Service:
    """Create the cluster if necessary and return the server's command.

    Raises:
        LocalStackError: when the cluster cannot be created or run by this user.
    """
    account = choose_account()
    home = own_folder(private_folder(data_folder(settings).parent), account)
    data = data_folder(settings)
    if not data.exists():
        _create_cluster(settings, account)
    write_private(data / "postgresql.auto.conf", server_settings(settings.pg_port, sys.platform))
    own_folder(data / "postgresql.auto.conf", account)
    _drop_stale_pid_file(data)
    command = (*account.launcher, str(pg_bin_dir() / "postgres"), "-D", str(data))
    return Service("postgres", command, _ENVIRONMENT, home, _STOP, account.user)


def server_settings(port: int, platform: str) -> str:
    """Return the server's settings: loopback only, no socket file, times in UTC."""
    lines = {
        "listen_addresses": "'127.0.0.1'",
        "port": str(port),
        "unix_socket_directories": "''",
        "max_connections": "200",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "password_encryption": "'scram-sha-256'",
    }
    if platform == "linux":
        # After a crash, one sync of the file system instead of one per file: 0.2 s in place of up to 7.
        lines["recovery_init_sync_method"] = "syncfs"
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def is_ready(settings: LocalSettings) -> bool:
    """Whether the server accepts a login."""
    try:
        _connect(settings, "postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def create_databases(settings: LocalSettings) -> None:
    """Create Airflow's and the catalog's database unless they exist."""
    with _connect(settings, "postgres") as connection:
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in (METADATA_DATABASE, CATALOG_DATABASE):
            if name not in existing:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _connect(settings: LocalSettings, database: str) -> psycopg.Connection:
    return psycopg.connect(settings.database_url(database), autocommit=True, connect_timeout=5)


def _create_cluster(settings: LocalSettings, account: Account) -> None:
    home = data_folder(settings).parent
    unfinished, password_file, log = home / "data.new", home / "password", settings.logs / "initdb.log"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_private(password_file, settings.credentials.postgres_password)
    own_folder(password_file, account)
    private_folder(settings.logs)
    try:
        with open_log(log) as output:
            done = _initdb(account, unfinished, password_file, output.fileno())
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise LocalStackError(f"PostgreSQL's initdb failed with “{last_line(log)}”: read {log}")
    unfinished.rename(data_folder(settings))


def _initdb(account: Account, folder: Path, password_file: Path, output: int) -> subprocess.CompletedProcess[bytes]:
    # --no-sync: an interrupted creation is discarded, and the server's first checkpoint syncs.
    options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]
    command = [
        *account.launcher,
        str(pg_bin_dir() / "initdb"),
        "-D",
        str(folder),
        "--pwfile",
        str(password_file),
    ]
    return subprocess.run(
        [*command, *options],
        env=_ENVIRONMENT,
        cwd=folder.parent,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        check=False,
        umask=0o077,
        **account.switch(),
    )


def _drop_stale_pid_file(data: Path) -> None:
    """Remove a killed server's pid file when its pid now belongs to another program, e.g. after a reboot.

    PostgreSQL does so itself unless the other program runs as the same user: then it does not start.
    """
    pid_file = data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        if not _is_server_of(pid, data):
            pid_file.unlink()


def _is_server_of(pid: int, data: Path) -> bool:
    try:
        return bool(os.path.realpath(psutil.Process(pid).cwd()) == os.path.realpath(data))
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
