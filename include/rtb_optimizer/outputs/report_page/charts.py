"""Which pictures does the report have? Gains, calibration, lift, matched rows, multipliers: each None without data."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtb_optimizer.outputs.report_page.formatting import is_number, text, visible
from rtb_optimizer.outputs.report_page.inline_svg import GREY, INK, QUIET, STRONG, WARM, inline_svg

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
MAX_BARS = {"features": 16, "interactions": 8, "rejected": 5}
LONGEST_LABEL = 26
TIERS = {"low": (GREY, "v"), "medium": (WARM, "o"), "high": (STRONG, "s")}
NO_OUTCOME_AT = 0.5  # where a logarithmic axis shows none


def drawn(document: Mapping[str, Any]) -> dict[str, "Markup | None"]:
    """Return each chart by its name."""
    holdout, segments = document.get("holdout") or {}, document.get("segments") or {}
    return {
        "gains": _gains(document),
        "calibration": _calibration(_with(holdout.get("calibration"), "exposure", "expected", "outcome")),
        "lift": _lift(_with(holdout.get("lift"), "exposure_share", "outcome_share")),
        "matched": _matched(_with(segments.get("coverage"), "rows_matched", "exposure_share", "spend_share")),
        "multipliers": _multipliers(_with(document.get("scatter"), "outcome", "multiplier")),
    }


def _with(rows: Iterable[Row] | None, *names: str) -> list[Row]:
    """Return the rows that have all these numbers."""
    return [row for row in rows or () if row and all(is_number(row.get(name)) for name in names)]


def _label(name: object) -> str:
    label = visible(" ".join(text(name).split()))
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _gains(document: Mapping[str, Any]) -> "Markup | None":
    bars = [
        (_label(row.get("name") or " x ".join(map(text, row.get("features") or ()))), row, colour)
        for part, colour in (("features", STRONG), ("interactions", WARM), ("rejected", GREY))
        for row in _by_score(_with(document.get(part), "signal_score"), part)
    ]
    if not bars:
        return None

    def draw(axes: "Axes") -> None:
        for place, (_, row, colour) in enumerate(bars):
            error = row.get("standard_error")
            spread = 2 * error if is_number(error) else None
            axes.barh(place, row["signal_score"], color=colour, xerr=spread, ecolor=INK, height=0.65, capsize=2)
        axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("added share explained, ± 2 standard errors")
        _in_percent(axes, "x")

    title = "Signal score of each feature, interaction and the best columns left out"
    return inline_svg("gains", title, 0.9 + 0.27 * len(bars), draw)


def _by_score(rows: Sequence[Row], part: str) -> Sequence[Row]:
    """Return as many as fit: features in their order, the others by what they would add."""
    ranked = rows if part == "features" else sorted(rows, key=lambda row: -float(row["signal_score"]))
    return ranked[: MAX_BARS[part]]


def _calibration(rows: Sequence[Row]) -> "Markup | None":
    rows = [row for row in rows if row["exposure"] > 0]
    total = sum(row["expected"] for row in rows)
    if total <= 0:
        return None
    level = sum(row["outcome"] for row in rows) / total  # 1 where the document has taken it out already
    expected = [level * row["expected"] / row["exposure"] for row in rows]
    seen = [row["outcome"] / row["exposure"] for row in rows]
    spread = [2 * max(row["outcome"], 0) ** 0.5 / row["exposure"] for row in rows]

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


def _lift(rows: Sequence[Row]) -> "Markup | None":
    if not rows:
        return None
    points = sorted({(0.0, 0.0), *((float(row["exposure_share"]), float(row["outcome_share"])) for row in rows)})

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
        axes.plot(*zip(*points, strict=True), color=STRONG, marker="o", markersize=3)
        axes.set_xlabel("share of exposures, best expected first")
        axes.set_ylabel("share of outcomes")
        _in_percent(axes, "x")
        _in_percent(axes, "y")

    return inline_svg("lift", "Share of outcomes in the best share of exposures of the hold-out", 3.4, draw)


def _matched(rows: Sequence[Row]) -> "Markup | None":
    if not rows:
        return None

    def draw(axes: "Axes") -> None:
        series = (("exposure_share", "of exposures", -0.2, STRONG), ("spend_share", "of spend", 0.2, QUIET))
        for name, label, aside, colour in series:
            places = [place + aside for place in range(len(rows))]
            axes.bar(places, [row[name] for row in rows], 0.38, color=colour, label=label)
        axes.set_xticks(range(len(rows)), [f"{row['rows_matched']:g}" for row in rows])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("rows of the table that a request matches, beside the default")
        axes.legend()
        _in_percent(axes, "y")

    return inline_svg("matched", "Share of exposures and of spend by how many rows of the table match", 2.8, draw)


def _multipliers(points: Sequence[Row]) -> "Markup | None":
    points = [point for point in points if point["multiplier"] > 0 and point.get("tier") in TIERS]
    if not points:
        return None

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        for tier, (colour, marker) in TIERS.items():
            own = [p for p in points if p["tier"] == tier]
            across = [max(p["outcome"], NO_OUTCOME_AT) for p in own]
            up = [p["multiplier"] for p in own]
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
