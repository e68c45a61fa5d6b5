"""The data plane as a whole: watches the cluster, opens pods, keeps a proxy in step, tells what is in force."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate_sandbox.contracts import Cancel, Manifest
from tidegate_sandbox.dataplane.alb import AlbTranslator
from tidegate_sandbox.dataplane.backends import Backends
from tidegate_sandbox.dataplane.endpoints import PODS
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.errors import DataPlaneError
from tidegate_sandbox.dataplane.gateway import GatewayTranslator
from tidegate_sandbox.dataplane.ingress import DEFAULT_PREFIX, IngressTranslator
from tidegate_sandbox.dataplane.istio import IstioTranslator
from tidegate_sandbox.dataplane.matching import LOCAL_SUFFIX
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.requests import Requests
from tidegate_sandbox.dataplane.routes import PodRef, RouteTable, Translator, combined
from tidegate_sandbox.dataplane.smi import SmiTranslator
from tidegate_sandbox.dataplane.sources import Source
from tidegate_sandbox.dataplane.splits import Split, Splits

COALESCE_S = 0.005
"""Changes that follow one another this closely become one configuration: a rollout writes its objects in bursts."""

AGAIN_S = 1.0
"""How long after a failed pass the next one starts without a change."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read of some kinds at one moment, when it is to be in force, and how many changes that takes in."""

    due: float
    changes: int
    lists: Mapping[str, Sequence[Manifest]]


@dataclass(frozen=True, slots=True)
class InForce:
    """What the proxy follows.

    `notes` say what of the cluster was ignored and why, as a controller's log would; `problems` say why the last pass
    failed and are empty when it did not.
    """

    table: RouteTable
    splits: Splits
    version: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def default_translators(prefix: str = DEFAULT_PREFIX) -> tuple[Translator, ...]:
    """One for each kind of routing object that the sandbox can read; `prefix` is the one of ingress-nginx's annotations.

    Of two that speak of one host the earlier comes first; SMI, for which every Service is a host, comes last.
    """
    return (IngressTranslator(prefix), AlbTranslator(), IstioTranslator(), GatewayTranslator(), SmiTranslator())


def default_proxy(port: int = 0) -> Proxy:
    """Envoy where it has a wheel, else the Python proxy; its `name` says which."""
    try:
        envoy_path()
    except ImportError:
        return PythonProxy(port)
    return Envoy(port)


