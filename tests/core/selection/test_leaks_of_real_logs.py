"""A column of real campaigns that was written after the click is suspected in every part of the logs that shows it.

The logs are not the product's to ship: where their folder is absent, these tests skip.
"""

from functools import cache

import numpy as np
import pytest

from checkout import CHECKOUT
from planted_samples import feature
from rtb_optimizer.core.sample.rows import RowOutcomes
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.leaks import suspicion

LOGS = CHECKOUT.parent / "shared" / "data" / "ipinyou_1458_3386.parquet"
LEAK = "usertag"
HONEST = ("os", "browser", "region", "city", "adexchange", "domain", "slotid", "slotformat", "creative", "bidprice")
DAYS = [f"2013-06-{day:02}" for day in range(6, 13)]
PARTS = ["all", *(f"{of} {k}" for of, parts in (("half", 2), ("third", 3)) for k in range(parts)), *DAYS]
pytestmark = pytest.mark.skipif(not LOGS.exists(), reason=f"the real logs are not at {LOGS}")


@cache
def campaigns(*advertisers):
    """The rows of the campaigns, in an order that is independent of the click."""
    import pandas as pd

    rows = pd.read_parquet(LOGS)
    return rows[rows["advertiser"].isin(advertisers)].sample(frac=1, random_state=1)


def part_of(rows, part):
    """All rows, a half or a third of them, or those of a day."""
    if part in DAYS:
        return rows[rows["ts"].to_numpy().astype("datetime64[D]") == np.datetime64(part)]
    if part == "all":
        return rows
    name, number = part.split()
    return rows.iloc[int(number) :: {"half": 2, "third": 3}[name]]


def suspected(advertisers, part, is_weighted):
    """Which columns are suspected in a part of the logs of some campaigns."""
    rows = part_of(campaigns(*advertisers), part)
    click, ones = rows["click"].to_numpy(float), np.ones(len(rows))
    of = RowOutcomes(click, 1 - click, ones, rows["weight"].to_numpy() if is_weighted else ones)
    texts = {name: rows[name].astype(object).fillna(MISSING).astype(str).tolist() for name in (LEAK, *HONEST)}
    columns = {name: feature(text) for name, text in texts.items()}
    return [
        name
        for name, column in columns.items()
        if suspicion(column, of, [other for other in columns.values() if other is not column])
    ]


@pytest.mark.parametrize("advertisers", [(1458,), (1458, 3386)], ids=["a campaign", "two as one"])
@pytest.mark.parametrize("is_weighted", [True, False], ids=["weighted", "not weighted"])
@pytest.mark.parametrize("part", [part for part in PARTS if part not in DAYS[:2]])
def test_the_column_is_suspected_and_no_honest_one(part, is_weighted, advertisers):
    assert suspected(advertisers, part, is_weighted) == [LEAK]


@pytest.mark.parametrize("is_weighted", [True, False], ids=["weighted", "not weighted"])
@pytest.mark.parametrize(("advertiser", "part"), [(1458, DAYS[0]), (1458, DAYS[1]), *((3386, part) for part in PARTS)])
def test_where_few_clicks_have_what_was_written_after_them_the_logs_do_not_tell(advertiser, part, is_weighted):
    """From 8 June on every click of 1458 has one element, before it 56 of 635; elements of 3386 that hold few other
    rows have 105 of 2,079 clicks, and 47 of 11,945 others: 14 times as often, as an audience that is met again may."""
    assert suspected((advertiser,), part, is_weighted) == []
