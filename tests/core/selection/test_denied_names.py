"""Names of people and devices are denied in whatever style a log writes them; the usual names of ad logs are not."""

import pytest

from rtb_optimizer.core.selection.denied_names import denied_by, denied_names, words
from v3_settings import v3_settings

DENIED = v3_settings().denied_features

PEOPLE_AND_DEVICES = [
    # OpenRTB, flattened in three styles
    *("device_ifa", "device.ifa", "deviceIfa", "deviceIFA", "device-ifa", "device ifa", "DEVICE_IFA", "ifas"),
    *(
        "device_ip",
        "device.ip",
        "deviceIp",
        "device_ipv6",
        "ip6",
        "ip_hash",
        "client_ip",
        "x_forwarded_ip",
        "IPAddress",
    ),
    *("user_id", "user.id", "userId", "UserID", "userid", "user_ids", "user_buyeruid", "user.buyeruid", "buyer_uid"),
    *("user_ext_eids", "eids", "uids", "device_didsha1", "device_didmd5", "device_dpidsha1", "dpid", "device_macsha1"),
    *("device_macmd5", "mac_address", "geo_lat", "device.geo.lon", "latitude", "geoLongitude", "user_email"),
    # Beeswax, Xandr, Google Ad Manager, mobile platforms
    *("user_id_64", "user_id_64bit", "device_unique_id", "external_uid", "hashed_ip", "personal_identifier"),
    *("ppid", "PublisherProvidedId", "idfa", "device_idfv", "gaid", "aaid", "gps_aaid", "android_id", "advertising_id"),
    *(
        "cookie",
        "cookie_id",
        "cookieId",
        "third_party_cookie",
        "uid2",
        "uid2_token",
        "tdid",
        "openudid",
        "imei",
        "maid",
    ),
    *("msisdn", "phone_number", "hashed_email", "email_sha256", "session_id", "visitor_id", "page_url", "landing_url"),
]
HONEST = [
    *("site_id", "site_domain", "site_cat", "app_id", "app_bundle", "app_name", "publisher_id", "placement_id"),
    *("internal_adspace_id", "adspace_id", "slot_id", "slotid", "tag_id", "ad_unit_id", "ad_size", "ad_id", "adid"),
    *("creative_id", "creative_size", "campaign_id", "line_item_id", "advertiser_id", "buyer_member_id", "deal_id"),
    *("seller_member_id", "exchange", "inventory_source", "bid_floor", "auction_type", "position", "fold_position"),
    *("geo_country", "geo_region", "geo_city", "geo_metro", "geo_zip", "zip", "postal_code", "language", "timezone"),
    *("device_type", "device_make", "device_model", "device_os", "device_os_version", "device_category_id", "carrier"),
    *("connection_type", "user_agent_family", "user_day", "user_hour", "user_tz_offset", "user_group_id", "browser"),
    *(
        "hour",
        "hour_of_day",
        "day_of_week",
        "viewability_bucket",
        "video_skippable",
        "content_genre",
        "ship_to",
        "chip",
    ),
    *("ip_country", "ipCountry", "ip_version", "ifa_type", "user_id_type", "has_user_id", "is_lat", "url_domain"),
    *("cookie_consent", "cookies_enabled", "slotwidth", "urlid", "keypage", "usertag", "lifetime", "ratio", "platform"),
]


@pytest.mark.parametrize("column", PEOPLE_AND_DEVICES)
def test_the_default_list_denies_what_platforms_call_people_and_devices(column):
    assert denied_by(column, DENIED) is not None


@pytest.mark.parametrize("column", HONEST)
def test_the_default_list_denies_no_usual_column_of_ad_logs(column):
    assert denied_by(column, DENIED) is None


@pytest.mark.parametrize("column", DENIED)
def test_every_name_of_the_list_denies_itself(column):
    assert denied_by(column, DENIED) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("device_ifa", ["device", "ifa"]),
        ("device.geo.lat", ["device", "geo", "lat"]),
        ("deviceIPAddress", ["device", "ip", "address"]),
        ("user_id_64", ["user", "id", "64"]),
        ("ipv6", ["ipv", "6"]),
        ("straße_id", ["stra", "ß", "e", "id"]),
        ("__", []),
    ],
)
def test_a_name_is_split_at_signs_capitals_and_digits(name, expected):
    assert words(name) == expected


@pytest.mark.parametrize(
    ("column", "denied", "matches"),
    [
        ("ip_country", ["ip_country"], True),  # what is denied whole is denied, attribute or not
        ("ipCountry", ["ip_country"], True),
        ("user_ip_country", ["ip_country"], True),
        ("is_lat", ["is_lat"], True),
        ("order_id", ["order_id"], True),
        ("purchase_order_id", ["order_id"], True),
        ("order_line_id", ["order_id"], False),
        ("__", ["__"], True),
        ("__", ["_"], False),
        ("site", [""], False),
    ],
)
def test_a_denied_name_is_a_run_of_words(column, denied, matches):
    assert (denied_by(column, denied) is not None) is matches


def test_denied_columns_come_with_the_name_that_denies_them_but_those_allowed():
    found = denied_names(["device_ip", "site", "ip_pool"], ["ip"], allowed=["ip_pool"])

    assert found == {"device_ip": "ip"}
