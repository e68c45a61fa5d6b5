"""Scale, binding, logs and service account tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tidegate_sandbox.api.answers import Answer, answer
from tidegate_sandbox.api.call import Call, read_body
from tidegate_sandbox.api.writes import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    write_options,
)
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import (
    BadRequest,
    Conflict,
    Invalid,
    MethodNotAllowed,
    UnsupportedMediaType,
)
from tidegate_sandbox.kinds import ScalePaths
from tidegate_sandbox.metadata import timestamp
from tidegate_sandbox.preparation import WriteOptions
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.rules.fields import section
from tidegate_sandbox.selectors import selector_text
from tidegate_sandbox.store import copied
from tidegate_sandbox.wire.patches import apply_json_patch, apply_merge_patch, apply_strategic_patch
from tidegate_sandbox.wire.schemas import UNTYPED

# How long kubectl's `create token` asks for unless told otherwise.
_TOKEN_S = 3600


def scale(registry: Registry, call: Call) -> Answer:
    """GET, PUT and PATCH of the scale subresource; only `spec.replicas` can be changed through it."""
    paths = call.resource.scale
    if paths is None:
        raise MethodNotAllowed(f"{call.resource.name} has no scale subresource")
    live = registry.get(call.resource, call.namespace, call.name)
    current = _scale_of(live, paths)
    if call.verb == "get":
        return answer(current)
    wanted = _wanted_scale(call, current)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise Invalid(
            f'Scale.autoscaling "{call.name}" is invalid: spec.replicas: Invalid value: {replicas!r}: must be greater '
            "than or equal to 0",
            name=call.name,
            kind="Scale.autoscaling",
        )
    item = copied(live)
    _set(item, paths.spec_replicas, replicas)
    sent = (wanted.get("metadata") or {}).get("resourceVersion")
    if sent:
        item["metadata"]["resourceVersion"] = sent
    options = write_options(call)
    return answer(_scale_of(registry.update(call.resource, item, options), paths))


def _wanted_scale(call: Call, current: Manifest) -> Manifest:
    if call.verb == "update":
        return call.manifest()
    changes = read_body(call.body, call.media_type)
    match call.media_type:
        case t if t == JSON_PATCH:
            return apply_json_patch(current, changes)
        case t if t in (MERGE_PATCH, APPLY_PATCH):
            return apply_merge_patch(current, changes)
        case t if t == STRATEGIC_PATCH:
            return apply_strategic_patch(current, changes, UNTYPED)
    raise UnsupportedMediaType(f"the scale subresource takes {JSON_PATCH} or {MERGE_PATCH}, found {call.media_type}")


def _scale_of(item: Manifest, paths: ScalePaths) -> Manifest:
    meta = item["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Manifest = {"replicas": _at(item, paths.status_replicas) or 0}
    chosen = _at(item, paths.selector) if paths.selector else None
    if chosen:
        status["selector"] = chosen if isinstance(chosen, str) else selector_text(_as_selector(chosen))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in kept if name in meta},
        # Go leaves a zero out.
        "spec": {"replicas": replicas} if (replicas := _at(item, paths.spec_replicas)) else {},
        "status": status,
    }


def _as_selector(value: Manifest) -> Manifest:
    """ReplicationControllers hold a bare map of labels where newer kinds hold a LabelSelector."""
    return value if "matchLabels" in value or "matchExpressions" in value else {"matchLabels": value}


def _at(item: Manifest, path: str) -> Any:
    value: Any = item
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _set(item: Manifest, path: str, value: int) -> None:
    *parents, last = path.strip(".").split(".")
    for part in parents:
        item = section(item, part)
    item[last] = value


def bind(registry: Registry, call: Call) -> Answer:
    """POST pods/binding: put a pod on a node, once."""
    node = (call.manifest().get("target") or {}).get("name")
    if not node:
        raise BadRequest("target.name: Required value: a binding names the node")
    pod = copied(registry.get(call.resource, call.namespace, call.name))
    if pod["spec"].get("nodeName"):
        raise Conflict(
            f'Operation cannot be fulfilled on pods/binding "{call.name}": pod {call.name} is already assigned to node '
            f'"{pod["spec"]["nodeName"]}"',
            name=call.name,
            kind="pods/binding",
        )
    pod["spec"]["nodeName"] = node
    registry.update(call.resource, pod, WriteOptions())
    return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def log(registry: Registry, call: Call) -> Answer:
    """Simulated containers write nothing: one line says so, and whose log it would be."""
    pod = registry.get(call.resource, call.namespace, call.name)
    containers = [container["name"] for container in pod["spec"]["containers"]]
    name = call.query.get("container") or containers[0]
    if name not in containers:
        raise BadRequest(f"container {name} is not valid for pod {call.name}")
    text = f"{call.name}/{name}: a simulated container of the tidegate sandbox, which runs no program and has no log\n"
    return Answer(200, text.encode(), "text/plain")


def token(registry: Registry, call: Call) -> Answer:
    """POST serviceaccounts/token: a token that this server, which asks nobody who they are, accepts as any other."""
    account = registry.get(call.resource, call.namespace, call.name)
    request = call.manifest()
    lasts_s = int((request.get("spec") or {}).get("expirationSeconds") or _TOKEN_S)
    until = timestamp(registry.clock.now() + timedelta(seconds=lasts_s))
    secret = f"sandbox.{call.namespace}.{account['metadata']['name']}"
    return answer(request | {"status": {"token": secret, "expirationTimestamp": until}}, 201)
