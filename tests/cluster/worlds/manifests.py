"""The manifests of the scenarios: one Rollout `web`, its Services, its Ingress."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]

NAME = "web"
PAUSE: Manifest = {"pause": {}}


def weight(share: int) -> Manifest:
    """A setWeight step."""
    return {"setWeight": share}


def pause(seconds: int) -> Manifest:
    """A pause step that ends by itself."""
    return {"pause": {"duration": seconds}}


def canary(*steps: Manifest, **options: Any) -> Manifest:
    """The strategy of a basic canary; a keyword is a field of `spec.strategy.canary`."""
    return {"canary": {"steps": list(steps), **options}}


def routed(*steps: Manifest, **options: Any) -> Manifest:
    """A canary behind ingress-nginx, with both Services; old pods go after a second unless told otherwise.

    An option of None is left out.
    """
    routing = {"nginx": {"stableIngress": NAME}}
    services = {"canaryService": f"{NAME}-canary", "stableService": f"{NAME}-stable"}
    whole = {**services, "trafficRouting": routing, "scaleDownDelaySeconds": 1, **options}
    return canary(*steps, **{name: value for name, value in whole.items() if value is not None})


def blue_green(**options: Any) -> Manifest:
    """The strategy blue-green with the active Service; old pods go after a second unless told otherwise."""
    return {"blueGreen": {"activeService": f"{NAME}-active", "scaleDownDelaySeconds": 1, **options}}


def template(image: str = "v1", notes: dict[str, str] | None = None, **container: Any) -> Manifest:
    """A pod template; `notes` are its annotations, keywords are fields of its container."""
    metadata: Manifest = {"labels": {"app": NAME}}
    if notes:
        metadata["annotations"] = notes
    return {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": f"app:{image}", **container}]}}


def rollout(strategy: Manifest, replicas: int | None = 1, pods: Manifest | None = None, **spec: Any) -> Manifest:
    """The Rollout; `replicas` None leaves the field out, a keyword is a field of its spec."""
    whole: Manifest = {
        "selector": {"matchLabels": {"app": NAME}},
        "template": pods or template(),
        "strategy": strategy,
        **spec,
    }
    if replicas is not None:
        whole["replicas"] = replicas
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME}, "spec": whole}


def service(role: str) -> Manifest:
    """A Service `web-<role>` over every pod of the Rollout."""
    spec = {"selector": {"app": NAME}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{NAME}-{role}"}, "spec": spec}


def ingress() -> Manifest:
    """The Ingress that users reach, on the stable Service."""
    backend = {"service": {"name": f"{NAME}-stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"ingressClassName": "nginx", "rules": [{"host": f"{NAME}.example.com", "http": {"paths": paths}}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": NAME}, "spec": spec}


def deployment(replicas: int, image: str = "v1") -> Manifest:
    """A Deployment `web` over the same pods, for a Rollout that refers to it."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": NAME}}, "template": template(image)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": spec}


def budget(**spec: Any) -> Manifest:
    """A PodDisruptionBudget over the pods."""
    whole = {"selector": {"matchLabels": {"app": NAME}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": NAME}, "spec": whole}
