"""Gathers the facts that activation is decided on, and the limits that they must keep."""

from collections.abc import Mapping, Sequence

from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.activation import ANSWERED, ERROR
from rtb_optimizer.core.decision.volume import MEASURES
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.selection.leaks import HELD_FROM
from rtb_optimizer.core.selection.running_totals import MAX_RISING
from rtb_optimizer.core.selection.unjoined import MAX_UNJOINED
from rtb_optimizer.core.selection.unlike_files import MAX_INVERTED
from rtb_optimizer.core.table.kpis import Kpi
from rtb_optimizer.engines.passes.events import MAX_ROWLESS
from rtb_optimizer.outputs.documents.exports import ExportsDocument
from rtb_optimizer.outputs.documents.macros import RoundTripDocument
from rtb_optimizer.outputs.documents.realized import RealizedDocument
from rtb_optimizer.outputs.documents.report import GatesDocument
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument


def gates(
    settings: Settings,
    selection: SelectionDocument,
    tables: TablesDocument,
    round_trip: Mapping[str, RoundTripDocument],
    key_figures: Sequence[Kpi],
    others: Mapping[str, float],
) -> GatesDocument:
    """Return the gates of a run; a fact that is not known has no limit either.

    Args:
        settings: The configuration of the run.
        selection: What select_features handed over.
        tables: What build_segments handed over.
        round_trip: The proof of each macro format.
        key_figures: The key figures, beside the active run's.
        others: Further facts: `live_lift` of the policy, `export_facts` of the exports.
    """
    logs = selection.logs
    hit_rates = [trip.addressable_hit_rate for trip in round_trip.values() if trip.addressable_hit_rate is not None]
    facts = {
        "outcomes": logs.totals.outcome / logs.design_effect,
        "segments": (tables.segments.total or 0) - 1,
        "partition_share": len(logs.partitions) / logs.partitions_expected,
        "holdout_gain": selection.evidence.gain or 0.0,
        **_pooled_facts(selection),
        **({"suspected_share": selection.suspected_leaks[0].share} if selection.suspected_leaks else {}),
        **({"macro_hit_rate": min(hit_rates)} if hit_rates else {}),
        **others,
        **_price_factors(key_figures),
        **selection.volume,
        **tables.predicted_changes,
    }
    return GatesDocument(
        facts=facts, limits={name: limit for name, limit in _limits(settings).items() if name in facts}
    )


def _pooled_facts(selection: SelectionDocument) -> dict[str, float]:
    """Return what the gain of what other entities know is at least, and that on the hold-out at most."""
    evidence = selection.evidence
    if evidence.pooled_gain is None:
        return {}
    most = evidence.gain if evidence.gain_at_most is None else evidence.gain_at_most
    return {"pooled_gain": evidence.pooled_gain, "holdout_gain_at_most": most or 0.0}


def export_facts(exports: ExportsDocument) -> dict[str, float]:
    """Return what share each export answers, and how far its bids are from the table's on the mean."""
    answered = {f"{each.platform}{ANSWERED}": each.answered_share for each in exports.platforms}
    errors = {f"{each.platform}{ERROR}": each.mean_error for each in exports.platforms}
    return {name: fact for name, fact in (answered | errors).items() if fact is not None}


def _price_factors(key_figures: Sequence[Kpi]) -> dict[str, float]:
    """Return by what factor cost and value per thousand differ from the active run's."""
    return {
        f"{of}_factor": kpi.value / kpi.previous
        for kpi in key_figures
        for of in ("cost", "value")
        if kpi.name == f"{of} per thousand" and kpi.value and kpi.previous
    }


def _limits(settings: Settings) -> dict[str, float]:
    """Return the limit of each gate."""
    return {
        "outcomes": settings.min_positives,
        "segments": 1,
        "partition_share": settings.min_partition_share,
        "holdout_gain": settings.min_holdout_gain,
        "suspected_share": HELD_FROM,
        "macro_hit_rate": settings.min_macro_hit_rate,
        "live_lift": settings.min_live_lift,
        **dict.fromkeys(("cost_factor", "value_factor", "day_price_factor"), settings.max_price_factor),
        **{f"{measure}_factor": settings.max_volume_factor for measure in (*MEASURES, "day_volume")},
        "silent_share": settings.max_silent_share,
        "unjoined_share": MAX_UNJOINED,
        "inverted_share": MAX_INVERTED,
        "rising_share": MAX_RISING,
        "redelivered_share": settings.max_duplicate_share,
        **dict.fromkeys((role.rowless for role in ROLES), MAX_ROWLESS),
        **{f"{platform}{ANSWERED}": settings.min_export_answered for platform in Platform},
        **{f"{platform}{ERROR}": settings.max_export_error for platform in Platform},
        **dict.fromkeys(("spend_change", "outcomes_change"), settings.max_predicted_change),
    }


def live_lift(settings: Settings, realized: RealizedDocument | None, *, is_same_policy: bool) -> dict[str, float]:
    """Return the most that the lift of a run's policy can be, where it is asked for and known.

    Args:
        settings: The configuration of the run.
        realized: The results of the active policy.
        is_same_policy: Whether the run belongs to it.
    """
    if realized is None or not is_same_policy or settings.min_live_lift <= -1 or realized.lift.high is None:
        return {}
    return {"live_lift": realized.lift.high}
