"""Airflow's four components: their commands, environment and health."""

import http.client
import json
import signal
import sys
from collections.abc import Iterable, Mapping

import psycopg

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.local.files import private_folder, write_private
from rtb_optimizer.local.processes import Service, StopStep
from rtb_optimizer.local.settings import METADATA_DATABASE, LocalSettings

# No log servers: they listen on all interfaces, and LocalExecutor's logs are on this disk.
_COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
# What the scheduler starts reports to the execution API of the api-server: without it every task fails.
BEFORE_TASKS = ("api-server", "dag-processor", "triggerer")
STARTS_TASKS = ("scheduler",)
_HEALTH_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_STOP = (StopStep(signal.SIGTERM, 12, whole_group=True),)


def services(settings: LocalSettings, names: Iterable[str] = tuple(_COMPONENTS)) -> list[Service]:
    """Return the commands of these components, by default of all four."""
    return [
        Service(
            f"airflow-{name}",
            _airflow(name, *_COMPONENTS[name]),
            _component_environment(settings, name),
            settings.airflow_home,
            _STOP,
        )
        for name in names
    ]


def migration(settings: LocalSettings) -> Service:
    """Return the command that migrates Airflow's database to the installed version."""
    return Service("airflow-migrate", _airflow("db", "migrate"), _environment(settings), settings.airflow_home, _STOP)


def prepare(settings: LocalSettings) -> None:
    """Create Airflow's home with the passwords of its users."""
    own = settings.credentials
    passwords = {
        "admin": own.airflow_admin_password,
        "op": own.airflow_op_password,
        "viewer": own.airflow_viewer_password,
    }
    write_private(private_folder(settings.airflow_home) / "passwords.json", json.dumps(passwords))


def is_migrated(settings: LocalSettings) -> bool:
    """Whether this Airflow version's migration has been run on this database."""
    marker = settings.airflow_home / "migrated"
    return marker.exists() and marker.read_text() == _migration_state(settings)


def remember_migration(settings: LocalSettings) -> None:
    """Record that the database is at the installed version, so that the next start skips the migration."""
    write_private(settings.airflow_home / "migrated", _migration_state(settings))


def _migration_state(settings: LocalSettings) -> str:
    """Return the installed version, the database and its revision: any change requires a migration."""
    from importlib.metadata import version

    with psycopg.connect(settings.database_url(METADATA_DATABASE), connect_timeout=5) as connection:
        query = "SELECT oid::text FROM pg_database WHERE datname = current_database()"
        database = connection.execute(query).fetchone()
        try:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            revision = None
    return f"{version('apache-airflow-core')} {database} {revision}"


def is_answering(settings: LocalSettings) -> bool:
    """Whether the api-server answers."""
    return _call(settings, "GET", "/api/v2/version")[0] == http.HTTPStatus.OK


def serves_tasks(settings: LocalSettings) -> bool:
    """Whether the execution API answers; the first call builds it, for which a task would wait seconds."""
    return _call(settings, "GET", "/execution/health", timeout=60)[0] == http.HTTPStatus.OK


def health(settings: LocalSettings) -> dict[str, str]:
    """Return the status of each component, "unreachable" while the api-server does not answer."""
    status, body = _call(settings, "GET", "/api/v2/monitor/health")
    if status != http.HTTPStatus.OK:
        return dict.fromkeys(_HEALTH_PARTS, "unreachable")
    report = json.loads(body)
    return {part: str((report.get(part) or {}).get("status")) for part in _HEALTH_PARTS}


def is_healthy(settings: LocalSettings) -> bool:
    """Whether database, scheduler, dag-processor and triggerer all report that they are healthy."""
    return set(health(settings).values()) == {"healthy"}


def token(settings: LocalSettings, user: str = "admin") -> str:
    """Log in to the REST API.

    Raises:
        LocalStackError: when Airflow does not know the user or does not answer.
    """
    passwords = json.loads((settings.airflow_home / "passwords.json").read_text())
    login = {"username": user, "password": passwords.get(user, "")}
    status, body = _call(settings, "POST", "/auth/token", body=login)
    if status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
        raise LocalStackError(f"Airflow at {settings.airflow_url} refused the login of {user}: run `make up` again")
    return str(json.loads(body)["access_token"])


def _airflow(*arguments: str) -> tuple[str, ...]:
    # Not the `airflow` script: its first line cannot contain a path with a space.
    return (sys.executable, "-m", "airflow", *arguments)


def _environment(settings: LocalSettings) -> dict[str, str]:
    return process_environment(settings) | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def _component_environment(settings: LocalSettings, name: str) -> dict[str, str]:
    # The dag-processor logs two lines per DAG and parse; the logs of tasks are read in the UI.
    quiet = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"} if name == "dag-processor" else {}
    return _environment(settings) | quiet


def _call(
    settings: LocalSettings,
    method: str,
    path: str,
    *,
    body: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(settings.host, settings.airflow_port, timeout=timeout)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
