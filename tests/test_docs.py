"""What README and docs say is true: paths exist, every module is on the map, commands are real, words are ours."""

import io
import re
import subprocess

import pyarrow.parquet as pq
import pytest

from conftest import CHECKOUT
from rtb_optimizer.cli.app import app
from rtb_optimizer.core.activation import Decision

README = (CHECKOUT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in [CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")]}
MAP = README.split("## I want to change")[1].split("## Glossary")[0]
MAPPED = re.findall(r"`([^`]+)`", MAP)


@pytest.mark.parametrize("path", MAPPED)
def test_every_path_on_the_map_exists(path):
    assert (CHECKOUT / path).exists()


def test_every_module_is_on_the_map():
    package = CHECKOUT / "include" / "rtb_optimizer"
    modules = [p for p in package.rglob("*.py") if p.name not in ("__init__.py", "__main__.py")]
    lost = [
        str(module.relative_to(CHECKOUT))
        for module in modules
        if not any(str(module.relative_to(CHECKOUT)).startswith(mapped) for mapped in MAPPED)
    ]

    assert lost == []


@pytest.mark.parametrize(
    ("document", "link"), [(d, link) for d, text in DOCS.items() for link in re.findall(r"\]\(([^)#]+)\)", text)]
)
def test_every_link_leads_somewhere(document, link):
    folder = CHECKOUT if document == "README.md" else CHECKOUT / "docs"
    assert link.startswith("http") or (folder / link).exists()


def test_every_make_target_that_is_named_exists():
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert {
        name for text in DOCS.values() for name in re.findall(r"`?make ([a-z-]+)`?", text) if name != "and"
    } <= targets


def test_every_command_that_is_shown_exists():
    shown = {tuple(words.split()) for words in re.findall(r"\$ rtb ((?:[a-z]+ ?)+)", README)}
    commands = known_commands()

    assert shown
    for words in shown:
        assert words[0] in commands or words[:2] in commands, words


def known_commands():
    import typer.main

    root = typer.main.get_command(app)
    groups = {name: command for name, command in root.commands.items() if hasattr(command, "commands")}
    return set(root.commands) | {(group, name) for group, command in groups.items() for name in command.commands}


def test_every_config_key_that_is_named_is_declared():
    import tomllib

    keys = tomllib.loads((CHECKOUT / "include/rtb_optimizer/store/seeds/v3.toml").read_text())["keys"]
    declared = {key["key"] for key in keys}
    named = set(re.findall(r"--set '?([a-z_]+)=", README)) | {
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

    assert used <= set(re.findall(r"RTB_[A-Z_0-9]+", DOCS["operations.md"]))


def test_the_glossary_has_every_decision():
    words = README.split("## Glossary")[1]

    for decision, word in zip(Decision, ("activate", "hold", "supersede", "roll back"), strict=True):
        assert word in words, decision


def test_every_column_and_output_is_documented():
    from rtb_optimizer import outputs
    from rtb_optimizer.core.bidding import Tier
    from rtb_optimizer.core.segments import Counts, Segment

    default = Segment((None,), Counts(1, 1, 1, 0, 0), 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, Tier.LOW, 1.0, no_bid=False)
    table = pq.read_table(io.BytesIO(outputs.segments_parquet(["site"], [default])))
    named = {name.replace("feature_site", "feature_<name>") for name in table.column_names}

    assert {name for name in named if f"`{name}`" not in DOCS["outputs.md"]} == set()


def test_the_readme_s_first_screen_says_what_it_is_and_for_whom():
    first = "\n".join(README.splitlines()[:24])

    assert "yield teams" in first
    assert "data engineers" in first


def test_make_help_lists_every_target_with_what_it_does():
    listed = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout

    assert {"make demo", "make test", "make up", "make down"} <= {
        " ".join(line.split()[:2]) for line in listed.splitlines()
    }
