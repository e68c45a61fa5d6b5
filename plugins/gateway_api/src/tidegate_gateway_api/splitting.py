"""The weights of a route: written into every rule that is split, and read back."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.hooks import Manifest, Objects, Pending, Weights
from tidegate_gateway_api.backends import extra_ref, refs, shares, weight_of
from tidegate_gateway_api.kinds import SERVICE
from tidegate_gateway_api.opened import Opened

# Until the watch has brought a Service that somebody has just made; chosen by feel.
SERVICE_WAIT_S = 1.0


def split(at: Opened, weights: Weights, ports: Mapping[str, int]) -> None:
    """Share the requests of every split rule out, those of mirror rules included.

    `ports` are the ports of the additional destinations by Service. Former destinations go, backends of others stay.
    Raises SpecError where no rule is split.
    """
    mirrored = [rule for rule in at.rules if at.managed_by(rule) and at.sides.split(rule)]
    for rule in [*at.sources(), *mirrored]:
        _share_out(at, rule, weights, ports)
    at.record.backends = [each.service for each in weights.additional]


def weights_of(at: Opened) -> dict[str, Weights]:
    """The weights of a route by its name; by rule where they differ, so that a mistake in one is seen."""
    extra = frozenset(at.record.backends)
    found = [share for rule in at.sources() if (share := shares(rule, at.sides, extra)) is not None]
    if all(share == found[0] for share in found):
        return {at.route.name: found[0]} if found else {}
    return {f"{at.route.name}, rule {number}": share for number, share in enumerate(found, start=1)}


def ports_of(at: Opened, weights: Weights, objects: Objects) -> dict[str, int]:
    """The port of every additional destination. Raises Pending for a Service that has to be asked and is not there yet.

    An Experiment's Service offers the ports of its containers: the one that the canary Service's port leads to.
    """
    if not weights.additional:
        return {}
    port = int(at.one(at.sources()[0], at.sides.canary).get("port") or 0)
    target = _offered(objects.get(SERVICE, at.sides.canary), "port", port).get("targetPort") or port
    if isinstance(target, int):
        return dict.fromkeys((each.service for each in weights.additional), target)
    return {each.service: _named_port(at, each.service, target, objects) for each in weights.additional}


def _named_port(at: Opened, name: str, port: str, objects: Objects) -> int:
    """The number behind a port's name, which only the containers know, and the Service that is made for them."""
    service = objects.get(SERVICE, name)
    number = _offered(service, "name", port).get("port")
    if not isinstance(number, int):
        missing = f"has no port {port}" if service is not None else "does not exist yet"
        said = f"Service {name} of an experiment {missing}; {at.route.title} waits for it"
        raise Pending(said, after_s=SERVICE_WAIT_S)
    return number


def _offered(service: Manifest | None, key: str, value: object) -> Manifest:
    """The port of a Service that has this value; empty where there is none."""
    ports: list[Manifest] = ((service or {}).get("spec") or {}).get("ports") or []
    return next((each for each in ports if each.get(key) == value), {})


def _share_out(at: Opened, rule: Manifest, weights: Weights, ports: Mapping[str, int]) -> None:
    """What is there in the same words is left as it is: a missing weight of 1 is no write."""
    sides, canary = at.sides, at.one(rule, at.sides.canary)
    for ref, weight in ((canary, weights.canary), (at.one(rule, sides.stable), weights.stable)):
        if weight_of(ref) != weight:
            ref["weight"] = weight
    named = {each.service for each in weights.additional} | set(at.record.backends)
    known = {ref["name"]: ref for ref in refs(rule) if any(sides.is_service(ref, name) for name in named)}
    extra = [
        {**known.get(each.service, {}), **extra_ref(canary, each, ports[each.service])} for each in weights.additional
    ]
    rule["backendRefs"] = [*(ref for ref in refs(rule) if ref.get("name") not in known), *extra]
