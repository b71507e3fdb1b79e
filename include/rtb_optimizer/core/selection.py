"""Which features, in which order, and why not the others?

Anchors first, in their configured order, scored but never dropped. Then greedily the candidate with the largest
cross-fitted gain over what is chosen, until none is worth it. Every candidate that is left out has a reason code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rtb_optimizer.core.interactions import SHRINKING, Interaction
from rtb_optimizer.core.model import FactorModel, baseline_deviance, fit
from rtb_optimizer.core.sample import Feature, Sample
from rtb_optimizer.core.scoring import Gain, cross_fitted_gain
from rtb_optimizer.core.values import MISSING

CONSTANT_SHARE = 0.999
NEAR_UNIQUE_SHARE = 0.5


class Reason(StrEnum):
    """Why a candidate was not selected."""

    ABSENT = "absent"
    CONSTANT = "constant"
    DENYLISTED = "denylisted"
    LEAK_SUSPECTED = "leak_suspected"
    MAX_FEATURES = "max_features"
    MOSTLY_MISSING = "mostly_missing"
    NEAR_UNIQUE = "near_unique"
    NO_GAIN = "no_gain"
    NOT_SIGNIFICANT = "not_significant"
    REDUNDANT = "redundant"
    TOO_FEW_POSITIVES = "too_few_positives"


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """When selection stops; scores are shares of the baseline deviance, `min_z` standard errors of the gain."""

    max_features: int
    min_signal_score: float
    min_z: float
    min_positives: int
    max_missing_share: float
    leak_score: float
    allowed_leaks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selected feature: its order from 1, its incremental score, its score alone, the prior of its factors."""

    name: str
    order: int
    is_anchor: bool
    signal_score: float
    marginal_score: float
    z: float
    prior: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate left out, with what it scored last (None: it was never scored)."""

    name: str
    reason: Reason
    signal_score: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of selection."""

    chosen: tuple[Chosen, ...]
    rejected: tuple[Rejected, ...]
    interactions: tuple[Interaction, ...] = ()

    @property
    def priors(self) -> dict[str, float]:
        """The prior of each chosen feature and interaction, in order: what the model is fitted with."""
        alone = {feature.name: feature.prior for feature in self.chosen}
        return alone | {interaction.name: interaction.prior for interaction in self.interactions}


def select(sample: Sample, candidates: Sequence[str], anchors: Sequence[str], rules: SelectionRules) -> Selection:
    """Select from `candidates` (names of sample.features); an anchor need not stand among them."""
    base = baseline_deviance(sample)
    marginal = {name: _score(sample, name, None) for name in dict.fromkeys((*anchors, *candidates))}
    chosen = [_chosen(name, n + 1, marginal[name], marginal, base, True) for n, name in enumerate(anchors[:1])]
    for name in anchors[1:]:
        gain = _score(sample, name, fit(sample, {c.name: c.prior for c in chosen}))
        chosen.append(_chosen(name, len(chosen) + 1, gain, marginal, base, True))
    if sample.outcome.sum() < rules.min_positives:
        left = [name for name in candidates if name not in anchors]
        return Selection(tuple(chosen), tuple(Rejected(n, Reason.TOO_FEW_POSITIVES) for n in left))
    return _greedy(sample, candidates, chosen, marginal, rules)


def screen(feature: Feature, exposure_rows: int, rules: SelectionRules) -> Reason | None:
    """Return why a candidate cannot be a segment at all, from its values alone."""
    rows = np.bincount(feature.codes, minlength=len(feature.values))
    if (rows > 0).sum() > NEAR_UNIQUE_SHARE * exposure_rows:
        return Reason.NEAR_UNIQUE
    missing = sum(rows[n] for n, value in enumerate(feature.values) if value == MISSING)
    if rows.max(initial=0) >= CONSTANT_SHARE * exposure_rows and missing < rows.max(initial=0):
        return Reason.CONSTANT
    if missing > rules.max_missing_share * exposure_rows:
        return Reason.MOSTLY_MISSING
    return None


def _greedy(
    sample: Sample,
    candidates: Sequence[str],
    chosen: list[Chosen],
    marginal: Mapping[str, Gain],
    rules: SelectionRules,
) -> Selection:
    base = baseline_deviance(sample)
    left = [name for name in candidates if name not in {c.name for c in chosen}]
    suspected = [n for n in left if marginal[n].nats / base > rules.leak_score]
    rejected = [n for n in suspected if n not in rules.allowed_leaks]
    reasons = [Rejected(n, Reason.LEAK_SUSPECTED, marginal[n].nats / base) for n in rejected]
    left = [name for name in left if name not in rejected]
    gains = {name: marginal[name] for name in left}
    while gains:
        best = _best(sample, gains, chosen, rules)
        if best is None:
            reasons += [_left_out(n, gains[n], marginal[n], base, rules) for n in gains]
            break
        chosen.append(_chosen(best, len(chosen) + 1, gains.pop(best), marginal, base, False))
    return Selection(tuple(chosen), tuple(sorted(reasons, key=lambda r: r.name)))


def _best(sample: Sample, gains: dict[str, Gain], chosen: Sequence[Chosen], rules: SelectionRules) -> str | None:
    """Return the candidate worth most over what is chosen; `gains` are brought up to date as far as was needed.

    Lazily: in the order of the last gains, while one could still win. Gains shrink as features enter the model.
    """
    base = baseline_deviance(sample)
    model = fit(sample, {c.name: c.prior for c in chosen}) if chosen else None
    best: str | None = None
    for name in sorted(gains, key=lambda n: (-gains[n].nats, len(sample.features[n].values), n)):
        if best is not None and gains[name].nats * SHRINKING < gains[best].nats:
            break
        gains[name] = _score(sample, name, model) if model else gains[name]
        worth = _stop_reason(gains[name], base, len(chosen), rules) is None
        if worth and (best is None or gains[name].nats > gains[best].nats):
            best = name
    return best


def _score(sample: Sample, name: str, model: FactorModel | None) -> Gain:
    rates = model.rates(sample) if model else sample.outcome.sum() / sample.exposure.sum()
    return cross_fitted_gain(sample.features[name], sample.outcome, sample.exposure * rates, sample.fold)


def _stop_reason(gain: Gain, base: float, count: int, rules: SelectionRules) -> Reason | None:
    if count >= rules.max_features:
        return Reason.MAX_FEATURES
    if gain.nats < rules.min_signal_score * base:
        return Reason.NO_GAIN
    return Reason.NOT_SIGNIFICANT if gain.z < rules.min_z else None


def _left_out(name: str, gain: Gain, alone: Gain, base: float, rules: SelectionRules) -> Rejected:
    """Say why a candidate was still there at the end: it may have had signal that others carry already.

    One that is worth it even now was left out for want of room.
    """
    own = _stop_reason(gain, base, 0, rules)
    had_signal = _stop_reason(alone, base, 0, rules) is None
    reason = Reason.MAX_FEATURES if own is None else Reason.REDUNDANT if had_signal else own
    return Rejected(name, reason, gain.nats / base)


def _chosen(
    name: str,
    order: int,
    gain: Gain,
    marginal: Mapping[str, Gain],
    base: float,
    is_anchor: bool,  # noqa: FBT001
) -> Chosen:
    scale = base or 1.0
    return Chosen(name, order, is_anchor, gain.nats / scale, marginal[name].nats / scale, gain.z, gain.prior)
