"""The API server as one pass writes to it: every write is guarded, and remembered until the watch has brought it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.errors import NotFound, PluginError
from tidegate.hooks.objects import controller_of
from tidegate.hooks.references import Kind
from tidegate.runtime.kinds import PODS, in_cluster, label_query, path_of
from tidegate.runtime.store import Key
from tidegate.runtime.transport import JSON, MERGE_PATCH, STRATEGIC_PATCH, Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.writes import OwnWrites

Manifest = dict[str, Any]


class PassCluster:
    """Reads from the caches and writes in the name of the pass over `key`. Used by one thread.

    `cluster` is the one that kinds are found in, "" for the controller's own; see `at`.
    """

    def __init__(
        self, transport: Transport, watches: Watches, own: OwnWrites[Key], key: Key, cluster: str = ""
    ) -> None:
        self._transport, self._watches, self._own, self._key = transport, watches, own, key
        self._cluster = cluster

    def at(self, cluster: str) -> PassCluster:
        """The same pass in another cluster."""
        return PassCluster(self._transport, self._watches, self._own, self._key, cluster)

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object from the watch cache, not to be edited, or None. Raises Pending while the cache is being filled."""
        return self._watches.read(in_cluster(kind, self._cluster), namespace, name)

    def read_live(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object from the API server, or None."""
        try:
            found: Manifest = self._request("GET", in_cluster(kind, self._cluster), (namespace, name, ""))
        except NotFound:
            return None
        return found

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """The objects from the watch cache that carry `labels`. Raises Pending while the cache is being filled."""
        return self._watches.select(in_cluster(kind, self._cluster), namespace, labels)

    def select_live(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """The objects from the API server that carry `labels`."""
        here = in_cluster(kind, self._cluster)
        served = self._watches.served(here)
        found = self._watches.transport(here).request("GET", path_of(served, namespace), query=label_query(labels))
        return [{"apiVersion": served.api_version, "kind": kind.kind, **item} for item in found["items"]]

    def expect(self, kind: Kind, namespace: str, found: Mapping[str, Any]) -> None:
        """Judge nothing before the cache knows an object that was read live: an earlier write of ours, its answer lost."""
        self._remembered(kind, namespace, dict(found))

    def create(self, kind: Kind, namespace: str, manifest: Manifest) -> Mapping[str, Any]:
        """Create, and give back what the server made of it. Raises AlreadyExists, and PluginError for an object that its
        owner could not be found for: a cluster deletes what belongs to an owner that it does not know."""
        if self._cluster and controller_of(manifest):
            name = manifest["metadata"]["name"]
            said = "in another cluster an owner of this one is unknown, and it would be deleted at once"
            raise PluginError(f'{kind.resource} "{name}" has an ownerReference: {said}; leave it out')
        here = in_cluster(kind, self._cluster)
        manifest = {**manifest, "apiVersion": self._watches.served(here).api_version}
        return self._remembered(here, namespace, self._request("POST", here, (namespace, "", ""), manifest))

    def patch(self, kind: Kind, namespace: str, name: str, patch: Manifest, resource_version: str) -> Mapping[str, Any]:
        """Merge-patch, and give back the result. Raises Conflict where the object is not at `resource_version`."""
        if resource_version:
            patch = {**patch, "metadata": {**(patch.get("metadata") or {}), "resourceVersion": resource_version}}
        return self._patched(kind, (namespace, name, ""), patch, MERGE_PATCH)

    def patch_strategically(self, kind: Kind, namespace: str, name: str, patch: Manifest) -> Mapping[str, Any]:
        """A strategic merge patch, for built-in kinds: lists with keys are merged instead of replaced."""
        return self._patched(kind, (namespace, name, ""), patch, STRATEGIC_PATCH)

    def patch_status(self, kind: Kind, namespace: str, name: str, patch: Manifest) -> Mapping[str, Any]:
        """Merge-patch the status subresource; `patch` is its inside."""
        return self._patched(kind, (namespace, name, "status"), {"status": patch}, MERGE_PATCH)

    def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> None:
        """Give an object another size through its scale subresource, whose answer bears the object's own version."""
        self._patched(kind, (namespace, name, "scale"), {"spec": {"replicas": replicas}}, MERGE_PATCH)

    def evict(self, namespace: str, name: str, uid: str) -> None:
        """Ask for the end of the pod that has this uid. Raises NotFound, Conflict for a namesake, and TooManyRequests
        with the reason `answers.DISRUPTION_BUDGET` where a budget refuses."""
        eviction: Manifest = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        self._transport.request("POST", path_of(PODS, namespace, name, "eviction"), eviction)
        # The answer is a bare Status. Without a version to wait for, the next pass could count the pod as available.
        if (left := self.read_live(PODS, namespace, name)) is not None:
            self.expect(PODS, namespace, left)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object that has this uid. Raises NotFound, and Conflict for a namesake."""
        options: Manifest = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        here = in_cluster(kind, self._cluster)
        self._remembered(here, namespace, self._request("DELETE", here, (namespace, name, ""), options))

    def _patched(self, kind: Kind, place: tuple[str, str, str], patch: Manifest, content_type: str) -> Manifest:
        here = in_cluster(kind, self._cluster)
        return self._remembered(here, place[0], self._request("PATCH", here, place, patch, content_type))

    def _request(
        self,
        method: str,
        kind: Kind,
        place: tuple[str, str, str],
        body: Manifest | None = None,
        content_type: str = JSON,
    ) -> Manifest:
        """Ask the cluster of `kind` about an object, at the version that it serves."""
        path = path_of(self._watches.served(kind), *place)
        answer: Manifest = self._watches.transport(kind).request(method, path, body, content_type)
        return answer

    def _remembered(self, kind: Kind, namespace: str, answer: Manifest) -> Manifest:
        metadata = answer.get("metadata") or {}
        # A deletion may be answered with a bare Status, which tells no version: nothing to wait for then.
        if answer.get("kind") != "Status" and metadata.get("resourceVersion"):
            name, version = str(metadata.get("name", "")), str(metadata["resourceVersion"])
            self._own.wrote(self._key, kind, namespace, name, version)
        return answer
