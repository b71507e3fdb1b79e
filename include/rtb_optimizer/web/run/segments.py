"""A page of the rows of a run's segment table, and one of them in full with why it is bid so."""

from typing import Any

from rtb_optimizer.errors import NotFound, RtbOptimizerError
from rtb_optimizer.outputs.explain import explain_by
from rtb_optimizer.web.rendering import PageContent
from rtb_optimizer.web.run.outputs import unreadable
from rtb_optimizer.web.run.segment_table import PAGE_SIZE, SORTS, SegmentList, Wanted
from rtb_optimizer.web.run.view import RunView, unit_of

TIERS = ("high", "medium", "low")


def wanted(search: str, feature: str, tier: str, sort: str, page: int) -> Wanted:
    """Return what is asked of the table: unknown sorts and tiers are the defaults, not errors."""
    return Wanted(
        search.strip(), feature, tier if tier in TIERS else "", sort if sort in SORTS else next(iter(SORTS)), page
    )


def segments(view: RunView, asked: Wanted, segment: str) -> PageContent:
    """Return a page of the rows; with a key, that row in full as well."""
    try:
        table = SegmentList(view.outputs, view.other_outputs)
    except NotFound as problem:
        return {"gone": str(problem)}
    rows, total = table.page(asked)
    chosen = table.row(segment) if segment else None
    sorts = {name: title for name, title in SORTS.items() if name != "moved" or table.has_before}
    told, untold = _explained(view, chosen["given"]) if chosen else (None, "")
    return {
        "gone": "",
        "asked": asked,
        "rows": rows,
        "total": total,
        "pages": max(-(-total // PAGE_SIZE), 1),
        "features": table.features,
        "tiers": TIERS,
        "sorts": sorts,
        "has_before": table.has_before,
        "chosen": chosen,
        "told": told,
        "untold": untold,
        "kind": unit_of(view.run),
    }


def _explained(view: RunView, given: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Return why a request that gives nothing else is bid what it is, or why that cannot be told."""
    try:
        return explain_by(view.session, view.run, given), ""
    except (RtbOptimizerError, KeyError) as problem:
        return None, unreadable(problem, "What explains this row")
