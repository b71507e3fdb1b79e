"""Charts of equal figures are drawn once per process: drawing takes most of the processor time of a small run.

A chart is known by its name, its size and all values that its drawing function closes over, so that whatever is drawn
differently is drawn again.
"""

from hashlib import sha256

from rtb_optimizer.outputs.report_page import inline_svg as drawing

_DRAWN = {}


def inline_svg(name, title, height, draw):
    """Return the chart that was drawn of these values before, or draw it."""
    values = [cell.cell_contents for cell in draw.__closure__ or ()]
    key = sha256(repr((name, title, height, values)).encode(errors="surrogatepass")).digest()
    if key not in _DRAWN:
        _DRAWN[key] = drawing.inline_svg(name, title, height, draw)
    return _DRAWN[key]
