"""What the audit says of an active.json that is not what the catalog expects."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from rtb_optimizer.store.copy_audit import difference

NOW = datetime(2026, 3, 10, 5, 30, tzinfo=UTC)
AN_HOUR_AGO = (NOW - timedelta(hours=1)).isoformat()
EXPECTED = {"entity_code": "a_com", "decision_number": 4, "run_id": 12, "activated_at": AN_HOUR_AGO, "outputs": {}}


def found(**other):
    return json.dumps(EXPECTED | other).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "is missing: .*`rtb reconcile` writes it"),
        (b"", "cannot be read: `rtb reconcile`"),
        (b"\xff{", "cannot be read"),
        (b"[1]", "cannot be read"),
        (b"{}", "cannot be read"),
        (found(decision_number="4"), "cannot be read"),
        (
            found(decision_number=3, run_id=11),
            "is of decision 3 and run 11, the catalog's are 4 and 12: `rtb reconcile`",
        ),
        (found(entity_code="b_com"), "is of entity 'b_com'"),
        (found(decision_number=9), "is of decision 9, and this catalog knows 4: another catalog .* earlier backup"),
        (found(run_id=11), "differs from the catalog at the same decision 4"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(body, said):
    assert re.match(said, difference(EXPECTED, body, NOW))


def test_a_copy_that_is_about_to_be_written_is_not_a_problem():
    just_now = EXPECTED | {"activated_at": (NOW - timedelta(minutes=2)).isoformat()}
    assert difference(just_now, None, NOW) is None
    assert difference(just_now, found(decision_number=3), NOW) is None
    assert difference(just_now, found(entity_code="b_com"), NOW) is not None


def test_a_copy_where_this_catalog_has_activated_nothing_is_another_s():
    assert "another catalog" in difference(None, found(), NOW)
