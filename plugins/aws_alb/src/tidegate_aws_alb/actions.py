"""The JSON of action and condition annotations, byte for byte as the reference controller writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.hooks import HeaderRoute

# Go's encoder writes these as escapes. Other bytes for the same text would be a change to whoever compares.
GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}

# `*` and `?` are wildcards in a condition, and a backslash before one of them takes that away.
WILDCARD = re.compile(r"[*?]|\\(?=[*?\\])")


@dataclass(frozen=True, slots=True)
class Group:
    """One target group of a forward action: a Service at a port, with its weight."""

    service: str
    port: str
    weight: int


@dataclass(frozen=True, slots=True)
class Forward:
    """A forward action. `stickiness` is its TargetGroupStickinessConfig as it stands, None without one."""

    groups: tuple[Group, ...]
    stickiness: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """The annotation's value: compact, in a fixed order, a weight of 0 included."""
        groups = [
            {"ServiceName": each.service, "ServicePort": each.port, "Weight": each.weight} for each in self.groups
        ]
        config: dict[str, Any] = {"TargetGroups": groups}
        if self.stickiness is not None:
            config["TargetGroupStickinessConfig"] = dict(self.stickiness)
        return compact({"Type": "forward", "ForwardConfig": config})

    def only(self, group: Group) -> Forward:
        """The same action with all the traffic at one group."""
        return Forward((Group(group.service, group.port, 100),), self.stickiness)

    def find(self, service: str) -> Group | None:
        """The group of a Service, or None."""
        return next((group for group in self.groups if group.service == service), None)


def compact(value: object) -> str:
    """JSON as Go's encoder writes it: no spaces, no escapes but its own."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "".join(GO_ESCAPES.get(character, character) for character in text)


def stickiness_of(enabled: bool, duration_s: int) -> Mapping[str, Any] | None:
    """The stickiness block of an action; None where it is off, since the key is absent then."""
    return {"Enabled": True, "DurationSeconds": duration_s} if enabled else None


def parse(text: str) -> Forward | None:
    """The forward action that an annotation holds; None for another kind of action and for what is none.

    Keys are read in any case and ports as texts or numbers, as the AWS Load Balancer Controller reads them.
    """
    try:
        action = _lowered(json.loads(text))
        config = action["forwardconfig"]
        groups = tuple(_group(each) for each in config["targetgroups"])
    except (ValueError, KeyError, TypeError):
        return None
    stickiness = config.get("targetgroupstickinessconfig")
    return Forward(groups, _restored(stickiness) if isinstance(stickiness, Mapping) else None)


def conditions(route: HeaderRoute) -> str:
    """The condition annotation of a header route: values of one header are alternatives, different headers all hold.

    Header names are the same in any case, so values are collected under the first spelling.
    """
    spellings: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for header, match in route.match:
        spellings.setdefault(header.lower(), header)
        values.setdefault(header.lower(), []).append(escaped(match.exact or ""))
    return compact([_header(spellings[key], found) for key, found in values.items()])


def escaped(value: str) -> str:
    """A value that is compared as it is, in the language of conditions."""
    return WILDCARD.sub(r"\\\g<0>", value)


def _header(name: str, values: list[str]) -> dict[str, Any]:
    return {"field": "http-header", "httpHeaderConfig": {"httpHeaderName": name, "values": values}}


def _group(raw: Mapping[str, Any]) -> Group:
    weight = raw.get("weight")
    return Group(str(raw["servicename"]), str(raw["serviceport"]), 1 if weight is None else int(weight))


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lowered(item) for key, item in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value


def _restored(stickiness: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stickiness block whose keys were lowered, as it is written."""
    keys = {"enabled": "Enabled", "durationseconds": "DurationSeconds"}
    return {written: stickiness[key] for key, written in keys.items() if key in stickiness}
