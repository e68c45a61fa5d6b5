"""Configs that nobody should have written, made from one that works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tidegate_testkit.memory import Manifest

HOSTILE = {
    "line break": "a\nb: c",
    "path": "../../other",
    "template": "${HOME}{{x}}",
    "directive": 'a"; }',
    "not latin": "\u2603\u202e",
    "long": "a" * 5000,
    "empty": "",
}


def wrong_types(config: Manifest) -> Iterator[tuple[str, Manifest]]:
    """The config with one value at a time replaced by one of another type."""
    for key, value in config.items():
        wrong: Any = "text" if isinstance(value, (list, dict, int, float)) else {"not": "a text"}
        yield key, {**config, key: wrong}


def hostile(config: Any) -> Iterator[tuple[str, Any]]:
    """The config with one text at a time replaced by a hostile one."""
    for key, value in config.items() if isinstance(config, dict) else enumerate(config):
        if isinstance(value, str):
            for what, text in HOSTILE.items():
                yield f"{key}: {what}", _replaced(config, key, text)
        elif isinstance(value, (dict, list)):
            for what, inner in hostile(value):
                yield f"{key}.{what}", _replaced(config, key, inner)


def leaves(value: Any) -> Iterator[Any]:
    """Every value of a manifest that is no map and no list, those in texts that are JSON objects or lists too."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        yield value
        return
    for item in value:
        yield from leaves(item)


def _replaced(config: Any, key: Any, value: Any) -> Any:
    if isinstance(config, dict):
        return {**config, key: value}
    return [value if index == key else item for index, item in enumerate(config)]
