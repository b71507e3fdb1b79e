"""Lists the columns of a Beeswax bid model, and the values that they accept.

Of the columns in the vendor's list and in its validator, those of the bid request; where the two differ, the stricter.
Excluded: columns that need another beside them (segments, frequencies), and those on which the two contradict each
other. What requests hold is from the same list ("Country code (3 characters)"), the enums of openrtb_common.proto and
the vendor's sample logs (regions as USA/NJ, cities as ids); a column without a space of its own is free text.
"""

from collections.abc import Mapping

from rtb_optimizer.core.platforms.column import WHOLE, Clock, Column, whole_numbers, within, words
from rtb_optimizer.core.platforms.countries import alpha_3

# No rule for quoting is documented, and a lone asterisk stands for any value.
CHARACTER = '[^\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff|"]'
TEXT = Column(rf"(?!\*$){CHARACTER}+", 'text without a pipe, a quotation mark or a line break, and no lone "*"')
PREFIXED = Column(rf"(?=.+/.){CHARACTER}+", "exchange/id, without a pipe, a quotation mark or a line break")
FLAG = whole_numbers(0, 1)
OPENRTB_DEVICES = {
    "1": "MOBILE",
    "2": "PC",
    "3": "CONNECTED_TV",
    "4": "PHONE",
    "5": "TABLET",
    "6": "CONNECTED_DEVICE",
    "7": "SET_TOP_BOX",
    "8": "GAMES_CONSOLE",
    "desktop": "PC",
}
"""OpenRTB's numbers of the enum, and the usual word for its "Personal Computer"."""

_TEXTS = (
    *("app_bundle", "app_name", "platform_browser", "platform_browser_version", "platform_carrier"),
    *("content_rating", "platform_device_make", "platform_device_model", "domain", "content_language"),
    *("platform_os", "platform_os_version", "site_name"),
)
_PREFIXED = ("app_id", "publisher_id", "deal_id")
_NUMBERS = (
    *("account_id", "campaign_id", "line_item_id", "auction_type", "banner_height", "banner_width"),
    *("app_id_list", "app_bundle_list", "domain_list", "site_list", "placement_list", "zip_code_list"),
    *("publisher_id_list", "deal_id_list", "lat_long_list"),
)
_FLAGS = (
    *("video_boxing_allowed", "video_companion_required", "content_coppa_flag", "inventory_interstitial"),
    *("platform_js", "lat_long_present", "rewarded"),
)

COLUMNS: Mapping[str, Column] = {
    **dict.fromkeys(_TEXTS, TEXT),
    **dict.fromkeys(_PREFIXED, PREFIXED),
    **dict.fromkeys(_NUMBERS, whole_numbers()),
    **dict.fromkeys(_FLAGS, FLAG),
    "site_id": Column(rf"(?=.+/){CHARACTER}+", PREFIXED.wants),
    "placement": Column(rf"(?=.+/[^,]+(,.+/.+)*$){CHARACTER}+", PREFIXED.wants),
    "ad_size": Column("[0-9]+x[0-9]+", "WIDTHxHEIGHT"),
    "geo_country": alpha_3(TEXT),
    "geo_region": within(TEXT, f"[A-Z]{{3}}/{CHARACTER}+", "a country of three letters and its region, as USA/NJ"),
    "geo_city": within(TEXT, WHOLE, "the number of a city, as 5128581"),
    "geo_metro": Column("[0-9]{3}", "three digits"),
    "platform_device_screen_size": within(TEXT, "S|M|L|XL|NA", "one of S, M, L, XL, NA"),
    "video_player_size": within(TEXT, "S|M|L", "one of S, M, L"),
    "geo_zip": Column(rf"{CHARACTER}{{5,}}", "text of five characters or more"),
    "display_manager": Column(rf"(?!\*$){CHARACTER}{{1,255}}", "text of 255 characters at most"),
    "display_manager_ver": Column(rf"(?!\*$){CHARACTER}{{1,255}}", "text of 255 characters at most"),
    "hour_of_day_utc": whole_numbers(0, 23, Clock.UTC),
    "day_of_week_utc": whole_numbers(1, 7, Clock.UTC),
    "inventory_source": Column("[A-Z][A-Z0-9_]*", "the exchange's name in capitals, as GOOGLE_ADX"),
    "environment_type": words("UNKNOWN_ENVIRONMENT_TYPE", "WEB", "APP"),
    "placement_type": words("UNKNOWN_PLACEMENT_TYPE", "BANNER", "VIDEO", "NATIVE", "BANNER_AND_VIDEO"),
    "interstitial_type": words("BANNER", "VIDEO", "BANNER_AND_VIDEO"),
    "ad_position": words(
        *("POSITION_UNKNOWN", "ABOVE_THE_FOLD", "DEPRECATED_MAYBE_VISIBLE", "BELOW_THE_FOLD"),
        *("HEADER", "FOOTER", "SIDEBAR", "FULLSCREEN"),
    ),
    "platform_bandwidth": words(
        *("CONNECTION_UNKNOWN", "ETHERNET", "WIFI", "CELL_UNKNOWN", "CELL_2G", "CELL_3G", "CELL_4G"),
    ),
    "platform_device_type": words(
        *("UNKNOWN", "MOBILE", "PC", "CONNECTED_TV", "PHONE", "TABLET"),
        *("CONNECTED_DEVICE", "SET_TOP_BOX", "GAMES_CONSOLE"),
        spellings=OPENRTB_DEVICES,
    ),
}
