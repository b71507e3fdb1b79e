"""The tab of a run's segment table: a page of its rows, and one row in full with the explanation of its bid."""

from collections.abc import Mapping

from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.documents.explanation import Explanation
from rtb_optimizer.outputs.explain import explain_by
from rtb_optimizer.web.rendering import PageContent
from rtb_optimizer.web.run.outputs import UNREADABLE, unreadable
from rtb_optimizer.web.run.segment_table import PAGE_SIZE, SORTS, SegmentQuery, SegmentTable
from rtb_optimizer.web.run.view import RunView, unit_of

TIERS = ("high", "medium", "low")


def segment_query(search: str, feature: str, tier: str, sort: str, page: int) -> SegmentQuery:
    """Return the query of the table: unknown sorts and tiers are the defaults, not errors."""
    return SegmentQuery(
        search.strip(), feature, tier if tier in TIERS else "", sort if sort in SORTS else next(iter(SORTS)), page
    )


def segments(view: RunView, query: SegmentQuery, segment: str) -> PageContent:
    """Return a page of the rows; with a key, that row in full as well."""
    try:
        table = SegmentTable(view.outputs, view.other_outputs)
    except NotFound as error:
        return {"table_problem": str(error)}
    rows, total = table.page(query)
    selected = table.row(segment) if segment else None
    sorts = {name: title for name, title in SORTS.items() if name != "moved" or table.has_before}
    explanation, problem = _explanation(view, selected.values) if selected else (None, "")
    return {
        "table_problem": "",
        "query": query,
        "rows": rows,
        "total": total,
        "pages": max(-(-total // PAGE_SIZE), 1),
        "features": table.features,
        "tiers": TIERS,
        "sorts": sorts,
        "has_before": table.has_before,
        "selected": selected,
        "explanation": explanation,
        "explanation_problem": problem,
        "unit": unit_of(view.run),
    }


def _explanation(view: RunView, values: Mapping[str, str]) -> tuple[Explanation | None, str]:
    """Return the explanation of a request with these values alone, or why there is none."""
    try:
        return explain_by(view.session, view.run, values), ""
    except UNREADABLE as error:
        return None, unreadable(error, "The explanation of this row")
