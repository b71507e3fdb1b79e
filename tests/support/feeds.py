"""Log feeds as vendors and warehouses deliver them: own field names, time formats, spellings of a missing value."""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kinds_of_logs import DAYS

ROWS = 2_000
RATE = 0.04
SLOTS = ("top", "side", "foot", "feed", "story", "intro")
COUNTRIES = ("DE", "FR", "US", "JP", "BR")
DEVICES = ("phone", "tablet", "desktop")
BROWSERS = ("chrome", "safari", "firefox", "edge")


@cache
def world():
    """Return three days of impressions whose clicks follow slot, country and device; `at` is naive UTC."""
    draw = np.random.default_rng(2026)
    frames = []
    for day in DAYS:
        slot, country = draw.integers(0, len(SLOTS), ROWS), draw.integers(0, len(COUNTRIES), ROWS)
        device, seconds = draw.integers(0, len(DEVICES), ROWS), np.sort(draw.integers(0, 86_400, ROWS))
        effect = np.array([2.6, 0.3, 0.2, 1.5, 1.0, 0.4])[slot] * np.array([2.0, 1.2, 0.8, 0.5, 0.3])[country]
        price = np.round(draw.uniform(0.2, 4.0, ROWS), 4)
        frames.append(
            pd.DataFrame(
                {
                    "n": np.arange(ROWS) + 1_000_000 * day.toordinal(),
                    "day": day,
                    "at": pd.to_datetime(day) + pd.to_timedelta(seconds, "s"),
                    "slot": np.array(SLOTS)[slot],
                    "country": np.array(COUNTRIES)[country],
                    "device": np.array(DEVICES)[device],
                    "browser": np.array(BROWSERS)[draw.integers(0, 4, ROWS)],
                    "user": draw.integers(1, 2_000, ROWS),
                    "price": price,
                    "bid": np.round(price * draw.uniform(1.05, 1.6, ROWS), 4),
                    "click": (draw.random(ROWS) < RATE * effect * np.array([1.6, 1.0, 0.5])[device]).astype(int),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@dataclass
class Feed:
    """Objects by path, what inspect is asked, and what it finds.

    `found` are config keys with `{url}` for the folder; `said` are parts of what it prints; `features` are what columns
    hold that follow the world's, as texts.
    """

    objects: Callable[[], dict[str, bytes]]
    rows: str = ""
    outcomes: str = ""
    columns: Sequence[str] = ()
    found: dict[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    features: dict[str, Callable[[pd.DataFrame], pd.Series]] = field(default_factory=dict)


def text(frame, sep=",", **options):
    return frame.to_csv(index=False, sep=sep, **options).encode(options.get("encoding", "utf-8"))


def parquet(frame):
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), body)
    return body.getvalue()


def lines(records):
    return "\n".join(json.dumps(each) for each in records).encode()


def by_day(write, path):
    def objects():
        w = world()
        return {path.format(day=day, n=n): write(w[w["day"] == day]) for n, day in enumerate(DAYS)}

    return objects


def by_hour(write, path):
    def objects():
        w = world()
        hours = w["at"].dt.hour
        return {
            path.format(day=day, hour=hour, n=n * 24 + hour): write(w[(w["day"] == day) & (hours == hour)])
            for n, day in enumerate(DAYS)
            for hour in range(24)
        }

    return objects


def micros(w, shift=0):
    return (w["at"] - pd.Timestamp(0)) // pd.Timedelta("1us") + shift


def epoch(w):
    return (w["at"] - pd.Timestamp(0)) // pd.Timedelta("1s")


def stamp(w, form):
    return w["at"].dt.strftime(form)


def coded(column, values, first):
    return column.map({value: first + n for n, value in enumerate(values)})


# -- ad servers -------------------------------------------------------------------------------------------------------
def gam_impressions(w):
    return gzip.compress(
        text(
            pd.DataFrame(
                {
                    "Time": stamp(w, "%Y-%m-%d-%H:%M:%S"),
                    "AdvertiserId": 4_500_000 + w["n"] % 3,
                    "OrderId": 2_100_000_000 + w["n"] % 5,
                    "LineItemId": 5_100_000_000 + w["n"] % 9,
                    "CreativeId": 138_000_000_000 + w["n"] % 11,
                    "CreativeSize": np.where(w["n"] % 2, "300x250", "728x90"),
                    "AdUnitId": coded(w["slot"], SLOTS, 21_700_000_001),
                    "Domain": "news.example",
                    "Country": w["country"],
                    "DeviceCategory": w["device"],
                    "Browser": w["browser"],
                    "TimeUsec2": micros(w, w["n"] % 997),
                    "KeyPart": [f"CK{n:x}Qw" for n in w["n"]],
                    "UserId": [f"CAESE{u}" for u in w["user"]],
                    "EstimatedBackfillRevenue": w["price"] / 1000,
                    "Product": "Ad Server",
                }
            )
        )
    )


def gam_clicks(w):
    w = w[w["click"] == 1].assign(at=lambda c: c["at"] + timedelta(seconds=9))
    return gzip.compress(
        text(
            pd.DataFrame(
                {
                    "Time": stamp(w, "%Y-%m-%d-%H:%M:%S"),
                    "AdUnitId": coded(w["slot"], SLOTS, 21_700_000_001),
                    "TimeUsec2": micros(w),
                    "KeyPart": [f"CK{n:x}Qw" for n in w["n"]],
                    "UserId": [f"CAESE{u}" for u in w["user"]],
                }
            )
        )
    )


def both(*objects):
    return lambda: {path: body for each in objects for path, body in each().items()}


def cm360(w):
    return gzip.compress(
        text(
            pd.DataFrame(
                {
                    "Event Time": micros(w),
                    "User ID": w["user"].map(lambda u: f"AMsySZ{u}" if u % 3 else "0"),
                    "Impression ID": [f"CNK{n}" for n in w["n"]],
                    "Advertiser ID": 8_100_001,
                    "Campaign ID": 20_000_000 + w["n"] % 4,
                    "Placement ID": coded(w["slot"], SLOTS, 250_000_001),
                    "Country Code": w["country"],
                    "Browser/Platform ID": coded(w["browser"], BROWSERS, 1),
                    "Device": w["device"],
                    "Event Type": "VIEW",
                    "Event Sub-Type": "VIEW",
                    "DBM Auction ID": [f"ABAjH0{n}" for n in w["n"]],
                    "DBM Media Cost (USD)": (w["price"] * 1e6).astype("int64"),
                    "DBM Bid Price (USD)": (w["bid"] * 1e6).astype("int64"),
                    "Active View: Eligible Impressions": 1,
                    "Active View: Measurable Impressions": 1,
                    "Active View: Viewable Impressions": w["click"],
                }
            )
        )
    )


def reds(w, *, columns=False):
    frame = pd.DataFrame(
        {
            "LogEntryTime": stamp(w, "%Y-%m-%dT%H:%M:%S.%f").str[:-3],
            "ImpressionId": [f"{n:08x}-0000-4000-8000-{n:012x}" for n in w["n"]],
            "PartnerId": "p4rtn3r",
            "AdvertiserId": "4dv3rt",
            "AdGroupId": w["n"].map(lambda n: f"adg{n % 6}"),
            "PrivateContractId": "",
            "PartnerCostInUSDollars": w["price"] / 1000,
            "Site": w["slot"] + ".example",
            "Country": w["country"],
            "DeviceType": coded(w["device"], DEVICES, 2),
            "Browser": w["browser"],
            "TDID": [f"{u:08x}-0000-4000-8000-{u:012x}" for u in w["user"]],
            "Clicked": w["click"],
        }
    )
    return list(frame.columns) if columns else gzip.compress(text(frame, "\t", header=False))


# -- exchanges ---------------------------------------------------------------------------------------------------------
def standard_feed(w):
    rows = pd.DataFrame(
        {
            "auction_id_64": 4_611_686_018_427_387_904 + w["n"] * 7_919,
            "date_time": epoch(w),
            "event_type": "imp",
            "media_cost_dollars_cpm": w["price"],
            "buyer_bid": w["bid"],
            "user_id_64": 3_000_000_000_000_000_000 + w["user"],
            "geo_country": w["country"],
            "device_type": coded(w["device"], DEVICES, 1),
            "browser": coded(w["browser"], BROWSERS, 5),
            "tag_id": coded(w["slot"], SLOTS, 30_000_001),
            "site_domain": np.where(w["n"] % 7, "news.example", "---"),
            "external_inv_id": 0,
            "is_imp": 1,
            "is_click": 0,
        }
    )
    clicks = rows[w["click"].to_numpy() == 1]
    clicks = clicks.assign(date_time=clicks["date_time"] + 20, event_type="click", is_imp=0, media_cost_dollars_cpm=0.0)
    mixed = pd.concat([rows, clicks], ignore_index=True).drop(columns=["is_click", "is_imp"])
    return parquet(mixed.sort_values("date_time"))


def freewheel(w):
    rows = pd.DataFrame(
        {
            "Transaction ID": w["n"].map(lambda n: f"{n}_1"),
            "Event Time": stamp(w, "%Y-%m-%d %H:%M:%S+0000"),
            "Event Name": "defaultImpression",
            "Event Type": "I",
            "Site Section ID": coded(w["slot"], SLOTS, 900_001),
            "Country": w["country"],
            "Platform Device": w["device"],
            "Net Value": (w["price"] / 1000).round(7),
        }
    )
    clicks = rows[w["click"].to_numpy() == 1].assign(**{"Event Name": "defaultClick", "Event Type": "C"})
    clicks["Event Time"] = stamp(
        w[w["click"] == 1].assign(at=lambda c: c["at"] + timedelta(seconds=5)), "%Y-%m-%d %H:%M:%S+0000"
    )
    return gzip.compress(text(pd.concat([rows, clicks]), quoting=1))


# -- measurement -------------------------------------------------------------------------------------------------------
def appsflyer(w):
    return gzip.compress(
        text(
            pd.DataFrame(
                {
                    "Attributed Touch Type": "click",
                    "Attributed Touch Time": stamp(w, "%Y-%m-%d %H:%M:%S"),
                    "Install Time": stamp(w, "%Y-%m-%d %H:%M:%S").where(w["click"] == 1, ""),
                    "Event Revenue USD": (w["price"] * w["click"]).map(lambda v: f"{v:.2f}" if v else ""),
                    "Media Source": w["browser"] + "_int",
                    "Site ID": w["slot"],
                    "Country Code": w["country"],
                    "Device Category": w["device"],
                    "AppsFlyer ID": [f"1{n}-{u}" for n, u in zip(w["n"], w["user"], strict=True)],
                    "IDFA": "",
                    "IP": [f"10.0.{u % 256}.{n % 256}" for n, u in zip(w["n"], w["user"], strict=True)],
                }
            )
        )
    )


def snowplow(w, *, columns=False):
    frame = pd.DataFrame(
        {
            "app_id": "ads",
            "platform": "web",
            "etl_tstamp": stamp(w.assign(at=w["at"] + timedelta(hours=5)), "%Y-%m-%d %H:%M:%S.000"),
            "collector_tstamp": stamp(w, "%Y-%m-%d %H:%M:%S.000"),
            "dvce_created_tstamp": stamp(w.assign(at=w["at"] - timedelta(hours=2)), "%Y-%m-%d %H:%M:%S.000"),
            "event": "struct",
            "event_id": [f"{n:08x}-0000-4000-8000-{n:012x}" for n in w["n"]],
            "domain_userid": [f"u{u}" for u in w["user"]],
            "geo_country": w["country"],
            "se_category": "ad",
            "se_label": w["slot"],
            "dvce_type": w["device"],
            "br_family": w["browser"],
            "contexts": '{"data":[{"a":"b"}]}',
            "clicked": w["click"],
        }
    )
    return list(frame.columns) if columns else gzip.compress(text(frame, "\t", header=False, quoting=3))


def cloudfront(w):
    frame = pd.DataFrame(
        {
            "date": stamp(w, "%Y-%m-%d"),
            "time": stamp(w, "%H:%M:%S"),
            "x-edge-location": "FRA50-C1",
            "sc-bytes": 412,
            "c-country": w["country"],
            "cs-method": "GET",
            "cs(Host)": "d111.cloudfront.example",
            "cs-uri-stem": "/px/" + w["slot"],
            "sc-status": 200,
            "cs(User-Agent)": w["device"] + "%20agent",
            "x-edge-request-id": [f"{n:x}==" for n in w["n"]],
            "clicked": w["click"],
        }
    )
    head = "#Version: 1.0\n#Fields: " + " ".join(frame.columns) + "\n"
    return gzip.compress(head.encode() + text(frame, "\t", header=False))


# -- warehouses --------------------------------------------------------------------------------------------------------
def warehouse(w):
    return pd.DataFrame(
        {
            "request_id": [f"r-{n:x}" for n in w["n"]],
            "event_ts": stamp(w, "%Y-%m-%d %H:%M:%S"),
            "placement_id": w["slot"],
            "geo": w["country"],
            "device_type": w["device"],
            "browser": w["browser"],
            "deal": np.where(w["n"] % 5, None, "d1"),
            "win_price": w["price"],
            "bid_price": w["bid"],
            "clicked": w["click"],
        }
    )


def clickhouse(w):
    frame = warehouse(w).assign(title=[f'12" {s}' if n % 3 else '"q' for n, s in zip(w["n"], w["slot"], strict=True)])
    return text(frame, "\t", na_rep="\\N", quoting=3, quotechar="\x02")


def bigquery(w):
    return gzip.compress(
        lines(
            {
                "event_ts": f"{t} UTC",
                "auction_id": f"a{n}",
                "device": {"type": d, "browser": b},
                "geo": {"country": c},
                "slots": [{"id": s, "sizes": ["300x250", "728x90"]}],
                "win_price_micros": str(int(p * 1_000_000)),
                "clicks": str(k),
                "impressions": "1",
            }
            for t, n, d, b, c, s, p, k in zip(
                stamp(w, "%Y-%m-%d %H:%M:%S"),
                w["n"],
                w["device"],
                w["browser"],
                w["country"],
                w["slot"],
                w["price"],
                w["click"],
                strict=False,
            )
        )
    )


def snowflake(w, *, header=False):
    frame = warehouse(w).assign(
        event_ts=stamp(w, "%Y-%m-%d %H:%M:%S.000 +0000"),
        deal=np.where(w["n"] % 5, "\\N", "d1"),
        clicked=np.where(w["click"], "true", "false"),
    )
    return gzip.compress(text(frame.rename(columns=str.upper), quoting=2, header=header))


def redshift(w):
    frame = warehouse(w).assign(clicked=np.where(w["click"], "t", "f"), deal=np.where(w["n"] % 5, "x", "d1"))
    return gzip.compress(text(frame, "|", header=False))


def excel(w, encoding="utf-8-sig"):
    frame = warehouse(w).assign(
        event_ts=stamp(w, "%d.%m.%Y %H:%M:%S"),
        win_price=w["price"].map(lambda v: f"{v:.4f}".replace(".", ",")),
        bid_price=w["bid"].map(lambda v: f"{v:.4f}".replace(".", ",")),
        city=w["country"].map({"DE": "München", "FR": "Orléans", "US": "Reno", "JP": "Kobe", "BR": "Belém"}),
    )
    return frame.to_csv(index=False, sep=";", lineterminator="\r\n").encode(encoding)


def american(w):
    frame = warehouse(w).assign(
        event_ts=stamp(w, "%m/%d/%Y %I:%M:%S %p"),
        win_price=w["price"].map(lambda v: f"${v:,.4f}"),
        bid_price=w["bid"].map(lambda v: f"${v:,.4f}"),
        clicked=np.where(w["click"], "Y", "N"),
        viewability=[f"{n % 100}.0%" for n in w["n"]],
    )
    return text(frame)


def fractions(w):
    frame = warehouse(w).assign(
        event_ts=epoch(w).map(lambda t: f"{t}.125"),
        loaded_at=stamp(w.assign(at=w["at"] + timedelta(hours=7)), "%Y-%m-%d %H:%M:%S"),
        event_date=stamp(w, "%Y-%m-%d"),
        click_time=stamp(w, "%Y-%m-%d %H:%M:%S").where(w["click"] == 1, "NULL"),
    )
    return text(frame.drop(columns="clicked"))


def aggregated(w):
    w = w.assign(imps=1 + w["n"] % 40)
    return text(
        pd.DataFrame(
            {
                "event_date": w["day"].astype(str),
                "campaign": "c" + (w["n"] % 4).astype(str),
                "site": w["slot"],
                "iso_country_code": w["country"],
                "device_type": w["device"],
                "impressions": w["imps"],
                "clicks": w["click"],
                "total_cost": (w["price"] * w["imps"]).round(2),
            }
        )
    )


GAM = both(
    by_hour(gam_impressions, "NetworkImpressions_1234567_{day:%Y%m%d}_{hour:02d}.gz"),
    by_day(gam_clicks, "NetworkClicks_1234567_{day:%Y%m%d}.gz"),
)
WAREHOUSE = list(warehouse(world()).columns)


def same(column):
    return lambda w: w[column]


RUN = {
    "files an hour of two kinds in one folder, as of Ad Manager": Feed(
        GAM,
        "NetworkImpressions",
        "NetworkClicks",
        found={
            "logs_path": "{url}NetworkImpressions_1234567_{date:%Y%m%d_%H}.gz",
            "outcome_logs_path": "{url}NetworkClicks_1234567_{date:%Y%m%d}.gz",
            "timestamp_column": "TimeUsec2",
            "row_id_columns": "KeyPart",
            "candidate_features": "AdvertiserId,OrderId,LineItemId,CreativeId,CreativeSize,AdUnitId,Country,"
            "DeviceCategory,Browser",
        },
        features={
            "AdUnitId": lambda w: coded(w["slot"], SLOTS, 21_700_000_001).astype(str),
            "Country": same("country"),
            "DeviceCategory": same("device"),
        },
    ),
    "impressions and clicks as lines of one feed, as of Xandr": Feed(
        by_hour(standard_feed, "standard_feed/{day:%Y_%m_%d}_{hour:02d}/part-00.parquet"),
        found={
            "logs_path": "{url}standard_feed/{date:%Y_%m_%d_%H}/",
            "outcome_logs_path": "{url}standard_feed/{date:%Y_%m_%d_%H}/",
            "row_filter": '{"event_type": ["imp"]}',
            "outcome_logs_kind_column": "event_type",
            "outcome_kinds": '{"click": 1}',
            "row_id_columns": "auction_id_64",
            "cost_column": "media_cost_dollars_cpm",
            "bid_column": "buyer_bid",
            "candidate_features": "geo_country,device_type,browser,tag_id",
        },
        features={
            "tag_id": lambda w: coded(w["slot"], SLOTS, 30_000_001).astype(str),
            "geo_country": same("country"),
            "device_type": lambda w: coded(w["device"], DEVICES, 1).astype(str),
        },
    ),
    "an access log below its remarks, as of CloudFront": Feed(
        by_day(cloudfront, "cf/E2ABC.{day}.1a2b3c4d.gz"),
        found={
            "logs_path": "{url}cf/E2ABC.{date}.1a2b3c4d.gz",
            "timestamp_column": "date",
            "outcome_column": "clicked",
            "candidate_features": "c-country,cs-uri-stem,cs(User-Agent)",
        },
        features={
            "cs-uri-stem": lambda w: "/px/" + w["slot"],
            "c-country": same("country"),
            "cs(User-Agent)": lambda w: w["device"] + "%20agent",
        },
    ),
    "an unload without a header, as of Snowflake": Feed(
        by_day(snowflake, "unload/{day:%Y/%m/%d}/data_0_{n}_0.csv.gz"),
        columns=[name.upper() for name in WAREHOUSE],
        found={
            "timestamp_column": "EVENT_TS",
            "timestamp_format": "%Y-%m-%d %H:%M:%S.%f %z",
            "csv_columns": ",".join(WAREHOUSE).upper(),
            "outcome_column": "CLICKED",
            "cost_column": "WIN_PRICE",
        },
        features={"PLACEMENT_ID": same("slot"), "GEO": same("country"), "DEVICE_TYPE": same("device")},
    ),
    "clicks as times beside a time of loading": Feed(
        by_day(fractions, "{day}/a.csv"),
        found={"timestamp_column": "event_ts", "outcome_column": "click_time", "cost_column": "win_price"},
        features={"placement_id": same("slot"), "geo": same("country"), "device_type": same("device")},
    ),
}
LOOKED_AT = {
    "two times in the names of files, money in millionths, as of Campaign Manager": Feed(
        by_day(cm360, "dcm_account_1234_impression_{day:%Y%m%d}07_20260310_123000_241{n}.csv.gz"),
        found={
            "logs_path": "{url}",
            "timestamp_column": "Event Time",
            "outcome_column": "Active View: Viewable Impressions",
            "cost_column": "DBM Media Cost (USD)",
            "bid_column": "DBM Bid Price (USD)",
        },
        said=("on the mean: amounts are counted as they are, in millionths",),
    ),
    "tab separated without a header, as of REDS": Feed(
        by_day(reds, "ttd/date={day}/hour=07/impressions_p4rtn3r_{day:%Y%m%d}T07_0.log.gz"),
        columns=reds(world(), columns=True),
        found={"timestamp_column": "LogEntryTime", "outcome_column": "Clicked", "logs_path": "{url}ttd/date={date}/"},
    ),
    "lines of several kinds, quoted, as of FreeWheel": Feed(
        by_day(freewheel, "V4Logs_{day:%Y%m%d}.csv.gz"),
        found={
            "row_filter": '{"Event Name": ["defaultImpression"]}',
            "outcome_kinds": '{"defaultClick": 1}',
            "row_id_columns": "Transaction ID",
            "candidate_features": "Site Section ID,Country,Platform Device",
        },
    ),
    "several times, as of Snowplow": Feed(
        by_day(snowplow, "enriched/good/run={day}-03-00-00/part-00000.gz"),
        columns=snowplow(world(), columns=True),
        found={"timestamp_column": "collector_tstamp", "outcome_column": "clicked"},
    ),
    "texts with single quotes, as of ClickHouse": Feed(
        by_day(clickhouse, "{day}.tsv"),
        found={"csv_quote": "none", "outcome_column": "clicked", "logs_path": "{url}{date}.tsv"},
    ),
    "installs as times, as of AppsFlyer": Feed(
        by_day(appsflyer, "t=clicks/dt={day}/h=late/app_id=com.x/part-00000.csv.gz"),
        found={"timestamp_column": "Attributed Touch Time", "outcome_column": "Install Time"},
    ),
    "a spreadsheet of Europe": Feed(
        by_day(excel, "Bericht {day:%Y-%m-%d}.csv"),
        found={"timestamp_column": "event_ts", "timestamp_format": "%d.%m.%Y %H:%M:%S", "cost_column": ""},
        said=("it is written with a decimal comma",),
    ),
    "a report of America": Feed(
        by_day(american, "report_{day:%m-%d-%Y}.csv"),
        found={
            "timestamp_format": "%m/%d/%Y %I:%M:%S %p",
            "candidate_features": "placement_id,geo,device_type,browser",
            "cost_column": "",
        },
        said=("it is written with a currency",),
    ),
    "a report of one day that may be two": Feed(
        lambda: {"report.csv": american(world()[world()["day"] == DAYS[0]])},
        said=("timestamp_format: %d/%m/%Y %I:%M:%S %p or %m/%d/%Y %I:%M:%S %p? Both read event_ts",),
    ),
    "nested records and money in millionths, as of BigQuery": Feed(
        by_day(bigquery, "export/{day:%Y%m%d}/000000000000.json.gz"),
        found={
            "timestamp_column": "event_ts",
            "outcome_column": "clicks",
            "candidate_features": "device.type,device.browser,geo.country,slots.0.id",
        },
        said=("amounts are counted as they are, in millionths",),
    ),
    "counts by day, as of a clean room": Feed(
        by_day(aggregated, "{day}/a.csv"),
        found={"timestamp_column": "event_date", "outcome_column": "clicks", "exposure_column": "impressions"},
    ),
    "files of two kinds in one folder": Feed(
        both(by_day(gam_impressions, "imps_{day}.gz"), by_day(gam_clicks, "clicks_{day}.gz")),
        said=("files of several kinds lie here", "clicks_2026-03-07.gz (5 columns)"),
    ),
    "rows without a time": Feed(
        lambda: {"a.csv": text(warehouse(world()).drop(columns="event_ts"))},
        said=("timestamp_column: no column can be read as a time, so all rows count in every window",),
    ),
}
REFUSED = {
    "an unload whose columns nobody named": (
        Feed(by_day(redshift, "dt={day}/000{n}_part_00.gz")),
        "is a row and names no columns (r-ac387b9c80, ",
    ),
    "umlauts in Latin-1": (
        Feed(by_day(lambda w: excel(w, "latin-1"), "{day}.csv")),
        "not utf-8 encoded.; up to 5.0% may be lost (max_lost_share): write the files in UTF-8",
    ),
    "UTF-16": (Feed(by_day(lambda w: excel(w, "utf-16"), "{day}.csv")), "text in UTF-16; write UTF-8"),
    "lines that are cut at blanks": (
        Feed(by_day(lambda w: text(warehouse(w), " "), "{day}.log")),
        "is one field, 'request_id event_ts",
    ),
    "names without a date": (
        Feed(lambda: {"a_1.csv": text(warehouse(world())), "b_1.csv": b"x,y"}, "a_"),
        "move them to a folder of their own",
    ),
}
