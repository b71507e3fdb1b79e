"""The settings of a local stack: its folder and ports, from which everything else is derived."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.credentials import Credentials, load_or_create
from rtb_optimizer.local.ports import (
    DEFAULT_AIRFLOW,
    DEFAULT_POSTGRES,
    DEFAULT_STORE,
    GRPC_OFFSET,
    HIGHEST_PORT,
    LOOPBACK,
    from_environment,
    pick_free,
    with_grpc,
)

CHECKOUT = Path(__file__).resolve().parents[3]
BUCKET = "rtb"
REGION = "us-east-1"
CATALOG_DATABASE = "rtb_catalog"
METADATA_DATABASE = "airflow"


@dataclass(frozen=True)
class LocalSettings:
    """One local stack: its folder, its ports and its secrets."""

    root: Path
    pg_port: int
    s3_port: int
    airflow_port: int
    credentials: Credentials
    checkout: Path = CHECKOUT
    dags_folder: Path = CHECKOUT / "dags"
    host: str = LOOPBACK

    @property
    def logs(self) -> Path:
        """The folder with one log file per process."""
        return self.root / "logs"

    @property
    def airflow_home(self) -> Path:
        """Airflow's home folder."""
        return self.root / "airflow"

    @property
    def airflow_url(self) -> str:
        """The URL of the Airflow UI and its REST API."""
        return f"http://{self.host}:{self.airflow_port}"

    @property
    def s3_url(self) -> str:
        """The URL of the object store."""
        return f"http://{self.host}:{self.s3_port}"

    def database_url(self, database: str, driver: str = "postgresql") -> str:
        """Return the URL of a database of the embedded server, including the password."""
        login = f"postgres:{self.credentials.postgres_password}"
        return f"{driver}://{login}@{self.host}:{self.pg_port}/{database}"


def local_settings(environ: Mapping[str, str] = os.environ) -> LocalSettings:
    """Read the stack's settings: `<checkout>/.local` and fixed ports, unless overridden by `RTB_*` variables.

    Raises:
        LocalStackError: when a port is invalid, or two services would share one.
    """
    root = Path(environ.get("RTB_LOCAL_DIR") or CHECKOUT / ".local").absolute()
    ports = (
        from_environment("RTB_PG_PORT", DEFAULT_POSTGRES, environ),
        from_environment("RTB_S3_PORT", DEFAULT_STORE, environ),
        from_environment("RTB_AIRFLOW_PORT", DEFAULT_AIRFLOW, environ),
    )
    _check_ports(*ports)
    dags = Path(environ.get("RTB_DAGS_FOLDER") or CHECKOUT / "dags").absolute()
    return LocalSettings(root, *ports, credentials=load_or_create(root), dags_folder=dags)


def settings_on_free_ports(root: Path, dags_folder: Path | None = None) -> LocalSettings:
    """Return the settings of a separate stack in `root`, on ports that are free now: for tests."""
    folder = dags_folder or CHECKOUT / "dags"
    return LocalSettings(root, *pick_free(), credentials=load_or_create(root), dags_folder=folder)


def _check_ports(postgres: int, store: int, airflow: int) -> None:
    taken = with_grpc(store)
    if max(taken) > HIGHEST_PORT:
        limit = HIGHEST_PORT - GRPC_OFFSET - (len(taken) // 2 - 1)
        raise LocalStackError(f"RTB_S3_PORT={store} leaves no room for gRPC ports: set it to {limit} or less")
    if len({postgres, airflow, *taken}) != len(taken) + 2:
        # The store's inner ports are named, since they are not set by variables.
        http, grpc = f"{store} to {store + 4}", f"{store + GRPC_OFFSET} to {store + GRPC_OFFSET + 4}"
        raise LocalStackError(
            f"RTB_PG_PORT={postgres}, RTB_S3_PORT={store} (uses {http} and, for gRPC, {grpc}) and "
            f"RTB_AIRFLOW_PORT={airflow} overlap: choose other ports"
        )
