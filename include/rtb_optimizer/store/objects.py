"""Where do objects land, and what keeps a reader from seeing half of one?

An object of a run is written once: `If-None-Match: *` lets the first writer win, and S3 shows an object only when
its upload is complete. Every step may run twice, so writing the same object again is no error; whoever comes second
gets what stands there.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import ClientError

from rtb_optimizer.store import connections

_EXISTS = ("PreconditionFailed", "412")
_BEING_WRITTEN = ("ConditionalRequestConflict", "409")  # another writer is at it: AWS asks to try again
_TRIES = 5
_ABSENT = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it stands in the store: `sha256` in hex, `byte_size` in bytes."""

    bucket: str
    key: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    byte_size: int
    etag: str


class ObjectStore:
    """Objects of one bucket. Keys are relative to the bucket."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 clients have no static type
        self._client = client
        self.bucket = bucket

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the store of an s3:// URL's bucket, through the Airflow connection."""
        return cls(connections.s3_client(), split_url(url)[0])

    def put_once(self, key: str, body: bytes) -> StoredObject:
        """Write an object unless it exists; return what stands there after, ours or the first writer's."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as problem:
                code = problem.response["Error"]["Code"]
                if code in _EXISTS:
                    return self._stored(key, self.read(key))
                if code not in _BEING_WRITTEN or not tries_left:
                    raise
            else:
                break
        return self._stored(key, body)

    def replace(self, key: str, body: bytes) -> StoredObject:
        """Write an object over what is there: only for copies whose truth is elsewhere, as active.json."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self._stored(key, body)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def stream(self, key: str, chunk_size: int = 1 << 20) -> tuple[int, Iterator[bytes]] | None:
        """Return an object's size in bytes and its bytes in chunks, opened but not yet read; None without one."""
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as problem:
            if problem.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return found["ContentLength"], found["Body"].iter_chunks(chunk_size)

    def stored(self, key: str) -> StoredObject | None:
        """Return what stands under a key, read back and hashed, or None."""
        try:
            return self._stored(key, self.read(key))
        except ClientError as problem:
            if problem.response["Error"]["Code"] in _ABSENT:
                return None
            raise

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, in no promised order."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield ListedObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'))

    def _stored(self, key: str, body: bytes) -> StoredObject:
        return StoredObject(self.bucket, key, len(body), hashlib.sha256(body).hexdigest())


def split_url(url: str) -> tuple[str, str]:
    """Split s3://bucket/some/key into bucket and key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")  # urlsplit would cut a key at # or ?
    return bucket, key.lstrip("/")


def run_prefix(s3_base_path: str, run_code: str) -> str:
    """Return the key prefix of a run's objects, without a trailing slash: `{base}/runs/{run_code}`."""
    return "/".join(part for part in (split_url(s3_base_path)[1], "runs", run_code) if part)


def active_key(s3_base_path: str) -> str:
    """Return the key of an entity's copy of its pointer: `{base}/active.json`."""
    return "/".join(part for part in (split_url(s3_base_path)[1], "active.json") if part)
