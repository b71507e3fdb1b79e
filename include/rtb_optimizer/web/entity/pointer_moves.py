"""The answers to a move of the pointer by a user: the redirect after it, and the refusal by the store."""

from fastapi import Request, status
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from rtb_optimizer.errors import RunIncomplete, TransientError
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.store import deliveries, manual_activation
from rtb_optimizer.web.forms import redirect


def redirect_after_move(
    request: Request, session: Session, route: str, entity_code: str, notice: str
) -> RedirectResponse:
    """Redirect after a committed move: active.json is written before the response, exports are delivered after it."""
    late = not manual_activation.refresh_copy(session, entity_code)
    response = redirect(request, route, entity_code, notice, late=late)
    response.background = BackgroundTask(deliveries.deliver_beside, entity_code)
    return response


def refusal_of(error: RunIncomplete | TransientError) -> tuple[int, str]:
    """Return the status code and the reason of a move whose outputs are damaged, or could not be read."""
    is_transient = isinstance(error, TransientError)
    code = status.HTTP_503_SERVICE_UNAVAILABLE if is_transient else status.HTTP_409_CONFLICT
    return code, fault_of_store(error, with_address=False)
