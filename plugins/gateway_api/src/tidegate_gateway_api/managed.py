"""The rules that a Rollout puts into a route: named, ordered, and taken away.

Managed rules stand before the first rule that they come from, in managedRoutes order: of two rules that match a request
equally well the first one wins, so a mirror rule behind its own source would never be reached. At the very top the rules
of two Rollouts in one route would overtake one another for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.hooks import Manifest
from tidegate_gateway_api.opened import Opened
from tidegate_gateway_api.record import fingerprint, normal

MOST_RULES = 16  # of one HTTPRoute or GRPCRoute; Gateway API v1, maxItems of spec.rules


def replace(at: Opened, managed: str, fresh: list[Manifest]) -> None:
    """Let a managed route be exactly the rules `fresh`, which have no names yet; none of them removes it.

    A rule that is there in the same words stays as it is. Raises SpecError for more rules than a route may have, and
    where the API server has dropped a mirror's percentage.
    """
    pairs = [(at.managed_by(rule), rule) for rule in at.rules]
    names = _names(managed, {rule.get("name") for owner, rule in pairs if owner != managed}, at)
    known = [rule for owner, rule in pairs if owner == managed]
    mine = [_kept(at, known, {"name": next(names), **rule}) for rule in fresh]
    others = [pair for pair in pairs if pair[0] not in ("", managed)]
    users = [rule for owner, rule in pairs if not owner]
    place = next((index for index, rule in enumerate(users) if at.sides.split(rule)), 0)
    ours = _in_order(at, [*others, *((managed, rule) for rule in mine)])
    rules = [*users[:place], *ours, *users[place:]]
    if fresh and len(rules) > MOST_RULES:
        said = f"{at.route.title} would have {len(rules)} rules with {managed}, the Gateway API allows {MOST_RULES}"
        raise at.fault(f"{said}; split the route in two")
    if rules != at.rules:
        at.manifest["spec"]["rules"] = rules
    at.record.rules[managed] = [fingerprint(rule) for rule in mine]
    if not mine:
        del at.record.rules[managed]


def present(at: Opened) -> list[str]:
    """The managed routes of this Rollout that are in a route; behind them those that only the record knows."""
    owners = (at.managed_by(rule) for rule in at.rules)
    return list(dict.fromkeys([*(owner for owner in owners if owner), *at.record.rules]))


def _in_order(at: Opened, pairs: list[tuple[str, Manifest]]) -> list[Manifest]:
    order = {name: index for index, name in enumerate(at.target.managed_routes)}
    return [rule for _, rule in sorted(pairs, key=lambda pair: (order.get(pair[0], len(order)), pair[0]))]


def _names(managed: str, taken: set[str | None], at: Opened) -> Iterator[str]:
    """`h`, `h-1`, `h-2`, … without those that are in use or meant for another: names of rules are unique in a route."""
    taken = taken | ({*at.target.managed_routes} - {managed})
    candidates = (f"{managed}-{number}" if number else managed for number in range(len(taken) + 2 * MOST_RULES))
    yield from (name for name in candidates if name not in taken)


def _kept(at: Opened, known: list[Manifest], wanted: Manifest) -> Manifest:
    """The rule of `known` that says the same, else `wanted`."""
    said = normal(wanted)
    nameless = {key: value for key, value in said.items() if key != "name"}
    for rule in known:
        found = normal(rule)
        if found in (said, nameless):
            return rule
        if found in (_without_percent(said), _without_percent(nameless)):
            reason = (
                f"{at.route.title} was written with a mirror percentage and came back without: all requests are copied"
            )
            raise at.fault(f"{reason}; install release 1.3 or newer of the Gateway API, or mirror 100 percent")
    return wanted


def _without_percent(rule: Manifest) -> Manifest:
    """The rule as an API server stores it that does not know percentages."""
    filters = []
    for each in rule.get("filters") or []:
        mirror = each.get("requestMirror")
        bare = {"requestMirror": {key: value for key, value in mirror.items() if key != "percent"}} if mirror else {}
        filters.append({**each, **bare})
    return {**rule, "filters": filters} if filters else rule
