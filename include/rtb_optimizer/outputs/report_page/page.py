"""The report as one page: its template filled with sentences and charts, every value escaped.

The same report gives the same bytes. What is absent is shown as unknown.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.report_page import charts, formatting, sentences
from rtb_optimizer.outputs.report_page.answers import answers
from rtb_optimizer.outputs.report_page.gates import gate_rows

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent
SECTIONS = {
    "verdict": "Verdict",
    "changes": "Changes",
    "kpis": "Key figures",
    "coverage": "Logs",
    "warnings": "Warnings",
    "features": "Features",
    "interactions": "Interactions",
    "rejected": "Left out",
    "segments": "Segments",
    "joint": "Joint table",
    "holdout": "Hold-out",
    "replay": "Replay",
    "realized": "Live",
    "ad_macros": "Ad macros",
    "exports": "Exports",
    "outputs": "Outputs",
    "config": "Configuration",
}
OPEN = {"verdict", "changes", "kpis", "features", "segments"}
"""The sections that are not folded."""
FIRST_WARNINGS = 8
"""So many are beside the verdict; all of them are in their section."""


def report_page(report: Report) -> bytes:
    """Return a run's report as a page of HTML without a script, an external address or a clock."""
    gates = gate_rows(report.gates)
    text = _template().render(
        document=report,
        sections=SECTIONS,
        says=sentences.sentences(report),
        charts=charts.drawn(report),
        gates=gates,
        answers=answers(report, gates),
        unfolded=OPEN,
        first_warnings=FIRST_WARNINGS,
        window=formatting.window(report.data_start, report.data_end),
    )
    return text.encode()


@cache
def _template() -> "Template":
    from jinja2 import ChainableUndefined, Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_shown,
        undefined=ChainableUndefined,  # a section of a document may be absent with all that it holds
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formatted"] = formatting.formatted
    environment.tests["number"] = formatting.is_number
    environment.tests["share"] = formatting.is_share
    return environment.get_template("page.html.jinja")


def _shown(value: object) -> object:
    """Return what the template writes for a value, before it is escaped; markup (the charts) stays as it is."""
    return formatting.visible(value) if type(value) is str else value
