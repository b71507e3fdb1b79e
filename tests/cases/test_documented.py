"""The page of edge cases has a row for each, and each has a test, or says whose it is."""

import ast
import re

from conftest import CHECKOUT

PAGE = (CHECKOUT / "docs" / "edge-cases.md").read_text()
ALL = set(range(1, 53))
ELSEWHERE = {37, 38, 46}  # what the page says of these is held by tests of the audit and of the exports


def numbers(cell):
    return {int(number) for number in re.findall(r"\d+", cell)}


def test_every_case_has_a_row_and_every_row_a_test():
    rows = [numbers(cell) for cell in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)]
    tested = set()
    for path in (CHECKOUT / "tests" / "cases").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("case", "pytest.mark.case"):
                tested.add(node.args[0].value)

    assert sorted(number for row in rows for number in row) == sorted(ALL)
    assert tested | ELSEWHERE >= ALL, sorted(ALL - tested - ELSEWHERE)
