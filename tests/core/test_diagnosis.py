"""Is what was measured judged as the limits say, and does everything that is not well say what to do?"""

from datetime import timedelta

import pytest

from rtb_optimizer.core import diagnosis
from rtb_optimizer.core.diagnosis import EngineLimits, Finding, Machine, Standing

MACHINE = Machine(memory_mb=8_000, cores=4)
DENIED = ("AccessDenied", "denied")


@pytest.mark.parametrize(
    ("finding", "standing"),
    [
        (diagnosis.schema("0002", "0002", {"0001", "0002"}), "ok"),
        (diagnosis.schema("0001", "0002", {"0001", "0002"}), "failed"),
        (diagnosis.schema("0003", "0002", {"0001", "0002"}), "failed"),
        (diagnosis.schema(None, "0002", {"0002"}), "failed"),
        (diagnosis.seeds([], []), "ok"),
        (diagnosis.seeds([], ["config key a"]), "warning"),
        (diagnosis.seeds(["config key a"], ["config key b"]), "failed"),
        (diagnosis.clock("S3", timedelta(seconds=30)), "ok"),
        (diagnosis.clock("S3", timedelta(seconds=-30)), "ok"),
        (diagnosis.clock("S3", timedelta(seconds=30.1)), "failed"),
        (diagnosis.clock("S3", timedelta(seconds=-30.1)), "failed"),
        (diagnosis.engine("DuckDB", EngineLimits(4, 8_000), MACHINE), "ok"),
        (diagnosis.engine("DuckDB", EngineLimits(5, 8_000), MACHINE), "warning"),
        (diagnosis.engine("DuckDB", EngineLimits(4, 8_001), MACHINE), "warning"),
        (diagnosis.spill("/spill", "", 2.0), "ok"),
        (diagnosis.spill("/spill", "/spill/", 2.0), "ok"),
        (diagnosis.spill("/spill", "", 1.9), "failed"),
        (diagnosis.spill("/spill", "/data", 100.0), "failed"),
        (diagnosis.manifest("m", {"a": 1}, {"a": 1}), "ok"),
        (diagnosis.manifest("m", {"a": 1}, {"a": 2}), "failed"),
        (diagnosis.manifest("m", {}, {"a": 1}), "failed"),
        (diagnosis.manifest("m", {"a": 1}, {}), "failed"),
        (diagnosis.manifest("m", None, {}), "failed"),
        (diagnosis.airflow("u", {"scheduler": "healthy"}), "ok"),
        (diagnosis.airflow("u", {"scheduler": "unhealthy"}), "failed"),
        (diagnosis.rights("s3://a/b", {}), "ok"),
        (diagnosis.rights("s3://a/b", {"list": DENIED}), "failed"),
        (diagnosis.rights("s3://a/b", {"put once": ("", "it writes over")}), "failed"),
    ],
)
def test_a_measurement_is_judged(finding, standing):
    assert finding.standing == standing
    assert bool(finding.fix) == (standing != "ok")


@pytest.mark.parametrize(
    ("refused", "fix"),
    [
        ({"list": DENIED, "put": DENIED}, ["grant s3:ListBucket", "grant s3:PutObject"]),
        ({"list": ("NoSuchBucket", "x"), "put": ("NoSuchBucket", "x")}, ["create the bucket"]),
        ({"get": ("", "connection reset")}, ["start the store"]),
        ({"put once": ("", "x")}, ["honours If-None-Match"]),
    ],
)
def test_what_s3_refuses_is_told_with_each_fix_once(refused, fix):
    said = diagnosis.rights("s3://a/b", refused).fix
    assert all(part in said for part in fix)
    assert said.count(";") == len(fix) - 1


def test_only_a_failure_makes_it_unwell():
    each = {standing: Finding("x", standing, "told") for standing in Standing}
    assert diagnosis.is_well(each[standing] for standing in (Standing.OK, Standing.WARNING, Standing.SKIPPED))
    assert not diagnosis.is_well(each.values())
    assert diagnosis.is_well([])


def test_a_long_list_is_told_by_its_first_and_their_number():
    said = diagnosis.seeds([f"config key {n}" for n in range(70)], []).told
    assert said.endswith("config key 4 and 65 more")
