"""Which features say more together than apart?

Pairs of the chosen features are scored like any candidate, over everything in the model; an accepted pair opens its
triples. The model is fitted anew after each one: what a first interaction explains, a second must not claim again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from rtb_optimizer.core.crossing import cell_codes, crossed
from rtb_optimizer.core.model import baseline_deviance, fit
from rtb_optimizer.core.sample import Feature, Floats, Sample
from rtb_optimizer.core.scoring import Gain, cross_fitted_gain
from rtb_optimizer.core.values import segment_key

SHRINKING = 1.05
"""How much a gain may grow when others enter the model; more than that, and a lazy search would miss it."""

Term = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InteractionRules:
    """When the search stops: scores are shares of the baseline deviance, `min_z` standard errors of the gain."""

    at_most: int
    min_signal_score: float
    min_z: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """Features that interact, in the order of selection, with what their cells add."""

    features: Term
    signal_score: float
    z: float
    prior: float

    @property
    def name(self) -> str:
        """The name of the interaction among a sample's features."""
        return segment_key(self.features)


def detect(sample: Sample, priors: Mapping[str, float], rules: InteractionRules) -> tuple[Interaction, ...]:
    """Return the interactions of the features in `priors` (their shrinkage, in order), the strongest first."""
    base, order = baseline_deviance(sample), list(priors)
    known, found = dict(priors), list[Interaction]()
    last: dict[Term, float] = dict.fromkeys(combinations(order, 2), float("inf"))
    while last and len(found) < rules.at_most:
        expected = sample.exposure * fit(sample, known).rates(sample)
        best = _best(sample, last, expected, base, rules)
        if best is None:
            break
        term, gain = best
        found.append(Interaction(term, gain.nats / base, gain.z, gain.prior))
        sample = crossed(sample, term)
        known[found[-1].name] = gain.prior
        del last[term]
        taken = {interaction.features for interaction in found}
        last |= {wider: float("inf") for wider in _wider(term, order) if wider not in taken and wider not in last}
    return tuple(found)


def _best(
    sample: Sample, last: dict[Term, float], expected: Floats, base: float, rules: InteractionRules
) -> tuple[Term, Gain] | None:
    """Return the term worth most, scoring lazily: in the order of the last scores, while one could still win."""
    best: tuple[Term, Gain] | None = None
    for term in sorted(last, key=lambda t: (-last[t], t)):
        if best is not None and last[term] * SHRINKING < best[1].nats:
            break
        gain = _score(sample, term, expected)
        last[term] = gain.nats
        worth = gain.nats >= rules.min_signal_score * base and gain.z >= rules.min_z
        if worth and (best is None or gain.nats > best[1].nats):
            best = term, gain
    return best


def _score(sample: Sample, term: Term, expected: Floats) -> Gain:
    codes, first = cell_codes(sample, term)
    return cross_fitted_gain(Feature(codes, ("",) * len(first)), sample.outcome, expected, sample.fold)


def _wider(term: Term, order: list[str]) -> list[Term]:
    """Return the triples that hold an accepted pair; wider ones are never tried."""
    if len(term) > 2:  # noqa: PLR2004 - a pair
        return []
    return [tuple(sorted((*term, name), key=order.index)) for name in order if name not in term]
