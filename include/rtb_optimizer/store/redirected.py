"""Puts another catalog and another S3 client in the place of the connections', as a run that is rebuilt uses them."""

from collections.abc import Callable, Iterator
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


def catalog_or(own: Callable[[], Engine]) -> Engine:
    """Return the catalog that is used instead, or the one that `own` returns."""
    return _redirects[-1].catalog if _redirects else own()


def s3_or(own: Callable[[], Any]) -> Any:  # noqa: ANN401 - boto3 clients have no static type
    """Return the S3 client that is used instead, or the one that `own` returns."""
    return _redirects[-1].s3 if _redirects else own()


@contextmanager
def redirected(catalog: Engine, s3: Any) -> Iterator[None]:  # noqa: ANN401 - boto3 clients have no static type
    """Use another catalog and S3 client for the length of a `with` block, in all threads of this process."""
    _redirects.append(Redirect(catalog, s3))
    try:
        yield
    finally:
        _redirects.pop()
