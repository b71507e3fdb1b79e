"""Entity tags of contents, and the check of If-None-Match."""

import hashlib
from collections.abc import Mapping


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
