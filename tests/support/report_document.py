"""A run's report as the page gets it: every section, of the size a real entity has, the same at each call."""

import json
import random

from rtb_optimizer.outputs.documents.report import Report


def report_of(document):
    """The report that a document holds, as its readers get it."""
    return Report.read(json.dumps(document))


def report_document():
    draw = random.Random(20260310)  # noqa: S311 - an example, no secret
    return {
        "entity_code": "drugs_com",
        "data_start": "2026-03-03T00:00:00+00:00",
        "data_end": "2026-03-10T00:00:00+00:00",
        "objective": "outcome",
        "link": "log",
        "verdict": {"decision": "activate", "reasons": ["newer data than run 17"]},
        "gates": {
            "facts": {
                "outcomes": 10598,
                "segments": 285,
                "partition_share": 1.0,
                "holdout_gain": 0.0421,
                "macro_hit_rate": 0.9731,
            },
            "limits": {
                "outcomes": 500,
                "segments": 1,
                "partition_share": 0.8,
                "holdout_gain": 0.0,
                "macro_hit_rate": 0.9,
            },
        },
        "coverage": {
            "partitions_expected": 7,
            "partitions_found": 6,
            "missing": ["s3://rtb/logs/date=2026-03-06/"],
            "rows_by_day": {f"2026-03-{day:02}": 148_000 + 1_733 * (day % 4) for day in (3, 4, 5, 7, 8, 9)},
            "sampled_rows": 212_345,
            "sampled_share": 0.1925,
            "sampled_positive_share": 1.0,
            "folds": "row_hash",
            "timezone": "Europe/Berlin",
            "weight_column": "sampling_weight",
            "duplicate_share": 0.00012,
        },
        "kpis": [
            kpi("outcome rate", "outcomes / exposures", 10598, 1_050_000, (0.00977, 0.0331, 0.0058, 0.0604)),
            kpi("value per thousand", "1000 x value / exposures", 1_312_500, 1_050_000, (1.31, -0.0458, None, None)),
            kpi("cost per thousand", "1000 x cost / exposures", 987_000, 1_050_000, None),
            kpi("cost per outcome", "cost / outcomes", 987, 10598, (0.0911, 0.0223, -0.013, 0.0576)),
        ],
        "warnings": [
            {
                "code": "outcome_above_exposure",
                "message": "18 rows with more outcomes than exposures: outcomes cut to the exposures",
                "rows": 18,
                "share": 0.0000171,
            },
            {"code": "duplicate", "message": "126 rows that repeat another: kept", "rows": 126, "share": 0.00012},
        ],
        "features": [feature(n, *row) for n, row in enumerate(FEATURES, start=1)],
        "interactions": [
            {
                "features": ["device_type", "ad_size"],
                "signal_score": 0.00188,
                "standard_error": 0.00031,
                "z": 6.06,
                "prior": 40.0,
                "rows": 18,
            }
        ],
        "rejected": [
            {"name": name, "reason": reason, "signal_score": score, "marginal_score": alone}
            for name, reason, score, alone in REJECTED
        ],
        "segments": {
            "total": 286,
            "level": 0.89,
            "tiers": {"low": 31, "medium": 166, "high": 88},
            "no_bid": 3,
            "best": [segment(draw, n, 1.05, 2.9) for n in range(20)],
            "worst": [segment(draw, n, 0.3, 0.95) for n in range(20, 40)],
            "coverage": [
                {"rows_matched": rows, "exposure_share": exposure, "spend_share": spend}
                for rows, exposure, spend in (
                    (0, 0.02, 0.01),
                    (1, 0.08, 0.06),
                    (2, 0.23, 0.2),
                    (3, 0.41, 0.43),
                    (4, 0.26, 0.3),
                )
            ],
        },
        "scatter": scatter(draw),
        "joint": {
            "rows": 48_211,
            "losses": [
                {"keys": keys, "rows": rows, "gain": gain, "master_gain": 0.0421, "exposure_share": share}
                for keys, rows, gain, share in (
                    (1, 42, 0.027, 1),
                    (2, 1_190, 0.0361, 0.994),
                    (3, 9_800, 0.0388, 0.93),
                    (4, 48_211, 0.0302, 0.71),
                )
            ],
        },
        "holdout": {
            "gain": 0.0421,
            "outcomes": 1482.0,
            "level": 1.034,
            "calibration": [
                {
                    "decile": n,
                    "exposure": 15_000,
                    "expected": 15.0 * 1.42**n,
                    "outcome": round(15.0 * 1.42**n * draw.uniform(0.9, 1.1)),
                }
                for n in range(1, 11)
            ],
            "lift": [{"exposure_share": n / 20, "outcome_share": (n / 20) ** 0.55} for n in range(21)],
        },
        "replay": {
            "assumption": "a bid's chance to win moves as its multiplier does, and no other bidder reacts",
            "policies": [
                {"name": "all ones", "outcomes": 10598, "spend": 987.1, "outcomes_per_spend": 10.74, "change": 0.0},
                {
                    "name": "active run",
                    "outcomes": 11_702.4,
                    "spend": 986.2,
                    "outcomes_per_spend": 11.87,
                    "change": 0.1052,
                },
                {
                    "name": "this run",
                    "outcomes": 12_240.8,
                    "spend": 987.0,
                    "outcomes_per_spend": 12.4,
                    "change": 0.1547,
                },
            ],
        },
        "changes": {
            "against": "drugs_com-20260224-20260303-0a6cfea4d5",
            "appeared": 12,
            "vanished": 4,
            "moved": 45,
            "largest": [
                {
                    "segment": "1002|*|*|*|*|*",
                    "before": 2.1,
                    "after": 2.912,
                    "data": 0.27,
                    "model": 0.0,
                    "config": 0.068,
                    "normaliser": -0.011,
                },
                {
                    "segment": "*|*|tablet|*|*|*",
                    "before": None,
                    "after": 0.3,
                    "data": -1.109,
                    "model": 0.0,
                    "config": 0.0,
                    "normaliser": -0.094,
                },
            ],
        },
        "groups": [
            {
                "feature": "country",
                "value": "DE",
                "outcomes": 1_204.0,
                "spend": 101.3,
                "outcomes_change": -0.181,
                "low": -0.21,
                "high": -0.151,
                "spend_change": -0.176,
                "pays": True,
                "lift": -0.06,
                "lift_low": -0.3,
                "lift_high": 0.27,
            },
            {
                "feature": "country",
                "value": "US",
                "outcomes": 5_377.0,
                "spend": 402.9,
                "outcomes_change": 0.071,
                "low": 0.06,
                "high": 0.083,
                "spend_change": 0.05,
                "pays": False,
            },
        ],
        "ad_macros": {"fields": [row[0] for row in FEATURES], "formats": macro_formats()},
        "round_trip": {
            "adx": {
                "hit_rate": 0.9731,
                "addressable_hit_rate": 0.9731,
                "answered_share": 0.8812,
                "levels": [
                    {"values": 0, "exposure_share": 0.25, "hit_rate": 1.0},
                    {"values": 1, "exposure_share": 0.75, "hit_rate": 0.9642},
                ],
                "misses": [
                    {"feature": "device", "value": "a~b", "cause": "delimiter_in_value", "exposure_share": 0.0231},
                    {"feature": "hour", "value": None, "cause": "no_macro", "exposure_share": 0.0038},
                ],
            }
        },
        "exports": [
            {
                "platform": "prebid_floors",
                "fields": [{"feature": "country", "field": "country"}],
                "without_field": ["deal_id", "hour"],
                "without_id": [{"feature": "country", "values": 3, "exposure_share": 0.0127}],
                "respelt": [
                    {
                        "feature": "country",
                        "wants": "a country of three letters (ISO 3166-1), as USA",
                        "values": 41,
                        "exposure_share": 0.91,
                        "examples": [["DE", "DEU"]],
                    }
                ],
                "outside": [
                    {
                        "feature": "country",
                        "wants": "a country of three letters (ISO 3166-1), as USA",
                        "values": 2,
                        "exposure_share": 0.0031,
                        "examples": [["XK", ""], ["AP", ""]],
                    }
                ],
                "refused": [{"feature": "hour", "field": "hourOfDay", "reason": "hourOfDay is in UTC"}],
                "rows_asked": 1_412,
                "rows": 1_001,
                "lost": [{"cause": "more than 1,000 rules", "rows": 411}],
                "answered_share": 0.981,
                "mean_error": 0.0712,
                "largest_error": 1.23,
                "no_bid_share": 0.004,
            }
        ],
        "outputs": [
            {
                "output_type": kind,
                "s3_key": f"s3://rtb/optimizer/drugs_com/runs/drugs_com-20260303-20260310-77aa01c2ee/{kind}",
                "row_count": rows,
                "byte_size": size,
                "sha256": f"{draw.getrandbits(256):064x}",
            }
            for kind, rows, size in (("segments", 286, 25_407), ("features", 6, 4_211), ("report", 1, 61_240))
        ],
        "config": {
            "values": {
                "min_positives": 500,
                "candidate_features": ["country", "hour"],
                "partner_key": None,
                "multiplier_max": 3.0,
            },
            "origins": {
                "min_positives": "version",
                "candidate_features": "entity",
                "partner_key": "version",
                "multiplier_max": "trigger",
            },
            "changed_from_default": [{"key": "multiplier_max", "default": 5.0, "value": 3.0}],
            "changed_from_active": [{"key": "multiplier_max", "active": 4.0, "value": 3.0}],
        },
    }


