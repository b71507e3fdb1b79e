"""Folders of stacks that start at once: the first of a session creates and migrates a database, the others copy it.

A copy has the secrets of the first, since the database has its password.
"""

import shutil
import subprocess

import psycopg
from filelock import FileLock
from psycopg import sql

import quick_airflow
from rtb_optimizer.local import airflow
from rtb_optimizer.local.files import private_folder
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack

COPIED = ("secrets.json", "postgres/data", "airflow/migrated")
# They guard against a loss of power, which no test has. A commit still reaches the operating system before it is
# confirmed, so that what a killed server has committed is there after its restart: synchronous_commit stays on.
UNGUARDED = ("fsync", "full_page_writes")
SETTINGS = """import quick_airflow

quick_airflow.serve_tasks_of_this_version_only()
quick_airflow.sleep_longer_between_two_looks()
"""
PATIENT = "quick_airflow.leave_imports_to_the_tasks()\n"


def migrated_folder(tmp_path_factory, worker):
    """Return the folder of a stack with a migrated database that does not run; the first worker to need it makes it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if worker else base) / "migrated"
    with FileLock(f"{folder}.lock"):
        settings = settings_on_free_ports(folder)
        if not (settings.airflow_home / "migrated").exists():
            with running_stack(settings, ("postgres",)) as live:
                _sign_in_quickly(live)
                airflow.prepare(settings)
                migration = airflow.migration(settings)
                subprocess.run(
                    migration.command,
                    env=dict(migration.environment),
                    cwd=migration.folder,
                    capture_output=True,
                    check=True,
                )
                airflow.remember_migration(settings)
            with (folder / "postgres/data/postgresql.conf").open("a") as conf:
                conf.writelines(f"{name} = off\n" for name in UNGUARDED)
    return folder


def prepare(root, migrated, *, impatient=True):
    """Copy the migrated folder for a stack that has not run yet; an impatient one starts its tasks sooner."""
    private_folder(root)
    for name in COPIED:
        (root / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", migrated / name, root / name], check=True)
    config = root / "airflow" / "config"
    config.mkdir(exist_ok=True)
    shutil.copy(quick_airflow.__file__, config)
    (config / "airflow_local_settings.py").write_text(SETTINGS + ("" if impatient else PATIENT))


def leave_unguarded(settings):
    """Let a running server go without what guards against a loss of power, until it is restarted."""
    with psycopg.connect(settings.database_url("postgres"), autocommit=True) as server:
        for name in UNGUARDED:
            server.execute(f"ALTER SYSTEM SET {name} = off")
        server.execute("SELECT pg_reload_conf()")
    _sign_in_quickly(settings)


def _sign_in_quickly(settings):
    """Let the server keep its password hashed once instead of 4096 times, which is most of a new connection's work."""
    password = sql.Literal(settings.credentials.postgres_password)
    with psycopg.connect(settings.database_url("postgres"), autocommit=True) as server:
        server.execute("SET scram_iterations = 1")
        server.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))
