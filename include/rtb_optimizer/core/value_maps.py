"""What does a platform call our values, where its ids are other ids?

Value maps say so by format and feature: our value -> what the macro expands to. An empty map: the very same ids.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any


def value_map_problems(found: Mapping[str, object]) -> list[str]:
    """Return what is wrong with value maps as a configuration gives them.

    A map must be injective: one id of the platform that stands for two of our values would answer for both.
    """
    problems = []
    for macro_format, of_format in sorted(found.items()):
        if not isinstance(of_format, Mapping):
            problems.append(f"macro_value_maps: {macro_format!r} needs an object by feature")
            continue
        for feature, pairs in sorted(of_format.items()):
            where = f"macro_value_maps: {feature} in {macro_format!r}"
            if not isinstance(pairs, Mapping) or not all(isinstance(theirs, str) for theirs in pairs.values()):
                problems.append(f'{where} needs an object of strings, as {{"our id": "the platform\'s"}}')
                continue
            twice = sorted(theirs for theirs, times in Counter(pairs.values()).items() if times > 1)
            if twice:
                problems.append(f"{where} gives {twice[0]!r} to more than one of our values: nothing tells them apart")
    return problems


def value_maps(found: Mapping[str, Any], macro_format: str) -> dict[str, dict[str, str]]:
    """Return the value maps of one format, by feature, of a configuration without problems."""
    return {feature: dict(pairs) for feature, pairs in found.get(macro_format, {}).items()}
