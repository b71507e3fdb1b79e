"""`make` lists its targets, and names in one line what is missing."""

import os
import re
import shutil
import subprocess

import pytest

from rtb_optimizer.local.settings import CHECKOUT

RUNNING_LOCKS = ("requirements.txt", "requirements-local.txt")
ALL_LOCKS = (*RUNNING_LOCKS, "requirements-lake.txt", "requirements-spark.txt", "requirements-dev.txt")


@pytest.fixture
def make(tmp_path):
    """`make ...` in a folder that holds only the Makefile and the locks."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", *ALL_LOCKS):
        shutil.copy(CHECKOUT / name, folder)
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(*arguments, python=None):
        if python:
            (programs / "python3").write_text(f"#!/bin/sh\n{python}\n")
            (programs / "python3").chmod(0o755)
        path = f"{programs}:{os.environ['PATH']}"
        variables = {"HOME": str(tmp_path), "PATH": path}
        return subprocess.run(
            ["make", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
        )

    return run


def test_make_alone_lists_every_target(make):
    listed = make().stdout
    for target in ("setup", "setup-dev", "demo", "up", "down", "test", "test-long", "lint", "lock", "clean"):
        assert f"  make {target} " in listed


def test_the_long_tests_are_those_that_are_marked_and_a_name_picks_among_them(make):
    made = ("--old-file=.venv/.installed-dev", "--old-file=.venv/spark-server/.installed")
    output = make("--dry-run", *made, "test-long", "ARGS=-k soak").stdout
    assert output.splitlines()[-1] == ".venv/bin/python -m pytest --long -m long -k soak"


def test_a_missing_python_is_one_line(make):
    assert "python9 is not installed or does not start: install" in _error(make("setup", "PYTHON=python9"))


def test_a_python_of_another_version_is_one_line(make):
    old = 'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac'
    assert "python3 is Python 3.9.2, but 3.11, 3.12 or 3.13 is needed" in _error(make("setup", python=old))


def test_a_python_without_venv_is_one_line(make):
    bare = 'case "$2" in *venv*) exit 1;; esac'
    assert "cannot make virtual environments: install its venv package" in _error(make("demo", python=bare))


def test_down_before_setup_says_that_nothing_runs(make):
    done = make("down")
    assert (done.returncode, done.stdout) == (0, "Nothing runs: there is no .venv\n")


@pytest.fixture
def installed(make, tmp_path):
    """Which locks `make` puts into a .venv whose stamps stand in this order, oldest first."""
    folder = tmp_path / "a checkout"
    (folder / ".venv").mkdir()

    def run(target, *stamps):
        for path in (folder / name for name in ("Makefile", *ALL_LOCKS)):
            os.utime(path, (1, 1))
        for age, name in enumerate((".venv/.bootstrap", *stamps), 2):
            (folder / name).touch()
            os.utime(folder / name, (age, age))
        planned = make("--dry-run", target).stdout
        return [tuple(locks.split()) for locks in re.findall(r"pip sync .*?--require-hashes ([^;\n]*);", planned)]

    return run


@pytest.mark.parametrize("target", ["setup", "demo", "up", "status", "audit", "docs"])
def test_what_only_runs_gets_no_tools_and_leaves_those_that_are_there(installed, target):
    assert installed(target) == [RUNNING_LOCKS]
    assert installed(target, ".venv/.installed", ".venv/.installed-dev") == []


@pytest.mark.parametrize("target", ["setup-dev", "test", "test-long", "lint", "format", "screenshots"])
def test_what_tests_checks_or_takes_pictures_adds_the_tools_once(installed, target):
    assert installed(target) == [RUNNING_LOCKS, ALL_LOCKS]
    assert installed(target, ".venv/.installed") == [ALL_LOCKS]
    assert installed(target, ".venv/.installed", ".venv/.installed-dev") == []


def test_a_changed_lock_is_followed_by_what_stands_on_it(installed):
    assert installed("test", ".venv/.installed", ".venv/.installed-dev", "requirements-dev.txt") == [ALL_LOCKS]
    stamps = (".venv/.installed", ".venv/.installed-dev", "requirements-local.txt")
    assert installed("test", *stamps) == [RUNNING_LOCKS, ALL_LOCKS]
    assert installed("demo", *stamps) == [RUNNING_LOCKS]


def _error(result):
    assert result.returncode != 0
    ours = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(ours) == 1
    assert ours[0].startswith("error: ")
    return ours[0]
