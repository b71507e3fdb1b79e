"""Every export and every macro is read again by a reader of its own: it finds the table's bid, or nothing and is told.

The tables of docs/exports.md are those of these tests: where they differ, paste what a failure prints.
"""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import CHECKOUT
from master_table import rows_of
from planted_samples import sample_of
from read_again import FOLDER, read_combo, reader_of, spelt
from rtb_optimizer.core.macros.combo import Coverage, map_ad_macros
from rtb_optimizer.core.macros.expansion import cause_of, expanded
from rtb_optimizer.core.macros.route import route_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.countries import ALPHA_2_OF, ALPHA_3_OF
from rtb_optimizer.core.platforms.fields import column_of
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES, canonical
from rtb_optimizer.exports.export import Terms
from rtb_optimizer.outputs.documents.exports import ExportsDocument
from rtb_optimizer.outputs.documents.macros import FormatDocument
from rtb_optimizer.run.build_tables import Fitted, predictions_of
from rtb_optimizer.run.export_warnings import export_warnings
from rtb_optimizer.run.exports import exported
from rtb_optimizer.store import seeds
from v3_settings import v3_settings

DOCUMENTED = set((CHECKOUT / "docs" / "exports.md").read_text().splitlines())
TERMS = Terms("run7", 5.0, "USD", FOLDER)
COUNTRIES = {"DE": "DEU", "us": "USA", "GB": "GBR", "FRA": "FRA", "chn": "CHN", "XK": None, "Germany": None}
TWO_LETTERS = {"DEU": "DE", "us": "US", "GB": "GB", "fra": "FR", "233": "233", "XKX": None, "Germany": None}
HOURS = {"0": "0", "13": "13", "23": "23", "24": None, "07": None, "7.5": None}
SIZES = {"300x250": "300x250", "728x90": "728x90", "MPU": None, "300": None, "300X250": None}
REGIONS = {"US:NY": "US:NY", "5": "5", "NY": None, "USA/NY": None, "US-NY": None}
BY_XANDR = {
    "country": TWO_LETTERS,
    "region": REGIONS,
    "city": {"US:NY:New York": "US:NY:New York", "162": "162", "New York": None},
    "user_hour": HOURS,
    "device_type": {"desktop": "pc & other devices", "Phone": "phone", "tablet": "tablet", "mobile": None, "2": None},
    "placement": {"17": "17", "553834731": "553834731", "007": None, "top": None},
}
SPACES = {
    Platform.PREBID_FLOORS: {
        "country": COUNTRIES,
        "deviceType": {"Phone": "phone", "5": "tablet", "2": "desktop", "mobile": None, "1": None, "ctv": None},
        "mediaType": {"Banner": "banner", "video-instream": "video", "native": "native", "display": None},
        "size": {"300x250": "300x250", "728x90": "728x90", "MPU": None, "300": None},
    },
    Platform.LOOKUP_TABLES: BY_XANDR,
    Platform.BEESWAX: {
        "geo_country": COUNTRIES,
        "geo_region": {"USA/NJ": "USA/NJ", "DEU/BE": "DEU/BE", "NJ": None, "US-NJ": None, "US:NJ": None},
        "geo_city": {"5128581": "5128581", "New York": None},
        "geo_metro": {"501": "501", "5": None, "New York": None},
        "geo_zip": {"10001": "10001", "1234": None},
        "platform_device_type": {"2": "PC", "phone": "PHONE", "Tablet": "TABLET", "3": "CONNECTED_TV", "ctv": None},
        "hour_of_day_utc": HOURS,
        "ad_size": SIZES,
        "publisher_id": {"adx/pub-1": "adx/pub-1", "pub-1": None},
    },
    Platform.BONSAI: {
        **BY_XANDR,
        "postal_code": {"US:10010": "US:10010", "1367515": "1367515", "CA:J0K 1B0": "CA:J0K 1B0", "J0K 1B0": None},
        "position": {"Above": "1", "2": "2", "atf": None},
        "size": SIZES,
    },
}
AWKWARD = [
    *(
        "*",
        "**",
        "|",
        "a|b",
        "a",
        "b",
        "A",
        "~",
        "a~b",
        '"',
        'say "no"',
        "\\",
        "back\\slash",
        "%2A",
        "%41",
        "100%",
        "a+b",
    ),
    *("a b", "&x=1#", "0", "-1", "-2", "---", "007", "7", "12", "1e3", "null", "NULL", "*|*", "__proto__", "no_bid"),
    *("São Paulo", "日本語", "🦊", "Ⅻ", "İstanbul", "ß", "\u2028", "x" * 120, MISSING),
]
TEXT_FIELDS = {
    Platform.PLAIN: ("text", "more"),
    Platform.PREBID_FLOORS: ("adUnitCode", "gptSlot"),
    Platform.LOOKUP_TABLES: ("domain", "os_family"),
    Platform.BEESWAX: ("domain", "platform_os"),
    Platform.BONSAI: ("domain", "os_family"),
}


