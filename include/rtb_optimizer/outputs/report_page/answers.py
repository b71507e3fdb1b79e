"""What the first screen of the report answers: what changed, why, and whether it is safe."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtb_optimizer.outputs.documents.changes import ChangeDocument, ChangesDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.report_page.formatting import change, count, formatted, text
from rtb_optimizer.outputs.report_page.gates import GateRow

CAUSES = {"data": "the logs", "model": "the model", "config": "the configuration", "normaliser": "the spend level"}
NAMED = 4
MINOR = 0.05
"""A cause of a smaller share of the movement is not named."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of a reader who has a minute, and its answer, a statement a line."""

    question: str
    lines: Sequence[str]


def answers(report: Report, gates: Sequence[GateRow]) -> list[Answer]:
    """Return the three answers."""
    return [
        Answer("What changed", _changed(report)),
        Answer("Why", _why(report.changes)),
        Answer("Is it safe", _safe(report, gates)),
    ]


def _changed(report: Report) -> list[str]:
    part = report.changes
    if not part.against:
        total = report.segments.total if report.segments else None
        rows = f"{formatted(total, 'count')} rows" if total is not None else "no rows"
        return [f"This is the first table: {rows}; bids were the default before."]
    facts = report.gates.facts
    expected = [
        f"{name} {change(value)}"
        for name, value in (("spend", facts.get("spend_change")), ("outcomes", facts.get("outcomes_change")))
        if value is not None
    ]
    lines = [f"Predicted against the active run's table: {', '.join(expected)}."] if expected else []
    counts = {"moved": part.moved, "are new": part.appeared, "are gone": part.vanished}
    of_rows = [f"{count(number)} {words}" for words, number in counts.items() if number is not None]
    lines += [f"Rows: {', '.join(of_rows)}."] if of_rows else []
    moves = [_moved(each) for each in part.largest if each.before is not None and each.after is not None]
    return [*lines, *([f"Most: {'; '.join(moves[:NAMED])}."] if moves else [])] or ["Nothing was counted."]


def _moved(row: ChangeDocument) -> str:
    return f"{text(row.segment)} from {formatted(row.before, 'multiplier')} to {formatted(row.after, 'multiplier')}"


def _why(part: ChangesDocument) -> list[str]:
    if not part.against:
        return ["No run was active before."]
    causes = _shares(part.largest)
    lines = [f"Of what moved most: {', '.join(f'{share:.0%} by {name}' for name, share in causes)}."] if causes else []
    for verb, names in (("Features that came", part.features.added), ("Features that went", part.features.removed)):
        if names:
            lines.append(f"{verb}: {', '.join(map(text, names))}.")
    if part.config:
        lines.append(f"Configuration: {', '.join(map(text, list(part.config)[:NAMED]))} changed.")
    return lines or ["No row moved."]


def _shares(rows: Sequence[ChangeDocument]) -> list[tuple[str, float]]:
    """Return by which causes the rows moved, as shares of the sum of absolute log changes, the largest first."""
    sums = {words: sum(abs(getattr(row, cause) or 0.0) for row in rows) for cause, words in CAUSES.items()}
    total = sum(sums.values())
    shares = {words: amount / total for words, amount in sums.items()} if total > 0 else {}
    return sorted(((words, share) for words, share in shares.items() if share >= MINOR), key=lambda each: -each[1])


def _safe(report: Report, gates: Sequence[GateRow]) -> list[str]:
    judged = [gate for gate in gates if gate.passed is not None]
    missed = [gate for gate in judged if not gate.passed]
    if missed:
        lines = [f"{gate.name}: {gate.found}, needed {gate.needed}." for gate in missed]
    else:
        lines = [f"All of {count(len(judged))} gates passed." if judged else "No gates were recorded."]
    gain = report.holdout.gain if report.holdout else None
    if gain is not None:
        lines.append(
            f"On logs it had not seen, it explains {formatted(gain, 'percent')} of what an average rate does not."
        )
    warnings = len(report.warnings or ())
    lines.append(
        f"{count(warnings)} {'warning' if warnings == 1 else 'warnings'} to review." if warnings else "No warning."
    )
    return lines
