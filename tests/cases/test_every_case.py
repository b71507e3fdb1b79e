"""Every row of docs/edge-cases.md has a test, and every case that a test names has a row."""

import ast
import re
from pathlib import Path

import pytest

from checkout import CHECKOUT

ROW = re.compile(r"^\| *(\d+(?:, \d+)*) *\|", re.MULTILINE)
ROWS = ROW.findall((CHECKOUT / "docs" / "edge-cases.md").read_text())
CASES = sorted({int(number) for row in ROWS for number in row.split(", ")})


def cases_of(source):
    """The numbers that the tests of a file are marked with, `@pytest.mark.case(7)`, by the test's name."""
    cases = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            numbers = [re.fullmatch(r"(?:pytest\.mark\.)?case\((\d+)\)", mark) for mark in marks]
            cases[node.name] = {int(number[1]) for number in numbers if number}
    return cases


HELD = {
    (path.stem, name): numbers
    for path in sorted(Path(__file__).parent.glob("test_*.py"))
    if path != Path(__file__)
    for name, numbers in cases_of(path.read_text()).items()
    if numbers
}


@pytest.mark.parametrize("number", CASES)
def test_every_documented_case_has_a_test(number):
    assert any(number in numbers for numbers in HELD.values())


@pytest.mark.parametrize("test", HELD, ids=".".join)
def test_a_case_that_a_test_names_is_documented(test):
    assert set(CASES) >= HELD[test]


def test_the_cases_are_numbered_without_a_gap():
    assert set(CASES) == set(range(1, 64))


def test_a_mark_is_read_off_a_test():
    source = "@pytest.mark.case(3)\n@case(4)\ndef test_x(): pass\ndef test_y(): pass\ndef other(): pass"

    assert cases_of(source) == {"test_x": {3, 4}, "test_y": set()}
