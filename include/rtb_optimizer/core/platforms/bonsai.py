"""Lists the features of a Bonsai tree, and the values that they accept.

Those of the Bonsai documents that an impression has. Excluded: the user's history (segments, frequency, recency) and
Xandr's own predictions, which no log of ours has as a value. Where the documents show codes (`"US"`, `"US:NY"`,
`"US:NY:New York"`, `"US:10010"`), requests hold these or Xandr's ids; names of systems, browsers, carriers and apps are
in lists of Xandr that change, and count as free text.
"""

from collections.abc import Mapping

from rtb_optimizer.core.platforms.column import WHOLE, Clock, Column, whole_numbers, within, words
from rtb_optimizer.core.platforms.countries import alpha_2
from rtb_optimizer.core.sample.values import MISSING

# The documents name no escape within quotes and no encoding: a character they do not show may fail the whole tree.
CHARACTER = r"[ !#-\[\]-~]"
TEXT = Column(f"{CHARACTER}+", "ASCII text without a quotation mark or a backslash")
DEVICES = {
    **dict.fromkeys(("desktop", "laptop", "pc"), "pc & other devices"),
    "mobile phone": "phone",
    "mobile tablet": "tablet",
}
"""Words of the documents for its three device types: desktops and laptops, mobile phones, mobile tablets."""
POSITIONS = {"unknown": "0", "above": "1", "below": "2"}
SUPPLY_TYPES = {"web": "0", "mobile_web": "1", "mobile_app": "2"}
"""Names of the ids: a tree that tests both would never reach the second."""
AUDIENCE = words("general", "children", "young_adult", "mature")


def zero_is_none(column: Column) -> Column:
    """Return a column of ids in which Xandr takes 0 for a missing value, as its documents say."""
    return within(column, f"(?!0$)(?:{column.pattern})", column.wants, {"0": MISSING})


NUMBERS: Mapping[str, Column] = {
    "user_hour": whole_numbers(0, 23, Clock.USER),
    "user_day": whole_numbers(0, 6, Clock.USER),
    "user_group": whole_numbers(0, 999),
    **dict.fromkeys(
        (
            *("dma", "placement", "placement_group", "publisher", "seller_member_id"),
            *("device_model", "mobile_app_instance", "creative", "deal_id"),
        ),
        whole_numbers(),
    ),
    **dict.fromkeys(("os_extended", "language"), zero_is_none(whole_numbers())),
}
"""Features that are compared with numbers, which `switch` may list."""

NAMED: Mapping[str, Column] = {
    **dict.fromkeys(("os_family", "carrier", "mobile_app"), TEXT),
    "browser": zero_is_none(TEXT),
    "country": alpha_2(TEXT, ids=WHOLE),
    "region": within(TEXT, f"{WHOLE}|[A-Z]{{2}}:[A-Z0-9]+", "its id at Xandr, or country:region, as US:NY"),
    "city": within(TEXT, f"{WHOLE}|[A-Z]{{2}}:[A-Z0-9]+:.+", "its id at Xandr, or as US:NY:New York"),
    "postal_code": within(TEXT, f"{WHOLE}|[A-Z]{{2}}:.+", "its id at Xandr, or country:code, as US:10010"),
    "position": words("0", "1", "2", spellings=POSITIONS),
    "supply_type": words("0", "1", "2", spellings=SUPPLY_TYPES),
}
"""Features that are compared with an id, as a number, or with its name, in quotes."""

TEXTS: Mapping[str, Column] = {
    **dict.fromkeys(("domain", "mobile_app_bundle"), TEXT),
    **dict.fromkeys(("size", "creative_size"), Column("[0-9]+x[0-9]+", "WIDTHxHEIGHT")),
    **dict.fromkeys(("appnexus_intended_audience", "seller_intended_audience"), AUDIENCE),
    "device_type": words("pc & other devices", "phone", "tablet", spellings=DEVICES),
    "user_gender": words("female", "male", "unknown"),
}
"""Features that are compared with text in quotes, be it all digits."""

FEATURES: Mapping[str, Column] = {**NUMBERS, **NAMED, **TEXTS}
