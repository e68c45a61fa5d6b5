"""Everything that happened in a cluster, as its watches told it, and a way to wait for more."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3
from realcluster.rest import Api, ApiError

Manifest = dict[str, Any]

PATHS: Mapping[str, str] = {
    "Rollout": "/apis/argoproj.io/v1alpha1/rollouts",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "Deployment": "/apis/apps/v1/deployments",
    "Service": "/api/v1/services",
    "Ingress": "/apis/networking.k8s.io/v1/ingresses",
    "Pod": "/api/v1/pods",
    "Event": "/api/v1/events",
}
# A watch ends after this and is taken up where it was; one that the server refused is listed anew after the other.
_WATCH_S, _RETRY_S = 60, 0.3
# What is not told of by a watch (a metric, a clock) is looked at this often.
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Sighting:
    """One state of one object, and when it was heard of.

    `version` orders the sightings of all kinds: both servers count in one sequence.
    """

    kind: str
    name: str
    version: int
    gone: bool
    object: Manifest
    at: datetime


class Chronicle:
    """Watches the kinds of PATHS over all namespaces. Safe to read from any thread."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._changed: dict[str, threading.Condition] = {}
        self._present: dict[tuple[str, str], dict[str, Manifest]] = defaultdict(dict)
        self._past: dict[str, list[Sighting]] = defaultdict(list)
        self._threads = [
            threading.Thread(target=self._follow, args=(kind, path), name=f"chronicle-{kind}", daemon=True)
            for kind, path in PATHS.items()
        ]

    def start(self) -> None:
        """Begins to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wakes whoever waits; the watches end with the server."""
        self._ended.set()
        with self._lock:
            for condition in self._changed.values():
                condition.notify_all()

    def present(self, kind: str, namespace: str) -> list[Manifest]:
        """The objects of a kind that exist now."""
        with self._lock:
            return list(self._present[kind, namespace].values())

    def past(self, namespace: str, kind: str) -> list[Sighting]:
        """What was seen of a kind in a namespace, oldest first."""
        with self._lock:
            seen = [one for one in self._past[namespace] if one.kind == kind]
        return sorted(seen, key=lambda one: one.version)

    def last_change(self, namespace: str, kinds: tuple[str, ...]) -> int:
        """The highest version of those kinds; 0 before the first."""
        with self._lock:
            return max((one.version for one in self._past[namespace] if one.kind in kinds), default=0)

    def wait(self, namespace: str, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether `holds()` became true; asked after each change in the namespace. False too when the world ends."""
        end = time.monotonic() + within_s
        with self._lock:
            condition = self._changed.setdefault(namespace, threading.Condition(self._lock))
        while not holds():
            left_s = end - time.monotonic()
            if left_s <= 0 or self._ended.is_set():
                return False
            with condition:
                condition.wait(min(left_s, _LOOK_S))
        return True

    def _follow(self, kind: str, path: str) -> None:
        """Lists, then watches; whatever goes wrong, it lists again."""
        while not self._ended.is_set():
            try:
                listed = self._api.call("GET", path)
                self._take_list(kind, listed["items"])
                self._watch(kind, path, listed["metadata"]["resourceVersion"])
            except (ApiError, urllib3.exceptions.HTTPError):
                self._ended.wait(_RETRY_S)

    def _watch(self, kind: str, path: str, version: str) -> None:
        while not self._ended.is_set():
            for event in self._api.watch(path, version, _WATCH_S):
                if event["type"] == "ERROR":
                    return
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._take(kind, event["object"], event["type"] == "DELETED")

    def _take_list(self, kind: str, items: list[Manifest]) -> None:
        keys = {(one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in items}
        with self._lock:
            known = [one for (of, _), names in self._present.items() if of == kind for one in names.values()]
        for one in known:
            if (one["metadata"].get("namespace", ""), one["metadata"]["name"]) not in keys:
                self._take(kind, one, gone=True)
        for one in items:
            self._take(kind, one, gone=False)

    def _take(self, kind: str, found: Manifest, gone: bool) -> None:
        metadata = found["metadata"]
        metadata.pop("managedFields", None)
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        with self._lock:
            present = self._present[kind, namespace]
            if gone:
                present.pop(name, None)
            else:
                present[name] = found
            self._past[namespace].append(
                Sighting(kind, name, int(metadata["resourceVersion"]), gone, found, datetime.now(UTC))
            )
            if namespace in self._changed:
                self._changed[namespace].notify_all()
