"""Where do objects land, and what keeps a reader from seeing half of one?

An object of a run is written once: `If-None-Match: *` lets the first writer win, and S3 shows an object only when
its upload is complete. Every step may run twice, so writing the same object again is no error; whoever comes second
gets what stands there.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from rtb_optimizer.errors import ObjectAbsent, RetentionIncomplete, StoreFailed
from rtb_optimizer.store import connections

_EXISTS = ("PreconditionFailed", "412")
_BEING_WRITTEN = ("ConditionalRequestConflict", "409")  # another writer is at it: AWS asks to try again
_TRIES = 5
_DELETED_AT_ONCE = 1000  # S3 takes no more keys in one request
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
    modified: datetime


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
                with self._told("written", key, but=_EXISTS if not tries_left else _EXISTS + _BEING_WRITTEN):
                    self._client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as problem:
                if problem.response["Error"]["Code"] in _EXISTS:  # by another, or by us, whose answer was lost
                    return self._stored(key, self.read(key))
            else:
                break
        return self._stored(key, body)

    def replace(self, key: str, body: bytes) -> StoredObject:
        """Write an object over what is there: only for copies whose truth is elsewhere, as active.json."""
        with self._told("written", key):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self._stored(key, body)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with self._told("read", key):
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def stream(self, key: str, chunk_size: int = 1 << 20) -> tuple[int, Iterator[bytes]] | None:
        """Return an object's size in bytes and its bytes in chunks, opened but not yet read; None without one."""
        try:
            with self._told("read", key):
                found = self._client.get_object(Bucket=self.bucket, Key=key)
        except ObjectAbsent:
            return None
        return found["ContentLength"], found["Body"].iter_chunks(chunk_size)

    def stored(self, key: str) -> StoredObject | None:
        """Return what stands under a key, read back and hashed, or None."""
        try:
            return self._stored(key, self.read(key))
        except ObjectAbsent:
            return None

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, in no promised order."""
        with self._told("listed", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield ListedObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no error.

        Raises:
            RetentionIncomplete: naming the first that the store would not delete, and how many there are.
        """
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            named = keys[start : start + _DELETED_AT_ONCE]
            with self._told("deleted", named[0]):
                listed = {"Objects": [{"Key": key} for key in named], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self.bucket, Delete=listed)
            refused = answer.get("Errors", [])
            if refused:
                first, why = refused[0]["Key"], refused[0].get("Code", "no reason given")
                raise RetentionIncomplete(
                    f"{len(refused)} objects could not be deleted, the first s3://{self.bucket}/{first}: {why}"
                )

    @contextmanager
    def _told(self, done: str, key: str, but: Sequence[str] = ()) -> Iterator[None]:
        """Name the object in what fails, which S3's own errors do not, unless it is one of these codes."""
        try:
            yield
        except (BotoCoreError, ClientError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else ""
            if code in but:
                raise
            cause = " ".join(str(problem).split())
            kind = ObjectAbsent if code in _ABSENT else StoreFailed
            raise kind(f"s3://{self.bucket}/{key} cannot be {done}: {cause}") from problem

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
