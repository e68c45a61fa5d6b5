"""Fields that no router knows: put into every map of a manifest, and looked for afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from tidegate_testkit.memory import Manifest

FIELD = "kitTheirs"
KEY = "kit.example.com/theirs"
# Every JSON type, nested, with what a careless round trip changes: empty maps, large numbers, letters beyond ASCII.
VALUE = {
    "flag": False,
    "text": "\u00fc \u2713",
    "number": 9007199254740993,
    "list": [1, 2.5, {"empty": {}}],
    "none": [],
}
# Maps of metadata in which the API server knows every field, or in which the server's own are compared.
KNOWN = ("metadata", "metadata.ownerReferences", "metadata.managedFields")
TEXTS = ("metadata.annotations", "metadata.labels")


def planted(manifest: Manifest, closed: Collection[str] = ()) -> Manifest:
    """A copy with an unknown field in every map; the maps at `closed` are left alone, and what is below them.

    A map of texts gets a text: labels, annotations and their like hold nothing else.
    """
    metadata = manifest["metadata"]
    opened = {
        **manifest,
        "metadata": {**metadata, **{key: metadata.get(key) or {} for key in ("annotations", "labels")}},
    }
    grown: Manifest = _planted(opened, "", frozenset(closed))
    return grown


def stripped(value: Any) -> Any:
    """The value without the unknown fields, and without the maps of metadata that held nothing else."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key not in (FIELD, KEY)}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def found(manifest: Manifest) -> Counter[str]:
    """The unknown fields of a manifest, by path without positions in lists: a router may move an entry."""
    return Counter(_found(manifest, ""))


def exact(value: Any) -> str:
    """The value as JSON text: unlike `==` it tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def _planted(value: Any, path: str, closed: frozenset[str]) -> Any:
    if path in closed:
        return value
    if isinstance(value, list):
        return [_planted(item, path, closed) for item in value]
    if not isinstance(value, dict):
        return value
    grown = {key: _planted(item, f"{path}.{key}".lstrip("."), closed) for key, item in value.items()}
    texts = path in TEXTS or (value and all(isinstance(item, str) for item in value.values()) and "name" not in value)
    if path.startswith(KNOWN) and path not in TEXTS:
        return grown
    return {**grown, KEY: "theirs"} if texts else {**grown, FIELD: VALUE}


def _found(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _found(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in (FIELD, KEY):
                yield f"{path}.{key} = {exact(item)}"
            else:
                yield from _found(item, f"{path}.{key}")
