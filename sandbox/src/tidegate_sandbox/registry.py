"""Reads and writes by the rules of each kind: metadata, defaults, validation, generation, deletion, conflicts.

The API server calls it with what arrived, `store.py` wraps it for callers in the process. Manifests it hands out are
the stored ones and must not be edited; manifests handed in become the registry's.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

from tidegate_sandbox import crds
from tidegate_sandbox.contracts import Clock, Manifest
from tidegate_sandbox.deletion import Deletion, check_preconditions, marked, may_go
from tidegate_sandbox.errors import AlreadyExists, Conflict, Forbidden, MethodNotAllowed, NotFound
from tidegate_sandbox.kinds import Kinds, Resource
from tidegate_sandbox.ledger import Key, Ledger
from tidegate_sandbox.metadata import timestamp
from tidegate_sandbox.names import generated
from tidegate_sandbox.preparation import WriteOptions, accept_fields, complete_new, complete_update, owned, unchanged
from tidegate_sandbox.rules.network import allocate

PLAIN = WriteOptions()
# A real server gives up after eight tries to find a free name (registry/generic/registry/store.go).
_NAME_TRIES = 8
_SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass(slots=True)
class Registry:
    """All objects of one sandbox. Safe to use from any thread."""

    clock: Clock
    kinds: Kinds = field(default_factory=Kinds)
    ledger: Ledger = field(default_factory=Ledger)
    _random: random.Random = field(default_factory=random.Random)
    _services: int = 0

    def __post_init__(self) -> None:
        namespaces = self.kinds.storage("namespaces")
        for name in _SYSTEM_NAMESPACES:
            self.create(namespaces, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        row = self.ledger.row(resource.key, (namespace, name))
        if row is None:
            raise NotFound(f'{resource.name} "{name}" not found', name=name, kind=resource.name)
        return row.object

    def create(self, resource: Resource, item: Manifest, options: WriteOptions = PLAIN) -> Manifest:
        accept_fields(resource, item, options)
        with self.ledger.lock:
            self._admit(resource, item)
            meta = item["metadata"]
            if not meta.get("name") and meta.get("generateName"):
                meta["name"] = self._free_name(resource, meta)
            meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp(self.clock.now())}
            complete_new(resource, item, timestamp(self.clock.now()))
            key = _key(resource, item)
            if self.ledger.row(resource.key, key):
                raise AlreadyExists(f'{resource.name} "{key[1]}" already exists', name=key[1], kind=resource.name)
            item = self._finished(resource, owned(resource, None, item, options, self.clock.now()), None)
            if options.dry_run:
                return item
            self.ledger.put(resource.key, key, item)
            self._register(resource, item)
        self.ledger.deliver()
        return item

    def update(self, resource: Resource, item: Manifest, options: WriteOptions = PLAIN) -> Manifest:
        """Replace; without a change the live object is returned and nothing is written."""
        accept_fields(resource, item, options)
        with self.ledger.lock:
            key = _key(resource, item)
            if resource.namespaced:
                item["metadata"]["namespace"] = key[0]
            live = self.get(resource, *key)
            self._check_version(resource, item["metadata"], live)
            item = complete_update(resource, item, live, options, timestamp(self.clock.now()))
            item = self._finished(resource, owned(resource, live, item, options, self.clock.now()), live)
            if unchanged(item, live):
                return live
            if options.dry_run:
                return item
            item = self._commit(resource, key, item)
        self.ledger.deliver()
        return item

    def _commit(self, resource: Resource, key: Key, item: Manifest) -> Manifest:
        if "deletionTimestamp" in item["metadata"] and may_go(resource, item):
            return self._remove(resource, key, item)
        self.ledger.put(resource.key, key, item)
        self._register(resource, item)
        return item

    def delete(self, resource: Resource, namespace: str, name: str, deletion: Deletion) -> tuple[Manifest, bool]:
        """Begin deletion: the object as it is afterwards, and whether it is gone."""
        with self.ledger.lock:
            live = self.get(resource, namespace, name)
            check_preconditions(resource, live, deletion.uid, deletion.resource_version)
            item = marked(resource, live, deletion, timestamp(self.clock.now()))
            if resource.key == crds.KEY:
                item = self._hold_definition(item)
            gone = may_go(resource, item)
            if not deletion.dry_run and gone:
                item = self._remove(resource, (namespace, name), item)
            elif not deletion.dry_run and item != live:
                self.ledger.put(resource.key, (namespace, name), item)
        if resource.key == crds.KEY and not deletion.dry_run and not gone:
            self._delete_instances(item)
        self.ledger.deliver()
        return item, gone

    def _remove(self, resource: Resource, key: Key, item: Manifest) -> Manifest:
        gone = self.ledger.remove(resource.key, key, item)
        if resource.key == crds.KEY:
            self.kinds.replace(item["spec"]["group"], item["spec"]["names"]["plural"], ())
        elif resource.custom:
            self._release_definition(resource)
        return gone

    def _admit(self, resource: Resource, item: Manifest) -> None:
        """The namespace exists and is not going away; nor is the definition of a custom resource."""
        meta = item["metadata"]
        if resource.custom:
            definition = self.ledger.row(crds.KEY, ("", resource.name))
            if definition and "deletionTimestamp" in definition.object["metadata"]:
                raise MethodNotAllowed("create not allowed while custom resource definition is terminating")
        if not resource.namespaced:
            meta.pop("namespace", None)
            return
        namespace = meta.get("namespace") or "default"
        meta["namespace"] = namespace
        row = self.ledger.row("namespaces", ("", namespace))
        if row is None:
            raise NotFound(f'namespaces "{namespace}" not found', name=namespace, kind="namespaces")
        if "deletionTimestamp" in row.object["metadata"]:
            name = meta.get("name", "")
            raise Forbidden(
                f'{resource.name} "{name}" is forbidden: unable to create new content in namespace {namespace} because '
                "it is being terminated",
                name=name,
                kind=resource.name,
            )

    def _free_name(self, resource: Resource, meta: Manifest) -> str:
        for _ in range(_NAME_TRIES):
            name = generated(meta["generateName"], self._random)
            if self.ledger.row(resource.key, (meta.get("namespace", ""), name)) is None:
                return name
        raise AlreadyExists(f'{resource.name} "{meta["generateName"]}" already exists', kind=resource.name)

    def _check_version(self, resource: Resource, meta: Manifest, live: Manifest) -> None:
        check_preconditions(resource, live, str(meta.get("uid") or ""), "")
        sent = str(meta.get("resourceVersion") or "")
        if sent and sent != live["metadata"]["resourceVersion"]:
            raise Conflict(
                f'Operation cannot be fulfilled on {resource.name} "{meta["name"]}": the object has been modified; '
                "please apply your changes to the latest version and try again",
                name=meta["name"],
                kind=resource.name,
            )

    def _finished(self, resource: Resource, item: Manifest, live: Manifest | None) -> Manifest:
        """The object with what the server alone decides and nobody owns, kind first as everybody prints it."""
        if resource.key == "services":
            self._services += live is None
            allocate(item, live, self._services)
        return {"kind": item["kind"], "apiVersion": item["apiVersion"]} | item

    def _register(self, resource: Resource, item: Manifest) -> None:
        """Serve what a CustomResourceDefinition defines, from now on."""
        if resource.key == crds.KEY:
            self.kinds.replace(item["spec"]["group"], item["spec"]["names"]["plural"], crds.served_resources(item))

    def _hold_definition(self, item: Manifest) -> Manifest:
        """Keep a definition that is being deleted until the last of its objects is gone."""
        if not self.ledger.count(item["metadata"]["name"]):
            return item
        finalizers = item["metadata"].get("finalizers") or []
        kept = finalizers if crds.FINALIZER in finalizers else [*finalizers, crds.FINALIZER]
        return item | {"metadata": item["metadata"] | {"finalizers": kept}}

    def _delete_instances(self, definition: Manifest) -> None:
        resource = self.kinds.storage(definition["metadata"]["name"])
        for (namespace, name), _ in self.ledger.rows(resource.key):
            self.delete(resource, namespace, name, Deletion())

    def _release_definition(self, resource: Resource) -> None:
        """Let a definition go that was only kept for its objects."""
        row = self.ledger.row(crds.KEY, ("", resource.name))
        if row is None or self.ledger.count(resource.key) or "deletionTimestamp" not in row.object["metadata"]:
            return
        meta = dict(row.object["metadata"])
        meta["finalizers"] = [name for name in meta.get("finalizers") or [] if name != crds.FINALIZER]
        definitions = self.kinds.storage(crds.KEY)
        self._commit(definitions, ("", resource.name), row.object | {"metadata": meta})


def _key(resource: Resource, item: Manifest) -> Key:
    meta = item.get("metadata") or {}
    return (meta.get("namespace") or "default" if resource.namespaced else "", str(meta.get("name") or ""))
