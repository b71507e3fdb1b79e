"""Finds whether a folder is a table of a lake, lies in one or holds one.

The files of a table are those that its log names. Others lie beside them: what OPTIMIZE compacted, what a DELETE
rewrote, what a failed job left. Whoever reads the folder counts their rows as well.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from rtb_optimizer.core.config.logs_path import fixed_part, is_dated
from rtb_optimizer.errors import LogsInvalid, StoreFailed
from rtb_optimizer.store.objects import ObjectStore, split_url

_MARKS = r"_delta_log/|metadata/[^/]*metadata\.json(?:\.gz)?$|metadata/version-hint\.text$|\.hoodie/hoodie\.properties$"
_MARK = re.compile(rf"(?:^|/)({_MARKS})")
_DENIED = "AccessDenied"


class LakeFormat(StrEnum):
    """A format of tables; `log` is the folder of their log."""

    DELTA = "Delta"
    ICEBERG = "Iceberg"
    HUDI = "Hudi"

    @property
    def log(self) -> str:
        """The folder, below the table, that holds what was committed."""
        return {LakeFormat.DELTA: "_delta_log/", LakeFormat.ICEBERG: "metadata/", LakeFormat.HUDI: ".hoodie/"}[self]


def table_at(url: str) -> LakeFormat | None:
    """Return the format of the table whose root is that URL; None where there is no table."""
    if is_dated(url):
        return None
    return _format_at(ObjectStore.of(url), split_url(url)[1].rstrip("/"))


@cache  # a process asks for each step and poll; what becomes a table meanwhile is seen by the next
def require_no_table_above(logs_path: str) -> None:
    """Raise LogsInvalid where the folders of `logs_path` lie in a table, of which they show files that it lacks."""
    store = ObjectStore.of(logs_path)
    parts = split_url(fixed_part(logs_path))[1].split("/")[:-1]
    for n in range(len(parts), -1, -1):
        root = "/".join(parts[:n])
        if (found := _format_at(store, root)) is not None:
            raise LogsInvalid(_refused(f"{logs_path} lies in", found, f"s3://{store.bucket}/{root}".rstrip("/") + "/"))


def require_no_table_below(url: str, paths: Iterable[str]) -> None:
    """Raise LogsInvalid where a folder of plain files holds a table; `paths` are those of its objects, below it."""
    for path in paths:
        if (mark := _MARK.search(path)) is not None:
            found = next(each for each in LakeFormat if mark[1].startswith(each.log))
            root = f"{url.rstrip('/')}/{path[: mark.start(1)]}"
            raise LogsInvalid(_refused(f"{url} holds", found, root))


def hudi_refused(url: str) -> LogsInvalid:
    """Return the refusal of a table that no reader here knows."""
    return LogsInvalid(_refused(f"{url} is", LakeFormat.HUDI, url))


def _refused(where: str, found: LakeFormat, root: str) -> str:
    lead = f"{where} the {found} table {root}, whose folders also hold files with rows that the table has no more"
    if found is LakeFormat.HUDI:
        return f"{lead}; Hudi is not read: deliver its rows as plain files, or as a Delta or Iceberg table"
    return f"{lead}; name the table itself, {root}, and its last snapshot is read"


def _format_at(store: ObjectStore, root: str) -> LakeFormat | None:
    for each in LakeFormat:
        folder = f"{root}/{each.log}".lstrip("/")
        if any(_MARK.search(f"{each.log}{key.removeprefix(folder)}") for key in _keys(store, folder)):
            return each
    return None


def _keys(store: ObjectStore, prefix: str) -> Iterable[str]:
    """Yield the keys below a prefix; none where a policy shows the logs alone."""
    try:
        yield from (entry.key for entry in store.list(prefix))
    except StoreFailed as problem:
        if _DENIED not in str(problem):
            raise
