"""Scale, eviction, binding, logs and service account tokens."""

from __future__ import annotations

import math
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
from tidegate_sandbox.deletion import read_deletion
from tidegate_sandbox.errors import (
    BadRequest,
    Cause,
    Conflict,
    Invalid,
    MethodNotAllowed,
    ServerFault,
    TooManyRequests,
    UnsupportedMediaType,
)
from tidegate_sandbox.kinds import ScalePaths
from tidegate_sandbox.metadata import timestamp
from tidegate_sandbox.preparation import WriteOptions
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.rules.fields import section
from tidegate_sandbox.selectors import matches_selector, selector_text
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


def evict(registry: Registry, call: Call) -> Answer:
    """POST pods/eviction: a deletion that disruption budgets may refuse with 429."""
    if call.verb != "create":
        raise MethodNotAllowed("pods/eviction takes POST alone")
    body = call.manifest()
    pod = registry.get(call.resource, call.namespace, call.name)
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed", "Pending")
    if not finished and "deletionTimestamp" not in pod["metadata"]:
        _ask_budgets(registry, pod)
    options = dict(body.get("deleteOptions") or {})
    if call.dry_run:
        options["dryRun"] = ["All"]
    registry.delete(call.resource, call.namespace, call.name, read_deletion(options))
    return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _ask_budgets(registry: Registry, pod: Manifest) -> None:
    namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels") or {}
    rows = registry.ledger.rows("poddisruptionbudgets.policy", namespace)
    budgets = [
        row.object for _, row in rows if matches_selector((row.object.get("spec") or {}).get("selector"), labels)
    ]
    if len(budgets) > 1:
        raise ServerFault(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    for budget in budgets:
        healthy, needed = _health(registry, budget)
        if healthy <= needed and _is_ready(pod):
            name = budget["metadata"]["name"]
            text = f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
            raise TooManyRequests(
                "Cannot evict pod as it would violate the pod's disruption budget.",
                causes=(Cause("", text, "DisruptionBudget"),),
            )


def _health(registry: Registry, budget: Manifest) -> tuple[int, int]:
    """How many of the budget's pods are ready, and how many have to stay so.

    Percentages and `maxUnavailable` are of the pods that the owners want, not of those that are left.
    """
    spec, namespace = budget.get("spec") or {}, budget["metadata"]["namespace"]
    pods = [row.object for _, row in registry.ledger.rows("pods", namespace)]
    chosen = [p for p in pods if matches_selector(spec.get("selector"), p["metadata"].get("labels") or {})]
    healthy = sum(_is_ready(pod) for pod in chosen)
    expected = _expected(registry, chosen)
    if spec.get("maxUnavailable") is not None:
        return healthy, expected - _share(spec["maxUnavailable"], expected)
    return healthy, _share(spec.get("minAvailable", 0), expected)


def _expected(registry: Registry, pods: list[Manifest]) -> int:
    """The sum of the replicas of the pods' controllers; a pod without a scalable one counts for itself."""
    wanted: dict[str, int] = {}
    for pod in pods:
        uid, replicas = _owner_scale(registry, pod)
        wanted[uid] = replicas
    return sum(wanted.values())


def _owner_scale(registry: Registry, pod: Manifest) -> tuple[str, int]:
    references = pod["metadata"].get("ownerReferences") or []
    owner = next((reference for reference in references if reference.get("controller")), None)
    kind = registry.kinds.of_kind(owner["apiVersion"], owner["kind"]) if owner else None
    if owner and kind and kind.scale:
        row = registry.ledger.row(kind.key, (pod["metadata"]["namespace"], owner["name"]))
        if row:
            return owner["uid"], _at(row.object, kind.scale.spec_replicas) or 0
    return pod["metadata"]["uid"], 1


def _share(value: int | str, total: int) -> int:
    """An int-or-percent of `total`, rounded up as the disruption controller does."""
    return math.ceil(int(value.rstrip("%")) * total / 100) if isinstance(value, str) else value


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    going = "deletionTimestamp" in pod["metadata"]
    return not going and any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


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
