"""What the rules of a header route and of a mirror route look like, made from the rules that are split.

Everything of the source that is not about matching comes along: filters, timeouts, retries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from tidegate.hooks import HeaderRoute, Manifest, MirrorRoute
from tidegate_gateway_api.backends import refs
from tidegate_gateway_api.kinds import HTTP
from tidegate_gateway_api.matches import EVERY_PATH, header_conditions, narrowed_grpc, narrowed_http, with_headers
from tidegate_gateway_api.opened import MIRROR, Opened
from tidegate_gateway_api.record import normal

# Of a backend reference, what names the backend: a mirror takes no weight and no filters.
OF_THE_BACKEND = ("group", "kind", "name", "namespace", "port")
NOT_COPIED = ("name", "matches", "backendRefs")
ALL_PERCENT = 100

Narrow = Callable[[Manifest], Manifest | None]


def header_rules(at: Opened, header: HeaderRoute) -> list[Manifest]:
    """One rule for each rule that is split: its matches with the headers, and the canary alone behind them.

    Raises Unsayable, and SpecError where no request would be left.
    """
    narrow = partial(with_headers, conditions=header_conditions(header.match))
    found = []
    for source in at.sources():
        if matches := _narrowed(at, source, [narrow]):
            backends = [{**at.one(source, at.sides.canary), "weight": 1}]
            found.append({**_copied(source), "matches": matches, "backendRefs": backends})
    return _some(at, found, header.name)


def mirror_rules(at: Opened, mirror: MirrorRoute) -> list[Manifest]:
    """One rule for each rule that is split: its matches as far as the mirror asks for them, its shares, and a copy.

    Raises Unsayable, and SpecError where no request would be left.
    """
    narrowed = narrowed_http if at.route.kind is HTTP else narrowed_grpc
    found = []
    for source in at.sources():
        if matches := _narrowed(at, source, [partial(narrowed, mirror=asked) for asked in mirror.match]):
            filters = [*(source.get("filters") or []), _copying(at.one(source, at.sides.canary), mirror.percentage)]
            backends = [dict(ref) for ref in refs(source)]
            found.append({**_copied(source), "matches": matches, "filters": filters, "backendRefs": backends})
    return _some(at, found, mirror.name)


def _narrowed(at: Opened, source: Manifest, narrows: list[Narrow]) -> list[Manifest]:
    """The matches of `source`, narrowed in every way of `narrows`.

    What a rule of somebody else asks for in the same words is left out: it is the better match for these requests today.
    """
    others = (rule for rule in at.rules if rule is not source and not at.managed_by(rule))
    theirs = [normal(match) for rule in others for match in _matches(at, rule)]
    found = (narrow(match) for narrow in narrows for match in _matches(at, source))
    return _distinct(match for match in found if match is not None and normal(match) not in theirs)


def _matches(at: Opened, rule: Manifest) -> list[Manifest]:
    """The matches of a rule; one without any takes every request. An HTTP match says its path: a server fills it in."""
    found = rule.get("matches") or [{}]
    path = {"path": EVERY_PATH} if at.route.kind is HTTP else {}
    return [{**path, **match} for match in found]


def _distinct(matches: Iterable[Manifest]) -> list[Manifest]:
    found: list[Manifest] = []
    for match in matches:
        if match not in found:
            found.append(match)
    return found


def _copied(source: Manifest) -> Manifest:
    """The parts of a rule that come along. Sessions do so under a name of their own: one cookie must not pin two rules."""
    rule = {key: value for key, value in source.items() if key not in NOT_COPIED}
    if session := rule.get("sessionPersistence"):
        rule["sessionPersistence"] = {key: value for key, value in session.items() if key != "sessionName"}
    return rule


def _copying(canary: Manifest, percentage: int) -> Manifest:
    """The filter that copies requests to the canary."""
    backend = {key: canary[key] for key in OF_THE_BACKEND if key in canary}
    percent = {} if percentage == ALL_PERCENT else {"percent": percentage}
    return {"type": MIRROR, "requestMirror": {"backendRef": backend, **percent}}


def _some(at: Opened, found: list[Manifest], name: str) -> list[Manifest]:
    if not found:
        said = f"managed route {name} would take no request of {at.route.title}: its conditions and those of the rules"
        raise at.fault(f"{said} exclude one another, or another rule has them already; change one of them")
    return found
