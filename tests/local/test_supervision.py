"""Services stay up, and all of them end."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import psycopg
import pytest

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local import postgres, stack, state
from rtb_optimizer.local.endings import has_exited, stop_all
from rtb_optimizer.local.processes import Service, StopStep, identify, is_alive, start
from rtb_optimizer.local.settings import CATALOG_DATABASE
from rtb_optimizer.local.supervisor import MAX_RESTARTS, Supervisor


def test_a_killed_postgres_comes_back_with_every_committed_row(servers, until):
    address = servers.database_url(CATALOG_DATABASE)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 500)")
    before = _child(servers, "postgres")

    os.kill(before.pid, signal.SIGKILL)

    until(lambda: _child(servers, "postgres").pid != before.pid and postgres.is_ready(servers))
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (500,)
    assert _child(servers, "postgres").restarts == 1


def test_a_killed_object_store_comes_back(servers, until):
    before = _child(servers, "s3")
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: _child(servers, "s3").pid != before.pid)


def test_a_service_that_keeps_exiting_is_given_up_with_its_last_words(tmp_path, until):
    supervisor = Supervisor(tmp_path / "logs")
    supervisor.start([_python("broken", "import sys; print('no such table'); sys.exit(3)", tmp_path)])

    with pytest.raises(LocalStackError) as caught:
        until(lambda: supervisor.tend() is not None)

    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("broken", "code 3", "no such table", str(tmp_path / "logs/broken.log")))
    assert len(supervisor.children[0].restarts) == MAX_RESTARTS


def test_a_child_that_exits_takes_its_session_with_it(tmp_path, until):
    code = "import subprocess; print(subprocess.Popen(['sleep', '60'], process_group=0).pid, flush=True)"
    log = tmp_path / "parent.log"
    child = start(_python("parent", code, tmp_path), log)
    until(lambda: has_exited(child))
    until(lambda: not _runs(int(log.read_text())))


def test_a_child_deaf_to_its_signal_is_killed(tmp_path, until):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    service = _python("deaf", code, tmp_path)
    child = start(service, tmp_path / "log")
    until((tmp_path / "log").read_text)
    stop_all([(service, child)])
    assert child.returncode == -signal.SIGKILL


def test_a_stop_by_force_ends_process_groups_within_the_session_too(tmp_path, until):
    code = (
        "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN)\n"
        "print(subprocess.Popen(['sleep', '60'], process_group=0).pid, flush=True); time.sleep(60)"
    )
    service, log = _python("scheduler", code, tmp_path), tmp_path / "log"
    child = start(service, log)
    until(log.read_text)
    stop_all([(service, child)])
    assert not _runs(int(log.read_text()))


def test_down_ends_what_a_killed_supervisor_left_behind(stopped):
    supervisor = stack.start(stopped, ("postgres",))[1]
    children = [child.identity for child in state.read_children(stopped.root)]
    supervisor.kill()
    supervisor.wait()
    assert all(is_alive(child) for child in children)

    assert stack.stop(stopped)
    assert not any(is_alive(child) for child in children)
    assert not stack.stop(stopped)


def test_a_start_after_a_killed_supervisor_replaces_what_it_left(stopped):
    supervisor = stack.start(stopped, ("postgres",))[1]
    left = [child.identity for child in state.read_children(stopped.root)]
    supervisor.kill()
    supervisor.wait()
    with stack.running_stack(stopped, ("postgres",)) as live:
        assert postgres.is_ready(live)
        assert not any(is_alive(child) for child in left)


def test_a_stack_ends_with_the_process_that_started_it(stopped, variables_of, until):
    code = (
        "import time; from pathlib import Path\n"
        "from rtb_optimizer.local.settings import local_settings\n"
        "from rtb_optimizer.local.stack import running_stack\n"
        "with running_stack(local_settings(), ('postgres',)): print('up', flush=True); time.sleep(60)"
    )
    variables = os.environ | variables_of(stopped)
    owner = subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "up\n"
    running = [state.read_alive(stopped.root), *state.read_children(stopped.root)]

    owner.kill()
    owner.wait()
    owner.stdout.close()

    until(lambda: not any(is_alive(each.identity) for each in running))


def test_a_running_stack_is_shared_and_left_running(servers):
    with stack.running_stack(servers, ("postgres",)) as live:
        assert live.pg_port == servers.pg_port
    assert postgres.is_ready(servers)


def test_a_stack_without_the_wanted_service_says_so(servers):
    with pytest.raises(LocalStackError, match="runs without airflow"):
        stack.start(servers)


def test_two_starters_at_once_start_one_stack(stopped):
    results = []
    starters = [threading.Thread(target=lambda: results.append(stack.start(stopped, ("postgres",)))) for _ in range(2)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    started = [process for _, process in results if process is not None]
    stack.stop(stopped)
    assert len(results) == 2
    assert len(started) == 1
    started[0].wait()


def test_a_pid_file_of_another_program_does_not_keep_postgres_down(stopped):
    with stack.running_stack(stopped, ("postgres",)):
        pass
    pid_file = postgres.data_folder(stopped) / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n{stopped.pg_port}\n\n127.0.0.1\n\n")
    with stack.running_stack(stopped, ("postgres",)) as live:
        assert postgres.is_ready(live)


def test_a_process_stays_the_same_when_the_clock_of_the_machine_is_set(monkeypatch):
    before, created = identify(os.getpid()), psutil.Process().create_time()
    booted = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600)
    assert psutil.Process().create_time() == pytest.approx(created + 3600)

    assert identify(os.getpid()) == before
    assert is_alive(before)


def test_a_process_that_has_ended_is_never_alive():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not is_alive(identify(ended.pid))


def _child(settings, name):
    return next(child for child in state.read_children(settings.root) if child.name == name)


def _python(name, code, folder):
    return Service(name, (sys.executable, "-c", code), {}, folder, (StopStep(signal.SIGTERM, 0.3),))


def _runs(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
