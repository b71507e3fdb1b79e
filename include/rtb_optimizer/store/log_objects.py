"""Reads listed objects by ranges, through the one client of the connection, and refuses those that have changed.

A range is of the listed object when the ETag of its answer says so; a store gives ETag and bytes of one moment.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from rtb_optimizer.errors import LogsInvalid, ObjectAbsent, StoreFailed
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import ListedObject, split_url

_CHANGED = ("NoSuchKey", "404", "NotFound", "InvalidRange", "416", "PreconditionFailed", "412")


class LogObjects:
    """Listed objects of one or more buckets, by `bucket/key`; see FileSource of engines/files."""

    scheme = "s3"

    def __init__(self, client: Any, listed: Mapping[str, ListedObject], tries: int) -> None:  # noqa: ANN401 - boto3's
        self._client, self._tries = client, tries
        self._listed = dict(listed)
        self.paths: Sequence[str] = tuple(self._listed)

    @classmethod
    def of(cls, objects: Mapping[str, ListedObject]) -> Self:
        """Return objects by their s3:// URLs, in their order, through the Airflow connection."""
        client = connections.client_in_use()
        listed = {url.removeprefix("s3://"): each for url, each in objects.items()}
        return cls(client, listed, connections.s3_tries(client))

    def facts(self, path: str) -> ListedObject:
        """Return what the listing says of an object; one that was not listed is looked up once."""
        if (known := self._listed.get(path)) is None:
            known = self._listed[path] = self._looked_up(path)
        return known

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) by one request, tried again where the answer breaks off.

        Raises:
            LogsInvalid: when the object is gone or is not the listed one any more.
            StoreFailed: when no try brought all bytes; botocore tries again what fails before the answer begins.
        """
        for tries_left in reversed(range(self._tries)):
            try:
                return self._answer(path, start, stop)
            except ClientError as problem:
                if problem.response["Error"]["Code"] in _CHANGED:
                    raise _changed(path) from problem
                raise _failed(path, problem) from problem
            except BotoCoreError as problem:
                if not tries_left or not _broke_off(problem):
                    raise _failed(path, problem) from problem
        raise AssertionError("the last try returns or raises")

    def _answer(self, path: str, start: int, stop: int) -> bytes:
        bucket, key = split_url(path)
        response = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
        if _bare(response["ETag"]) != self._listed[path].etag:
            response["Body"].close()
            raise _changed(path)
        body: bytes = response["Body"].read()
        if len(body) != stop - start:
            raise StoreFailed(
                f"s3://{path} cannot be read: {len(body)} bytes came where {stop - start} were requested; "
                "the store has to support the header Range"
            )
        return body

    def _looked_up(self, path: str) -> ListedObject:
        bucket, key = split_url(path)
        try:
            head = self._client.head_object(Bucket=bucket, Key=key)
        except (BotoCoreError, ClientError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else ""
            error = ObjectAbsent if code in _CHANGED else StoreFailed
            raise error(f"s3://{path} cannot be read: {' '.join(str(problem).split())}") from problem
        return ListedObject(key, head["ContentLength"], _bare(head["ETag"]), head["LastModified"])


def _broke_off(problem: BotoCoreError) -> bool:
    """Whether an answer ended before its bytes did; what happens before its beginning botocore has tried again."""
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

    return isinstance(problem, IncompleteReadError | ReadTimeoutError | ResponseStreamingError)


def _changed(path: str) -> LogsInvalid:
    return LogsInvalid(f"s3://{path} has changed while the run was reading it: start a new run")


def _failed(path: str, problem: Exception) -> StoreFailed:
    return StoreFailed(f"s3://{path} cannot be read: {' '.join(str(problem).split())}")


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
