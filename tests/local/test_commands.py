"""The commands of the local stack: up, down, and one line when it cannot start."""

import json
import os
import socket
from dataclasses import replace

import psutil
import pytest

from rtb_optimizer.local import object_store, preflight, state
from rtb_optimizer.local.ports import pick_free
from rtb_optimizer.local.processes import is_alive
from rtb_optimizer.local.settings import BUCKET
from rtb_optimizer.local.stack import running_stack


def test_up_status_up_again_and_down(command, stopped):
    first = command(stopped, "up", "--services", "postgres")
    assert (first.returncode, first.stderr) == (0, "")
    assert "PostgreSQL answers" in first.stdout
    assert "/env && " in first.stdout
    report = json.loads(command(stopped, "status", "--json").stdout)
    assert report["ready"]
    running = [state.read_alive(stopped.root), *state.read_children(stopped.root)]

    assert "already running" in command(stopped, "up", "--services", "postgres").stdout

    assert command(stopped, "down").stdout == "The local stack is down.\n"
    assert not any(is_alive(each.identity) for each in running)
    assert not [each for each in psutil.process_iter(["cwd"]) if str(stopped.root) in (each.info["cwd"] or "")]
    assert command(stopped, "status").returncode == 1
    again = command(stopped, "down")
    assert (again.returncode, again.stdout) == (0, "The local stack was not running.\n")


@pytest.mark.parametrize(
    ("above", "purpose"),
    [
        (0, "object store: s3"),
        (3, "object store: filer, RTB_S3_PORT + 3"),
        (10_003, "object store: filer gRPC, RTB_S3_PORT + 10003"),
    ],
)
def test_a_taken_port_is_named_with_its_purpose_its_user_and_the_variable_that_moves_it(
    command, settings, above, purpose
):
    port = settings.s3_port + above
    with socket.create_server(("127.0.0.1", port)):
        failed = command(settings, "up", "--services", "postgres,s3")
    assert _only_line(failed) == (
        f"error: port {port} ({purpose}) is taken by {psutil.Process().name()} (pid {os.getpid()}): "
        "stop that, or set RTB_S3_PORT to a free port"
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RTB_WEED_BIN": "/nowhere/weed"}, "RTB_WEED_BIN=/nowhere/weed is not a program"),
        ({"RTB_PG_BIN": "/nowhere"}, "RTB_PG_BIN=/nowhere has no postgres and initdb"),
        ({"RTB_MIN_FREE_GIB": "1e9"}, "GiB of free disk"),
        ({"RTB_PG_PORT": "postgres"}, "RTB_PG_PORT=postgres is not a port"),
        ({"RTB_S3_PORT": "60000"}, "RTB_S3_PORT=60000 leaves no room"),
        ({"RTB_LOCAL_DIR": "/dev/null/stack"}, "/dev/null"),
    ],
)
def test_what_keeps_the_stack_from_starting_is_one_line(command, settings, variables, expected):
    assert expected in _only_line(command(settings, "up", "--services", "postgres,s3", **variables))


def test_a_spoilt_secrets_file_is_one_line(command, settings):
    (settings.root / "secrets.json").write_text("{}")
    assert "restore it" in _only_line(command(settings, "up", "--services", "postgres"))


def test_a_server_that_cannot_start_is_one_line_with_its_log(command, stopped):
    with running_stack(stopped, ("postgres",)):
        pass
    version = stopped.root / "postgres/data/PG_VERSION"
    right = version.read_text()
    version.write_text("9.6\n")
    line = _only_line(command(stopped, "up", "--services", "postgres"))
    version.write_text(right)
    assert "not compatible" in line
    assert str(stopped.logs / "postgres.log") in line


def test_free_disk_is_compared_as_a_number(tmp_path):
    assert preflight.disk_problem(3 * preflight.GIB, tmp_path, 2) is None
    message = preflight.disk_problem(preflight.GIB // 2, tmp_path, 2)
    assert message.startswith(f"{tmp_path} has 0.5 GiB of free disk and 2 GiB are needed")


@pytest.mark.parametrize(("version", "fine"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_python_is_compared_by_version(version, fine):
    assert (preflight.python_problem(version) is None) is fine


def test_objects_survive_a_restart_on_other_ports(settings):
    with running_stack(settings, ("s3",)) as live:
        object_store.client(live).put_object(Bucket=BUCKET, Key="kept", Body=b"x" * 100_000)
    moved = replace(settings, s3_port=pick_free()[1])
    with running_stack(moved, ("s3",)) as live:
        assert len(object_store.client(live).get_object(Bucket=BUCKET, Key="kept")["Body"].read()) == 100_000


def _only_line(result):
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]
