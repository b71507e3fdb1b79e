"""Says how the values of features have shifted since the active run's window, and leaves them for the next run."""

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.drift import Distribution, distribution, drift
from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.outputs.documents.selection import DistributionDocument, DriftDocument, SelectionDocument
from rtb_optimizer.run.active_before import Before
from rtb_optimizer.run.choose_features import Choice

NOT_NAMED = (Reason.DENYLISTED, Reason.IDENTIFIER, Reason.LEAK_SUSPECTED, Reason.NEAR_UNIQUE)
"""Why a column's values are not written down: they may be people's, or are not the logs' to begin with."""


def with_drift(selection: SelectionDocument, choice: Choice, before: Before, settings: Settings) -> SelectionDocument:
    """Return what selection hands over, with the values of its features, and how they have shifted.

    Both are of the features and of the candidates that could have been, by the sample.
    """
    refused = {each.name for each in choice.selection.rejected if each.reason in NOT_NAMED}
    sample, then = choice.drawn.sample, {each.feature: each for each in before.distributions}
    features = {name: feature for name, feature in sorted(sample.features.items()) if name not in refused}
    now = [
        DistributionDocument(feature=name, shares=found.shares, rest=found.rest)
        for name, feature in features.items()
        for found in [distribution(feature, sample.exposure, settings.min_segment_exposures)]
    ]
    shifted = [
        DriftDocument(feature=name, psi=found.psi, new_share=found.new_share)
        for name, feature in features.items()
        if name in then
        for found in [drift(feature, sample.exposure, Distribution(then[name].shares, then[name].rest))]
    ]
    return selection.model_copy(update={"distributions": tuple(now), "drift": tuple(shifted)})
