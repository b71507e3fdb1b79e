"""Logs that nobody has configured: `rtb logs inspect` looks at them, and what it prints makes an active run."""

import shlex
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import iceberg_tables
from checkout import CHECKOUT
from delta_tables import compacted_after_a_delete, objects_of
from kinds_of_logs import DAYS
from layouts_of_logs import LAYOUTS, columns_as, days, gzip, json_lines, lines_of, parquet, plain, rows_and_clicks
from rtb_optimizer.cli.app import app
from rtb_optimizer.core.config.likely_roles import ColumnFacts, likely_roles
from rtb_optimizer.errors import LogsMissing
from rtb_optimizer.operations.inspection import inspect
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity

DATA = CHECKOUT.parent / "shared" / "data"


def openrtb(row):
    """Return an impression as a request log has it, nested, with a time in milliseconds."""
    return {
        "id": row["auction_id"],
        "ts": int(row["event_time"].timestamp() * 1000),
        "imp": [{"tagid": f"slot-{row['placement']}", "banner": {"w": 300, "h": 250}}],
        "device": {"devicetype": row["device"], "ifa": f"ifa-{row['auction_id']}", "geo": {"country": row["country"]}},
        "price": row["price"],
    }


def openrtb_and_clicks():
    rows = rows_and_clicks(
        lambda table, day: {f"requests/{day:%Y/%m/%d}/log.jsonl.gz": gzip.compress(json_lines(table, openrtb))},
        json_lines,
        ".jsonl",
    )
    return {path.replace("clicks/date=", "events/dt="): body for path, body in rows.items()}


def auctions_and_clicks():
    return rows_and_clicks(
        lambda table, day: {f"wins/{day:%Y%m%d}/win_log.csv.gz": gzip.compress(lines_of(table))},
        lambda clicks: gzip.compress(lines_of(clicks)),
        ".csv.gz",
    )


# What lies in the bucket, the folder of the rows, and that of the events.
FOUND = {
    "Parquet by day": (days(parquet).objects, "", ""),
    "an hourly layout of Glue": (LAYOUTS["hours of Firehose"].objects, "", ""),
    "a key of the folders": (LAYOUTS["a column that is a key of the folders"].objects, "", ""),
    "a Delta table": (lambda: objects_of(compacted_after_a_delete), "", ""),
    "a CSV auction log with clicks beside it": (auctions_and_clicks, "wins/", "clicks/"),
    "an OpenRTB request log with clicks beside it": (openrtb_and_clicks, "requests/", "events/"),
    "words and digits": (days(columns_as(click=lambda c: c.cast("bool").cast("string"))).objects, "", ""),
}


@pytest.fixture
def folder_with(store, base_path):
    """Put objects below a folder of their own; returns its URL."""

    def put(objects):
        for path, body in objects.items():
            store.put_once(f"{split_url(base_path)[1]}/found/{path}", body)
        return f"{base_path}/found/"

    return put


@pytest.fixture
def paste(catalog):
    """Run the commands that a text ends with, as a person who pastes them; returns what the last one printed."""
    assert catalog

    def run(text):
        printed = ""
        commands = text[text.index("rtb entities add") :].replace("\\\n", " ").splitlines()
        for command in commands:
            program, *arguments = shlex.split(command)
            assert program == "rtb"
            done = CliRunner().invoke(app, arguments, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            printed = done.output
        return printed

    return run


@pytest.mark.parametrize("name", FOUND)
def test_pasting_what_inspect_prints_makes_an_active_run(folder_with, paste, session, request_run, name):
    assert request_run  # a case that makes a whole run
    objects, rows, events = FOUND[name]
    url = folder_with(objects())
    outcomes = ("--outcomes", f"{url}{events}") if events else ()
    assert "activated, first active run" in paste(inspected(f"{url}{rows}", *outcomes))
    assert session.scalar(select(Entity.active_run_id)) is not None


def test_so_does_an_iceberg_table(base_path, paste):
    with iceberg_tables.catalog(base_path) as catalog:
        iceberg_tables.by_day(catalog, f"{base_path}/impressions/")
    printed = inspected(f"{base_path}/impressions/")
    assert "Iceberg" in printed
    assert "activated, first active run" in paste(printed)


def inspected(*arguments):
    printed = CliRunner().invoke(app, ["logs", "inspect", *arguments], catch_exceptions=False)
    assert printed.exit_code == 0, printed.output
    return printed.output


def test_it_tells_layout_columns_roles_and_what_is_passed_over(folder_with):
    found = inspect(folder_with(openrtb_and_clicks()) + "requests/")
    assert found.logs.layout.logs_path.endswith("requests/{date:%Y/%m/%d}/")
    assert (found.logs.content.format, found.logs.content.compression) == ("json", "gzip")
    assert found.roles.columns == {"timestamp_column": "ts", "cost_column": "price"}
    assert found.roles.row_id_columns == ["id"]
    assert found.roles.candidate_features == ["device.devicetype", "device.geo.country", "imp.0.tagid"]
    assert found.roles.anchor_features == ["imp.0.tagid"]
    assert "identify people" in found.roles.passed_over["device.ifa"]
    assert found.lacks == ("no column looks like an outcome; set outcome_column, or give --outcomes with clicks",)
    assert (found.window or ())[0] == DAYS[0]


def test_a_folder_without_logs_is_named(folder_with):
    url = folder_with({"a.parquet": parquet(plain()[DAYS[0]])})
    with pytest.raises(LogsMissing, match=r"there are no files below .*/nothing/"):
        inspect(f"{url}nothing/")


@pytest.mark.skipif(not DATA.exists(), reason="the real logs are not here")
@pytest.mark.parametrize("name", ["ssp_daily", "ipinyou_1458_3386", "talkingdata_100k"])
def test_real_logs_are_understood_as_they_are(folder_with, paste, request_run, name):
    assert request_run  # a case that makes a whole run
    url = folder_with({f"{name}.parquet": Path(DATA, f"{name}.parquet").read_bytes()})
    printed = CliRunner().invoke(app, ["logs", "inspect", url], catch_exceptions=False)
    assert "activated, first active run" in paste(printed.output)


def facts(name, **known):
    return ColumnFacts(**{"name": name, "kind": "BIGINT", "missing": 0.0, "values": 20, "rows": 1_000, **known})


COUNT = {"values": 500, "mean": 40.0}


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        (
            [facts("is_click", values=2, mean=0.1), facts("impressions", **COUNT)],
            {"outcome_column": "is_click"},
        ),
        (
            [facts("clicks", values=30, mean=2.0), facts("impressions", **COUNT)],
            {"outcome_column": "clicks", "exposure_column": "impressions"},
        ),
        ([facts("win_price", **COUNT), facts("bid_price", **COUNT)], {"cost_column": "win_price"}),
        ([facts("publisher_revenue", **COUNT), facts("order_id", **COUNT)], {"value_column": "publisher_revenue"}),
        (
            [facts("day", kind="DATE", is_time=True), facts("served_at", kind="TIMESTAMP", is_time=True)],
            {"timestamp_column": "served_at"},
        ),
        (
            [facts("converted_at", is_time=True, missing=0.99), facts("time", is_time=True)],
            {"timestamp_column": "time"},
        ),
    ],
)
def test_a_role_goes_to_the_column_whose_name_and_values_fit(columns, roles):
    assert likely_roles(columns, ()).columns == roles
