"""Says how the values of features have shifted since the active run's window, and leaves them for the next run."""

from datetime import timedelta

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.drift import Distribution, distribution, drift, is_replaced
from rtb_optimizer.core.selection.rejection import Reason
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.selection import DistributionDocument, DriftDocument, SelectionDocument
from rtb_optimizer.run.active_before import Before
from rtb_optimizer.run.choose_features import Choice

NOT_NAMED = (Reason.DENYLISTED, Reason.IDENTIFIER, Reason.LEAK_SUSPECTED, Reason.NEAR_UNIQUE)
"""Why a column's values are not written down: they may be people's, or are not the logs' to begin with."""


def with_drift(
    selection: SelectionDocument, choice: Choice, before: Before, settings: Settings, window: Window
) -> SelectionDocument:
    """Return what selection hands over, with the values of its features, how they have shifted, and warnings of that.

    Both are of the features and of the candidates that could have been, by the sample.
    """
    refused = {each.name for each in choice.selection.rejected if each.reason in NOT_NAMED}
    sample, then = choice.drawn.sample, {each.feature: each for each in before.distributions}
    features = {name: feature for name, feature in sorted(sample.features.items()) if name not in refused}
    now = {
        name: distribution(feature, sample.exposure, settings.min_segment_exposures)
        for name, feature in features.items()
    }
    shifted = {
        name: drift(feature, sample.exposure, Distribution(then[name].shares, then[name].rest))
        for name, feature in features.items()
        if name in then
    }
    days = max(1, round((window.end - window.start) / timedelta(days=1)))
    used = {*(each.name for each in choice.selection.chosen), *before.features}
    replaced = [
        _replaced(name, now[name], then[name], found.gone[0])
        for name, found in shifted.items()
        if name in used and is_replaced(found, days, before.usual_new_share(name))
    ]
    return selection.model_copy(
        update={
            "distributions": tuple(
                DistributionDocument(feature=name, shares=each.shares, rest=each.rest) for name, each in now.items()
            ),
            "drift": tuple(
                DriftDocument(feature=name, psi=each.psi, new_share=each.new_share) for name, each in shifted.items()
            ),
            "warnings": WarningDocument.of([*(each.warning for each in selection.warnings), *replaced]),
        }
    )


def _replaced(name: str, now: Distribution, then: DistributionDocument, gone: str) -> RunWarning:
    new = {value: share for value, share in now.shares.items() if value not in then.shares}
    heaviest = max(new, key=lambda value: new[value], default=None)
    such = f": {name}={heaviest} has {new[heaviest]:.0%} of the exposures, and had none" if heaviest else ""
    return RunWarning(
        "values_replaced",
        f"{name} has other values than in the active run's window{such}; {name}={gone} has none now, and had "
        f"{then.shares[gone]:.0%}; where requests are still spelt as before, no row of the table is found: look "
        "into what fills the column, and leave it out by denied_features until it is right",
    )
