"""Which cluster a router's objects live in: the controller's own, or the one that a Secret leads to.

A router that declares `remote` (a label selector) may have its objects in another cluster. Where exactly one Secret of the
controller's namespace carries the labels, the kubeconfig in it is the way there; without one the own cluster is meant.
Nothing is asked about Secrets before a Rollout names such a router.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tidegate.errors import ConnectionFailed, Pending, Retry, SpecError
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import Reader
from tidegate.hooks.references import Kind
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.kinds import SECRETS, in_cluster
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.reflector import Pace, Reflector, Scope
from tidegate.runtime.store import Change, Store
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate.runtime.watches import FAILING_S, FILLING_S, Watches

log = logging.getLogger(__name__)

Manifest = dict[str, Any]

# What a kubeconfig of a user may ask for that would run programs or read files of the controller's pod.
FORBIDDEN = ("exec", "auth-provider", "tokenFile", "client-certificate", "client-key")
DIGEST_LENGTH = 12  # hexadecimal digits; only ever compared within one selector


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a selector leads: `cluster` as `kinds.in_cluster` takes it, or why nowhere."""

    cluster: str = ""
    problem: str = ""


class _Seeker:
    """Follows the Secrets of one selector and keeps the connection that they lead to."""

    def __init__(self, selector: str, watches: Watches, metrics: Metrics, on_change: Callable[[], None]) -> None:
        self._selector, self._watches, self._metrics, self._on_change = selector, watches, metrics, on_change
        self.store: Store[Manifest] = Store(_kubeconfigs)
        self._way: _Way | None = None
        self._lock = threading.Lock()

    def changed(self, _: Change[Manifest]) -> None:
        """A Secret came, changed or went: find the way anew; whoever went the old one is told."""
        with self._lock:
            if self._way is None:
                return
            before, self._way = self._way, self._found()
            after = self._way
        if after != before:
            log.warning("router objects of %s: %s", self._selector, after.problem or after.cluster or "the own cluster")
            if before.cluster and before.cluster != after.cluster:
                self._watches.leave(before.cluster)
            self._on_change()

    def way(self) -> _Way:
        """Where the Secrets lead. Only once they have been listed."""
        with self._lock:
            if self._way is None:
                self._way = self._found()
            return self._way

    def close(self) -> None:
        """Leave the cluster."""
        with self._lock:
            way, self._way = self._way, None
        if way is not None and way.cluster:
            self._watches.leave(way.cluster)

    def _found(self) -> _Way:
        secrets = self.store.all()
        if len(secrets) > 1:
            named = ", ".join(sorted(f"{each.namespace}/{each.name}" for each in secrets))
            return _Way(problem=f"several Secrets are labelled {self._selector}: {named}; keep one of them")
        return self._entered(secrets[0].namespace, secrets[0].name, secrets[0].value) if secrets else _Way()

    def _entered(self, namespace: str, name: str, kubeconfigs: Mapping[str, bytes]) -> _Way:
        where = f"Secret {namespace}/{name}"
        if len(kubeconfigs) != 1:
            said = f"{where} holds {len(kubeconfigs)} values; it must hold one, a kubeconfig under the cluster's name"
            return _Way(problem=said)
        text = next(iter(kubeconfigs.values()))
        digest = hashlib.sha256(text).hexdigest()[:DIGEST_LENGTH]
        cluster = f"{self._selector}#{digest}"
        try:
            self._watches.join(
                cluster, Transport(Connection(Access(content=read_kubeconfig(text))), None, self._metrics)
            )
        except (ConnectionFailed, ValueError) as error:
            return _Way(problem=f"{where} leads nowhere: {error}")
        return _Way(cluster)


