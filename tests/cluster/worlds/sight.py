"""What a client makes of the objects of one scenario: versions by their image, sizes, selectors, weights, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from worlds.chronicle import Chronicle, Sighting
from worlds.manifests import NAME

Manifest = dict[str, Any]
T = TypeVar("T")

HASH = "rollouts-pod-template-hash"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
CANARY_INGRESS = f"{NAME}-{NAME}-canary"


@dataclass(frozen=True, slots=True)
class Sight:
    """Reads the chronicle, never the server. A version is named by the tag of its image."""

    chronicle: Chronicle
    namespace: str

    def rollout(self) -> Manifest:
        """The Rollout as last heard of; {} before."""
        found = self.chronicle.present("Rollout", self.namespace)
        return found[0] if found else {}

    def status(self) -> Manifest:
        """Its status; {} before the first."""
        found: Manifest = self.rollout().get("status") or {}
        return found

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition; three times "" without it."""
        for one in self.status().get("conditions", ()):
            if one["type"] == kind:
                return one["status"], one["reason"], one["message"]
        return "", "", ""

    def observed(self) -> bool:
        """Whether the status speaks of the newest spec."""
        rollout = self.rollout()
        return bool(rollout) and self.status().get("observedGeneration") == str(rollout["metadata"]["generation"])

    def stands(self, phase: str, message: str | None, step: int | None, sizes: Mapping[str, int]) -> bool:
        """Whether all of these hold; None and no sizes ask for nothing."""
        status = self.status()
        return (
            self.observed()
            and status.get("phase") == phase
            and message in (None, status.get("message", ""))
            and step in (None, status.get("currentStepIndex"))
            and (not sizes or self.sizes() == {tag: size for tag, size in sizes.items() if size})
        )

    def promoted(self) -> bool:
        """Whether the newest spec was observed and its version is the stable one."""
        status = self.status()
        return self.observed() and bool(status.get("stableRS")) and status["stableRS"] == status.get("currentPodHash")

    def came_to_step(self, index: int, since: int = 0) -> Sighting:
        """The Rollout when it first had that index after `since`."""
        for one in self._past("Rollout"):
            if one.version > since and (one.object.get("status") or {}).get("currentStepIndex") == index:
                return one
        raise AssertionError(f"never at step {index}\n{self.picture()}")

    # --- ReplicaSets ---

    def replica_sets(self) -> list[Manifest]:
        """All of them, the oldest first."""
        found = self.chronicle.present("ReplicaSet", self.namespace)
        return sorted(
            found,
            key=lambda one: int((one["metadata"].get("annotations") or {}).get("rollout.argoproj.io/revision", 0)),
        )

    def replica_set(self, image: str) -> Manifest:
        """The one of a version; {} without."""
        return next((one for one in self.replica_sets() if tag_of(one) == image), {})

    def sizes(self) -> dict[str, int]:
        """spec.replicas by version, those of size 0 left out."""
        return {tag_of(one): one["spec"]["replicas"] for one in self.replica_sets() if one["spec"]["replicas"]}

    def available(self) -> dict[str, int]:
        """Available pods by version, zeros left out."""
        counted = {tag_of(one): one.get("status", {}).get("availableReplicas", 0) for one in self.replica_sets()}
        return {tag: count for tag, count in counted.items() if count}

    def notes(self, image: str) -> dict[str, str]:
        """The annotations of a version; {} without it."""
        found: dict[str, str] = self.replica_set(image).get("metadata", {}).get("annotations") or {}
        return found

    def age(self, image: str) -> float:
        """Seconds since a version was made, as far as whole seconds tell."""
        return _age(self.replica_set(image))

    def revision(self, image: str) -> str:
        """The revision of a version."""
        return str(self.replica_set(image)["metadata"]["annotations"]["rollout.argoproj.io/revision"])

    def sizes_seen(self, since: int = 0) -> list[dict[str, int]]:
        """The sizes after each change of one, those before any change left out."""
        now: dict[str, int] = {}
        seen: list[tuple[int, dict[str, int]]] = []
        for one in self._past("ReplicaSet"):
            now[tag_of(one.object)] = 0 if one.gone else one.object["spec"]["replicas"]
            seen.append((one.version, {tag: size for tag, size in now.items() if size}))
        return _changes(seen, since)

    def available_seen(self, since: int = 0) -> list[int]:
        """Available pods of all versions together, as `since` found them and after each change."""
        now: dict[str, int] = {}
        seen: list[tuple[int, int]] = []
        for one in self._past("ReplicaSet"):
            now[one.name] = 0 if one.gone else one.object.get("status", {}).get("availableReplicas", 0)
            seen.append((one.version, sum(now.values())))
        return [*[count for version, count in seen if version <= since][-1:], *_changes(seen, since)]

    def version(self) -> int:
        """How far the chronicle of this namespace has come; for `since`."""
        return self.chronicle.last_change(self.namespace, ("Rollout", "ReplicaSet", "Service", "Ingress", "Pod"))

    # --- traffic ---

    def selected(self, role: str) -> str:
        """The version that the Service `web-<role>` selects; "" where it selects all."""
        found = [one for one in self.chronicle.present("Service", self.namespace) if _named(one, f"{NAME}-{role}")]
        wanted = found[0]["spec"]["selector"].get(HASH, "") if found else "no such Service"
        return self._version_of(wanted)

    def selections(self, role: str, since: int = 0) -> list[str]:
        """Every version that the Service has come to select."""
        named = [one for one in self._past("Service") if one.name == f"{NAME}-{role}"]
        hashes = [(one.version, one.object["spec"]["selector"].get(HASH, "")) for one in named]
        return [self._version_of(pod_hash) for pod_hash in _changes(hashes, since)]

    def managed(self, role: str) -> str:
        """The Rollout that the Service says it is managed by; "" for none."""
        found = [one for one in self.chronicle.present("Service", self.namespace) if _named(one, f"{NAME}-{role}")]
        return str((found[0]["metadata"].get("annotations") or {}).get(MANAGED_BY, ""))

    def available_when(self, share: int, image: str, since: int = 0) -> int:
        """Available pods of a version at the moment when the canary Ingress came to carry that share."""
        carried = [(one.version, one.object["metadata"].get("annotations", {}).get(WEIGHT)) for one in self._canary()]
        moment = next(version for version, text in carried if text == str(share) and version > since)
        pods = [one for one in self._past("ReplicaSet") if tag_of(one.object) == image and one.version < moment]
        return int(pods[-1].object.get("status", {}).get("availableReplicas", 0)) if pods else 0

    def weight(self) -> int | None:
        """The canary's share in the Ingress; None without a canary Ingress."""
        found = [one for one in self.chronicle.present("Ingress", self.namespace) if _named(one, CANARY_INGRESS)]
        text = found[0]["metadata"].get("annotations", {}).get(WEIGHT) if found else None
        return None if text is None else int(text)

    def weights(self, since: int = 0) -> list[int]:
        """Every share that the canary Ingress has come to carry."""
        carried = [(one.version, one.object["metadata"].get("annotations", {}).get(WEIGHT)) for one in self._canary()]
        return _changes([(version, int(text)) for version, text in carried if text is not None], since)

    def _canary(self) -> list[Sighting]:
        return [one for one in self._past("Ingress") if one.name == CANARY_INGRESS]

    # --- pods ---

    def pods(self, image: str = "") -> list[Manifest]:
        """Those that are not ending; of one version, or all."""
        found = [
            one for one in self.chronicle.present("Pod", self.namespace) if "deletionTimestamp" not in one["metadata"]
        ]
        return [one for one in found if image in ("", tag_of({"spec": {"template": one}}))]

    def pod_names(self, image: str = "") -> set[str]:
        """Their names."""
        return {one["metadata"]["name"] for one in self.pods(image)}

    def pod_ages(self) -> list[float]:
        """Seconds since each was made, as far as whole seconds tell."""
        return [_age(one) for one in self.pods()]

    def pod_labels(self, key: str) -> dict[str, list[str]]:
        """A label of all pods, by version."""
        found: dict[str, list[str]] = {}
        for one in self.pods():
            found.setdefault(tag_of({"spec": {"template": one}}), []).append(one["metadata"]["labels"].get(key, ""))
        return found

    def restarts(self) -> int:
        """Restarts of all their containers together."""
        return sum(state["restartCount"] for one in self.pods() for state in one["status"].get("containerStatuses", ()))

    def deployment(self) -> Manifest:
        """The Deployment as last heard of; {} without."""
        found = self.chronicle.present("Deployment", self.namespace)
        return found[0] if found else {}

    # --- what was said ---

    def events(self) -> list[tuple[str, str]]:
        """Reason and message of the Events about the Rollout, in the order in which they came; one a count."""
        counted: dict[str, int] = {}
        said: list[tuple[str, str]] = []
        for one in self._past("Event"):
            event = one.object
            if event["involvedObject"].get("kind") == "Rollout" and not one.gone:
                more = (event.get("count") or 1) - counted.get(one.name, 0)
                counted[one.name] = event.get("count") or 1
                said += [(event["reason"], event["message"])] * more
        return said

    def reasons(self) -> list[str]:
        """The reasons of those Events."""
        return [reason for reason, _ in self.events()]

    def events_of(self, reason: str) -> list[str]:
        """The messages of one reason."""
        return [message for said, message in self.events() if said == reason]

    def phases(self, since: int = 0) -> list[tuple[str, str]]:
        """Every phase and message that the Rollout has come to."""
        statuses = [(one.version, one.object.get("status") or {}) for one in self._past("Rollout")]
        stood = [(version, (status.get("phase", ""), status.get("message", ""))) for version, status in statuses]
        return _changes(stood, since)

    def picture(self) -> str:
        """All of it in some lines, for a failure."""
        status = self.status()
        fields = {key: value for key, value in status.items() if key != "conditions"}
        conditions = [(one["type"], one["status"], one["reason"]) for one in status.get("conditions", ())]
        selectors = {
            one["metadata"]["name"]: self._version_of(one["spec"]["selector"].get(HASH, ""))
            for one in self.chronicle.present("Service", self.namespace)
        }
        return (
            f"namespace {self.namespace}, generation {self.rollout().get('metadata', {}).get('generation')}\n"
            f"sizes {self.sizes()} available {self.available()} after {self.sizes_seen()}\n"
            f"selectors {selectors} weights {self.weights()}\n"
            f"status {fields}\nconditions {conditions}\nphases {self.phases()}\nevents {self.events()}"
        )

    def _past(self, kind: str) -> list[Sighting]:
        return self.chronicle.past(self.namespace, kind)

    def _version_of(self, pod_hash: str) -> str:
        for one in self.chronicle.past(self.namespace, "ReplicaSet"):
            if one.object["metadata"].get("labels", {}).get(HASH) == pod_hash:
                return tag_of(one.object)
        return pod_hash


def _age(found: Manifest) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(found["metadata"]["creationTimestamp"])).total_seconds()


def _changes(seen: list[tuple[int, T]], since: int) -> list[T]:
    """Values that differ from the one before; those up to the version `since` only decide what is a change."""
    changed: list[T] = []
    last: T | None = None
    for version, value in seen:
        if value != last and version > since:
            changed.append(value)
        last = value
    return changed


def tag_of(replica_set: Manifest) -> str:
    """The tag of the image of its first container."""
    return str(replica_set["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2])


def _named(found: Manifest, name: str) -> bool:
    return bool(found["metadata"]["name"] == name)
