"""Charts of equal figures are drawn once per process, and quickly: drawing takes most of a small run's processor time.

A chart is known by its name, its size and all values that its drawing function closes over, so that whatever is drawn
differently is drawn again. All of it is drawn, but matplotlib does not look for the best margins, for which it would
draw it twice.
"""

from hashlib import sha256
from unittest import mock

from rtb_optimizer.outputs.report_page import inline_svg as drawing

_DRAWN = {}


def inline_svg(name, title, height, draw):
    """Return the chart that was drawn of these values before, or draw it."""
    values = [cell.cell_contents for cell in draw.__closure__ or ()]
    key = sha256(repr((name, title, height, values)).encode(errors="surrogatepass")).digest()
    if key not in _DRAWN:
        with _plain_margins():
            _DRAWN[key] = drawing.inline_svg(name, title, height, draw)
    return _DRAWN[key]


def _plain_margins():
    from matplotlib import figure

    constructor = figure.Figure

    def plain(*arguments, **options):
        return constructor(*arguments, **options | {"layout": None})

    return mock.patch.object(figure, "Figure", plain)