class Remotes:
    """The clusters of all routers. Safe to use from any thread.

    `home` is the controller's namespace, where the Secrets are, to be set before a Rollout is looked at; with "" no Secret
    is looked for, and everything is in the own cluster. `on_change` is called with the routers whose cluster is another
    than before.
    """

    def __init__(
        self, transport: Transport, facade: Facade, watches: Watches, metrics: Metrics, pace: Pace | None = None
    ) -> None:
        self._transport, self._facade, self._watches = transport, facade, watches
        self._pace, self._metrics = pace or Pace(), metrics
        self.home = "default"
        self.on_change: Callable[[Sequence[str]], None] = lambda _: None
        self._seekers: dict[str, tuple[_Seeker, Reflector[Manifest]]] = {}
        self._stopped = False
        self._lock = threading.Lock()

    def cluster(self, router: str) -> str:
        """Where the router's objects live, "" for the own cluster.

        Raises Pending and Retry while that is not known, SpecError where the Secrets lead nowhere.
        """
        selector = self._facade.remote(router)
        if not selector or not self.home:
            return ""
        seeker, reflector = self._seeker(selector)
        if not reflector.synced.is_set():
            if reflector.problem:
                said = (
                    f"whether a Secret labelled {selector} leads to another cluster is not known: {reflector.problem}"
                )
                raise Retry(said, after_s=FAILING_S)
            raise Pending(f"Secrets labelled {selector} are being read", after_s=FILLING_S)
        way = seeker.way()
        if way.problem:
            raise SpecError(f"router {router}", way.problem, value=f'"{selector}"')
        return way.cluster

    def kind(self, router: str, kind: Kind) -> Kind:
        """The kind as it is found where the router's objects live. Raises like `cluster`."""
        return in_cluster(kind, self.cluster(router))

    def reader(self, router: str) -> Reader:
        """The caches of the router's cluster. Raises like `cluster`."""
        return ClusterReader(self._watches, self.cluster(router))

    def of(self, router: str, cluster: PassCluster) -> PassCluster:
        """The pass's way to the router's objects. Raises like `cluster`."""
        return cluster.at(self.cluster(router))

    def stop(self) -> None:
        """End every watch and connection."""
        with self._lock:
            self._stopped = True
            seekers = tuple(self._seekers.values())
        for seeker, reflector in seekers:
            reflector.stop(timeout_s=1.0)
            seeker.close()

    def _seeker(self, selector: str) -> tuple[_Seeker, Reflector[Manifest]]:
        with self._lock:
            if self._stopped:
                raise Pending("the controller is stopping", after_s=FILLING_S)
            if selector not in self._seekers:
                seeker = _Seeker(selector, self._watches, self._metrics, lambda: self._tell(selector))
                scope = Scope(SECRETS, self.home, selector)
                reflector = Reflector(self._transport, scope, seeker.store, seeker.changed, self._pace)
                self._seekers[selector] = seeker, reflector
                reflector.start()
            return self._seekers[selector]

    def _tell(self, selector: str) -> None:
        self.on_change([name for name in self._facade.routers if self._facade.remote(name) == selector])


@dataclass(frozen=True, slots=True)
class ClusterReader:
    """The watch caches as one router sees them."""

    watches: Watches
    cluster: str = ""

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, not to be edited, or None. Raises Pending while the cache is being filled."""
        return self.watches.read(in_cluster(kind, self.cluster), namespace, name)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects that carry `labels`. Raises Pending while the cache is being filled."""
        return self.watches.select(in_cluster(kind, self.cluster), namespace, labels)


def _kubeconfigs(manifest: Manifest) -> Manifest:
    """The decoded values of a Secret; nothing else of it is kept."""
    return {key: base64.b64decode(value) for key, value in (manifest.get("data") or {}).items()}


def read_kubeconfig(text: bytes) -> Manifest:
    """A kubeconfig that is complete in itself. Raises ValueError for one that names files or programs, or is none."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from error
    if not isinstance(content, dict) or content.get("kind") != "Config":
        raise ValueError("it is no kubeconfig")
    for user in content.get("users") or []:
        for field in FORBIDDEN:
            if field in (user.get("user") or {}):
                raise ValueError(
                    f"user {user.get('name')} has {field}: files and programs are the controller's own; "
                    f"put a token or the certificate itself in"
                )
    for cluster in content.get("clusters") or []:
        if "certificate-authority" in (cluster.get("cluster") or {}):
            raise ValueError(f"cluster {cluster.get('name')} names a file; use certificate-authority-data")
    return content
