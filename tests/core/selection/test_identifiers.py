"""Values that identify people and devices are recognised; ids of inventory may be hashes."""

import base64
import hashlib
import uuid

import numpy as np
import pytest

from planted_samples import sample_of
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.identifiers import (
    Kind,
    identifier_warnings,
    identifying,
    identifying_values,
    kind_of,
    names_inventory,
)

MD5 = hashlib.md5(b"x", usedforsecurity=False)
SHA256 = hashlib.sha256(b"a device")
ZEROS = "00000000-0000-0000-0000-000000000000"


def uuids(n):
    return [str(uuid.UUID(int=1 << 100 | i << 64 | i)) for i in range(n)]


def sample(**columns):
    return sample_of(np.zeros(len(next(iter(columns.values())))), **columns)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("123e4567-e89b-12d3-a456-426614174000", Kind.UUID),
        ("{123E4567-E89B-12D3-A456-426614174000}", Kind.UUID),
        (MD5.hexdigest(), Kind.HASH),
        (SHA256.hexdigest().upper(), Kind.HASH),
        ("0x" + MD5.hexdigest(), Kind.HASH),
        (base64.b64encode(MD5.digest()).decode(), Kind.HASH),
        (base64.urlsafe_b64encode(SHA256.digest()).decode().rstrip("="), Kind.HASH),
        ("203.0.113.7", Kind.IP_ADDRESS),
        ("203.0.113.7:8080", Kind.IP_ADDRESS),
        ("2001:db8:85a3:0:0:8a2e:370:7334", Kind.IP_ADDRESS),
        ("2001:db8::7334", Kind.IP_ADDRESS),
        ("::1", Kind.IP_ADDRESS),
        ("fe80::1%eth0", Kind.IP_ADDRESS),
        ("::ffff:203.0.113.7", Kind.IP_ADDRESS),
        ("00:1A:2b:3c:4d:5e", Kind.MAC_ADDRESS),
        ("00-1a-2b-3c-4d-5e", Kind.MAC_ADDRESS),
        ("001a.2b3c.4d5e", Kind.MAC_ADDRESS),
        ("jane.doe+ads@example.co.uk", Kind.EMAIL),
        # no identifiers
        *[(value, None) for value in ("221.234.24.*", "10.0.3", "1.2.3.4.5", "300.1.1.1", "12:30:45", "a::b:c@d")],
        *[
            (value, None)
            for value in ("mobile", "300x250", "345", "DE", "12345678901234567890", "mm_1004_344853_111908")
        ],
        *[
            (value, None)
            for value in ("com.example.puzzle.game", "Summer_Campaign_26_DE_v2", "SummerCampaign26Germany")
        ],
        *[(value, None) for value in ("abcdefghijklmnopqrstuvwxyz", "deadbeef", "news.example.com/a@b", "@handle", "")],
    ],
)
def test_a_value_is_recognised_by_its_form(value, kind):
    assert kind_of(value) is kind


def test_a_column_identifies_when_most_rows_beside_missing_and_placeholders_do():
    devices = uuids(300)
    column = [MISSING] * 300 + [ZEROS] * 400 + devices * 2
    found = identifying_values(sample(x=column).features["x"])

    assert (found.kind, found.share) == (Kind.UUID, 1.0)


@pytest.mark.parametrize(
    ("column", "identifies"),
    [
        (uuids(60) + [f"site{n}" for n in range(40)], True),
        (uuids(40) + [f"site{n}" for n in range(60)], False),
        (uuids(30) + [f"10.0.0.{n}" for n in range(30)] + [f"site{n}" for n in range(40)], True),
        (uuids(30) * 150, True),  # thirty frequent values have no placeholder among them
        (["mobile"] * 5_000 + uuids(20), True),
        ([MISSING] * 100, False),
        (["a", "b"] * 50, False),
    ],
)
def test_a_minority_of_such_values_is_noise(column, identifies):
    assert (identifying_values(sample(x=column).features["x"]) is not None) is identifies


