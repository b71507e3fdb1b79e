"""Why is this bid what it is? The rows of the active run's table that match a request, with what they stand on."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.core.lookup import Row, look_up
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.core.values import canonical
from rtb_optimizer.errors import NotFound
from rtb_optimizer.published import published
from rtb_optimizer.store import entities
from rtb_optimizer.store.schema import Run


def explain(session: Session, entity_code: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Explain the bid multiplier of a request, `given` by feature as the logs or a macro would spell it.

    Raises:
        NotFound: when the entity has no active run, or a name is none of its features.
    """
    entity = entities.find(session, entity_code)
    if entity.active_run_id is None:
        raise NotFound(f"{entity_code} has no active run: every bid is its default")
    run = session.get_one(Run, entity.active_run_id)
    found = published(session, run)
    settings, features, table = found.settings, found.features, found.rows
    unknown = sorted(set(given) - set(features))
    if unknown:
        raise NotFound(f"{', '.join(unknown)} is no feature of run {run.run_code}; it has: {', '.join(features)}")
    rows = [Row(name, row["factor"], row["multiplier"]) for name, row in table.items()]
    values = {name: _canonical(value, name, settings) for name, value in given.items()}
    answer = look_up(rows, features, values, settings.multiplier_min, settings.multiplier_max)
    default = next(row for row in table.values() if row["is_default"])
    return {
        "entity_code": entity_code,
        "run_id": run.run_id,
        "run_code": run.run_code,
        "data_start": run.data_start,
        "data_end": run.data_end,
        "features": features,
        "key": answer.key,
        "multiplier": answer.multiplier,
        "unclipped_multiplier": answer.unclipped,
        "expected_outcomes_per_exposure": answer.rate * default["expected"] / default["exposures"],
        "rows": [{name: table[row.segment][name] for name in _SHOWN} for row in answer.rows],
    }


_SHOWN = ("segment", "exposures", "outcomes", "factor", "factor_low", "factor_high", "tier", "multiplier")


def _canonical(value: str, name: str, settings: Settings) -> str:
    missing = frozenset(spelling.lower() for spelling in settings.missing_values)
    return canonical(value, missing, is_host=name in settings.host_features)
