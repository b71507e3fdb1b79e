"""Computes the key figures of a window: ratios of sums, each with its numerator and denominator.

A ratio is never an average of ratios, and a ratio without a denominator is None. Formulas: those of the sellers'
delivery reports (eCPM, eCPC, RPM, ROAS).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from rtb_optimizer.core.sample.counts import Counts

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Kpi:
    """A ratio, `scale` times numerator over denominator, with its value in the run compared with.

    `low` and `high` bound the change of a rate of counted outcomes with a confidence of 95 %, as both windows are
    draws of a Poisson count; None where it is no such rate or there is nothing to compare with.
    """

    name: str
    formula: str
    value: float | None
    numerator: float
    denominator: float
    previous: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None


RATIOS: Mapping[str, tuple[str, str, str, float]] = {
    "outcome rate": ("outcomes / exposures", "outcome", "exposure", 1.0),
    "value per thousand": ("1000 x value / exposures", "value", "exposure", 1000.0),
    "cost per thousand": ("1000 x cost / exposures", "cost", "exposure", 1000.0),
    "cost per outcome": ("cost / outcomes", "cost", "outcome", 1.0),
    "value per outcome": ("value / outcomes", "value", "outcome", 1.0),
    "value over cost": ("value / cost", "value", "cost", 1.0),
}


def kpis(totals: Counts, previous: Sequence[Kpi] = ()) -> tuple[Kpi, ...]:
    """Return the ratios of a window's totals beside those of another run."""
    before = {kpi.name: kpi for kpi in previous}
    return tuple(_kpi(name, totals, before.get(name)) for name in RATIOS)


def _kpi(name: str, totals: Counts, before: Kpi | None) -> Kpi:
    formula, above, below, scale = RATIOS[name]
    numerator, denominator = getattr(totals, above), getattr(totals, below)
    value = scale * numerator / denominator if denominator else None
    was = before.value if before else None
    change = value / was - 1 if value is not None and was else None
    low = high = None
    if before and change is not None and above == "outcome" and numerator and before.numerator:
        error = Z_95 * sqrt(1 / numerator + 1 / before.numerator)
        low, high = change - error * (1 + change), change + error * (1 + change)
    return Kpi(name, formula, value, numerator, denominator, was, change, low, high)
