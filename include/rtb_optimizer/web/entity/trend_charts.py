"""Draws an entity's last runs: predicted and realized results, money, volume, level, and the scores of features."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import mean
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.outputs.report_page.formatting import visible
from rtb_optimizer.outputs.report_page.inline_svg import GREY, INK, STRONG, WARM, inline_svg
from rtb_optimizer.store.trends import DayPoint, RunPoint

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

HEIGHT = 2.3
MOST_FEATURES, LONGEST_NAME = 8, 22
STYLES = [(colour, line) for line in ("-", "--") for colour in (STRONG, WARM, GREY, INK)]
FEWEST = 2
"""A single point is no trend."""
TICKS = 5
THOUSAND = 1_000
"""From here on an axis counts in k and M."""

Days = NDArray[np.datetime64]

_style_is_of_the_process = Lock()  # matplotlib's: two requests must not draw at once


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart: what it shows, how to read it."""

    title: str
    says: str
    svg: "Markup"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a run that is plotted: its name in the catalog, and how its axis is scaled.

    `base` is a value that the axis includes and a line marks, None for none.
    """

    name: str
    title: str
    says: str
    base: float | None = None
    in_percent: bool = False


FIGURES = (
    Figure("rows", "Rows of the logs", "A step that nobody planned is a delivery that is not whole.", base=0),
    Figure("spend", "Spend of the window", "In the currency of the logs.", base=0),
    Figure("level", "Level", "The default row's multiplier, which keeps the spend; 1 is no change.", base=1),
    Figure(
        "predicted_change",
        "Predicted gain",
        "Outcomes at equal spend, compared with flat bids, on the hold-out.",
        base=0,
        in_percent=True,
    ),
    Figure(
        "worst_psi",
        "Drift",
        "Population stability index of the feature that shifted most since the active run; above 0.25 is a lot.",
        base=0,
    ),
)


def trend_charts(runs: Sequence[RunPoint], days: Sequence[DayPoint]) -> list[Chart]:
    """Return the charts for which there are two points or more.

    Args:
        runs: The runs, the oldest first.
        days: The days that were live, the oldest first.
    """
    with _style_is_of_the_process:
        drawn = [
            _live(days, runs[-1].objective if runs else ""),
            *(_figure(figure, runs) for figure in FIGURES),
            _scores(runs),
        ]
    return [chart for chart in drawn if chart is not None]


def _live(days: Sequence[DayPoint], objective: str) -> Chart | None:
    if len(days) < FEWEST:
        return None
    at = _times(each.day for each in days)

    def draw(axes: "Axes") -> None:
        axes.plot(at, [each.predicted for each in days], color=GREY, linestyle="--", label="predicted")
        axes.plot(at, [each.realized for each in days], color=STRONG, marker=".", label="realized")
        axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.22))
        _mark_dates(axes, at)
        _scaled(axes, in_percent=False)

    title = f"Realized and predicted {'value' if objective == 'value' else 'outcomes'}"
    says = "Of treated requests, by day of the logs: near each other, rates are what the tables said."
    return Chart(title, says, inline_svg("live", title, HEIGHT, draw))


def _figure(figure: Figure, runs: Sequence[RunPoint]) -> Chart | None:
    points = [
        (run.data_end.date(), value, run.was_active)
        for run in runs
        if (value := run.figures.get(figure.name)) is not None
    ]
    if len(points) < FEWEST:
        return None
    at, values = _times(day for day, *_ in points), np.array([value for _, value, _ in points], np.float64)
    is_idle = np.array([not was_active for *_, was_active in points])

    def draw(axes: "Axes") -> None:
        axes.plot(at, values, color=STRONG, marker=".")
        if is_idle.any():
            axes.plot(at[is_idle], values[is_idle], "x", color=WARM, label="never active")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22))
        if figure.base is not None:
            axes.axhline(figure.base, color=INK, linewidth=0.8)
        _mark_dates(axes, at)
        _scaled(axes, in_percent=figure.in_percent)

    return Chart(figure.title, figure.says, inline_svg(figure.name, f"{figure.title} by run", HEIGHT, draw))


def _scores(runs: Sequence[RunPoint]) -> Chart | None:
    scored = [run for run in runs if run.scores]
    if len(scored) < FEWEST:
        return None
    names, at = strongest(scored), _times(run.data_end.date() for run in scored)

    def draw(axes: "Axes") -> None:
        for name, (colour, line) in zip(names, STYLES, strict=False):
            own = [run.scores.get(name, float("nan")) for run in scored]
            axes.plot(at, own, color=colour, linestyle=line, marker=".", markersize=3, label=_short(name))
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
        _mark_dates(axes, at)
        _scaled(axes, in_percent=True)

    says = f"The share of the baseline deviance that each of the {len(names)} strongest explains; a gap: not selected."
    title = "Signal scores of features"
    return Chart(title, says, inline_svg("scores", f"{title} by run", HEIGHT + 0.25 * (-(-len(names) // 2)), draw))


def strongest(runs: Sequence[RunPoint]) -> list[str]:
    """Return the features with the largest mean score over the runs; one that a run did not select counts as 0."""
    names = {name for run in runs for name in run.scores}
    return sorted(names, key=lambda name: (-mean(run.scores.get(name, 0.0) for run in runs), name))[:MOST_FEATURES]


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def _times(days: Iterable[date]) -> Days:
    return np.array(list(days), "datetime64[D]")


def _mark_dates(axes: "Axes", at: Days) -> None:
    """Mark some days, the first and the last among them."""
    distinct = np.unique(at)
    marked = distinct[np.unique(np.linspace(0, len(distinct) - 1, TICKS).round().astype(int))]
    axes.set_xticks(marked, [f"{day:%-d %b}" for day in marked.tolist()])


def _scaled(axes: "Axes", *, in_percent: bool) -> None:
    from matplotlib.ticker import EngFormatter, PercentFormatter, StrMethodFormatter

    if in_percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif axes.get_ylim()[1] > THOUSAND:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.10g}"))
