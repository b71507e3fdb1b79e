"""The key metrics of a run, for lists and plots: the catalog stores them, since a list cannot read 1,000 reports."""

from rtb_optimizer.outputs.documents.report import Report


def key_metrics(report: Report) -> dict[str, float | None]:
    """Return the key metrics of a run's report, None where there is none.

    `predicted_change` and `change_from_active` are relative changes of the outcomes that the hold-out's spend would
    buy: with the run's multipliers compared with flat bids, and with those of the run that was active when it began.
    `spend` is in the currency of the logs, `level` the multiplier of the default row.
    `worst_psi` and `new_values` are of the feature that has shifted most, and of that with most new values.
    """
    totals, gates, segments = report.totals, report.gates.facts, report.segments
    bought = {policy.name: policy.outcomes_per_spend for policy in report.replay.policies}
    return {
        "rows": totals.rows if totals else None,
        "exposures": totals.exposure if totals else None,
        "outcomes": totals.outcome if totals else None,
        "spend": totals.cost if totals else None,
        "outcome_rate": _ratio(totals.outcome, totals.exposure) if totals else None,
        "partition_share": gates.get("partition_share"),
        "holdout_gain": gates.get("holdout_gain"),
        "predicted_change": _change(bought.get("this run"), bought.get("all ones")),
        "change_from_active": _change(bought.get("this run"), bought.get("active run")),
        "worst_psi": max((each.psi or 0.0 for each in report.drift), default=None),
        "new_values": max((each.new_share or 0.0 for each in report.drift), default=None),
        "level": segments.level if segments else None,
        "features": len(report.features),
        "segments": segments.total if segments else None,
        "warnings": len(report.warnings or ()),
    }


def _change(after: float | None, before: float | None) -> float | None:
    ratio = _ratio(after, before)
    return None if ratio is None else ratio - 1


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
