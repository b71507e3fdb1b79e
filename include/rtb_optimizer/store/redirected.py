"""Puts another catalog and another S3 client in the place of the connections', as a run that is rebuilt uses them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Redirect:
    """The catalog and the S3 client that are used instead."""

    catalog: Engine
    s3: Any


_redirects = list[Redirect]()


def current() -> Redirect | None:
    """Return what is used instead of the connections, None where they are used."""
    return _redirects[-1] if _redirects else None


@contextmanager
def redirected(catalog: Engine, s3: Any) -> Iterator[None]:  # noqa: ANN401 - boto3 clients have no static type
    """Use another catalog and S3 client for the length of a `with` block, in all threads of this process."""
    _redirects.append(Redirect(catalog, s3))
    try:
        yield
    finally:
        _redirects.pop()
