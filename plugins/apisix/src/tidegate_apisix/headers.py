"""The ApisixRoute of a header route: a copy of the split rules, before them, for the canary alone. Pure."""

from __future__ import annotations

import copy
import re

from tidegate.hooks import HeaderRoute, Manifest, Match, SpecError, controller_of
from tidegate_apisix.rules import ApisixTarget, SplitRule

# On every header route's ApisixRoute, so that one whose name has left managedRoutes is still found. A uid always fits
# into a label's value, the name of a Rollout does not.
OWNER_LABEL = "tidegate.io/header-route-of"

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a field name, RFC 9110
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123
WHOLE = 100  # of the requests that match


def labels_of(target: ApisixTarget) -> dict[str, str]:
    """What the header routes of a Rollout are found by."""
    return {OWNER_LABEL: target.uid}


def header_spec(base: Manifest, rules: list[SplitRule], route: HeaderRoute, target: ApisixTarget) -> Manifest:
    """The spec of a header route's ApisixRoute; rules that are not split, and streams, are not in it.

    Raises SpecError for a name or a value that cannot be said.
    """
    exprs = [_expression(name, match, route, target) for name, match in route.match]
    # differs: the reference copies the rules that are not listed as well, so that each of them exists twice.
    kept = {key: copy.deepcopy(value) for key, value in base["spec"].items() if key not in ("http", "stream")}
    return {**kept, "http": [_rule(each, exprs, _lead(route, target)) for each in rules]}


def ownership_fault(name: str, found: Manifest, target: ApisixTarget) -> str:
    """Why an ApisixRoute of a header route's name must not be written, "" for the Rollout's own."""
    owner = controller_of(found)
    if owner.get("uid") == target.uid:
        return ""
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "nobody"
    said = f"duplicate ApisixRoute [{name}] already exists"
    return f"{said}, controlled by {whose}; rename the managed route, or delete the object"


def name_fault(name: str) -> str:
    """Why there can be no ApisixRoute of a managed route's name, "" for a good one."""
    if len(name) <= NAME_LENGTH and SUBDOMAIN.fullmatch(name):
        return ""
    return f"managed route {name!r:.80} becomes an ApisixRoute of that name: use lower-case letters, digits, - and ."


def _lead(route: HeaderRoute, target: ApisixTarget) -> int:
    """By how much the route comes before the rule that it was made from: 1 for the last managed route, more for others."""
    names = target.managed_routes
    return len(names) - names.index(route.name) if route.name in names else 1


def _rule(split: SplitRule, exprs: list[Manifest], lead: int) -> Manifest:
    made = copy.deepcopy(split.rule)
    made["backends"] = [{**copy.deepcopy(split.canary), "weight": WHOLE}]
    # differs: the reference sets the priority once, when it makes the object, and one more for every route alike.
    made["priority"] = int(split.rule.get("priority") or 0) + lead
    match = made["match"] = made.get("match") or {}
    match["exprs"] = [*(match.get("exprs") or []), *copy.deepcopy(exprs)]
    return made


def _expression(name: str, match: Match, route: HeaderRoute, target: ApisixTarget) -> Manifest:
    """One condition on a header."""
    if not TOKEN.fullmatch(name):
        raise _unsayable(route, target, f"{name!r:.80} is no name of a header")
    how, value = _comparison(match)
    if CONTROL.search(value):
        raise _unsayable(route, target, f"the value {value!r:.80} of {name} holds a control character")
    return {"subject": {"scope": "Header", "name": name}, "op": how, "value": value}


def _comparison(match: Match) -> tuple[str, str]:
    """Operator and value; a prefix is a regular expression that means it literally."""
    if match.prefix is not None:
        return "RegexMatch", f"^{re.escape(match.prefix)}.*"
    return ("RegexMatch", match.regex) if match.regex is not None else ("Equal", match.exact or "")


def _unsayable(route: HeaderRoute, target: ApisixTarget, said: str) -> SpecError:
    return SpecError(target.path, f"header route {route.name}: {said}; write another in setHeaderRoute", value=None)
