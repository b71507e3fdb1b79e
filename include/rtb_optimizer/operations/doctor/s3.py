"""Checks S3: its connection, its clock, and the rights of the configured key below a path."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, SSLError

from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import split_url

FOLDER = "doctor"  # beside runs/, where retention looks
_NO_BUCKET = "NoSuchBucket"
_LISTING_REFUSED = "AccessDenied"  # a valid key without the right to list all buckets, which no run needs


class Endpoint:
    """The S3 of the connection: requested once; the date of the response serves the clock check."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ahead: Any = None

    def connection(self) -> Finding:
        """List the buckets; a refusal is an answer as well."""
        try:
            client = connections.s3_client()  # imports Airflow, which must not be timed
        except ConnectionMissing as problem:
            return Finding("S3", CheckStatus.FAILED, str(problem), "set AIRFLOW_CONN_RTB_S3, see README.md")
        start, url = time.perf_counter(), client.meta.endpoint_url
        try:
            self._read_clock(client.list_buckets())
        except ClientError as problem:
            self._read_clock(problem.response)
            if (code := problem.response["Error"]["Code"]) != _LISTING_REFUSED:
                return Finding("S3", CheckStatus.FAILED, f"{url}: {_message(problem)}", findings.s3_fix(code))
        except BotoCoreError as problem:
            unverified = _message(problem) if isinstance(problem, SSLError) else ""
            return Finding("S3", CheckStatus.FAILED, _message(problem), findings.s3_fix(unverified))
        return Finding("S3", CheckStatus.OK, f"{url} answers", milliseconds=1000 * (time.perf_counter() - start))

    def clock(self) -> Finding:
        """Check the date of the response; S3 gives it in whole seconds."""
        if self._ahead is None:
            return Finding("clock of S3", CheckStatus.SKIPPED, "no response had a date")
        return findings.clock("S3", self._ahead)

    def _read_clock(self, response: Any) -> None:  # noqa: ANN401 - boto3's responses
        date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        self._ahead = parsedate_to_datetime(date) - self._now() if date else None


def rights(path: str) -> Finding:
    """List, put, put again, get and delete a throw-away object below a path, as runs and retention do."""
    bucket, folder = split_url(path)
    key = "/".join(part for part in (folder, FOLDER, uuid.uuid4().hex) if part)
    at, body = {"Bucket": bucket, "Key": key}, b"written by rtb_optimizer doctor, may be deleted\n"
    client, refused = connections.s3_client(), dict[str, tuple[str, str]]()
    _try("list", lambda: client.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=1), refused)
    if refused.get("list", ("",))[0] == _NO_BUCKET:  # stop: some stores create a bucket for the first object
        return findings.rights(path, refused)
    _try("put", lambda: client.put_object(**at, Body=body, IfNoneMatch="*"), refused)
    if "put" not in refused:
        if _is_overwritten(client, at):
            refused["put once"] = ("", "the store overwrites an object in spite of If-None-Match: *")
        _try("get", lambda: len(client.get_object(**at)["Body"].read()), refused)
        _try("delete", lambda: client.delete_object(**at), refused)
    return findings.rights(path, refused)


def _try(right: str, call: Callable[[], object], refused: dict[str, tuple[str, str]]) -> None:
    try:
        call()
    except ClientError as problem:
        refused[right] = (problem.response["Error"]["Code"], _message(problem))
    except BotoCoreError as problem:
        refused[right] = ("", _message(problem))


def _is_overwritten(client: Any, at: dict[str, str]) -> bool:  # noqa: ANN401 - boto3 clients have no static type
    try:
        client.put_object(**at, Body=b"again\n", IfNoneMatch="*")
    except (ClientError, BotoCoreError):
        return False
    return True


def _message(problem: Exception) -> str:
    return " ".join(str(problem).split())
