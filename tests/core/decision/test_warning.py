"""Warnings as they stand in documents."""

from rtb_optimizer.core.decision.warning import RunWarning, warning_documents


def test_warnings_come_once_in_one_order_without_what_is_not_known():
    found = [
        RunWarning("late", "b"),
        RunWarning("late", "a", 2, 0.5),
        RunWarning("early", "c"),
        RunWarning("late", "b"),
    ]

    assert warning_documents(found) == [
        {"code": "early", "message": "c"},
        {"code": "late", "message": "a", "rows": 2, "share": 0.5},
        {"code": "late", "message": "b"},
    ]
