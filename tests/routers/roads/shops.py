"""The shops of the demo as these tests walk them: whom a header leads where, and which objects a router may write."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_sandbox.demo.shops import SHOPS, Shop, data_folder
from tidegate_sandbox.manifests import read_manifests

Manifest = dict[str, Any]

TESTERS = {"x-tester": "yes"}
WEIGHTS = (5, 25, 50, 100)
HEADER_ROUTE = {
    "name": "testers",
    "match": [{"headerName": "x-tester", "headerValue": {"exact": "yes"}}],
}
# What the stable version is kept for after a promotion, beyond the time that proxies are late; chosen by feel.
KEPT_S = 3


@dataclass(frozen=True, slots=True)
class Road:
    """One router: its shop, and whether it has header routes."""

    shop: Shop
    headers: bool = False

    @property
    def name(self) -> str:
        """The router, as ids of tests call it."""
        return self.shop.router

    def crds(self) -> list[Manifest]:
        """The definitions of its kinds."""
        return read_manifests(data_folder(self.shop.crds)) if self.shop.crds else []

    def manifests(self, delay_s: float, kept_s: int | None = None) -> list[Manifest]:
        """The example with steps that wait to be promoted; versions are kept for longer than proxies are late.

        `kept_s` says for how long instead.
        """
        found = copy.deepcopy(read_manifests(data_folder(self.shop.example)))
        canary = next(each for each in found if each["kind"] == "Rollout")["spec"]["strategy"]["canary"]
        canary["steps"] = steps(headers=self.headers)
        kept_s = round(KEPT_S + delay_s) if kept_s is None else kept_s
        canary["scaleDownDelaySeconds"] = canary["abortScaleDownDelaySeconds"] = kept_s
        return found


def steps(*, headers: bool) -> list[Mapping[str, Any]]:
    """Testers first, where the router has header routes; then everybody by weight, with a pause at each."""
    walk: list[Mapping[str, Any]] = []
    if headers:
        walk += [{"setCanaryScale": {"replicas": 1}}, {"setHeaderRoute": HEADER_ROUTE}, {"pause": {}}]
    for weight in WEIGHTS:
        walk.append({"setWeight": weight})
        # Only now: a canary that matches weight 0 has no pods for the testers.
        walk += [{"setCanaryScale": {"matchTrafficWeight": True}}] if headers and weight == WEIGHTS[0] else []
        walk.append({"pause": {}})
    return walk


def stops(*, headers: bool, up_to: int) -> list[tuple[int, int | None]]:
    """The pauses of these steps up to a weight: their index, and the weight there; None where only testers are led."""
    pauses = [index for index, step in enumerate(steps(headers=headers)) if "pause" in step]
    weights: list[int | None] = [None] if headers else []
    return [
        (index, weight)
        for index, weight in zip(pauses, [*weights, *WEIGHTS], strict=True)
        if weight is None or weight <= up_to
    ]


def two_routers() -> list[Manifest]:
    """The shop behind nginx, and behind Istio under `MESH_HOST` as well; one Rollout names both."""
    found, mesh = ROADS["nginx"].manifests(0), ROADS["istio"].manifests(0)
    routing = [
        next(each for each in m if each["kind"] == "Rollout")["spec"]["strategy"]["canary"] for m in (found, mesh)
    ]
    routing[0]["trafficRouting"]["istio"] = routing[1]["trafficRouting"]["istio"]
    service = next(each for each in mesh if each["kind"] == "VirtualService")
    service["spec"]["hosts"] = [MESH_HOST]
    return [*found, service]


MESH_HOST = "mesh.example.com"
ROADS = {
    road.name: road
    for road in (
        Road(SHOPS["nginx"]),
        Road(SHOPS["istio"], headers=True),
        Road(SHOPS["gateway"], headers=True),
        Road(SHOPS["alb"], headers=True),
        Road(SHOPS["smi"]),
    )
}
