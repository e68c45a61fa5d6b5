"""What the routers' own objects say: asked of the installed plugins, so that no view knows an annotation or a field.

Imports `tidegate`, which the demo needs anyway: the controller is the installed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidegate.api.rollout import Rollout
from tidegate.hooks import Kind, Weights
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import carries
from tidegate.machine.traffic import Hashes
from tidegate.runtime.plugins import facade_of
from tidegate_sandbox.contracts import Manifest, Objects
from tidegate_sandbox.errors import NotFound


@dataclass(frozen=True, slots=True)
class StoreReader:
    """The sandbox's store as routers read it; a kind that is not served has no objects."""

    objects: Objects

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, or None."""
        try:
            return self.objects.get(kind.resource, namespace, name)
        except NotFound:
            return None

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects that carry `labels`."""
        try:
            listed = self.objects.list(kind.resource, namespace)
        except NotFound:
            return ()
        return [manifest for manifest in listed if carries(manifest, labels)]


class ReadBack:
    """Reads the canary's share from every object of every router that a Rollout names."""

    def __init__(self, objects: Objects, facade: Facade | None = None) -> None:
        self._reader = StoreReader(objects)
        self._facade = facade or facade_of(None)

    def shares(self, rollout: Manifest) -> dict[str, int]:
        """The canary's share in per cent, by `<router> <object>`; without objects that carry none."""
        return {place: round(100 * w.canary / w.total) for place, w in self._weights(Rollout.model_validate(rollout))}

    def _weights(self, rollout: Rollout) -> Iterator[tuple[str, Weights]]:
        canary = rollout.spec.strategy.canary
        routing = canary.traffic_routing if canary else None
        if routing is None:
            return
        hashes = Hashes(rollout.status.current_pod_hash, rollout.status.stable_rs)
        for name, raw in routing.routers.items():
            configured = self._facade.configure(name, raw, routing.path(name))
            if configured.config is not None:
                target = target_for(rollout, replace(configured, can=self._facade.view(name).can), hashes)
                for place, weights in self._facade.get_weights(name, target, self._reader).items():
                    yield f"{name} {place}", weights
