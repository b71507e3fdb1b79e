"""Lists the fields of Prebid's price floors, and the values that its requests hold.

Prebid accepts any text as a value. Its requests hold what docs.prebid.org, Price Floors, and prebid-server's
floors/rule.go say: a device type that is one of three by the user agent, a country of three letters.
"""

from collections.abc import Mapping

from rtb_optimizer.core.platforms.column import Column, within, words
from rtb_optimizer.core.platforms.countries import alpha_3

TEXT = Column("(?s:.+)", "text")
OPENRTB_DEVICES = {"2": "desktop", "4": "phone", "5": "tablet", "pc": "desktop", "personal computer": "desktop"}
"""OpenRTB's device types that are surely one of the three; 1 is "Mobile/Tablet", which Prebid distinguishes."""

IN_PREBID_JS = ("adUnitCode", "gptSlot", "size", "mediaType", "domain")
"""The fields that Prebid.js knows by itself: it refuses a file with any other that the page does not define."""

FIELDS: Mapping[str, Column] = {
    **dict.fromkeys(("adUnitCode", "gptSlot", "pbAdSlot", "domain", "siteDomain", "pubDomain", "bundle"), TEXT),
    "channel": TEXT,
    "size": within(TEXT, "[0-9]+[xX][0-9]+", "WIDTHxHEIGHT"),
    "mediaType": words(
        *("banner", "video", "video-outstream", "native", "audio"), spellings={"video-instream": "video"}
    ),
    "country": alpha_3(TEXT),
    "deviceType": words("phone", "tablet", "desktop", spellings=OPENRTB_DEVICES),
}
