"""The command that shows the outcomes of tables after they went live."""

from typing import Annotated

import typer

from rtb_optimizer.cli import completion, terminal
from rtb_optimizer.cli.terminal import AsJson, console
from rtb_optimizer.live.summary import realized
from rtb_optimizer.outputs.documents.realized import ChallengerDocument, LiftDocument, RealizedDocument
from rtb_optimizer.store import connections, entities

Code = Annotated[str, typer.Argument(help="Entity code, such as drugs_com.", autocompletion=completion.entity_codes)]
COLUMNS = (
    *("day", "arm", "exposures", "outcomes", "value", "cost", "results_per_spend", "predicted"),
    "realized_over_predicted",
)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("live")(live)


def live(entity_code: Code, as_json: AsJson = False) -> None:
    """Show the outcomes of an entity's tables after they went live, since its configuration last changed.

    One row a day and arm: `treated` requests were bid by the table, those of the `control` 1.0 on purpose
    (`holdback_share`). `realized_over_predicted` near 1 means that rates are what the table said. The lift compares
    results per spend of both arms; its interval holds however often it is looked at.

    Whether bids follow the tables at all is measured from what changed between nights: `live`, `not live`, or `cannot
    tell yet`. Below it, the same of a challenger that is open.
    """
    with connections.session() as session:
        found = realized(session, entities.find(session, entity_code))
    if as_json:
        terminal.print_json(found.model_dump())
        return
    days = [day.model_dump() for day in found.days]
    terminal.print_table(days, COLUMNS, as_json=False, empty="no day yet on which a table of this policy was live")
    console.print()
    terminal.print_facts(_facts(found), as_json=False)
    if found.challenger is not None:
        console.print()
        print_challenger(found.challenger)


def print_challenger(found: ChallengerDocument) -> None:
    """Print the results of a challenger: the days of both policies, its lift over the active one, and what follows."""
    days = [day.model_dump() for day in found.days]
    terminal.print_table(
        days, COLUMNS, as_json=False, empty="no whole day yet on which challenger and active were live"
    )
    console.print()
    facts = {
        "challenger": " ".join(f"{key}={value}" for key, value in found.overrides.items()),
        "share": f"{found.share:.0%} of the requests, since {found.created_at[:10]}, by {found.created_by}",
        "live run": found.run_code or "none yet",
        "lift over active": _lift(found.lift),
        "challenger is": found.standing,
        "because": "; ".join(found.reasons),
    }
    terminal.print_facts(facts, as_json=False)


def _facts(found: RealizedDocument) -> dict[str, object]:
    measured = "" if found.elasticity is None else f" (volume follows a multiplier by the power {found.elasticity:.2f})"
    return {
        "active run": found.run_code,
        "bids": f"{found.following or 'no table was live in its window'}{measured}",
        "realized / predicted": found.realized_over_predicted,
        "lift": _lift(found.lift),
        "policy": found.standing,
        "because": "; ".join(found.reasons),
    }


def _lift(lift: LiftDocument) -> str:
    bounds = "" if lift.low is None else f", {lift.interval:.0%} interval {lift.low:+.1%} to {_upper(lift.high)}"
    return "unknown" if lift.estimate is None else f"{lift.estimate:+.1%} over {lift.nights} nights{bounds}"


def _upper(high: float | None) -> str:
    return "more" if high is None else f"{high:+.1%}"
