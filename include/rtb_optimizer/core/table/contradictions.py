"""Warns of days on which a feature says nothing, or the opposite, of what it says on other days, or in the active run.

A column that was joined to the wrong rows, ids that were given to others, outcomes that were put to the wrong rows, and
bots all leave counts and values as they are. The table learns a mean of both kinds of days, which is right on neither.
Of the effect that a feature has on the other days, the share that is left on a day is the slope of the day's outcomes
on the logarithms l of the factors, sum (k - n) l / sum (e - n) l, with k the outcomes, n those of equal rates and e
those that the factors expect: 1 if they hold, 0 if the feature says nothing, -1 if it says the opposite.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.numbering import numbered_days
from rtb_optimizer.core.sample.sample import Floats, Sample, sum_by
from rtb_optimizer.core.table.published_table import PublishedTable
from rtb_optimizer.core.table.segments import Segment

MIN_DAYS = 3
LEFT, SURE = 0.2, 4.0
"""A day contradicts where at most this share of the effect is left, so many standard deviations below all of it."""
STRONG = 0.0625
"""Mean square of the logarithm of a factor, that of 25 %: what says less may change its sign by itself."""
KEPT = 0.5
"""Share of the effect that is left on each of the other days, by the factors of the rest."""
PRIOR = 10.0
"""Outcomes as expected that are added to those of a value before its factor is taken."""
DAYS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Effect:
    """What is left on some days of the effect that a feature has on others: its share, and the deviation of that.

    `square` is the mean square of the logarithms of the factors; `expected` are the outcomes of each value (V) if they
    hold.
    """

    left: float
    deviation: float
    square: float
    expected: Floats

    @classmethod
    def of(cls, outcome: Floats, exposure: Floats, then: Floats, exposure_then: Floats, weight: float) -> "_Effect":
        """Return what is left on days with outcomes and exposures by value (V each) of the effect on other days.

        Args:
            outcome: The outcomes on the days that are looked at.
            exposure: Their exposures.
            then: The outcomes on the days that the factors are of.
            exposure_then: Their exposures.
            weight: What an outcome counts, of those that are drawn.
        """
        usual, added = exposure_then * (then.sum() / exposure_then.sum()), PRIOR * weight
        factor = (then + added) / (usual + added)
        equal = exposure * (outcome.sum() / exposure.sum())
        expected = exposure * factor * (outcome.sum() / float((exposure * factor).sum()))
        logs = np.log(factor)
        logs -= float((expected * logs).sum()) / float(expected.sum())
        noise = weight * then / (then + added) ** 2  # the variance of the logarithm of a factor
        whole = float(((expected - equal) * logs - expected * noise).sum())
        squares = float((expected * logs**2).sum())
        square = squares / float(expected.sum())
        if whole <= 0:
            return cls(1.0, inf, square, expected)
        left = float(((outcome - equal) * logs).sum()) / whole
        return cls(left, float(np.sqrt(weight * squares)) / whole, square, expected)

    @property
    def is_gone(self) -> bool:
        """Whether next to nothing is left, or the opposite is there, of an effect that was not small."""
        return self.square > STRONG and self.left <= min(LEFT, 1 - SURE * self.deviation)

    @property
    def holds(self) -> bool:
        """Whether most is left, as far as chance lets it be told."""
        return self.left >= KEPT - self.deviation


def contradicting_days(sample: Sample, features: Sequence[str], days: NDArray[np.datetime64]) -> list[RunWarning]:
    """Warn of features whose factors do not hold on days of the window, while they do on the others.

    Args:
        sample: The rows (n).
        features: The features that are looked at.
        days: The day of each row (n days).
    """
    distinct, day = numbered_days(days)
    total = float(sample.outcome.sum())
    if len(distinct) < MIN_DAYS or total <= 0:
        return []
    weight = float((sample.outcome**2).sum()) / total
    warnings = []
    for name in features:
        feature, size = sample.features[name], len(distinct)
        cells, shape = feature.codes * size + day, (len(feature.values), size)
        outcome, exposure = (
            sum_by(cells, of, shape[0] * size).reshape(shape) for of in (sample.outcome, sample.exposure)
        )
        if against := _against(outcome, exposure, weight):
            unit = max(sample.unit, 1e-300)
            named = [str(distinct[n]) for n, _ in against]
            warnings.append(_warning(name, feature.values, outcome / unit, against, named, unit))
    return warnings


def contradicting_window(
    segments: Sequence[Segment], features: Sequence[str], before: PublishedTable | None
) -> list[RunWarning]:
    """Warn of features whose factors in the active run do not hold in this window at all.

    Args:
        segments: The master table, the default row first.
        features: Its features in order.
        before: The active run's table, None where there is none.
    """
    by_feature = defaultdict[str, list[tuple[str, float, float, float, float]]](list)
    for segment in segments[1:]:
        given = [(features[n], value) for n, value in enumerate(segment.pattern) if value is not None]
        row = before.rows.get(frozenset(given)) if before and len(given) == 1 else None
        if row is not None:
            numbers = (segment.events, segment.counts.exposure, row.outcome, row.exposure)
            by_feature[given[0][0]].append((given[0][1], *numbers))
    warnings = []
    for name, rows in by_feature.items():
        now, exposure, then, exposure_then = np.array([row[1:] for row in rows], dtype=np.float64).T
        if min(each.sum() for each in (now, exposure, then, exposure_then)) > 0:
            effect = _Effect.of(now, exposure, then, exposure_then, 1.0)
            if effect.is_gone:
                warnings.append(_warning_of_window(name, [row[0] for row in rows], now, effect))
    return warnings


def _against(outcome: Floats, exposure: Floats, weight: float) -> list[tuple[int, _Effect]]:
    """Return the days that contradict the others, which agree with each other; outcomes and exposures are V x D.

    Where the others vary so much that the factors of some say little on the rest, a day that differs is no news.
    """
    days = np.arange(outcome.shape[1])

    def effect(day: int, others: NDArray[np.intp]) -> _Effect:
        now, then = ((outcome[:, at].sum(axis=1), exposure[:, at].sum(axis=1)) for at in ([day], others))
        return _Effect.of(*now, *then, weight)

    counted = days[outcome.sum(axis=0) > 0]
    suspected = {int(day) for day in counted if effect(day, counted[counted != day]).is_gone}
    others = np.array([day for day in counted if day not in suspected], dtype=np.intp)
    if len(others) < max(2, len(suspected) + 1) or not all(effect(day, others[others != day]).holds for day in others):
        return []
    found = [(day, effect(day, others)) for day in sorted(suspected)]
    return [(day, each) for day, each in found if each.is_gone]


def _warning(
    name: str,
    values: Sequence[str],
    outcome: Floats,
    against: Sequence[tuple[int, _Effect]],
    days: Sequence[str],
    unit: float,
) -> RunWarning:
    worst = min(against, key=lambda each: each[1].left)
    expected = worst[1].expected / unit
    found = outcome[:, worst[0]]
    code = int(np.argmax(np.abs(found - expected)))
    day = days[[n for n, _ in against].index(worst[0])]
    more = f" and {len(days) - DAYS_SHOWN} more" if len(days) > DAYS_SHOWN else ""
    return RunWarning(
        "day_contradicts",
        f"the outcomes of {', '.join(days[:DAYS_SHOWN])}{more} contradict {name} as the other days have it: on {day} "
        f"{name}={values[code]} has {found[code]:.3g} outcomes, where {expected[code]:.3g} are expected; the table is "
        f"a mean of both: was {name}, or the outcome, put to the wrong rows, did its values change their meaning, or "
        "are they bots? have that day delivered again, or leave it out of the window",
    )


def _warning_of_window(name: str, values: Sequence[str], found: Floats, effect: _Effect) -> RunWarning:
    code = int(np.argmax(np.abs(found - effect.expected)))
    return RunWarning(
        "table_contradicts",
        f"the outcomes of this window contradict {name} as the active run has it: {name}={values[code]} has "
        f"{found[code]:.3g} outcomes, where {effect.expected[code]:.3g} are expected: was {name}, or the outcome, put "
        "to the wrong rows, did its values change their meaning, or are they bots? roll back if the logs are wrong",
    )
