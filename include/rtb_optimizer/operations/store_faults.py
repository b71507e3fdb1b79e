"""Words a fault of the store for the person who asked: the object, the connection, and the fix.

The command line and the pages use the same words; a page leaves out the address of the store.
"""

import re

from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.store.connections import S3_CONN_ID

_ANSWER = re.compile(r"\((?P<code>\w+)\) when calling the (?P<operation>\w+) operation")
_NO_ANSWER = re.compile(r"endpoint URL|proxy URL|SSL validation failed")
"""botocore's words; the engines keep them and not its errors."""
_ADDRESS = re.compile(r"https?://[^\s\"']+")
_ABSENT = ("NoSuchKey", "NotFound", "404")
_GONE = "correct the path, or find out what deleted the object: a lifecycle rule, or another catalog"
_OUT_OF_ORDER = re.compile(r"SlowDown|InternalError|ServiceUnavailable|RequestTimeout|5\d\d")
_LATER = "the store is overloaded or out of order: try again in a moment"


def fault_of_store(problem: Exception, *, with_address: bool = True) -> str:
    """Return a fault in one line that names the object, the connection and the fix; other errors as they are.

    Args:
        problem: What the store, or the way to it, raised.
        with_address: Whether the address of the store is named, which not everyone who reads a page may know.
    """
    text = " ".join(str(problem).split())
    if (fix := _fix(problem, text)) is not None:
        text = f"the S3 of connection {S3_CONN_ID!r} cannot be used: {text}; {fix}"
    return text if with_address else _ADDRESS.sub("(its address)", text)


def _fix(problem: Exception, text: str) -> str | None:
    """Return the fix for a fault; None where it is not the store's."""
    if answer := _ANSWER.search(text):
        code = answer["code"]
        if code in _ABSENT:
            return _GONE
        return _LATER if _OUT_OF_ORDER.fullmatch(code) else findings.operation_fix(answer["operation"], code)
    if _NO_ANSWER.search(text):
        return findings.s3_fix(text if "SSL" in text else "")
    return "`rtb doctor` names the step that fails" if isinstance(problem, StoreFailed) and "s3://" in text else None
