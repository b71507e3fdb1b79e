"""Values of logs are no formulas in a spreadsheet, and nothing else of the file changes."""

import codecs
import csv
import io

import pytest

from rtb_optimizer.outputs.spreadsheet import without_formulas

CELLS = {
    "=1+1": "'=1+1",
    "@SUM(A1)": "'@SUM(A1)",
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "-2+3": "'-2+3",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    "-": "'-",
    "-1": "-1",
    "+0.5": "+0.5",
    "-1.5e-07": "-1.5e-07",
    "a=b": "a=b",
    "": "",
    'a,"b"\nc': 'a,"b"\nc',
    "größe=\u00e9": "größe=\u00e9",
}


def written(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_cell_that_would_be_a_formula_is_text_however_the_file_is_cut(size):
    body = written([["segment", "multiplier"], *([cell, "1.5"] for cell in CELLS)])
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    written_out = b"".join(without_formulas(chunks))
    safe = written_out.decode("utf-8-sig")
    assert written_out.startswith(codecs.BOM_UTF8), "Excel reads a file without it in another encoding"
    rows = list(csv.reader(io.StringIO(safe, newline="")))
    assert rows == [["segment", "multiplier"], *([cell, "1.5"] for cell in CELLS.values())]


def test_a_file_without_a_last_line_end_is_whole():
    assert b"".join(without_formulas([b"a,b\n=1,2"])) == codecs.BOM_UTF8 + b"a,b\r\n'=1,2\r\n"
