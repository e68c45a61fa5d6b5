"""The kinds the server serves: the built-in table, and those that CustomResourceDefinitions add and take away."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import NotFound
from tidegate_sandbox.structural import Structural

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where the scale subresource of a kind finds its numbers, as dotted paths; `selector` may be empty."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One kind in one served version.

    `stored_as` names the store's key of another kind that this one is only a view of (events.k8s.io over core events).
    `schema` and `columns` are those of the CustomResourceDefinition; None on built-in kinds.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    scale: ScalePaths | None = None
    verbs: tuple[str, ...] = VERBS
    singular: str = ""
    list_kind: str = ""
    counts_generation: bool = False
    stored_as: str = ""
    storage: bool = True
    storage_version: str = ""
    custom: bool = False
    schema: Structural | None = None
    columns: tuple[Manifest, ...] | None = None

    @property
    def name(self) -> str:
        """The name error messages and the store use: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def key(self) -> str:
        """The store's name of the kind."""
        return self.stored_as or self.name

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_api_version(self) -> str:
        version = self.storage_version or self.version
        return f"{self.group}/{version}" if self.group else version

    @property
    def collection_kind(self) -> str:
        return self.list_kind or f"{self.kind}List"


STATUS = frozenset({"status"})
STATUS_SCALE = frozenset({"status", "scale"})
SELECTOR_SCALE = ScalePaths(selector=".spec.selector")


def _core() -> Iterator[Resource]:
    yield Resource("", "v1", "namespaces", "Namespace", False, ("ns",), subresources=frozenset({"status", "finalize"}))
    pod_parts = frozenset({"status", "log", "eviction", "binding", "ephemeralcontainers", "resize"})
    yield Resource("", "v1", "pods", "Pod", True, ("po",), ("all",), pod_parts, counts_generation=True)
    yield Resource("", "v1", "services", "Service", True, ("svc",), ("all",), STATUS)
    yield Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",))
    yield Resource("", "v1", "secrets", "Secret")
    yield Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",), subresources=frozenset({"token"}))
    yield Resource("", "v1", "events", "Event", True, ("ev",))
    yield Resource("", "v1", "nodes", "Node", False, ("no",), subresources=STATUS)
    yield Resource("", "v1", "endpoints", "Endpoints", True, ("ep",), singular="endpoints")
    yield Resource("", "v1", "podtemplates", "PodTemplate", counts_generation=True)
    rc = Resource("", "v1", "replicationcontrollers", "ReplicationController", True, ("rc",), ("all",), STATUS_SCALE)
    yield _counted(rc, SELECTOR_SCALE)
    yield Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), subresources=STATUS)
    yield Resource("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",), subresources=STATUS)
    yield Resource("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",), subresources=STATUS)
    yield Resource("", "v1", "limitranges", "LimitRange", True, ("limits",))


def _counted(resource: Resource, scale: ScalePaths | None = None) -> Resource:
    """The same kind with `metadata.generation` kept and, if given, a scale subresource."""
    return Resource(
        resource.group,
        resource.version,
        resource.plural,
        resource.kind,
        resource.namespaced,
        resource.short_names,
        resource.categories,
        resource.subresources,
        scale,
        counts_generation=True,
    )


def _workloads() -> Iterator[Resource]:
    for plural, kind, short, parts in (
        ("deployments", "Deployment", "deploy", STATUS_SCALE),
        ("replicasets", "ReplicaSet", "rs", STATUS_SCALE),
        ("statefulsets", "StatefulSet", "sts", STATUS_SCALE),
        ("daemonsets", "DaemonSet", "ds", STATUS),
    ):
        scale = SELECTOR_SCALE if "scale" in parts else None
        yield _counted(Resource("apps", "v1", plural, kind, True, (short,), ("all",), parts), scale)
    yield Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
    yield _counted(Resource("batch", "v1", "jobs", "Job", True, (), ("all",), STATUS))
    yield _counted(Resource("batch", "v1", "cronjobs", "CronJob", True, ("cj",), ("all",), STATUS))
    hpa = "horizontalpodautoscalers", "HorizontalPodAutoscaler"
    yield Resource("autoscaling", "v2", *hpa, True, ("hpa",), ("all",), STATUS)
    yield Resource("autoscaling", "v1", *hpa, True, ("hpa",), ("all",), STATUS, storage=False)
    yield _counted(
        Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), subresources=STATUS)
    )


