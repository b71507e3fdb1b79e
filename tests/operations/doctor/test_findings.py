"""Measurements are compared with their limits, and every problem has a fix."""

from datetime import timedelta

import pytest

from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import CheckStatus, EngineLimits, Finding, Machine

MACHINE = Machine(memory_mb=8_000, cores=4)
DENIED = ("AccessDenied", "denied")


@pytest.mark.parametrize(
    ("finding", "standing"),
    [
        (findings.schema("0002", "0002", {"0001", "0002"}), "ok"),
        (findings.schema("0001", "0002", {"0001", "0002"}), "failed"),
        (findings.schema("0003", "0002", {"0001", "0002"}), "failed"),
        (findings.schema(None, "0002", {"0002"}), "failed"),
        (findings.seeds([], []), "ok"),
        (findings.seeds([], ["config key a"]), "warning"),
        (findings.seeds(["config key a"], ["config key b"]), "failed"),
        (findings.clock("S3", timedelta(seconds=30)), "ok"),
        (findings.clock("S3", timedelta(seconds=-30)), "ok"),
        (findings.clock("S3", timedelta(seconds=30.1)), "failed"),
        (findings.clock("S3", timedelta(seconds=-30.1)), "failed"),
        (findings.engine("DuckDB", EngineLimits(4, 8_000), MACHINE), "ok"),
        (findings.engine("DuckDB", EngineLimits(5, 8_000), MACHINE), "warning"),
        (findings.engine("DuckDB", EngineLimits(4, 8_001), MACHINE), "warning"),
        (findings.spill("/spill", "", 2.0), "ok"),
        (findings.spill("/spill", "/spill/", 2.0), "ok"),
        (findings.spill("/spill", "", 1.9), "failed"),
        (findings.spill("/spill", "/data", 100.0), "failed"),
        (findings.dag_list("m", {"a": 1}, {"a": 1}), "ok"),
        (findings.dag_list("m", {"a": 1}, {"a": 2}), "failed"),
        (findings.dag_list("m", {}, {"a": 1}), "failed"),
        (findings.dag_list("m", {"a": 1}, {}), "failed"),
        (findings.dag_list("m", None, {}), "failed"),
        (findings.airflow("u", {"scheduler": "healthy"}), "ok"),
        (findings.airflow("u", {"scheduler": "unhealthy"}), "failed"),
        (findings.rights("s3://a/b", {}), "ok"),
        (findings.rights("s3://a/b", {"list": DENIED}), "failed"),
        (findings.rights("s3://a/b", {"put once": ("", "it writes over")}), "failed"),
    ],
)
def test_a_measurement_is_compared_with_its_limits(finding, standing):
    assert finding.status == standing
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
def test_what_s3_refuses_is_reported_with_each_fix_once(refused, fix):
    message = findings.rights("s3://a/b", refused).fix
    assert all(part in message for part in fix)
    assert message.count(";") == len(fix) - 1


def test_only_a_failure_makes_it_unwell():
    each = {standing: Finding("x", standing, "told") for standing in CheckStatus}
    assert findings.is_well(each[standing] for standing in (CheckStatus.OK, CheckStatus.WARNING, CheckStatus.SKIPPED))
    assert not findings.is_well(each.values())
    assert findings.is_well([])


def test_a_long_list_is_shortened_to_its_first_and_a_count():
    message = findings.seeds([f"config key {n}" for n in range(70)], []).summary
    assert message.endswith("config key 4 and 65 more")
