"""Plays a closed loop of the product and a simulated bidder, night by night.

Every night the product's own steps make a table from the night's logs; the next night's requests are bid by what
`active.json` points at. Figures are expectations over the night's requests relative to a multiplier of 1, without the
noise of wins and clicks.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pyarrow.parquet as pq
from sqlalchemy import text

from market import Market, Night, Reading, play, read_active
from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.run.request import RunRequest
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import activation, active_copy, connections, entities
from rtb_optimizer.store.activation import DecisionRecord
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.objects import ObjectStore, active_key, split_url
from rtb_optimizer.store.runs import Attempt

FIRST = date(2026, 3, 1)
DECIDED = time(3, 30)
FAR = timedelta(days=120)
"""No loop is as long: a decision that is later has the machine's clock still."""
CONFIG = {
    "outcome_column": "click",
    "cost_column": "price",
    "timestamp_column": "event_time",
    "row_id_columns": "auction_id",
    "candidate_features": "placement, device, country, ad_size, noise",
}


@dataclass
class Loop:
    """A closed loop of one entity: its market, its configuration, and what the bidder has read so far.

    `follows` is whether the bidder reads the tables at all; `keeps_time` whether the decision history has the loop's
    clock, as in operation, instead of the machine's.
    """

    base_path: str
    code: str = "loop"
    market: Market = field(default_factory=Market)
    config: Mapping[str, str] = field(default_factory=dict)
    follows: bool = True
    keeps_time: bool = True
    columns: Callable[[list[str]], list[str]] = list
    readings: list[Reading] = field(default_factory=list)
    nights: list[Night] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Add the entity."""
        own = {"logs_path": f"{self.base_path}/{self.code}-logs/date={{date}}/"}
        new = NewEntity(self.code, self.code, 1334, "ssp", f"{self.base_path}/{self.code}", own | CONFIG | self.config)
        with connections.session() as session:
            entities.add(session, new, "loop")
            session.commit()
        self.store = ObjectStore.of(self.base_path)

    @property
    def active_key(self) -> str:
        """The key of `active.json`."""
        return active_key(f"{self.base_path}/{self.code}")

    @property
    def nights_of(self) -> list[date]:
        """The days that were played."""
        return [FIRST + timedelta(days=n) for n in range(len(self.nights))]

    @property
    def day(self) -> date:
        """The day that is played next."""
        return FIRST + timedelta(days=len(self.nights))

    def play(self) -> Night:
        """Let the bidder play a night, and deliver its logs."""
        night = play(self.market, self.day, self.readings, follows=self.follows)
        self.deliver(night)
        return night

    def deliver(self, night: Night) -> None:
        """Deliver the logs of the day that is played next, with the columns that this loop logs."""
        prefix = split_url(f"{self.base_path}/{self.code}-logs/date={self.day}/")[1]
        body = io.BytesIO()
        pq.write_table(night.log.select(self.columns(night.log.column_names)), body)
        self.store.put_once(f"{prefix}part-0.parquet", body.getvalue())
        self.store.put_once(f"{prefix}_SUCCESS", b"\n")
        self.nights.append(night)

    def output(self, output_type: str) -> bytes:
        """Return an output of the active run."""
        active = json.loads(self.store.read(self.active_key))
        return self.store.read(active["outputs"][output_type]["s3_key"])

    def run(self, day: date | None = None) -> DecisionRecord:
        """Run the optimizer over a day, the last one played by default; the bidder reads what is active then."""
        of = day or self.day - timedelta(days=1)
        now = datetime.combine(self.day, DECIDED, UTC)
        window = WindowRequest(now, data_start=f"{of}", data_end=f"{of + timedelta(days=1)}")
        attempt = Attempt(f"rtb_optimizer__{self.code}", f"manual__{self.day}_{of}")
        record = in_process.run(RunRequest(self.code, attempt, window, "manual:loop", {}))
        self.read(now)
        return record

    def roll_back(self) -> None:
        """Go back to the run that was active before, a minute after the last decision."""
        with connections.session() as session:
            activation.roll_back(session, self.code, "loop", "a test of it")
            session.commit()
        self.read(datetime.combine(self.day, DECIDED, UTC) + timedelta(minutes=1))

    def read(self, now: datetime) -> None:
        """Set the clock of the last decision, and let the bidder read what is active."""
        with connections.session() as session:
            if self.keeps_time:
                fresh = (
                    "SELECT id FROM opt_run_decisions JOIN opt_entities USING (entity_id) "
                    "WHERE entity_code = :c AND decided_at > :future"
                )
                session.execute(
                    text(f"UPDATE opt_run_decisions SET decided_at = :now WHERE id IN ({fresh})"),
                    {"now": now, "c": self.code, "future": datetime.combine(FIRST + FAR, time(), UTC)},
                )
                session.commit()
            active_copy.refresh(session, self.code)
            session.commit()
        self.readings.append(read_active(self._object, self.active_key, now))

    def _object(self, key: str) -> bytes | None:
        return None if self.store.stored(key) is None else self.store.read(key)
