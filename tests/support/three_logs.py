"""What a DSP delivers: auctions with their features, wins with their price, clicks; and the three as one plain join.

Wins and clicks are late, repeated, of no auction, without id or time, and clicks come of auctions that were not won.
"""

import gzip
import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kinds_of_logs import DAY, DAYS, LAST, healthy_day

HOURS = 24
JOIN = """
    WITH first_win AS (
        SELECT auction_id, won_at, win_price FROM wins WHERE auction_id IS NOT NULL AND won_at IS NOT NULL
        QUALIFY ROW_NUMBER() OVER (PARTITION BY auction_id ORDER BY won_at) = 1
    ), first_click AS (
        SELECT auction, MIN(clicked_at) AS clicked_at FROM clicks WHERE auction IS NOT NULL GROUP BY auction
    )
    SELECT a.*,
        CASE WHEN w.auction_id IS NULL THEN 0 ELSE 1 END AS won,
        COALESCE(w.win_price, 0) AS paid,
        CASE WHEN c.auction IS NULL THEN 0 ELSE 1 END AS clicked
    FROM auctions AS a
    LEFT JOIN first_win AS w ON w.auction_id = a.auction_id AND w.won_at < a.event_time + to_seconds({hours} * 3600)
    LEFT JOIN first_click AS c ON c.auction = a.auction_id AND c.clicked_at < a.event_time + to_seconds({hours} * 3600)
    ORDER BY a.auction_id
"""
BEFORE_OR_AFTER = """
    SELECT COUNT(*) FILTER (won = 0 AND clicked = 1) AS alone, COUNT(*) FILTER (won = 1) AS won, SUM(clicked) AS clicked
    FROM joined
"""


@dataclass(frozen=True)
class ThreeLogs:
    """The frames of three logs; times are naive UTC, to the second."""

    auctions: pd.DataFrame
    wins: pd.DataFrame
    clicks: pd.DataFrame

    def joined(self, hours=HOURS):
        """Return the three as one, by plain SQL."""
        with duckdb.connect() as database:
            for name in ("auctions", "wins", "clicks"):
                database.register(name, getattr(self, name))
            return database.sql(JOIN.format(hours=hours)).df()

    def facts(self, hours=HOURS):
        """Return how many rows have an outcome and no win, were won, and have an outcome."""
        with duckdb.connect() as database:
            database.register("joined", self.joined(hours))
            return dict(zip(("alone", "won", "clicked"), database.sql(BEFORE_OR_AFTER).fetchall()[0], strict=True))


@cache
def three_logs(seed=11, won=0.7):
    """Return three days of auctions, the share of them that was won, and what was clicked."""
    draw = np.random.default_rng(seed)
    rows = pd.concat([healthy_day(day).to_pandas() for day in DAYS], ignore_index=True)
    rows["event_time"] = rows["event_time"].dt.tz_localize(None).astype("datetime64[us]")
    is_won = draw.random(len(rows)) < won
    auctions = rows[["auction_id", "event_time", "placement", "device", "country"]].assign(
        bid_price=np.round(rows["price"] * draw.uniform(1, 1.6, len(rows)), 4)
    )
    return ThreeLogs(auctions, _wins(draw, rows[is_won]), _clicks(draw, rows, is_won))


def _wins(draw, rows):
    late = np.where(draw.random(len(rows)) < 0.05, 23 * 3600, draw.integers(0, 5, len(rows)))
    late = np.where(draw.random(len(rows)) < 0.02, 30 * 3600, late)  # beyond the attribution
    wins = pd.DataFrame(
        {
            "auction_id": rows["auction_id"].to_numpy(),
            "won_at": rows["event_time"].to_numpy() + late.astype("timedelta64[s]"),
            "win_price": rows["price"].to_numpy(),
        }
    )
    again = wins.sample(frac=0.1, random_state=3)
    again = again.assign(won_at=again["won_at"] + timedelta(minutes=2), win_price=again["win_price"] + 5)
    strangers = wins.head(40).assign(auction_id=[f"elsewhere-{n}" for n in range(40)])
    untimed = wins.head(1).assign(auction_id=["elsewhere"], won_at=[pd.NaT])
    without_id = wins.head(3).assign(auction_id=None)
    return pd.concat([wins, again, strangers, untimed, without_id], ignore_index=True)


def _clicks(draw, rows, is_won):
    is_clicked = (rows["click"] == 1) & (is_won | (draw.random(len(rows)) < 0.01))
    clicked = rows[is_clicked]
    late = np.where(draw.random(len(clicked)) < 0.1, 22 * 3600, draw.integers(5, 300, len(clicked)))
    clicks = pd.DataFrame(
        {
            "auction": clicked["auction_id"].to_numpy(),
            "clicked_at": clicked["event_time"].to_numpy() + late.astype("timedelta64[s]"),
        }
    )
    again = clicks.sample(frac=0.2, random_state=4).assign(clicked_at=lambda c: c["clicked_at"] + timedelta(seconds=3))
    return pd.concat([clicks, again], ignore_index=True)


def csv(frame):
    """Return a frame as packed text."""
    return gzip.compress(frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").encode(), mtime=0)


def parquet(frame):
    """Return a frame as Parquet."""
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), body)
    return body.getvalue()


def by_day(frame, time, path, write, days=None):
    """Return objects by path, a folder for each day that has a row; rows without a time are with the last day's."""
    of_row = frame[time].dt.date.fillna(LAST)
    days = days or [*DAYS, LAST + DAY, LAST + 2 * DAY]
    return {path.format(day=day): write(rows) for day in days if len(rows := frame[of_row == day])}


def delivered(logs, write=csv, ending=".csv.gz"):
    """Return the objects of three logs, a folder each."""
    return {
        **by_day(logs.auctions, "event_time", "auctions/{day}/auction_log" + ending, write),
        **by_day(logs.wins, "won_at", "wins/{day}/win_log" + ending, write),
        **by_day(logs.clicks, "clicked_at", "clicks/{day}/click_log" + ending, write),
    }


CONFIG = {
    "completion_marker": "",
    "lookback_days": "3",
    "timestamp_column": "event_time",
    "row_id_columns": "auction_id",
    "outcome_column": "clicked",
    "value_column": "",
    "exposure_column": "won",
    "cost_column": "paid",
    "bid_column": "bid_price",
    "candidate_features": "placement, device, country",
    "anchor_features": "placement",
    "freshness_timeout_minutes": "0",
    "macro_formats": "",
    "max_lost_share": "0.02",
}
WINS_APART = {
    "win_logs_path": "{base}/wins/{date}/",
    "win_logs_time_column": "won_at",
    "win_logs_cost_column": "win_price",
}
CLICKS_APART = {
    "outcome_logs_path": "{base}/clicks/{date}/",
    "outcome_logs_id_columns": "auction",
    "outcome_logs_time_column": "clicked_at",
}
