"""Which Rollout names which objects: worked out once for each generation, asked whenever one of the objects changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tidegate.api.rollout import Rollout
from tidegate.errors import Pending, Retry, SpecError, TidegateError
from tidegate.hooks.configs import Configured, target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import carries
from tidegate.hooks.references import Kind, Ref
from tidegate.machine.traffic import Hashes
from tidegate.runtime.kinds import SERVICES, WORKLOADS

log = logging.getLogger(__name__)

Key = tuple[str, str]
Place = tuple[Kind, str, str]  # kind, namespace, name
Selection = tuple[Kind, str, tuple[tuple[str, str], ...]]  # kind, namespace, labels


class Homes(Protocol):
    """Which cluster a router's objects live in; `remotes.Remotes` in the controller."""

    def kind(self, router: str, kind: Kind) -> Kind:
        """The kind as it is found there. Raises Pending and Retry while that is not known, SpecError where it is nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one Rollout until its spec changes: router configs by name in the order of asking, and places.

    `selector` is the Rollout's own, empty without one; `workload` is what it borrows from, None where it names nothing, or
    a kind that cannot be borrowed from. `selections` are objects named by their labels. `complete` is False while it is not
    known where the objects of one of the routers live.
    """

    key: Key
    uid: str
    generation: int
    selector: Mapping[str, Any]
    services: frozenset[str]
    routers: Mapping[str, Configured] = field(default_factory=dict)
    places: frozenset[Place] = frozenset()
    workload: Place | None = None
    selections: frozenset[Selection] = frozenset()
    complete: bool = True

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of the objects that it borrows from and that its routers name."""
        named = {kind for kind, _, _ in (*self.places, *self.selections)}
        return frozenset(named if self.workload is None else named | {self.workload[0]})


class References:
    """Rollouts by the objects that they name. Safe to use from any thread.

    `on_dropped` is called with each Service that a Rollout named and no longer does.
    """

    def __init__(self, facade: Facade, homes: Homes, on_dropped: Callable[[Key], None]) -> None:
        self._facade, self._homes, self._on_dropped = facade, homes, on_dropped
        self._order = {name: n for n, name in enumerate(facade.routers)}
        self._known: dict[Key, Known] = {}
        self._users: dict[Place, set[Key]] = {}
        self._selectors: dict[tuple[Kind, str], set[Key]] = {}
        self._by_namespace: dict[str, set[Key]] = {}
        self._need_pods: set[Key] = set()
        self._lock = threading.RLock()

    def learn(self, rollout: Rollout) -> Known:
        """What `rollout` names. Whoever comes first with a new generation works it out, a pass or the watch."""
        key = rollout.key
        with self._lock:
            former = self._known.get(key)
            if former is not None and former.complete and (former.uid, former.generation) == _version(rollout):
                return former
        known = self._read(rollout)
        with self._lock:
            former = self._remove(key)
            self._known[key] = known
            self._by_namespace.setdefault(key[0], set()).add(key)
            for place in _all_places(known):
                self._users.setdefault(place, set()).add(key)
            for kind, namespace, _ in known.selections:
                self._selectors.setdefault((kind, namespace), set()).add(key)
        self._drop(former, known.services)
        return known

    def knows(self, key: Key, uid: str, generation: int) -> bool:
        """Whether this generation was learnt already."""
        with self._lock:
            known = self._known.get(key)
            return known is not None and (known.uid, known.generation) == (uid, generation)

    def forget(self, key: Key) -> None:
        """`key` is gone, and names nothing any more."""
        with self._lock:
            former = self._remove(key)
            self._need_pods.discard(key)
        self._drop(former, frozenset())

    def users(self, kind: Kind, namespace: str, name: str) -> frozenset[Key]:
        """The Rollouts that name this object."""
        with self._lock:
            return frozenset(self._users.get((kind, namespace, name), ()))

    def selecting(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[Key]:
        """The Rollouts whose routers look for objects with labels that this one has."""
        namespace = str((manifest.get("metadata") or {}).get("namespace", ""))
        with self._lock:
            keys = tuple(self._selectors.get((kind, namespace), ()))
            wanted = [(key, labels) for key in keys for labels in self._labels(key, kind, namespace)]
        return frozenset(key for key, labels in wanted if carries(manifest, dict(labels)))

    def _labels(self, key: Key, kind: Kind, namespace: str) -> list[tuple[tuple[str, str], ...]]:
        return [labels for k, ns, labels in self._known[key].selections if (k, ns) == (kind, namespace)]

    def relearn(self, routers: Sequence[str]) -> frozenset[Key]:
        """The objects of these routers live elsewhere now: have their Rollouts, which are returned, looked at anew."""
        with self._lock:
            moved = {key: known for key, known in self._known.items() if not known.routers.keys().isdisjoint(routers)}
            self._known.update((key, replace(known, complete=False)) for key, known in moved.items())
        return frozenset(moved)

    def in_namespace(self, namespace: str) -> list[Known]:
        """Every Rollout of a namespace."""
        with self._lock:
            return [self._known[key] for key in self._by_namespace.get(namespace, ())]

    def naming(self, kind: Kind) -> frozenset[Key]:
        """Every Rollout whose routers name objects of `kind`."""
        with self._lock:
            return frozenset(key for key, known in self._known.items() if kind in known.kinds)

    def note_pods(self, key: Key, needed: bool) -> None:
        """A pass has found that `key` needs its pods, or that it does not."""
        with self._lock:
            (self._need_pods.add if needed else self._need_pods.discard)(key)

    def needs_pods(self, key: Key) -> bool:
        """Whether the last pass over `key` needed its pods."""
        with self._lock:
            return key in self._need_pods

    def _remove(self, key: Key) -> Known | None:
        known = self._known.pop(key, None)
        if known is not None:
            _discard(self._by_namespace, key[0], key)
            for place in _all_places(known):
                _discard(self._users, place, key)
            for kind, namespace, _ in known.selections:
                _discard(self._selectors, (kind, namespace), key)
        return known

    def _drop(self, former: Known | None, still: frozenset[str]) -> None:
        if former is not None:
            for name in former.services - still:
                self._on_dropped((former.key[0], name))

    def _read(self, rollout: Rollout) -> Known:
        uid, generation = _version(rollout)
        routers = dict(self._routers(rollout))
        places, selections, complete = self._places(rollout, routers.values())
        return Known(
            rollout.key,
            uid,
            generation,
            rollout.spec.selector or {},
            services_of(rollout),
            routers,
            places,
            workload_of(rollout),
            selections,
            complete,
        )

    def _routers(self, rollout: Rollout) -> Iterator[tuple[str, Configured]]:
        canary = rollout.spec.strategy.canary
        routing = canary.traffic_routing if canary else None
        if routing is None:
            return
        # Unknown routers last: the others are still to be looked at.
        for name in sorted(routing.routers, key=lambda each: self._order.get(each, len(self._order))):
            configured = self._facade.configure(name, routing.routers[name], routing.path(name))
            yield name, replace(configured, can=self._facade.view(name).can)

    def _places(
        self, rollout: Rollout, routers: Iterable[Configured]
    ) -> tuple[frozenset[Place], frozenset[Selection], bool]:
        """What the routers name, by name and by labels, and whether that is all."""
        places, selections, complete = set[Place](), set[Selection](), True
        for configured in routers:
            for ref in self._refs(rollout, configured):
                namespace = ref.namespace or rollout.metadata.namespace
                try:
                    kind = self._homes.kind(configured.name, ref.kind)
                except (Pending, Retry):
                    complete = False
                    continue
                except SpecError:  # the pass reports it, and a change of the Secrets has everything learnt anew
                    continue
                if ref.name:
                    places.add((kind, namespace, ref.name))
                else:
                    selections.add((kind, namespace, tuple(sorted(ref.labels.items()))))
        return frozenset(places), frozenset(selections), complete

    def _refs(self, rollout: Rollout, configured: Configured) -> tuple[Ref, ...]:
        if configured.config is None:
            return ()
        try:
            return self._facade.reads(configured.name, target_for(rollout, configured, hashes_of(rollout)))
        except TidegateError as error:
            # The pass asks again and reports it; here only the wake-ups are lost.
            log.warning("references of %s/%s: %s", *rollout.key, error)
            return ()


def services_of(rollout: Rollout) -> frozenset[str]:
    """Every Service that a Rollout names."""
    canary, blue_green = rollout.spec.strategy.canary, rollout.spec.strategy.blue_green
    named: list[str] = []
    if canary is not None:
        named += [canary.canary_service, canary.stable_service]
        if canary.ping_pong is not None:
            named += [canary.ping_pong.ping_service, canary.ping_pong.pong_service]
    if blue_green is not None:
        named += [blue_green.active_service, blue_green.preview_service]
    return frozenset(name for name in named if name)


def workload_of(rollout: Rollout) -> Place | None:
    """Where the workload lives that the Rollout borrows its template from; None without one, or of an unusable kind."""
    ref = rollout.spec.workload_ref
    if ref is None:
        return None
    kind = WORKLOADS.get((ref.api_version.rpartition("/")[0], ref.kind))
    return None if kind is None or not ref.name else (kind, rollout.metadata.namespace, ref.name)


def hashes_of(rollout: Rollout) -> Hashes:
    """The revisions as the status has them."""
    return Hashes(rollout.status.current_pod_hash, rollout.status.stable_rs)


def _version(rollout: Rollout) -> tuple[str, int]:
    return rollout.metadata.uid, rollout.metadata.generation


def _all_places(known: Known) -> Iterator[Place]:
    yield from known.places
    if known.workload is not None:
        yield known.workload
    for name in known.services:
        yield SERVICES, known.key[0], name


def _discard(index: dict[Any, set[Key]], place: object, key: Key) -> None:
    keys = index.get(place, set())
    keys.discard(key)
    if not keys:
        index.pop(place, None)
