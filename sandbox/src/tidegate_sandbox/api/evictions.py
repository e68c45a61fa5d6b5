"""POST pods/eviction: a deletion that PodDisruptionBudgets may refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tidegate_sandbox.api.answers import Answer, answer
from tidegate_sandbox.api.call import Call
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.deletion import Deletion, check_preconditions, read_deletion
from tidegate_sandbox.errors import BadRequest, Cause, Conflict, MethodNotAllowed, ServerFault, TooManyRequests
from tidegate_sandbox.metadata import timestamp
from tidegate_sandbox.preparation import WriteOptions
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.rules.budgets import RESOURCE, budgets_of, is_ready, with_condition
from tidegate_sandbox.store import copied

T = TypeVar("T")

_STATUS = WriteOptions(subresource="status")
# kube-apiserver's EvictionsRetry.
_TRIES = 20
# Asked of clients while the controller has not yet looked at a budget.
_PROCESSING_S = 10


def evict(registry: Registry, call: Call) -> Answer:
    """Ask the pod's budget, mark the pod, and begin its deletion; the answer is a bare Status."""
    if call.verb != "create":
        raise MethodNotAllowed("pods/eviction takes POST alone")
    body = call.manifest()
    if (body.get("metadata") or {}).get("name") != call.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    deletion = read_deletion(body.get("deleteOptions") or {})
    deletion = replace(deletion, dry_run=deletion.dry_run or call.dry_run)
    pod = registry.get(call.resource, call.namespace, call.name)
    phase, going = (pod.get("status") or {}).get("phase"), "deletionTimestamp" in pod["metadata"]
    if phase not in ("Succeeded", "Failed", "Pending") and not going:
        _again_on_conflict(lambda: _spend_budget(registry, pod, dry_run=deletion.dry_run))
    if not deletion.dry_run:
        deletion = _marked(registry, call, deletion)
    registry.delete(call.resource, call.namespace, call.name, deletion)
    return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _again_on_conflict(write: Callable[[], T]) -> T:
    """Read and write anew where somebody came between the two."""
    for _ in range(_TRIES - 1):
        try:
            return write()
        except Conflict:
            continue
    return write()


def _marked(registry: Registry, call: Call, deletion: Deletion) -> Deletion:
    """Write down on the pod why it goes; the deletion that follows means the version which that makes."""
    live = registry.get(call.resource, call.namespace, call.name)
    check_preconditions(call.resource, live, deletion.uid, deletion.resource_version)
    made = _again_on_conflict(lambda: _mark(registry, call))
    return replace(deletion, resource_version=made["metadata"]["resourceVersion"] if deletion.resource_version else "")


def _mark(registry: Registry, call: Call) -> Manifest:
    pod = copied(registry.get(call.resource, call.namespace, call.name))
    status = pod.setdefault("status", {})
    others = [entry for entry in status.get("conditions") or [] if entry.get("type") != "DisruptionTarget"]
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(registry.clock.now()),
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    status["conditions"] = [*others, condition]
    return registry.update(call.resource, pod, _STATUS)


def _spend_budget(registry: Registry, pod: Manifest, *, dry_run: bool) -> None:
    """Take one of the disruptions that the pod's budget allows; TooManyRequests where there is none."""
    rows = registry.ledger.rows(RESOURCE, pod["metadata"]["namespace"])
    budgets = budgets_of([row.object for _, row in rows], pod)
    if len(budgets) > 1:
        error = ServerFault(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        error.status_reason = ""  # a real server gives none
        raise error
    for budget in budgets:
        status = budget.get("status") or {}
        if not is_ready(pod) and _spares_unready(budget["spec"], status):
            return
        _check(budget["metadata"], status)
        if not dry_run:
            _write_down(registry, budget, pod["metadata"]["name"])


def _spares_unready(spec: Manifest, status: Manifest) -> bool:
    """Whether a pod that is not ready may go without being counted."""
    if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    needed = status.get("desiredHealthy", 0)
    return bool(needed > 0 and status.get("currentHealthy", 0) >= needed)


def _check(metadata: Manifest, status: Manifest) -> None:
    name = metadata["name"]
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        raise _refusal(f"The disruption budget {name} is still being processed by the server.", _PROCESSING_S)
    if status.get("disruptionsAllowed", 0) <= 0:
        needed, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refusal(f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently")


def _refusal(why: str, retry_after_s: int = 0) -> TooManyRequests:
    return TooManyRequests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=(Cause("", why, "DisruptionBudget"),),
        retry_after_s=retry_after_s,
    )


def _write_down(registry: Registry, budget: Manifest, pod: str) -> None:
    """One disruption less, and the pod for the controller, which has not seen it go; Conflict where somebody was faster."""
    changed, when = copied(budget), timestamp(registry.clock.now())
    status = changed["status"]
    status["disruptionsAllowed"] -= 1
    status["disruptedPods"] = (status.get("disruptedPods") or {}) | {pod: when}
    changed["status"] = status if status["disruptionsAllowed"] else with_condition(status, when)
    registry.update(registry.kinds.storage(RESOURCE), changed, _STATUS)
