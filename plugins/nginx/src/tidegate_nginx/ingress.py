"""The canary Ingress that belongs to a stable one. Pure: dicts in, dicts out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.hooks import Kind, Manifest, SpecError, Target
from tidegate_nginx.config import SUBDOMAIN, NginxConfig

INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NOUN = "ingress.networking.k8s.io"  # how clients print it: `ingress.networking.k8s.io "web" not found`

SUFFIX = "-canary"
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123
COPIED = ("ingressClassName", "tls")  # defaultBackend is not: it would answer for every unmatched host


def canary_name(rollout: str, stable: str) -> str:
    """`<rollout>-<stable Ingress>-canary`, cut before the suffix so that it fits into 253 characters."""
    return f"{rollout}-{stable}"[: NAME_LENGTH - len(SUFFIX)] + SUFFIX


def name_fault(name: str) -> str:
    """Why the API server would refuse the name (a cut may end at a dot); "" for a good one."""
    return "" if SUBDOMAIN.match(name) else f"the canary Ingress would be called {name}, which is no valid name"


def canary_spec(stable: Manifest, target: Target[NginxConfig], field: str) -> Manifest:
    """The spec of the canary Ingress: the stable one's class, TLS and matching paths, with the canary Service.

    Paths of other Services are left out: a proxy ignores or rejects a canary for them.
    Raises SpecError at `field` where no path uses the stable Service.
    """
    spec = stable.get("spec") or {}
    rules = [_canary_rule(rule, target) for rule in _rules(stable)]
    rules = [rule for rule in rules if rule["http"]["paths"]]
    if not rules:
        name = stable["metadata"]["name"]
        said = f"ingress `{name}` has no rules using service {target.stable_service} backend"
        raise SpecError(f"{target.path}.{field}", said, value=f'"{name}"')
    return {**{key: copy.deepcopy(spec[key]) for key in COPIED if key in spec}, "rules": rules}


def paths_of(stable: Manifest, service: str) -> Iterator[str]:
    """The paths of an Ingress that lead to a Service."""
    for rule in _rules(stable):
        yield from (path.get("path", "") for path in rule["http"]["paths"] if _service(path).get("name") == service)


def annotations_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The annotations, {} where there are none."""
    return dict(manifest["metadata"].get("annotations") or {})


def _rules(stable: Manifest) -> list[Manifest]:
    """The rules that have paths; one without `http` sends nothing anywhere."""
    rules = (stable.get("spec") or {}).get("rules") or []
    return [rule for rule in rules if (rule.get("http") or {}).get("paths")]


def _canary_rule(rule: Manifest, target: Target[NginxConfig]) -> Manifest:
    paths = [
        copy.deepcopy(path) for path in rule["http"]["paths"] if _service(path).get("name") == target.stable_service
    ]
    for path in paths:
        path["backend"]["service"]["name"] = target.canary_service
    return {**copy.deepcopy(rule), "http": {"paths": paths}}


def _service(path: Manifest) -> Manifest:
    """The Service that a path leads to; empty for a backend of kind resource."""
    return (path.get("backend") or {}).get("service") or {}