def exported_again(platform, fields, columns):
    """An export of a table over columns of values, its entry in the report, and a reader of its files."""
    settings = v3_settings(
        min_segment_exposures=0,
        joint_min_exposures=5,
        dead_band=0.0,
        export_base_cpm=TERMS.base_cpm,
        export_fields={platform.value: fields},
    )
    clocks = {name: column_of(platform, field).clock for name, field in fields.items()}
    settings = replace(settings, column_clocks={name: str(clock) for name, clock in clocks.items() if clock})
    draw = np.random.default_rng(11)
    rank = sum(np.unique(column, return_inverse=True)[1] for column in columns.values())
    outcome = (draw.random(len(rank)) < 0.02 + 0.9 * rank / rank.max()).astype(float)
    sample = sample_of(outcome, **columns)
    model = fit(sample, dict.fromkeys(columns, 4.0))
    none = {name: {} for name in columns}
    fitted = Fitted(model, sample, rows_of(model, sample, none, settings.segment_rules))
    predictions = predictions_of(fitted, 1.0, list(columns), settings)
    export, document = exported(platform, predictions, settings, TERMS)
    return export, document, reader_of(platform.value, export.files, TERMS.run_code, TERMS.base_cpm)


def bid_of(export, values):
    row = export.table.row_of([export.normalise(value) for value in values])
    return export.table.default if row is None else None if row.no_bid else row.multiplier


def agrees(found, expected):
    return found is expected if None in (found, expected) else found == pytest.approx(expected, rel=1e-4)


def warned(document):
    codes = {warning.code for warning in export_warnings(ExportsDocument(platforms=(document,)))}
    told = sorted(codes & {"export_values_outside", "export_rows_lost", "export_values_without_id"})
    return ", ".join(f"`{code}`" for code in told) or "nothing"


def assert_in_docs(rows):
    assert set(rows) <= DOCUMENTED, "\n".join(rows)


@pytest.mark.parametrize("platform", SPACES)
def test_a_request_in_the_platform_s_own_spelling_finds_the_bid_of_the_value_in_ours(platform):
    rows = []
    for field, spellings in SPACES[platform].items():
        ours = np.repeat(np.array(list(spellings)), 400)
        export, document, read = exported_again(platform, {"f": field}, {"f": ours})
        held = {theirs for theirs in spellings.values() if theirs is not None}
        outside = {own for own, theirs in spellings.items() if theirs is None}
        (lost,) = document.outside

        assert {row.values[0] for row in export.table.rows} == {export.normalise(value) for value in held}
        assert all(agrees(read({field: value}), bid_of(export, [value])) for value in held)
        assert all(agrees(read({field: value}), export.table.default) for value in (outside - held))
        assert (lost.values, lost.exposure_share) == (len(outside), pytest.approx(len(outside) / len(spellings)))
        translated = sum(each.values for each in document.respelt)
        assert translated == sum(own != theirs for own, theirs in spellings.items() if theirs)
        rows.append(
            f"| `{platform}` | `{field}` | {len(spellings)} | {len(held)} of {len(held)} | {translated} "
            f"| {len(outside)} ({len(outside) / len(spellings):.0%}) | {warned(document)} |"
        )
    assert_in_docs(rows)


