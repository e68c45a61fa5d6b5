"""One namespace of a cluster as the recorder saw it: settled objects and Events, in symbols."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from playback.cluster import EVENTS, LEADING, REPLICA_SETS, ROLLOUTS, SERVED, Cluster, Manifest, Move
from playback.forms import FORMS
from playback.recording import State
from playback.symbols import HASHES, Symbols

UNTOLD_S = 0.02  # between two looks at what has not been told yet; it is on its way in another thread
_TOLD = {"Rollout", "Experiment", "AnalysisRun"}


class World:
    """Follows one namespace from its creation on. `close` ends that; the objects stay."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.symbols = Symbols(namespace)
        self.changed = threading.Condition()
        self._moved, self._heard = time.monotonic(), 0
        self._events: list[Manifest] = []
        self._shown: set[str] = set()
        self._writes: Counter[str] = Counter()
        self.reasons: set[str] = set()
        self.close = cluster.follow(self._note)
        cluster.make_namespace(namespace)

    def _note(self, move: Move) -> None:
        meta = move.object["metadata"]
        with self.changed:
            self._heard = move.number
            if meta.get("namespace") != self.namespace or move.resource not in SERVED:
                return
            if move.resource == EVENTS and not move.gone:
                self._events.append(move.object)
                self.reasons.add(str(move.object.get("reason")))
            self._moved = time.monotonic()  # an Event too: a controller sends it when it has nothing better to do
            if move.resource == ROLLOUTS and (status := move.object.get("status") or {}).get("phase"):
                self._shown.add(f"{status['phase']}: {status.get('message', '')}")
            if move.resource in LEADING:
                self._writes[f"{move.object['kind']}/{meta['name']}"] += 1
            if move.resource == REPLICA_SETS:
                for label, symbol in HASHES.items():
                    self.symbols.meet((meta.get("labels") or {}).get(label, ""), symbol)
            self.changed.notify_all()

    def touch(self) -> None:
        """Count the present as a move: what follows a deed needs its time even if the deed changed nothing."""
        with self.changed:
            self._moved = time.monotonic()

    def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether the world came to satisfy `holds` in time; looked at after every change and four times a second."""
        end = time.monotonic() + within_s
        with self.changed:
            while not holds():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(0.25, left))
        return True

    def until_quiet(self, quiet_s: float, within_s: float) -> bool:
        """Whether nothing moved for `quiet_s`, within `within_s`. What is there and not yet told of is a move."""
        end = time.monotonic() + within_s
        with self.changed:
            while True:
                now = time.monotonic()
                rest = self._moved + quiet_s - now if self._heard >= self.cluster.latest() else UNTOLD_S
                if rest <= 0:
                    return True
                if now >= end:
                    return False
                self.changed.wait(min(rest, end - now))

    def objects(self, resource: str) -> list[Manifest]:
        return self.cluster.objects(resource, self.namespace)

    def events(self) -> tuple[str, ...]:
        """The Events since the last call, as `type reason kind/name: message`."""
        with self.changed:
            sent, self._events = self._events, []
        return tuple(
            self.symbols.of(f"{e['type']} {e['reason']} {on['kind']}/{on['name']}: {e['message']}")
            for e in sent
            if (on := e["involvedObject"])["kind"] in _TOLD
        )

    def shown(self) -> frozenset[str]:
        """Every `phase: message` of the Rollouts since the last call."""
        with self.changed:
            shown, self._shown = self._shown, set()
        return frozenset(self.symbols.of(text) for text in shown)

    def writes(self) -> dict[str, int]:
        """How often each object that leads requests was written since the last call, by whomever."""
        with self.changed:
            writes, self._writes = self._writes, Counter()
        return dict(writes)

    def state(self) -> State:
        """Every object the recorder looks at, in its form."""
        state: State = {}
        for resource, form in FORMS.items():
            for item in self.objects(resource):
                state[f"{item['kind']}/{item['metadata']['name']}"] = form(item)
        return dict(self.symbols.of(state))
