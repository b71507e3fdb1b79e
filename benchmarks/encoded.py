"""The peers' input: rows as integer codes by column, and the features made of codes.

A row has `outcomes` in `exposure` trials, or money. A code of -1 is a value that the training rows do not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from deviance import MONEY
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = dict[str, NDArray[np.int32]]
UNSEEN = -1


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows; `days` number their days in order of time. Sampled rows have their weight as exposure."""

    codes: Codes
    outcomes: Floats
    exposure: Floats
    days: Ints

    @property
    def rate(self) -> float:
        """The outcomes per exposure."""
        return float(self.outcomes.sum() / self.exposure.sum())

    def of(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return some of the rows."""
        codes = {name: column[chosen] for name, column in self.codes.items()}
        return Rows(codes, self.outcomes[chosen], self.exposure[chosen], self.days[chosen])

    def within(self, fitted: "Rows") -> "Rows":
        """Return the rows with -1 for codes beyond those of the fitted rows: a last day may have values of its own."""
        codes = {
            name: np.where(column <= fitted.codes[name].max(), column, UNSEEN).astype(np.int32)
            for name, column in self.codes.items()
        }
        return Rows(codes, self.outcomes, self.exposure, self.days)

    def matrix(self) -> NDArray[np.float32]:
        """Return the codes, a column each; floats, as LightGBM takes no mixed kinds."""
        return np.stack([column.astype(np.float32) for column in self.codes.values()], axis=1)


def parted(training: Rows) -> tuple[Rows, Rows]:
    """Split the training rows into those to search on and the last day, which validates the search."""
    last = training.days == training.days.max()
    return training.of(~last), training.of(last)


def encoded(training: dict[str, Sequence[object]], holdout: dict[str, Sequence[object]]) -> tuple[Codes, Codes]:
    """Return both sides as codes of the training values."""
    ours: Codes = {}
    theirs: Codes = {}
    for name, column in training.items():
        values, codes = np.unique(np.asarray(column), return_inverse=True)
        at = np.searchsorted(values, held_out := np.asarray(holdout[name])).clip(0, len(values) - 1)
        ours[name] = codes.astype(np.int32)
        theirs[name] = np.where(values[at] == held_out, at, UNSEEN).astype(np.int32)
    return ours, theirs


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a fit takes: which row of the features, its label and its weight."""

    row: Ints
    label: Floats
    weight: Floats


def labelled(rows: Rows, kind: str, unit: float) -> Labelled:
    """Return counts as two weighted rows, hit and missed; money as a rate in a unit, the rate of the fitted rows.

    The weights of money are relative to their mean, as money has no natural unit of information.
    """
    every = np.arange(len(rows.outcomes))
    if kind == MONEY:
        return Labelled(every, rows.outcomes / rows.exposure / unit, rows.exposure / rows.exposure.mean())
    weight = np.concatenate([rows.outcomes, rows.exposure - rows.outcomes])
    label = np.repeat([1.0, 0.0], len(every))
    nonzero = weight > 0
    return Labelled(np.concatenate([every, every])[nonzero], label[nonzero], weight[nonzero])


def target_encodings(fitted: Rows, to_predict: Rows | None, strength: float, kind: str) -> NDArray[np.float32]:
    """Return two features for each column: log of the shrunk rate over the mean, and of the evidence for it in a day.

    `strength` is the prior's weight in outcomes; money counts in units of what an earning row earns. Without rows
    to predict, the fitted rows are encoded out of fold: each day from the other days.
    """
    earning = fitted.outcomes[fitted.outcomes > 0]
    unit = float(earning.mean()) if kind == MONEY else 1.0
    seen = len(np.unique(fitted.days)) - (to_predict is None)
    features = []
    for name in fitted.codes:
        observed, expected = _sums(fitted, name, unit)
        if to_predict is None:
            observed, expected = (total.sum(axis=0) - total for total in (observed, expected))
            at: tuple[Ints, ...] = (np.unique(fitted.days, return_inverse=True)[1], fitted.codes[name])
        else:
            # The code of an unseen value, -1, finds the last place: no evidence.
            observed, expected = (np.append(total.sum(axis=0), 0.0) for total in (observed, expected))
            at = (to_predict.codes[name],)
        features += [np.log((observed + strength) / (expected + strength))[at], np.log1p(expected / seen)[at]]
    return np.stack(features, axis=1).astype(np.float32)


def _sums(rows: Rows, name: str, unit: float) -> tuple[Floats, Floats]:
    """Return the observed outcomes, and those expected at the mean rate, by day and code."""
    codes, (days, day) = rows.codes[name], np.unique(rows.days, return_inverse=True)
    shape = len(days), int(codes.max()) + 1
    cell = day * shape[1] + codes
    observed, exposure = (np.bincount(cell, of, shape[0] * shape[1]) for of in (rows.outcomes, rows.exposure))
    return observed.reshape(shape) / unit, exposure.reshape(shape) * rows.rate / unit
