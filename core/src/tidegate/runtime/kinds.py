"""Which resources the controller itself touches, and where a resource lives in the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from tidegate.hooks.references import Kind


@dataclass(frozen=True, slots=True)
class Slim(Kind):
    """A kind of which a slim projection is kept, apart from whole objects of it that a router may name.

    It never equals the bare Kind: each has a watch, a store and own writes of its own. `use` tells two projections of one
    kind apart.
    """

    use: str = ""


@dataclass(frozen=True, slots=True)
class Foreign(Kind):
    """A kind in another cluster, which `cluster` stands for (see `remotes`): its watch, store and writes are its own."""

    cluster: str = ""


def in_cluster(kind: Kind, cluster: str) -> Kind:
    """The kind as it is found in `cluster`; "" is the controller's own."""
    if not cluster:
        return kind
    return Foreign(kind.group, kind.version, kind.kind, kind.plural, kind.versions, cluster)


ROLLOUTS = Slim("argoproj.io", "v1alpha1", "Rollout", "rollouts")
EXPERIMENTS = Slim("argoproj.io", "v1alpha1", "Experiment", "experiments")
REPLICA_SETS = Slim("apps", "v1", "ReplicaSet", "replicasets")
SERVICES = Slim("", "v1", "Service", "services")
ANALYSIS_RUNS = Slim("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns")
ANALYSIS_TEMPLATES = Slim("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates")
CLUSTER_TEMPLATES = Slim("argoproj.io", "v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates")
EVENTS = Kind("", "v1", "Event", "events")
# Watched once a Rollout needs them; a ReplicaSet that a workloadRef names is not one of the Rollout's own.
PODS = Slim("", "v1", "Pod", "pods")
DEPLOYMENTS = Slim("apps", "v1", "Deployment", "deployments")
REFERENCED_SETS = Slim("apps", "v1", "ReplicaSet", "replicasets", use="workload")
POD_TEMPLATES = Slim("", "v1", "PodTemplate", "podtemplates")

# What spec.workloadRef may name, by group and kind, and those of them that have a size.
WORKLOADS: Mapping[tuple[str, str], Slim] = {
    (kind.group, kind.kind): kind for kind in (DEPLOYMENTS, REFERENCED_SETS, POD_TEMPLATES)
}
SCALABLE: Mapping[str, Slim] = {kind.kind: kind for kind in (DEPLOYMENTS, REFERENCED_SETS)}
LEASES = Kind("coordination.k8s.io", "v1", "Lease", "leases")
SECRETS = Kind("", "v1", "Secret", "secrets")


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The URL path of one object, or of a collection where `name` is ""; "" as namespace means all namespaces."""
    parts = ["", "apis", kind.group, kind.version] if kind.group else ["", "api", kind.version]
    if namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(kind.plural)
    parts += [quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts)


def label_query(labels: Mapping[str, str]) -> dict[str, str]:
    """The URL query for the objects of a collection that carry all of `labels`."""
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return {"labelSelector": selector} if selector else {}


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL path names, for messages and metrics."""

    plural: str
    group: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        plural = f"{self.plural}.{self.group}" if self.group else self.plural
        plural = f"{plural}/{self.subresource}" if self.subresource else plural
        return f"{plural} {where}" if where else plural


def address(path: str) -> Address:
    """Read `/api/v1/...` or `/apis/group/version/...`; anything else (`/version`) becomes its own plural."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", _, *rest] if rest:
            group = ""
        case ["apis", group, _, *rest] if rest:
            pass
        case _:
            return Address(path.strip("/") or "/")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return Address(plural, group, namespace, name, subresource)
