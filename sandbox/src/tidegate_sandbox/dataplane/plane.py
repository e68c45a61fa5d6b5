"""The data plane as a whole: watches the cluster, opens pods, keeps a proxy in step, tells what is in force."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tidegate_sandbox.contracts import Cancel, Manifest
from tidegate_sandbox.dataplane.backends import Backends
from tidegate_sandbox.dataplane.endpoints import PODS
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.errors import DataPlaneError
from tidegate_sandbox.dataplane.ingress import DEFAULT_PREFIX, IngressTranslator
from tidegate_sandbox.dataplane.matching import LOCAL_SUFFIX
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import PodRef, RouteTable, Translator, combined
from tidegate_sandbox.dataplane.sources import Source
from tidegate_sandbox.dataplane.splits import Split, Splits

COALESCE_S = 0.005
"""Changes that follow one another this closely become one configuration: a rollout writes its objects in bursts."""

AGAIN_S = 1.0
"""How long after a failed pass the next one starts without a change."""


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
    Use it as a context manager, or call `start` and `stop`. All methods may be called from any thread.
    """

    def __init__(
        self,
        source: Source,
        prefix: str = DEFAULT_PREFIX,
        *,
        proxy: Proxy | None = None,
        translators: Sequence[Translator] | None = None,
    ) -> None:
        self._source = source
        self._translators = tuple(translators) if translators is not None else (IngressTranslator(prefix),)
        self._resources = frozenset(r for t in self._translators for r in t.resources) | {PODS}
        self._proxy = proxy or default_proxy()
        self._backends: Backends | None = None
        self._state = threading.Condition()
        self._dirty: set[str] = set()
        self._changes_seen = self._changes_done = 0
        self._stopping = False
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
        self._backends = Backends()
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
        while (work := self._next_work()) is not None:
            changes, dirty = work
            problems = self._pass(dirty)
            with self._state:
                self._in_force = replace(self._in_force, problems=problems)
                self._changes_done = changes
                self._state.notify_all()

    def _next_work(self) -> tuple[int, set[str]] | None:
        """Wait for changes and for the burst they belong to; None when the plane stops. After a failure read it all."""
        with self._state:
            patience = AGAIN_S if self._in_force.problems else None
            self._state.wait_for(lambda: bool(self._dirty) or self._stopping, patience)
            self._state.wait_for(lambda: self._stopping, COALESCE_S)
            if self._stopping:
                return None
            dirty = set(self._resources) if self._in_force.problems else self._dirty
            self._dirty = set()
            return self._changes_seen, dirty

    def _pass(self, dirty: set[str]) -> tuple[str, ...]:
        """Bring backends and proxy in step with the source; the reasons why that failed.

        Pods open before the proxy hears of them and close after it has let go of them.
        """
        assert self._backends is not None
        try:
            for resource in dirty:
                self._world[resource] = tuple(self._source.list(resource))
            pods = self._world.get(PODS, ())
            addresses, notes = self._backends.open(pods)
            table = combined(translator.translate(self._world) for translator in self._translators)
            version = self._proxy.apply(table, addresses)
            splits = self._in_force.splits.follow(table, pods, addresses, time.monotonic())
            with self._state:
                self._in_force = InForce(table, splits, version, (*table.notes, *notes))
        except DataPlaneError as error:
            return (str(error),)
        except Exception as error:  # one odd object must not end the plane for all others; the reason is shown
            return (f"data plane: {error!r}; the last good configuration stays in force",)
        finally:
            self._backends.close_others(self._world.get(PODS, ()))
        return ()
