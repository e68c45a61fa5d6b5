"""Takes back what routers left behind for Rollouts that are gone: after a deletion, and after a start for the unseen ones.

Objects that a router created go with their owner. What it wrote into objects of others (annotations, labels, weights) stays
unless somebody takes it back, and nobody but the controller knows that it is there.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import Forbidden, NotFound, Pending, Retry, TidegateError
from tidegate.hooks.configs import target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.references import Kind, Ref
from tidegate.hooks.router import Target
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.events import About, Recorder
from tidegate.runtime.kinds import ROLLOUTS, in_cluster, path_of
from tidegate.runtime.observe import read_used
from tidegate.runtime.projections import RolloutText
from tidegate.runtime.queue import Queue
from tidegate.runtime.references import References, hashes_of
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.store import Entry, Key, Store
from tidegate.runtime.transport import Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.writes import OwnWrites

log = logging.getLogger(__name__)

Manifest = dict[str, Any]
Remains = tuple[str, str, str, str]  # namespace, name, uid, router

# The key of the one look after a start, at objects that bear the mark of a router.
SWEEP: Remains = ("", "", "", "")
SOON_S = 0.1  # an object may take two rounds: weight 0, then its end
# With the queue's back-off of at most 10 s this is about five minutes: longer than an API server is away while it restarts,
# and then somebody else has taken the rights or the object away.
TRIES = 40


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is needed to clean up."""

    transport: Transport
    watches: Watches
    own: OwnWrites[Key]
    facade: Facade
    remotes: Remotes
    recorder: Recorder


