"""Entity tags of contents, the check of If-None-Match, and answers to HEAD."""

import hashlib
from collections.abc import Mapping

from fastapi import Request, Response


def tag_of(body: bytes) -> str:
    """Return the entity tag of a content."""
    return quoted(hashlib.sha256(body).hexdigest())


def quoted(sha256: str) -> str:
    """Return a hash as an entity tag."""
    return f'"{sha256}"'


def is_known(headers: Mapping[str, str], tag: str) -> bool:
    """Whether If-None-Match contains the tag, weak or strong."""
    tags = [each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")]
    return tag in tags or "*" in tags


def without_body(request: Request, answer: Response) -> Response:
    """Return an answer to a GET as it is, and to a HEAD its status and headers alone, the length among them."""
    if request.method != "HEAD":
        return answer
    head = Response(status_code=answer.status_code)
    head.raw_headers = answer.raw_headers
    return head
