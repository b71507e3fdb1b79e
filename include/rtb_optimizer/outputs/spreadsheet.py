"""Makes CSV safe to open in a spreadsheet: values of logs may be formulas, which a spreadsheet would evaluate.

Programs read an output as it was written; what a person downloads from a page gets this form.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CR = "\0"  # a carriage return is part of a value, while the reader takes it for the end of a line
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def without_formulas(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a CSV file in UTF-8 with an apostrophe before each cell that a spreadsheet would take for a formula.

    Numbers stay as they are. The file begins with a byte order mark: without one, Excel reads it in the encoding of the
    machine's language, and what is not ASCII as other letters.
    """
    yield codecs.BOM_UTF8
    for row in csv.reader(_lines(chunks)):
        written = io.StringIO(newline="")
        csv.writer(written).writerow([_as_text(cell.replace(_CR, "\r")) for cell in row])
        yield written.getvalue().encode()


def _as_text(cell: str) -> str:
    is_formula = cell.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a file with their ends, however it is cut into chunks."""
    decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
    for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk).replace("\r", _CR)).split("\n")
        yield from (f"{line}\n" for line in lines)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
