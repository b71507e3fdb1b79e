"""The committed reference pages are those that the code generates, complete, and reproducible."""

import importlib.util
import inspect
import subprocess

import pytest

from checkout import CHECKOUT
from rtb_optimizer import errors

SPEC = importlib.util.spec_from_file_location("generate", CHECKOUT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)
PAGES = generate.pages()
ERRORS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_makes(name):
    assert (CHECKOUT / "docs" / "reference" / name).read_text() == PAGES[name], "run `make docs`"


@pytest.mark.parametrize("path", generate.REVISION_PAGES, ids=lambda path: path.name)
def test_a_page_that_shows_a_schema_revision_shows_the_newest(path):
    assert path.read_text() == generate.with_revision(path.read_text()), "run `make docs`"


def test_no_other_page_lies_among_them():
    assert {path.name for path in (CHECKOUT / "docs" / "reference").iterdir()} == set(PAGES)


def test_what_is_made_does_not_depend_on_who_makes_it(monkeypatch):
    monkeypatch.setenv("USER", "who_makes_it")
    monkeypatch.setenv("LOGNAME", "who_makes_it")
    monkeypatch.setenv("COLUMNS", "40")
    assert generate.pages() == PAGES
    assert "who_makes_it" not in str(PAGES)


@pytest.mark.parametrize("error", [e for e in ERRORS if e is not errors.RtbOptimizerError], ids=lambda e: e.__name__)
def test_every_error_says_what_to_do(error):
    cause, _, fix = inspect.getdoc(error).partition("Fix: ")
    assert cause
    assert fix.strip().endswith(".")
    assert f"| `{error.__name__}` |" in PAGES["errors.md"]


def test_make_docs_runs_the_script():
    output = subprocess.check_output(["make", "--dry-run", "-o", "setup", "docs"], cwd=CHECKOUT, text=True)
    assert "docs/generate.py" in output
