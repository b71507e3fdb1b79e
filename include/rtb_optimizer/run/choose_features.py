"""Screens the candidates, draws the sample, and selects features and interactions on all rows but the hold-out."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.model.link import Link, link_of
from rtb_optimizer.core.selection.denied_names import denied_names
from rtb_optimizer.core.selection.identifiers import identifier_warnings, identifying, require_no_addresses
from rtb_optimizer.core.selection.interactions import detect
from rtb_optimizer.core.selection.leaks import changes_between_exposure_and_event, leaks_outcome
from rtb_optimizer.core.selection.rejection import Reason, Rejected, screen
from rtb_optimizer.core.selection.select import Selection, select
from rtb_optimizer.core.selection.value_checks import value_warnings
from rtb_optimizer.core.table.warnings import simpsons_paradox
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.engines.passes.sampling import Drawn, draw_sample
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.run.losses import absent_columns


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection, the link it was made under, the sample it was made on, and warnings about the values in it."""

    selection: Selection
    link: Link
    drawn: Drawn
    warnings: tuple[RunWarning, ...]


def choose_features(engine: Engine, table: LogTable, profile: Profile, without_macro: Collection[str] = ()) -> Choice:
    """Draw the sample, reject what cannot be a segment, select on all but the hold-out.

    Args:
        engine: Where counting runs.
        table: The logs.
        profile: The window as a whole.
        without_macro: Candidates that a required format could not address.

    Raises:
        LogsInvalid: when the hold-out leaves no row to learn from.
    """
    s = table.settings
    early, names = admissible(s, table.types.keys(), without_macro)
    denied = [r.name for r in early if r.reason is Reason.DENYLISTED and r.name in table.types]
    drawn = draw_sample(engine, table, [*names, *denied], profile)
    warnings = value_warnings(
        drawn.sample.with_features(names), s.anchor_features, s.max_missing_share, s.max_unreadable_share
    )
    found = identifying(drawn.sample, names, s.allowed_identifiers)
    require_no_addresses(found, s.anchor_features)
    warnings += (*identifier_warnings(found, s.anchor_features), *absent_columns(s, early, table.types.keys()))
    screened = {name: _unfit(name, drawn, s) for name in (*names, *denied) if name not in s.anchor_features}
    screened |= dict.fromkeys(found.keys() - {*s.anchor_features}, Reason.IDENTIFIER)
    admitted = [name for name in names if screened.get(name, Reason.ABSENT) is None]
    scored = [name for name in denied if screened[name] is None]  # the others are refused by their values, too
    early = [r for r in early if r.name not in scored]
    early += [Rejected(name, why) for name, why in screened.items() if why is not None and name not in denied]
    drawn = replace(drawn, sample=drawn.sample.with_features([*s.anchor_features, *admitted, *scored]))
    sample = drawn.sample
    link = link_of(s.link, sample.outcome.sum(), sample.exposure.sum(), is_money=s.objective == "value")
    enough = (
        profile.totals.outcome / profile.design_effect >= s.min_positives
    )  # of the whole window, as the gate counts them
    rules = replace(s.selection_rules, min_positives=0) if enough else s.selection_rules
    training = sample.where(~drawn.holdout)
    if not training.exposure.sum() > 0:
        raise LogsInvalid(
            f"{profile.totals.rows} rows are too few: all that were drawn are held out, and none is left to learn from"
        )
    selection = select(training, admitted, s.anchor_features, rules, link, scored)
    interactions = detect(training, selection.priors, s.interaction_rules, link) if enough else ()
    rejected = tuple(sorted((*selection.rejected, *early), key=lambda r: r.name))
    return Choice(Selection(selection.chosen, rejected, interactions), link, drawn, warnings)


def admissible(
    settings: Settings, columns: Collection[str], without_macro: Collection[str] = ()
) -> tuple[list[Rejected], list[str]]:
    """Part the configured names: candidates that are denied, absent or cannot be addressed, and what is left.

    Anchors come first and are never left out: they are a contract.
    """
    reasons: dict[str, Reason] = {}
    denied = denied_names(settings.candidate_features, settings.denied_features, settings.allowed_identifiers)
    for name in settings.candidate_features:
        if name in denied:
            reasons[name] = Reason.DENYLISTED
        elif name not in columns:
            reasons[name] = Reason.ABSENT
        elif name in without_macro and name not in settings.anchor_features:
            reasons[name] = Reason.NO_MACRO
    left = [name for name in settings.candidate_features if name not in reasons]
    rejected = [Rejected(name, reason) for name, reason in reasons.items()]
    return rejected, list(dict.fromkeys((*settings.anchor_features, *left)))


def _unfit(name: str, drawn: Drawn, settings: Settings) -> Reason | None:
    sample = drawn.sample
    feature = sample.features[name]
    reason = screen(feature, len(sample.exposure), settings.max_missing_share)
    if reason not in (None, Reason.NEAR_UNIQUE) or name in settings.allowed_leaks:
        return reason  # a near-unique column may be a leak, too: the more serious reason
    leaks = leaks_outcome(feature, sample)
    if settings.row_id_columns and not leaks:
        leaks = changes_between_exposure_and_event(feature, sample.outcome, drawn.row_hash)
    return Reason.LEAK_SUSPECTED if leaks else reason


def selection_warnings(choice: Choice, settings: Settings) -> list[RunWarning]:
    """Return the warnings of a selection: Simpson's paradox, and much money that was cut."""
    sample = choice.drawn.sample
    return [*simpsons_paradox(sample, [f.name for f in choice.selection.chosen]), *_value_cut(choice, settings)]


def _value_cut(choice: Choice, settings: Settings) -> list[RunWarning]:
    share, column, quantile = choice.drawn.value_cut, settings.value_column, settings.value_cap_quantile
    if share <= settings.max_value_cut:
        return []
    return [
        RunWarning(
            "value_cut",
            f"{share:.1%} of the money in {column} was cut: it is above the {quantile:g} quantile of the rows with "
            "value; check its largest payments, or raise value_cap_quantile",
        )
    ]
