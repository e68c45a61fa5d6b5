"""Finds out with whom a router fights over an object: who writes it again and again after it was repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate.hooks.objects import Change
from tidegate.machine.actions import Event
from tidegate.runtime.store import Key

# Three repairs within a minute: one may be a deployment of manifests, two a mishap, three are another controller.
REPAIRS, WITHIN_S = 3, 60.0
OURS = "tidegate"
UNKNOWN = "another client"

Place = tuple[Key, str, str, str]  # Rollout, kind, namespace, name


class Contests:
    """Counts repairs by object. Safe for passes over different Rollouts at once."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._repairs: dict[Place, list[tuple[datetime, str]]] = {}

    def repaired(self, key: Key, change: Change) -> Event | None:
        """An object was brought back to what it was; a Warning where that happens too often, and then the count restarts."""
        now, place = self._now(), (key, change.kind.kind, change.namespace, change.name)
        recent = [each for each in self._repairs.get(place, ()) if now - each[0] <= timedelta(seconds=WITHIN_S)]
        recent.append((now, last_writer(change.before)))
        self._repairs[place] = recent
        if len(recent) < REPAIRS:
            return None
        del self._repairs[place]
        others = " and ".join(dict.fromkeys(f'"{who}"' if who != UNKNOWN else who for _, who in recent))
        return Event(
            "TrafficDriftContested",
            f"{change.kind.kind} `{change.name}` was changed {REPAIRS} times within {WITHIN_S:.0f} s by {others} and written "
            f"back each time; have it leave what the router writes alone (Argo CD: ignoreDifferences; Flux: "
            f"kustomize.toolkit.fluxcd.io/reconcile: disabled; Helm: helm.toolkit.fluxcd.io/driftDetection: disabled)",
            "Warning",
        )

    def forget(self, key: Key) -> None:
        """`key` is gone."""
        for place in [place for place in tuple(self._repairs) if place[0] == key]:
            self._repairs.pop(place, None)


def last_writer(manifest: Mapping[str, Any]) -> str:
    """Who wrote the object last beside us, as far as its managedFields tell."""
    entries = (manifest.get("metadata") or {}).get("managedFields") or []
    others = [entry for entry in entries if entry.get("manager") not in (None, OURS) and not entry.get("subresource")]
    return str(max(others, key=lambda entry: str(entry.get("time", "")))["manager"]) if others else UNKNOWN
