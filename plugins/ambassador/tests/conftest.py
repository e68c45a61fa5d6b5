"""A clock that a test sets, and a controller in virtual time around the router."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.runtime.engine import Engine, EngineOptions
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.reflector import Pace
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate_ambassador import Ambassador
from tidegate_ambassador.mapping import MAPPING
from tidegate_sandbox.errors import Conflict

CRDS = Path(__file__).parents[3] / "deploy" / "crds"
ROLLOUTS = "rollouts.argoproj.io"
Manifest = dict[str, Any]


class SetClock:
    """Noon, until a test moves it on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def timed_by(clock: Any) -> type[Ambassador]:
    """The router with another clock."""

    class Timed(Ambassador):
        now = staticmethod(clock.now)

    return Timed


@pytest.fixture
def noon() -> SetClock:
    return SetClock()


@pytest.fixture
def timed() -> Callable[[Any], type[Ambassador]]:
    return timed_by


def definition(plural: str, kind: str, group: str, version: str) -> Manifest:
    """A definition that takes anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions},
    }


class Shop:
    """A sandbox that serves Mappings v3alpha1, and a controller with the router in it; both have the sandbox's clock."""

    def __init__(self, sandbox: Any, kubeconfig: Path) -> None:
        self.sandbox = sandbox
        sandbox.install_crds(CRDS)
        sandbox.apply(definition(MAPPING.plural, MAPPING.kind, MAPPING.group, "v3alpha1"))
        self._moved = threading.Condition()
        sandbox.objects.subscribe(self._note)
        self._transport = Transport(Connection(Access(str(kubeconfig))))
        facade = Facade(load_objects({"ambassador": timed_by(sandbox.clock)}))
        pace = Pace(first_pause_s=0.01, longest_pause_s=0.05, lived_s=0)
        self.engine = Engine(self._transport, facade, EngineOptions(workers=1), sandbox.clock, Metrics(), pace)

    def _note(self, _: object) -> None:
        with self._moved:
            self._moved.notify_all()

    def start(self) -> None:
        self.engine.start()
        assert self.engine.wait_ready(10)

    def get(self, resource: str, name: str) -> Manifest | None:
        found = self.sandbox.objects.list(resource, "default")
        return next((dict(each) for each in found if each["metadata"]["name"] == name), None)

    def edit(self, change: Callable[[Manifest], object], subresource: Literal["", "status"] = "") -> None:
        """Change the Rollout as a client would, again where somebody came between."""
        while True:
            rollout = copy.deepcopy(self.get(ROLLOUTS, "app"))
            assert rollout is not None
            change(rollout)
            try:
                self.sandbox.objects.update(ROLLOUTS, rollout, subresource)
            except Conflict:
                continue
            return

    def phase(self) -> str:
        rollout = self.get(ROLLOUTS, "app") or {}
        return str((rollout.get("status") or {}).get("phase", ""))

    def weight(self) -> int | None:
        """What the canary of the Mapping `web` takes, None where there is none."""
        found = self.get(MAPPING.resource, "web-canary")
        return None if found is None else int(found["spec"]["weight"])

    def until(self, holds: Callable[[], object], tick_s: float = 0.0) -> None:
        """Wait for the world; each round moves its clock on by `tick_s`."""
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, f"never came; {self.get(ROLLOUTS, 'app')}"
            if tick_s:
                self.sandbox.advance(tick_s)
            with self._moved:
                self._moved.wait(0.01)

    def close(self) -> None:
        self.engine.stop(2.0)
        self._transport.close()


@pytest.fixture
def shop(sandbox: Any, sandbox_kubeconfig: Path) -> Iterator[Shop]:
    shop = Shop(sandbox, sandbox_kubeconfig)
    yield shop
    shop.close()
