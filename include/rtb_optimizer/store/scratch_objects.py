"""Shows a run's objects as absent to who makes them again, and keeps what is written of them in a scratch prefix.

The run names its objects as it did the first time, so that what it publishes is the same to the byte. Everything else
is read where it is, or where it was copied to, and nothing else can be written or deleted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rtb_optimizer.errors import StoreFailed

Place = tuple[str, str]
"""A bucket, and a key or a prefix of keys in it."""


@dataclass(frozen=True, slots=True)
class ScratchObjects:
    """A boto3 S3 client as far as the product uses one.

    Attributes:
        client: The client of the connection.
        kept: Prefixes of runs' objects, with a slash at the end: each with where they are kept instead.
        moved: Prefixes of other objects that are read elsewhere: each with the place that they are read from.
    """

    client: Any
    kept: Mapping[Place, Place]
    moved: Mapping[Place, Place]

    @property
    def meta(self) -> Any:  # noqa: ANN401 - botocore's
        """The client's own configuration."""
        return self.client.meta

    def put_object(self, *, Bucket: str, Key: str, **arguments: Any) -> Any:  # noqa: ANN401, N803 - boto3's
        """Write an object of the run.

        Raises:
            StoreFailed: when it is not one of the run's.
        """
        if not any(_is_below(own, (Bucket, Key)) for own in self.kept):
            raise StoreFailed(f"s3://{Bucket}/{Key} is none of the run's objects: a rebuild writes no others")
        return self.client.put_object(**_named(self._place(Bucket, Key)), **arguments)

    def get_object(self, *, Bucket: str, Key: str, **arguments: Any) -> Any:  # noqa: ANN401, N803 - boto3's
        """Read an object."""
        return self.client.get_object(**_named(self._place(Bucket, Key)), **arguments)

    def head_object(self, *, Bucket: str, Key: str, **arguments: Any) -> Any:  # noqa: ANN401, N803 - boto3's
        """Look an object up."""
        return self.client.head_object(**_named(self._place(Bucket, Key)), **arguments)

    def delete_objects(self, *, Bucket: str, **_: Any) -> Any:  # noqa: ANN401, N803 - boto3's
        """Delete nothing.

        Raises:
            StoreFailed: always.
        """
        raise StoreFailed(f"a rebuild deletes nothing of s3://{Bucket}")

    def get_paginator(self, operation: str) -> "_Listing":
        """Return what lists objects."""
        return _Listing(self, self.client.get_paginator(operation))

    def _place(self, bucket: str, key: str) -> Place:
        for named, kept in [*self.kept.items(), *self.moved.items()]:
            if _is_below(named, (bucket, key)):
                return kept[0], kept[1] + key.removeprefix(named[1])
        return bucket, key


@dataclass(frozen=True, slots=True)
class _Listing:
    objects: ScratchObjects
    paginator: Any

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Mapping[str, Any]]:  # noqa: N803 - boto3's
        """Yield the pages of a listing, with the keys that the objects were named by."""
        bucket, prefix = self.objects._place(Bucket, Prefix)  # noqa: SLF001 - of the same module
        for page in self.paginator.paginate(Bucket=bucket, Prefix=prefix):
            entries = ({**each, "Key": Prefix + each["Key"].removeprefix(prefix)} for each in page.get("Contents", []))
            yield {**page, "Contents": list(entries)}


def _is_below(prefix: Place, place: Place) -> bool:
    return place[0] == prefix[0] and place[1].startswith(prefix[1])


def _named(place: Place) -> dict[str, str]:
    return {"Bucket": place[0], "Key": place[1]}
