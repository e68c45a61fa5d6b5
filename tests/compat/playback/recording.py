"""A recording as data: manifests, deeds, and the settled state and Events after each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

State = dict[str, Any]  # "Kind/name" -> settled object, in symbols


@dataclass(frozen=True, slots=True)
class Scene:
    """What was found after one deed: the whole settled state, not only what changed, and what happened on the way.

    `events` as `type reason kind/name: message`; `shown` holds every `phase: message` of the Rollouts. `writes` counts, for
    each object that leads requests, how often anybody made, changed or removed it; a recording has none of these.
    """

    state: State
    events: tuple[str, ...]
    shown: frozenset[str] = frozenset()
    writes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deed:
    """One operation. `within_s` is how long the reference took to meet a wait; 0 for everything else."""

    what: dict[str, Any]
    within_s: float = 0.0

    def __str__(self) -> str:
        return json.dumps(self.what)[:120]

    @property
    def written(self) -> frozenset[str]:
        """The objects, as `Kind/name`, that the deed itself writes."""
        if "apply" in self.what:
            manifests = [each for each in yaml.safe_load_all(self.what["apply"]) if each]
            return frozenset(f"{each['kind']}/{each['metadata']['name']}" for each in manifests)
        where = self.what.get("delete", self.what)
        return frozenset({f"{where['kind']}/{where['name']}"} if "kind" in where else ())


@dataclass(frozen=True, slots=True)
class Recording:
    """One scenario; `deeds` and `scenes` go in pairs, and the first deed only starts the controller's work."""

    name: str
    manifests: str
    deeds: tuple[Deed, ...]
    scenes: tuple[Scene, ...]
    steady: bool = True  # the reference did the same twice more


def read_recording(path: Path, renames: Mapping[str, str] | None = None) -> Recording:
    """Read one file of recordings; the states are added up from the changes it holds.

    `renames`: texts, of the whole file, that are called otherwise here.
    """
    text = path.read_text(encoding="utf-8")
    for theirs, ours in (renames or {}).items():
        text = text.replace(theirs, ours)
    data = json.loads(text)
    state: State = {}
    scenes, deeds = [], []
    for entry in data["ops"]:
        state = _after(state, entry)
        deeds.append(Deed(entry["op"], max(0.0, entry.get("after_s") or 0.0)))
        scenes.append(Scene(state, tuple(_texts(entry["events"])), frozenset(entry["shown"])))
    return Recording(data["name"], data["manifests"], tuple(deeds), tuple(scenes), data["steady"])


def _texts(events: Iterable[str | dict[str, Any]]) -> Iterator[str]:
    """One text for each Event, stripped of its mark.

    What came more than three times stands there three times, and how often it came at all in a last entry.
    """
    seen: Counter[str] = Counter()
    for event in events:
        if isinstance(event, str):
            seen[event] += 1
            yield event.replace("(combined from similar events): ", "")
        else:
            for repeated in event["repeated"]:
                yield from [repeated["what"]] * (repeated["times"] - seen[repeated["what"]])


def _after(state: State, entry: dict[str, Any]) -> State:
    """The state with the changes of one deed."""
    state = dict(state)
    for kind, objects in entry.get("changed", {}).items():
        state.update({f"{kind}/{name}": value for name, value in objects.items()})
    for gone in entry.get("gone", ()):
        state.pop(gone, None)
    return state
