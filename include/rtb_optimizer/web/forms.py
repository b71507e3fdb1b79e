"""What does a form say, and where does its reader go next? Read only after its sender may write; told afterwards."""

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from rtb_optimizer.store import dag_list_export
from rtb_optimizer.store.manual_activation import ExpectedRun
from rtb_optimizer.store.runs import MAX_ID_DIGITS
from rtb_optimizer.web.access import EditableCode
from rtb_optimizer.web.rendering import address_of

MAX_FIELDS = 1000
MAX_REASON_LENGTH = 1000
LATE = "_late"
SOON = "within 5 minutes"
# What a page says after a write, by the word in its address: nothing of an address is shown as it stands there.
TOLD = {
    "activated": "The run is the active one: bidders read it from now on.",
    "rolled_back": "Rolled back: bidders read the earlier run from now on.",
    "paused": "Paused: there are no scheduled runs, and no run takes over. What is active stays active.",
    "resumed": "Resumed: the entity runs on its schedule again.",
    "saved": "Saved: the next run uses it.",
    "unset": "The default holds again, from the next run on.",
    "unchanged": "Nothing was changed, so nothing was saved.",
}
TOLD |= {
    f"{word}{LATE}": f"{TOLD[word]} active.json could not be written just now: that copy follows {SOON}."
    for word in ("activated", "rolled_back")
}
TOLD |= {
    f"{word}{LATE}": f"{TOLD[word]} Airflow's schedule follows {SOON}."
    for word in ("paused", "resumed", "saved", "unset")
}

log = logging.getLogger(__name__)


async def _posted(request: Request, _code: EditableCode) -> dict[str, str]:
    """Read a form's fields; a field is text, and files are none."""
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    return {name: value.replace("\r\n", "\n") for name, value in form.items() if isinstance(value, str)}


Posted = Annotated[dict[str, str], Depends(_posted)]


def number(form: Mapping[str, str], name: str) -> int | None:
    """Return a hidden field's number, None where it is empty.

    Raises:
        HTTPException: 422 when it is no number.
    """
    text = form.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, f"{name}: {text!r} is no run id")
    return int(text) if text else None


def seen(form: Mapping[str, str]) -> ExpectedRun:
    """Return the active run that the page showed."""
    return ExpectedRun(number(form, "expected_active_run_id"))


def reason_problem(reason: str) -> str | None:
    """Return what is wrong with the reason of a decision, if anything."""
    if not reason.strip():
        return "say why: the history keeps it"
    return None if len(reason) <= MAX_REASON_LENGTH else f"at most {MAX_REASON_LENGTH:,} characters"


def airflow_knows(session: Session) -> bool:
    """Export the manifest after a write; return whether it could be: if not, the maintenance DAG does it in minutes."""
    try:
        dag_list_export.export(session)
    except OSError:  # as where only the maintenance DAG may write it
        log.info("the manifest could not be written here", exc_info=True)
        return False
    return True


def then(request: Request, route: str, entity_code: str, word: str, *, late: bool = False) -> RedirectResponse:
    """Lead to a page of the entity that says what has happened."""
    told = address_of(request, route, {"told": word + LATE * late}, entity_code=entity_code)
    return RedirectResponse(told, status.HTTP_303_SEE_OTHER)
