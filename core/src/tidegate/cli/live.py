"""Rollouts as the controller would see them in a live cluster: its own watches, stores and observer, and nothing that writes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tidegate.api import names
from tidegate.errors import ConfigError, NotFound, Pending, Retry, TidegateError
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import Reader
from tidegate.hooks.references import Kind
from tidegate.machine.observed import Observed
from tidegate.runtime.clock import WallClock
from tidegate.runtime.engine import CORE, Engine, EngineOptions
from tidegate.runtime.kinds import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    CLUSTER_TEMPLATES,
    EXPERIMENTS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    label_query,
    path_of,
)
from tidegate.runtime.observe import Observer
from tidegate.runtime.references import Key, References
from tidegate.runtime.store import Change
from tidegate.runtime.transport import DEFAULT_KUBECONFIG, Access, Connection, Transport

# Longest wait for the lists that an observation needs. A list of a namespace takes milliseconds, or the right is missing.
PATIENCE_S = 10.0
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class LiveReader:
    """Reads objects from the API server, for routers that are rehearsed."""

    transport: Transport

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object as it is now, or None."""
        try:
            found: Mapping[str, Any] = self.transport.request("GET", path_of(kind, namespace, name))
        except NotFound:
            return None
        return found

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """The objects that carry `labels` now."""
        try:
            return list(self.transport.request("GET", path_of(kind, namespace), query=label_query(labels))["items"])
        except NotFound:
            return []


def look(name: str, namespace: str, facade: Facade, access: Access) -> Iterator[tuple[Observed, Reader]]:
    """The Rollout `name` of a namespace, all of its Rollouts for ""; `namespace` "" is the context's.

    Lists and watches only. Raises ConnectionFailed without a cluster, ConfigError where there is no such Rollout, and
    Forbidden where the user may not list what is needed.
    """
    with contextlib.ExitStack() as ending:
        transport = Transport(Connection(access))
        ending.callback(transport.close)
        transport.check()
        namespace = namespace or namespace_of(access.kubeconfig, access.context)
        wanted = _wanted(transport, name, namespace)
        clock = WallClock()
        ending.callback(clock.close)
        engine = Engine(transport, facade, EngineOptions((namespace,)), clock)
        ending.callback(engine.watches.stop)
        _watch(engine)
        engine.remotes.home = ""  # a person may read Rollouts and routes, and seldom Secrets of the controller
        ending.callback(engine.remotes.stop)
        references = References(facade, engine.remotes, lambda _: None)
        observer = Observer(engine.stores, engine.watches, references, facade, engine.remotes, clock)
        for key in wanted:
            yield _observed(observer, key), LiveReader(transport)


def _wanted(transport: Transport, name: str, namespace: str) -> list[Key]:
    """Which Rollouts are asked for; an answer at once where there are none, whatever the reason."""
    try:
        found = transport.request("GET", path_of(ROLLOUTS, namespace))["items"]
    except NotFound as error:
        raise ConfigError(transport.host, f"it does not serve {ROLLOUTS.resource}; install the CRDs first") from error
    there = [str(manifest["metadata"]["name"]) for manifest in found]
    if (name and name not in there) or not there:
        have = ", ".join(there) or "none"
        raise ConfigError(
            f"namespace {namespace}", f"no Rollout {name} there; have {have}; name another with -n".replace("  ", " ")
        )
    return [(namespace, each) for each in there if name in ("", each)]


def _watch(engine: Engine) -> None:
    """Fill the stores as the controller does. Raises TidegateError where that does not come to an end."""
    watches, stores = engine.watches, engine.stores
    watches.offer(PODS, stores.pods, _ignore, selector=names.POD_HASH)
    for kind, store in stores.workloads.items():
        watches.offer(kind, store, _ignore)
    watches.watch(ROLLOUTS, stores.rollouts, _ignore)
    watches.watch(REPLICA_SETS, stores.replica_sets, _ignore, selector=names.POD_HASH)
    watches.watch(SERVICES, stores.services, _ignore)
    watches.watch(ANALYSIS_RUNS, stores.runs, _ignore)
    watches.watch(EXPERIMENTS, stores.experiments, _ignore)
    watches.watch(ANALYSIS_TEMPLATES, stores.templates, _ignore)
    watches.watch(CLUSTER_TEMPLATES, stores.cluster_templates, _ignore)
    if not watches.wait_synced(CORE, PATIENCE_S):
        raise TidegateError(f"{watches.problem(CORE)}; you need the rights to list and watch it")


def _observed(observer: Observer, key: Key) -> Observed:
    """What the controller's next pass would see; waits for caches that turn out to be needed."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            sight = observer.observe(key)
        except Retry as error:
            raise TidegateError(
                f"rollout {key[0]}/{key[1]}: {error}; you need the rights to list and watch it"
            ) from error
        except Pending as error:
            if time.monotonic() > deadline:
                raise TidegateError(f"rollout {key[0]}/{key[1]}: {error}, for {PATIENCE_S:.0f} s now") from error
            threading.Event().wait(min(error.after_s, 0.05))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"rollout {key[0]}/{key[1]}", f"{where}: {first['msg']}") from error
        else:
            if sight is None:
                raise ConfigError(f"rollout {key[0]}/{key[1]}", "it was deleted just now")
            return sight.observed


def _ignore(_: Change[Any]) -> None:
    """Nobody is woken: one look is all."""


def namespace_of(kubeconfig: str, context: str) -> str:
    """The namespace of a kubeconfig's context, of the current one for ""; in a pod the pod's own; else `default`."""
    files = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    paths = [Path(file).expanduser() for file in files if file] or [DEFAULT_KUBECONFIG]
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) or {} for path in paths if path.exists()]
    if not found and POD_NAMESPACE.exists():
        return POD_NAMESPACE.read_text(encoding="utf-8").strip()
    # Of several files the first that says something wins, as kubectl merges them.
    current = context or next((each["current-context"] for each in found if each.get("current-context")), "")
    contexts = [entry for each in found for entry in each.get("contexts") or [] if entry.get("name") == current]
    return str((contexts[0].get("context") or {}).get("namespace") or "default") if contexts else "default"
