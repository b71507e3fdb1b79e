"""The charts of the report: gains, calibration, lift, matched rows, multipliers; each None without data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import DecileDocument, LiftDocument
from rtb_optimizer.outputs.documents.tables import DotDocument, MatchedDocument
from rtb_optimizer.outputs.report_page.formatting import text, visible
from rtb_optimizer.outputs.report_page.inline_svg import GREY, INK, QUIET, STRONG, WARM, inline_svg

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

Bar = tuple[str, float, float | None]
MAX_BARS = {"features": 16, "interactions": 8, "rejected": 5}
LONGEST_LABEL = 26
TIERS = {"low": (GREY, "v"), "medium": (WARM, "o"), "high": (STRONG, "s")}
NO_OUTCOME_AT = 0.5  # where a logarithmic axis shows none


def drawn(report: Report) -> dict[str, "Markup | None"]:
    """Return each chart by its name."""
    holdout, segments = report.holdout, report.segments
    return {
        "gains": _gains(report),
        "calibration": _calibration(holdout.calibration if holdout else ()),
        "lift": _lift(holdout.lift if holdout else ()),
        "matched": _matched(segments.coverage if segments else ()),
        "multipliers": _multipliers(report.scatter),
    }


def _label(name: object) -> str:
    label = visible(" ".join(text(name).split()))
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _gains(report: Report) -> "Markup | None":
    parts: dict[str, tuple[str, list[Bar]]] = {
        "features": (
            STRONG,
            [(f.name, f.signal_score, f.standard_error) for f in report.features if f.signal_score is not None],
        ),
        "interactions": (
            WARM,
            [
                (" x ".join(i.features), i.signal_score, i.standard_error)
                for i in report.interactions
                if i.signal_score is not None
            ],
        ),
        "rejected": (GREY, [(r.name, r.signal_score, None) for r in report.rejected if r.signal_score is not None]),
    }
    bars = [
        (_label(name), score, error, colour)
        for part, (colour, rows) in parts.items()
        for name, score, error in _by_score(rows, part)
    ]
    if not bars:
        return None

    def draw(axes: "Axes") -> None:
        for place, (_, score, error, colour) in enumerate(bars):
            spread = 2 * error if error is not None else None
            axes.barh(place, score, color=colour, xerr=spread, ecolor=INK, height=0.65, capsize=2)
        axes.set_yticks(range(len(bars)), [label for label, *_ in bars])
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("added share explained, ± 2 standard errors")
        _in_percent(axes, "x")

    title = "Signal score of each feature, interaction and the best columns left out"
    return inline_svg("gains", title, 0.9 + 0.27 * len(bars), draw)


def _by_score(rows: Sequence[Bar], part: str) -> Sequence[Bar]:
    """Return as many as fit: features in their order, the others by what they would add."""
    ranked = rows if part == "features" else sorted(rows, key=lambda row: -row[1])
    return ranked[: MAX_BARS[part]]


def _calibration(deciles: Sequence[DecileDocument]) -> "Markup | None":
    rows = [
        (each.exposure, each.expected, each.outcome)
        for each in deciles
        if each.exposure is not None and each.expected is not None and each.outcome is not None and each.exposure > 0
    ]
    total = sum(predicted for _, predicted, _ in rows)
    if total <= 0:
        return None
    level = sum(outcome for *_, outcome in rows) / total  # 1 where the document has taken it out already
    expected = [level * predicted / exposure for exposure, predicted, _ in rows]
    seen = [outcome / exposure for exposure, _, outcome in rows]
    spread = [2 * max(outcome, 0) ** 0.5 / exposure for exposure, _, outcome in rows]

    def draw(axes: "Axes") -> None:
        end = max(*expected, *seen) * 1.08 or 1.0
        axes.plot([0, end], [0, end], color=GREY, linestyle="--")
        axes.errorbar(expected, seen, yerr=spread, color=STRONG, ecolor=STRONG, fmt="o", markersize=4.5, capsize=2)
        axes.set_xlim(0, end)
        axes.set_ylim(0, None)
        axes.set_xlabel("expected outcomes per exposure")
        axes.set_ylabel("observed")
        _in_percent(axes, "x")
        _in_percent(axes, "y")

    return inline_svg("calibration", "Observed against expected outcome rate by decile of the hold-out", 3.4, draw)


def _lift(rows: Sequence[LiftDocument]) -> "Markup | None":
    shares = [
        (float(row.exposure_share), float(row.outcome_share))
        for row in rows
        if row.exposure_share is not None and row.outcome_share is not None
    ]
    if not shares:
        return None
    points = sorted({(0.0, 0.0), *shares})

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
        axes.plot(*zip(*points, strict=True), color=STRONG, marker="o", markersize=3)
        axes.set_xlabel("share of exposures, best expected first")
        axes.set_ylabel("share of outcomes")
        _in_percent(axes, "x")
        _in_percent(axes, "y")

    return inline_svg("lift", "Share of outcomes in the best share of exposures of the hold-out", 3.4, draw)


def _matched(coverage: Sequence[MatchedDocument]) -> "Markup | None":
    rows = [
        (each.rows_matched, each.exposure_share, each.spend_share)
        for each in coverage
        if each.rows_matched is not None and each.exposure_share is not None and each.spend_share is not None
    ]
    if not rows:
        return None

    def draw(axes: "Axes") -> None:
        series = ((1, "of exposures", -0.2, STRONG), (2, "of spend", 0.2, QUIET))
        for column, label, aside, colour in series:
            places = [place + aside for place in range(len(rows))]
            axes.bar(places, [row[column] for row in rows], 0.38, color=colour, label=label)
        axes.set_xticks(range(len(rows)), [f"{matched:g}" for matched, *_ in rows])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("rows of the table that a request matches, beside the default")
        axes.legend()
        _in_percent(axes, "y")

    return inline_svg("matched", "Share of exposures and of spend by how many rows of the table match", 2.8, draw)


def _multipliers(dots: Sequence[DotDocument]) -> "Markup | None":
    points = [
        (dot.outcome, dot.multiplier, dot.tier)
        for dot in dots
        if dot.outcome is not None and dot.multiplier is not None and dot.multiplier > 0 and dot.tier in TIERS
    ]
    if not points:
        return None

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        for tier, (colour, marker) in TIERS.items():
            own = [(max(outcome, NO_OUTCOME_AT), multiplier) for outcome, multiplier, of in points if of == tier]
            across, up = [outcome for outcome, _ in own], [multiplier for _, multiplier in own]
            axes.plot(across, up, marker, color=colour, alpha=0.65, markersize=3.5, markeredgewidth=0, label=tier)
        axes.axhline(1, color=INK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.set_xlabel("outcomes of the segment")
        axes.set_ylabel("bid multiplier")
        axes.legend(title="confidence", ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.22), markerscale=1.6)

    return inline_svg("multipliers", "Bid multiplier of each segment against its outcomes", 3.6, draw)


def _in_percent(axes: "Axes", which: str) -> None:
    from matplotlib.ticker import PercentFormatter

    (axes.xaxis if which == "x" else axes.yaxis).set_major_formatter(PercentFormatter(1.0))
