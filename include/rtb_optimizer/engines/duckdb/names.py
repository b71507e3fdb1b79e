"""Writes names for DuckDB: identifiers, and URLs that it would read as patterns."""

import re


def quoted(identifier: str) -> str:
    """Return an identifier quoted for DuckDB's SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def one_file(url: str) -> str:
    """Return the glob that matches this URL alone."""
    return re.sub(r"[*?[]", r"[\g<0>]", url)
