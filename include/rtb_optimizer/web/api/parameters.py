"""The parameters of a query: one that a call does not have, or that is given twice, would be ignored in silence."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from rtb_optimizer.core.decision.nearest import nearest_hint

ANY_NAME: dict[str, Any] = {
    "parameters": [
        {
            "name": "features",
            "in": "query",
            "style": "form",
            "explode": True,
            "description": "feature=value of the request, as in the logs; a feature that is not passed is missing.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ]
}
"""The description of a call whose parameters are the features of an entity."""


def refuse_unknown(request: Request) -> None:
    """Refuse parameters of a query that the call does not have, and those that are given more than once.

    Raises:
        RequestValidationError: naming each.
    """
    route = request.scope["route"]
    given = [name for name, _ in request.query_params.multi_items()]
    named = {parameter.alias for parameter in route.dependant.query_params}
    problems = [_problem(name, "give one value") for name in dict.fromkeys(given) if given.count(name) > 1]
    if route.openapi_extra is not ANY_NAME:
        listed = f"the parameters are {', '.join(sorted(named))}" if named else "there are no parameters"
        problems += [
            _problem(name, f"no parameter of this call: {listed}{nearest_hint(name, named)}")
            for name in dict.fromkeys(given)
            if name not in named
        ]
    if problems:
        raise RequestValidationError(problems)


def _problem(name: str, why: str) -> dict[str, Any]:
    return {"loc": ("query", name), "msg": why}
