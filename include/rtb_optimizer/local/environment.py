"""The environment variables of processes that work with the local stack."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from rtb_optimizer.local.airflow_settings import AIRFLOW_SETTINGS
from rtb_optimizer.local.files import private_folder, write_private
from rtb_optimizer.local.settings import BUCKET, CATALOG_DATABASE, METADATA_DATABASE, REGION, LocalSettings

_AIRFLOW_PREFIXES = ("AIRFLOW", "_AIRFLOW")


def environment(settings: LocalSettings) -> dict[str, str]:
    """Return the variables by which Airflow and `python -m rtb_optimizer` find this stack."""
    return {
        **AIRFLOW_SETTINGS,
        **_airflow(settings),
        **_airflow_secrets(settings),
        **_product(settings),
        # A proxy of the caller's shell must not receive calls to this machine.
        "NO_PROXY": f"{settings.host},localhost",
        "no_proxy": f"{settings.host},localhost",
    }


def process_environment(settings: LocalSettings, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a child: the caller's without its Airflow settings, then the stack's."""
    inherited = {name: value for name, value in base.items() if not name.startswith(_AIRFLOW_PREFIXES)}
    if inherited.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Compiling Airflow in each of its processes costs 3 s each: keep the bytecode, in the stack's own folder.
        inherited.setdefault("PYTHONPYCACHEPREFIX", str(settings.root / "bytecode"))
    return inherited | environment(settings)


def write_env_file(settings: LocalSettings) -> Path:
    """Write `<root>/env`, a shell file of exports, for `. .local/env`."""
    path = private_folder(settings.root) / "env"
    write_private(path, shell_exports(settings))
    return path


def shell_exports(settings: LocalSettings) -> str:
    """Render the environment as lines of a POSIX shell."""
    values = sorted(environment(settings).items())
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values)


def _airflow(settings: LocalSettings) -> dict[str, str]:
    url = settings.airflow_url
    return {
        "AIRFLOW_HOME": str(settings.airflow_home),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "6",
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.dags_folder),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.checkout / "plugins"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,op:op,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(settings.airflow_home / "passwords.json"),
        "AIRFLOW__API__HOST": settings.host,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _airflow_secrets(settings: LocalSettings) -> dict[str, str]:
    own = settings.credentials
    metadata = settings.database_url(METADATA_DATABASE, "postgresql+psycopg2")
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__CORE__FERNET_KEY": own.fernet_key,
        "AIRFLOW__API__SECRET_KEY": own.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": own.jwt_secret,
        "AIRFLOW_CONN_RTB_CATALOG": settings.database_url(CATALOG_DATABASE),
        "AIRFLOW_CONN_RTB_S3": _s3_connection(settings),
    }


def _s3_connection(settings: LocalSettings) -> str:
    connection = {
        "conn_type": "aws",
        "login": settings.credentials.s3_access_key,
        "password": settings.credentials.s3_secret_key,
        "extra": {"endpoint_url": settings.s3_url, "region_name": REGION},
    }
    return json.dumps(connection)


def _product(settings: LocalSettings) -> dict[str, str]:
    return {
        "PYTHONPATH": str(settings.checkout / "include"),
        "RTB_BUCKET": BUCKET,
        "RTB_MANIFEST": str(settings.root / "entities.json"),
        "RTB_LOCAL_DIR": str(settings.root),
        "RTB_DAGS_FOLDER": str(settings.dags_folder),
        "RTB_PG_PORT": str(settings.pg_port),
        "RTB_S3_PORT": str(settings.s3_port),
        "RTB_AIRFLOW_PORT": str(settings.airflow_port),
    }
