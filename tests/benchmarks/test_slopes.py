"""The slope of all days is steadier than that of the last, and predicts the day after as well as none at least."""

import pytest


@pytest.fixture(scope="module")
def slopes(script):
    return script("slopes")


def test_the_slope_of_all_days_is_steadier_than_that_of_the_last_and_costs_the_day_after_nothing(slopes, script):
    if not script("real_logs").CASES["viewable"].path.exists():
        pytest.skip("the real logs are not next to this checkout")
    sample = next(iter(slopes.publishers()))
    found, gains = zip(*slopes.of_publisher(sample), strict=True)

    spread = {of: max(each[of] for each in found) - min(each[of] for each in found) for of in ("last_day", "all_days")}
    mean = {of: sum(each[of] for each in gains) / len(gains) for of in ("none", "last_day", "all_days")}
    assert spread["all_days"] < spread["last_day"] / 4
    assert mean["all_days"] >= 0.997 * mean["none"]
    assert mean["all_days"] > mean["last_day"]
