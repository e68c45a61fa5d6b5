"""The door to the rules: how a manifest of a built-in kind is completed, judged and given its first status."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.rules import cluster, network, pods, workloads

Default = Callable[[Manifest], None]
Check = Callable[[Manifest, Manifest | None], Iterator[Cause]]

_RBAC = "rbac.authorization.k8s.io"

_DEFAULTS: dict[str, Default] = {
    "pods": pods.default_pod,
    "podtemplates": pods.default_pod_template,
    "deployments.apps": workloads.default_deployment,
    "replicasets.apps": workloads.default_replica_set,
    "replicationcontrollers": workloads.default_replication_controller,
    "statefulsets.apps": workloads.default_stateful_set,
    "daemonsets.apps": workloads.default_daemon_set,
    "jobs.batch": workloads.default_job,
    "cronjobs.batch": workloads.default_cron_job,
    "horizontalpodautoscalers.autoscaling": workloads.default_autoscaler,
    "services": network.default_service,
    "networkpolicies.networking.k8s.io": network.default_network_policy,
    "endpointslices.discovery.k8s.io": network.default_slice,
    "events": cluster.default_event,
    "namespaces": cluster.default_namespace,
    "secrets": cluster.default_secret,
    f"rolebindings.{_RBAC}": cluster.default_binding,
    f"clusterrolebindings.{_RBAC}": cluster.default_binding,
    "priorityclasses.scheduling.k8s.io": cluster.default_priority_class,
    "storageclasses.storage.k8s.io": cluster.default_storage_class,
}

_CHECKS: dict[str, Check] = {
    "pods": pods.check_pod,
    "configmaps": pods.check_bound,
    "secrets": pods.check_bound,
    "deployments.apps": workloads.check_deployment,
    "replicasets.apps": workloads.check_replica_set,
    "replicationcontrollers": workloads.check_replication_controller,
    "statefulsets.apps": workloads.check_replica_set,
    "daemonsets.apps": workloads.check_replica_set,
    "jobs.batch": workloads.check_job,
    "cronjobs.batch": workloads.check_cron_job,
    "horizontalpodautoscalers.autoscaling": workloads.check_autoscaler,
    "poddisruptionbudgets.policy": workloads.check_disruption_budget,
    "services": network.check_service,
    "ingresses.networking.k8s.io": network.check_ingress,
    "endpointslices.discovery.k8s.io": network.check_slice,
    f"rolebindings.{_RBAC}": cluster.check_binding,
    f"clusterrolebindings.{_RBAC}": cluster.check_binding,
    f"roles.{_RBAC}": cluster.check_role,
    f"clusterroles.{_RBAC}": cluster.check_role,
    "events": cluster.check_event,
    "priorityclasses.scheduling.k8s.io": cluster.check_priority_class,
}

# What a Go server writes for the status structs it holds by value.
_FIRST_STATUS: dict[str, Callable[[Manifest], Manifest]] = {
    "pods": pods.fresh_status,
    "namespaces": lambda _: {"phase": "Active"},
    "deployments.apps": lambda _: {},
    "replicasets.apps": lambda _: {"replicas": 0},
    "replicationcontrollers": lambda _: {"replicas": 0},
    "statefulsets.apps": lambda _: {"replicas": 0, "availableReplicas": 0},
    "daemonsets.apps": lambda _: {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "jobs.batch": lambda _: {},
    "cronjobs.batch": lambda _: {},
    "services": lambda _: {"loadBalancer": {}},
    "ingresses.networking.k8s.io": lambda _: {"loadBalancer": {}},
    "poddisruptionbudgets.policy": lambda _: {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    "horizontalpodautoscalers.autoscaling": lambda _: {"currentMetrics": None, "desiredReplicas": 0},
}


def apply_defaults(key: str, item: Manifest) -> None:
    """Complete a manifest of kind `key` in place; kinds without defaults are left alone."""
    if rule := _DEFAULTS.get(key):
        rule(item)


def breaches(key: str, new: Manifest, old: Manifest | None) -> list[Cause]:
    """What is wrong with `new` (as a replacement of `old`, if given); call after `apply_defaults`."""
    rule = _CHECKS.get(key)
    return list(rule(new, old)) if rule else []


def first_status(key: str, item: Manifest) -> Manifest | None:
    """The status of a new object, None for kinds that start without one."""
    rule = _FIRST_STATUS.get(key)
    return rule(item) if rule else None
