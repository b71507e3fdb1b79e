"""README and docs are true: paths exist, every package is on the map, commands are real, words are ours."""

import io
import re
import subprocess

import pyarrow.parquet as pq
import pytest
import typer.main

from checkout import CHECKOUT
from rtb_optimizer.cli.app import app
from rtb_optimizer.core.decision.activation import Decision

README = (CHECKOUT / "README.md").read_text()
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
DOCS = {str(path.relative_to(CHECKOUT)): path.read_text() for path in PAGES}
CODE = {(document, code) for document, text in DOCS.items() for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)}
README_LINES = 150
FOLDERS = ("include/", "docs/", "tests/", "dags/", "plugins/", "bin/", "benchmarks/", "deploy/", ".ci/")
MADE = {"dags/entities.json"}  # by `manifest`, where RTB_MANIFEST names no other file
MAP = README.split("## Where things are")[1].split("\n## ")[0]
MAPPED = [code for code in re.findall(r"`([^`]+)`", MAP) if code.endswith("/")]


@pytest.mark.parametrize("path", MAPPED)
def test_every_room_on_the_map_exists(path):
    assert (CHECKOUT / path).is_dir()


def test_every_room_is_on_the_map():
    package = CHECKOUT / "include" / "rtb_optimizer"
    rooms = {f"{path.parent.relative_to(CHECKOUT)}/" for path in package.glob("*/__init__.py")}

    assert {room for room in (*rooms, "dags/", "plugins/", "tests/") if room not in MAPPED} == set()


def test_the_readme_fits_in_a_few_screens():
    assert len(README.splitlines()) <= README_LINES


@pytest.mark.parametrize(
    ("document", "link"),
    [(d, link) for d, text in DOCS.items() for link in re.findall(r"\]\(([^)]+)\)", re.sub(r"`[^`\n]+`", "", text))],
)
def test_every_link_leads_somewhere(document, link):
    if link.startswith("http"):
        return
    path, _, heading = link.partition("#")
    target = (CHECKOUT / document).parent / path if path else CHECKOUT / document
    assert target.exists()
    assert not heading or heading in anchors(target.read_text())


def anchors(text):
    """Return what a heading is linked by."""
    return {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def test_the_index_lists_every_page():
    linked = set(re.findall(r"\]\(([^)]+)\)", DOCS["docs/index.md"]))
    pages = {name.removeprefix("docs/") for name in DOCS if name.startswith("docs/")}

    assert pages - {"index.md"} <= linked


@pytest.mark.parametrize(("document", "path"), sorted(c for c in CODE if c[1].startswith(FOLDERS) and " " not in c[1]))
def test_every_path_that_is_named_exists(document, path):
    assert document
    assert path in MADE or (CHECKOUT / path).exists()


def test_every_make_target_that_is_named_exists():
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"(?:^\$ |`)make ([a-z-]+)", "\n".join(DOCS.values()), re.MULTILINE)

    assert len(set(named)) > 5
    assert set(named) <= targets


COMMAND = re.compile(r"^(?:rtb|(?:\.venv/bin/)?python -m rtb_optimizer) (.+)$")


@pytest.mark.parametrize(("document", "code"), sorted(c for c in CODE if COMMAND.match(c[1])))
def test_every_command_that_is_named_in_a_sentence_exists_with_its_options(document, code):
    """Those in blocks are run: tests/whole_stack/test_commands.py."""
    assert document
    command = typer.main.get_command(app)
    words = COMMAND.match(code)[1].split()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    known |= {"--install-completion", "--show-completion"}
    assert command.name or words[0].startswith("--"), code
    assert not getattr(command, "commands", {}) or not words or words[0].startswith("--"), code
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known


def test_every_config_key_that_is_named_is_declared():
    import tomllib

    keys = tomllib.loads((CHECKOUT / "include/rtb_optimizer/store/seeds/v3.toml").read_text())["keys"]
    declared = {key["key"] for key in keys}
    named = {key for text in DOCS.values() for key in re.findall(r"--set '?([a-z_]+)=", text)} | {
        "lookback_days",
        "timezone",
        "allow_older_window",
        "schedule",
    }

    assert named <= declared


def test_every_environment_variable_of_the_local_stack_is_documented():
    used = set()
    for path in (CHECKOUT / "include").rglob("*.py"):
        used |= set(re.findall(r'"(RTB_[A-Z_0-9]+)"', path.read_text()))

    assert used <= set(re.findall(r"RTB_[A-Z_0-9]+", DOCS["docs/operations.md"]))


def test_the_glossary_has_every_decision():
    words = DOCS["docs/glossary.md"]

    words_of = ("activate", "hold", "supersede", "roll back", "stand down", "challenge", "promote", "drop")
    for decision, word in zip(Decision, words_of, strict=True):
        assert word in words, decision


def test_every_column_and_output_is_documented():
    from rtb_optimizer.core.sample.counts import Counts
    from rtb_optimizer.core.table.bidding import Tier
    from rtb_optimizer.core.table.segments import Segment
    from rtb_optimizer.outputs import files

    default = Segment((None,), Counts(1, 1, 1, 0, 0), 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, Tier.LOW, 1.0, no_bid=False)
    table = pq.read_table(io.BytesIO(files.segments_parquet(["site"], [default])))
    named = {name.replace("feature_site", "feature_<name>") for name in table.column_names}

    assert {name for name in named if f"`{name}`" not in DOCS["docs/outputs.md"]} == set()


def test_the_readme_s_first_screen_says_what_it_is_and_for_whom():
    first = "\n".join(README.splitlines()[:24])

    assert "yield teams" in first
    assert "data engineers" in first


def test_make_help_lists_every_target_with_what_it_does():
    listed = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout

    assert {"make demo", "make test", "make up", "make down"} <= {
        " ".join(line.split()[:2]) for line in listed.splitlines()
    }
