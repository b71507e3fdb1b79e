"""Maps our values to the ids of another system, where its ids differ.

Value maps are given by platform (a macro format, or an export) and feature: our value -> the platform's. An empty
map: the ids are the same.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES, OTHER

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def value_map_problems(key: str, maps: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the value maps of a config key.

    A map must be injective: one id of the platform that stands for two of our values would answer for both.
    """
    problems = []
    for platform, of_platform in sorted(maps.items()):
        if not isinstance(of_platform, Mapping):
            problems.append(f"{key}: {platform!r} needs an object by feature")
            continue
        for feature, pairs in sorted(of_platform.items()):
            where = f"{key}: {feature} in {platform!r}"
            if not isinstance(pairs, Mapping) or not all(isinstance(theirs, str) for theirs in pairs.values()):
                problems.append(f'{where} needs an object of strings, as {{"our id": "the platform\'s"}}')
                continue
            repeated = sorted(theirs for theirs, times in Counter(pairs.values()).items() if times > 1)
            if repeated:
                problems.append(
                    f"{where} gives {repeated[0]!r} to more than one of our values: the map must be injective"
                )
    return problems


def exported_id_problems(key: str, maps: Mapping[str, Any]) -> list[str]:
    """Return the ids of maps without other problems that no request can hold, as messages.

    An id is written as it stands, into files of one row a line.
    """
    return [
        f"{key}: {feature} in {platform!r} gives {theirs!r} to {ours!r}: an id is neither blank nor a placeholder, "
        "without blanks around it or control characters; leave a value without an id out of the map"
        for platform, of_platform in sorted(maps.items())
        for feature, pairs in sorted(of_platform.items())
        for ours, theirs in sorted(pairs.items())
        if not theirs or theirs != theirs.strip() or theirs in NO_VALUES or _CONTROL.search(theirs)
    ]


def value_maps(maps: Mapping[str, Any], platform: str) -> dict[str, dict[str, str]]:
    """Return the value maps of one platform, by feature, of a configuration without problems."""
    return {feature: dict(pairs) for feature, pairs in maps.get(platform, {}).items()}


def translated(sample: Sample, maps: Mapping[str, Mapping[str, str]]) -> Sample:
    """Return a sample with a platform's values, by its value maps; a value without an id there becomes no value."""
    theirs = {name: _translated(feature, maps.get(name, {})) for name, feature in sample.features.items()}
    return replace(sample, features=theirs)


def _translated(feature: Feature, ids: Mapping[str, str]) -> Feature:
    if not ids:
        return feature
    theirs = [ids.get(value, MISSING if value == MISSING else OTHER) for value in feature.values]
    return Feature.named(feature.codes, theirs)
