"""Builders for the bugs of others: a Rollout in its world, a simulated cluster with its judge, an engine on the sandbox."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from histories.settings import Config, cluster_of
from machine_world import World
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.machine.observed import RouterView, ServiceView
from tidegate.machine.traffic import Capability
from tidegate.runtime.engine import Engine, EngineOptions
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.reflector import Pace
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate.simulation import Cluster
from tidegate.simulation.invariants import Judge
from tidegate_sandbox.errors import Conflict as SandboxConflict

ROLLOUTS = "rollouts.argoproj.io"
CRDS = Path(__file__).parents[2] / "deploy" / "crds"
ALL = frozenset(Capability) - {Capability.NO_SERVICES}
SERVICES = ("canaryService", "stableService", "activeService", "previewService")


def built(strategy: dict[str, Any], replicas: int, spec: dict[str, Any], routed: bool, deployed: bool) -> World:
    """A Rollout `demo` of image app:v1 in its world; `deployed` lets it become healthy first."""
    labels = {"app": "demo"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
    whole = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, "strategy": strategy}
    meta = {"name": "demo", "namespace": "shop", "uid": "u-1", "generation": 1, "annotations": {}}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    world = World({**kind, "metadata": meta, "spec": {**whole, **spec}})
    for part in strategy.values():
        for name in [part[key] for key in SERVICES if key in part] + list((part.get("pingPong") or {}).values()):
            world.services[name] = ServiceView(name, labels, "", "1")
    world.routers = (RouterView("mesh", "Mesh", ALL),) if routed else ()
    return world.run().forget() if deployed else world


@pytest.fixture
def a_rollout() -> Callable[..., World]:
    """`a_rollout(steps, routed=…, replicas=10, deployed=True, spec={…}, **canary)`: a canary."""

    def build(
        steps: list[dict[str, Any]],
        *,
        routed: bool = False,
        replicas: int = 10,
        deployed: bool = True,
        spec: dict[str, Any] | None = None,
        **canary: Any,
    ) -> World:
        pair = {"canaryService": "demo-canary", "stableService": "demo-stable"}
        routing: dict[str, Any] = (
            {**pair, "trafficRouting": {"mesh": {}, **canary.pop("trafficRouting", {})}} if routed else {}
        )
        return built({"canary": {"steps": steps, **routing, **canary}}, replicas, spec or {}, routed, deployed)

    return build


@pytest.fixture
def a_blue_green() -> Callable[..., World]:
    """`a_blue_green(replicas=3, deployed=True, spec={…}, **blue_green)`."""

    def build(
        *, replicas: int = 3, deployed: bool = True, spec: dict[str, Any] | None = None, **blue_green: Any
    ) -> World:
        pair = {"activeService": "demo-active", "previewService": "demo-preview"}
        return built({"blueGreen": {**pair, **blue_green}}, replicas, spec or {}, False, deployed)

    return build


@pytest.fixture
def a_cluster() -> Callable[..., tuple[Cluster, Judge]]:
    """`a_cluster(strategy, replicas=4, routers=(("mesh", "mesh", delay_s),), pods={…}, spec={…}, **setting)`: at v1."""

    def build(
        strategy: dict[str, Any], *, replicas: int = 4, routers: Any = (), pods: Any = None, **more: Any
    ) -> tuple[Cluster, Judge]:
        if "canary" in strategy and routers:
            pair = {"canaryService": "canary", "stableService": "stable"}
            routing: dict[str, Any] = {"trafficRouting": {name: {} for name, _, _ in routers}}
            strategy = {"canary": {**pair, **routing, **strategy["canary"]}}
        cluster = cluster_of(Config(strategy, replicas, more.pop("spec", {}), routers, pods or {}, **more))
        judge = Judge(cluster)
        cluster.watchers.append(judge)
        assert cluster.settle(2_000)
        return cluster, judge

    return build


class Runtime:
    """An engine over the sandbox in virtual time, with one Rollout `app` that no router serves."""

    def __init__(self, sandbox: Any, kubeconfig: Path) -> None:
        self.sandbox, self.metrics = sandbox, Metrics()
        sandbox.install_crds(CRDS)
        self._moved = threading.Condition()
        sandbox.objects.subscribe(self._note)
        self._transport = Transport(Connection(Access(str(kubeconfig))), metrics=self.metrics)
        pace = Pace(first_pause_s=0.01, longest_pause_s=0.05, lived_s=0)
        facade = Facade(load_objects({}))
        self.engine = Engine(self._transport, facade, EngineOptions(workers=2), sandbox.clock, self.metrics, pace)

    def _note(self, _: object) -> None:
        with self._moved:
            self._moved.notify_all()

    def start(self) -> None:
        """Start it; its stores are filled afterwards."""
        self.engine.start()
        assert self.engine.wait_ready(10)

    def apply(self, name: str = "app", steps: list[dict[str, Any]] | None = None, **spec: Any) -> None:
        """A canary of two pods, image app:v1."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "app:v1"}]}}
        whole = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template, **spec}
        whole["strategy"] = {"canary": {"steps": steps or []}}
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
        self.sandbox.apply({**kind, "metadata": {"name": name, "namespace": "default"}, "spec": whole})

    def rollout(self, name: str = "app") -> dict[str, Any]:
        """The Rollout as the server has it."""
        return dict(self.sandbox.objects.get(ROLLOUTS, "default", name))

    def phase(self, name: str = "app") -> str:
        """Its phase, "" where its present generation was not looked at yet."""
        rollout = self.rollout(name)
        status = rollout.get("status") or {}
        current = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
        return str(status.get("phase", "")) if current else ""

    def edit(self, change: Callable[[dict[str, Any]], object], name: str = "app") -> None:
        """Change the Rollout as a client would, again where somebody came between."""
        while True:
            rollout = copy.deepcopy(self.rollout(name))
            change(rollout)
            try:
                self.sandbox.objects.update(ROLLOUTS, rollout)
            except SandboxConflict:
                continue
            return

    def ship(self, tag: str, name: str = "app") -> None:
        """Release an image."""
        self.edit(lambda r: r["spec"]["template"]["spec"]["containers"][0].update(image=f"app:{tag}"), name)

    def until(self, holds: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait for the world, moving its clock by half a second a round, in which `meanwhile` happens too."""
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, f"never came; {self.rollout().get('status')}"
            meanwhile()
            self.sandbox.advance(0.5)
            with self._moved:
                self._moved.wait(0.01)

    def close(self) -> None:
        """Stop the engine."""
        self.sandbox.faults.clear()
        self.engine.stop(2.0)
        self._transport.close()


@pytest.fixture
def runtime(sandbox: Any, sandbox_kubeconfig: Path) -> Iterator[Runtime]:
    """An engine that is not started yet."""
    runtime = Runtime(sandbox, sandbox_kubeconfig)
    yield runtime
    runtime.close()
