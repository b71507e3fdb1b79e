"""The rows of a segment table on the page: searched, filtered and sorted, with two rows as with 50,000."""

import io
from threading import Barrier, Thread

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Run
from rtb_optimizer.web.cache import LRUCache
from rtb_optimizer.web.run import segment_table

FEATURES = ("site", "device")
HOSTILE = [
    '<script>alert("1")</script>',
    "\"quoted\" 'twice' & more",
    "😀 emoji",
    "*",
    "a|b\\c",
    "\u202etxt.exe",
    "?tab=config&segment=x#y",
]


def parquet(rows, features=FEATURES, without=(), any_value=None):
    """A segment table of (values by feature order, multiplier, exposures), the default first."""
    rows = [([None] * len(features), 0.9, 1e6), *rows]
    columns = {"segment": [segment_key(values) for values, _, _ in rows]}
    for n, name in enumerate(features):
        columns[f"feature_{name}"] = pa.array(
            [any_value if values[n] is None else values[n] for values, _, _ in rows], pa.string()
        )
    exposures = [exposure for _, _, exposure in rows]
    columns |= {"rows": exposures, "exposures": exposures, "outcomes": [e / 100 for e in exposures]}
    columns |= {name: [1.0] * len(rows) for name in ("value", "cost", "expected", "prior", "events")}
    columns |= {"factor": [m for _, m, _ in rows], "factor_low": [0.5] * len(rows), "factor_high": [2.0] * len(rows)}
    columns |= {"tier": ["low" if e < 100 else "high" for e in exposures], "no_bid": [False] * len(rows)}
    columns |= {"multiplier": [m for _, m, _ in rows], "is_default": [n == 0 for n in range(len(rows))]}
    body = io.BytesIO()
    pq.write_table(pa.table({name: column for name, column in columns.items() if name not in without}), body)
    return body.getvalue()


FEW = [
    (["a.com", None], 1.5, 1000.0),
    (["b.com", None], 0.5, 5000.0),
    ([None, "phone"], 1.1, 20000.0),
    (["a.com", "phone"], 2.0, 50.0),
]


@pytest.fixture
def listed(browser, read):
    """The segments that a run's page lists, and what it says of their number."""

    def rows(run_id, **query):
        answer = browser.get(f"/rtb/runs/{run_id}", params={"tab": "segments"} | query)
        assert answer.status_code == 200, answer.text
        page = read(answer)
        found = page.select('[aria-label="Segments"] tbody tr')
        return ["".join(" ".join(row.th.strings).split()) for row in found], page

    return rows


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["everyrequest", "sitea.com", "siteb.com", "devicephone", "sitea.com,devicephone"]),
        ({"search": "A.COM"}, ["sitea.com", "sitea.com,devicephone"]),
        ({"search": "."}, ["sitea.com", "siteb.com", "sitea.com,devicephone"]),
        ({"feature": "device"}, ["devicephone", "sitea.com,devicephone"]),
        (
            {"feature": "no such feature"},
            ["everyrequest", "sitea.com", "siteb.com", "devicephone", "sitea.com,devicephone"],
        ),
        ({"tier": "low"}, ["sitea.com,devicephone"]),
        ({"sort": "best"}, ["devicephone", "sitea.com", "sitea.com,devicephone"]),
        ({"sort": "worst"}, ["siteb.com"]),
        ({"sort": "exposures"}, ["everyrequest", "devicephone", "siteb.com", "sitea.com", "sitea.com,devicephone"]),
        ({"sort": "highest", "feature": "site"}, ["sitea.com,devicephone", "sitea.com", "siteb.com"]),
        ({"sort": "lowest", "search": "com"}, ["siteb.com", "sitea.com", "sitea.com,devicephone"]),
        ({"sort": "no such order", "page": "2"}, []),
    ],
)
def test_rows_are_searched_filtered_and_sorted(add_output, listed, asked, found):
    assert listed(add_output("segments", parquet(FEW)), **asked)[0] == found


def test_a_table_of_an_earlier_release_has_a_star_for_any_value(add_output, listed):
    now, before = (add_output("segments", parquet(FEW, any_value=sign)) for sign in (None, "*"))

    assert listed(now, feature="site")[0] == listed(before, feature="site")[0] != listed(now)[0]


def test_the_biggest_movers_against_the_active_run_come_first_whatever_the_order_of_features(
    add_output, listed, session
):
    own = add_output("segments", parquet(FEW))
    before = [
        (["phone", None], 1.0, 1.0),
        ([None, "a.com"], 1.5, 1.0),
        ([None, "b.com"], 0.9, 1.0),
        (["tv", "b.com"], 3, 1.0),
    ]
    active = add_output("segments", parquet(before, ("device", "site")))
    entity = session.merge(entities.find(session, "drugs_com"))
    entity.active_run_id = active
    session.commit()
    found, page = listed(own, sort="moved")

    assert found == ["siteb.com", "devicephone", "sitea.com,devicephone"]
    cells = [[cell.text for cell in row.select("td")] for row in page.select('[aria-label="Segments"] tbody tr')]
    assert [row[1:3] for row in cells] == [["0.900", "\u221244.4%"], ["1.000", "+10%"], ["new", "+100%"]]


