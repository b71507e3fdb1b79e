"""Logs that nobody has configured: `rtb logs inspect` looks at them, and what it prints makes an active run."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import iceberg_tables
from checkout import CHECKOUT
from delta_tables import compacted_after_a_delete, objects_of
from kinds_of_logs import DAYS, healthy_day, put
from layouts_of_logs import LAYOUTS, columns_as, days, gzip, json_lines, lines_of, parquet, plain, rows_and_clicks
from rtb_optimizer.cli.app import app
from rtb_optimizer.core.config.column_facts import ColumnFacts
from rtb_optimizer.core.config.event_logs import WINS
from rtb_optimizer.core.config.key import read_value
from rtb_optimizer.core.config.likely_events import likely_event_roles, mixed_kinds
from rtb_optimizer.core.config.likely_money import LostRows, MoneyFacts, MoneyPair, money_columns
from rtb_optimizer.core.config.likely_roles import likely_roles
from rtb_optimizer.errors import LogsMissing
from rtb_optimizer.operations.inspection import inspect
from rtb_optimizer.store import seeds
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity
from three_logs import delivered, three_logs

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


def three_logs_of_a_dsp():
    """Return an auction log, a win log and a click log in packed text, as a DSP delivers them."""
    return delivered(three_logs())


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


def test_so_do_the_auctions_the_wins_and_the_clicks_of_a_dsp(folder_with, paste, session, request_run):
    assert request_run  # a case that makes a whole run
    url = folder_with(three_logs_of_a_dsp())
    printed = inspected(f"{url}auctions/", "--wins", f"{url}wins/", "--outcomes", f"{url}clicks/")
    for title in ("wins", "outcomes"):
        assert f"\n{title} " in printed
    assert "missing: " not in printed
    assert "activated, first active run" in paste(printed)
    assert session.scalar(select(Entity.active_run_id)) is not None


def test_wins_are_joined_by_names_that_no_column_has(folder_with):
    logs = three_logs()
    taken = replace(logs, auctions=logs.auctions.assign(won="maybe", Win_Cost="much"))
    url = folder_with(delivered(taken))
    found = inspect(f"{url}auctions/", f"{url}clicks/", f"{url}wins/")
    of_wins = {key: value for key, value in found.values.items() if key.startswith("win_")}
    assert of_wins == {
        "win_logs_path": f"{url}wins/{{date}}/",
        "win_logs_time_column": "won_at",
        "win_logs_cost_column": "win_price",
    }
    assert (found.values["exposure_column"], found.values["cost_column"]) == ("joined_won", "joined_win_cost")
    assert found.values["outcome_logs_id_columns"] == "auction"


def test_wins_without_an_id_are_named_as_what_is_missing(folder_with):
    logs = three_logs()
    url = folder_with(delivered(replace(logs, wins=logs.wins.drop(columns="auction_id"))))
    found = inspect(f"{url}auctions/", f"{url}clicks/", f"{url}wins/")
    assert found.lacks == ("no column of the win logs looks like the id of a row; set win_logs_id_columns",)


def test_the_command_for_an_iceberg_table_adds_an_entity_that_runs(base_path, paste):
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


def test_a_column_with_one_value_a_day_and_an_outcome_that_is_lost_on_the_fullest_day_are_found(folder_with):
    logs = {day: healthy_day(day, 900 if day == DAYS[1] else 800) for day in DAYS}
    logs = {day: put(rows, "weekday", [f"{day:%A}"] * rows.num_rows) for day, rows in logs.items()}
    logs = {day: put(rows, "release", ["r1"] * rows.num_rows) for day, rows in logs.items()}
    logs[DAYS[1]] = put(logs[DAYS[1]], "click", [0] * 900)
    found = inspect(folder_with({f"date={day}/a.parquet": parquet(rows) for day, rows in logs.items()}))

    assert found.roles.columns["outcome_column"] == "click"
    assert "weekday" in found.roles.candidate_features
    assert found.roles.passed_over["release"] == "it has one value"


def test_a_day_that_cannot_be_read_is_not_needed_to_find_what_another_holds(folder_with):
    logs = {f"date={day}/a.parquet": parquet(put(healthy_day(day), "release", ["r1"] * 2_400)) for day in DAYS[1:]}
    found = inspect(folder_with(logs | {f"date={DAYS[0]}/a.parquet": b"PAR1 and no more"}))

    assert found.roles.columns["outcome_column"] == "click"


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
        ([facts("click", values=1, mean=1.0, missing=0.98)], {"outcome_column": "click"}),
        (
            [facts("click", values=2, mean=0.01), facts("is_won", values=2, mean=0.3), facts("imps", **COUNT)],
            {"outcome_column": "click", "exposure_column": "is_won"},
        ),
        (
            [facts("click", values=2, mean=0.01), facts("is_won", values=2, mean=0.3)],
            {"outcome_column": "click", "exposure_column": "is_won"},
        ),
        ([facts("win_price", **COUNT), facts("bid_price", **COUNT)], {"cost_column": "win_price"}),
        ([facts("publisher_revenue", **COUNT), facts("order_id", **COUNT)], {"value_column": "publisher_revenue"}),
        (
            [facts("day", kind="DATE", is_time=True), facts("served_at", kind="TIMESTAMP", is_time=True)],
            {"timestamp_column": "served_at"},
        ),
        (
            [facts("converted_at", is_time=True, missing=0.99), facts("time", is_time=True)],
            {"timestamp_column": "time", "outcome_column": "converted_at"},
        ),
        (
            [facts("click_at", is_time=True, missing=0.99), facts("click", values=2, mean=0.01)],
            {"timestamp_column": "click_at", "outcome_column": "click"},
        ),
        (
            [
                facts("etl_tstamp", is_time=True),
                facts("created", is_time=True),
                facts("collector_tstamp", is_time=True),
            ],
            {"timestamp_column": "collector_tstamp"},
        ),
        (
            [facts("local_time", is_time=True, time_format="%d.%m.%Y"), facts("TimeUsec2", is_time=True)],
            {"timestamp_column": "TimeUsec2"},
        ),
        (
            [facts("clicks", values=2, mean=0.1), facts("impressions", **COUNT)],
            {"outcome_column": "clicks", "exposure_column": "impressions"},
        ),
        ([facts("win_price_micros", **COUNT), facts("revenue", **COUNT)], {"value_column": "revenue"}),
    ],
)
def test_a_role_goes_to_the_column_whose_name_and_values_fit(columns, roles):
    assert likely_roles(columns, ()).columns == roles


MONEY = {"kind": "DOUBLE", "values": 900, "mean": 1.5}


def pair(cost, bid, rows=500, at_most=1.0, above=0.1, ratio=0.7):
    return MoneyPair(cost, bid, rows, at_most, above, ratio)


@pytest.mark.parametrize(
    ("names", "known", "cost", "bid", "questions"),
    [
        *(
            ([cost, bid], MoneyFacts([pair(cost, bid)]), cost, bid, [])
            for cost in ("price", "clearing_price", "win_price", "payprice", "media_cost", "spend", "WinPrice")
            for bid in ("bid", "bid_price", "bidprice", "bid_cpm", "bidAmount")
        ),
        (
            ["win_price", "bid"],
            MoneyFacts([pair("win_price", "bid", at_most=0.97)]),
            "win_price",
            "",
            ["3.0% of 500 rows"],
        ),
        (["win_price", "bid"], MoneyFacts([pair("win_price", "bid", ratio=7e-4)]), "win_price", "", ["per mille"]),
        (
            ["win_price", "bid_cpm"],
            MoneyFacts([pair("win_price", "bid_cpm", at_most=0.0, above=1.0, ratio=700.0)]),
            "win_price",
            "",
            ["per mille"],
        ),
        (["win_price", "bid"], MoneyFacts([pair("win_price", "bid", rows=12)]), "win_price", "", ["too few rows"]),
        (["win_price", "bid"], MoneyFacts(), "win_price", "", ["too few rows"]),
        (
            ["win_price", "media_cost", "bid"],
            MoneyFacts([pair("win_price", "bid"), pair("media_cost", "bid")]),
            "",
            "",
            ["cost_column: win_price or media_cost?", "bid_column: bid? It needs cost_column"],
        ),
        (
            ["win_price", "spend"],
            MoneyFacts([pair("win_price", "spend", at_most=1.0, above=1.0, ratio=1.0)]),
            "win_price",
            "",
            [],
        ),
        (
            ["cost", "bid", "bid_max"],
            MoneyFacts([pair("cost", "bid"), pair("cost", "bid_max"), pair("bid", "bid_max")]),
            "cost",
            "",
            ["bid_column: bid or bid_max?"],
        ),
        (["cost", "price"], MoneyFacts([pair("cost", "price")]), "cost", "", ["bid_column: price?"]),
        (["bid_price"], MoneyFacts(), "", "", ["bid_column: bid_price? It needs cost_column"]),
        (
            ["price"],
            MoneyFacts(lost=[LostRows("price", "won", 400, 0.98)]),
            "",
            "",
            [],
        ),
        (["price"], MoneyFacts(lost=[LostRows("price", "won", 400, 0.001)]), "price", "", []),
        (["price", "bid_floor", "bid_id", "bid_count", "bidding_strategy"], MoneyFacts(), "price", "", []),
    ],
)
def test_cost_and_bid_are_told_by_names_and_amounts_and_what_is_open_is_a_question(names, known, cost, bid, questions):
    found = likely_roles([facts(name, **MONEY) for name in names], (), known)
    assert (found.columns.get("cost_column", ""), found.columns.get("bid_column", "")) == (cost, bid)
    assert len(found.questions) == len(questions)
    for said, part in zip(found.questions, questions, strict=True):
        assert part in said
    assert set(found.evidence) == {key for key in ("cost_column", "bid_column") if found.columns.get(key)}
    assert not {name for name in names if name.startswith("bid") and name[3:] in {"", "_price", "_max", "price"}} & {
        *found.candidate_features
    }


def test_a_price_of_rows_that_were_not_won_is_named_as_no_cost():
    found = likely_roles([facts("price", **MONEY)], (), MoneyFacts(lost=[LostRows("price", "won", 400, 0.98)]))
    assert found.passed_over["price"] == (
        "it has amounts in 98.0% of the rows where won is 0: a bid or a floor, no cost"
    )


def auctions_of_one_log(rows=900, bid_unit=1.0):
    """Return auctions as lines of CSV: a third won, at 70 % of the bid, with a floor in each row."""
    lines = ["ts,auction_id,country,won,bid_price,price_floor,clearing_price,click"]
    for n in range(rows):
        bid, won = 1 + (n % 17) / 10, n % 3 == 0
        paid = f"{bid * 0.7:.4f}" if won else ("" if n % 2 else "0")
        lines.append(
            f"2026-03-06 0{n % 9}:00:00,a{n},{'DE' if n % 2 else 'FR'},{int(won)},{bid * bid_unit:.4f},0.5,{paid},"
            f"{int(won and n % 5 == 0)}"
        )
    return "\n".join(lines).encode()


def test_the_cost_and_the_bid_of_an_auction_log_are_in_the_command_with_their_evidence(folder_with):
    url = folder_with({"date=2026-03-06/log.csv": auctions_of_one_log()})
    printed = inspected(url)
    assert "--set cost_column=clearing_price" in printed
    assert "--set bid_column=bid_price" in printed
    assert "0 or missing in 100.0% of the rows where won is 0" in printed
    assert "clearing_price is at most it in 100.0% of 300 rows, 70% of it" in printed
    assert "to settle" not in printed


def test_a_bid_in_another_unit_is_a_question_above_the_command(folder_with):
    url = folder_with({"date=2026-03-06/log.csv": auctions_of_one_log(bid_unit=1000)})
    printed = inspected(url)
    question = "bid_column: bid_price? clearing_price is 0.0007 times it on the mean: one may be per impression"
    assert f"to settle: {question}" in printed
    assert f"\n# {question}" in printed
    assert "--set bid_column" not in printed
    assert json.loads(inspected(url, "--json"))["questions"] == list(inspect(url).questions)


def test_a_bid_in_the_auctions_and_a_cost_in_the_wins_are_a_question(folder_with):
    url = folder_with(three_logs_of_a_dsp())
    found = inspect(f"{url}auctions/", f"{url}clicks/", f"{url}wins/")
    assert "bid_column" not in found.values
    [question] = found.questions
    assert question.startswith("bid_column: bid_price? No row of one log has it and win_price of the win logs")


def test_auctions_without_a_time_are_a_question_also_where_their_wins_are_apart(folder_with):
    url = folder_with(
        {
            "auctions/a.csv": b"auction_id,country\n"
            + b"".join(b"a%d,%s\n" % (n, b"DEUS"[: 2 * (n % 2)]) for n in range(90)),
            "wins/a.csv": b"auction_id,at\n" + b"".join(b"a%d,2026-03-06 0%d:00:00\n" % (n, n % 9) for n in range(90)),
        }
    )
    [question] = inspect(f"{url}auctions/", wins_url=f"{url}wins/").questions
    assert question.startswith("timestamp_column: no column can be read as a time")


def test_amounts_in_millionths_are_said_to_be_counted_as_they_are_and_two_units_are_a_question():
    micros, revenue = facts("win_price_micros", **COUNT | {"mean": 1_200.0}), facts("revenue", **COUNT)
    assert "1,200 on the mean: amounts are counted as they are" in likely_roles([micros], ()).evidence["cost_column"]
    [question] = likely_roles([micros, revenue], ()).questions
    assert question.startswith("cost_column: win_price_micros? By its name it is in another unit than revenue")


def test_a_flag_of_what_came_after_an_impression_says_nothing_of_whether_it_was_won():
    flags = [facts(name, values=2, lowest="0", highest="1", mean=0.5) for name in ("Viewable Impressions", "is_imp")]
    assert money_columns([facts("cost", **MONEY), *flags]) == (["cost"], ["is_imp"])


OF_A_BID = "it looks like what was bid, which a table must not follow"


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (facts("domain", kind="VARCHAR", values=700, shared=0.8), None),
        (facts("page", kind="VARCHAR", values=700, shared=0.1), "it has about 700 values in 1,000 rows"),
        (
            facts("bid_multiplier", **COUNT | {"values": 30}),
            "it looks like what was bid, which a table must not follow",
        ),
        (facts("bid", values=9, mean=2.0), "it looks like what was bid, which a table must not follow"),
        (
            facts("cost", kind="VARCHAR", values=700, highest="3,99", written="a decimal comma"),
            "it is written with a decimal comma, as '3,99', which is not read; write a number with a point",
        ),
        (
            facts("viewability", kind="VARCHAR", values=90, written="a sign of percent"),
            "it looks like an outcome of the row",
        ),
        (facts("click_ts", kind="VARCHAR", values=38), "it looks like an outcome of the row"),
        (facts("click_type", kind="VARCHAR", values=3), None),
        (facts("bid_floor", values=9, mean=2.0), None),
        (facts("multiplier_group", values=9, mean=2.0), None),
    ],
    ids=[
        *("values that rows share", "values of a row each", "a multiplier", "a bid", "a decimal comma", "percents"),
        *("the time of an outcome, or a placeholder", "a kind"),
        *("a floor", "a group"),
    ],
)
def test_a_column_that_cannot_be_a_feature_is_passed_over_with_the_reason(column, reason):
    assert likely_roles([column], ()).passed_over.get(column.name) == reason


@pytest.mark.parametrize("name", ["geo, or region", " blank", "[list"], ids=["a comma", "a blank before", "a bracket"])
def test_a_column_whose_name_is_no_plain_item_of_a_list_is_named_all_the_same(folder_with, name):
    logs = {
        day: rows.rename_columns([name if c == "country" else c for c in rows.column_names])
        for day, rows in plain().items()
    }
    found = inspect(folder_with({f"date={day}/a.parquet": parquet(rows) for day, rows in logs.items()}))
    key = next(key for key in seeds.config_keys() if key.key == "candidate_features")

    assert name in read_value(key, found.values["candidate_features"])


@pytest.mark.parametrize(
    ("name", "kinds", "told"),
    [
        ("event_type", ("imp", "click"), (("imp",), ("click",), ())),
        ("Event Name", ("defaultImpression", "defaultClick"), (("defaultImpression",), ("defaultClick",), ())),
        ("event", ("bid", "win", "impression", "click"), (("impression",), ("click",), ("bid", "win"))),
        (
            "event_type",
            ("impression", "viewable_impression", "conversion", "click"),
            (("impression",), ("click",), ("viewable_impression", "conversion")),
        ),
        ("event_type", ("imp", "view"), None),
        ("ad_type", ("banner", "video"), None),
        ("country", ("imp", "click"), None),
    ],
)
def test_one_kind_of_lines_is_rows_and_one_is_outcomes_where_a_log_holds_several(name, kinds, told):
    found = mixed_kinds([facts(name, kind="VARCHAR", values=len(kinds), examples=kinds)])
    assert (found and (found.rows, found.outcomes, found.others)) == told


IDS = facts("auction_id", kind="VARCHAR", values=1_000)
OTHER_IDS = facts("AuctionId", kind="VARCHAR", values=990)
FLAG = facts("win", values=1, mean=1.0)
AT = facts("rx_timestamp", kind="VARCHAR", is_time=True, values=900)


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        (
            [IDS, AT, facts("win_cost_micros_usd", values=1_000, mean=900.0), facts("bid_price_micros", **COUNT)],
            {"win_logs_id_columns": "auction_id", "win_logs_cost_column": "win_cost_micros_usd"},
        ),
        (
            [
                OTHER_IDS,
                AT,
                facts("clearing_price", mean=1.2),
                facts("price", **COUNT),
            ],
            {"win_logs_id_columns": "AuctionId", "win_logs_cost_column": "clearing_price"},
        ),
        (
            [IDS, AT, FLAG, facts("floor_price", **COUNT)],
            {"win_logs_id_columns": "auction_id"},
        ),
    ],
)
def test_what_a_win_cost_is_told_by_its_name(columns, roles):
    assert likely_event_roles(columns, ["auction_id"], WINS) == roles | {"win_logs_time_column": "rx_timestamp"}
