"""The report page: whole, escaped, the same at each call, and plain about what it does not know."""

import copy
import re
from html.parser import HTMLParser

import pytest

from report_document import report_document, report_of
from rtb_optimizer.outputs.report_page import charts
from rtb_optimizer.outputs.report_page.answers import answers
from rtb_optimizer.outputs.report_page.formatting import formatted, visible, window
from rtb_optimizer.outputs.report_page.gates import gate_rows
from rtb_optimizer.outputs.report_page.page import FIRST_WARNINGS, OPEN, SECTIONS, report_page
from rtb_optimizer.outputs.report_page.sentences import sentences

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>--></svg></style>&amp;$x^2$\u202e"
VOID = {"meta", "br", "img", "link", "input"}
ONE_MEGABYTE = 1_000_000


class Page(HTMLParser):
    """What a browser would find: tags with attributes, text by section, and elements that do not close."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.open, self.sections, self.ids = [], [], {}, []
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in VOID:
            self.open.append((tag, attributes.get("id")))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        inside = [own for tag, own in self.open if tag == "section"]
        if inside:
            self.sections[inside[0]] = self.sections.get(inside[0], "") + data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture
def charts_drawn_once():
    """Not here: each chart is drawn again."""


@pytest.fixture(scope="module")
def body():
    return report_page(report_of(report_document()))


@pytest.fixture(scope="module")
def page(body):
    return Page(body)


def everywhere(value, text):
    """The document with `text` for every string and in every key that comes from logs."""
    if isinstance(value, dict):
        return {key: everywhere(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [everywhere(each, text) for each in value]
    return text if isinstance(value, str) else value


def without(document, path):
    """The document with None at a path of keys."""
    changed = copy.deepcopy(document)
    *parents, last = path
    inner = changed
    for key in parents:
        inner = inner[key]
    inner[last] = None
    return changed


def places(value, path=()):
    """Every path of the document, with one row standing for all of its list."""
    children = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in children:
        if isinstance(value, dict):
            yield (*path, key)
        yield from places(inner, (*path, key))


def test_the_title_names_entity_and_window(body):
    assert b"<title>drugs_com, 2026-03-03 00:00 to 2026-03-10 00:00 UTC</title>" in body


def test_every_section_has_a_heading_a_sentence_and_an_entry_in_the_nav(page):
    links = page.attributes("href")

    for name, title in SECTIONS.items():
        assert page.sections[name].split("\n")[1 if name in OPEN else 2].startswith(title)
        assert sentences(report_of(report_document()))[name] in page.sections[name]
        assert f"#{name}" in links


def test_the_verdict_comes_first(page):
    assert next(iter(page.sections)) == "verdict"
    assert "✓ Activate" in page.sections["verdict"]
    assert "newer data than run 17" in page.sections["verdict"]


def test_what_to_look_into_is_shown_beside_the_verdict(page):
    for warning in report_document()["warnings"]:
        assert warning["message"] in page.sections["verdict"]


def test_of_many_warnings_the_rest_is_counted_beside_the_verdict_and_all_are_in_their_section():
    warnings = [{"code": "duplicate", "message": f"warning number {n}."} for n in range(FIRST_WARNINGS + 3)]
    page = Page(report_page(report_of(report_document() | {"scatter": [], "warnings": warnings})))

    assert "and 3 more" in page.sections["verdict"]
    assert [f"warning number {n}." in page.sections["verdict"] for n in (0, FIRST_WARNINGS)] == [True, False]
    assert all(warning["message"] in page.sections["warnings"] for warning in warnings)


MOVES = {
    "against": "drugs_com-17",
    "moved": 120,
    "appeared": 10,
    "vanished": 5,
    "largest": [
        {"segment": "US|mobile", "before": 1.02, "after": 1.25, "data": 0.18, "model": -0.02, "normaliser": 0.003},
        {"segment": "DE|*", "before": None, "after": 0.7, "data": 0.1},
    ],
    "features": {"added": ["hour"], "removed": []},
    "config": {"max_features": {"before": 8, "after": 9}},
}
ACTIVE_GATES = {"facts": {"spend_change": 0.001, "outcomes_change": 0.023}, "limits": {"spend_change": 0.3}}


@pytest.mark.parametrize(
    ("changed", "question", "lines"),
    [
        ({"changes": {}}, "What changed", ["This is the first table: 286 rows; bids were the default before."]),
        ({"changes": {}}, "Why", ["No run was active before."]),
        (
            {"changes": MOVES, "gates": ACTIVE_GATES},
            "What changed",
            [
                "Predicted against the active run's table: spend +0.100%, outcomes +2.30%.",
                "Rows: 120 moved, 10 are new, 5 are gone.",
                "Most: US|mobile from 1.020 to 1.250.",
            ],
        ),
        (
            {"changes": MOVES},
            "Why",
            [
                "Of what moved most: 92% by the logs, 7% by the model.",
                "Features that came: hour.",
                "Configuration: max_features changed.",
            ],
        ),
        ({"changes": {"against": "drugs_com-17"}}, "Why", ["No row moved."]),
        (
            {},
            "Is it safe",
            [
                "All of 5 gates passed.",
                "On logs it had not seen, it explains 4.21% of what an average rate does not.",
                "2 warnings to review.",
            ],
        ),
        (
            {"gates": {"facts": {"outcomes": 5}, "limits": {"outcomes": 500}}, "holdout": {}, "warnings": []},
            "Is it safe",
            ["outcomes in the window: 5, needed \u2265 500.", "No warning."],
        ),
    ],
)
def test_the_first_screen_answers_what_changed_why_and_whether_it_is_safe(changed, question, lines):
    report = report_of(report_document() | changed)
    by_question = {answer.question: list(answer.lines) for answer in answers(report, gate_rows(report.gates))}

    assert by_question[question] == lines


def test_the_answers_stand_in_the_first_section_and_missed_gates_are_unfolded():
    passed = report_page(report_of(report_document() | {"scatter": []})).decode()
    missed = {"facts": {"outcomes": 5}, "limits": {"outcomes": 500}}
    held = report_page(report_of(report_document() | {"scatter": [], "gates": missed})).decode()

    assert "Is it safe" in Page(passed.encode()).sections["verdict"]
    assert [page.count("<details open>") for page in (passed, held)] == [0, 1]


def test_every_element_is_closed_and_no_two_have_one_name(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_a_link_within_the_page_leads_somewhere(page):
    assert {link.removeprefix("#") for link in page.attributes("href")} <= set(page.ids)


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(body, page):
    assert not re.search(rb"https?:|@import|\burl\((?!#)", body)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.attributes("src") == []


def test_the_same_document_gives_the_same_bytes(body):
    assert report_page(report_of(report_document())) == body


def test_the_machine_s_own_settings_of_matplotlib_do_not_show(body):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "svg.hashsalt": "other", "axes.grid": False}):
        assert report_page(report_of(report_document())) == body
        assert mpl.rcParams["font.size"] == 30


def test_two_thousand_points_fit_into_a_megabyte(body):
    assert len(report_document()["scatter"]) == 2000
    assert len(body) < ONE_MEGABYTE


def test_every_chart_is_drawn_and_says_what_it_shows(page):
    labels = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]

    assert len(labels) == len(set(labels)) == 5
    assert all(attributes["role"] == "img" for tag, attributes in page.tags if tag == "svg")


def test_charts_take_the_colours_of_the_page(body):
    drawn = b"".join(re.findall(rb"<svg.*?</svg>", body, flags=re.DOTALL))

    assert set(re.findall(rb"(?:fill|stroke): (#\w+|var\(--\w+\))", drawn)) <= {
        b"var(--%s)" % name for name in (b"ink", b"grid", b"strong", b"quiet", b"warm", b"grey")
    }


def test_nothing_from_the_logs_becomes_markup(page):
    document = everywhere(report_document(), HOSTILE)
    document["coverage"]["rows_by_day"] = {HOSTILE: 3}
    document["ad_macros"]["formats"] = {HOSTILE: {"combo": HOSTILE, "coverage": {HOSTILE: HOSTILE}}}
    document["gates"]["facts"][HOSTILE] = 1
    document["config"] |= {"values": {HOSTILE: HOSTILE, "list": [HOSTILE]}, "origins": {HOSTILE: HOSTILE}}
    hostile = Page(report_page(report_of(document)))

    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in page.tags}
    assert not [name for _, attrs in hostile.tags for name in attrs if name.startswith("on")]
    assert hostile.open == []
    assert "\u202e" not in "".join(hostile.sections.values())
    for name in ("features", "segments", "ad_macros", "changes", "config"):
        assert "<script>alert(1)</script>" in hostile.sections[name]


def test_a_name_that_no_font_has_or_that_is_half_a_character_is_shown_as_far_as_it_goes():
    document = report_document() | {"scatter": []}
    document["features"][0]["name"] = "国\x00家\n\x1b"

    section = Page(report_page(report_of(document))).sections["features"]

    assert "国\ufffd家\n\ufffd" in section
    assert visible("\ud800" * 400) == "\ufffd" * 400


OF_FEW_POINTS = report_document() | {"scatter": report_document()["scatter"][:5]}


@pytest.mark.takes_turns
@pytest.mark.parametrize("path", list(places(OF_FEW_POINTS)), ids=lambda path: ".".join(map(str, path)))
def test_any_part_may_be_none(path, monkeypatch):
    monkeypatch.setattr("rtb_optimizer.outputs.report_page.charts.inline_svg", lambda *_: "")  # drawn by the next test
    page = Page(report_page(report_of(without(OF_FEW_POINTS, path))))

    assert list(page.sections) == list(SECTIONS)
    assert not re.search(r"\bNone\b|\bUndefined\b|\bnan\b|built-in", " ".join(page.sections.values()))


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("gains", {"features": [{"signal_score": 0.1}]}),
        (
            "gains",
            {"features": [{"name": "a", "signal_score": None}], "rejected": [{"name": "b", "signal_score": -0.1}]},
        ),
        ("gains", {"interactions": [{"features": ["a", "b"], "signal_score": 0.1, "standard_error": None}]}),
        ("calibration", {"holdout": {"calibration": [{"exposure": 10, "expected": 1, "outcome": 0}]}}),
        ("calibration", {"holdout": {"calibration": [{}, {"exposure": 10, "expected": 1, "outcome": 2}]}}),
        ("lift", {"holdout": {"lift": [{"exposure_share": 1}, {"exposure_share": 1, "outcome_share": 1}]}}),
        ("matched", {"segments": {"coverage": [{"rows_matched": 0, "exposure_share": 1, "spend_share": 1}]}}),
        ("multipliers", {"scatter": [{"outcome": 0, "multiplier": 1, "tier": "low"}]}),
        ("multipliers", {"scatter": [{"outcome": 5e6, "multiplier": 1, "tier": "high"}, {"multiplier": 2}]}),
    ],
)
def test_a_chart_is_drawn_from_what_is_known(name, document):
    by_name = charts.drawn(report_of(document))

    assert [each for each, chart in by_name.items() if chart] == [name]


@pytest.mark.parametrize(
    "document",
    [
        {"holdout": {"calibration": [{"exposure": 0, "expected": 0, "outcome": 0}]}},
        {"scatter": [{"outcome": 5, "multiplier": 0, "tier": "low"}, {"outcome": 5, "multiplier": 1, "tier": "else"}]},
        {"features": [{"name": "a", "signal_score": float("nan")}]},
    ],
)
def test_a_chart_of_nothing_is_not_drawn(document):
    assert not any(charts.drawn(report_of(document)).values())


EMPTY = {
    "verdict": "no verdict",
    "changes": "no active run to compare with",
    "kpis": "No key figures",
    "coverage": "not recorded",
    "warnings": "not recorded",
    "features": "No features were chosen",
    "interactions": "No features say more together",
    "rejected": "No column was left out",
    "segments": "No segment table",
    "joint": "No joint table",
    "holdout": "not evaluated",
    "replay": "No bids were replayed",
    "realized": "No whole day has been counted",
    "ad_macros": "No ad macros",
    "exports": "no platform's own format",
    "outputs": "No outputs",
    "config": "not recorded",
}


@pytest.mark.parametrize(
    "document",
    [
        {},
        dict.fromkeys(report_document()),
        {name: type(each)() for name, each in report_document().items() if name != "warnings"},
    ],
    ids=["absent", "none", "empty"],
)
def test_a_section_without_content_says_so(document):
    page = Page(report_page(report_of(document)))

    assert list(EMPTY) == list(SECTIONS)
    for name, words in EMPTY.items():
        assert words in page.sections[name]
    assert "svg" not in {tag for tag, _ in page.tags}


@pytest.mark.parametrize(
    ("change", "section", "words"),
    [
        ({"verdict": {"decision": "hold", "reasons": ["5 outcomes"]}}, "verdict", "bidders keep what they read now"),
        ({"warnings": []}, "warnings", "Nothing about the logs looks wrong"),
        ({"coverage": {"partitions_expected": 7, "partitions_found": 7}}, "coverage", "all of 7 partitions"),
        ({"coverage": {"partitions_expected": 7, "partitions_found": 6}}, "coverage", "Only 6 of 7 partitions"),
        ({"holdout": {"gain": 0.0}}, "holdout", "no better than one average rate"),
        ({"holdout": {"gain": 0.0421}}, "holdout", "explains 4.21% of"),
        ({"changes": {"against": "run-17", "moved": 0}}, "changes", "Against run-17: 0 moved"),
        (
            {"groups": [{"feature": "country", "value": "DE", "pays": True}, {"feature": "country", "value": "US"}]},
            "changes",
            "The total gains, and country=DE pays for it.",
        ),
        ({"segments": {"total": 1}}, "segments", "1 row."),
        (
            {"features": [{"name": each, "signal_score": 0.01, "is_weak": each != "site"} for each in ("site", "os")]},
            "features",
            "Alone, os may be chance; all of them together are not.",
        ),
        (
            {"exports": [{"platform": "plain", "mean_error": 0.031}]},
            "exports",
            "1 export; bids differ most in plain: by",
        ),
    ],
)
def test_a_sentence_says_what_was_found(change, section, words):
    assert words in sentences(report_of(report_document() | change))[section]


@pytest.mark.parametrize(
    ("changed", "low", "high", "words"),
    [
        (0.03, 0.01, 0.05, "+3% against the run before, more than chance explains"),
        (0.03, -0.01, 0.07, "+3% against the run before, which chance explains"),
        (-0.03, None, None, "\u22123% against the run before, chance was not reckoned"),
        (None, None, None, "There is no earlier run"),
    ],
)
def test_a_change_is_distinguished_from_chance_by_its_interval(changed, low, high, words):
    texts = sentences(report_of({"kpis": [{"name": "rate", "value": 1, "change": changed, "low": low, "high": high}]}))

    assert words in texts["kpis"]


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"all ones": 10, "active run": 8, "this run": 9}, "12.5% more outcomes by this run's bids than by those of"),
        ({"all ones": 10, "this run": 9}, "10% fewer outcomes by this run's bids than by bids left as they are"),
        ({"all ones": 0, "this run": 9}, "No bids were replayed"),
    ],
)
def test_the_replay_compares_with_what_is_live_or_else_with_plain_bids(policies, words):
    rows = [{"name": name, "outcomes_per_spend": each} for name, each in policies.items()]

    assert words in sentences(report_of({"replay": {"policies": rows}}))["replay"]


@pytest.mark.parametrize(
    ("name", "fact", "limit", "passed"),
    [
        ("outcomes", 500, 500, True),
        ("outcomes", 499, 500, False),
        ("holdout_gain", 0.0, 0.0, False),
        ("holdout_gain", None, 0.0, False),
        ("outcomes", 500, None, None),
        ("cost_factor", 0.01, 100, True),
        ("value_factor", 101.0, 100, False),
        ("spend_change", -0.51, 0.5, False),
        ("outcomes_change", 0.5, 0.5, True),
        ("a_gate_of_tomorrow", 5, 3, None),
    ],
)
def test_a_gate_is_passed_where_the_report_knows_its_rule(name, fact, limit, passed):
    (row,) = gate_rows(report_of({"gates": {"facts": {name: fact}, "limits": {name: limit}}}).gates)

    assert row.passed is passed


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1_234_567, "count", "1,234,567"),
        (590.84, "count", "590.8"),
        (3402.96, "count", "3,403"),
        (-5, "count", "\u22125"),
        (0, "percent", "0%"),
        (-0.0, "percent", "0%"),
        (0.8, "percent", "80%"),
        (0.3421, "percent", "34.2%"),
        (0.0101, "percent", "1.01%"),
        (0.000512, "percent", "0.0512%"),
        (12.5, "percent", "1,250%"),
        (0.0331, "change", "+3.31%"),
        (-0.0331, "change", "\u22123.31%"),
        (0, "change", "0%"),
        (1234.5, "number", "1,234.50"),
        (1.25, "number", "1.250"),
        (0.00123, "number", "0.00123"),
        (40.0, "number", "40"),
        (2.9118, "multiplier", "2.912"),
        (25_407, "bytes", "25.4 kB"),
        (999, "bytes", "999 bytes"),
        (7_200_000_000, "bytes", "7.2 GB"),
        (None, "count", "\u2013"),
        (float("nan"), "percent", "\u2013"),
        (float("inf"), "money", "\u2013"),
        ("1", "count", "\u2013"),
        (True, "count", "\u2013"),
        (True, "text", "yes"),
        (["a", 1], "text", '["a", 1]'),
        (["a", "", "b"], "list", "a, (empty), b"),
        ([], "list", "\u2013"),
        ("no_gain", "code", "no gain"),
        ("", "text", "\u2013"),
    ],
)
def test_values_are_written_for_a_person(value, kind, text):
    assert formatted(value, kind) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-03-03T00:00:00+00:00", "2026-03-10T00:00:00Z", "2026-03-03 00:00 to 2026-03-10 00:00 UTC"),
        ("2026-03-03", "2026-03-10", "2026-03-03 00:00 to 2026-03-10 00:00"),
        ("yesterday", None, "yesterday to \u2013"),
        (None, None, "window not recorded"),
    ],
)
def test_a_window_is_written_as_two_instants(start, end, text):
    assert window(start, end) == text


def test_how_look_ups_through_macros_end_is_shown_by_format_with_the_misses(page):
    section = page.sections["ad_macros"]
    without_spaces = "".join(section.split())

    assert "1 of 2 formats can address segments; adx finds the right rows for 97.3% of the exposures." in section
    assert "Skipped: no macro for deal_id." in section
    assert "rightrowsfound97.3%ofwhathasamacro97.3%answeredbyarow88.1%" in without_spaces
    assert "devicea~bdelimiterinvalue2.31%hour\N{EN DASH}nomacro0.380%" in without_spaces
