"""PodDisruptionBudgets as both sides see them: the controller that writes the status, the eviction that spends it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.selectors import matches_selector

RESOURCE = "poddisruptionbudgets.policy"

# kube-controller-manager's DeletionTimeout: a pod that was evicted and is not being deleted by then counts again.
FORGOTTEN_AFTER = timedelta(minutes=2)

_KIND, _ENOUGH, _TOO_FEW, _FAILED = "DisruptionAllowed", "SufficientPods", "InsufficientPods", "SyncFailed"


def budgets_of(budgets: Iterable[Manifest], pod: Manifest) -> list[Manifest]:
    """Those that select the pod; an empty selector selects every pod of the namespace, an absent one none."""
    labels = pod["metadata"].get("labels") or {}
    return [budget for budget in budgets if matches_selector((budget.get("spec") or {}).get("selector"), labels)]


def share(value: int | str, total: int) -> int:
    """An int-or-percent of `total`, rounded up, for minAvailable and for maxUnavailable alike."""
    return math.ceil(int(value.rstrip("%")) * total / 100) if isinstance(value, str) else value


def is_ready(pod: Manifest) -> bool:
    """Whether the pod's Ready condition is True, on its way out or not."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


def with_condition(status: Manifest, when: str) -> Manifest:
    """`status` with the condition that its disruptionsAllowed calls for."""
    allowed = status.get("disruptionsAllowed", 0) > 0
    return _conditioned(status, ("True", _ENOUGH, "") if allowed else ("False", _TOO_FEW, ""), when)


def failed(status: Manifest, why: str, when: str) -> Manifest:
    """`status` of a budget that could not be computed: nothing is allowed."""
    return _conditioned({**status, "disruptionsAllowed": 0}, ("False", _FAILED, why), when)


def _conditioned(status: Manifest, wanted: tuple[str, str, str], when: str) -> Manifest:
    """`status` with a condition of this (status, reason, message); its time stays while its status does."""
    known = next((entry for entry in status.get("conditions") or [] if entry["type"] == _KIND), None)
    since = known["lastTransitionTime"] if known is not None and known["status"] == wanted[0] else when
    generation = status.get("observedGeneration")
    entry: Manifest = {"type": _KIND, "status": wanted[0]} | ({"observedGeneration": generation} if generation else {})
    entry |= {"lastTransitionTime": since, "reason": wanted[1], "message": wanted[2]}
    others = [each for each in status.get("conditions") or [] if each["type"] != _KIND]
    return {**status, "conditions": [*others, entry]}


def expires(evicted: str) -> datetime:
    """When the entry of a pod in `status.disruptedPods` is forgotten."""
    return datetime.fromisoformat(evicted.replace("Z", "+00:00")) + FORGOTTEN_AFTER
