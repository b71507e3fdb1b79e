"""The columns of the synthetic logs, and their effects on the outcome."""

from collections.abc import Mapping

Term = tuple[str, ...]

PLANTED = {
    "internal_adspace_id": 0.55,
    "user_segment": 0.5,
    "creative": 0.35,
    "country": 0.35,
    "page_position": 0.3,
    "ad_size": 0.3,
    "hour": 0.2,
    "deal_id": 0.4,
    "exchange": 0.12,
    "device_type": 0.3,
    "weekday": 0.05,
}
"""Standard deviation of a column's log odds."""
REDUNDANT = ("domain", "region", "city", "campaign", "language", "os", "browser", "app_bundle")
NOISE = ("ip_prefix", "auction_shard", "carrier")
CANDIDATES = (*PLANTED, *REDUNDANT, *NOISE)

VALUES = {
    "internal_adspace_id": 5_000,
    "user_segment": 1_000,
    "creative": 300,
    "country": 200,
    "page_position": 5,
    "ad_size": 25,
    "hour": 24,
    "deal_id": 500,
    "exchange": 10,
    "device_type": 6,
    "weekday": 7,
    "domain": 20_000,
    "region": 2_000,
    "city": 20_000,
    "campaign": 40,
    "language": 40,
    "os": 12,
    "browser": 15,
    "app_bundle": 10_000,
    "ip_prefix": 100_000,
    "auction_shard": 5_000,
    "carrier": 300,
    "user_cluster": 10,
    "creative_cluster": 10,
    "daypart": 4,
    "size_class": 5,
}
"""How many values a column has; the last four are coarser views of planted columns, and no columns of the logs."""
CROWDING = {
    "internal_adspace_id": 1.05,
    "user_segment": 0.8,
    "creative": 0.8,
    "city": 0.95,
    "deal_id": 0.9,
    "app_bundle": 1.0,
    "domain": 0.8,
    "ip_prefix": 0.4,
    "auction_shard": 0.3,
    "carrier": 1.0,
}
"""The exponent of the power law by which a column's traffic falls from value to value."""

MULTIPLICATIVE: Mapping[Term, float] = {("device_type", "ad_size"): 0.45}
INTERACTING: Mapping[Term, float] = {
    ("device_type", "ad_size"): 0.45,
    ("user_cluster", "creative_cluster"): 0.5,
    ("internal_adspace_id", "device_type"): 0.4,
    ("country", "daypart"): 0.25,
    ("page_position", "device_type", "size_class"): 0.35,
}
COARSE = {
    "user_cluster": "user_segment",
    "creative_cluster": "creative",
    "daypart": "hour",
    "size_class": "ad_size",
}
DAMPED = 0.75
"""What the single columns keep of their effect in the second world."""
