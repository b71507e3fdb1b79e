"""Delta tables of the three days of rows, as objects by path: what a writer of the format leaves in a store."""

import base64
import json
import struct
import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from pyroaring import BitMap64

from kinds_of_logs import DAYS, put
from layouts_of_logs import plain


def with_date(table, day):
    """Return rows with the column of dates by which tables are cut."""
    return put(table, "date", pa.array([day] * table.num_rows, pa.date32()))


def by_day(folder, files=2, days=DAYS, **options):
    """Write a table cut by date, in some files a day, a commit for each."""
    for day in days:
        table = plain()[day]
        size = -(-table.num_rows // files)
        for n in range(files):
            rows = with_date(table.slice(n * size, size), day)
            write_deltalake(folder, rows, mode="append", partition_by=["date"], **options)
    return DeltaTable(folder)


def compacted_after_a_delete(folder):
    """Write a table of which rows that were wrong are deleted, and whose small files were compacted."""
    by_day(folder)
    for day, table in plain().items():
        rows = with_date(table.slice(0, 500), day)
        wrong = put(rows, "auction_id", pa.array([f"x-{each}" for each in rows["auction_id"].to_pylist()]))
        write_deltalake(folder, wrong, mode="append", partition_by=["date"])
    table = DeltaTable(folder)
    table.delete("auction_id LIKE 'x-%'")
    table.optimize.compact()


def by_country_of_other_names(folder):
    """Write a table cut by country, whose columns the files call otherwise, with rows in deletion vectors."""
    whole = pa.concat_tables(plain().values())
    extra = whole.slice(0, 300).set_column(0, "auction_id", pa.array([f"x-{n}" for n in range(300)]))
    countries = pc.unique(whole["country"]).to_pylist()
    first = [rows for country in countries for rows in (_of(extra, country, 50), _of(whole, country))]
    stored = {"device": "col-1", "country": "col-2", "placement": "device"}
    rows = pa.concat_tables(first).rename_columns([stored.get(name, name) for name in whole.column_names])
    write_deltalake(folder, rows, partition_by=["col-2"], target_file_size=1 << 30)
    as_other_writers_leave_it(folder, {name: column for column, name in stored.items()}, deleted=range(50))


def _of(rows, country, most=None):
    return rows.filter(pc.equal(rows["country"], country)).slice(0, most)


def clicks_by_day(folder):
    """Write a table of clicks, each twice."""
    for table in plain().values():
        clicks = table.filter(pc.equal(table["click"], 1)).select(["auction_id", "event_time"])
        write_deltalake(folder, pa.concat_tables([clicks, clicks]), mode="append")


def wins_by_day(folder):
    """Write a table of wins, a minute after their rows; repeats have another price."""
    for table in plain().values():
        wins = table.select(["auction_id", "event_time", "price"])
        again = wins.set_column(2, "price", pc.add(wins["price"], 1))
        later = again.set_column(1, "event_time", pc.add(wins["event_time"], pa.scalar(timedelta(minutes=9))))
        write_deltalake(folder, pa.concat_tables([wins, later]), mode="append")


def objects_of(write):
    """Return what a writer leaves in a folder, by path."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        return objects_in(folder)


def objects_in(folder):
    """Return what lies in a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def as_other_writers_leave_it(folder, names=None, deleted=(), features=("columnMapping", "deletionVectors")):
    """Rewrite the first commit of a table as Databricks would have it.

    `names` are those that the table gives to columns of the files; the rows of each file at `deleted` are in its
    deletion vector.
    """
    commit = Path(folder, "_delta_log", f"{0:020}.json")
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            named = {"readerFeatures": features, "writerFeatures": features}
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **named}
        if "metaData" in action:
            _rename(action["metaData"], names or {})
        if "add" in action and deleted:
            action["add"]["deletionVector"] = _deletion_vector(deleted)
    commit.write_text("\n".join(map(json.dumps, actions)))


def _rename(of_table, names):
    schema = json.loads(of_table["schemaString"])
    for number, column in enumerate(schema["fields"], 1):
        stored = column["name"]
        column["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": stored}
        column["name"] = names.get(stored, stored)
    of_table["schemaString"] = json.dumps(schema)
    of_table["partitionColumns"] = [names.get(stored, stored) for stored in of_table["partitionColumns"]]
    of_table["configuration"] = {
        "delta.columnMapping.mode": "name",
        "delta.columnMapping.maxColumnId": str(len(schema["fields"])),
        "delta.enableDeletionVectors": "true",
    }


def _deletion_vector(rows):
    body = struct.pack("<I", 1_681_511_377) + BitMap64(rows).serialize()
    text = base64.b85encode(body + bytes(-len(body) % 4)).decode().translate(_Z85)
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(body), "cardinality": len(rows)}


_Z85 = str.maketrans(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)
