"""Shells complete commands, options and the catalog's names; nothing is printed without a catalog."""

import os
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from checkout import CHECKOUT
from rtb_optimizer.cli.app import app

RTB = CHECKOUT / "bin" / "rtb"


@pytest.fixture(scope="module")
def script():
    """What `python -m rtb_optimizer --show-completion` prints in bash."""
    # Without the variable it looks for the shell that it was started from, which need not be bash here.
    there = {**os.environ, "PYTHONPATH": "include", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "rtb_optimizer", "--show-completion", "bash"]
    return subprocess.run(command, cwd=CHECKOUT, env=there, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def complete(script):
    """Have bash complete a line by the script that `python -m rtb_optimizer --show-completion` prints."""

    def run(line, **changed):
        words = line.split(" ")
        there = {name: value for name, value in {**os.environ, **changed}.items() if value is not None}
        requested = (
            f"{script}\nCOMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
            '_rtb_completion rtb; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "-c", requested],
            env={**there, "PATH": f"{RTB.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split()

    return run


def test_the_script_is_for_the_program_and_not_for_python(script):
    assert script.splitlines()[-1] == "complete -o default -F _rtb_completion rtb"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rtb ent", ["entities"]),
        ("rtb entities ", ["list", "add", "pause", "resume", "remove"]),
        ("rtb rollback x --re", ["--reason"]),
    ],
)
def test_commands_and_options_are_completed_without_a_catalog(complete, line, offered):
    assert complete(line, AIRFLOW_CONN_RTB_CATALOG=None) == offered


@pytest.fixture
def known(catalog, add_entity, make_run):
    """Two entities, a run of one of them; the catalog is where the command line looks."""
    assert catalog
    add_entity("drugs_com", min_z="2")
    make_run(add_entity("drugstore"))


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rtb entities pause dr", ["drugs_com", "drugstore"]),
        ("rtb config set drugs_com max_feat", ["max_features="]),
        ("rtb entities add dr", []),
    ],
)
def test_names_come_from_the_catalog_in_a_shell(complete, line, offered):
    assert complete(line) == offered


@pytest.fixture
def offer():
    """Return what the program that a shell calls offers for a line, in this process: starting one takes seconds."""

    def run(line):
        shell = {"_RTB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = CliRunner().invoke(app, prog_name="rtb", env=shell)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.split()

    return run


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rtb entities pause dr", ["drugs_com", "drugstore"]),
        ("rtb audit drugst", ["drugstore"]),
        ("rtb runs list --entity drugs_", ["drugs_com"]),
        ("rtb config unset drugs_com min_", ["min_z"]),
        ("rtb run drugs_com --set multiplier_", ["multiplier_column=", "multiplier_min=", "multiplier_max="]),
        ("rtb entities add new_com --set outcome_c", ["outcome_column="]),
        ("rtb runs show ", ["1"]),
        ("rtb rollback drugs_com --to ", ["1"]),
        ("rtb config unset nope_com ", []),
    ],
)
def test_names_come_from_the_catalog(offer, line, offered):
    assert offer(line) == offered


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "postgresql://rtb:secret@127.0.0.1:1/catalog",
        "postgresql://rtb:p@ss@127.0.0.1/catalog",
        "mysql://a:b@127.0.0.1/c",
        '{"conn_type": "postgres", "extra": "://"}',
    ],
)
def test_where_the_catalog_is_away_nothing_is_offered_or_printed(complete, url):
    assert complete("rtb entities pause dr", AIRFLOW_CONN_RTB_CATALOG=url) == []


def test_a_catalog_without_a_schema_offers_nothing(complete, stack):
    empty = stack.database_url("postgres")
    assert complete("rtb config set drugs_com max", AIRFLOW_CONN_RTB_CATALOG=empty) == []
