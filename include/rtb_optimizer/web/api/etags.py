"""Does the caller have it already? Tags of contents, and what a caller says it knows."""

import hashlib
from collections.abc import Mapping


def tag_of(body: bytes) -> str:
    """Return the tag of a content."""
    return quoted(hashlib.sha256(body).hexdigest())


def quoted(sha256: str) -> str:
    """Return a hash as a tag."""
    return f'"{sha256}"'


def is_known(headers: Mapping[str, str], tag: str) -> bool:
    """Whether If-None-Match names the tag, however a proxy has marked it."""
    named = [each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")]
    return tag in named or "*" in named