def test_without_another_table_no_movers_are_offered(add_output, listed):
    _, page = listed(add_output("segments", parquet(FEW)))
    assert "moved" not in [option["value"] for option in page.select('select[name="sort"] option')]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_from_the_logs_is_text_and_its_link_leads_to_its_own_row(add_output, browser, listed, value):
    run_id = add_output("segments", parquet([([value, None], 1.25, 10.0), (["tame", None], 1.0, 10.0)]))
    _, page = listed(run_id, feature="site")
    row = page.select('[aria-label="Segments"] tbody tr')[0]
    answer = browser.get(row.a["href"])

    assert row.b.text == value.replace("\u202e", "\ufffd")
    assert len(page.select('[aria-label="Segments"] tbody tr')) == 2
    assert "<script>alert" not in answer.text
    assert answer.status_code == 200
    assert "Multiplier of this row</dt><dd>1.250" in answer.text


def test_a_row_that_the_table_lacks_is_not_found(add_output, browser):
    run_id = add_output("segments", parquet(FEW))
    assert browser.get(f"/rtb/runs/{run_id}", params={"tab": "segments", "segment": "c.com|*"}).status_code == 404


def test_a_table_of_an_earlier_release_is_listed_as_far_as_it_goes_or_says_what_it_lacks(add_output, listed):
    old = add_output("segments", parquet(FEW, without=("prior", "events", "tier", "no_bid", "factor_low")))
    assert len(listed(old)[0]) == 5
    older = add_output("segments", parquet(FEW, without=("multiplier",)))
    assert "lacks multiplier: an earlier release wrote it" in listed(older)[1].text


@pytest.fixture
def fifty_thousand(add_output):
    """A run whose table has 50,000 rows."""
    rng = np.random.default_rng(3)
    rows = [
        ([f"site {n}" if n % 2 else None, f"device {n}"], m, e)
        for n, (m, e) in enumerate(
            zip(rng.uniform(0.3, 3, 49_999).tolist(), rng.integers(1, 10_000, 49_999).tolist(), strict=True)
        )
    ]
    return add_output("segments", parquet(rows), row_count=50_000)


def test_of_50_000_rows_a_page_is_read_once_and_then_answered_from_memory(fifty_thousand, listed, monkeypatch):
    found, page = listed(fifty_thousand, search="site 49", sort="highest")
    assert len(found) == 50
    assert "page 1 of" in page.select_one(".pages").text
    reads = []
    monkeypatch.setattr(segment_table, "parquet_table", reads.append)
    monkeypatch.setattr(ObjectStore, "read", lambda _self, key: reads.append(key))

    last = listed(fifty_thousand, page="1000")[0]

    assert last[-1] == "devicedevice49998"
    assert len(last) == 50
    assert reads == []


def test_a_page_costs_a_bounded_number_of_statements(fifty_thousand, listed):
    from sqlalchemy import event

    statements = []
    listen = (connections.catalog(), "before_cursor_execute", lambda *told: statements.append(told[2]))
    event.listen(*listen)
    listed(fifty_thousand)
    event.remove(*listen)
    assert 0 < len(statements) <= 10


def test_the_cache_stays_below_its_bound_and_drops_the_least_recently_used_value():
    cache, made = LRUCache(10, len), []

    def value(key):
        return cache.get(key, lambda: made.append(key) or "x" * 4)

    for key in ("a", "b", "a", "c", "a", "b"):
        value(key)

    assert made == ["a", "b", "c", "b"]
    assert cache.byte_size == 8
    assert cache.get("big", lambda: "x" * 11) == "x" * 11
    assert cache.byte_size == 8


def test_what_two_threads_make_at_once_is_counted_once():
    cache, start = LRUCache(100, len), Barrier(2)

    def make():
        start.wait(30)
        return "x" * 7

    threads = [Thread(target=cache.get, args=("a", make)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert cache.byte_size == 7


def test_runs_with_the_same_table_share_the_cached_one(add_output, listed, session, monkeypatch):
    body = parquet([*FEW, (["only here", None], 1.0, 1.0)])
    first, second = add_output("segments", body), add_output("segments", body)
    assert session.get_one(Run, first).run_code != session.get_one(Run, second).run_code
    rows = listed(first)[0]
    monkeypatch.setattr(segment_table, "parquet_table", None)
    assert listed(second)[0] == rows
