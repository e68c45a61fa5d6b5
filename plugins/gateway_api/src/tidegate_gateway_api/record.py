"""What stands on a route besides its rules: which parts of it are whose, and that a canary is under way.

Rule names are not enough to know a rule again: the standard channel of releases before 1.4 has no such field, and the
API server drops it. So the rules and backends that a Rollout has put into a route are noted in an annotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.hooks import Manifest
from tidegate_gateway_api.config import ACTIVE_ROLLOUTS
from tidegate_gateway_api.routes import GatewayTarget

MANAGED = "tidegate.io/gateway-managed"
FINGERPRINT_LENGTH = 12  # hexadecimal digits; a route has at most 16 rules

# What an API server fills in where it is missing; a rule that was written without comes back with it.
DEFAULTS: frozenset[tuple[str, Any]] = frozenset({("group", ""), ("kind", "Service"), ("type", "Exact"), ("weight", 1)})


@dataclass(slots=True)
class Record:
    """What one Rollout has put into one route: fingerprints of rules by managed route, and names of Services."""

    rules: dict[str, list[str]] = field(default_factory=dict)
    backends: list[str] = field(default_factory=list)


def read_record(manifest: Manifest, target: GatewayTarget) -> Record:
    """The Rollout's record; empty where there is none, or one that somebody broke."""
    entry = _records(manifest).get(target.key)
    if not isinstance(entry, Mapping):
        return Record()
    rules, backends = entry.get("rules"), entry.get("backends")
    found = rules if isinstance(rules, Mapping) else {}
    return Record(
        {str(name): [str(each) for each in prints] for name, prints in found.items() if isinstance(prints, list)},
        [str(name) for name in backends] if isinstance(backends, list) else [],
    )


def write_record(manifest: Manifest, target: GatewayTarget, record: Record) -> None:
    """Put the Rollout's record on the route; an empty one is taken away."""
    records = {key: value for key, value in _records(manifest).items() if key != target.key}
    entry = {"backends": sorted(record.backends), "rules": {name: p for name, p in record.rules.items() if p}}
    if any(entry.values()):
        records[target.key] = {key: value for key, value in entry.items() if value}
    text = json.dumps(records, separators=(",", ":"), sort_keys=True) if records else ""
    _set(manifest["metadata"], "annotations", MANAGED, text)


def mark(manifest: Manifest, target: GatewayTarget, *, busy: bool) -> None:
    """Say on the route whether this Rollout has a canary in it: the label stays until no Rollout has.

    GitOps tools are told to leave a route with the label alone. Source: the argoproj-labs plugin, in progress label and
    active-rollouts annotation.
    """
    config, metadata = target.config, manifest["metadata"]
    if config.unlabelled:
        return
    text = (metadata.get("annotations") or {}).get(config.active_key) or ""
    active = [each for each in text.split(",") if each and each != target.key]
    active = sorted({*active, target.key}) if busy else active
    _set(metadata, "annotations", config.active_key, ",".join(active))
    _set(metadata, "labels", config.label_key, config.label_value if active else "")


def rollouts_in(manifest: Manifest) -> list[str]:
    """`<namespace>/<name>` of every Rollout that a route says it has something of, sorted.

    Read under the default key: which other one a Rollout had named is not known once it is gone.
    """
    text = (manifest["metadata"].get("annotations") or {}).get(ACTIVE_ROLLOUTS) or ""
    return sorted({*_records(manifest), *(each for each in text.split(",") if each)})


def normal(value: Any, *, without: tuple[str, ...] = ()) -> Any:
    """A JSON value without what an API server would fill in, and without the keys `without`."""
    if isinstance(value, Mapping):
        kept = ((key, item) for key, item in value.items() if key not in without and not _is_default(key, item))
        return {key: normal(item, without=without) for key, item in kept}
    if isinstance(value, list):
        return [normal(item, without=without) for item in value]
    return value


def fingerprint(rule: Manifest) -> str:
    """What a rule is known by, whatever its name and its weights."""
    bare = normal({key: value for key, value in rule.items() if key != "name"}, without=("weight",))
    text = json.dumps(bare, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _is_default(key: str, item: Any) -> bool:
    return isinstance(item, (str, int)) and not isinstance(item, bool) and (key, item) in DEFAULTS


def _records(manifest: Manifest) -> dict[str, Any]:
    text = (manifest["metadata"].get("annotations") or {}).get(MANAGED) or "{}"
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _set(metadata: Manifest, field_name: str, key: str, value: str) -> None:
    """Set a label or an annotation, or take it away with "", and the map with the last of them."""
    known = metadata.get(field_name) or {}
    if value:
        metadata[field_name] = {**known, key: value}
    elif key in known:
        metadata[field_name] = {name: text for name, text in known.items() if name != key}
        if not metadata[field_name]:
            del metadata[field_name]
