"""Which few figures of a run do lists show and plots follow?

The catalog keeps them, since a list cannot read 1,000 reports.
"""

from collections.abc import Mapping
from typing import Any

from rtb_optimizer.outputs.report_page.formatting import is_number


def figures_of(report: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the figures of a run's report, None where there is none.

    `predicted_change` and `change_from_active` are relative changes of the outcomes that the hold-out's spend would
    buy: with the run's multipliers against flat bids, and against those of the run that was active when it began.
    """
    totals, gates = report["totals"], report["gates"]["facts"]
    bought = {policy["name"]: policy["outcomes_per_spend"] for policy in report["replay"]["policies"]}
    told: dict[str, float | None] = {
        "rows": totals["rows"],
        "exposures": totals["exposure"],
        "outcomes": totals["outcome"],
        "outcome_rate": _ratio(totals["outcome"], totals["exposure"]),
        "partition_share": gates["partition_share"],
        "holdout_gain": gates["holdout_gain"],
        "predicted_change": _change(bought.get("this run"), bought.get("all ones")),
        "change_from_active": _change(bought.get("this run"), bought.get("active run")),
        "features": len(report["features"]),
        "segments": report["segments"]["total"],
        "warnings": len(report["warnings"]),
    }
    return {name: value if is_number(value) else None for name, value in told.items()}


def _change(after: float | None, before: float | None) -> float | None:
    ratio = _ratio(after, before)
    return None if ratio is None else ratio - 1


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
