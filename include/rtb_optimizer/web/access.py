"""Authorization by Airflow's permissions: reading an entity needs read access to its DAG, changing it edit access.

A mounted app inherits none of Airflow's checks, so each route has its own; a test calls all of them.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, oauth2_scheme
from fastapi import Depends, HTTPException, Request, status
from fastapi.security import HTTPAuthorizationCredentials

from rtb_optimizer.store.seeds import OPT_CODE

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
Method = Literal["GET", "PUT"]


async def signed_in(
    request: Request,
    _documented: Annotated[str | None, Depends(oauth2_scheme)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> BaseUser:
    """Return the user of Airflow's token; refuse every other token with 401.

    Airflow refuses an expired token with 401 and a text that is none with 403, which here means that a user who is
    known may not do something.

    Raises:
        HTTPException: 401.
    """
    try:
        return await get_user(request, None, credentials)
    except HTTPException as refused:
        why = str(refused.detail)
    except (KeyError, TypeError, ValueError):  # a token of this Airflow that names no user
        why = "the token names no user"
    raise HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"www-authenticate": "Bearer"})


User = Annotated[BaseUser, Depends(signed_in)]


def dag_id_of(entity_code: str) -> str:
    """Return the id of an entity's DAG, to which its permissions apply."""
    return f"{OPT_CODE}__{entity_code}"


def may(user: Any, method: Method, entity_code: str | None = None) -> bool:  # noqa: ANN401 - Airflow's generic user
    """Whether a user may read (`GET`) or edit (`PUT`) an entity's DAG; without a code: DAGs at all."""
    details = None if entity_code is None else _details(entity_code)
    return bool(get_auth_manager().is_authorized_dag(method=method, details=details, user=user))


def may_trigger(user: Any, entity_code: str) -> bool:  # noqa: ANN401 - as above
    """Whether a user may trigger runs of an entity's DAG."""
    may_post = get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=_details(entity_code), user=user
    )
    return bool(may_post)


def readable(user: Any, entity_codes: Collection[str]) -> set[str]:  # noqa: ANN401 - as above
    """Return those of the entities that a user may see."""
    by_dag = {dag_id_of(code): code for code in entity_codes}
    allowed = get_auth_manager().filter_authorized_dag_ids(dag_ids=set(by_dag), user=user, method="GET")
    return {by_dag[dag_id] for dag_id in allowed}


def require(user: Any, method: Method, entity_code: str | None = None) -> None:  # noqa: ANN401 - as above
    """Refuse with 403 unless the user has the permission.

    Raises:
        HTTPException: 403, naming what is not allowed.
    """
    if not may(user, method, entity_code):
        action = "see" if method == "GET" else "change"
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not {action} {entity_code or 'entities'}")


def require_user_and_origin(request: Request, user: User) -> None:
    """Refuse callers that are not signed in, and writes of a browser that do not come from a page of this site.

    A browser sends the session cookie with every form, whichever site made it. So a write that is authenticated by
    the cookie needs an Origin of this scheme and host; one with a token in its Authorization header cannot be forged
    that way.
    """
    require(user, "GET")
    if request.method in SAFE_METHODS or request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    origin = urlsplit(request.headers.get("origin") or request.headers.get("referer") or "")
    # A proxy that ends TLS says so; no form of another site can set this header.
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).partition(",")[0].strip()
    if (origin.scheme, origin.netloc) != (scheme, request.headers.get("host")):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"this write does not come from a page of this site, {scheme}://{request.headers.get('host')}; a proxy in "
            "front of it must pass on Host and set X-Forwarded-Proto",
        )


def may_read(entity_code: str, user: User) -> str:
    """Return the entity code of the path if the user may see the entity; refuse otherwise."""
    require(user, "GET", entity_code)
    return entity_code


def may_edit(entity_code: str, user: User) -> str:
    """Return the entity code of the path if the user may change the entity; refuse otherwise."""
    require(user, "PUT", entity_code)
    return entity_code


def may_edit_all(user: User) -> BaseUser:
    """Return the user if they may change entities at all, not some of them; refuse otherwise."""
    require(user, "PUT")
    return user


Editor = Annotated[BaseUser, Depends(may_edit_all)]
ReadableCode = Annotated[str, Depends(may_read)]
EditableCode = Annotated[str, Depends(may_edit)]


def may_edit_and_trigger(entity_code: EditableCode, user: User) -> str:
    """Return the entity code of the path if the user may change the entity and trigger its DAG; refuse otherwise."""
    if not may_trigger(user, entity_code):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not trigger runs of {entity_code}")
    return entity_code


TriggerableCode = Annotated[str, Depends(may_edit_and_trigger)]


def _details(entity_code: str) -> DagDetails:
    dag_id = dag_id_of(entity_code)
    return DagDetails(id=dag_id, team_name=_team_of(dag_id))


def _team_of(dag_id: str) -> str | None:
    from airflow.configuration import conf
    from airflow.models.dag import DagModel

    return DagModel.get_team_name(dag_id) if conf.getboolean("core", "multi_team", fallback=False) else None
