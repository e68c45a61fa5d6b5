"""A valid Rollout to break in one place, and the texts of what is wrong with it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from tidegate.api.rollout import Rollout
from tidegate.machine.merge import merged
from tidegate.machine.observed import Door, Observed, RouterView, ServiceView, WorkloadView
from tidegate.machine.rollout.validation.rollout import problems
from tidegate.machine.traffic import Capability

Json = dict[str, Any]
LABELS = {"app": "web"}
TEMPLATE: Json = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
MESH = RouterView("mesh", "Mesh", frozenset(Capability) - {Capability.NO_SERVICES})
PLAIN = RouterView("plain", "Plain", frozenset({Capability.WEIGHTS}))
SERVICES = {"canaryService": "web-canary", "stableService": "web-stable"}
ROUTED: Json = {**SERVICES, "trafficRouting": {"mesh": {}}}


def looked_at(strategy: Json, spec: Json | None = None, **observed: Any) -> Observed:
    """An observation of Rollout `web`; `spec` is merged into its spec, null removes. Every named Service exists.

    With a workloadRef it has neither a selector nor a template of its own.
    """
    own = {"selector": {"matchLabels": LABELS}, "template": copy.deepcopy(TEMPLATE)}
    wanted = {**({} if "workloadRef" in (spec or {}) else own), "strategy": strategy}
    manifest = {"metadata": {"name": "web", "namespace": "shop"}, "spec": merged(wanted, spec or {})}
    names = ("web-canary", "web-stable", "active", "preview", "ping", "pong")
    given: Json = {
        "services": {name: ServiceView(name, LABELS, "", "1") for name in names},
        "doors": frozenset(Door),
        **observed,
    }
    return Observed(datetime(2026, 1, 1, tzinfo=UTC), Rollout.read(manifest), **given)


def texts(seen: Observed) -> list[str]:
    """The problems as users read them, in the order in which they are reported."""
    return [problem.text for problem in problems(seen)]


def canary(*steps: Json, routers: tuple[RouterView, ...] = (), spec: Json | None = None, **fields: Any) -> list[str]:
    """What is wrong with a canary."""
    return texts(looked_at({"canary": {"steps": list(steps), **fields}}, spec, routers=routers))


def routed(*steps: Json, routers: tuple[RouterView, ...] = (MESH,), **fields: Any) -> list[str]:
    """What is wrong with a canary with traffic routing."""
    return canary(*steps, routers=routers, **(ROUTED | fields))


def blue_green(spec: Json | None = None, **fields: Any) -> list[str]:
    """What is wrong with a blue-green strategy."""
    return texts(looked_at({"blueGreen": {"activeService": "active", **fields}}, spec))


def borrowed(
    reference: Json | None = None, workload: WorkloadView | None = None, spec: Json | None = None
) -> list[str]:
    """What is wrong with a Rollout that borrows its template from Deployment `legacy`."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy", **(reference or {})}
    return texts(looked_at({"canary": {}}, {"workloadRef": ref, **(spec or {})}, workload=workload))


def legacy(template: Json = TEMPLATE, selector: Json | None = None) -> WorkloadView:
    """The Deployment `legacy`."""
    return WorkloadView("Deployment", "legacy", "u-9", 1, template, selector or {"matchLabels": LABELS}, 3)
