"""Iceberg tables of the three days of rows, as pyiceberg writes them into the store."""

from contextlib import contextmanager

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.transforms import DayTransform

from kinds_of_logs import parquet, put
from layouts_of_logs import plain
from rtb_optimizer.store import connections


@contextmanager
def catalog(url, uri="sqlite:///:memory:"):
    """Yield a catalog in a database, by default of its own, whose tables are below a URL."""
    keys = connections.s3_options()
    names = {"endpoint": "aws_endpoint", "access-key-id": "aws_access_key_id", "region": "aws_region"}
    names |= {"secret-access-key": "aws_secret_access_key"}
    held = SqlCatalog("rtb_iceberg", uri=uri, warehouse=url, **{f"s3.{name}": keys[key] for name, key in names.items()})
    held.create_namespace_if_not_exists("logs")
    yield held
    held.close()


def create(held, url, rows, **properties):
    """Create an empty table of the columns of rows, cut by the day of their time."""
    table = held.create_table("logs.rows", rows.schema, location=url.rstrip("/"), properties=properties)
    with table.update_spec() as spec:
        spec.add_field("event_time", DayTransform(), "event_day")
    return table


def by_day(held, url):
    """Write a table cut by the day of the time, a commit a day, of which rows that were wrong were deleted."""
    table = create(held, url, plain()[min(plain())])
    for rows in plain().values():
        wrong = put(rows.slice(0, 300), "auction_id", pa.array([f"x-{n}" for n in range(300)]))
        table.append(pa.concat_tables([rows, wrong]))
    table.delete("auction_id like 'x-%'")
    return table


def at_another_path(held, url):
    """Write a table whose files of rows lie at another path of the bucket."""
    elsewhere = url.rstrip("/") + "_rows"
    table = create(held, url, plain()[min(plain())], **{"write.data.path": elsewhere})
    for rows in plain().values():
        table.append(rows)
    return table


def by_other_names(held, url):
    """Write a table whose columns changed names between its days: what was `device` is another column now."""
    first, *others = plain().values()
    early = {"device": "country", "country": "device_class"}
    table = create(held, url, first.rename_columns([early.get(name, name) for name in first.column_names]))
    table.append(first.rename_columns([early.get(name, name) for name in first.column_names]))
    for old, new in (("country", "device"), ("device_class", "country")):
        with table.update_schema() as changed:
            changed.rename_column(old, new)
    for rows in others:
        table.append(rows)
    return table


def delete_from(table, content, body, name):
    """Commit a file of deletes, as engines that merge on read write them."""
    location = f"{table.location()}/data/{name}"
    with table.io.new_output(location).create() as file:
        file.write(body)
    data = next(iter(table.scan().plan_files())).file
    deletes = DataFile.from_args(
        content=content,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=data.partition,
        record_count=1,
        file_size_in_bytes=len(body),
        equality_ids=[1] if content is DataFileContent.EQUALITY_DELETES else None,
    )
    deletes.spec_id = table.spec().spec_id
    with table.transaction() as commit, commit.update_snapshot().fast_append() as append:
        append.append_data_file(deletes)


def positions(table, count):
    """Return the path and the positions of the first rows of a table's first file, as a file of deletes."""
    path = next(iter(table.scan().plan_files())).file.file_path
    return parquet(pa.table({"file_path": [path] * count, "pos": pa.array(range(count), pa.int64())}))
