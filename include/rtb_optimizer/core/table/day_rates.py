"""Warns of values whose rate stops or jumps on some days of the window, a broken tracker or bots, or whose price stops.

The total of a value hides both, as that of a day does: an app that lost its tracker on the last two of seven days has
five sevenths of its rate. Each day of a value, and its last days together, are compared with its own other days, and
with what the other values do then. A value without an outcome on all days is told from the table (`rate_stops`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.decision.warning import LEAVE_OUT, RunWarning
from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.sample import Feature, Floats, Mask, Sample, sum_by

MIN_OUTCOMES = 20.0
"""Outcomes that days of a value would have to have for a stop, and its other days have, or that a jump has.

Fewer say little: of thousands of slots, some have their only outcome on a day on which they have hardly a row.
"""
MIN_ROWS = 10
"""Sampled rows of days that have stopped: of fewer, the exposures of one row may be most."""
STOPPED, JUMPED = 0.05, 10.0
"""A rate of at most the first part of what is expected has stopped, one above the second times that has jumped."""
DAYS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _ByDay:
    """Outcomes (or rows with a cost), exposures and sampled rows of each value on each day (V x D each)."""

    outcome: Floats
    exposure: Floats
    rows: Floats

    @classmethod
    def of(cls, feature: Feature, outcome: Floats, exposure: Floats, day: NDArray[np.intp]) -> "_ByDay":
        days = int(day.max()) + 1
        cells, shape = feature.codes * days + day, (len(feature.values), days)
        columns = (outcome, exposure, np.ones(len(cells)))
        return cls(*(sum_by(cells, of, shape[0] * days).reshape(shape) for of in columns))

    def unusual(self) -> tuple[Mask, Mask]:
        """Return on which days each value has stopped, and on which it has jumped (V x D each).

        Days on which a value jumps are no measure of its others: after a day of bots these have not stopped.
        """
        jumped = self.jumped()
        without = (np.where(jumped, 0.0, of) for of in (self.outcome, self.exposure, self.rows))
        return type(self)(*without).stopped(), jumped

    def jumped(self) -> Mask:
        """Return on which days each value has more outcomes than its other days explain (V x D)."""
        jumped = np.zeros(self.outcome.shape, dtype=bool)
        for span in np.eye(self.outcome.shape[1], dtype=bool):
            _, most = self.expected(span)
            observed, then = self.outcome[:, span].sum(axis=1), self.outcome[:, ~span].sum(axis=1)
            jumps = (observed >= MIN_OUTCOMES) & (then > 0) & (observed > JUMPED * np.maximum(most, 1.0))
            jumped |= np.outer(jumps, span)
        return jumped

    def stopped(self) -> Mask:
        """Return on which days each value has next to no outcomes, where its other days have (V x D)."""
        stopped = np.zeros(self.outcome.shape, dtype=bool)
        for span in spans(self.outcome.shape[1]):
            least, _ = self.expected(span)
            observed, then = self.outcome[:, span].sum(axis=1), self.outcome[:, ~span].sum(axis=1)
            enough = self.rows[:, span].sum(axis=1) >= MIN_ROWS
            stops = enough & (np.minimum(least, then) >= MIN_OUTCOMES) & (observed <= STOPPED * least)
            stopped |= np.outer(stops, span)
        return stopped

    def expected(self, span: Mask) -> tuple[Floats, Floats]:
        """Return the least and the most outcomes that each value should have on some days (V floats each).

        Both are bounds by its other days, of about two standard errors; the least is moved down by how the days are for
        the other values, the most up. Otherwise where one large value stops, the others jump beside it.
        """
        k, n = self.outcome[:, span].sum(axis=1), self.exposure[:, span].sum(axis=1)
        k_then, n_then = self.outcome[:, ~span].sum(axis=1), self.exposure[:, ~span].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            beside, beside_then = (k.sum() - k) / (n.sum() - n), (k_then.sum() - k_then) / (n_then.sum() - n_then)
            level, per_outcome = beside / beside_then, n / n_then
        level = np.where(np.isfinite(level), level, 1.0)
        per_outcome = np.where(np.isfinite(per_outcome), per_outcome, 0.0)
        error = 2 * np.sqrt(k_then)
        least, most = per_outcome * np.maximum(k_then - error, 0.0), per_outcome * (k_then + error + 4)
        return least * np.minimum(level, 1.0), most * np.maximum(level, 1.0)


def spans(days: int) -> Iterator[Mask]:
    """Yield each day, and the last days together: what breaks stays broken, and a day may hold few outcomes."""
    at = np.arange(days)
    yield from (at == day for day in range(days))
    yield from (at >= first for first in range(1, days - 1))


def day_rates(sample: Sample, features: Sequence[str], days: NDArray[np.datetime64]) -> list[RunWarning]:
    """Warn of the value of each feature whose outcomes stop, and of that whose outcomes jump, most.

    Args:
        sample: The rows (n).
        features: The features that are looked at.
        days: The day of each row (n days).
    """
    warnings = []
    for name, found, names in _by_feature(sample, features, days, sample.outcome, sample.exposure):
        for code, which, advice in zip(
            ("rate_stops", "rate_spike"), found.unusual(), (_OF_STOPS, _OF_JUMPS), strict=True
        ):
            if which.any():
                words = _words(name, sample.features[name].values, found, which, names, "{:.3g} outcomes")
                warnings.append(RunWarning(code, f"{words}: {advice}"))
    return warnings


def unpriced_days(sample: Sample, features: Sequence[str], days: NDArray[np.datetime64]) -> list[RunWarning]:
    """Warn of the value of each feature most rows of which lose their cost on some days, while others have one.

    Rows with a cost are counted, not money, so that a cost that only clicks have is judged by their number.

    Args:
        sample: The rows (n), with what the logs spent.
        features: The features that are looked at.
        days: The day of each row (n days).
    """
    priced, rows, warnings = (sample.spend > 0).astype(float), np.ones(len(sample.spend)), []
    for name, found, names in _by_feature(sample, features, days, priced, rows):
        stopped, _ = found.unusual()
        if stopped.any():
            words = _words(name, sample.features[name].values, found, stopped, names, "a cost in {:.0f} rows")
            warnings.append(RunWarning("price_stops", f"{words}: {_OF_PRICES}"))
    return warnings


def _by_feature(
    sample: Sample, features: Sequence[str], days: NDArray[np.datetime64], outcome: Floats, exposure: Floats
) -> Iterator[tuple[str, _ByDay, Sequence[str]]]:
    """Yield each feature with its sums by value and day, and the days' names; a single day is unlike no other."""
    distinct, day = numbered_days(days)
    names = [str(each) for each in distinct]
    yield from ((name, _ByDay.of(sample.features[name], outcome, exposure, day), names) for name in features)