class DataPlane:
    """Real requests through the cluster of `source`.

    A change of a watched object is in force some milliseconds later. When a pass fails the last good configuration
    stays in force, `in_force.problems` says why, and the pass is repeated after a second or at the next change.
    With `delay_s` what the requests meet is the cluster as it was that long ago, as behind a control plane that is slow to
    push: every change is in force so much later, in the order in which changes were made. Pods are not late: they open
    and close when the cluster says so, whatever the proxy still believes.
    `requests` counts what pods have answered, by Service, ReplicaSet and status: what `monitoring` shows.
    Use it as a context manager, or call `start` and `stop`. All methods may be called from any thread.
    """

    def __init__(
        self,
        source: Source,
        prefix: str = DEFAULT_PREFIX,
        *,
        proxy: Proxy | None = None,
        translators: Sequence[Translator] | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self._source, self._delay_s = source, delay_s
        self.requests = Requests()
        self._translators = tuple(translators) if translators is not None else default_translators(prefix)
        self._resources = frozenset(r for t in self._translators for r in t.resources) | {PODS}
        self._proxy = proxy or default_proxy()
        self._backends: Backends | None = None
        self._state = threading.Condition()
        self._dirty: set[str] = set()
        self._changes_seen = self._changes_done = 0
        self._stopping = False
        self._late: deque[_Seen] = deque()  # by when they are due
        self._pods: Sequence[Manifest] = ()  # as they are now
        self._world: dict[str, Sequence[Manifest]] = {}
        self._in_force = InForce(RouteTable(), Splits())
        self._cancel: Cancel | None = None
        self._worker: threading.Thread | None = None

    def __enter__(self) -> DataPlane:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when the present state of the cluster is in force, or has failed to be: see `in_force.problems`.

        Raises ProxyFailed when the proxy does not start.
        """
        self._proxy.start()
        self._backends = Backends(requests=self.requests)
        self._cancel = self._source.subscribe(self._changed)
        for resource in self._resources:
            self._changed(resource)
        self._worker = threading.Thread(target=self._work, name="sandbox-data-plane", daemon=True)
        self._worker.start()
        self.wait_current()

    def stop(self) -> None:
        """End the proxy and all pods; a second call does nothing."""
        if self._cancel is not None:
            self._cancel()
        with self._state:
            self._stopping = True
            self._state.notify_all()
        if self._worker is not None:
            self._worker.join()
        self._proxy.stop()
        if self._backends is not None:
            self._backends.stop()

    @property
    def port(self) -> int:
        """The proxy's port on 127.0.0.1."""
        return self._proxy.port

    @property
    def proxy_name(self) -> str:
        """Which proxy carries the requests, for people."""
        return self._proxy.name

    @property
    def in_force(self) -> InForce:
        """What new requests meet now."""
        with self._state:
            return self._in_force

    def url_for(self, host: str, path: str = "/") -> str:
        """A URL of that host for curl, a browser or `Load`.

        A client that does not resolve names below `localhost` connects to 127.0.0.1 and `port` and sends Host itself.
        """
        return f"http://{host}{LOCAL_SUFFIX}:{self.port}{path}"

    def split(self, host: str, path: str = "/") -> Split | None:
        """How requests of a host and path are shared out now, and since when; None when they are answered 404."""
        return self.in_force.splits.of(host, path)

    def served(self, namespace: str, pod: str) -> int:
        """How many requests have reached a pod."""
        return self._backends.served(PodRef(namespace, pod)) if self._backends is not None else 0

    def wait_current(self, timeout_s: float = 10.0) -> bool:
        """Wait until every change the source has told of so far has been dealt with; False when it takes longer."""
        with self._state:
            wanted = self._changes_seen
            return self._state.wait_for(lambda: self._changes_done >= wanted, timeout_s)

    def wait_until(self, holds: Callable[[InForce], bool], timeout_s: float = 10.0) -> bool:
        """Wait until what is in force satisfies a condition; False when it does not in time.

        `holds` runs under the plane's lock: it looks at what it is given and calls neither the plane nor the cluster.
        """
        with self._state:
            return self._state.wait_for(lambda: holds(self._in_force), timeout_s)

    def _changed(self, resource: str) -> None:
        if resource in self._resources:
            with self._state:
                self._dirty.add(resource)
                self._changes_seen += 1
                self._state.notify_all()

    def _work(self) -> None:
        delay_s = 0.0  # what is there at the start is in force at once
        while (work := self._next_work()) is not None:
            changes, dirty = work
            problems = self._read(changes, dirty, delay_s) if dirty else None
            while self._late and self._late[0].due <= time.monotonic():
                seen = self._late.popleft()
                changes, problems = seen.changes, self._pass(seen.lists)
                self._done(changes, problems)
            if problems:
                self._done(changes, problems)
            delay_s = self._delay_s

    def _next_work(self) -> tuple[int, set[str]] | None:
        """Wait for changes and for the burst they belong to, or until something late is due; None when the plane stops.

        After a failure read it all.
        """
        with self._state:
            waits = [self._late[0].due - time.monotonic()] if self._late else []
            waits += [AGAIN_S] if self._in_force.problems else []
            self._state.wait_for(lambda: bool(self._dirty) or self._stopping, max(0.0, min(waits)) if waits else None)
            self._state.wait_for(lambda: self._stopping, COALESCE_S)
            if self._stopping:
                return None
            dirty = set(self._resources) if self._in_force.problems else self._dirty
            self._dirty = set()
            return self._changes_seen, dirty

    def _done(self, changes: int, problems: tuple[str, ...]) -> None:
        with self._state:
            self._in_force = replace(self._in_force, problems=problems)
            self._changes_done = max(self._changes_done, changes)
            self._state.notify_all()

    def _read(self, changes: int, dirty: set[str], delay_s: float) -> tuple[str, ...]:
        """Look at the kinds that have changed, so that a pass has them in time; the reasons why that failed."""
        assert self._backends is not None
        try:
            lists = {resource: tuple(self._source.list(resource)) for resource in dirty}
            self._pods = lists.get(PODS, self._pods)
            if delay_s and PODS in lists:
                self._backends.open(self._pods)
                self._backends.close_others(self._pods)
        except Exception as error:  # a source that is down must not end the plane; the reason is shown
            return (f"data plane: {error!r}; the last good configuration stays in force",)
        self._late.append(_Seen(time.monotonic() + delay_s, changes, lists))
        return ()

    def _pass(self, lists: Mapping[str, Sequence[Manifest]]) -> tuple[str, ...]:
        """Bring backends and proxy in step with the source; the reasons why that failed.

        Pods open before the proxy hears of them and, without a delay, close after it has let go of them.
        """
        assert self._backends is not None
        self._world.update(lists)
        try:
            addresses, notes = self._backends.open(self._pods)
            table = combined(translator.translate(self._world) for translator in self._translators)
            version = self._proxy.apply(table, addresses)
            pods = self._world.get(PODS, ())
            splits = self._in_force.splits.follow(table, pods, addresses, time.monotonic())
            with self._state:
                self._in_force = InForce(table, splits, version, (*table.notes, *notes))
        except DataPlaneError as error:
            return (str(error),)
        except Exception as error:  # one odd object must not end the plane for all others; the reason is shown
            return (f"data plane: {error!r}; the last good configuration stays in force",)
        finally:
            self._backends.close_others(self._pods)
        return ()
