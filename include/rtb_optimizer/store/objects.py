"""Reads and writes S3 objects.

An object of a run is written once: `If-None-Match: *` lets the first writer win, and S3 makes an object visible only
when its upload is complete. Every step may run twice, so writing the same object again is not an error: the second
writer receives the stored object.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from rtb_optimizer.errors import BucketAbsent, ObjectAbsent, RetentionIncomplete, StoreFailed
from rtb_optimizer.store import connections

_EXISTS = ("PreconditionFailed", "412")
_BEING_WRITTEN = ("ConditionalRequestConflict", "409")  # concurrent write: AWS documents a retry
_TRIES = 5
_MAX_DELETE_KEYS = 1000  # S3's limit for one request
_ABSENT = ("NoSuchKey", "404", "NotFound")
_ERRORS = dict.fromkeys(_ABSENT, ObjectAbsent) | {"NoSuchBucket": BucketAbsent}
_CHECKSUM = "Checksum"  # what the names of such fields begin with: ChecksumCRC32, ChecksumSHA256
_NOT_IMPLEMENTED = "NotImplemented"  # a store without conditional overwrites


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A stored object: `sha256` in hex, `byte_size` in bytes."""

    bucket: str
    key: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object of a listing."""

    key: str
    byte_size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object as one reader saw it: its bytes and the ETag of this version, None for both where there is none."""

    body: bytes | None
    etag: str | None


class ObjectStore:
    """Objects of one bucket. Keys are relative to the bucket."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 clients have no static type
        self._client = client
        self.bucket = bucket

    @classmethod
    def of(cls, url: str, conn_id: str = "") -> Self:
        """Return the store of an s3:// URL's bucket, through the product's Airflow connection, or another one."""
        return cls(connections.s3_client(conn_id) if conn_id else connections.client_in_use(), split_url(url)[0])

    def put_once(self, key: str, body: bytes) -> StoredObject:
        """Write an object unless it exists; return the stored object, ours or the first writer's."""
        for tries_left in reversed(range(_TRIES)):
            try:
                passed_on = _EXISTS if not tries_left else _EXISTS + _BEING_WRITTEN
                with self._translate_errors("written", key, passed_on):
                    self._client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as problem:
                if (
                    problem.response["Error"]["Code"] in _EXISTS
                ):  # written by another process, or by us and the response was lost
                    return self._stored(key, self.read(key))
            else:
                break
        return self._stored(key, body)

    def replace(self, key: str, body: bytes, seen: SeenObject | None = None) -> StoredObject | None:
        """Write or overwrite an object: only for copies of data stored elsewhere, as active.json.

        With `seen` it is written only while the object is the one that was seen, by a conditional write: None when
        another writer was faster. A store without conditional writes overwrites it.
        """
        condition = {} if seen is None else {"IfMatch": seen.etag} if seen.etag else {"IfNoneMatch": "*"}
        passed_on = (*_EXISTS, *_BEING_WRITTEN, *_ABSENT, _NOT_IMPLEMENTED) if condition else ()
        try:
            with self._translate_errors("written", key, passed_on):
                self._client.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)
        except ClientError as problem:
            return self.replace(key, body) if problem.response["Error"]["Code"] == _NOT_IMPLEMENTED else None
        return self._stored(key, body)

    def seen(self, key: str) -> SeenObject:
        """Return an object as it is now, to be replaced as long as it is the same."""
        try:
            with self._translate_errors("read", key):
                response = self._client.get_object(Bucket=self.bucket, Key=key)
                return SeenObject(response["Body"].read(), response["ETag"])
        except ObjectAbsent:
            return SeenObject(None, None)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with self._translate_errors("read", key):
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def head_of(self, key: str, size: int) -> bytes:
        """Return the first `size` bytes of an object that is not empty, or all where it has fewer."""
        with self._translate_errors("read", key):
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{size - 1}")[
                "Body"
            ].read()
        return body

    def stream(self, key: str, chunk_size: int = 1 << 20) -> tuple[int, Iterator[bytes]] | None:
        """Return an object's size in bytes and its bytes in chunks, opened but not yet read; None if absent."""
        try:
            with self._translate_errors("read", key):
                response = self._client.get_object(Bucket=self.bucket, Key=key)
        except ObjectAbsent:
            return None
        return response["ContentLength"], response["Body"].iter_chunks(chunk_size)

    def stored(self, key: str) -> StoredObject | None:
        """Read an object back and return it with its size and hash, or None."""
        try:
            return self._stored(key, self.read(key))
        except ObjectAbsent:
            return None

    def checksum(self, key: str, etag: str) -> str | None:
        """Return the checksum that the store has of an object beside its ETag, as `crc32:...`.

        None where it has none, and where the object is gone by now or has another ETag.
        """
        try:
            with self._translate_errors("looked up", key):
                answer = self._client.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
        except ObjectAbsent:
            return None
        if answer["ETag"].strip('"') != etag:
            return None
        found = sorted(name for name in answer if name.startswith(_CHECKSUM) and name != f"{_CHECKSUM}Type")
        return f"{found[0].removeprefix(_CHECKSUM).lower()}:{answer[found[0]]}" if found else None

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, in no particular order."""
        with self._translate_errors("listed", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield ListedObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that does not exist is not an error.

        Raises:
            RetentionIncomplete: with the number of objects that could not be deleted, and the first of them.
        """
        for start in range(0, len(keys), _MAX_DELETE_KEYS):
            batch = keys[start : start + _MAX_DELETE_KEYS]
            with self._translate_errors("deleted", batch[0]):
                objects = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
                response = self._client.delete_objects(Bucket=self.bucket, Delete=objects)
            errors = response.get("Errors", [])
            if errors:
                first, code = errors[0]["Key"], errors[0].get("Code", "no reason given")
                raise RetentionIncomplete(
                    f"{len(errors)} objects could not be deleted, the first s3://{self.bucket}/{first}: {code}"
                )

    @contextmanager
    def _translate_errors(self, action: str, key: str, passed_on: Sequence[str] = ()) -> Iterator[None]:
        """Turn S3's errors into ours, which name the object; raise those with a code in `passed_on` unchanged."""
        try:
            yield
        except (BotoCoreError, ClientError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else ""
            if code in passed_on:
                raise
            cause = " ".join(str(problem).split())
            error = _ERRORS.get(code, StoreFailed)
            raise error(f"s3://{self.bucket}/{key} cannot be {action}: {cause}") from problem

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