FEATURES = (
    ("internal_adspace_id", 0.02863, 0.00112, 41),
    ("country", 0.01095, 0.00081, 62),
    ("device_type", 0.00953, 0.0007, 5),
    ("ad_size", 0.00334, 0.00048, 12),
    ("deal_id", 0.00226, 0.00041, 130),
    ("hour", 0.00101, 0.00028, 24),
)
REJECTED = (
    ("browser_version", "no_gain", 0.00031, 0.0041),
    ("city", "not_significant", 0.00044, 0.0078),
    ("click_price", "leak_suspected", None, 0.412),
    ("user_id", "near_unique", None, None),
    ("os", "redundant", 0.00008, 0.0069),
)


def kpi(name, formula, numerator, denominator, compared):
    previous, change, low, high = compared or (None,) * 4
    return {
        "name": name,
        "formula": formula,
        "value": numerator / denominator,
        "numerator": numerator,
        "denominator": denominator,
        "previous": previous,
        "change": change,
        "low": low,
        "high": high,
    }


def feature(order, name, score, error, values):
    return {
        "name": name,
        "order": order,
        "is_anchor": order == 1,
        "signal_score": score,
        "standard_error": error,
        "marginal_score": 1.2 * score,
        "cumulative_score": sum(row[1] for row in FEATURES[:order]),
        "z": score / error,
        "prior": 40.0,
        "values": values,
        "missing_share": 0.031 * order,
        "rows": values - 2,
    }