@pytest.mark.parametrize("platform", TEXT_FIELDS)
def test_awkward_texts_are_read_again_as_the_table_has_them_or_are_lost_by_cause(platform):
    fields = dict(zip(("one", "other"), TEXT_FIELDS[platform], strict=True))
    pairs = np.array(list(product(AWKWARD, AWKWARD[::3])))
    columns = {"one": np.repeat(pairs[:, 0], 8), "other": np.repeat(pairs[:, 1], 8)}
    export, document, read = exported_again(platform, fields, columns)
    names = export.table.features if platform is Platform.PLAIN else tuple(fields.values())
    requests = list(product([*AWKWARD, "never seen"], [*AWKWARD, "never seen"]))
    right = sum(
        agrees(
            read({name: value for name, value in zip(names, values, strict=True) if value != MISSING}),
            bid_of(export, values),
        )
        for values in requests
    )
    outside = [f"{each.values} values outside {fields[each.feature]}" for each in document.outside]
    lost = ", ".join([*outside, *(f"{each.rows:,} rows: {each.cause}" for each in document.lost)]) or "none"

    assert right == len(requests)
    told = lost.replace("|", "\\|")
    if platform is not Platform.BEESWAX:  # which expands rows
        assert document.rows_asked == document.rows + sum(each.rows for each in document.lost)
    assert_in_docs(
        [f"| `{platform}` | {right:,} of {len(requests):,} | {document.rows_asked:,} | {told} | {warned(document)} |"]
    )


def test_every_country_has_one_code_of_each_kind_and_is_translated_both_ways():
    three, two = column_of(Platform.BEESWAX, "geo_country"), column_of(Platform.BONSAI, "country")

    assert len(ALPHA_3_OF) == len(ALPHA_2_OF) == 249
    for short, long in ALPHA_3_OF.items():
        assert {three.spelt(code) for code in (short, long, short.lower(), long.lower())} == {long}
        assert {two.spelt(code) for code in (short, long, short.lower(), long.lower())} == {short}


RAW = [
    *("512.0", "-0.0", "-0.00", "007", "1.50", "1e5", " pad ", "x\ty", "x\r\ny", "e\u0301", "\u00a0a\u3000", "\ufeffx"),
    *(
        "${TAG_ID}",
        "[X]",
        "%5BX%5D",
        "%%SITE%%",
        "{{ a.b | c }}",
        "##PBS-X##",
        "[2001:db8::1]",
        "[]",
        "NULL",
        "n/a",
        "",
    ),
    *(
        "A.COM.",
        "a.com .",
        "Example.COM",
        "x" * 256,
        "x" * 257,
        "\u00e9" * 128,
        "\u00e9" * 129,
        "__other__",
        "\u0661.0",
    ),
]


@pytest.mark.parametrize("is_host", [False, True])
@given(st.sampled_from(RAW) | st.text(max_size=12))
def test_the_steps_that_the_docs_give_spell_a_value_as_the_run_does(is_host, raw):
    missing = frozenset({"", "null", "n/a"})
    ours = canonical(raw, missing, is_host=is_host)

    assert spelt(raw, missing, is_host=is_host) == (None if ours in NO_VALUES else ours)


@pytest.mark.parametrize("macro_format", sorted(seeds.dialects()))
def test_awkward_values_are_read_off_a_macro_as_they_are_or_not_at_all_with_a_cause(macro_format):
    dialect, templates = seeds.dialect(macro_format), seeds.seeded_templates(macro_format)
    features = [*templates, *(name for name in dialect.derived if name not in templates)]
    combo = map_ad_macros(features, templates, dialect) if features else None
    if combo is None or combo.combo is None:
        pytest.skip("no feature has a macro in this format")
    way = route_of(combo, dialect, {name: {} for name in features}, [])
    places = json.loads(FormatDocument(route=way).to_json())["route"]["places"]
    own, unread, wrong, asked = 0, dict[str, int](), 0, 0
    for place, document in zip(way.places, places, strict=True):
        alone = replace(way, places=(place,))
        as_written = json.loads(FormatDocument(route=alone).to_json())["route"]
        assert as_written["places"] == [document]
        hours = place.coverage is Coverage.DERIVED and place.gap is None
        values = [str(hour) for hour in range(24)] if hours else AWKWARD
        for form, value in enumerate(v for v in values if canonical(v, frozenset()) == v and v not in NO_VALUES):
            asked += 1
            got = read_combo(expanded((value,), alone, form), as_written)
            cause = cause_of(value, place, alone)
            if cause is not None:
                unread[str(cause)] = unread.get(str(cause), 0) + 1
                wrong += got not in (None, [None], [MISSING])
            else:
                own, wrong = own + (got == [value]), wrong + (got not in ([value], [None]))
    causes = ", ".join(f"{count} `{cause}`" for cause, count in sorted(unread.items())) or "none"

    assert wrong == 0
    assert own + sum(unread.values()) == asked
    assert_in_docs([f"| `{macro_format}` | {len(way.places)} | {own:,} of {asked:,} | {causes} | {wrong} |"])
