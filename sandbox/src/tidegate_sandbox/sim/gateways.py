"""The simulated implementation of the Gateway API: a status for every route, as soon as it is looked at.

It accepts whatever names a parent, and tells of backends that are missing or not granted. What requests meet is the
business of the data plane; what is here is what a client reads to know whether its change has been taken.

An annotation `sandbox.tidegate.io/accept-after: 5s` on a route lets every generation wait that long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.sim.behaviour import PREFIX
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import condition, with_conditions
from tidegate_sandbox.sim.labels import annotations_of
from tidegate_sandbox.sim.moments import seconds
from tidegate_sandbox.sim.queue import Key

GROUP = "gateway.networking.k8s.io"
GRANTS, SERVICES = f"referencegrants.{GROUP}", "services"
KINDS = {f"{kind.lower()}s.{GROUP}": kind for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")}
CONTROLLER = "tidegate.io/sandbox-gateway"


class Gateways:
    """Writes `status.parents` of routes: one entry for each parent of the spec, about the generation that is there."""

    name = "gateway"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._since: dict[str, tuple[int, datetime]] = {}

    def keys_for(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        if change.resource in KINDS:
            if change.type == "DELETED":
                self._since.pop(metadata.get("uid", ""), None)
            return [Key(self.name, change.resource, metadata.get("namespace", ""), metadata["name"])]
        if change.resource == GRANTS or (change.resource == SERVICES and change.type != "MODIFIED"):
            return [self._key(resource, route) for resource in KINDS for route in self._cluster.view.all_of(resource)]
        return []

    def reconcile(self, key: Key) -> datetime | None:
        route = self._cluster.view.get(key.resource, key.namespace, key.name)
        if route is None:
            return None
        now, generation = self._cluster.now(), int(route["metadata"].get("generation", 1))
        seen, since = self._since.get(route["metadata"].get("uid", ""), (0, now))
        if seen != generation:
            seen, since = generation, now
            self._since[route["metadata"].get("uid", "")] = (generation, now)
        due = since + timedelta(seconds=seconds(annotations_of(route).get(f"{PREFIX}accept-after", "0s")))
        if now < due:
            return due
        self._cluster.update_status(key.resource, route, self._status(key.resource, route, generation))
        return None

    def _key(self, resource: str, route: Manifest) -> Key:
        return Key(self.name, resource, route["metadata"].get("namespace", ""), route["metadata"]["name"])

    def _status(self, resource: str, route: Manifest, generation: int) -> Manifest:
        """Entries of other controllers stay, as the API asks."""
        parents: list[Manifest] = route.get("status", {}).get("parents") or []
        fault = next(self._faults(resource, route), "")
        reason, _, message = fault.partition(": ")
        wanted = [
            condition("Accepted", True, "Accepted", "route is accepted"),
            condition("ResolvedRefs", not fault, reason or "ResolvedRefs", message or "all references are resolved"),
        ]
        observed = [{**each, "observedGeneration": generation} for each in wanted]
        ours = []
        for ref in route["spec"].get("parentRefs") or ():
            known = (p for p in parents if p.get("controllerName") == CONTROLLER and p.get("parentRef") == ref)
            before: Manifest = next(known, {})
            conditions = with_conditions(before.get("conditions") or (), observed, self._cluster.now())
            ours.append({"parentRef": ref, "controllerName": CONTROLLER, "conditions": conditions})
        return {"parents": [*(p for p in parents if p.get("controllerName") != CONTROLLER), *ours]}

    def _faults(self, resource: str, route: Manifest) -> Iterator[str]:
        """`<reason>: <message>` for every backend that leads nowhere."""
        home = route["metadata"].get("namespace", "")
        for rule in route["spec"].get("rules") or ():
            for ref in rule.get("backendRefs") or ():
                namespace = ref.get("namespace") or home
                if namespace != home and not self._granted(KINDS[resource], home, namespace, ref["name"]):
                    yield f"RefNotPermitted: no ReferenceGrant in {namespace} lets {home} refer to service {ref['name']}"
                elif self._cluster.view.get(SERVICES, namespace, ref["name"]) is None:
                    yield f"BackendNotFound: service {namespace}/{ref['name']} does not exist"

    def _granted(self, kind: str, home: str, namespace: str, service: str) -> bool:
        specs: list[Mapping[str, list[Manifest]]] = [g["spec"] for g in self._cluster.view.within(GRANTS, namespace)]
        return any(
            any(each.get("kind") == kind and each.get("namespace") == home for each in spec.get("from", ()))
            and any(
                each.get("kind") == "Service" and each.get("name", service) == service for each in spec.get("to", ())
            )
            for spec in specs
        )
