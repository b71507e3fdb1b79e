"""Does `make` say what it can do, and in one line what it lacks?"""

import os
import shutil
import subprocess

import pytest

from rtb_optimizer.local.settings import CHECKOUT


@pytest.fixture
def make(tmp_path):
    """`make ...` in a folder that holds only the Makefile and the lock."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt"):
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
    for target in ("setup", "demo", "up", "down", "test", "test-long", "lint", "lock", "clean"):
        assert f"  make {target} " in listed


def test_the_long_tests_are_those_that_are_marked_and_a_name_picks_among_them(make):
    told = make("--dry-run", "--old-file=.venv/.installed", "test-long", "ARGS=-k soak").stdout
    assert told.splitlines()[-1] == ".venv/bin/python -m pytest --long -m long -k soak"


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


def _error(result):
    assert result.returncode != 0
    ours = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(ours) == 1
    assert ours[0].startswith("error: ")
    return ours[0]
