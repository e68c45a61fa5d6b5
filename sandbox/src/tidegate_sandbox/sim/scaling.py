"""The scale subresource as controllers use it: where a kind keeps its wanted and its counted replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.selectors import matches_selector, parse_labels
from tidegate_sandbox.sim.view import View

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
SCALABLE = frozenset({"deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"})


@dataclass(frozen=True, slots=True)
class Scale:
    """One scalable object: what it wants, what it counts, and how its pods are told."""

    resource: str
    target: Manifest
    paths: Mapping[str, str]

    @property
    def wanted(self) -> int:
        value = _at(self.target, self.paths["specReplicasPath"])
        return value if isinstance(value, int) else 1

    @property
    def counted(self) -> int:
        value = _at(self.target, self.paths["statusReplicasPath"])
        return value if isinstance(value, int) else 0

    def selects(self) -> Callable[[Mapping[str, str]], bool]:
        """The test for its pods; a custom kind holds the selector as text, which nothing matches while it is empty."""
        selector = _at(self.target, self.paths.get("labelSelectorPath", ""))
        if isinstance(selector, dict):
            return lambda labels: matches_selector(selector, labels)
        if not isinstance(selector, str) or not selector:
            return lambda _labels: False
        tests = parse_labels(selector)
        return lambda labels: all(test(labels) for test in tests)

    def scaled_to(self, replicas: int) -> Manifest:
        *parents, last = _parts(self.paths["specReplicasPath"])
        target = dict(self.target)
        inner = target
        for parent in parents:
            inner[parent] = dict(inner.get(parent) or {})
            inner = inner[parent]
        inner[last] = replicas
        return target


def scale_of(view: View, resource: str, target: Manifest) -> Scale | None:
    """The scale of an object; None when its kind has none. Custom kinds say in their definition where it is."""
    if resource in SCALABLE:
        paths = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
        return Scale(resource, target, paths | {"labelSelectorPath": ".spec.selector"})
    definition = view.get(DEFINITIONS, "", resource)
    version = str(target.get("apiVersion", "")).rpartition("/")[2]
    for served in definition["spec"].get("versions") or () if definition is not None else ():
        custom = (served.get("subresources") or {}).get("scale")
        if served["name"] == version and custom:
            return Scale(resource, target, custom)
    return None


def _at(manifest: Manifest, path: str) -> object:
    value: object = manifest
    for part in _parts(path):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _parts(path: str) -> list[str]:
    return path.strip(".").split(".")
