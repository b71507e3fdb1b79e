"""Embeds a chart in a page as SVG whose colours are the page's own, light or dark.

Matplotlib knows no CSS variables, so it draws in stand-in colours that are then replaced. Text stays text: it takes
the page's font, can be searched, and is escaped by matplotlib; a `$` in it is not read as a formula.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID, STRONG, QUIET, WARM, GREY = "#a1b2c0", "#a1b2c1", "#a1b2c2", "#a1b2c3", "#a1b2c4", "#a1b2c5"
VARIABLES = {INK: "ink", GRID: "grid", STRONG: "strong", QUIET: "quiet", WARM: "warm", GREY: "grey"}
WIDTH = 5.2  # inches, of 72 units each: no wider than a phone, so that no text shrinks there
STYLE: dict[Any, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": f"cycler('color', ['{STRONG}'])",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib: text is measured alike on all machines
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.color": GRID,
    "ytick.labelcolor": INK,
}


def inline_svg(name: str, title: str, height: float, draw: Callable[["Axes"], None]) -> Markup:
    """Return what `draw` draws as an <svg> of that height in inches; `title` is read to those who cannot see it."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the page's font has it, whatever matplotlib's has
        mpl.rcdefaults()  # nothing of the machine's own settings
        mpl.rcParams.update({**STYLE, "svg.hashsalt": name})
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    return _for_the_page(buffer.getvalue(), title, height)


def _for_the_page(drawn: str, title: str, height: float) -> Markup:
    """Return matplotlib's file as an element: no header, no names that two charts would share, no fixed size."""
    body = drawn[drawn.index(">", drawn.index("<svg")) + 1 :]
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = body.replace("font-family: 'DejaVu Sans'; ", "")
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    body = body.replace("xlink:href", "href")
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    opening = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>')
    return opening.format(round(72 * WIDTH, 2), round(72 * height, 2), title, title) + Markup(body)  # noqa: S704
