"""Makes files of logs a table on the cluster: configured columns under their names, rows with their places."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from rtb_optimizer.core.config.formats import PARQUET
from rtb_optimizer.engines.parquet.row_groups import RowGroups
from rtb_optimizer.engines.protocol import AS_THEY_ARE, Reading
from rtb_optimizer.engines.spark.columns import SparkSpelling, with_one_spelling
from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.file_values import folder_values, with_file_values
from rtb_optimizer.engines.spark.files import columns_of, read_files
from rtb_optimizer.engines.spark.nanoseconds import are_numbers, are_refused, in_microseconds, read_as_numbers
from rtb_optimizer.engines.spark.table_columns import LakeColumns, read_by_id
from rtb_optimizer.engines.spark.types import type_of
from rtb_optimizer.engines.spark.unions import groups_of, have_several_types, union
from rtb_optimizer.engines.sql.identity import SOURCE_FILE, SOURCE_ROW
from rtb_optimizer.engines.sql.lookup import Resolved, files_lacking, resolve, stored_names
from rtb_optimizer.errors import LogsInvalid

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from rtb_optimizer.engines.files.stored import StoredFiles

FOOTERS_AT_ONCE = 16
_DIALECT = SparkDialect()
_Found = TypeVar("_Found")


class ClusterView:
    """A table over files; their footers are read here, where their own columns must be known, through `filesystem`."""

    def __init__(
        self,
        session: "SparkSession",
        filesystem: "FileSystem | StoredFiles | None",
        urls: Sequence[str] = (),
        reading: Reading = AS_THEY_ARE,
        s3_scheme: str = "s3a",
    ) -> None:
        self._session, self._filesystem, self._s3_scheme = session, filesystem, s3_scheme
        self._urls, self._reading = urls, reading
        self._lake = LakeColumns(reading)
        self._resolved: Sequence[Resolved] = ()

    def create(self, name: str) -> Mapping[str, str]:
        """Create the table; return its columns, but those of the engine's own, and their types.

        Raises:
            LogsInvalid: for texts, and for names that the cluster reads otherwise.
        """
        self._require_parquet()
        rows = self._lake.of(self._session, self._stored(), self._urls)
        kinds = columns_of(rows)
        reading, types = self._reading, {name: type_of(kind) for name, kind in kinds.items()}
        self._resolved = resolve(reading.columns, types, self._urls, reading.below, SparkSpelling(kinds))
        keys = {each.name: folder_values(each.name, self._urls) for each in self._resolved if not each.root}
        rows = with_file_values(self._session, rows, self._urls, keys, dict.fromkeys(keys, "STRING"))
        found = [each for each in self._resolved if each.root]
        replaced = {each.root for each in found if each.sql == _DIALECT.identifier(each.root)} - {*reading.columns}
        kept = [name for name in (*types, *keys) if name not in replaced]
        columns = {**{name: _DIALECT.identifier(name) for name in kept}, **{each.name: each.sql for each in found}}
        if found:
            named = (f"{sql} AS {_DIALECT.identifier(name)}" for name, sql in columns.items())
            rows = rows.selectExpr(*named, SOURCE_FILE, SOURCE_ROW)
        rows.createOrReplaceTempView(name)
        types |= {each.name: each.kind for each in self._resolved}
        return {name: types[name] for name in columns}

    def files_without(self, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See Engine. Names are compared without case; of a path, the column that it is in."""
        if not columns or self._by_id:
            return {}
        roots = stored_names(columns, self._resolved, self._lake.computed)
        if not roots:
            return {}
        folds = {url: {name.casefold() for name in names} for url, names in self._names.items()}
        return files_lacking(roots, self._urls, self._reading.below, lambda url, root: root.casefold() in folds[url])

    @property
    def _by_id(self) -> Mapping[int, tuple[str, str]]:
        return self._reading.table.by_id if self._reading.table else {}

    def _stored(self) -> "DataFrame":
        """Return the rows of the files with their own columns, or by their ids with those of the table."""
        if self._by_id:
            return read_by_id(self._by_id, self._of_footers(RowGroups.field_ids, self._urls), self._read)
        named = [*self._reading.columns, *(stored for stored in self._lake.computed.values() if stored)]
        return with_one_spelling(self._read(self._urls), named, lambda: self._names)

    def _read(self, urls: Sequence[str]) -> "DataFrame":
        from pyspark.errors import PySparkException

        try:
            return self._read_alike(urls)
        except PySparkException as problem:
            if not have_several_types(problem):
                raise
        groups = groups_of(self._of_footers(RowGroups.types_of, urls))
        return union({group[0]: self._read_alike(group) for group in groups})

    def _read_alike(self, urls: Sequence[str]) -> "DataFrame":
        """Return the rows of files that have one type for each column."""
        from pyspark.errors import PySparkException

        if not are_numbers(self._session):
            try:
                return read_files(self._session, urls, self._s3_scheme)
            except PySparkException as problem:
                if not are_refused(problem):
                    raise
            read_as_numbers(self._session)
        rows = read_files(self._session, urls, self._s3_scheme)
        times = self._of_footers(RowGroups.nanosecond_times, urls)
        return in_microseconds(rows, times, {url: self._names[url] for url in urls})

    @cached_property
    def _names(self) -> Mapping[str, Sequence[str]]:
        return self._of_footers(RowGroups.names, self._urls)

    def _of_footers(
        self, find: "Callable[[FileSystem | StoredFiles | None, str], _Found]", urls: Sequence[str]
    ) -> Mapping[str, _Found]:
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            return dict(zip(urls, pool.map(lambda url: find(self._filesystem, url), urls), strict=True))

    def _require_parquet(self) -> None:
        texts = [url for url, content in self._reading.contents.items() if content != PARQUET]
        if texts:
            raise LogsInvalid(
                f"engine = spark reads Parquet, and {texts[0]} is text: set engine = duckdb, or write Parquet"
            )
