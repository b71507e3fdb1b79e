"""Reads posted forms, after the check of the permission to write, and redirects to a page with a message."""

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from rtb_optimizer.store import dag_list_export
from rtb_optimizer.store.manual_activation import ExpectedRun
from rtb_optimizer.store.runs import MAX_ID_DIGITS
from rtb_optimizer.web.access import EditableCode, Editor
from rtb_optimizer.web.rendering import address_of

MAX_FIELDS = 1000
MAX_REASON_LENGTH = 1000
LATE = "_late"
SOON = "within 5 minutes"
# The message of a page after a write, by the `notice` in its address: no text of an address is shown itself.
MESSAGES = {
    "activated": "The run is active: bidders read it from now on.",
    "rolled_back": "Rolled back: bidders read the earlier run from now on.",
    "paused": "Paused: there are no scheduled runs, and no run is activated. The active run stays active.",
    "added": "Added: its DAG appears with Airflow's next parse. Look its configuration over before the first run.",
    "resumed": "Resumed: the entity runs on its schedule again.",
    "saved": "Saved: the next run uses it.",
    "unset": "The default applies again, from the next run on.",
    "unchanged": "Nothing was changed, so nothing was saved.",
    "untried": "Nothing was changed, so there is nothing to try.",
    "unchallenged": "Nothing was changed, so there is nothing to challenge with.",
    "challenged": "The challenger is open: from the next night on, it has a run and bids on its share.",
    "promoted": "Promoted: its values are the entity's own, and bidders read its run from now on.",
    "dropped": "Dropped: all requests are bid by the active run again, but for those held back.",
}
MESSAGES |= {
    f"{word}{LATE}": f"{MESSAGES[word]} active.json could not be written now: it is updated {SOON}."
    for word in ("activated", "rolled_back", "promoted", "dropped")
}
MESSAGES |= {
    f"{word}{LATE}": f"{MESSAGES[word]} Airflow's schedule is updated {SOON}."
    for word in ("added", "paused", "resumed", "saved", "unset")
}

log = logging.getLogger(__name__)


async def _fields(request: Request) -> dict[str, str]:
    """Return the text fields of a form; files are ignored."""
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    return {name: value.replace("\r\n", "\n") for name, value in form.items() if isinstance(value, str)}


async def _posted(request: Request, _code: EditableCode) -> dict[str, str]:
    return await _fields(request)


async def _posted_by_editor(request: Request, _user: Editor) -> dict[str, str]:
    return await _fields(request)


Posted = Annotated[dict[str, str], Depends(_posted)]
"""The form of a page of an entity that the user may change."""
PostedByEditor = Annotated[dict[str, str], Depends(_posted_by_editor)]
"""The form of a page of no entity, of a user who may change them all."""


def number(form: Mapping[str, str], name: str) -> int | None:
    """Return the number in a hidden field, None where the field is empty.

    Raises:
        HTTPException: 422 when it is not a number.
    """
    text = form.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, f"{name}: {text!r} is no run id")
    return int(text) if text else None


def expected_run(form: Mapping[str, str]) -> ExpectedRun:
    """Return the run that was active when the page was rendered."""
    return ExpectedRun(number(form, "expected_active_run_id"))


def reason_problem(reason: str) -> str | None:
    """Return the problem of a decision's reason, None if there is none."""
    if not reason.strip():
        return "enter a reason: the history records it"
    return None if len(reason) <= MAX_REASON_LENGTH else f"at most {MAX_REASON_LENGTH:,} characters"


def export_dag_list(session: Session) -> bool:
    """Export the DAG list after a write; return False if that failed: the maintenance DAG then does it in minutes."""
    try:
        dag_list_export.export(session)
    except OSError:  # for example where only the maintenance DAG may write it
        log.info("the DAG list could not be written here", exc_info=True)
        return False
    return True


def redirect(
    request: Request, route: str, entity_code: str, notice: str, *, late: bool = False, **query: str
) -> RedirectResponse:
    """Redirect to a page of the entity, with the message that `notice` names, and other parameters of the page."""
    url = address_of(request, route, {"notice": notice + LATE * late, **query}, entity_code=entity_code)
    return RedirectResponse(url, status.HTTP_303_SEE_OTHER)
