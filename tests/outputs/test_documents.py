"""Documents are written with what is known alone, and read whatever release wrote them."""

import json

import pytest

from as_json import as_json
from report_document import report_document
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import FeaturesDocument


def test_warnings_are_written_once_each_in_order_without_what_is_not_known():
    warnings = [
        RunWarning("b", "second"),
        RunWarning("a", "first", rows=3, share=0.5),
        RunWarning("b", "second"),
        RunWarning("a", "also first"),
    ]

    assert [as_json(each) for each in WarningDocument.of(warnings)] == [
        {"code": "a", "message": "also first"},
        {"code": "a", "message": "first", "rows": 3, "share": 0.5},
        {"code": "b", "message": "second"},
    ]


def test_a_document_that_is_read_and_written_has_the_same_bytes():
    body = Report.model_validate(report_document()).to_json()

    assert Report.read(body).to_json() == body
    assert json.loads(body) == report_document()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"slope": 0.9}, {"slope": 0.9}),
        ({"slope": "steep", "unit": 2}, {"unit": 2}),
        ({"slope": None, "key_of_a_later_release": 1}, {}),
        ({"slope": True}, {}),
        ({"features": "none"}, {}),
        ({"features": [1, {"name": "site", "prior": "x"}, None]}, {"features": [{"name": "site"}]}),
        ({"features": [{"name": "site", "signal_score": float("nan")}]}, {"features": [{"name": "site"}]}),
        ({"link": "of another release"}, {}),
    ],
)
def test_what_another_release_wrote_in_another_shape_is_left_out(written, read):
    assert as_json(FeaturesDocument.read(json.dumps(written))) == read


def test_what_is_left_out_is_named_in_the_log(caplog):
    FeaturesDocument.read(json.dumps({"slope": "steep", "features": [{"name": 7}]}))

    assert "FeaturesDocument: left out, of another shape: features.0.name, slope" in caplog.text


@pytest.mark.parametrize("facts", [{"macro_hit_rate": "low"}, {"macro_hit_rate": None}, []])
def test_a_decision_reads_no_gate_that_has_another_shape(facts):
    """A fact that was left out would be a gate that nothing fails."""
    body = json.dumps({"gates": {"facts": facts, "limits": {"macro_hit_rate": 0.9}}})

    with pytest.raises(ValueError, match="facts"):
        Report.read_exactly(body)


@pytest.mark.parametrize("read", [InputDocument.read, InputDocument.read_exactly])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "InputDocument is no JSON: Expecting value"),
        ("no JSON", "InputDocument is no JSON: Expecting value"),
        (b"\xff", "InputDocument is no JSON: "),
        ("[]", "InputDocument is no JSON object"),
        ("null", "InputDocument is no JSON object"),
        ('{"s3_key": "a", "byte_size": 1}', "InputDocument: etag: field required"),
    ],
)
def test_what_is_no_object_or_lacks_a_field_without_a_default_is_refused_with_the_reason(body, reason, read):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the reason is compared
        read(body)

    assert str(refused.value).startswith(reason)
    assert "pydantic" not in str(refused.value)


def test_whether_a_gain_is_significant_is_read_where_it_is_written_and_else_follows_from_its_z():
    features = (
        {"name": "eased", "z": 2.1, "is_significant": True},
        {"name": "noise", "z": 2.5, "is_significant": False},
        {"name": "of_an_earlier_release", "z": 2.1},
        {"name": "strong_of_an_earlier_release", "z": 9.0},
        {"name": "without_z"},
    )

    assert FeaturesDocument.model_validate({"features": features}).insignificant(2.25) == [
        "noise",
        "of_an_earlier_release",
    ]