@pytest.mark.parametrize(
    ("rows", "identifies"),
    [
        ([500, 300, 250, 240, 230, 220], False),  # an anonymised age group
        ([48_439, 5_936, 4_929, 666, 30], False),
        ([200] * 100, False),
        ([84] * 400, True),  # devices that are seen often
        ([400] * 400, True),
        ([150] * 100, True),  # so few rows each may be people's
        ([5_000, *[50] * 40], True),  # a placeholder, and people
    ],
)
@pytest.mark.parametrize("placeholder", [0, 40_000])
def test_few_hashes_of_many_rows_each_are_a_category(rows, identifies, placeholder):
    def column(of):
        return sample(x=[value for value, n in zip(of, rows, strict=True) for _ in range(n)] + [ZEROS] * placeholder)

    hashed = column([hashlib.md5(f"{n}".encode(), usedforsecurity=False).hexdigest() for n in range(len(rows))])
    addresses = column([f"203.0.{n // 250}.{n % 250}" for n in range(len(rows))])

    assert (identifying_values(hashed.features["x"]) is not None) is identifies
    assert identifying_values(addresses.features["x"]).kind is Kind.IP_ADDRESS


def test_many_values_are_judged_by_some_of_them():
    found = identifying_values(sample(x=uuids(30_000)).features["x"])

    assert (found.kind, found.share) == (Kind.UUID, 1.0)


@pytest.mark.parametrize(
    ("name", "is_inventory"),
    [
        *[(name, True) for name in ("domain", "site_id", "siteHash", "slotid", "adslot_key", "placement", "app_id")],
        *[(name, True) for name in ("publisher", "deal_id", "creative", "app_bundle", "keypage", "url", "tag_id")],
        *[(name, True) for name in ("campaign_uuid", "advertiser_key", "internal_adspace_id", "adunit", "exchange")],
        *[(name, False) for name in ("visitor_site_id", "site_user_key", "device_app_key", "cookie_domain_id")],
        *[(name, False) for name in ("key", "hash", "token", "mapping", "happy", "idea", "ideal", "visit")],
    ],
)
def test_a_name_says_whether_a_column_is_inventory(name, is_inventory):
    assert names_inventory(name) is is_inventory


def test_hashed_ids_of_inventory_pass_and_a_person_vouches_for_others_but_no_address_ever_passes():
    hashes = [hashlib.md5(bytes([n]), usedforsecurity=False).hexdigest() for n in range(100)]
    mails = [f"reader{n}@example.com" for n in range(100)]
    rows = sample(
        domain=hashes, key=hashes, vouched=hashes, site=mails, mail=mails, server=[f"10.0.0.{n}" for n in range(100)]
    )

    found = identifying(rows, rows.features, allowed=["vouched", "mail"])

    assert {name: of_column.kind for name, of_column in found.items()} == {
        "key": Kind.HASH,
        "site": Kind.EMAIL,
        "mail": Kind.EMAIL,
        "server": Kind.IP_ADDRESS,
    }


def test_a_warning_names_the_column_the_kind_and_the_fix_and_shows_no_value():
    rows = sample(key=uuids(50), contact=[f"reader{n}@example.com" for n in range(50)], row=uuids(50))
    warnings = list(identifier_warnings(identifying(rows, rows.features), ["row"]))

    assert [w.code for w in warnings] == ["identifier", "identifier", "anchor_identifier"]
    assert [w.message for w in warnings] == [
        (
            "candidate 'contact' holds e-mail addresses in 100% of the rows with a value: it identifies people or "
            "devices and is no feature; remove it from candidate_features, or log a region or a network instead"
        ),
        (
            "candidate 'key' holds UUIDs in 100% of the rows with a value: it identifies people or devices and is no "
            "feature; remove it from candidate_features, or name it in allowed_identifiers if it is an id of inventory"
        ),
        (
            "anchor 'row' holds UUIDs in 100% of the rows with a value: its rows may be about one person or device "
            "each; remove it from anchor_features, or name it in allowed_identifiers if it is an id of inventory"
        ),
    ]