class Departures:
    """Cleans up for Rollouts that are gone, router by router, until there is nothing left to write. Safe for any thread."""

    def __init__(
        self, world: World, rollouts: Store[RolloutText], references: References, namespaces: Sequence[str] = ()
    ) -> None:
        self._world, self._rollouts, self._references = world, rollouts, references
        self._namespaces = tuple(namespaces) or ("",)
        self._gone: dict[Remains, Rollout] = {}
        self._queue: Queue[Remains] | None = None
        self._lock = threading.Lock()

    def follow(self, queue: Queue[Remains]) -> None:
        """Put what there is to do into `queue` from now on, first of all the look at marked objects."""
        self._queue = queue
        if self._world.facade.marks():
            queue.add(SWEEP)

    def left(self, entry: Entry[RolloutText]) -> None:
        """A Rollout is no longer there, or no longer ours."""
        try:
            rollout = entry.value.read()
        except ValidationError as error:
            log.warning("routers of %s/%s: %s", entry.namespace, entry.name, error.errors()[0]["msg"])
            return
        for router in read_used(rollout):
            self._add(rollout, router)

    def look(self, key: Remains) -> None:
        """Clean up for one router of one Rollout, or look for marks. What goes wrong is tried again, for a while."""
        try:
            again_s = self._sweep() if key == SWEEP else self._clean(key)
        except (Pending, Retry) as error:
            self._again(key, error, error.after_s)
        except TidegateError as error:
            self._again(key, error)
        except Exception:  # one odd Rollout must not end the clean-up for the others
            log.exception("departures: unexpected; %s is left behind", "/".join(key))
            self._drop(key)
        else:
            self._require().forget(key)
            if again_s:
                self._require().add_after(key, again_s)
            else:
                self._drop(key)

    def _add(self, rollout: Rollout, router: str) -> None:
        key = (*rollout.key, rollout.metadata.uid, router)
        with self._lock:
            self._gone[key] = rollout
        self._require().add(key)

    def _again(self, key: Remains, error: TidegateError, after_s: float = 0.0) -> None:
        queue, what = self._require(), "marks of routers" if key == SWEEP else f"router {key[3]} of {key[0]}/{key[1]}"
        if queue.failures(key) >= TRIES:
            log.error("%s: %s; given up after %d tries: look at its objects yourself", what, error, TRIES)
            queue.forget(key)
            self._drop(key)
        else:
            log.info("%s: not cleaned up yet: %s; again in %.3g s", what, error, queue.retry(key, after_s))

    def _drop(self, key: Remains) -> None:
        with self._lock:
            self._gone.pop(key, None)

    def _require(self) -> Queue[Remains]:
        if self._queue is None:
            raise RuntimeError("departures: follow() comes first")
        return self._queue

    # --- one router of one Rollout ---

    def _clean(self, key: Remains) -> float:
        """Ask the router once; in how many seconds to ask again, 0 once nothing is left."""
        with self._lock:
            rollout = self._gone.get(key)
        world, router = self._world, key[3]
        if rollout is None:
            return 0.0
        live = self._cluster(rollout.key).read_live(ROLLOUTS, *rollout.key)
        if live is not None and rollout.metadata.uid in ("", live["metadata"]["uid"]):
            return 0.0  # it only left our sight: its instance-id label is another controller's now
        if live is not None and self._rollouts.get(*rollout.key) is None:
            return SOON_S  # what its successor uses is known once the watch has told of it
        target = self._target(rollout, router)
        if target is None:
            return 0.0
        cluster = world.remotes.of(router, self._cluster(rollout.key))
        for ref in world.facade.reads(router, target):
            world.watches.need(world.remotes.kind(router, ref.kind))
        done = world.facade.clean_up(router, target, cluster, tuple(self._kept(rollout.key, router)))
        metadata = rollout.metadata
        about = About(names.API_VERSION, names.ROLLOUT, *rollout.key, metadata.uid, metadata.resource_version)
        for event in done.events:
            world.recorder.record(about, event)
        return SOON_S if done.wrote else 0.0

    def _target(self, rollout: Rollout, router: str) -> Target[BaseModel] | None:
        path = f"spec.strategy.canary.trafficRouting.{router}"
        configured = self._world.facade.configure(router, read_used(rollout).get(router), path)
        if configured.config is None:
            log.warning("router %s of %s/%s cannot clean up: %s", router, *rollout.key, configured.problems[0].text)
            return None
        configured = replace(configured, can=self._world.facade.view(router).can)
        return replace(target_for(rollout, configured, hashes_of(rollout)), deleted=True)

    def _kept(self, key: Key, router: str) -> Iterator[Ref]:
        """What a successor of the same name uses by now."""
        entry = self._rollouts.get(*key)
        if entry is None:
            return
        successor = entry.value.read()
        configured = self._references.learn(successor).routers.get(router)
        if configured is not None and configured.config is not None:
            yield from self._world.facade.reads(router, target_for(successor, configured, hashes_of(successor)))

    def _cluster(self, key: Key) -> PassCluster:
        world = self._world
        return PassCluster(world.transport, world.watches, world.own, key)

    # --- marks ---

    def _sweep(self) -> float:
        """Find objects that bear the mark of a Rollout that does not exist."""
        for router, kind in self._world.facade.marks():
            try:
                manifests = list(self._listed(in_cluster(kind, self._world.remotes.cluster(router))))
            except Forbidden as error:  # whoever gives the router no rights uses none of it
                log.warning("router %s: marks of Rollouts that are gone are not looked for: %s", router, error)
                continue
            for manifest in manifests:
                for name, config in self._world.facade.claims(router, kind, manifest).items():
                    self._claim(router, str(manifest["metadata"].get("namespace", "")), name, config)
        return 0.0

    def _claim(self, router: str, namespace: str, name: str, config: Mapping[str, Any]) -> None:
        if self._rollouts.get(namespace, name) is not None:
            return
        used = json.dumps({router: config})
        metadata = {"namespace": namespace, "name": name, "annotations": {names.ROUTERS_USED: used}}
        self._add(Rollout.read({"metadata": metadata}), router)

    def _listed(self, kind: Kind) -> Iterator[Manifest]:
        """Every object of a kind at the first of its versions that is served; nothing where none is."""
        transport = self._world.watches.transport(kind)
        for version in kind.acceptable:
            served = kind.at(version)
            with contextlib.suppress(NotFound):
                for namespace in self._namespaces:
                    for item in transport.request("GET", path_of(served, namespace))["items"]:
                        yield {"apiVersion": served.api_version, "kind": kind.kind, **item}
                return