def segment(draw, n, least, most):
    multiplier, exposure = draw.uniform(least, most), draw.randint(900, 60_000)
    factor = multiplier * 1.04 if multiplier > 1 else multiplier * 0.96
    return {
        "segment": draw.choice(["{}|*|*|*|*|*", "*|*|*|*|deal-{}|*"]).format(1000 + n),
        "rows": exposure,
        "exposure": exposure,
        "outcome": round(0.01 * factor * exposure),
        "value": 0.00125 * exposure,
        "cost": 0.00094 * exposure,
        "expected": 0.01 * exposure,
        "factor": factor,
        "factor_low": 0.95 * factor,
        "factor_high": 1.06 * factor,
        "tier": tier(round(0.01 * factor * exposure)),
        "multiplier": multiplier,
        "no_bid": multiplier < 0.35,
    }


def tier(outcome):
    return "low" if outcome < 10 else "medium" if outcome < 100 else "high"


def scatter(draw):
    points = []
    for _ in range(2000):
        outcome = round(draw.lognormvariate(3, 1.7))
        spread = 0.45 * outcome / (outcome + 40)
        points.append(
            {
                "outcome": outcome,
                "multiplier": min(max(draw.lognormvariate(0, spread), 0.3), 3.0),
                "tier": tier(outcome),
            }
        )
    return points


def macro_formats():
    names = [row[0] for row in FEATURES]
    return {
        "adx": {
            "combo": "~".join(f"[ADX_{name.upper()}]" for name in names),
            "separator": "~",
            "missing": ["", "unknown"],
            "expanded_at": "bid request",
            "expanded_when": "at the bid",
            "evidence": "own",
            "source": "its owner",
            "skipped": "",
            "coverage": dict.fromkeys(names, "macro"),
        },
        "xandr": {
            "combo": None,
            "skipped": "no macro for deal_id",
            "separator": "~",
            "missing": [],
            "expanded_at": "impression",
            "coverage": dict.fromkeys(names, "macro") | {"hour": "derived", "deal_id": "gap"},
        },
    }
