"""Which candidates are looked at, what is chosen, and what is that worth on rows that selection never saw?"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from rtb_optimizer.core.crossing import with_interactions
from rtb_optimizer.core.interactions import detect
from rtb_optimizer.core.leaks import knows_the_outcome
from rtb_optimizer.core.model import fit, log_likelihood_gain
from rtb_optimizer.core.sample import Sample
from rtb_optimizer.core.selection import Reason, Rejected, Selection, screen, select
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.engines.counting import Drawn, Profile, draw_sample
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.statements import LogTable


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection with its evidence. `holdout_gain` is a share of the baseline deviance."""

    selection: Selection
    holdout_gain: float
    holdout_outcomes: float
    sampled_rows: int
    sampled_share: float
    folds_by_day: bool


def choose_features(engine: Engine, table: LogTable, found: Profile) -> Choice:
    """Draw the sample, reject what cannot be a segment, select on all but the hold-out, judge on the hold-out."""
    s = table.settings
    early, names = admissible(s, table.types.keys())
    drawn = draw_sample(engine, table, names, found.totals.rows, found.positive_rows)
    screened = {name: _unfit(name, drawn.sample, s) for name in names if name not in s.anchor_features}
    kept = [name for name, why in screened.items() if why is None]
    enough = found.totals.outcome >= s.min_positives  # of the whole window, as the gate counts them
    rules = replace(s.selection_rules, min_positives=0) if enough else s.selection_rules
    training = drawn.sample.where(~drawn.split.holdout)
    selection = select(training, kept, s.anchor_features, rules)
    interactions = detect(training, selection.priors, s.interaction_rules) if enough else ()
    early += [Rejected(name, why) for name, why in screened.items() if why is not None]
    rejected = tuple(sorted((*selection.rejected, *early), key=lambda r: r.name))
    selection = Selection(selection.chosen, rejected, interactions)
    return Choice(
        selection=selection,
        holdout_gain=_holdout_gain(drawn, selection),
        holdout_outcomes=float(drawn.sample.outcome[drawn.split.holdout].sum()),
        sampled_rows=len(drawn.sample.exposure),
        sampled_share=drawn.share,
        folds_by_day=drawn.split.by_day,
    )


def admissible(settings: Settings, columns: Collection[str]) -> tuple[list[Rejected], list[str]]:
    """Part the configured names: candidates that are denied or not in the logs, and what is left, anchors first."""
    denied = [n for n in settings.candidate_features if n in settings.denied_features]
    absent = [n for n in settings.candidate_features if n not in columns and n not in denied]
    rejected = [Rejected(n, Reason.DENYLISTED) for n in denied] + [Rejected(n, Reason.ABSENT) for n in absent]
    left = [n for n in settings.candidate_features if n not in denied and n not in absent]
    return rejected, list(dict.fromkeys((*settings.anchor_features, *left)))


def _unfit(name: str, sample: Sample, settings: Settings) -> Reason | None:
    feature = sample.features[name]
    reason = screen(feature, len(sample.exposure), settings.selection_rules)
    if reason is None and name not in settings.allowed_leaks and knows_the_outcome(feature, sample):
        return Reason.LEAK_SUSPECTED
    return reason


def _holdout_gain(drawn: Drawn, selection: Selection) -> float:
    sample = with_interactions(drawn.sample, [interaction.features for interaction in selection.interactions])
    holdout = sample.where(drawn.split.holdout)
    if not selection.chosen or holdout.outcome.sum() <= 0:
        return 0.0
    model = fit(sample.where(~drawn.split.holdout), selection.priors)
    return log_likelihood_gain(holdout, model.rates(holdout))
