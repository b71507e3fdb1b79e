"""Finds the platform's field of each feature, and refuses the fields that a feature cannot be right in."""

from collections.abc import Sequence

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.platforms.clocks import clock_problem
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.fields import column_of
from rtb_optimizer.outputs.documents.exports import RefusedDocument
from rtb_optimizer.store.seeds import platform_fields


def fields_of(platform: Platform, features: Sequence[str], settings: Settings) -> dict[str, str]:
    """Return the platform's field of each feature that it knows, in feature order; no field stands twice."""
    refused = {each.feature for each in refused_fields(platform, features, settings)}
    named = _named(platform, features, settings)
    return {feature: field for feature, field in named.items() if feature not in refused}


def refused_fields(platform: Platform, features: Sequence[str], settings: Settings) -> list[RefusedDocument]:
    """Return the fields of hours and days whose clock is not known to be that of the feature."""
    problems = {
        feature: (field, clock_problem(feature, field, column_of(platform, field), settings.column_clocks))
        for feature, field in _named(platform, features, settings).items()
    }
    return [
        RefusedDocument(feature=feature, field=field, reason=reason)
        for feature, (field, reason) in problems.items()
        if reason
    ]


def taken_fields(platform: Platform, features: Sequence[str], settings: Settings) -> list[RefusedDocument]:
    """Return the fields that `export_fields` gives to a feature while one before it has them already."""
    own = settings.export_fields.get(platform)
    holders = {field: feature for feature, field in _named(platform, features, settings).items()}
    return [
        RefusedDocument(feature=feature, field=field, reason=f"{field} is the field of {holders[field]} already")
        for feature, field in (own.items() if isinstance(own, dict) else ())
        if feature in features and holders.get(field, feature) != feature
    ]


def unknown_features(platform: Platform, settings: Settings) -> list[str]:
    """Return the names in the keys of an export that are neither candidates nor anchors: they have no effect."""
    known = {*settings.candidate_features, *settings.anchor_features}
    named = (settings.export_fields.get(platform), settings.export_value_maps.get(platform))
    return sorted({name for of in named if isinstance(of, dict) for name, given in of.items() if given} - known)


def key_orders(features: Sequence[str], settings: Settings) -> list[list[str]]:
    """Return the features in the key of each export, in order."""
    return [list(fields_of(Platform(name), features, settings)) for name in settings.exports]


def _named(platform: Platform, features: Sequence[str], settings: Settings) -> dict[str, str]:
    seeded = platform_fields()[platform]
    own = settings.export_fields.get(platform)
    named = {**seeded.fields, **(own if isinstance(own, dict) else {})}
    chosen: dict[str, str] = {}
    for feature in features:
        field = named.get(feature, feature if seeded.every_feature else "")
        if field and field not in chosen.values():
            chosen[feature] = field
    return chosen
