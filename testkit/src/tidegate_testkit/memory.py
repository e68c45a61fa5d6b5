"""A cluster in memory: as much of an API server as a router can tell apart.

It keeps resourceVersions, generations and uids, refuses a stale write, a second object of one name, a delete of a
namesake, what is no Kubernetes annotation, and every request that the rules it was given do not grant.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from tidegate.errors import AlreadyExists, ApiError, Conflict, Forbidden, NotFound, Rejected
from tidegate.hooks.objects import carries
from tidegate.hooks.references import Kind, Rule

Manifest = dict[str, Any]
Place = tuple[str, str, str, str]  # group, kind, namespace, name

NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
ANNOTATION_KEY = re.compile(r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123
CACHE_RIGHTS = ("list", "watch")  # what filling a watch cache takes


@dataclass(frozen=True, slots=True)
class Written:
    """One write that was accepted: "create", "patch" or "delete", where, and with which body."""

    verb: str
    kind: str
    name: str
    body: Manifest = field(default_factory=dict)
    namespace: str = ""


class MemoryCluster:
    """Implements the facade's `Cluster`. `rules` None grants everything; otherwise only what they name.

    `written` is every accepted write in order, `asked` every place that was read, `selected` every selection by label.
    `admission` may change an object before it is stored, as a mutating webhook would.
    """

    def __init__(self, manifests: Iterable[Manifest] = (), rules: Sequence[Rule] | None = None) -> None:
        self.rules = rules
        self.written: list[Written] = []
        self.asked: set[Place] = set()
        self.selected: list[tuple[Kind, str, dict[str, str]]] = []
        self.admission: Callable[[Manifest], Manifest] = lambda manifest: manifest
        self._objects: dict[Place, Manifest] = {}
        self._cache: dict[Place, Manifest] | None = None
        self._faults: dict[str, list[ApiError]] = {}
        self._version = 0
        self._lock = RLock()
        for manifest in manifests:
            self.apply(manifest)

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object from the cache, which is as fresh as the cluster unless `freeze` was called."""
        with self._lock:
            for right in CACHE_RIGHTS:
                self._permit(right, kind)
            place = (kind.group, kind.kind, namespace, name)
            self.asked.add(place)
            objects = self._objects if self._cache is None else self._cache
            return copy.deepcopy(objects.get(place))

    def read_live(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object as it is."""
        with self._lock:
            self._permit("get", kind)
            return copy.deepcopy(self._objects.get((kind.group, kind.kind, namespace, name)))

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects from the cache that carry `labels`, in no particular order."""
        with self._lock:
            for right in CACHE_RIGHTS:
                self._permit(right, kind)
            self.selected.append((kind, namespace, dict(labels)))
            return self._selected(self._objects if self._cache is None else self._cache, kind, namespace, labels)

    def select_live(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects that carry `labels` as they are."""
        with self._lock:
            self._permit("list", kind)
            return self._selected(self._objects, kind, namespace, labels)

    def create(self, kind: Kind, namespace: str, manifest: Manifest) -> Mapping[str, Any]:
        """Store a new object."""
        with self._lock:
            self._permit("create", kind)
            self._fail("create")
            place = (kind.group, kind.kind, namespace, manifest["metadata"]["name"])
            if place in self._objects:
                said = f'{kind.resource} "{place[3]}" already exists'
                raise AlreadyExists(said, code=409, reason="AlreadyExists")
            stored = self._store(place, manifest)
            self.written.append(Written("create", kind.kind, place[3], copy.deepcopy(manifest), namespace))
            return stored

    def patch(self, kind: Kind, namespace: str, name: str, patch: Manifest, resource_version: str) -> Mapping[str, Any]:
        """Merge `patch` into the object."""
        with self._lock:
            self._permit("patch", kind)
            self._fail("patch")
            place = (kind.group, kind.kind, namespace, name)
            current = self._existing(kind, place)
            if resource_version and resource_version != current["metadata"]["resourceVersion"]:
                said = f'{kind.resource} "{name}": the object has been modified'
                raise Conflict(said, code=409, reason="Conflict")
            stored = self._store(place, merge(current, patch))
            self.written.append(Written("patch", kind.kind, name, copy.deepcopy(patch), namespace))
            return stored

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Remove the object that has this uid."""
        with self._lock:
            self._permit("delete", kind)
            self._fail("delete")
            place = (kind.group, kind.kind, namespace, name)
            if self._existing(kind, place)["metadata"]["uid"] != uid:
                raise Conflict(f'{kind.resource} "{name}": the uid is another', code=409, reason="Conflict")
            del self._objects[place]
            self.written.append(Written("delete", kind.kind, name, namespace=namespace))

    def apply(self, manifest: Manifest) -> None:
        """Create or replace an object as somebody else: no rights are asked, nothing is noted."""
        with self._lock:
            self._store(place_of(manifest), manifest)

    def edit(self, kind: Kind, namespace: str, name: str, change: Manifest) -> None:
        """Merge `change` into an object as somebody else."""
        with self._lock:
            place = (kind.group, kind.kind, namespace, name)
            self._store(place, merge(self._existing(kind, place), change))

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object as somebody else."""
        with self._lock:
            del self._objects[(kind.group, kind.kind, namespace, name)]

    def find(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """A copy of the object for a test to look at; no rights are asked."""
        with self._lock:
            return copy.deepcopy(self._objects.get((kind.group, kind.kind, namespace, name)))

    def freeze(self) -> None:
        """Let the cache fall behind: `read` answers from now on with what is there now, until `thaw`."""
        with self._lock:
            self._cache = copy.deepcopy(self._objects)

    def thaw(self) -> None:
        """Let the cache catch up."""
        with self._lock:
            self._cache = None

    def fail(self, verb: str, error: ApiError, times: int = 1) -> None:
        """Answer the next `times` requests of a verb with `error`."""
        self._faults.setdefault(verb, []).extend([error] * times)

    def contents(self) -> dict[Place, Manifest]:
        """Every object without what the server adds, for comparisons."""
        with self._lock:
            return {place: without_server_fields(manifest) for place, manifest in self._objects.items()}

    def _selected(
        self, objects: Mapping[Place, Manifest], kind: Kind, namespace: str, labels: Mapping[str, str]
    ) -> list[Manifest]:
        found = (each for place, each in objects.items() if place[:3] == (kind.group, kind.kind, namespace))
        return [copy.deepcopy(each) for each in found if carries(each, labels)]

    def _existing(self, kind: Kind, place: Place) -> Manifest:
        if place not in self._objects:
            raise NotFound(f'{kind.resource} "{place[3]}" not found', code=404, reason="NotFound")
        return self._objects[place]

    def _permit(self, verb: str, kind: Kind) -> None:
        if self.rules is None:
            return
        granted = (rule for rule in self.rules if (rule.group, rule.resource) == (kind.group, kind.plural))
        if not any(verb in rule.verbs.split() for rule in granted):
            said = f"{kind.resource} is forbidden: cannot {verb}; `needs` must name it"
            raise Forbidden(said, code=403, reason="Forbidden")

    def _fail(self, verb: str) -> None:
        if self._faults.get(verb):
            raise self._faults[verb].pop(0)

    def _store(self, place: Place, manifest: Manifest) -> Manifest:
        check(manifest)
        before = self._objects.get(place)
        stored = self.admission(copy.deepcopy(manifest))
        metadata = stored["metadata"] = dict(stored["metadata"])
        self._version += 1
        metadata["namespace"] = place[2]
        metadata["uid"] = before["metadata"]["uid"] if before else f"uid-{self._version}"
        changed = before is None or before.get("spec") != stored.get("spec")
        metadata["generation"] = (before["metadata"]["generation"] if before else 0) + changed
        if before and without_server_fields(before) == without_server_fields(stored):
            return copy.deepcopy(before)  # as a real server: a write that changes nothing gets no new version
        metadata["resourceVersion"] = str(self._version)
        self._objects[place] = stored
        return copy.deepcopy(stored)


def place_of(manifest: Mapping[str, Any]) -> Place:
    """Where an object is kept; one without a namespace is in `default`."""
    metadata = manifest["metadata"]
    group = manifest["apiVersion"].rpartition("/")[0]
    return group, manifest["kind"], metadata.get("namespace", "default"), metadata["name"]


def check(manifest: Manifest) -> None:
    """Refuse metadata that an API server refuses."""
    metadata = manifest["metadata"]
    if len(metadata["name"]) > NAME_LENGTH or not NAME.match(metadata["name"]):
        raise Rejected(f"metadata.name: Invalid value: {metadata['name']!r}", code=422, reason="Invalid")
    for key, value in (metadata.get("annotations") or {}).items():
        if not ANNOTATION_KEY.match(key):
            raise Rejected(f"metadata.annotations: Invalid value: {key!r}", code=422, reason="Invalid")
        if not isinstance(value, str):
            said = f"metadata.annotations.{key}: must be a string, found {value!r}"
            raise Rejected(said, code=400, reason="BadRequest")


def merge(target: Any, patch: Any) -> Any:
    """JSON merge patch, RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def without_server_fields(manifest: Mapping[str, Any]) -> Manifest:
    """The manifest as a client would write it: no version, uid, generation, empty maps."""
    server = {"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"}
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in server and value != {}}
    return {**copy.deepcopy(dict(manifest)), "metadata": copy.deepcopy(metadata)}
