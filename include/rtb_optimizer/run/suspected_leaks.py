"""Says which columns are suspected to leak the outcome, and what they would carry of the gain."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtb_optimizer.core.decision.warning import SUSPECTED_LEAK, RunWarning
from rtb_optimizer.core.selection.leaks import Sign
from rtb_optimizer.run.choose_features import Choice


@dataclass(frozen=True, slots=True)
class SuspectedLeak:
    """A suspected column: why, what it would add to the table (a share of the baseline deviance), and is of the gain.

    An anchor is in the table: what it adds is its own score.
    """

    name: str
    is_anchor: bool
    sign: Sign
    evidence: str
    added: float
    share: float


def suspected_leaks(choice: Choice) -> tuple[SuspectedLeak, ...]:
    """Return the suspected columns, the one that would carry most first."""
    selection = choice.selection
    table = sum(each.signal_score for each in selection.chosen)
    table += sum(each.signal_score for each in selection.interactions)
    own = {feature.name: feature.signal_score for feature in selection.chosen}
    scores = own | {each.name: each.signal_score or 0.0 for each in selection.rejected}
    leaks = []
    for name, suspicion in choice.suspicions.items():
        added = max(scores.get(name, 0.0), 0.0)
        whole = table if name in own else table + added
        share = added / whole if whole > 0 else 0.0
        leaks.append(SuspectedLeak(name, name in own, suspicion.sign, suspicion.evidence, added, share))
    return tuple(sorted(leaks, key=lambda leak: (-leak.share, leak.name)))


def leak_warnings(leaks: Sequence[SuspectedLeak]) -> list[RunWarning]:
    """Return a warning for each suspected column, with the two answers that settle it."""
    return [RunWarning(SUSPECTED_LEAK, _message(leak)) for leak in leaks]


def _message(leak: SuspectedLeak) -> str:
    if leak.is_anchor:
        state = f"it is an anchor and carries {leak.share:.0%} of the table's gain"
        answers = (
            f"if bidders know it before the auction, add it to allowed_leaks; else remove {leak.name} from the anchors"
        )
    else:
        state = (
            f"it is left out, and would add {leak.added:.2%} of the baseline deviance, {leak.share:.0%} of the gain "
            "that the table then had"
        )
        answers = (
            "if bidders know them before the auction, add them to allowed_leaks; else one of them to denied_features"
            if leak.sign is Sign.TOGETHER
            else "if bidders know it before the auction, add it to allowed_leaks; else to denied_features"
        )
    return f"{leak.name} is suspected to leak the outcome: {leak.evidence}; {state}; {answers}"
