"""Every command of the docs runs, in the order of the page, and prints the output that the page shows.

On a copy of the checkout, since two pages change the sources, with a whole stack of its own.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checkout import CHECKOUT
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from shell_blocks import commands_of, normalised

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]

# What a reader does one after the other; every other page stands on what the tutorial has made, and on no other: with
# the tutorial a commit runs a third of them, `--long` all.
TUTORIAL = "docs/tutorial.md"
OTHER_PAGES = [
    "docs/cli.md",
    "docs/how-to/add-an-entity.md",
    "docs/how-to/what-if.md",
    "docs/how-to/rebuild-a-run.md",
    "docs/how-to/roll-back.md",
    "docs/how-to/backfill-a-month.md",
    "docs/api.md",
    "docs/operations.md",
    "docs/how-to/add-a-dialect.md",
    "docs/how-to/add-a-config-key.md",
    "docs/alerts.md",
    "docs/metrics.md",
    "README.md",
]
NOT_RUN = {
    "make demo": "runs in tests/whole_stack/test_demo.py, on ports of its own",
    "make test": "runs these very tests; with ARGS it is run",
}
# What a reader sees after a while a test has to wait for, before the command of that text: what the catalog then says.
AWAITED = {
    ("docs/tutorial.md", "rtb runs list"): "SELECT count(*) = 1 FROM opt_runs",
    (
        "docs/tutorial.md",
        "rtb runs list --entity my_ssp --limit 4",
    ): "SELECT count(*) = 1 FROM opt_entities WHERE active_run_id = 4",
    (
        "docs/how-to/backfill-a-month.md",
        "rtb runs list --entity my_ssp",
    ): "SELECT count(*) = 2 FROM opt_runs WHERE triggered_by LIKE 'backfill%' AND status = 'succeeded'",
}
WAIT = """
import os, sys, time, psycopg
with psycopg.connect(os.environ["AIRFLOW_CONN_RTB_CATALOG"], autocommit=True) as catalog:
    for _ in range(1_200):
        if catalog.execute(sys.argv[1]).fetchone()[0]:
            break
        time.sleep(0.25)
"""
OUTPUT = re.compile(r"^@@\d+@(.*?)^@@end@(\d+)$", re.MULTILINE | re.DOTALL)
HOME = "/home/ana/rtb"  # where the reader of these pages has the checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the sources, as a reader has cloned them, with this environment's packages."""
    folder = tmp_path_factory.mktemp("docs") / "checkout"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".local", ".*_cache", "__pycache__", ".hypothesis", "artefacts", "entities.json*"
    )
    shutil.copytree(CHECKOUT, folder, ignore=left_out)
    (folder / ".venv").symlink_to(Path(CHECKOUT / ".venv").resolve())
    return folder


@pytest.fixture(scope="module")
def reader(checkout, new_root):
    """Run the commands of a page in one shell, with a stack that ends with these tests; returns the output of each."""
    root = new_root(checkout / ".local")  # what two pages change no task of Airflow's runs after them
    own = replace(settings_on_free_ports(root, checkout / "dags"), checkout=checkout)
    (checkout / "home").mkdir()
    with running_stack(own):

        def read(commands):
            there = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(checkout / "home"), "USER": "ana"}
            there["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "1"  # for the few tests that these pages run
            done = subprocess.run(
                ["bash", "-c", script(commands)], cwd=checkout, env=there, capture_output=True, text=True, check=False
            )
            output = done.stdout.replace(str(checkout), HOME)
            return [(text, int(code)) for text, code in OUTPUT.findall(output)]

        yield read


def script(commands):
    """Return the page as a shell script that prints where each command begins and its exit code."""
    # The packages are there: `make` need not look whether they are the newest.
    lines = ["exec 2>&1", 'make() { command make -o setup "$@"; }', "[ -f .local/env ] && . .local/env"]
    lines += ['export PATH="$PWD/bin:$PATH"']
    for number, command in enumerate(commands):
        if condition := AWAITED.get((command.page, command.text)):
            lines.append(shlex.join([".venv/bin/python", "-c", WAIT, condition]))
        lines += [f"printf '@@{number}@'", command.text, 'printf "\n@@end@%d\n" $?']
    return "\n".join(lines)


def test_every_page_with_commands_is_read_here_and_nothing_is_left_out_that_is_not_there():
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")]
    pages_by_name = {str(path.relative_to(CHECKOUT)): path.read_text() for path in pages}
    with_commands = {page for page, text in pages_by_name.items() if commands_of(page, text)}
    texts = {command.text for page, text in pages_by_name.items() for command in commands_of(page, text)}

    assert with_commands == {TUTORIAL, *OTHER_PAGES}
    assert set(NOT_RUN) <= texts


@pytest.mark.long
def test_every_command_of_the_tutorial_runs_and_shows_what_it_shows(reader):
    show_what_they_show(reader, TUTORIAL)


@pytest.mark.takes_turns
@pytest.mark.parametrize("page", OTHER_PAGES)
def test_every_command_of_a_page_runs_and_shows_what_the_page_shows(reader, page):
    show_what_they_show(reader, page)


def show_what_they_show(reader, page):
    """Run the commands of a page; each succeeds, and prints the lines that the page has below it."""
    commands = [c for c in commands_of(page, (CHECKOUT / page).read_text()) if c.text not in NOT_RUN]
    outputs = reader(commands)

    for command, (output, _) in zip(commands, outputs, strict=False):
        sys.stdout.write(f"$ {command.text}\n{output}\n")  # what to put into the page, where it is behind: pytest -s
    assert len(outputs) == len(commands), f"after {commands[len(outputs)].text}"
    for command, (output, code) in zip(commands, outputs, strict=True):
        assert code == 0, f"{command.text}\n{output}"
        lines = {normalised(line) for line in output.splitlines()}
        assert [line for line in command.output if normalised(line) not in lines] == [], f"{command.text}\n{output}"
