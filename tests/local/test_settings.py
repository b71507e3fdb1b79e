"""The settings, secrets and variables of a stack."""

import json
import subprocess

import pytest

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local import environment, postgres
from rtb_optimizer.local.credentials import load_or_create
from rtb_optimizer.local.ports import all_free, may_be_picked, pick_free, with_grpc
from rtb_optimizer.local.postgres_account import Account, choose_for_root
from rtb_optimizer.local.settings import CHECKOUT, local_settings


def test_secrets_are_made_once_and_differ_between_stacks(tmp_path):
    first = load_or_create(tmp_path / "one")
    assert load_or_create(tmp_path / "one") == first
    assert load_or_create(tmp_path / "two") != first
    assert len(first.jwt_secret.encode()) >= 64
    assert first.postgres_password not in repr(first)


def test_the_defaults_are_the_documented_ones(tmp_path):
    settings = local_settings({"RTB_LOCAL_DIR": str(tmp_path)})
    assert (settings.pg_port, settings.s3_port, settings.airflow_port) == (15432, 18333, 18080)
    assert settings.dags_folder == CHECKOUT / "dags"


@pytest.mark.parametrize("ports", [("15432", "15432", "1"), ("18335", "18333", "1"), ("1", "18333", "28334")])
def test_ports_that_overlap_are_refused(tmp_path, ports):
    names = ("RTB_PG_PORT", "RTB_S3_PORT", "RTB_AIRFLOW_PORT")
    taken = f"uses {ports[1]} to {int(ports[1]) + 4} and, for gRPC, {int(ports[1]) + 10_000} to "
    with pytest.raises(LocalStackError, match=f"{taken}.* overlap: choose other ports"):
        local_settings({"RTB_LOCAL_DIR": str(tmp_path), **dict(zip(names, ports, strict=True))})


def test_picked_ports_are_free_and_apart():
    postgres_port, store, airflow = pick_free()
    ports = [postgres_port, airflow, *with_grpc(store)]
    assert all_free(ports)
    assert len(set(ports)) == len(ports)
    assert max(ports) < 65_536


PICKED = {
    "apart": ((16_000, 17_000, 19_000), True),
    "the default port of PostgreSQL": ((15_432, 17_000, 19_000), False),
    "the default port of Airflow": ((16_000, 17_000, 18_080), False),
    "the default port of the store": ((16_000, 18_333, 19_000), False),
    "an inner port of the default store": ((18_335, 17_000, 19_000), False),
    "inner ports that reach those of the default store": ((16_000, 18_331, 19_000), False),
    "inner ports that end below those of the default store": ((16_000, 18_328, 19_000), True),
    "one port for two": ((16_000, 17_000, 16_000), False),
    "an inner port of the store for another": ((17_002, 17_000, 19_000), False),
}


@pytest.mark.parametrize(("ports", "allowed"), PICKED.values(), ids=PICKED)
def test_picked_ports_are_apart_from_each_other_and_from_a_stack_with_default_settings(ports, allowed):
    assert may_be_picked(*ports) is allowed


def test_a_shell_that_reads_the_env_file_has_the_environment(settings):
    path = environment.write_env_file(settings)
    script = f'. "{path}" && env -0'
    shell = subprocess.run(["/bin/sh", "-c", script], env={}, capture_output=True, check=True)
    seen = dict(line.split("=", 1) for line in shell.stdout.decode().split("\0") if line)
    assert environment.environment(settings).items() <= seen.items()


def test_the_environment_leads_back_to_the_same_stack(settings):
    result = local_settings(environment.environment(settings))
    assert result == settings


def test_the_environment_carries_both_connections(settings):
    variables = environment.environment(settings)
    s3 = json.loads(variables["AIRFLOW_CONN_RTB_S3"])
    assert s3["extra"] == {"endpoint_url": settings.s3_url, "region_name": "us-east-1"}
    assert variables["AIRFLOW_CONN_RTB_CATALOG"].endswith(f"@127.0.0.1:{settings.pg_port}/rtb_catalog")
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")


def test_a_child_sees_our_airflow_settings_and_not_the_caller_s(settings):
    caller = {"AIRFLOW__CORE__EXECUTOR": "Other", "AIRFLOW_CONN_OTHER": "x", "PATH": "/bin"}
    seen = environment.process_environment(settings, caller)
    assert seen["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_OTHER" not in seen
    assert seen["PATH"] == "/bin"


def test_bytecode_unwanted_beside_the_sources_goes_to_the_stack_s_folder(settings):
    seen = environment.process_environment(settings, {"PYTHONDONTWRITEBYTECODE": "1"})
    assert "PYTHONDONTWRITEBYTECODE" not in seen
    assert seen["PYTHONPYCACHEPREFIX"] == str(settings.root / "bytecode")


def test_postgres_listens_on_loopback_and_syncs_once_on_linux_only():
    linux, mac = postgres.server_settings(1, "linux"), postgres.server_settings(1, "darwin")
    assert "listen_addresses = '127.0.0.1'" in mac
    assert "syncfs" in linux
    assert "syncfs" not in mac


def test_root_prefers_a_namespace_then_a_user_then_gives_up():
    assert choose_for_root(lambda _: True).user is None
    assert choose_for_root(lambda account: account.user == "nobody") == Account(user="nobody")
    with pytest.raises(LocalStackError, match="ordinary user"):
        choose_for_root(lambda _: False)
