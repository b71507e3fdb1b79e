"""The page that explains a bid, whatever was written into its form or into the logs."""

import io
from itertools import cycle, islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.outputs.explain import explain
from rtb_optimizer.outputs.report_page.formatting import formatted
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import split_url
from seeded_logs import NIGHTS

HOSTILE = ['<img src=x onerror="alert(1)">', "\"'&;", "😀|*", "long" * 64, "*"]


@pytest.fixture
def active(ran):
    (run_id,) = ran({}, anchor_features="internal_adspace_id, device_type")
    return run_id


@pytest.fixture
def shown(browser, read):
    """The main part of the page, which must answer."""

    def main(given=(), entity_code="drugs_com"):
        asked = {f"feature_{name}": value for name, value in dict(given).items()}
        answer = browser.get(f"/rtb/entities/{entity_code}/explain", params=asked)
        assert answer.status_code == 200, answer.text
        return read(answer).select_one("main")

    return main


def rows_of(main, label):
    table = main.select_one(f'[aria-label="{label}"]')
    return [[" ".join(cell.stripped_strings) for cell in row.select("th, td")] for row in table.select("tbody tr")]


@pytest.mark.usefixtures("active")
def test_the_answer_is_the_bid_and_all_that_it_stands_on(shown, session):
    given = {"internal_adspace_id": "1000", "device_type": "no such device"}
    explanation = explain(session, "drugs_com", given)
    main = shown(given)

    assert next(main.select_one(".card dd").stripped_strings) == formatted(explanation.multiplier, "multiplier")
    assert [row[0] for row in rows_of(main, "Rows that match")] == [row.segment for row in explanation.rows]
    features = {row[0]: row[1:3] for row in rows_of(main, "Effect of each feature")}
    assert features["internal_adspace_id"] == ["1000", "yes"]
    assert features["device_type"] == ["no such device", "no: as the default"]
    assert [row[1] for row in rows_of(main, "Back-off path")] == ["no row"] * (len(explanation.back_off) - 1) + ["used"]
    assert f"{len(NIGHTS)} log objects" in main.text
    filled_in = {field["name"].removeprefix("feature_"): field["value"] for field in main.select("form input")}
    assert {name: value for name, value in filled_in.items() if value} == given


@pytest.mark.usefixtures("active")
def test_the_form_offers_the_most_frequent_values_of_each_feature(shown, session):
    explanation = explain(session, "drugs_com", {})
    main = shown()
    fields = main.select("form input")
    offered = [option["value"] for option in main.select(f"datalist#{fields[1]['list']} option")]

    assert [field["name"] for field in fields] == [f"feature_{row.feature}" for row in explanation.features]
    assert "mobile" in offered
    assert "*" not in offered
    assert "A request without any value" in main.text


def test_a_name_that_is_no_feature_of_the_active_run_is_named_and_ignored(active, shown):
    main = shown({"internal_adspace_id": "1000", "carrier": "x"})
    assert active
    assert "Ignored, not a feature of the active run: carrier" in main.select_one('[role="alert"]').text
    assert rows_of(main, "Effect of each feature")[0][1] == "1000"


def test_without_an_active_run_every_bid_is_its_default(add_entity, shown, browser):
    add_entity()
    assert "has no active run: every bid is its default" in shown().text
    for code in ("no_such", "%00", "drugs_com%2F", "😀"):
        assert browser.get(f"/rtb/entities/{code}/explain").status_code == 404, code


def test_an_active_run_whose_table_is_gone_says_so(active, shown, session, store):
    from rtb_optimizer.store import runs

    key = {o.output_type: o.s3_key for o in runs.outputs(session, active)}["segments"]
    store._client.delete_object(Bucket=store.bucket, Key=key)
    main = shown()

    assert "is gone" in main.select_one('[role="alert"]').text
    assert main.select_one('form input[name="feature_internal_adspace_id"]')


@pytest.fixture
def hostile_logs(store, base_path, add_entity):
    """Logs whose sites are markup, quotes, signs of our own keys, or as long as may be; each with a rate of its own."""
    logs_path = f"{base_path}/hostile/date={{date}}/"
    rng = np.random.default_rng(5)
    for day in NIGHTS:
        site = list(islice(cycle(HOSTILE), 8_000))
        rate = np.array([0.02, 0.05, 0.10, 0.20, 0.30])[np.arange(8_000) % len(HOSTILE)]
        body = io.BytesIO()
        pq.write_table(pa.table({"site": site, "click": (rng.random(8_000) < rate).astype(int)}), body)
        folder = split_url(logs_path.replace("{date}", str(day)))[1]
        store.put_once(f"{folder}part-0.parquet", body.getvalue())
        store.put_once(f"{folder}_SUCCESS", b"\n")
    columns = {"value_column": "", "cost_column": "", "timestamp_column": "", "row_id_columns": ""}
    add_entity(logs_path=logs_path, candidate_features="site", anchor_features="site", **columns)


@pytest.mark.usefixtures("hostile_logs")
def test_hostile_values_of_the_logs_are_text_on_every_page_and_found_by_the_form(shown, request_run, browser, read):
    run_id = in_process.run(request_run()).opt_run_id
    pages = {tab: browser.get(f"/rtb/runs/{run_id}", params={"tab": tab}) for tab in ("segments", "features", "macros")}
    pages["compare"] = browser.get(f"/rtb/entities/drugs_com/compare?before={run_id}&after={run_id}")
    links = read(pages["segments"]).select('[aria-label="Segments"] tbody a')
    pages |= {link["href"]: browser.get(link["href"]) for link in links}

    assert len(links) == 1 + len(HOSTILE)
    assert {name: page.status_code for name, page in pages.items()} == dict.fromkeys(pages, 200)
    for page in pages.values():
        assert read(page).select("main img, main script") == []
    for value in HOSTILE:
        main = shown({"site": value})
        assert main.select_one("form input")["value"] == value
        assert len(rows_of(main, "Rows that match")) == 2, value
        assert main.select("img") == []