_OF_STOPS = (
    "the table takes it for worse than it is if its outcomes were not tracked; have these days delivered with them, or "
    "leave them out of the window"
)
_OF_PRICES = (
    "the level of all bids follows the spend that is there, and rises where costs are missing; have these days "
    "delivered with them, or leave them out of the window"
)
_OF_JUMPS = f"bots? {LEAVE_OUT}"


def _words(name: str, values: Sequence[str], found: _ByDay, which: Mask, days: Sequence[str], what: str) -> str:
    """Return which value has what on which days, the one that is farthest from what is expected, and how many more."""
    observed = (found.outcome * which).sum(axis=1)
    rate = (found.outcome.sum(axis=1) - observed) / np.maximum((found.exposure * ~which).sum(axis=1), 1e-300)
    expected = (found.exposure * which).sum(axis=1) * rate
    unusual = which.any(axis=1)
    code = int(np.argmax(np.where(unusual, np.abs(observed - expected), -1.0)))
    at = np.flatnonzero(which[code])
    shown = ", ".join(days[int(n)] for n in at[:DAYS_SHOWN])
    more = f" and {len(at) - DAYS_SHOWN} more" if len(at) > DAYS_SHOWN else ""
    beside = f", as have {unusual.sum() - 1} more of {name}" if unusual.sum() > 1 else ""
    return (
        f"{name}={values[code]} has {what.format(observed[code])} on {shown}{more}, where {expected[code]:.3g} are "
        f"expected by its other days{beside}"
    )