def _network() -> Iterator[Resource]:
    group = "networking.k8s.io"
    yield _counted(Resource(group, "v1", "ingresses", "Ingress", True, ("ing",), subresources=STATUS))
    yield _counted(Resource(group, "v1", "ingressclasses", "IngressClass", False))
    yield _counted(Resource(group, "v1", "networkpolicies", "NetworkPolicy", True, ("netpol",)))
    yield _counted(Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"))


def _cluster() -> Iterator[Resource]:
    yield Resource("events.k8s.io", "v1", "events", "Event", True, ("ev",), stored_as="events")
    yield Resource("coordination.k8s.io", "v1", "leases", "Lease")
    rbac = "rbac.authorization.k8s.io"
    yield Resource(rbac, "v1", "roles", "Role")
    yield Resource(rbac, "v1", "rolebindings", "RoleBinding")
    yield Resource(rbac, "v1", "clusterroles", "ClusterRole", False)
    yield Resource(rbac, "v1", "clusterrolebindings", "ClusterRoleBinding", False)
    crd = "customresourcedefinitions", "CustomResourceDefinition"
    yield _counted(
        Resource(
            "apiextensions.k8s.io",
            "v1",
            *crd,
            False,
            ("crd", "crds"),
            categories=("api-extensions",),
            subresources=STATUS,
        )
    )
    yield _counted(Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, ("pc",)))
    yield Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",))
    hooks = "admissionregistration.k8s.io"
    for prefix, kind in (("validating", "Validating"), ("mutating", "Mutating")):
        plural, full = f"{prefix}webhookconfigurations", f"{kind}WebhookConfiguration"
        yield _counted(Resource(hooks, "v1", plural, full, False, categories=("api-extensions",)))


def _reviews() -> Iterator[Resource]:
    for group, plural, kind, namespaced in (
        ("authentication.k8s.io", "tokenreviews", "TokenReview", False),
        ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", False),
        ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", False),
        ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
        ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", True),
        ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False),
    ):
        yield Resource(group, "v1", plural, kind, namespaced, verbs=("create",))


BUILTIN: tuple[Resource, ...] = (*_core(), *_workloads(), *_network(), *_cluster(), *_reviews())


@dataclass(slots=True)
class Kinds:
    """What is served now. Readers take a snapshot, so any thread may ask while a CustomResourceDefinition is applied."""

    _served: dict[tuple[str, str, str], Resource] = field(
        default_factory=lambda: {(r.group, r.version, r.plural): r for r in BUILTIN}
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._served.get((group, version, plural))

    def storage(self, key: str) -> Resource:
        """The version of kind `key` (`deployments.apps`) that the store keeps; NotFound for an unknown kind."""
        plural, _, group = key.partition(".")
        for resource in self._served.values():
            if resource.plural == plural and resource.group == group and resource.storage:
                return resource
        raise NotFound(f"the server has no kind {key!r}; install its CustomResourceDefinition first", name=key)

    def written(self, resource: Resource) -> Resource:
        """The version by whose rules an object that arrived as `resource` is written: its own for custom resources,
        the stored one for built-in kinds that are views of another."""
        return resource if resource.custom else self.storage(resource.key)

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        for resource in self._served.values():
            if resource.kind == kind and resource.group_version == api_version:
                return resource
        return None

    def all(self) -> list[Resource]:
        return list(self._served.values())

    def replace(self, group: str, plural: str, resources: Iterable[Resource]) -> None:
        """Serve exactly `resources` for this group and plural from now on; none of them takes the kind away."""
        with self._lock:
            kept = {k: r for k, r in self._served.items() if (r.group, r.plural) != (group, plural)}
            self._served = kept | {(r.group, r.version, r.plural): r for r in resources}
